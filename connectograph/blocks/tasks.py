"""What is handed to a worker: a function and the blocks to run it on, as something that can be sent elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from connectograph.io.lazy import cut_boxes, make_box
from connectograph.volumes import Block, Shape

__all__ = ["BlockTask", "Part", "Task"]

T = TypeVar("T")

Part = tuple[npt.NDArray[Any], ...]
"""What a block function returns, and what merging such results gives again."""


class Task(Protocol[T]):
    """One piece of work; ``str()`` of it says which, for messages."""

    @property
    def n_bytes(self) -> int:
        """Memory that it takes to wait for a worker."""
        ...

    def __call__(self) -> T: ...

    def split(self) -> list[Task[T]]:
        """Smaller pieces, or only itself, so that the one at fault can be found."""
        ...

    def merge(self, parts: list[Any]) -> T:
        """The result, from those of the smaller pieces."""
        ...


@dataclass(frozen=True, eq=False)
class BlockTask(Generic[T]):
    """A block function, and some blocks in order, each worked on in parts of at most `part_bytes`."""

    function: Callable[..., Any]
    join: Callable[[list[Any]], T]
    blocks: tuple[Block, ...]
    dtype: np.dtype[Any]
    where: str
    part_bytes: int | None = None

    @property
    def n_units(self) -> int:
        return len(self.blocks)

    @property
    def n_voxels(self) -> int:
        return sum(math.prod(block.shape) for block in self.blocks)

    @property
    def n_bytes(self) -> int:
        return self.n_voxels * self.dtype.itemsize

    def __call__(self) -> T:
        results = [self.function(*part) for block in self.blocks for part in self._cut(block)]
        return results[0] if len(results) == 1 else self.join(results)  # threads: nothing to join, a thousand times

    def _cut(self, block: Block) -> Iterator[tuple[Any, Shape]]:
        """What a block holds, read once, and where: all of it, or parts that need less memory for work on them."""
        voxels: Any = block.read()  # of two volumes a pair
        step = cut_shape(block.shape, self.part_bytes // self.dtype.itemsize) if self.part_bytes else block.shape
        if step == block.shape:
            yield voxels, block.origin
            return
        for offset, shape in cut_boxes(block.shape, step):
            z, y, x = (a + b for a, b in zip(block.origin, offset, strict=True))
            box = make_box(offset, shape)
            yield tuple(each[box] for each in voxels) if isinstance(voxels, tuple) else voxels[box], (z, y, x)

    def __str__(self) -> str:
        origin, shape, _ = self.blocks[0]
        return f"the block at {origin} (z, y, x) of shape {shape} of {self.where}"

    def split(self) -> list[Task[T]]:
        return [replace(self, blocks=(block,)) for block in self.blocks]

    def merge(self, parts: list[Any]) -> T:
        return self.join(parts)


def cut_shape(shape: Shape, most_voxels: int) -> Shape:
    """The largest part of a box with at most so many voxels: fewer planes, then fewer rows.

    Examples
    --------
    >>> cut_shape((32, 512, 512), 1 << 20), cut_shape((32, 512, 512), 1 << 17), cut_shape((2, 3, 4), 1)
    ((4, 512, 512), (1, 256, 512), (1, 1, 1))
    """
    z, y, x = shape
    if 0 in shape:
        return shape
    return (
        min(z, max(1, most_voxels // (y * x))),
        min(y, max(1, most_voxels // x)),
        min(x, max(1, most_voxels)),
    )
