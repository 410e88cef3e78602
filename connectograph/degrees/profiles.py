"""How alike the weights of each neuron's connections are in the truth and in the prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.degrees.partners import list_partners
from connectograph.degrees.roles import Counts
from connectograph.graphs import AlignedEdges

__all__ = ["measure_profiles", "summarise_profiles"]

Numbers = npt.NDArray[np.float64]


def measure_profiles(both: AlignedEdges, role: str) -> tuple[Numbers, Numbers]:
    """Cosine and rank correlation of every neuron's weights, truth against prediction.

    Parameters
    ----------
    both : AlignedEdges
    role : {"in", "out", "total"}

    Returns
    -------
    cosine : (N,) array of float64
        0 to 1; NaN for neurons without a partner in either graph.
    spearman : (N,) array of float64
        -1 to 1; NaN for neurons whose partners all weigh the same in one of the graphs.

    Notes
    -----
    w and w' are the synapses of a neuron with each of its partners in truth and prediction, 0 where only the other
    graph has the partner; of the role "total", those of both directions added. Cosine: sum w w' / sqrt(sum w^2 sum
    w'^2), 0 if only one graph has partners. Spearman: correlation of the ranks of w and w', ties with their mean rank,
    over the partners in either graph, because over all neurons the many that are no partner in both would pass for
    agreement. Neither changes if all weights are multiplied by the same number. O(edges log edges).

    Examples
    --------
    Neuron 1 has 3 and 4 synapses with its partners; the prediction finds 4 and 3:

    >>> import networkx as nx
    >>> from connectograph.graphs import align
    >>> truth, predicted = nx.DiGraph(), nx.DiGraph()
    >>> for graph, weights in ((truth, (3, 4)), (predicted, (4, 3))):
    ...     graph.add_edge(1, 2, n_synapses=weights[0])
    ...     graph.add_edge(1, 3, n_synapses=weights[1])
    >>> cosine, spearman = measure_profiles(align(truth, predicted), "out")
    >>> cosine.tolist(), spearman.tolist()
    ([0.96, nan, nan], [-1.0, nan, nan])
    """
    start, truth, predicted = list_partners(both, role)
    neuron = _number(start)
    return _align(start, neuron, truth, predicted), _correlate(start, neuron, truth, predicted)


def summarise_profiles(neurons: pd.DataFrame) -> list[dict[str, Any]]:
    """Mean, median and tenth percentile of the neurons' cosines and rank correlations.

    Parameters
    ----------
    neurons : pandas.DataFrame
        Of :func:`connectograph.score_neurons`.

    Returns
    -------
    list of dict
        For each `role`: `n_cosine, n_spearman` (neurons that have one) and `cosine_mean, ..., spearman_p10`, NaN if
        there is none.

    Examples
    --------
    >>> import networkx as nx
    >>> from connectograph.degrees import score_neurons
    >>> (found,) = summarise_profiles(score_neurons(nx.Graph([(1, 2), (3, 4)]), nx.Graph([(1, 2)])))
    >>> found["n_cosine"], found["cosine_mean"], found["cosine_p10"], found["n_spearman"]
    (4, 0.5, 0.0, 0)
    """
    rows = []
    for role, group in neurons.groupby("role", sort=True):
        row: dict[str, Any] = {"role": str(role)}
        for name in ("cosine", "spearman"):
            values = group[name].to_numpy()
            row[f"n_{name}"] = int(np.isfinite(values).sum())
            row |= {f"{name}_{key}": value for key, value in _summarise(values).items()}
        rows.append(row)
    return rows


def _number(start: Counts) -> Counts:
    """The row of every entry."""
    return np.repeat(np.arange(len(start) - 1), np.diff(start))


def _summarise(values: Numbers) -> dict[str, float]:
    known = values[~np.isnan(values)]
    if not len(known):
        return {"mean": np.nan, "median": np.nan, "p10": np.nan}
    return {"mean": float(known.mean()), "median": float(np.median(known)), "p10": float(np.quantile(known, 0.1))}


def _align(start: Counts, neuron: Counts, truth: Counts, predicted: Counts) -> Numbers:
    """Cosine of each row; NaN for a row without entries, 0 where one side has none."""
    x, y = truth.astype(float), predicted.astype(float)
    common, own, other = (np.bincount(neuron, part, len(start) - 1) for part in (x * y, x * x, y * y))
    cosine = _ratio(common, np.sqrt(own) * np.sqrt(other), 0.0)
    return np.where(start[1:] > start[:-1], np.minimum(cosine, 1.0), np.nan)


def _correlate(start: Counts, neuron: Counts, truth: Counts, predicted: Counts) -> Numbers:
    """Rank correlation of each row; NaN where the values of a side are all the same."""
    from connectograph._kernels.edges import map_both

    x, y = map_both(lambda weight: _rank(start, neuron, weight), len(neuron), (truth, predicted))
    common, own, other = (np.bincount(neuron, part, len(start) - 1) for part in (x * y, x * x, y * y))
    return _ratio(common, np.sqrt(own * other), np.nan)


def _rank(start: Counts, neuron: Counts, weight: Counts) -> Numbers:
    """Rank of each entry in its row, ties with their mean, minus the mean rank of the row."""
    code = weight if weight.max(initial=0) < 2**31 else np.unique(weight, return_inverse=True)[1]
    key = neuron << 31 | code
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])
    size = np.diff(np.append(first, len(ordered)))
    rank = np.empty(len(key))
    rank[order] = np.repeat(first + (size - 1) / 2, size)
    return rank - (start[neuron] + start[neuron + 1] - 1) / 2


def _ratio(part: npt.NDArray[Any], whole: Numbers, otherwise: float) -> Numbers:
    result: Numbers = np.divide(part, whole, out=np.full(len(part), otherwise), where=whole > 0)
    return result
