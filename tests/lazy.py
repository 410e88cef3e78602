"""Volumes cut into arbitrary boxes that come in arbitrary order, through one buffer that is used again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from random import Random

import numpy as np

from connectograph.volumes import Block

Box = tuple[slice, slice, slice]


def cut_boxes(shape: tuple[int, ...], random: Random) -> list[Box]:
    """Disjoint boxes of random sizes that cover a volume."""
    axes = []
    for size in shape:
        faces = sorted(random.sample(range(1, size), random.randint(0, size - 1))) if size > 1 else []
        axes.append([slice(a, b) for a, b in zip([0, *faces], [*faces, size], strict=True)])
    return [] if 0 in shape else list(product(*axes))


@dataclass
class Shuffled:
    """Labels that are read box by box in random order; a thread's buffer is overwritten by its next read."""

    labels: np.ndarray
    boxes: list[Box]
    random: Random

    def __post_init__(self) -> None:
        self.shape, self.dtype = self.labels.shape, self.labels.dtype
        self.buffers = threading.local()

    def blocks(self) -> Iterator[Block]:
        for box in self.random.sample(self.boxes, len(self.boxes)):
            part = self.labels[box]
            yield Block(tuple(side.start for side in box), part.shape, lambda part=part: self._read(part))

    def __getitem__(self, box: Box) -> np.ndarray:
        return self.labels[box]

    def _read(self, part: np.ndarray) -> np.ndarray:
        if not hasattr(self.buffers, "array"):
            self.buffers.array = np.empty(self.labels.size, self.dtype)
        self.buffers.array[:] = 1
        buffer = self.buffers.array[: part.size].reshape(part.shape)
        buffer[...] = part
        return buffer
