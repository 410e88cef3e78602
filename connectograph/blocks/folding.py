"""Functions run over all blocks of a volume, and their results merged as they come, so that memory stays bounded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from connectograph.blocks.engines import Engine, EngineLike, open_engine
from connectograph.blocks.plan import iterate_blocks
from connectograph.blocks.tasks import BlockTask, Part, Task
from connectograph.errors import InputError
from connectograph.volumes import Block, Shape, Volume

if TYPE_CHECKING:
    from connectograph.io.checkpoints import Checkpoints

__all__ = ["fold_blocks", "fold_tasks", "map_blocks"]

T = TypeVar("T")
Progress = Callable[[int], object]
Merge = Callable[[list[Part]], Part]

_BATCH_BYTES, _BATCHES = 1 << 26, 4
"""Work sent to another process at a time: as many voxels, and at least as many portions for each worker."""

_FIRST_ROWS = 1 << 18
"""Rows that are collected before they are merged for the first time."""


def map_blocks(
    function: Callable[[npt.NDArray[Any], Shape], T],
    volume: Volume,
    *,
    workers: int | None = None,
    engine: EngineLike = None,
    shape: Shape | None = None,
    progress: Progress | None = None,
) -> Iterator[T]:
    """Run a function over every block of a volume; results in block order.

    Parameters
    ----------
    function : callable
        ``function(array, origin)``: `array` is the block's voxels as stored (see :func:`as_label_block`); it is
        valid only during the call. For engines other than threads it can be pickled.
    volume : Volume
        Read block by block; at most a few blocks for each worker are in memory at once.
    workers, engine
        As in :func:`open_engine`.
    shape : tuple of 3 ints, optional
        Block shape instead of the volume's own.
    progress : callable, optional
        Called with the number of voxels of each finished block, in block order.

    Yields
    ------
    object
        What `function` returned, in the order of the blocks.

    Examples
    --------
    >>> volume = Volume(np.ones((2, 300, 4), "uint64"), voxel_size=(40, 4, 4))
    >>> [int(total) for total in map_blocks(lambda array, origin: array.sum(), volume)]
    [2048, 352]
    """
    where = volume.name or "the volume"
    blocks = iterate_blocks(volume.labels, shape=shape)
    tasks = (BlockTask(function, _only, (block,), volume.dtype, where) for block in blocks)
    with open_engine(engine, workers) as opened:
        for task, result in opened.runner.map(tasks):
            if progress is not None:
                progress(task.n_voxels)
            yield result


def fold_blocks(
    function: Callable[[npt.NDArray[Any], Shape], Part],
    merge: Merge,
    volume: Volume,
    *,
    engine: Engine,
    settle: Callable[[Part, int], Part] | None = None,
    progress: Progress | None = None,
) -> Part:
    """Run a function over every block of a volume and merge what it returns.

    Parameters
    ----------
    function : callable
        ``function(array, origin)`` as in :func:`map_blocks`, returning a tuple of arrays. If it has a method
        ``near(first_plane, last_plane)``, other processes are sent what that returns for their blocks.
    merge : callable
        Makes one such tuple of a list of them, whatever their order and grouping; of an empty list an empty one.
    volume : Volume
    engine : Engine
    settle : callable, optional
        ``settle(merged, n_planes)`` may shorten the merged result once all blocks of the first planes were seen.
    progress : callable, optional
        As in :func:`map_blocks`.

    Returns
    -------
    tuple of arrays

    Examples
    --------
    >>> from functools import partial
    >>> volume = Volume(np.ones((2, 300, 4), "uint64"), voxel_size=(40, 4, 4))
    >>> with open_engine() as engine:
    ...     fold_blocks(lambda array, origin: (array.sum((1, 2)),), lambda parts: (np.sum(parts, (0, 1)),), volume,
    ...                 engine=engine)
    (array([1200, 1200], dtype=uint64),)
    """
    shape, where = volume.shape, volume.name or "the volume"
    missing = np.full(shape[0], shape[1] * shape[2])  # voxels of each plane that were not seen yet

    def note(blocks: Iterable[Block]) -> None:
        for (z, _, _), (n_z, n_y, n_x), _ in blocks:
            missing[z : z + n_z] -= n_y * n_x
            if progress is not None:
                progress(n_z * n_y * n_x)

    def make_tasks(n_done: int) -> Iterator[BlockTask[Part]]:
        blocks = iterate_blocks(volume.labels)
        note(islice(blocks, n_done))
        for batch in _cut_batches(blocks, volume, engine):
            yield BlockTask(_narrow(function, batch, engine), merge, batch, volume.dtype, where, engine.block_bytes)

    def shorten(part: Part) -> Part:
        return part if settle is None else settle(part, int(np.append(missing > 0, True).argmax()))

    return fold_tasks(make_tasks, merge, engine, note=lambda task: note(task.blocks), shorten=shorten)


def fold_tasks(
    make_tasks: Callable[[int], Iterable[Counted]],
    merge: Merge,
    engine: Engine,
    *,
    note: Callable[[Any], object] = lambda task: None,
    shorten: Callable[[Part], Part] = lambda part: part,
) -> Part:
    """Run tasks and merge what they return; what an interrupted run has finished is not done again.

    Parameters
    ----------
    make_tasks : callable
        ``make_tasks(n_done)``: the tasks, in order, without the first `n_done` of their units.
    merge : callable
        As in :func:`fold_blocks`.
    engine : Engine
    note : callable, optional
        Called with each finished task.
    shorten : callable, optional
        Applied to the merged result now and then.

    Returns
    -------
    tuple of arrays
    """
    total = _Total(merge, shorten, engine)
    with total.kept_if_interrupted():
        for task, part in engine.runner.map(make_tasks(total.n_done)):
            note(task)
            total.add(part, task.n_units)
    return total.result()


class Counted(Task[Part], Protocol):
    """A task that stands for some units (blocks, planes) of a fold."""

    @property
    def n_units(self) -> int: ...


class _Total:
    """Results merged so far, and those of them that are not yet on the disk."""

    def __init__(self, merge: Merge, shorten: Callable[[Part], Part], engine: Engine) -> None:
        self._merge, self._shorten = merge, shorten
        self._store, self._stage = (engine.checkpoints, engine.stage) if engine.stage else (None, "")
        self._parts: list[Part] = []
        self._unsaved: list[Part] = []
        self.n_done = self._n_saved = 0
        if self._store is not None:
            self._parts, self.n_done = self._store.load(self._stage)
            self._n_saved = self.n_done
        self._room = _FIRST_ROWS

    def add(self, part: Part, n_units: int) -> None:
        self.n_done += n_units
        self._parts.append(part)
        self._room -= _count_rows(part)
        if self._room < 0:
            self._parts = [self.result()]
            self._room = max(_FIRST_ROWS, 2 * _count_rows(self._parts[0]))
        if self._store is not None:
            self._unsaved.append(part)
            if self._store.is_due():
                self._save(self._store)

    def result(self) -> Part:
        return self._shorten(self._merge(self._parts))

    @contextmanager
    def kept_if_interrupted(self) -> Iterator[None]:
        """Save what was finished when the block is left by an exception."""
        try:
            yield
        except BaseException:
            if self._store is not None and self._unsaved:
                with suppress(InputError):  # a full disk: what was saved before is there
                    self._save(self._store)
            raise

    def _save(self, store: Checkpoints) -> None:
        store.save(self._stage, self._n_saved, self.n_done, self._merge(self._unsaved))
        self._n_saved, self._unsaved = self.n_done, []


def _count_rows(part: Part) -> int:
    return max(map(len, part))


def _cut_batches(blocks: Iterator[Block], volume: Volume, engine: Engine) -> Iterator[tuple[Block, ...]]:
    """One block at a time for threads; as many as make the way worth it for other processes."""
    n_bytes = math.prod(volume.shape) * volume.dtype.itemsize
    most = 0 if engine.runner.shared else min(_BATCH_BYTES, n_bytes // (_BATCHES * engine.runner.workers))
    batch: list[Block] = []
    size = 0
    for block in blocks:
        batch.append(block)
        size += math.prod(block.shape) * volume.dtype.itemsize
        if size >= most:
            yield tuple(batch)
            batch, size = [], 0
    if batch:
        yield tuple(batch)


def _narrow(function: Any, batch: tuple[Block, ...], engine: Engine) -> Any:
    """The function with only what it needs for some blocks, if these go to another process."""
    if engine.runner.shared or not hasattr(function, "near"):
        return function
    return function.near(
        min(block.origin[0] for block in batch), max(block.origin[0] + block.shape[0] for block in batch)
    )


def _only(results: list[T]) -> T:
    return results[0]
