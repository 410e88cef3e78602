"""Where the chunks of a stored volume lie, and how many are read at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product

from connectograph.volumes import Shape

__all__ = ["Grid", "plan_step"]

_BLOCK_BYTES = 4 << 20
"""About how much is read at once where chunks are smaller: larger blocks do not stay in a core's cache."""


class Grid:
    """Boxes of one shape, counted from an origin at or before the volume's first voxel, that cover a volume."""

    def __init__(self, shape: Shape, chunk: Sequence[int], origin: Sequence[int]) -> None:
        self.chunk, self.origin = tuple(chunk), tuple(origin)
        self.cuts = [_cut_axis(*axis) for axis in zip(shape, chunk, origin, strict=True)]
        self.counts: Shape = (len(self.cuts[0]) - 1, len(self.cuts[1]) - 1, len(self.cuts[2]) - 1)

    def boxes(self) -> Iterator[tuple[Shape, Shape]]:
        """Origin and shape of each, in C order."""
        for index in product(*map(range, self.counts)):
            yield self.box(index, tuple(i + 1 for i in index))

    def box(self, start: Sequence[int], stop: Sequence[int]) -> tuple[Shape, Shape]:
        """Origin and shape of the chunks `start` to `stop`."""
        z, y, x = (cuts[i] for cuts, i in zip(self.cuts, start, strict=True))
        c, b, a = (cuts[i] for cuts, i in zip(self.cuts, stop, strict=True))
        return (z, y, x), (c - z, b - y, a - x)


class _Cuts:
    """Where boxes of a step begin and end along an axis, without listing them: a damaged file may declare 10^18."""

    def __init__(self, size: int, step: int, first: int) -> None:
        self.size, self.step, self.first = size, step, first
        self.n_boxes = max(0, -(-(size - first) // step)) if size else 0

    def __len__(self) -> int:
        return self.n_boxes + 1

    def __getitem__(self, index: int) -> int:
        return min(max(0, self.first + index * self.step), self.size)


def _cut_axis(size: int, step: int, origin: int) -> _Cuts:
    first = origin % step
    return _Cuts(size, step, first - step if first else 0)


def plan_step(chunk: Sequence[int], shard: Sequence[int], shape: Shape, itemsize: int) -> Shape:
    """As many whole chunks as are read at once: first inside a shard, then several shards."""
    step = list(chunk)
    for axis in (2, 1, 0):
        ratio = shard[axis] // chunk[axis] if shard[axis] % chunk[axis] == 0 else 1
        room = _BLOCK_BYTES // (math.prod(step) * itemsize)
        step[axis] *= max(n for n in range(1, ratio + 1) if ratio % n == 0 and n <= max(1, room))
    if step == list(shard):
        for axis in (2, 1, 0):
            room = _BLOCK_BYTES // (math.prod(step) * itemsize)
            step[axis] *= max(1, min(room, -(-shape[axis] // step[axis])))
    return step[0], step[1], step[2]
