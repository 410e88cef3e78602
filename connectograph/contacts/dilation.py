"""The dilation as a set of voxel offsets."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError
from connectograph.volumes import Triple

__all__ = ["dilation_offsets"]

_MOST_OFFSETS = 10_000_000


def dilation_offsets(dilation: int | None, dilation_nm: float | None, voxel_size: Triple) -> npt.NDArray[np.int64]:
    """Offsets (z, y, x) of the voxels that a dilated voxel covers.

    Parameters
    ----------
    dilation : int, optional
        In voxels, the laboratory convention: the 7-voxel cross enlarged in the (y, x) plane by the diamond of radius
        ``dilation - 1``; z grows by 1, y and x by `dilation`. 0 is the voxel itself.
    dilation_nm : float, optional
        Instead of `dilation`, a radius in nm: all offsets whose squared length is at most ``r² (1 + 1e-9)``.
    voxel_size : tuple of 3 floats
        (z, y, x) in nm.

    Returns
    -------
    (K, 3) array of int64
        Sorted by z, y, x; symmetric about 0.

    Raises
    ------
    InputError
        If not exactly one of the two is given, or it is negative or absurdly large.

    Examples
    --------
    >>> len(dilation_offsets(1, None, (40, 4, 4))), len(dilation_offsets(2, None, (40, 4, 4)))
    (7, 23)
    >>> dilation_offsets(None, 4.0, (40, 4, 4)).tolist()
    [[0, -1, 0], [0, 0, -1], [0, 0, 0], [0, 0, 1], [0, 1, 0]]
    """
    if (dilation is None) == (dilation_nm is None):
        raise InputError(
            "The dilation is given either in voxels (dilation) or in nm (dilation_nm), and by one of them."
        )
    if dilation_nm is not None:
        return _ball(_checked(dilation_nm, "dilation_nm"), voxel_size)
    if isinstance(dilation, bool) or int(_checked(dilation, "dilation")) != dilation:
        raise InputError(f"dilation is {dilation!r}; expected a whole number of voxels, 0 or more.")
    return _laboratory(int(dilation))


def _checked(value: float | None, what: str) -> float:
    if not isinstance(value, (int, float, np.integer, np.floating)) or not 0 <= value < math.inf:
        raise InputError(f"{what} is {value!r}; expected a number, 0 or more.")
    return float(value)


def _refuse_far(reach: list[int]) -> None:
    """Refuse more offsets than any cleft asks for, before they are listed."""
    if math.prod(2 * voxels + 1 for voxels in reach) > _MOST_OFFSETS:
        z, y, x = reach
        raise InputError(f"The dilation reaches {z:,}, {y:,} and {x:,} voxels along z, y and x; expected a few.")


def _laboratory(radius: int) -> npt.NDArray[np.int64]:
    if radius == 0:
        return np.zeros((1, 3), np.int64)
    _refuse_far([1, radius, radius])
    z, y, x = np.mgrid[-1:2, -radius : radius + 1, -radius : radius + 1]
    return np.argwhere(np.abs(z) + np.abs(y) + np.abs(x) <= radius) - (1, radius, radius)


def _ball(radius: float, voxel_size: Triple) -> npt.NDArray[np.int64]:
    reach = [int(radius * (1 + 1e-9) // size) for size in voxel_size]
    _refuse_far(reach)
    grids = np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij")
    squared = sum((grid * size) ** 2 for grid, size in zip(grids, voxel_size, strict=True))
    inside: npt.NDArray[np.int64] = np.argwhere(squared <= radius**2 * (1 + 1e-9)) - reach
    return inside
