"""Comparison of two connectomes edge by edge.

Conventions: arguments are (truth, predicted); a pair is an edge if it has at least `threshold` synapses; autapses are
in no score; 0/0 is NaN with a reason, never 0 or 1.

Functions: :func:`compare_edges`, :func:`score_counts`, :func:`list_edge_outcomes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._networkx import nx
from connectograph._notebook import Shown
from connectograph._numbers import CountScore, explain_missing
from connectograph.errors import InputError
from connectograph.graphs import AlignedEdges, align, as_aligned, edges_of
from connectograph.tables import make_table

__all__ = ["EdgeScore", "compare_edges", "list_edge_outcomes", "score_counts"]


@dataclass(frozen=True)
class EdgeScore(CountScore, Shown):
    """Precision, recall and F1 of a set of predicted edges.

    Attributes
    ----------
    tp, fp, fn : int
        Edges in both graphs, only in the prediction, only in the truth.
    precision, recall, f1 : float
        tp/(tp+fp), tp/(tp+fn), 2tp/(2tp+fp+fn); NaN where the denominator is 0.

    Examples
    --------
    >>> EdgeScore(tp=3, fp=1, fn=2).recall
    0.6
    """

    def to_dict(self) -> dict[str, Any]:
        """Counts and scores; an undefined score is None with its reason beside it.

        Examples
        --------
        >>> EdgeScore(tp=0, fp=2, fn=0).to_dict()["recall_reason"]
        'the truth has no edge'
        """
        reasons = {
            "precision": "the prediction has no edge",
            "recall": "the truth has no edge",
            "f1": "neither graph has an edge",
        }
        scores = {name: getattr(self, name) for name in reasons}
        return {"tp": self.tp, "fp": self.fp, "fn": self.fn, **explain_missing(scores, reasons)}


def score_counts(tp: int, fp: int, fn: int) -> EdgeScore:
    """Score from counts.

    Parameters
    ----------
    tp, fp, fn : int
        Edges in both graphs, only in the prediction, only in the truth.

    Returns
    -------
    EdgeScore

    Raises
    ------
    InputError
        If a count is negative.

    Notes
    -----
    precision = tp/(tp+fp), recall = tp/(tp+fn), F1 = 2tp/(2tp+fp+fn), the harmonic mean of both [1]_. O(1).

    References
    ----------
    .. [1] C. J. van Rijsbergen, Information Retrieval, 2nd ed., 1979.

    Examples
    --------
    >>> score_counts(tp=2, fp=1, fn=1).f1
    0.6666666666666666
    """
    if min(tp, fp, fn) < 0:
        raise InputError(f"counts are tp={tp}, fp={fp}, fn={fn}; expected 0 or more.")
    return EdgeScore(int(tp), int(fp), int(fn))


def compare_edges(
    truth: nx.Graph | pd.DataFrame | AlignedEdges,
    predicted: nx.Graph | pd.DataFrame | None = None,
    *,
    threshold: int = 1,
) -> EdgeScore:
    """Edge precision, recall and F1 of a predicted connectome.

    Parameters
    ----------
    truth, predicted : networkx.Graph, networkx.DiGraph or edge table
        Or both at once as :class:`~connectograph.graphs.AlignedEdges`.
    threshold : int
        Synapses that make an edge, the same on both sides.

    Returns
    -------
    EdgeScore

    Raises
    ------
    InputError
        If one graph is directed and the other is not, or the threshold is below 1.

    Notes
    -----
    With B = [W >= k] over pairs of different segments: tp = \\|B_t & B_p\\|, fp = \\|B_p\\| - tp, fn = \\|B_t\\| - tp.

    Examples
    --------
    >>> compare_edges(nx.Graph([(1, 2), (2, 3)]), nx.Graph([(1, 2), (1, 3)]))
    EdgeScore(tp=1, fp=1, fn=1)
    """
    if threshold < 1:
        raise InputError(f"threshold is {threshold} synapses; expected 1 or more.")
    both = as_aligned(truth, predicted)
    in_truth, in_predicted = both.truth >= threshold, both.predicted >= threshold
    tp, n_truth, n_predicted = (int(np.count_nonzero(x)) for x in (in_truth & in_predicted, in_truth, in_predicted))
    return score_counts(tp, n_predicted - tp, n_truth - tp)


def list_edge_outcomes(
    truth: nx.Graph | pd.DataFrame, predicted: nx.Graph | pd.DataFrame, *, directed: bool | None = None
) -> pd.DataFrame:
    """One row for each pair that is an edge of either graph: found, invented or missed, and where.

    Parameters
    ----------
    truth, predicted : networkx.Graph or pandas.DataFrame
        Graphs or edge tables (undirected ones with source < target).
    directed : bool, optional
        Of edge tables (default False); graphs know it themselves.

    Returns
    -------
    pandas.DataFrame
        The table "edge_outcomes"; positions are the truth's, of a false positive the prediction's; `cause` is ''.
        Autapses are left out.

    Examples
    --------
    >>> outcomes = list_edge_outcomes(nx.Graph([(1, 2), (2, 3)]), nx.Graph([(1, 2), (1, 3)]))
    >>> outcomes[["source", "target", "outcome"]].values.tolist()
    [[1, 2, 'tp'], [1, 3, 'fp'], [2, 3, 'fn']]
    """
    return describe_outcomes(align(truth, predicted, directed=directed), edges_of(truth), edges_of(predicted))


def describe_outcomes(both: AlignedEdges, truth: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    """The table "edge_outcomes" of two edge tables that are aligned already."""
    in_truth, in_predicted = both.truth > 0, both.predicted > 0
    alone = in_predicted & ~in_truth
    names = pd.array(["fn", "tp", "fp"], dtype="str")
    columns = {axis: np.full(len(both.source), np.nan) for axis in ("z_nm", "y_nm", "x_nm")}
    rows = [_order_pairs(edges, both.directed) for edges in (truth, predicted)]
    for axis, values in columns.items():
        values[in_truth] = truth[axis].to_numpy()[rows[0]]
        values[alone] = predicted[axis].to_numpy()[rows[1][alone[in_predicted]]]
    return make_table(
        "edge_outcomes",
        {
            "source": both.nodes[both.source],
            "target": both.nodes[both.target],
            "outcome": names.take(np.where(alone, 2, in_predicted)),
            "n_synapses_truth": both.truth,
            "n_synapses_predicted": both.predicted,
            "cause": pd.array([""], dtype="str").take(np.zeros(len(both.source), np.intp)),
            **columns,
        },
    )


def _order_pairs(edges: pd.DataFrame, directed: bool) -> npt.NDArray[np.intp]:
    """Rows of an edge table in the order of aligned pairs, autapses left out."""
    source, target = edges["source"].to_numpy(), edges["target"].to_numpy()
    if not directed:
        source, target = np.minimum(source, target), np.maximum(source, target)
    rows = np.flatnonzero(source != target)
    source, target = source[rows], target[rows]
    rising = (source[1:] > source[:-1]) | ((source[1:] == source[:-1]) & (target[1:] > target[:-1]))
    return rows if rising.all() else rows[np.lexsort((target, source))]
