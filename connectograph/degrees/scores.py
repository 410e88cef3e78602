"""How well each neuron's connections were found."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._networkx import nx
from connectograph._numbers import divide
from connectograph.degrees.profiles import measure_profiles
from connectograph.degrees.roles import roles_of, sum_roles
from connectograph.graphs import AlignedEdges, as_aligned

__all__ = ["score_neurons", "summarise_scores"]


def score_neurons(
    truth: nx.Graph | pd.DataFrame | AlignedEdges, predicted: nx.Graph | pd.DataFrame | None = None
) -> pd.DataFrame:
    """Precision, recall and F1 of every neuron's connections.

    Parameters
    ----------
    truth, predicted : networkx.Graph, networkx.DiGraph or edge table
        Or both at once as :class:`~connectograph.graphs.AlignedEdges`.

    Returns
    -------
    pandas.DataFrame
        One row for each neuron and role, in this order: `segment_id` (uint64), `role`, `tp, fp, fn` (edges, int64),
        `precision, recall, f1`, `n_synapses_truth, n_synapses_predicted, n_synapses_shared` (int64),
        `weighted_precision, weighted_recall, weighted_f1`, `cosine, spearman` (of its synapses with each partner). NaN:
        the neuron has no such edge in the prediction (precision), in the truth (recall), in either (f1, cosine), or all
        its edges have the same weight in one of them (spearman).

    Notes
    -----
    Row and column sums of tp, fp, fn; weighted: shared = sum min(W, W'), precision = shared / sum W', recall = shared
    / sum W, F1 = 2 shared / (sum W + sum W'). Each edge counts for both of its ends, so "total" sums to twice the
    counts of :func:`connectograph.compare_edges`, "in" and "out" to once. Cosine and rank correlation:
    :func:`connectograph.degrees.profiles.measure_profiles`. O(edges log edges + neurons).

    Examples
    --------
    >>> scores = score_neurons(nx.Graph([(1, 2), (2, 3)]), nx.Graph([(1, 2), (1, 3)]))
    >>> scores[["tp", "fp", "fn"]].to_numpy().tolist()
    [[1, 1, 0], [1, 0, 1], [0, 1, 1]]
    """
    both = as_aligned(truth, predicted)
    in_truth, in_predicted = both.truth > 0, both.predicted > 0
    values = {
        "tp": in_truth & in_predicted,
        "fp": in_predicted & ~in_truth,
        "fn": in_truth & ~in_predicted,
        "n_synapses_truth": both.truth,
        "n_synapses_predicted": both.predicted,
        "n_synapses_shared": np.minimum(both.truth, both.predicted),
    }
    sums = {name: sum_roles(both, value) for name, value in values.items()}
    tables = [
        _score_role(both.nodes, role, {name: roles[role] for name, roles in sums.items()}, measure_profiles(both, role))
        for role in roles_of(both)
    ]
    order = np.arange(len(both.nodes) * len(tables)).reshape(len(tables), -1).T.ravel()
    return pd.concat(tables, ignore_index=True).iloc[order].reset_index(drop=True)


def summarise_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Per-neuron F1 in four numbers a role.

    Parameters
    ----------
    scores : pandas.DataFrame
        Of :func:`score_neurons`.

    Returns
    -------
    pandas.DataFrame
        `role`, `n_neurons` (those with an F1), `median`, `p10` (tenth percentile: the badly found neurons),
        `weighted_mean` (by synapses in the truth); NaN if no neuron has an F1 (or synapse).

    Examples
    --------
    >>> scores = score_neurons(nx.Graph([(1, 2), (2, 3)]), nx.Graph([(1, 2)]))
    >>> summarise_scores(scores).values.tolist()
    [['total', 3, 0.6666666666666666, 0.13333333333333333, 0.5833333333333333]]
    """
    rows = []
    for role, group in scores.groupby("role", sort=True):
        group = group[group["f1"].notna()]
        f1, weight = group["f1"].to_numpy(), group["n_synapses_truth"].to_numpy()
        median, low = (float(np.quantile(f1, q)) if len(f1) else math.nan for q in (0.5, 0.1))
        rows.append((role, len(f1), median, low, divide(float(f1 @ weight), float(weight.sum()))))
    return pd.DataFrame(rows, columns=["role", "n_neurons", "median", "p10", "weighted_mean"])


def _score_role(
    nodes: npt.NDArray[np.uint64],
    role: str,
    sums: dict[str, npt.NDArray[np.int64]],
    profiles: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
) -> pd.DataFrame:
    tp, fp, fn = (sums[name] for name in ("tp", "fp", "fn"))
    truth, predicted, shared = (sums[f"n_synapses_{name}"] for name in ("truth", "predicted", "shared"))
    columns: dict[str, Any] = {
        "segment_id": nodes,
        "role": role,
        "tp": tp,
        "fp": fp,
        "fn": fn,
        "precision": _share(tp, tp + fp),
        "recall": _share(tp, tp + fn),
        "f1": _share(2 * tp, 2 * tp + fp + fn),
        "n_synapses_truth": truth,
        "n_synapses_predicted": predicted,
        "n_synapses_shared": shared,
        "weighted_precision": _share(shared, predicted),
        "weighted_recall": _share(shared, truth),
        "weighted_f1": _share(2 * shared, truth + predicted),
        "cosine": profiles[0],
        "spearman": profiles[1],
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(len(nodes)))


def _share(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """part / whole, NaN where whole is 0."""
    shares: npt.NDArray[np.float64] = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return shares
