"""Points in a volume: in which voxel and in which segment they lie.

Functions: :func:`find_segments_at`, :func:`voxels_at`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.blocks import as_label_block, iterate_blocks, map_blocks
from connectograph.volumes import IGNORE, Block, Grid, LazyLabels, Shape, Volume

__all__ = ["find_segments_at", "voxels_at"]

_SNAP = 1e-6
"""Share of a voxel by which a position may miss the next one, through rounding, and still lie in it."""


def find_segments_at(
    segmentation: Volume, positions: npt.NDArray[np.float64], *, workers: int | None = None
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
    """Segments at points; only the blocks that hold a point are unpacked, each once.

    Parameters
    ----------
    segmentation : Volume
    positions : (N, 3) array of float64
        (z, y, x) in nm. A point lies in the voxel with ``floor((position - offset) / voxel_size)``; a position that
        misses the next voxel by less than a millionth of one lies in that, so that whole multiples of the voxel size
        are exact.
    workers : int, optional
        Threads.

    Returns
    -------
    ids : (N,) array of uint64
        0 on background and outside the volume.
    inside : (N,) array of bool

    Raises
    ------
    InputError
        If a label is negative or fractional.

    Examples
    --------
    >>> volume = Volume(np.array([[[4, 4, 2]]], "uint8"), voxel_size=(40, 4, 4), offset=(0, 0, 8))
    >>> ids, inside = find_segments_at(volume, np.array([(0.0, 3.9, 16.0), (0, 0, 7.9)]))
    >>> ids.tolist(), inside.tolist()
    ([2, 0], [True, False])
    """
    voxels = voxels_at(segmentation, positions)
    inside: npt.NDArray[np.bool_] = np.all((voxels >= 0) & (voxels < np.array(segmentation.shape)), axis=1)
    rows = np.flatnonzero(inside)
    rows = rows[np.argsort(voxels[rows, 0], kind="stable")]
    wanted = _WantedBlocks(segmentation.labels, voxels[rows])
    where, found = segmentation.name or "the segmentation", np.zeros(len(voxels), np.uint64)

    def look_up(array: npt.NDArray[Any], origin: Shape) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
        here = wanted.find(origin, array.shape)
        z, y, x = (wanted.voxels[here] - origin).T
        return here, as_label_block(array, origin, where)[z, y, x].astype(np.uint64)

    for here, ids in map_blocks(look_up, replace(segmentation, labels=wanted), workers=workers):
        found[rows[here]] = ids
    found[found >= IGNORE] = 0
    return found, inside


def voxels_at(grid: Grid, positions: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """(N, 3) indices of the voxels in which positions (nm) lie; see :func:`find_segments_at`."""
    scaled = (np.asarray(positions, np.float64).reshape(-1, 3) - grid.offset) / np.asarray(grid.voxel_size)
    limit = float(2**62)
    voxels: npt.NDArray[np.int64] = np.floor(np.clip(scaled + _SNAP, -limit, limit)).astype(np.int64)
    return voxels


@dataclass(frozen=True, eq=False)
class _WantedBlocks:
    """The blocks of a volume that hold one of some voxels (sorted by z)."""

    labels: npt.NDArray[Any] | LazyLabels
    voxels: npt.NDArray[np.int64]

    @property
    def shape(self) -> Shape:
        z, y, x = self.labels.shape
        return int(z), int(y), int(x)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.labels.dtype)

    def blocks(self) -> Iterator[Block]:
        return (block for block in iterate_blocks(self.labels) if len(self.find(block.origin, block.shape)))

    def __getitem__(self, box: tuple[slice, slice, slice]) -> npt.NDArray[Any]:
        return self.labels[box]

    def find(self, origin: Shape, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
        """Rows of the voxels inside a box."""
        first, last = np.searchsorted(self.voxels[:, 0], (origin[0], origin[0] + shape[0]))
        part = self.voxels[first:last, 1:] - origin[1:]
        rows: npt.NDArray[np.int64] = first + np.flatnonzero(((part >= 0) & (part < shape[1:])).all(axis=1))
        return rows
