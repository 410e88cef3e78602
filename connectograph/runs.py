"""Runs: sparse labels as stretches of equal voxels along x, the same whatever blocks they were read in.

Conventions: a run is the linear index of its first voxel, its length and its label; runs are sorted, never overlap,
end with their row, and two that touch have different labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.blocks import BLOCK_SHAPE, EngineLike, Part, as_label_block, fold_blocks, iterate_blocks, open_engine
from connectograph.volumes import BACKGROUND, Block, LazyLabels, Shape, Volume

__all__ = [
    "RunLabels",
    "Runs",
    "RunsAhead",
    "concatenate_parts",
    "contains",
    "expand",
    "find_runs",
    "join_touching",
    "read_runs",
]

_STRETCH = 2048
"""Voxels looked at together to pass over background."""

Runs = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.uint64]]
"""Starts, lengths, labels."""


@dataclass(frozen=True, eq=False)
class RunLabels:
    """Labels held as runs along x and painted block by block (a :class:`~connectograph.volumes.LazyLabels`)."""

    shape: Shape
    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int32]
    labels: npt.NDArray[np.uint64]

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint64)

    def blocks(self) -> Iterator[Block]:
        for block in iterate_blocks(np.broadcast_to(np.uint64(0), self.shape), shape=BLOCK_SHAPE):
            yield Block(block.origin, block.shape, partial(self._cut(block)._paint, block.origin, block.shape))

    def __getitem__(self, box: tuple[slice, slice, slice]) -> npt.NDArray[Any]:
        ranges = [part.indices(size)[:2] for part, size in zip(box, self.shape, strict=True)]
        (z0, z1), (y0, y1), (x0, x1) = ranges
        return self._paint((z0, y0, x0), (max(0, z1 - z0), max(0, y1 - y0), max(0, x1 - x0)))

    def _cut(self, block: Block) -> RunLabels:
        """The runs of the planes of a block, which is all that another process needs to paint it."""
        plane = self.shape[1] * self.shape[2]
        planes = np.array([block.origin[0], block.origin[0] + block.shape[0]])
        first, last = np.searchsorted(self.starts, planes * plane)
        return RunLabels(self.shape, self.starts[first:last], self.lengths[first:last], self.labels[first:last])

    def _paint(self, origin: Shape, shape: Shape) -> npt.NDArray[Any]:
        from connectograph._kernels.runs import paint_runs

        block = np.zeros(shape, np.uint64)
        paint_runs(block, *origin, self.starts, self.lengths, self.labels, *self.shape[1:])
        return block


@dataclass(frozen=True, eq=False)
class RunsAhead:
    """Labels whose runs somebody else is reading (a :class:`~connectograph.volumes.LazyLabels`).

    Attributes
    ----------
    labels : LazyLabels
    wait : callable
        Waits for the runs, as :func:`read_runs` would give them; None if there will be none.
    """

    labels: LazyLabels
    wait: Callable[[], Runs | None]

    @property
    def shape(self) -> Shape:
        return self.labels.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.labels.dtype

    def blocks(self) -> Iterator[Block]:
        return self.labels.blocks()

    def __getitem__(self, box: tuple[slice, slice, slice]) -> npt.NDArray[Any]:
        return self.labels[box]


def read_runs(
    volume: Volume,
    *,
    workers: int | None = None,
    engine: EngineLike = None,
    progress: Callable[[int], object] | None = None,
) -> Runs:
    """Runs of all voxels of a label volume that are not 0 or 2^64-1.

    Parameters
    ----------
    volume : Volume
        Labels; read once, block by block.
    workers, engine
        As in :func:`connectograph.blocks.open_engine`.
    progress : callable, optional
        Called with the number of voxels of each finished block.

    Returns
    -------
    starts, lengths, labels : (R,) arrays of int64, int32, uint64

    Raises
    ------
    InputError
        If a label is negative or fractional.

    Examples
    --------
    >>> volume = Volume(np.array([[[0, 5, 5, 6]]]), voxel_size=(40, 4, 4))
    >>> [part.tolist() for part in read_runs(volume)]
    [[1, 3], [2, 1], [5, 6]]
    """
    runs = volume.labels.wait() if isinstance(volume.labels, RunsAhead) else None
    if runs is not None:
        if progress is not None:
            progress(math.prod(volume.shape))
        return runs
    height, width = volume.shape[1:]
    extract = partial(_extract_runs, volume.name or "the volume", height, width)
    with open_engine(engine, workers) as opened:
        starts, lengths, labels = fold_blocks(
            extract, partial(_merge_runs, width), volume, engine=opened, progress=progress
        )
    return starts, lengths, labels


def _extract_runs(where: str, height: int, width: int, array: npt.NDArray[Any], origin: Shape) -> Part:
    return find_runs(as_label_block(array, origin, where), origin, height, width)


def _merge_runs(width: int, parts: list[Part]) -> Part:
    starts, lengths = concatenate_parts(parts, 0, np.int64), concatenate_parts(parts, 1, np.int32)
    return join_touching(starts, lengths, concatenate_parts(parts, 2, np.uint64), width)


def find_runs(block: npt.NDArray[Any], origin: Shape, height: int, width: int) -> Runs:
    """Runs of equal label in a block that starts at `origin` of a volume with planes of (height, width) voxels.

    Plain numpy, as fast here as a compiled kernel: it can begin while the kernels are still being loaded.

    Examples
    --------
    >>> [part.tolist() for part in find_runs(np.array([[[0, 5], [5, 5]]], "uint8"), (1, 0, 2), height=2, width=9)]
    [[21, 29], [1, 2], [5, 5]]
    """
    _, n_y, n_x = block.shape
    rows = block.reshape(-1, max(1, n_x))
    held = _find_held(rows)
    if len(held) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.uint64)
    flat = (rows if len(held) == len(rows) else rows[held]).reshape(-1)
    new = np.empty(flat.size, bool)
    np.not_equal(flat[1:], flat[:-1], out=new[1:])
    new[::n_x] = True
    begins = np.flatnonzero(new)
    labels, lengths = flat[begins].astype(np.uint64), np.diff(begins, append=flat.size)
    real = (labels != BACKGROUND[0]) & (labels != BACKGROUND[1])
    row, x = np.divmod(begins[real], n_x)
    z, y = np.divmod(held[row], n_y)
    starts = ((z + origin[0]) * height + y + origin[1]) * width + x + origin[2]
    return starts, lengths[real].astype(np.int32), labels[real]


def _find_held(rows: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Rows that may hold a label: stretches of background are told by their largest, or smallest, value alone."""
    if rows.size == 0:
        return np.empty(0, np.intp)
    n_rows, width = rows.shape
    step = max(1, _STRETCH // width)
    is_largest = int(rows[0, 0]) == BACKGROUND[1]  # of the two the one that most voxels have
    background, extreme = (BACKGROUND[1], np.minimum) if is_largest else (BACKGROUND[0], np.maximum)
    found = extreme.reduceat(rows.reshape(-1), np.arange(0, n_rows, step) * width)
    return np.flatnonzero(np.repeat(found != background, step)[:n_rows])


def concatenate_parts(parts: list[Any], k: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """The k-th array of every part, one after another."""
    return np.concatenate([np.empty(0, dtype), *(part[k] for part in parts)]).astype(dtype, copy=False)


def join_touching(
    starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int32], labels: npt.NDArray[np.uint64], width: int
) -> Runs:
    """Runs sorted by start, those cut by a block face made whole again.

    Examples
    --------
    >>> pieces = np.array([2, 0]), np.array([2, 2], "int32"), np.array([7, 7], "uint64")
    >>> [part.tolist() for part in join_touching(*pieces, width=10)]
    [[0], [4], [7]]
    """
    order = np.argsort(starts, kind="stable")
    starts, lengths, labels = starts[order], lengths[order], labels[order]
    if len(starts) == 0:
        return starts, lengths, labels
    new = np.ones(len(starts), bool)
    new[1:] = (starts[1:] != starts[:-1] + lengths[:-1]) | (labels[1:] != labels[:-1]) | (starts[1:] % width == 0)
    first = np.flatnonzero(new)
    return starts[first], np.add.reduceat(lengths, first, dtype=np.int32), labels[first]


def expand(begins: npt.NDArray[np.int64], lengths: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """begin, begin + 1, ... of every run, one run after another.

    Examples
    --------
    >>> expand(np.array([5, 1]), np.array([2, 3])).tolist()
    [5, 6, 1, 2, 3]
    """
    ends = np.cumsum(lengths, dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    voxels: npt.NDArray[np.int64] = np.arange(total, dtype=np.int64) + np.repeat(begins - (ends - lengths), lengths)
    return voxels


def contains(
    starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int32], voxels: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Which voxels (linear indices) lie in the runs.

    Examples
    --------
    >>> contains(np.array([2]), np.array([3], "int32"), np.array([1, 2, 4, 5])).tolist()
    [False, True, True, False]
    """
    if len(starts) == 0:
        return np.zeros(len(voxels), bool)
    place = np.searchsorted(starts, voxels, side="right") - 1
    at = np.maximum(place, 0)
    found: npt.NDArray[np.bool_] = (place >= 0) & (voxels < starts[at] + lengths[at])
    return found
