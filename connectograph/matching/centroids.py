"""Which synapses have their centre in which dilated synapses of the other side."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from connectograph.contacts import dilation_offsets
from connectograph.matching.overlaps import count_voxels
from connectograph.synapses import Synapses
from connectograph.volumes import check_same_grid

__all__ = ["find_centred"]

_Counts: TypeAlias = npt.NDArray[np.int64]


def find_centred(truth: Synapses, predicted: Synapses, dilation_nm: float) -> tuple[_Counts, _Counts]:
    """Pairs of which the predicted synapse has its centre in the dilated true one.

    Parameters
    ----------
    truth, predicted : Synapses
        On the same grid.
    dilation_nm : float
        How far true synapses are dilated; 0: not at all.

    Returns
    -------
    i, j : (C,) arrays of int64
        Positions in `ids`, each pair once, sorted.

    Raises
    ------
    InputError
        If the grids differ, or the dilation is negative.

    Notes
    -----
    The centre is the voxel of the mean position (halves upwards), exact in whole numbers. The dilation is the ball of
    :func:`~connectograph.contacts.dilation_offsets`; its rows along x are sought among the sorted runs of the truth:
    O(rows of the ball x predicted synapses x log runs).

    Examples
    --------
    >>> from connectograph.synapses import label_synapses
    >>> from connectograph.volumes import Volume
    >>> truth = label_synapses(Volume(np.array([[[3, 3, 0, 0, 0, 4]]]), voxel_size=(40, 4, 4)))
    >>> predicted = label_synapses(Volume(np.array([[[0, 0, 8, 0, 0, 9]]]), voxel_size=(40, 4, 4)))
    >>> [pairs.tolist() for pairs in find_centred(truth, predicted, 0)]
    [[1], [1]]
    >>> [pairs.tolist() for pairs in find_centred(truth, predicted, 4.0)]
    [[0, 1], [0, 1]]
    """
    check_same_grid(truth, predicted)
    offsets = dilation_offsets(None, dilation_nm, truth.voxel_size)
    centres = _find_centres(predicted)
    rows, row_of = np.unique(offsets[:, :2], axis=0, return_inverse=True)
    reach = np.zeros(len(rows), np.int64)
    np.maximum.at(reach, row_of.ravel(), offsets[:, 2])
    found = [_cross_row(truth, centres, row, int(x)) for row, x in zip(rows, reach, strict=True)]
    i, j = np.unique(np.concatenate(found, axis=1), axis=1)
    return i, j


def _find_centres(synapses: Synapses) -> _Counts:
    """Voxel (z, y, x) of the mean position of each synapse, (n, 3)."""
    _, height, width = synapses.shape
    row, x = np.divmod(synapses.starts, width)
    n = synapses.lengths.astype(np.int64)
    sums = np.zeros((3, len(synapses)), np.int64)
    for axis, values in enumerate((row // height * n, row % height * n, x * n + n * (n - 1) // 2)):
        np.add.at(sums[axis], synapses.codes, values)
    whole = count_voxels(synapses)
    return ((2 * sums + whole) // (2 * whole)).T


def _cross_row(truth: Synapses, centres: _Counts, row: _Counts, reach: int) -> _Counts:
    """Runs of the truth in one row of the ball around each centre: positions of both synapses, (2, C)."""
    depth, height, width = truth.shape
    z, y = (centres[:, :2] + row).T
    inside = np.flatnonzero((z >= 0) & (z < depth) & (y >= 0) & (y < height))
    start = (z[inside] * height + y[inside]) * width
    x = centres[inside, 2]
    first = np.searchsorted(truth.starts + truth.lengths, start + np.maximum(x - reach, 0), side="right")
    count = np.searchsorted(truth.starts, start + np.minimum(x + reach, width - 1), side="right") - first
    run = np.repeat(first - np.cumsum(count) + count, count) + np.arange(int(count.sum()))
    return np.stack([truth.codes[run].astype(np.int64), np.repeat(inside, count)])
