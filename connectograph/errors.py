"""The errors that connectograph raises on purpose.

Everything a user can mend is an :class:`InputError` (or one of its children, or a plain ``TypeError``); the
command line turns it into one paragraph and exit code 2. Anything else is a fault of ours (exit code 4).
"""

from __future__ import annotations

__all__ = ["BlockFailed", "DiskFull", "InputError", "MissingVoxelSize", "RunStopped", "SchemaError", "WorkerLost"]


class InputError(ValueError):
    """The input or the call is wrong: the message says what, where, found and expected, and how to fix it."""


class MissingVoxelSize(InputError):
    """A volume's file does not say how large its voxels are, and nothing else does."""


class SchemaError(InputError):
    """A table lacks a column, or holds one with the wrong type or values."""


class DiskFull(InputError):
    """There is no room to write a file."""


class BlockFailed(RuntimeError):
    """A block could not be worked on, also when it was tried again: the message names it and says why."""


class WorkerLost(RuntimeError):
    """A process that worked on blocks died, or did not answer."""


class RunStopped(RuntimeError):
    """A run ended before it was finished, and can be resumed: the message says why and how."""
