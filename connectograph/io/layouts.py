"""How the bytes of a three-dimensional array follow each other in a file."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from connectograph.errors import InputError
from connectograph.volumes import Shape

__all__ = ["Layout", "make_layout"]


class Layout(NamedTuple):
    """Bytes in C order of `shape`; the array is that, transposed to `axes`."""

    shape: Shape
    axes: Shape
    dtype: np.dtype[Any]

    @property
    def n_bytes(self) -> int:
        """Bytes of all voxels."""
        return math.prod(self.shape) * self.dtype.itemsize


def make_layout(shape: Any, dtype: np.dtype[Any], order: Any, axis_order: Any = None, *, where: str) -> Layout:
    """Layout of an array as numpy describes it.

    Parameters
    ----------
    shape : tuple of 3 ints
        Of the array; for order "K", as stored.
    dtype : numpy.dtype
    order : {"C", "F", "K"}
    axis_order : tuple of 3 ints, optional
        For order "K": how the stored array is transposed.
    where : str
        The file's name, for messages.

    Returns
    -------
    Layout

    Raises
    ------
    InputError
        If these do not describe a three-dimensional array.

    Examples
    --------
    >>> make_layout((2, 3, 4), np.dtype("u2"), "F", where="a.pkl")
    Layout(shape=(4, 3, 2), axes=(2, 1, 0), dtype=dtype('uint16'))
    """
    if not (isinstance(shape, tuple) and len(shape) == 3 and all(type(size) is int and size >= 0 for size in shape)):
        raise InputError(f"{where} holds an array of shape {shape}; expected three dimensions (z, y, x).")
    if order == "F":
        return Layout((shape[2], shape[1], shape[0]), (2, 1, 0), dtype)
    if order == "K" and isinstance(axis_order, tuple) and sorted(map(str, axis_order)) == ["0", "1", "2"]:
        return Layout(shape, axis_order, dtype)
    if order != "C":
        raise InputError(f"{where} is refused: the order of its voxels is {order!r}, {axis_order!r}; expected C or F.")
    return Layout(shape, (0, 1, 2), dtype)
