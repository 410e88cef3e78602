"""Voxels that two sets of synapses share, counted from their runs: no volume is ever filled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._notebook import Shown
from connectograph._numbers import divide, explain_missing
from connectograph.synapses import Synapses
from connectograph.tables import make_table
from connectograph.volumes import check_same_grid

__all__ = ["VoxelOverlap", "count_shared", "count_voxels", "overlap_synapses"]

_Counts: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class VoxelOverlap(Shown):
    """Overlap of all synapse voxels, whichever synapse they belong to.

    Attributes
    ----------
    n_voxels_truth, n_voxels_predicted, n_voxels_shared : int
        Synapse voxels of the truth, of the prediction, of both.
    iou, dice : float
        shared / (truth + predicted - shared) [1]_ and 2 shared / (truth + predicted) [2]_; NaN without any voxel.

    References
    ----------
    .. [1] P. Jaccard, New Phytologist 11, 37-50, 1912.
    .. [2] L. R. Dice, Ecology 26, 297-302, 1945.

    Examples
    --------
    >>> overlap = VoxelOverlap(n_voxels_truth=6, n_voxels_predicted=4, n_voxels_shared=2)
    >>> overlap.iou, overlap.dice
    (0.25, 0.4)
    """

    n_voxels_truth: int
    n_voxels_predicted: int
    n_voxels_shared: int

    @property
    def iou(self) -> float:
        return divide(self.n_voxels_shared, self.n_voxels_truth + self.n_voxels_predicted - self.n_voxels_shared)

    @property
    def dice(self) -> float:
        return divide(2 * self.n_voxels_shared, self.n_voxels_truth + self.n_voxels_predicted)

    def to_dict(self) -> dict[str, Any]:
        """Counts, IoU and Dice; an undefined one is None with its reason beside it."""
        none = dict.fromkeys(("iou", "dice"), "neither side has a synapse voxel")
        return explain_missing({**vars(self), "iou": self.iou, "dice": self.dice}, none)


def overlap_synapses(truth: Synapses, predicted: Synapses) -> pd.DataFrame:
    """Every true synapse with every predicted one that it shares a voxel with.

    Parameters
    ----------
    truth, predicted : Synapses
        On the same grid.

    Returns
    -------
    pandas.DataFrame
        The table "synapse_overlaps": both ids, their sizes, the voxels they share, and
        `iou` = shared / (truth + predicted - shared).

    Raises
    ------
    InputError
        If the grids differ.

    Notes
    -----
    Of two runs that overlap, one begins inside the other; so merging the sorted begins of both sides finds all of
    them: O(runs), no more memory than the runs.

    Examples
    --------
    >>> from connectograph.synapses import label_synapses
    >>> from connectograph.volumes import Volume
    >>> truth = label_synapses(Volume(np.array([[[3, 3, 3, 0, 4]]]), voxel_size=(40, 4, 4)))
    >>> predicted = label_synapses(Volume(np.array([[[0, 8, 8, 8, 8]]]), voxel_size=(40, 4, 4)))
    >>> overlap_synapses(truth, predicted)[["synapse_id_truth", "n_voxels_shared", "iou"]].to_dict("list")
    {'synapse_id_truth': [3, 4], 'n_voxels_shared': [2, 1], 'iou': [0.4, 0.25]}
    """
    i, j, shared = count_shared(truth, predicted)
    n_truth, n_predicted = count_voxels(truth)[i], count_voxels(predicted)[j]
    return make_table(
        "synapse_overlaps",
        {
            "synapse_id_truth": truth.ids[i],
            "synapse_id_predicted": predicted.ids[j],
            "n_voxels_truth": n_truth,
            "n_voxels_predicted": n_predicted,
            "n_voxels_shared": shared,
            "iou": shared / (n_truth + n_predicted - shared),
        },
    )


def count_shared(truth: Synapses, predicted: Synapses) -> tuple[_Counts, _Counts, _Counts]:
    """Positions in `ids` of each overlapping pair, sorted, and the voxels it shares."""
    check_same_grid(truth, predicted)
    i, j, shared = _cross_runs(truth, predicted)
    pair, at = np.unique(truth.codes[i].astype(np.int64) * len(predicted) + predicted.codes[j], return_inverse=True)
    summed = np.zeros(len(pair), np.int64)
    np.add.at(summed, at, shared)
    return *np.divmod(pair, max(1, len(predicted))), summed


def count_voxels(synapses: Synapses) -> _Counts:
    """Voxels of each synapse."""
    n_voxels = np.zeros(len(synapses), np.int64)
    np.add.at(n_voxels, synapses.codes, synapses.lengths.astype(np.int64))
    return n_voxels


def _cross_runs(truth: Synapses, predicted: Synapses) -> tuple[_Counts, _Counts, _Counts]:
    """Positions of each two runs that overlap, and their common voxels."""
    n, m = len(truth.starts), len(predicted.starts)
    order = np.argsort(np.concatenate([truth.starts, predicted.starts]), kind="stable")
    # of each run, the last of the other side that begins before it; of equal begins the truth's is the first
    in_predicted = np.flatnonzero(order < n) - np.arange(n) - 1
    in_truth = np.flatnonzero(order >= n) - np.arange(m) - 1
    j, shared_j = _within(predicted, truth, in_truth)
    i, shared_i = _within(truth, predicted, in_predicted)
    return (
        np.concatenate([in_truth[j], i]),
        np.concatenate([j, in_predicted[i]]),
        np.concatenate([shared_j, shared_i]),
    )


def _within(own: Synapses, other: Synapses, before: _Counts) -> tuple[_Counts, _Counts]:
    """Own runs that begin inside the other's run `before` them, and the voxels that both hold."""
    none = int(np.searchsorted(before, 0))  # runs that begin before all of the other side's
    starts = own.starts[none:]
    end = (other.starts + other.lengths)[before[none:]]
    inside = np.flatnonzero(starts < end)
    at = inside + none
    return at, np.minimum(end[inside], own.starts[at] + own.lengths[at]) - own.starts[at]
