"""What is handed to a worker: a function and the blocks to run it on, as something that can be sent elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from connectograph.volumes import Block

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
    """A block function, and some blocks in order."""

    function: Callable[..., Any]
    join: Callable[[list[Any]], T]
    blocks: tuple[Block, ...]
    dtype: np.dtype[Any]
    where: str

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
        results = [self.function(block.read(), block.origin) for block in self.blocks]
        return results[0] if len(results) == 1 else self.join(results)  # threads: nothing to join, a thousand times

    def __str__(self) -> str:
        origin, shape, _ = self.blocks[0]
        return f"the block at {origin} (z, y, x) of shape {shape} of {self.where}"

    def split(self) -> list[Task[T]]:
        return [replace(self, blocks=(block,)) for block in self.blocks]

    def merge(self, parts: list[Any]) -> T:
        return self.join(parts)
