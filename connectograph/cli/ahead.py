"""The process that reads labels, started before this one imports what it takes to open them.

Nothing heavy is imported here: both processes import side by side.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import Popen

from connectograph._program import default_workers, start_helper

__all__ = ["reader_ahead"]

_LEAST_BYTES = 1 << 22
"""A smaller file is read before another process has started; of a folder nobody knows."""


@contextmanager
def reader_ahead(options: argparse.Namespace) -> Iterator[Popen[bytes] | None]:
    """A process for :func:`connectograph.evaluation.aside.read_runs_aside` while the block runs.

    Parameters
    ----------
    options : argparse.Namespace
        Of the command ``evaluate``.

    Yields
    ------
    subprocess.Popen or None
        None where it would not pay, or something speaks against it.
    """
    if not _may_help(options) or _size(options.segmentation) < _LEAST_BYTES:
        yield None
        return
    with start_helper("connectograph.evaluation.aside", answers=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _may_help(options: argparse.Namespace) -> bool:
    """Whether one prediction is to be read by threads, with nothing said that limits their memory."""
    alone = options.workers == 1 or options.engine != "threads" or options.max_memory is not None or options.resume
    several = len(options.predicted or ()) > 1
    return not (alone or several) and default_workers() > 1


def _size(source: str) -> float:
    """Bytes of FILE or FILE:DATASET; infinite for a folder, 0 if there is no such file."""
    for path in (source, source.rpartition(":")[0]):
        if os.path.exists(path):
            return float("inf") if os.path.isdir(path) else os.path.getsize(path)
    return 0
