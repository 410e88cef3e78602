"""Runs of large synapse volumes, read by a second process while this one imports and loads what the rest takes.

Importing and loading compiled kernels hold the interpreter, so that threads of this process would hardly read
meanwhile. Nothing heavy is imported here: the second process begins to read at once.
"""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from connectograph._program import begin_program
from connectograph.blocks import Engine
from connectograph.blocks.runners import OwnThreadRunner
from connectograph.io.volumes import read_volume
from connectograph.runs import Runs, RunsAhead, read_runs
from connectograph.volumes import LazyLabels, Volume

if TYPE_CHECKING:
    from subprocess import Popen

__all__ = ["read_runs_aside"]

_LEAST_VOXELS, _MOST_VOXELS = 50_000_000, 5_000_000_000
"""Fewer are read before another process has started; of more, finished blocks are worth keeping for a resume."""


def read_runs_aside(
    process: Popen[bytes] | None, volumes: Mapping[str, Volume], reading: Mapping[str, Any]
) -> dict[str, Volume]:
    """Let another process read the labels of volumes.

    Parameters
    ----------
    process : subprocess.Popen, optional
        This module as a program, not asked yet; whoever started it ends it.
    volumes : mapping of str to Volume
        From files, by the role they were read in.
    reading : mapping
        The options that :func:`~connectograph.io.read_volume` opened them with.

    Returns
    -------
    dict of str to Volume
        The same, whose runs are there when they are asked for (see :class:`~connectograph.runs.RunsAhead`); as they
        were, where a second process would not pay.
    """
    chosen = {role: labels for role, volume in volumes.items() if (labels := _labels_that_pay(volume)) is not None}
    if process is None or not chosen:
        return dict(volumes)
    requests = []
    for role in chosen:
        volume = volumes[role]
        grid = {"voxel_size": volume.voxel_size, "offset": volume.offset}
        requests.append({"source": volume.name, "role": role, **reading, **grid})
    pool = ThreadPoolExecutor(1)
    answer = pool.submit(_ask, process, requests)
    pool.shutdown(wait=False)
    ahead = {role: RunsAhead(labels, partial(_take, answer, role)) for role, labels in chosen.items()}
    return {**volumes, **{role: replace(volumes[role], labels=labels) for role, labels in ahead.items()}}


def _labels_that_pay(volume: Volume) -> LazyLabels | None:
    labels = volume.labels
    pays = _LEAST_VOXELS <= math.prod(volume.shape) <= _MOST_VOXELS
    return None if isinstance(labels, np.ndarray) or not pays else labels


def _ask(process: Popen[bytes], requests: list[dict[str, Any]]) -> dict[str, Runs]:
    """The runs of every role; nothing if the process failed: reading once more will say why."""
    packed, _ = process.communicate(json.dumps(requests).encode())
    if process.returncode != 0:
        return {}
    with np.load(io.BytesIO(packed), allow_pickle=False) as found:
        arrays = iter([found[f"arr_{place}"] for place in range(3 * len(requests))])
        return {request["role"]: (next(arrays), next(arrays), next(arrays)) for request in requests}


def _take(answer: Future[dict[str, Runs]], role: str) -> Runs | None:
    return answer.result().get(role)


def _read(requests: list[dict[str, Any]]) -> bytes:
    packed = io.BytesIO()
    with ThreadPoolExecutor(len(requests)) as pool:
        np.savez(packed, *chain.from_iterable(pool.map(_read_arrays, requests)))
    return packed.getvalue()


def _read_arrays(request: dict[str, Any]) -> tuple[npt.NDArray[Any], ...]:
    return read_runs(read_volume(**request), engine=Engine(OwnThreadRunner()))


if __name__ == "__main__":
    begin_program()
    sys.stdout.buffer.write(_read(json.load(sys.stdin)))
