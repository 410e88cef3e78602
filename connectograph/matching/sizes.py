"""Sizes of synapses: how well they are predicted, and how well synapses of each size are found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from connectograph._notebook import Shown
from connectograph._numbers import divide, explain_missing, spearman

__all__ = ["SizeAgreement", "SizeBin", "compare_sizes"]

_Counts: TypeAlias = npt.NDArray[np.int64]

_N_BINS = 10


@dataclass(frozen=True)
class SizeBin(Shown):
    """True synapses of similar size.

    Attributes
    ----------
    lower, upper : int
        Voxels of the smallest and of the largest of them.
    n_truth, n_found : int
        True synapses, and those that are matched.

    Examples
    --------
    >>> SizeBin(lower=10, upper=24, n_truth=4, n_found=3).recall
    0.75
    """

    lower: int
    upper: int
    n_truth: int
    n_found: int

    @property
    def recall(self) -> float:
        """n_found / n_truth."""
        return divide(self.n_found, self.n_truth)

    def to_dict(self) -> dict[str, Any]:
        """Sizes, counts, recall."""
        return {**vars(self), "recall": self.recall}


@dataclass(frozen=True)
class SizeAgreement(Shown):
    """Sizes of the matched synapses, and recall by size.

    Attributes
    ----------
    n_matched : int
    bias : float
        Median of e = log2(predicted voxels / true voxels): +1 = twice as large.
    spread : float
        Median of \\|e - bias\\|.
    spearman : float
        Rank correlation of both sizes; NaN if a side has fewer than two different ones.
    bins : tuple of SizeBin
        Recall of the true synapses by decile of their size, smallest first; fewer bins where sizes repeat.

    Examples
    --------
    >>> found = compare_sizes(np.array([4, 8, 5]), np.array([4, 16, 0]))
    >>> found.bias, found.spread, [part.recall for part in found.bins]
    (0.5, 0.5, [1.0, 0.0, 1.0])
    """

    n_matched: int
    bias: float
    spread: float
    spearman: float
    bins: tuple[SizeBin, ...]

    def to_dict(self) -> dict[str, Any]:
        """All numbers; an undefined one is None with its reason beside it."""
        reasons = dict.fromkeys(("bias", "spread"), "no synapse is matched")
        reasons["spearman"] = "fewer than two different sizes among the matched synapses of a side"
        return {**explain_missing(vars(self), reasons), "bins": [part.to_dict() for part in self.bins]}


def compare_sizes(truth: _Counts, predicted: _Counts) -> SizeAgreement:
    """Agreement of sizes.

    Parameters
    ----------
    truth, predicted : (N,) arrays of int64
        Voxels of each true synapse and of its match, 0 if it has none.

    Returns
    -------
    SizeAgreement
    """
    found = predicted > 0
    ratio = np.log2(predicted[found]) - np.log2(truth[found])
    bias = float(np.median(ratio)) if len(ratio) else math.nan
    return SizeAgreement(
        n_matched=len(ratio),
        bias=bias,
        spread=float(np.median(np.abs(ratio - bias))) if len(ratio) else math.nan,
        spearman=spearman(truth[found], predicted[found]),
        bins=_recall_by_size(truth, found),
    )


def _recall_by_size(sizes: _Counts, found: npt.NDArray[np.bool_]) -> tuple[SizeBin, ...]:
    """Bins that begin at the deciles; equal sizes are never parted."""
    if len(sizes) == 0:
        return ()
    ordered = np.sort(sizes)
    edges = np.unique(ordered[np.arange(_N_BINS) * len(sizes) // _N_BINS])
    place = np.searchsorted(edges, sizes, side="right") - 1
    bins = []
    for k in range(len(edges)):
        inside = place == k
        bins.append(SizeBin(int(edges[k]), int(sizes[inside].max()), int(inside.sum()), int(found[inside].sum())))
    return tuple(bins)
