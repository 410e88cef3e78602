"""What all lazily read volumes share: how they are cut into boxes, turned, buffered and checked.

Conventions: boxes are (origin, shape) pairs in voxels, (z, y, x).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError
from connectograph.volumes import Block, LazyLabels, Shape

__all__ = [
    "Buffers",
    "Turned",
    "cut_boxes",
    "cut_rows",
    "make_box",
    "open_box",
    "overlap",
    "read_box",
    "read_boxes",
    "read_pieces",
    "refuse_dtype",
    "turn",
]

Box = tuple[slice, slice, slice]

PIECE_BYTES = 2 << 20
"""About how much of a volume is read at once where the file leaves the choice: it fits a core's cache."""


class Buffers(threading.local):
    """Memory that each thread fills again and again: fresh memory costs more than what is written into it."""

    def __init__(self) -> None:
        self._buffers: dict[str, npt.NDArray[np.uint8]] = {}

    def get(self, use: str, n_bytes: int) -> npt.NDArray[np.uint8]:
        """This thread's buffer for a use, (n_bytes,) uint8, holding whatever was there before."""
        buffer = self._buffers.get(use)
        if buffer is None or buffer.size < n_bytes:
            buffer = self._buffers[use] = np.empty(n_bytes, np.uint8)
        return buffer[:n_bytes]

    def array(self, use: str, shape: Shape, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """The same as an array of a shape and type."""
        return self.get(use, math.prod(shape) * dtype.itemsize).view(dtype).reshape(shape)


class Turned:
    """A lazily read volume with its axes in another order.

    Parameters
    ----------
    labels : LazyLabels
        As stored.
    axes : tuple of 3 ints
        As in :func:`numpy.transpose`.
    """

    def __init__(self, labels: LazyLabels, axes: Shape) -> None:
        self.labels = labels
        self.axes = axes
        self.shape = self._turn(labels.shape)
        self.dtype = labels.dtype
        self.path: str | None = getattr(labels, "path", None)

    def blocks(self) -> Iterator[Block]:
        """The blocks as stored, turned."""
        for block in self.labels.blocks():
            yield Block(self._turn(block.origin), self._turn(block.shape), partial(self._read, block))

    def __getitem__(self, box: Box) -> npt.NDArray[Any]:
        stored = [box[self.axes.index(axis)] for axis in range(3)]
        return self.labels[stored[0], stored[1], stored[2]].transpose(self.axes)

    def _turn(self, triple: Shape) -> Shape:
        a, b, c = self.axes
        return triple[a], triple[b], triple[c]

    def _read(self, block: Block) -> npt.NDArray[Any]:
        return block.read().transpose(self.axes)


def turn(labels: npt.NDArray[Any] | LazyLabels, axes: Shape) -> npt.NDArray[Any] | LazyLabels:
    """The volume with its axes in another order, as in :func:`numpy.transpose`; nothing is copied."""
    if axes == (0, 1, 2):
        return labels
    return labels.transpose(axes) if isinstance(labels, np.ndarray) else Turned(labels, axes)


def cut_boxes(shape: Shape, step: Shape) -> Iterator[tuple[Shape, Shape]]:
    """Origin and shape of the boxes of at most `step` that together cover a volume, in C order.

    Examples
    --------
    >>> list(cut_boxes((1, 3, 2), (1, 2, 2)))
    [((0, 0, 0), (1, 2, 2)), ((0, 2, 0), (1, 1, 2))]
    """
    for z, y, x in product(*(range(0, size, part) for size, part in zip(shape, step, strict=True))):
        yield (z, y, x), (min(step[0], shape[0] - z), min(step[1], shape[1] - y), min(step[2], shape[2] - x))


def cut_rows(shape: Shape, itemsize: int) -> Shape:
    """Shape of boxes that are consecutive in C order: whole planes if several fit a piece, else whole rows.

    Examples
    --------
    >>> cut_rows((125, 1250, 1250), 2), cut_rows((20, 10, 10), 1)
    ((1, 838, 1250), (20, 10, 10))
    """
    z, y, x = (max(1, size) for size in shape)
    rows = max(1, PIECE_BYTES // (x * itemsize))
    return (1, min(rows, y), x) if rows < y else (min(rows // y, z), y, x)


def read_pieces(labels: npt.NDArray[Any] | LazyLabels, step: Shape) -> Iterator[tuple[Shape, npt.NDArray[Any]]]:
    """Origin and voxels of the pieces of a volume, at most `step` large if the volume leaves the choice."""
    if isinstance(labels, np.ndarray):
        for origin, shape in cut_boxes(labels.shape, step):
            yield origin, labels[make_box(origin, shape)]
    else:
        for block in labels.blocks():
            yield block.origin, block.read()


def open_box(box: Sequence[slice], shape: Shape) -> tuple[Shape, Shape]:
    """Origin and shape of three slices without step.

    Examples
    --------
    >>> open_box((slice(1, None), slice(None), slice(-2, 9)), (4, 5, 6))
    ((1, 0, 4), (3, 5, 2))
    """
    ranges = [range(*part.indices(size)) for part, size in zip(box, shape, strict=True)]
    if any(part.step != 1 for part in ranges):
        raise InputError(f"A part of a volume has no step; found {tuple(box)}.")
    z, y, x = ranges
    return (z.start, y.start, x.start), (len(z), len(y), len(x))


def read_box(labels: LazyLabels, box: Sequence[slice]) -> npt.NDArray[Any]:
    """Part of a volume, gathered from its blocks; blocks after the last one needed are not asked for."""
    return read_boxes(labels, [box])[0]


def read_boxes(labels: LazyLabels, boxes: Sequence[Sequence[slice]]) -> list[npt.NDArray[Any]]:
    """Parts of a volume, gathered from its blocks in one go, so that a packed file is unpacked only once."""
    places = [open_box(box, labels.shape) for box in boxes]
    parts = [np.empty(shape, labels.dtype) for _, shape in places]
    missing = sum(part.size for part in parts)
    blocks = labels.blocks() if missing else iter(())
    for block in blocks:
        missing -= _copy_parts(block, places, parts)
        if not missing:
            break
    return parts


def _copy_parts(block: Block, places: Sequence[tuple[Shape, Shape]], parts: Sequence[npt.NDArray[Any]]) -> int:
    """Copy what a block holds of each part, and count its voxels; a block that holds nothing is not read."""
    voxels, copied = None, 0
    for (origin, shape), part in zip(places, parts, strict=True):
        here = overlap(origin, shape, block.origin, block.shape)
        if all(each.start < each.stop for each in here):
            voxels = block.read() if voxels is None else voxels
            part[here] = voxels[overlap(block.origin, block.shape, origin, shape)]
            copied += math.prod(each.stop - each.start for each in here)
    return copied


def make_box(origin: Shape, shape: Sequence[int]) -> Box:
    z, y, x = (slice(start, start + size) for start, size in zip(origin, shape, strict=True))
    return z, y, x


def overlap(origin: Shape, shape: Sequence[int], start: Shape, extent: Sequence[int]) -> tuple[slice, ...]:
    """Where a second box lies inside a first, as slices of the first."""
    return tuple(
        slice(max(0, s - o), min(n, s + e - o)) for o, n, s, e in zip(origin, shape, start, extent, strict=True)
    )


def refuse_dtype(dtype: np.dtype[Any], where: str) -> None:
    """Refuse voxels that are neither booleans, integers nor real numbers."""
    if dtype.hasobject:
        raise InputError(
            f"{where} is refused: it holds Python objects, and reading them could run any program. Where the file was "
            "made, save plain integers: numpy.save(path, labels.astype('uint64'), allow_pickle=False)."
        )
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise InputError(
            f"{where} holds voxels of type {dtype}; expected bool, int8 to int64, uint8 to uint64, float16, float32 or "
            "float64. Store the labels as unsigned integers."
        )
