"""How the degrees in the prediction follow those in the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph._notebook import Shown
from connectograph._numbers import divide, explain_missing, spearman
from connectograph.degrees.roles import Counts

__all__ = ["DegreeAgreement", "agree"]

_HUBS_PER = 10  # one neuron in ten is a hub
_LIMITS = 1.96


@dataclass(frozen=True)
class DegreeAgreement(Shown):
    """How the degrees (or strengths) in the prediction follow those in the truth.

    Over the neurons with an edge in either graph; d and e are their values in truth and prediction.

    Attributes
    ----------
    role : {"in", "out", "total"}
    measure : {"degree", "strength"}
        Number of edges, or of synapses.
    n_neurons : int
    mean_truth, mean_predicted : float
    bias, bias_sd : float
        Mean and standard deviation of b = log2((e + 0.5) / (d + 0.5)): -1 = half, +1 = twice as many.
    bias_low, bias_high : float
        Limits of agreement, bias -+ 1.96 bias_sd: where 95 % of the neurons would lie.
    slope : float
        Least-squares slope of log e on log d, over neurons with an edge in both: 1 = proportional, less = hubs lose
        more.
    spearman : float
        Rank correlation of d and e.
    wasserstein : float
        Distance of the two distributions (mean \\|difference\\| of the sorted values) / mean of d.
    ks : float
        Largest difference of the two cumulative distributions.
    hub_jaccard : float
        Common / all hubs; hubs are the top tenth (and ties) of the neurons that have an edge.
    n_hubs_truth, n_hubs_predicted : int
        Many more than a tenth where most neurons tie, with one edge each.

    Examples
    --------
    A neuron with 8 partners, of which the prediction finds 4:

    >>> import networkx as nx
    >>> from connectograph.degrees import compare_degrees
    >>> found = compare_degrees(nx.star_graph(8), nx.star_graph(4)).agreement()
    >>> round(found.mean_truth, 2), round(found.mean_predicted, 2), round(found.slope, 2), found.hub_jaccard
    (1.78, 0.89, 0.67, 1.0)
    """

    role: str
    measure: str
    n_neurons: int
    mean_truth: float
    mean_predicted: float
    bias: float
    bias_sd: float
    bias_low: float
    bias_high: float
    slope: float
    spearman: float
    wasserstein: float
    ks: float
    hub_jaccard: float
    n_hubs_truth: int
    n_hubs_predicted: int

    def to_dict(self) -> dict[str, Any]:
        """All numbers; an undefined one is None with its reason beside it."""
        none = "neither graph has an edge"
        few = "fewer than two neurons have an edge"
        reasons = dict.fromkeys(("mean_truth", "mean_predicted", "bias", "ks", "hub_jaccard"), none)
        reasons |= dict.fromkeys(("bias_sd", "bias_low", "bias_high"), few)
        reasons |= {
            "slope": "fewer than two different values among the neurons with an edge in both graphs",
            "spearman": "fewer than two different values in a graph",
            "wasserstein": "the truth has no edge",
        }
        return explain_missing(vars(self), reasons)


def agree(role: str, measure: str, truth: Counts, predicted: Counts) -> DegreeAgreement:
    """Agreement of the values of some neurons."""
    bias, sd = _bias(truth, predicted)
    hubs, predicted_hubs = _find_hubs(truth), _find_hubs(predicted)
    mean = float(truth.mean()) if len(truth) else math.nan
    return DegreeAgreement(
        role=role,
        measure=measure,
        n_neurons=len(truth),
        mean_truth=mean,
        mean_predicted=float(predicted.mean()) if len(truth) else math.nan,
        bias=bias,
        bias_sd=sd,
        bias_low=bias - _LIMITS * sd,
        bias_high=bias + _LIMITS * sd,
        slope=_slope(truth, predicted),
        spearman=spearman(truth, predicted),
        wasserstein=divide(_wasserstein(truth, predicted), mean),
        ks=_kolmogorov_smirnov(truth, predicted),
        hub_jaccard=divide(int((hubs & predicted_hubs).sum()), int((hubs | predicted_hubs).sum())),
        n_hubs_truth=int(hubs.sum()),
        n_hubs_predicted=int(predicted_hubs.sum()),
    )


def _bias(truth: Counts, predicted: Counts) -> tuple[float, float]:
    """Mean and standard deviation of the log2 ratios."""
    ratios = np.log2(predicted + 0.5) - np.log2(truth + 0.5)
    mean = float(ratios.mean()) if len(ratios) else math.nan
    return mean, float(ratios.std(ddof=1)) if len(ratios) > 1 else math.nan


def _slope(truth: Counts, predicted: Counts) -> float:
    shared = (truth > 0) & (predicted > 0)
    x, y = np.log(truth[shared]), np.log(predicted[shared])
    if len(x) == 0 or x.min() == x.max():
        return math.nan
    x = x - x.mean()
    return float(x @ y / (x @ x))


def _wasserstein(truth: Counts, predicted: Counts) -> float:
    """Mean difference of equally many sorted values."""
    return float(np.abs(np.sort(truth) - np.sort(predicted)).mean()) if len(truth) else math.nan


def _kolmogorov_smirnov(truth: Counts, predicted: Counts) -> float:
    if not len(truth):
        return math.nan
    values = np.concatenate([truth, predicted])
    below = [np.searchsorted(np.sort(side), values, side="right") for side in (truth, predicted)]
    return float(np.abs(below[0] - below[1]).max() / len(truth))


def _find_hubs(values: Counts) -> npt.NDArray[np.bool_]:
    """The top tenth of those above 0, and whoever ties with its last."""
    ranked = np.sort(values[values > 0])[::-1]
    least = ranked[-(-len(ranked) // _HUBS_PER) - 1] if len(ranked) else np.inf
    return np.asarray(values >= least)
