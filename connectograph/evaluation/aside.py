"""Runs of a large prediction, read by a second process while this one imports and loads what the rest takes.

Importing and loading compiled kernels hold the interpreter, so that threads of this process would hardly read
meanwhile. Nothing heavy is imported here: the second process begins to read at once.
"""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from connectograph._program import start_helper
from connectograph.blocks import default_workers
from connectograph.io.volumes import read_volume
from connectograph.runs import Runs, RunsAhead, read_runs
from connectograph.volumes import Volume

__all__ = ["read_runs_aside"]

_LEAST_VOXELS, _MOST_VOXELS = 50_000_000, 5_000_000_000
"""Fewer are read before another process has started; of more, finished blocks are worth keeping for a resume."""


@contextmanager
def read_runs_aside(predicted: Volume, reading: Mapping[str, Any]) -> Iterator[Volume]:
    """Let another process read the labels of a prediction while the block runs.

    Parameters
    ----------
    predicted : Volume
        From a file.
    reading : mapping
        The options that :func:`~connectograph.io.read_volume` opened it with.

    Yields
    ------
    Volume
        The same, whose runs are there when they are asked for (see :class:`~connectograph.runs.RunsAhead`); as it was,
        where a second process would not pay.
    """
    labels = predicted.labels
    pays = default_workers() > 1 and _LEAST_VOXELS <= math.prod(predicted.shape) <= _MOST_VOXELS
    if isinstance(labels, np.ndarray) or not pays:
        yield predicted
        return
    grid = {"voxel_size": predicted.voxel_size, "offset": predicted.offset}
    request = json.dumps({"source": predicted.name, "role": "predicted", **reading, **grid})
    with start_helper("connectograph.evaluation.aside", answers=True) as process, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(process.communicate, request.encode())
        try:
            yield replace(predicted, labels=RunsAhead(labels, lambda: _unpack(answer.result()[0], process.wait())))
        finally:
            process.kill()


def _unpack(packed: bytes, status: int) -> Runs | None:
    """The runs; None if the process failed: reading once more will say why."""
    if status != 0:
        return None
    with np.load(io.BytesIO(packed), allow_pickle=False) as runs:
        return runs["starts"], runs["lengths"], runs["labels"]


def _read(request: dict[str, Any]) -> bytes:
    starts, lengths, labels = read_runs(read_volume(**request))
    packed = io.BytesIO()
    np.savez(packed, starts=starts, lengths=lengths, labels=labels)
    return packed.getvalue()


if __name__ == "__main__":
    sys.stdout.buffer.write(_read(json.load(sys.stdin)))
