"""Block functions that other processes can be sent, and that go wrong in every way a block can."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from connectograph.errors import InputError
from connectograph.volumes import Block


@dataclass
class Cut:
    """Labels in memory that are handed out in given boxes."""

    labels: np.ndarray
    boxes: list[tuple[slice, slice, slice]]

    def __post_init__(self) -> None:
        self.shape, self.dtype = self.labels.shape, self.labels.dtype

    def blocks(self) -> Iterator[Block]:
        for box in self.boxes:
            part = self.labels[box]
            yield Block(tuple(side.start for side in box), part.shape, partial(np.array, part))

    def __getitem__(self, box):
        return self.labels[box]


def add_up(array, origin):
    """The sum of a block, as a part that can be merged."""
    return (np.array([array.sum()], np.int64),)


def merge(parts):
    return (np.array([sum(int(part[0].sum()) for part in parts)], np.int64),)


def die_once(flag: str, array, origin):
    """The process that comes first is gone; then all goes well."""
    if not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return add_up(array, origin)


def die_at(place, how: str, array, origin):
    """One block ends every process that works on it, or never ends."""
    if origin == place:
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "exit":
            os._exit(9)
        if how == "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        if how == "asleep":
            time.sleep(600)
        if how == "unreadable":
            raise OSError(5, "Input/output error")
        if how == "fault":
            raise ZeroDivisionError("a fault of ours")
        if how == "input":
            raise InputError("a label is negative")
    return add_up(array, origin)


def fail_twice(folder: str, array, origin):
    """A file system that answers at the third attempt."""
    attempts = len(list(Path(folder).iterdir()))
    if attempts < 2:
        Path(folder, str(attempts)).touch()
        raise OSError(5, "Input/output error")
    return add_up(array, origin)
