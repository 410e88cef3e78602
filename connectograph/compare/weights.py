"""Comparison of weights: how well the number of synapses of each pair is recovered.

A weight is the number of synapses of a pair, 0 where a graph has no edge; sums run over the pairs that are an edge of
either graph.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._networkx import nx
from connectograph._notebook import Shown
from connectograph._numbers import divide, explain_missing, spearman
from connectograph.errors import InputError
from connectograph.graphs import AlignedEdges, as_aligned

__all__ = ["BinScore", "Strata", "WeightScore", "WeightTotals", "compare_weights"]

_Array: TypeAlias = npt.NDArray[Any]

_WEIGHT_BINS = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)
_N_QUANTILES = 5


@dataclass(frozen=True)
class BinScore(Shown):
    """The edges of one bin.

    Attributes
    ----------
    lower, upper : float
        The bin holds lower <= value < upper; the last bin ends at infinity.
    n_edges, n_correct : int
        Edges, and those that are an edge of the other graph, too.

    Examples
    --------
    >>> BinScore(lower=5, upper=10, n_edges=4, n_correct=3).share
    0.75
    """

    lower: float
    upper: float
    n_edges: int
    n_correct: int

    @property
    def share(self) -> float:
        """n_correct / n_edges: the recall, or precision, of the bin."""
        return divide(self.n_correct, self.n_edges)

    def to_dict(self) -> dict[str, Any]:
        """Counts and share; `upper` is None where the bin is open."""
        values = {"lower": self.lower, "n_edges": self.n_edges, "n_correct": self.n_correct, "share": self.share}
        upper = None if math.isinf(self.upper) else self.upper
        return {"upper": upper, **explain_missing(values, {"share": "the bin holds no edge"})}


@dataclass(frozen=True)
class Strata(Shown):
    """Recall or precision in bins.

    Attributes
    ----------
    measure : {"recall", "precision"}
    by : {"truth_weight", "predicted_weight", "contact_area", "synapse_size"}
    n_unknown : int
        Edges in no bin, because their value is not known.
    bins : tuple of BinScore
        By rising value.

    Examples
    --------
    >>> Strata("recall", "truth_weight", 0, (BinScore(1, 2, 4, 1), BinScore(2, float("inf"), 9, 9))).bins[0].share
    0.25
    """

    measure: str
    by: str
    n_unknown: int
    bins: tuple[BinScore, ...]

    def to_dict(self) -> dict[str, Any]:
        """Names, counts, and a list of bins."""
        return {**vars(self), "bins": [part.to_dict() for part in self.bins]}


@dataclass(frozen=True)
class WeightTotals:
    """Synapses of two connectomes, and those in common.

    Attributes
    ----------
    n_pairs : int
        Pairs that are an edge of either graph.
    total_truth, total_predicted, total_common : int
        Sums of the weights, and of the smaller of both weights of each pair.

    Examples
    --------
    >>> totals = WeightTotals(n_pairs=2, total_truth=8, total_predicted=6, total_common=4)
    >>> totals.ruzicka, totals.recall
    (0.4, 0.5)
    """

    n_pairs: int
    total_truth: int
    total_predicted: int
    total_common: int

    @property
    def ruzicka(self) -> float:
        """Sum of the smaller weights / sum of the larger ones (weighted Jaccard)."""
        return divide(self.total_common, self.total_truth + self.total_predicted - self.total_common)

    @property
    def precision(self) -> float:
        """Share of the predicted synapses that the truth has at the same pair."""
        return divide(self.total_common, self.total_predicted)

    @property
    def recall(self) -> float:
        """Share of the true synapses that the prediction has at the same pair."""
        return divide(self.total_common, self.total_truth)

    @property
    def f1(self) -> float:
        """Harmonic mean of both: the Bray-Curtis similarity."""
        return divide(2 * self.total_common, self.total_truth + self.total_predicted)

    @property
    def count_ratio(self) -> float:
        """Predicted / true number of synapses."""
        return divide(self.total_predicted, self.total_truth)


@dataclass(frozen=True)
class WeightScore(WeightTotals, Shown):
    """Agreement of weights.

    Attributes
    ----------
    spearman : float
        Rank correlation of the weights; NaN if a side has fewer than two different ones.
    concordance : float
        Lin's coefficient of log(1 + weight): 1 only where the weights are equal.
    strata : tuple of Strata
        Recall by weight in the truth, precision by weight in the prediction; by contact area and synapse size if given.

    Examples
    --------
    >>> totals = {"total_truth": 8, "total_predicted": 6, "total_common": 4}
    >>> score = WeightScore(n_pairs=2, **totals, spearman=1.0, concordance=0.9, strata=())
    >>> score.ruzicka, score.recall
    (0.4, 0.5)
    """

    spearman: float
    concordance: float
    strata: tuple[Strata, ...]

    def to_dict(self) -> dict[str, Any]:
        """Totals, scores and bins; an undefined number is None with its reason beside it.

        Examples
        --------
        >>> compare_weights(nx.Graph(), nx.Graph([(1, 2)])).to_dict()["recall_reason"]
        'the truth has no synapse'
        """
        names = ("ruzicka", "precision", "recall", "f1", "count_ratio")
        neither = "neither graph has a synapse"
        reasons = {
            "ruzicka": neither,
            "precision": "the prediction has no synapse",
            "recall": "the truth has no synapse",
            "f1": neither,
            "count_ratio": "the truth has no synapse",
            "spearman": "a graph has fewer than two different weights",
            "concordance": "all weights are equal",
        }
        values = {**vars(self), **{name: getattr(self, name) for name in names}}
        return {**explain_missing(values, reasons), "strata": [part.to_dict() for part in self.strata]}


def compare_weights(
    truth: nx.Graph | pd.DataFrame | AlignedEdges,
    predicted: nx.Graph | pd.DataFrame | None = None,
    *,
    contact_area: npt.ArrayLike | None = None,
    synapse_size: npt.ArrayLike | None = None,
) -> WeightScore:
    """Agreement of the numbers of synapses, pair by pair.

    Parameters
    ----------
    truth, predicted : networkx.Graph, networkx.DiGraph or edge table
        Or both at once as :class:`~connectograph.graphs.AlignedEdges`.
    contact_area : (E,) array of float, optional
        For each aligned pair, its contact area in nm^2 (see :func:`~connectograph.compare.spread_contacts`); NaN if
        not known.
    synapse_size : (E,) array of float, optional
        For each aligned pair, the size of its true synapses; NaN if not known.

    Returns
    -------
    WeightScore

    Raises
    ------
    InputError
        If one graph is directed and the other is not, or an array has not one entry for each aligned pair.

    Notes
    -----
    With the weights W in the truth and V in the prediction, over the pairs that are an edge of either:

        Ruzicka [1]_ = sum min(W, V) / sum max(W, V)
        weighted precision, recall, F1 = sum min / sum V, sum min / sum W, 2 sum min / (sum W + sum V) [2]_
        concordance [3]_ = 2 cov(x, y) / (var x + var y + (mean x - mean y)^2), x = log(1 + W), y = log(1 + V)

    Bins of area and size are fifths of the pairs whose value is known. O(E log E).

    References
    ----------
    .. [1] M. Ruzicka, Folia Geobot. Phytotax. 5 (1970), the weighted form of the Jaccard index.
    .. [2] J. R. Bray, J. T. Curtis, Ecol. Monogr. 27 (1957) 325, doi:10.2307/1942268.
    .. [3] L. I. Lin, Biometrics 45 (1989) 255, doi:10.2307/2532051.

    Examples
    --------
    >>> truth = nx.Graph([(1, 2, {"n_synapses": 6}), (2, 3, {"n_synapses": 1})])
    >>> score = compare_weights(truth, nx.Graph([(1, 2, {"n_synapses": 3})]))
    >>> score.precision, score.recall, score.strata[0].bins[0].share
    (1.0, 0.42857142857142855, 0.0)
    """
    both = as_aligned(truth, predicted)
    return WeightScore(
        n_pairs=len(both.source),
        total_truth=int(both.truth.sum()),
        total_predicted=int(both.predicted.sum()),
        total_common=int(np.minimum(both.truth, both.predicted).sum()),
        spearman=spearman(both.truth, both.predicted),
        concordance=_concordance(np.log1p(both.truth), np.log1p(both.predicted)),
        strata=tuple(_stratify(both, {"contact_area": contact_area, "synapse_size": synapse_size})),
    )


def _concordance(x: _Array, y: _Array) -> float:
    """Lin's concordance correlation coefficient, with variances over n."""
    if not len(x):
        return math.nan
    dx, dy = x - x.mean(), y - y.mean()
    spread = float(dx @ dx + dy @ dy) / len(x) + float(x.mean() - y.mean()) ** 2
    return divide(2 * float(dx @ dy) / len(x), spread)


def _stratify(both: AlignedEdges, given: dict[str, npt.ArrayLike | None]) -> list[Strata]:
    """Recall and precision in bins of the weights, and of what else is known of the pairs."""
    weights = (("recall", "truth_weight", both.truth), ("precision", "predicted_weight", both.predicted))
    strata = [_score_bins(both, measure, by, value, _WEIGHT_BINS) for measure, by, value in weights]
    for by, values in given.items():
        if values is None:
            continue
        array = np.asarray(values, float)
        if array.shape != both.source.shape:
            raise InputError(f"{by} has shape {array.shape}; expected one entry for each of {len(both.source)} pairs.")
        known = array[~np.isnan(array)]
        quantiles = np.arange(_N_QUANTILES) / _N_QUANTILES
        lower = np.unique(np.quantile(known, quantiles)).tolist() if len(known) else []
        measures = ("recall", "precision") if by == "contact_area" else ("recall",)
        strata += [_score_bins(both, measure, by, array, lower) for measure in measures]
    return strata


def _score_bins(both: AlignedEdges, measure: str, by: str, values: _Array, lower: Sequence[float]) -> Strata:
    """The edges of the truth (for recall) or of the prediction in bins of their values."""
    own, other = (both.truth, both.predicted) if measure == "recall" else (both.predicted, both.truth)
    known = (own > 0) & ~np.isnan(values)
    place = np.searchsorted(lower, values[known], side="right") - 1
    n_edges = np.bincount(place, minlength=len(lower))
    n_correct = np.bincount(place[other[known] > 0], minlength=len(lower))
    bins = zip(lower, [*lower, math.inf][1:], n_edges.tolist(), n_correct.tolist(), strict=True)
    return Strata(measure, by, int((own > 0).sum() - known.sum()), tuple(BinScore(*part) for part in bins))
