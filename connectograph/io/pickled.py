"""Pickled numpy arrays, plain or packed with xz, read without running anything the file asks for.

A pickle is a program. Here only the instructions that make up a numpy array are known, and the names it may call lead
to stand-ins of this module that note shape and type; the voxels are not unpickled at all but streamed.

Functions: :func:`read_pickled`. Class: :class:`XzPickleLabels`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError
from connectograph.io.arrays import read_header
from connectograph.io.layouts import Layout, make_layout
from connectograph.io.lazy import Box, cut_boxes, cut_rows, read_box, refuse_dtype, turn
from connectograph.io.sources import check_file
from connectograph.io.streams import MAX_RATIO, Stream, open_stream
from connectograph.io.unpickler import ArrayUnpickler
from connectograph.volumes import Block, LazyLabels

__all__ = ["XzPickleLabels", "read_pickled"]

_NPY = b"\x93NUMPY"


class _Found(NamedTuple):
    """A stream that is at the first byte of the voxels: what is known by now, and how to read what follows them."""

    layout: Layout | None
    n_bytes: int
    finish: Callable[[], Layout]


class XzPickleLabels:
    """An array in a pickle or packed .npy file, streamed from the start whenever it is asked for.

    Unpacking runs in the thread that asks for the blocks, ahead of the threads that work on them.

    Parameters
    ----------
    path : str
    layout : Layout
        From :func:`read_pickled`; the shape is the one stored, before any transposing.
    """

    def __init__(self, path: str, layout: Layout) -> None:
        self.path = path
        self.shape = layout.shape
        self.dtype = layout.dtype
        self._layout = layout

    def __reduce__(self) -> tuple[Any, ...]:
        return XzPickleLabels, (self.path, self._layout)

    def blocks(self) -> Iterator[Block]:
        """Consecutive whole planes or rows."""
        with open_stream(self.path) as stream:
            found = _find_voxels(stream, self.path)
            if isinstance(found, np.ndarray) or found.n_bytes != self._layout.n_bytes:
                raise InputError(f"{self.path} was changed while it was read. Run again when it is complete.")
            for origin, shape in cut_boxes(self.shape, cut_rows(self.shape, self.dtype.itemsize)):
                piece = np.empty(shape, self.dtype)
                stream.fill(piece.reshape(-1).view(np.uint8).data)
                yield Block(origin, shape, partial(np.asarray, piece))
            found.finish()

    def __getitem__(self, box: Box) -> npt.NDArray[Any]:
        return read_box(self, box)


def read_pickled(path: str) -> npt.NDArray[Any] | LazyLabels:
    """The array in a pickle, or in a .npy file packed with xz; nothing in it is run.

    Parameters
    ----------
    path : str
        A pickle of any protocol, plain or packed with xz.

    Returns
    -------
    array or LazyLabels
        Small arrays, and those in protocols 0 to 2 (whose voxels are text), are in memory.

    Raises
    ------
    InputError
        If the file asks to call anything but numpy's own constructors of an array, holds anything but one
        three-dimensional array of numbers, is damaged or incomplete, or declares more than it can hold.

    Examples
    --------
    >>> import pickle, tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".pkl") as file:
    ...     pickle.dump(np.arange(6).reshape(1, 2, 3), file)
    ...     file.flush()
    ...     read_pickled(file.name)
    array([[[0, 1, 2],
            [3, 4, 5]]])
    """
    size = check_file(path)
    with open_stream(path) as stream:
        found = _find_voxels(stream, path)
        if isinstance(found, np.ndarray):
            return found
        _check_plausible(found.n_bytes, size * (MAX_RATIO if stream.packed else 1), size, path)
        layout = found.layout
        if layout is None:  # protocol 5: the shape comes after the voxels, so these are unpacked once more
            stream.skip(found.n_bytes)
            layout = found.finish()
    if layout.n_bytes != found.n_bytes:
        raise InputError(
            f"{path} is refused: {found.n_bytes:,} bytes are stored for an array of shape {layout.shape} and type "
            f"{layout.dtype}, which has {layout.n_bytes:,}. The file is damaged; write it again."
        )
    return turn(XzPickleLabels(path, layout), layout.axes)


def _find_voxels(stream: Stream, path: str) -> _Found | npt.NDArray[Any]:
    """Read a stream up to the voxels, or to its end if they are few."""
    if stream.peek(len(_NPY)) == _NPY:
        shape, fortran, dtype = read_header(stream, path)
        refuse_dtype(dtype, path)
        layout = make_layout(shape, dtype, "F" if fortran else "C", where=path)
        return _Found(layout, layout.n_bytes, lambda: _finish_npy(stream, layout))
    unpickler = ArrayUnpickler(stream, path)
    n_bytes = unpickler.run()
    if n_bytes is None:
        return unpickler.array()
    return _Found(unpickler.known_layout(), n_bytes, unpickler.finish)


def _finish_npy(stream: Stream, layout: Layout) -> Layout:
    stream.expect_end()
    return layout


def _check_plausible(n_bytes: int, possible: int, size: int, path: str) -> None:
    if n_bytes > possible:
        raise InputError(
            f"{path} declares {n_bytes:,} bytes of voxels, but the file has {size:,} bytes, which cannot hold more "
            f"than {possible:,}. It is incomplete, damaged or made to exhaust memory; copy it again."
        )
