"""How a volume is cut into blocks, and how the labels in a block are brought into one form."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import product
from operator import getitem
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError
from connectograph.volumes import Block, LazyLabels, Shape

__all__ = ["BLOCK_SHAPE", "as_label_block", "iterate_blocks"]

BLOCK_SHAPE: Shape = (16, 256, 256)
"""Blocks of an array in memory: small enough to stay in a core's cache while several kernels pass over them."""


def iterate_blocks(labels: npt.NDArray[Any] | LazyLabels, *, shape: Shape | None = None) -> Iterator[Block]:
    """Disjoint blocks that together cover the labels.

    Parameters
    ----------
    labels : (Z, Y, X) array or LazyLabels
        A lazily read array says itself how it is best cut.
    shape : tuple of 3 ints, optional
        Cut into boxes of this shape instead.

    Yields
    ------
    Block
    """
    if not isinstance(labels, np.ndarray) and shape is None:
        yield from labels.blocks()
        return
    cut = shape or BLOCK_SHAPE
    for origin in product(*(range(0, size, step) for size, step in zip(labels.shape, cut, strict=True))):
        box = tuple(slice(o, min(o + c, s)) for o, c, s in zip(origin, cut, labels.shape, strict=True))
        extent = tuple(part.stop - part.start for part in box)
        # of an array a view, so that only the block itself is copied when it is sent to another process
        read = partial(np.asarray, labels[box]) if isinstance(labels, np.ndarray) else partial(getitem, labels, box)
        yield Block(origin, extent, read)  # type: ignore[arg-type]


def as_label_block(array: npt.NDArray[Any], origin: Shape, where: str) -> npt.NDArray[Any]:
    """A block's voxels as contiguous unsigned integers in native byte order, or an error that names the first bad one.

    Parameters
    ----------
    array : (z, y, x) array
        Integers, booleans, or floats that hold whole numbers.
    origin : tuple of 3 ints
        Index of the block's first voxel in the volume, for the message.
    where : str
        ``file:dataset``, for the message.

    Returns
    -------
    (z, y, x) array of unsigned int

    Raises
    ------
    InputError
        If a voxel is negative, fractional, NaN or infinite, or too large to be exact as a float.

    Examples
    --------
    >>> as_label_block(np.array([[[0.0, 7.0]]]), (0, 0, 0), "a")
    array([[[0, 7]]], dtype=uint64)
    """
    kind = array.dtype.kind
    if kind == "b":
        return np.ascontiguousarray(array).view(np.uint8)
    if kind == "u":
        return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    if kind == "i":
        native = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
        _refuse(native < 0, array, origin, f"{where} holds negative ids", "ids are 0 to 2^64-1")
        return native.view(native.dtype.str.replace("i", "u"))
    if kind == "f":
        # above 2^24 (float32) or 2^53 (float64) neighbouring whole numbers share one float: ids are lost already
        limit = 2.0 ** (np.finfo(array.dtype).nmant + 1)
        with np.errstate(invalid="ignore"):
            bad = ~(np.isfinite(array) & (array == np.floor(array)) & (array >= 0) & (array < limit))
        _refuse(
            bad, array, origin, f"{where} holds {array.dtype} values that are no labels",
            "labels are whole numbers; if this is a heat map, pass --threshold T; otherwise store integer labels",
        )  # fmt: skip
        return np.ascontiguousarray(array).astype(np.uint64)
    raise InputError(f"{where} has type {array.dtype}; expected integer or boolean labels, or a float heat map.")


def _refuse(bad: npt.NDArray[np.bool_], array: npt.NDArray[Any], origin: Shape, what: str, fix: str) -> None:
    if bad.any():
        first = np.unravel_index(int(bad.argmax()), bad.shape)
        place = tuple(int(i) + o for i, o in zip(first, origin, strict=True))
        raise InputError(
            f"{what}: {int(bad.sum())} in the first block that has any, "
            f"e.g. {array[first]} at voxel {place} (z, y, x); {fix}."
        )
