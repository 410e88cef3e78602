"""Label volumes: voxels, voxel size and offset in one object.

Conventions: arrays are in (z, y, x) order; voxel sizes and offsets are nanometres, in the same order; the position
of a voxel is ``offset + (index + 0.5) * voxel_size``. 0 and 2^64-1 are background in every volume.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError

__all__ = ["BACKGROUND", "IGNORE", "Block", "Grid", "LazyLabels", "Volume", "check_same_grid"]

BACKGROUND = (0, 2**64 - 1)
"""Ids that mean "nothing here" in every volume."""

IGNORE = 2**64 - 2
"""CREMI's ignore value: masks synapse voxels where the truth holds it, background elsewhere."""

Triple = tuple[float, float, float]
Shape = tuple[int, int, int]


class Block(NamedTuple):
    """One box of a volume: where it starts (z, y, x), its shape, and how to read it.

    ``read()`` may hand out a buffer that the same thread's next ``read()`` fills again: use it or copy it.
    """

    origin: Shape
    shape: Shape
    read: Callable[[], npt.NDArray[Any]]


@runtime_checkable
class LazyLabels(Protocol):
    """What a volume needs of an array that is read piece by piece (HDF5, a stream): see :mod:`connectograph.io`."""

    @property
    def shape(self) -> Shape: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def blocks(self) -> Iterator[Block]:
        """Disjoint blocks that together cover the array, in the order that is cheapest to read."""
        ...

    def __getitem__(self, box: tuple[slice, slice, slice]) -> npt.NDArray[Any]: ...


class Grid(Protocol):
    """Whatever says where its voxels lie: a volume, or the synapses found in it."""

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> Shape: ...

    @property
    def voxel_size(self) -> Triple: ...

    @property
    def offset(self) -> Triple: ...


@dataclass(frozen=True, eq=False)
class Volume:
    """A label volume (or mask, or heat map) with its place in space.

    Parameters
    ----------
    labels : (Z, Y, X) array or LazyLabels
        The voxels, in (z, y, x) order. Never changed.
    voxel_size : tuple of 3 floats
        Size of a voxel (z, y, x) in nm.
    offset : tuple of 3 floats, optional
        Position (z, y, x) of the outer corner of the first voxel in nm.
    name : str, optional
        What to call it in tables and messages; for a file, ``path:dataset``.
    assumed : tuple of str, optional
        What a reader had to assume, shown by ``connectograph check``.
    notices : tuple of str, optional
        What must be said beside every result: chunks that were missing.

    Raises
    ------
    InputError
        If the array is not three-dimensional, or a size is not positive and finite.

    Examples
    --------
    >>> import numpy as np
    >>> volume = Volume(np.zeros((2, 3, 4), "uint64"), voxel_size=(40, 4, 4))
    >>> volume.shape, volume.voxel_volume
    ((2, 3, 4), 640.0)
    """

    labels: npt.NDArray[Any] | LazyLabels
    voxel_size: Triple
    offset: Triple = (0.0, 0.0, 0.0)
    name: str = ""
    assumed: tuple[str, ...] = field(default=())
    notices: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        where = self.name or "volume"
        if not hasattr(self.labels, "shape") or not hasattr(self.labels, "dtype"):
            raise TypeError(f"{where}: labels must be an array, found {type(self.labels).__name__}")
        if len(self.labels.shape) != 3:
            raise InputError(
                f"{where} has {len(self.labels.shape)} dimensions {tuple(self.labels.shape)}; expected 3 (z, y, x)."
            )
        object.__setattr__(self, "voxel_size", _triple(self.voxel_size, f"{where}: voxel_size", positive=True))
        object.__setattr__(self, "offset", _triple(self.offset, f"{where}: offset", positive=False))

    @property
    def shape(self) -> Shape:
        """Number of voxels along (z, y, x)."""
        z, y, x = self.labels.shape
        return int(z), int(y), int(x)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored voxels."""
        return np.dtype(self.labels.dtype)

    @property
    def voxel_volume(self) -> float:
        """Volume of one voxel in nm³."""
        return math.prod(self.voxel_size)

    def crop(self, z: slice, y: slice, x: slice) -> Volume:
        """Part of the volume, with the offset moved along.

        Parameters
        ----------
        z, y, x : slice
            Voxel ranges without step.

        Returns
        -------
        Volume
            The part, in memory.

        Examples
        --------
        >>> volume = Volume(np.zeros((4, 4, 4), "uint8"), voxel_size=(40, 4, 4))
        >>> volume.crop(slice(1, 3), slice(0, 4), slice(2, 4)).offset
        (40.0, 0.0, 8.0)
        """
        box = (z, y, x)
        if any(part.step not in (None, 1) for part in box):
            raise InputError(f"{self.name or 'volume'}: a crop has no step; found {box}.")
        starts = [part.indices(size)[0] for part, size in zip(box, self.shape, strict=True)]
        z0, y0, x0 = (o + s * v for o, s, v in zip(self.offset, starts, self.voxel_size, strict=True))
        return replace(self, labels=self.labels[box], offset=(z0, y0, x0))


def _triple(values: Any, what: str, *, positive: bool) -> Triple:
    """Three finite floats (z, y, x), or an InputError that says what was found."""
    try:
        triple = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        triple = ()
    good = len(triple) == 3 and all(math.isfinite(v) and (v > 0 or not positive) for v in triple)
    if not good:
        kind = "positive numbers" if positive else "numbers"
        raise InputError(f"{what} is {values!r}; expected three {kind} (z, y, x) in nm.")
    return triple  # type: ignore[return-value]


def check_same_grid(reference: Grid, other: Grid) -> None:
    """Refuse two volumes (or the synapses of two) whose voxels are not the same places, naming the fix that would fit.

    Parameters
    ----------
    reference, other : Volume or Synapses
        Compared by shape, voxel size (relative tolerance 1e-3) and offset (a thousandth of a voxel).

    Raises
    ------
    InputError
        If they differ.

    Examples
    --------
    >>> a = Volume(np.zeros((2, 3, 4), "uint8"), voxel_size=(40, 4, 4), name="a")
    >>> b = Volume(np.zeros((4, 3, 2), "uint8"), voxel_size=(40, 4, 4), name="b")
    >>> check_same_grid(a, b)
    Traceback (most recent call last):
    connectograph.errors.InputError: b has shape (4, 3, 2) but a is (2, 3, 4) (z, y, x). The reverse order ...
    """
    here, there = other.name or "the second volume", reference.name or "the first volume"
    if other.shape != reference.shape:
        raise InputError(
            f"{here} has shape {other.shape} but {there} is {reference.shape} (z, y, x). {_shape_fix(reference, other)}"
        )
    if not np.allclose(other.voxel_size, reference.voxel_size, rtol=1e-3, atol=0):
        raise InputError(
            f"{here} has voxel size {other.voxel_size} nm but {there} has {reference.voxel_size} nm (z, y, x). "
            f"{_size_fix(reference, other)}"
        )
    tolerance = 1e-3 * np.asarray(reference.voxel_size)
    if (np.abs(np.subtract(other.offset, reference.offset)) > tolerance).any():
        raise InputError(
            f"{here} has offset {other.offset} nm but {there} has {reference.offset} nm (z, y, x). "
            f"{_offset_fix(reference, other)}"
        )


def _shape_fix(reference: Grid, other: Grid) -> str:
    """What would make the shapes fit: the reverse order, another order, or a crop."""
    if other.shape[::-1] == reference.shape:
        return "The reverse order matches: pass --axes xyz if the file stores x first, or transpose the array."
    for order in permutations(range(3)):
        if tuple(other.shape[axis] for axis in order) == reference.shape:
            return f"The axes would match in the order {order}: transpose the array with numpy.transpose(a, {order})."
    if all(a >= b for a, b in zip(other.shape, reference.shape, strict=True)):
        return f"{_offset_fix(reference, other)} It is larger: crop it to the shape {reference.shape} first."
    if all(a <= b for a, b in zip(other.shape, reference.shape, strict=True)):
        return f"It is smaller: crop both to the region they share, e.g. Volume.crop to the shape {other.shape}."
    return "Crop both to the region that they share."


def _size_fix(reference: Grid, other: Grid) -> str:
    ratio = np.divide(reference.voxel_size, other.voxel_size)
    if other.voxel_size[::-1] == reference.voxel_size:
        return "The reverse order matches: the voxel size is given (z, y, x)."
    for factor, units in ((1000.0, "micrometres"), (0.001, "picometres")):
        if np.allclose(ratio, factor, rtol=1e-3):
            return f"The ratio is {factor:g}: one of them seems to be in {units}; voxel sizes are nm."
    return "Correct the file's 'resolution', or pass --voxel-size Z,Y,X to use one for all."


def _offset_fix(reference: Grid, other: Grid) -> str:
    """The crop of each volume that covers the region both share, if their grids allow one."""
    shift = np.subtract(other.offset, reference.offset) / np.asarray(reference.voxel_size)
    if np.abs(shift - np.round(shift)).max() > 1e-3:
        return f"They are {tuple(shift.round(3).tolist())} voxels apart: not a whole number, so no crop fits."
    step = np.round(shift).astype(np.int64)
    start = np.maximum(step, 0)
    stop = np.minimum(np.asarray(reference.shape), step + np.asarray(other.shape))
    if (stop <= start).any():
        return "They do not overlap at all."
    return (
        f"They share the voxels {_ranges(start, stop)} of the first and {_ranges(start - step, stop - step)} of the "
        "second: crop both to these."
    )


def _ranges(start: npt.NDArray[np.int64], stop: npt.NDArray[np.int64]) -> str:
    return "[" + ", ".join(f"{a}:{b}" for a, b in zip(start, stop, strict=True)) + "]"
