"""What a process is told that does one thing and ends: the command, and those that help it."""

from __future__ import annotations

import gc
import sys

__all__ = ["begin_program"]


def begin_program() -> None:
    """Look for garbage seldom, and let threads take turns often.

    A process that ends soon need not look for garbage among all that it imports and compiles, which takes a tenth of
    its time; and threads that inflate while others import should not wait five times as long for their turn.
    """
    gc.set_threshold(1_000_000, 20, 100)
    sys.setswitchinterval(0.001)  # seconds
