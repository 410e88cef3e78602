"""Where a run's voxels lie, and how viewers number them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.volumes import Shape, Triple

__all__ = ["Frame"]


@dataclass(frozen=True)
class Frame:
    """The grid of a run.

    Parameters
    ----------
    shape : tuple of 3 ints
        Voxels (z, y, x).
    voxel_size, offset : tuple of 3 floats
        (z, y, x) in nm, as in :class:`~connectograph.volumes.Volume`.

    Examples
    --------
    >>> frame = Frame((10, 20, 30), (40.0, 4.0, 4.0), (400.0, 0.0, 8.0))
    >>> frame.origin, frame.count_voxels(np.array([[420.0, 2.0, 12.0]])).tolist()
    ((10, 0, 2), [[10.5, 0.5, 3.0]])
    """

    shape: Shape
    voxel_size: Triple
    offset: Triple = (0.0, 0.0, 0.0)

    @classmethod
    def from_report(cls, report: Mapping[str, Any]) -> Frame | None:
        """The grid of the segmentation that a report.json describes; None if there was no volume."""
        grid = (report.get("inputs") or {}).get("segmentation") or {}
        if not grid.get("shape") or not grid.get("voxel_size_nm"):
            return None
        return cls(tuple(grid["shape"]), tuple(grid["voxel_size_nm"]), tuple(grid["offset_nm"]))

    @property
    def origin(self) -> Shape:
        """Number of the first voxel; 0, 0, 0 where the offset is negative or no whole number of voxels."""
        start = np.divide(self.offset, self.voxel_size)
        whole = np.round(start)
        if (np.abs(start - whole) > 1e-3).any() or (whole < 0).any():
            return 0, 0, 0
        z, y, x = (int(value) for value in whole)
        return z, y, x

    def count_voxels(self, positions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Positions in voxels: voxel i reaches from i to i + 1.

        Parameters
        ----------
        positions : (N, 3) array
            (z, y, x) in nm.

        Returns
        -------
        (N, 3) array
            (z, y, x); NaN where a position is not known.
        """
        inside = (np.asarray(positions, np.float64) - self.offset) / self.voxel_size
        return inside + np.array(self.origin, np.float64)
