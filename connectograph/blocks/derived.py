"""Labels made of other labels, block by block as they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from operator import getitem
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from connectograph.blocks.plan import iterate_blocks
from connectograph.io.lazy import make_box
from connectograph.volumes import Block, LazyLabels, Shape

__all__ = ["ChangedLabels", "PairedLabels"]

Box = tuple[slice, slice, slice]
Labels: TypeAlias = npt.NDArray[Any] | LazyLabels


@dataclass(frozen=True, eq=False)
class ChangedLabels:
    """Labels with a function applied to every block (a :class:`~connectograph.volumes.LazyLabels`).

    Parameters
    ----------
    labels : (Z, Y, X) array or LazyLabels
        Never changed.
    dtype : numpy.dtype
        Of the new voxels.
    change : callable
        Takes the voxels of a box and the (z, y, x) index of the first, and returns as many new ones. To be sent to
        another process it must be one that pickle knows.

    Examples
    --------
    >>> doubled = ChangedLabels(np.array([[[1, 2, 3]]]), np.dtype("int64"), lambda voxels, origin: 2 * voxels)
    >>> doubled[:, :, 1:].tolist(), [block.read().tolist() for block in doubled.blocks()]
    ([[[4, 6]]], [[[[2, 4, 6]]]])
    """

    labels: Labels
    dtype: np.dtype[Any]
    change: Callable[[Any, Shape], npt.NDArray[Any]]

    @property
    def shape(self) -> Shape:
        return _shape_of(self.labels)

    def blocks(self) -> Iterator[Block]:
        for block in iterate_blocks(self.labels):
            yield Block(block.origin, block.shape, partial(self._read, block))

    def __getitem__(self, box: Box) -> npt.NDArray[Any]:
        z, y, x = (part.indices(size)[0] for part, size in zip(box, self.shape, strict=True))
        return self.change(self.labels[box], (z, y, x))

    def _read(self, block: Block) -> npt.NDArray[Any]:
        return self.change(block.read(), block.origin)


@dataclass(frozen=True, eq=False)
class PairedLabels:
    """Two volumes as one whose blocks are pairs of blocks, cut as one of them is: arrays can be cut anyhow.

    Parameters
    ----------
    truth, predicted : (Z, Y, X) array or LazyLabels
        Of the same shape.

    Examples
    --------
    >>> pair = PairedLabels(np.array([[[1, 2]]]), np.array([[[3, 4]]]))
    >>> [part.tolist() for part in pair[:, :, 1:]]
    [[[[2]]], [[[4]]]]
    """

    truth: Labels
    predicted: Labels

    @property
    def shape(self) -> Shape:
        return _shape_of(self.truth)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.result_type(self.truth.dtype, self.predicted.dtype)

    def __getitem__(self, box: Box) -> Any:
        return self.truth[box], self.predicted[box]

    def blocks(self) -> Iterator[Block]:
        if _plan(self.truth) == _plan(self.predicted):
            for pair in zip(iterate_blocks(self.truth), iterate_blocks(self.predicted), strict=True):
                yield Block(pair[0].origin, pair[0].shape, partial(_read_both, *pair))
            return
        leads = not isinstance(self.truth, np.ndarray)
        for block in iterate_blocks(self.truth if leads else self.predicted):
            part = _cut(self.predicted if leads else self.truth, block)
            yield Block(block.origin, block.shape, partial(_read_both, *((block, part) if leads else (part, block))))


def _shape_of(labels: Labels) -> Shape:
    z, y, x = labels.shape
    return z, y, x


def _cut(labels: Labels, block: Block) -> Block:
    """The same box of another volume; of an array a view, so that no more is sent to another process."""
    box = make_box(block.origin, block.shape)
    read = partial(np.asarray, labels[box]) if isinstance(labels, np.ndarray) else partial(getitem, labels, box)
    return Block(block.origin, block.shape, read)  # type: ignore[arg-type]


def _read_both(one: Block, other: Block) -> Any:
    return one.read(), other.read()


def _plan(labels: Labels) -> list[tuple[Shape, Shape]]:
    return [(block.origin, block.shape) for block in iterate_blocks(labels)]
