"""Volumes in .npy files, read piece by piece: nothing stays mapped, so that memory does not grow with the file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.io.lazy import Box, Buffers, cut_boxes, cut_rows
from connectograph.volumes import Block, Shape

__all__ = ["NpyLabels"]


class NpyLabels:
    """The array of a .npy file in C order; it can be sent to another process.

    Parameters
    ----------
    path : str
    shape : tuple of 3 ints
    dtype : numpy.dtype
    start : int
        Where in the file its first voxel lies.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/a.npy", np.arange(6).reshape(1, 2, 3))
    ...     labels = NpyLabels(f"{folder}/a.npy", (1, 2, 3), np.dtype("int64"), 128)
    ...     labels[:, 1:, :].tolist(), [int(block.read().sum()) for block in labels.blocks()]
    ([[[3, 4, 5]]], [15])
    """

    def __init__(self, path: str, shape: Shape, dtype: np.dtype[Any], start: int) -> None:
        self.path, self.shape, self.dtype, self._start = path, shape, dtype, start
        self._buffers = Buffers()

    def __reduce__(self) -> tuple[Any, ...]:
        return NpyLabels, (self.path, self.shape, self.dtype, self._start)

    def blocks(self) -> Iterator[Block]:
        """Consecutive rows or planes."""
        for origin, shape in cut_boxes(self.shape, cut_rows(self.shape, self.dtype.itemsize)):
            yield Block(origin, shape, partial(self._read, origin, shape))

    def __getitem__(self, box: Box) -> npt.NDArray[Any]:
        if not math.prod(self.shape):
            return np.empty(self.shape, self.dtype)[box]
        return np.array(np.memmap(self.path, self.dtype, "r", self._start, self.shape)[box])

    def _read(self, origin: Shape, shape: Shape) -> npt.NDArray[Any]:
        out = self._buffers.array("rows", shape, self.dtype)
        first = int(np.ravel_multi_index(origin, self.shape))
        with open(self.path, "rb", buffering=0) as file:
            file.seek(self._start + first * self.dtype.itemsize)
            unread = out.reshape(-1).view(np.uint8).data
            while unread and (n_read := file.readinto(unread)):
                unread = unread[n_read:]
        if unread:
            raise OSError(f"{self.path} ended at the block at {origin} (z, y, x): it was cut while it was read")
        return out
