"""How much memory work on blocks takes, and how to keep within a budget: fewer workers, smaller blocks."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from connectograph._program import default_workers
from connectograph.blocks.engines import EngineLike
from connectograph.blocks.plan import iterate_blocks
from connectograph.blocks.runners import AHEAD_BYTES, AHEAD_TASKS
from connectograph.errors import InputError
from connectograph.io.lazy import PIECE_BYTES
from connectograph.io.pickled import XzPickleLabels
from connectograph.io.sources import available_memory
from connectograph.volumes import Volume

__all__ = ["MemoryPlan", "parse_size", "plan_memory"]

_MIB = 1 << 20
_PROGRAM_BYTES, _PROCESS_BYTES = 450 * _MIB, 250 * _MIB
"""An evaluation without its blocks (libraries, kernels, tables), and each process besides."""

_COPIES = 4
"""Of a block in one worker: as stored, unpacked, as labels, and scratch."""

_UNPACKED = 3
"""Of a block that is worked on in parts: packed, unpacked, and cut out of what was unpacked."""

_PART_BYTES = [k * _MIB for k in (16, 4, 1)]
_DEFAULT_SHARE = 0.6

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(I?)B?", re.IGNORECASE)


@dataclass(frozen=True)
class MemoryPlan:
    """Workers, all the memory that they take, and above which bytes blocks are worked on in parts."""

    workers: int
    n_bytes: int
    block_bytes: int | None = None

    def __str__(self) -> str:
        cut = "" if self.block_bytes is None else f", on {_show(self.block_bytes)} of a block at a time"
        return f"about {self.n_bytes / 2**30:.1f} GiB at most, tables not counted, with workers: {self.workers}{cut}"

    @property
    def limits(self) -> dict[str, Any]:
        """What :func:`~connectograph.blocks.open_engine` takes beside the workers."""
        return {"block_bytes": self.block_bytes}


def parse_size(text: str) -> int:
    """Bytes of a size like 2GiB, 500MB or 1048576.

    Examples
    --------
    >>> parse_size("2GiB"), parse_size("1.5 MB")
    (2147483648, 1500000)
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{text!r} is no size of memory; expected a number and a unit, e.g. 2GiB or 500MB.")
    step = 1024 if match[3] else 1000
    return int(float(match[1]) * step ** " KMGT".index(match[2].upper() or " "))


def plan_memory(
    volumes: Iterable[Volume], workers: int | None, engine: EngineLike, max_memory: int | str | None = None
) -> MemoryPlan:
    """The workers and blocks that are fastest within a budget.

    Blocks are worked on in parts before workers are given up. What grows with the number of segments and synapses,
    the tables, is not known before the volumes are read and not counted.

    Parameters
    ----------
    volumes : iterable of Volume
        All that is read.
    workers : int, optional
        At most.
    engine : str, distributed.Client or Engine
        Processes take more than threads.
    max_memory : int or str, optional
        Bytes, or a size for :func:`parse_size`; by default 0.6 of what the machine, the container or the limits
        leave, which is no reason to refuse.

    Returns
    -------
    MemoryPlan

    Raises
    ------
    InputError
        If even one worker needs more than `max_memory`.

    Examples
    --------
    >>> volume = Volume(np.zeros((2, 300, 4), "uint64"), voxel_size=(40, 4, 4))
    >>> plan_memory([volume], 2, "threads", "1GiB").workers
    2
    """
    chosen = list(volumes)
    held = _PROGRAM_BYTES + sum(volume.labels.nbytes for volume in chosen if isinstance(volume.labels, np.ndarray))
    block, where = max(((_block_bytes(volume), volume.name or "the volume") for volume in chosen), default=(0, ""))
    process = _PROCESS_BYTES if engine in ("processes", "dask") else 0
    total = sum(math.prod(volume.shape) * volume.dtype.itemsize for volume in chosen)
    given = parse_size(max_memory) if isinstance(max_memory, str) else max_memory
    budget = int(_DEFAULT_SHARE * (available_memory() or 2**62)) if given is None else given
    parts = [None, *(part for part in _PART_BYTES if part < block)]
    plans = [
        MemoryPlan(n, held + n * (process + _worker_bytes(block, part)) + 2 * min(_ahead_bytes(n), total), part)
        for n in range(workers or default_workers(), 0, -1)
        for part in parts
    ]
    best = next((plan for plan in plans if plan.n_bytes <= budget), min(plans, key=lambda plan: plan.n_bytes))
    if given is not None and best.n_bytes > given:
        raise InputError(
            f"--max-memory {_show(given)} is too little: one worker on blocks of {_show(block)} of {where} needs "
            f"about {_show(best.n_bytes)}. Pass --max-memory {math.ceil(best.n_bytes / _MIB)}MiB or more."
        )
    return best


def _ahead_bytes(workers: int) -> int:
    """What may wait for so many workers, if it is the pieces of a stream."""
    return max(AHEAD_BYTES, AHEAD_TASKS * workers * PIECE_BYTES)


def _worker_bytes(block: int, part: int | None) -> int:
    return _COPIES * block if part is None else _UNPACKED * block + _COPIES * part


def _block_bytes(volume: Volume) -> int:
    """Size of the largest block; those of a stream, which cannot be asked twice, are small."""
    stored = getattr(volume.labels, "labels", volume.labels)
    if isinstance(stored, XzPickleLabels):
        return PIECE_BYTES
    first = [block.shape for block in islice(iterate_blocks(volume.labels), 1)]
    shape = getattr(stored, "block_shape", *first) if first else (0,)  # the first may be cut by the volume's border
    return math.prod(shape) * volume.dtype.itemsize


def _show(n_bytes: int) -> str:
    return f"{n_bytes / _MIB:,.0f} MiB"
