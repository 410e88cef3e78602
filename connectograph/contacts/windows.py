"""A segmentation as rows of runs: read in any blocks, handed out in windows of planes for the contactome.

Runs along x are a few hundredths of the voxels, so that what waits for its neighbours takes little memory: a few
windows of planes if the blocks come in order of z, all runs of the volume if they do not. Threads read each block
once; another process is sent the blocks of many windows, and reads those between its windows and the next ones again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from connectograph.blocks import Engine, Part, as_label_block, fold_tasks, iterate_blocks
from connectograph.volumes import Block, Shape, Volume

if TYPE_CHECKING:
    from connectograph._kernels.contactome import Rows, Stencil

__all__ = ["Window", "fold_windows", "map_windows"]

T = TypeVar("T")
Joined = TypeVar("Joined")
Item = TypeVar("Item", "Block", "_Piece")

_UNITS = 64
"""Into how many units at least a volume is cut: work for many threads, the same cuts for any number of them."""

_PLANES = 64
"""Planes at least that another process works on at a time."""


@dataclass(frozen=True, eq=False)
class Window:
    """Consecutive planes: `rows` of them, of which `first` to `last` are this window's, and the others lie around."""

    rows: Rows
    first: int
    last: int


class _Unit(NamedTuple):
    """Planes and rows that are worked on at a time."""

    first: int
    last: int
    top: int
    bottom: int


@dataclass(frozen=True, eq=False)
class _Piece:
    """A block as rows of runs (see :func:`connectograph._kernels.contactome.find_rows`)."""

    origin: Shape
    shape: Shape
    ends: npt.NDArray[np.int64]
    runs: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Grid:
    """What all tasks share: the volume's shape and name, how far around a unit they look, and the ids that count."""

    shape: Shape
    where: str
    reach: tuple[int, int]
    kept: npt.NDArray[np.uint64] | None


class _Whole:
    """A task that is not made of smaller ones."""

    def split(self) -> list[Any]:
        return [self]

    def merge(self, parts: list[Any]) -> Any:
        return parts[0]


@dataclass(frozen=True, eq=False)
class _Reading(_Whole):
    """One block to be read."""

    block: Block
    grid: _Grid
    n_bytes: int

    def __call__(self) -> _Piece:
        return _read_piece(self.grid, self.block)

    def __str__(self) -> str:
        return f"the block at {self.block.origin} (z, y, x) of shape {self.block.shape} of {self.grid.where}"


@dataclass(frozen=True, eq=False)
class _Counting(_Whole, Generic[T]):
    """A function, a unit, and what was read around it."""

    function: Callable[[Window, int, int], T]
    unit: _Unit
    pieces: tuple[_Piece, ...]
    grid: _Grid
    n_units: int = 1

    @property
    def n_bytes(self) -> int:
        return sum(piece.runs.nbytes for piece in self.pieces)

    def __call__(self) -> T:
        window, top = _join_pieces(self.pieces, self.grid, self.unit)
        return self.function(window, top, top + self.unit.bottom - self.unit.top)

    def __str__(self) -> str:
        return f"planes {self.unit.first} to {self.unit.last - 1} of {self.grid.where}"


@dataclass(frozen=True, eq=False)
class _Slab(_Whole, Generic[T, Joined]):
    """Many units, and the blocks around them, for a process that reads them itself."""

    function: Callable[[Window, int, int], T]
    join: Callable[[list[T]], Joined]
    units: tuple[_Unit, ...]
    blocks: tuple[Block, ...]
    grid: _Grid
    n_bytes: int

    @property
    def n_units(self) -> int:
        return len(self.units)

    def __call__(self) -> Joined:
        pieces = map(partial(_read_piece, self.grid), self.blocks)
        return self.join([task() for task in _make_countings(self.function, self.units, pieces, self.grid)])

    def __str__(self) -> str:
        return f"planes {self.units[0].first} to {self.units[-1].last - 1} of {self.grid.where}"


def map_windows(
    function: Callable[[Window, int, int], T],
    segmentation: Volume,
    stencil: Stencil,
    *,
    engine: Engine,
    kept: npt.NDArray[np.uint64] | None = None,
) -> Iterator[tuple[int, list[T]]]:
    """Run a function over windows of planes that together cover a volume.

    Parameters
    ----------
    function : callable
        ``function(window, top, bottom)`` for the rows `top` to `bottom` of the window's planes.
    segmentation : Volume
        Each block is read once.
    stencil : Stencil
        Says how far around a window is needed.
    engine : Engine
        For others than threads `function` can be pickled.
    kept : (N,) array of uint64, optional
        Other ids become background.

    Yields
    ------
    first : int
        First plane of a window; windows come in order of z.
    results : list
        What `function` returned, in order of the rows.
    """
    grid = _make_grid(segmentation, stencil, kept)
    units = _cut_units(grid.shape)
    if engine.runner.shared:
        tasks = _make_tasks_for_threads(function, units, segmentation, grid, engine)
        found = ((task.unit.first, result) for task, result in engine.runner.map(tasks))
    else:
        slabs = engine.runner.map(_make_slabs(function, list, units, segmentation, grid))
        found = (
            (unit.first, result) for slab, results in slabs for unit, result in zip(slab.units, results, strict=True)
        )
    for first, results in groupby(found, key=itemgetter(0)):
        yield first, [result for _, result in results]


def fold_windows(
    function: Callable[[Window, int, int], Part],
    merge: Callable[[list[Part]], Part],
    segmentation: Volume,
    stencil: Stencil,
    *,
    engine: Engine,
) -> Part:
    """Run a function over windows as :func:`map_windows`, on any engine, and merge what it returns.

    Parameters
    ----------
    function, segmentation, stencil, engine
        As in :func:`map_windows`; for engines other than threads `function` can be pickled.
    merge : callable
        As in :func:`connectograph.blocks.fold_blocks`.

    Returns
    -------
    tuple of arrays
    """
    grid = _make_grid(segmentation, stencil, None)

    def make_tasks(n_done: int) -> Iterator[Any]:
        units = _cut_units(grid.shape)[n_done:]
        if engine.runner.shared:
            return _make_tasks_for_threads(function, units, segmentation, grid, engine)
        return _make_slabs(function, merge, units, segmentation, grid)

    return fold_tasks(make_tasks, merge, engine)


# --- what is worked on at a time --------------------------------------------------------------------------------------


def _make_grid(segmentation: Volume, stencil: Stencil, kept: npt.NDArray[np.uint64] | None) -> _Grid:
    reach = stencil.reach_z, stencil.reach_y
    return _Grid(segmentation.shape, segmentation.name or "the segmentation", reach, kept)


def _cut_units(shape: Shape) -> tuple[_Unit, ...]:
    """Windows of planes, cut into rows where there are few; in order."""
    from connectograph._kernels.contactome import TILE_Y, TILE_Z

    depth, height, _ = shape
    if 0 in shape:
        return ()
    n_parts = -(-_UNITS // -(-depth // TILE_Z))
    step = TILE_Y * -(-height // (TILE_Y * n_parts))
    return tuple(
        _Unit(first, min(first + TILE_Z, depth), top, min(top + step, height))
        for first in range(0, depth, TILE_Z)
        for top in range(0, height, step)
    )


def _make_tasks_for_threads(
    function: Callable[[Window, int, int], T],
    units: Sequence[_Unit],
    segmentation: Volume,
    grid: _Grid,
    engine: Engine,
) -> Iterator[_Counting[T]]:
    """Tasks over what other tasks have read: blocks are read ahead while windows are worked on."""
    itemsize = segmentation.dtype.itemsize
    tasks = (
        _Reading(block, grid, int(np.prod(block.shape)) * itemsize)
        for block in _iterate_blocks(segmentation, units, grid)
    )
    pieces = (piece for _, piece in engine.runner.map(tasks))
    return _make_countings(function, units, pieces, grid)


def _make_countings(
    function: Callable[[Window, int, int], T], units: Sequence[_Unit], pieces: Iterable[_Piece], grid: _Grid
) -> Iterator[_Counting[T]]:
    for (unit,), around in _gather([(unit,) for unit in units], pieces, grid):
        yield _Counting(function, unit, around, grid)


def _make_slabs(
    function: Callable[[Window, int, int], T],
    merge: Callable[[list[T]], Joined],
    units: Sequence[_Unit],
    segmentation: Volume,
    grid: _Grid,
) -> Iterator[_Slab[T, Joined]]:
    itemsize = segmentation.dtype.itemsize
    groups = [tuple(group) for _, group in groupby(units, key=lambda unit: unit.first // _PLANES)]
    for group, blocks in _gather(groups, _iterate_blocks(segmentation, units, grid), grid):
        n_bytes = sum(int(np.prod(block.shape)) for block in blocks) * itemsize
        yield _Slab(function, merge, group, blocks, grid, n_bytes)


def _gather(
    groups: Iterable[tuple[_Unit, ...]], items: Iterable[Item], grid: _Grid
) -> Iterator[tuple[tuple[_Unit, ...], tuple[Item, ...]]]:
    """Each group of units with all blocks (or pieces) that reach into its planes or those around them."""
    source, held = iter(items), list[Any]()
    depth, height, width = grid.shape
    missing = np.full(depth, height * width)  # voxels of each plane that have not come yet
    for group in groups:
        start, stop = max(0, group[0].first - grid.reach[0]), min(group[-1].last + grid.reach[0], depth)
        held = [item for item in held if item.origin[0] + item.shape[0] > start]
        while missing[start:stop].any():
            item = next(source)
            (z, _, _), (n_z, n_y, n_x) = item.origin, item.shape
            missing[z : z + n_z] -= n_y * n_x
            held.append(item)
        yield group, tuple(item for item in held if item.origin[0] < stop)


def _iterate_blocks(segmentation: Volume, units: Sequence[_Unit], grid: _Grid) -> Iterator[Block]:
    """A volume's own blocks, or whole rows of an array, from those on that the first unit needs."""
    from connectograph._kernels.contactome import TILE_Z

    labels, width = segmentation.labels, segmentation.shape[2]
    whole_rows = (TILE_Z, -(-(1 << 20) // (TILE_Z * max(1, width))), max(1, width))
    start = units[0].first - grid.reach[0] if units else segmentation.shape[0]
    for block in iterate_blocks(labels, shape=whole_rows if isinstance(labels, np.ndarray) else None):
        if block.origin[0] + block.shape[0] > start:
            yield block


# --- rows of runs -----------------------------------------------------------------------------------------------------


def _read_piece(grid: _Grid, block: Block) -> _Piece:
    from connectograph._kernels.contactome import find_rows

    labels = as_label_block(block.read(), block.origin, grid.where)
    ends, runs = find_rows(labels.reshape(-1), labels.shape[2])
    if grid.kept is not None:
        runs[~np.isin(runs[:, 1].view(np.uint64), grid.kept), 1] = 0
    return _Piece(block.origin, block.shape, ends, runs)


def _join_pieces(pieces: Sequence[_Piece], grid: _Grid, unit: _Unit) -> tuple[Window, int]:
    """The planes and rows of a unit and those within reach, and which of these rows is the unit's first."""
    from connectograph._kernels.contactome import Rows, place_rows

    depth, height, width = grid.shape
    start, stop = max(0, unit.first - grid.reach[0]), min(unit.last + grid.reach[0], depth)
    top, bottom = max(0, unit.top - grid.reach[1]), min(unit.bottom + grid.reach[1], height)
    n_runs = np.ones((stop - start, bottom - top), np.int64)  # one closes the row
    cuts = []
    for piece in sorted(pieces, key=lambda piece: piece.origin[2]):
        (z, y, _), (n_z, n_y, _) = piece.origin, piece.shape
        z0, z1, y0, y1 = max(z, start), min(z + n_z, stop), max(y, top), min(y + n_y, bottom)
        if z0 < z1 and y0 < y1:
            cuts.append((piece, (z0 - z, y0 - y), (slice(z0 - start, z1 - start), slice(y0 - top, y1 - top))))
            lengths = np.diff(piece.ends, prepend=0).reshape(n_z, n_y)
            n_runs[cuts[-1][2]] += lengths[z0 - z : z1 - z, y0 - y : y1 - y]
    begins = np.append(0, np.cumsum(n_runs))
    runs = np.empty((begins[-1], 2), np.int64)
    runs[begins[1:] - 1] = width, 0
    cursors = begins[:-1].reshape(n_runs.shape).copy()
    for piece, (plane, row), box in cuts:
        place_rows(piece.ends, piece.runs, plane, row, piece.shape[1], piece.origin[2], cursors[box], runs)
    rows = Rows(begins, runs, stop - start, bottom - top, width)
    return Window(rows, unit.first - start, unit.last - start), unit.top - top
