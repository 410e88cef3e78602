"""Volumes piece by piece: plan blocks, run pure functions over them in threads, bring labels into one form.

Conventions: a block function takes ``(array, origin)`` (the voxels and the (z, y, x) index of their first one) and
returns something small; the results come back in block order, whatever the number of workers.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import product
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError
from connectograph.volumes import Block, LazyLabels, Shape, Volume

__all__ = ["as_label_block", "default_workers", "iterate_blocks", "map_blocks"]

T = TypeVar("T")

BLOCK_SHAPE: Shape = (16, 256, 256)
"""Blocks of an array in memory: small enough to stay in a core's cache while several kernels pass over them."""

_AHEAD_BYTES = 1 << 28
"""How far a stream may be unpacked ahead of the threads that work on it, e.g. while their kernels are loaded."""


def default_workers() -> int:
    """Number of threads to use: the CPUs this process may run on, and no more than SLURM granted.

    Examples
    --------
    >>> default_workers() >= 1
    True
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    granted = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return max(1, min(allowed, int(granted)) if granted.isdecimal() else allowed)


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
        yield Block(origin, extent, lambda box=box: labels[box])  # type: ignore[arg-type, misc]


def map_blocks(
    function: Callable[[npt.NDArray[Any], Shape], T],
    volume: Volume,
    *,
    workers: int | None = None,
    shape: Shape | None = None,
    progress: Callable[[int], object] | None = None,
) -> Iterator[T]:
    """Run a function over every block of a volume, in threads; results in block order.

    Parameters
    ----------
    function : callable
        ``function(array, origin)``: `array` is the block's voxels as stored (see :func:`as_label_block`); it is
        valid only during the call.
    volume : Volume
        Read block by block; at most a few blocks, or 256 MiB, are in memory at once.
    workers : int, optional
        Threads; by default :func:`default_workers`.
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
    count = workers or default_workers()
    with ThreadPoolExecutor(count) as pool:
        pending: deque[tuple[Future[T], int]] = deque()
        ahead = 0

        def finish() -> T:
            nonlocal ahead
            future, voxels = pending.popleft()
            ahead -= voxels
            result = future.result()
            if progress is not None:
                progress(voxels)
            return result

        try:
            for block in iterate_blocks(volume.labels, shape=shape):
                future = pool.submit(lambda block=block: function(block.read(), block.origin))  # type: ignore[misc]
                pending.append((future, math.prod(block.shape)))
                ahead += pending[-1][1]
                if len(pending) > 4 * count and ahead * volume.dtype.itemsize > _AHEAD_BYTES:
                    yield finish()
            while pending:
                yield finish()
        finally:
            for future, _ in pending:
                future.cancel()


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
