"""Scores over all thresholds of a synapse score: precision-recall curve, average precision.

An edge "at least k synapses at threshold t" exists exactly if the k-th largest synapse score of its pair is at least t.
So one ranking of the pairs gives the exact curve. (Scores are of whole synapses: a threshold on a heat map changes the
synapses themselves, and its curves need not be monotone.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._networkx import is_graph, nx
from connectograph._notebook import Shown
from connectograph._numbers import divide, explain_missing
from connectograph.compare.edges import EdgeScore, score_counts
from connectograph.errors import InputError, SchemaError
from connectograph.graphs import align
from connectograph.tables import validate_table

__all__ = ["EdgeCurve", "OperatingPoint", "rank_edges", "sweep_scores"]

_Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True)
class OperatingPoint(Shown):
    """A threshold and the score that it gives.

    Attributes
    ----------
    threshold : float
        Pairs that reach it are edges.
    edges : EdgeScore

    Examples
    --------
    >>> OperatingPoint(0.7, EdgeScore(9, 1, 3)).to_dict()["precision"]
    0.9
    """

    threshold: float
    edges: EdgeScore

    def to_dict(self) -> dict[str, Any]:
        """Threshold, counts and scores."""
        return {"threshold": self.threshold, **self.edges.to_dict()}


@dataclass(frozen=True, eq=False)
class EdgeCurve(Shown):
    """Edges of a prediction at every threshold.

    Attributes
    ----------
    thresholds : (T,) array of float64
        All different ones, falling.
    tp, fp : (T,) arrays of int64
        True and false edges at each threshold.
    n_truth : int
        Edges of the truth, also those that are predicted at no threshold.

    Examples
    --------
    >>> curve = EdgeCurve(np.array([0.9, 0.5]), np.array([2, 3]), np.array([0, 1]), n_truth=4)
    >>> curve.precision.tolist(), curve.average_precision, curve.at_best_f1().threshold
    ([1.0, 0.75], 0.6875, 0.5)
    """

    thresholds: npt.NDArray[np.float64]
    tp: npt.NDArray[np.int64]
    fp: npt.NDArray[np.int64]
    n_truth: int

    @property
    def precision(self) -> npt.NDArray[np.float64]:
        """tp / (tp + fp) at each threshold."""
        return self.tp / (self.tp + self.fp)

    @property
    def recall(self) -> npt.NDArray[np.float64]:
        """tp / n_truth at each threshold; NaN if the truth has no edge."""
        return self.tp / self.n_truth if self.n_truth else np.full(len(self.tp), math.nan)

    @property
    def f1(self) -> npt.NDArray[np.float64]:
        """2 tp / (tp + fp + n_truth) at each threshold."""
        return 2 * self.tp / (self.tp + self.fp + self.n_truth)

    @property
    def average_precision(self) -> float:
        """Sum of precision times gain of recall from threshold to threshold, down to the last candidate.

        Edges that are no candidate at any threshold count in the recall, and bring no precision.
        """
        return divide(float(self.precision @ np.diff(self.tp, prepend=0)), self.n_truth)

    def at_threshold(self, threshold: float) -> EdgeScore:
        """Score of the pairs that reach a threshold."""
        reached = int((self.thresholds >= threshold).sum())
        tp, fp = (int(counts[reached - 1]) if reached else 0 for counts in (self.tp, self.fp))
        return score_counts(tp, fp, self.n_truth - tp)

    def at_best_f1(self) -> OperatingPoint | None:
        """The threshold of the highest F1 (ties: the highest threshold); None without candidates."""
        return self._point(int(np.argmax(self.f1))) if len(self.thresholds) else None

    def at_recall(self, recall: float) -> OperatingPoint | None:
        """The highest precision with at least this recall (ties: the highest recall); None if it is never reached."""
        enough = np.flatnonzero(self.recall >= recall)
        if not len(enough):
            return None
        precision = self.precision[enough]
        return self._point(int(enough[np.flatnonzero(precision == precision.max())[-1]]))

    def to_table(self) -> pd.DataFrame:
        """One row for each threshold: threshold, tp, fp, fn, precision, recall, f1."""
        return pd.DataFrame(
            {
                "threshold": self.thresholds,
                "tp": self.tp,
                "fp": self.fp,
                "fn": self.n_truth - self.tp,
                "precision": self.precision,
                "recall": self.recall,
                "f1": self.f1,
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Average precision and the point of the highest F1; what is undefined is None with its reason beside it.

        Examples
        --------
        >>> rank_edges([], [], 3).to_dict()["best_f1_reason"]
        'the prediction has no candidate'
        """
        best = self.at_best_f1()
        values = {
            "n_truth": self.n_truth,
            "n_candidates": int(self.tp[-1] + self.fp[-1]) if best else 0,
            "average_precision": self.average_precision,
        }
        result = explain_missing(values, {"average_precision": "the truth has no edge"})
        if best is None:
            return {**result, "best_f1": None, "best_f1_reason": "the prediction has no candidate"}
        return {**result, "best_f1": best.to_dict()}

    def _point(self, place: int) -> OperatingPoint:
        threshold = float(self.thresholds[place])
        return OperatingPoint(threshold, self.at_threshold(threshold))


def rank_edges(scores: npt.ArrayLike, is_edge: npt.ArrayLike, n_truth: int) -> EdgeCurve:
    """Curve of a ranking of pairs.

    Parameters
    ----------
    scores : (C,) array of float
        Of each candidate, the higher the surer.
    is_edge : (C,) array of bool
        Whether the candidate is an edge of the truth.
    n_truth : int
        Edges of the truth, candidates or not.

    Returns
    -------
    EdgeCurve

    Raises
    ------
    InputError
        If a score is NaN, the arrays differ in length, or there are fewer true edges than candidates that are one.

    Notes
    -----
    Candidates of equal score enter together. Average precision AP = sum_i P_i (R_i - R_{i-1}) as in scikit-learn, with
    two differences that matter where edges are no candidate: the recall is over all edges, and the curve stops at the
    last candidate [1]_. O(C log C).

    References
    ----------
    .. [1] M. Zhu, Recall, precision and average precision, working paper 2004-09, University of Waterloo.

    Examples
    --------
    >>> curve = rank_edges([0.9, 0.8, 0.7], [True, False, True], 4)
    >>> curve.recall.tolist(), round(curve.average_precision, 4)
    ([0.25, 0.25, 0.5], 0.4167)
    """
    values, true = np.asarray(scores, float), np.asarray(is_edge, bool)
    if values.shape != true.shape or np.isnan(values).any() or true.sum() > n_truth:
        raise InputError(
            f"{values.size} scores ({int(np.isnan(values).sum())} NaN), {true.size} outcomes ({int(true.sum())} true), "
            f"{n_truth} true edges; expected as many scores as outcomes, none NaN, and no more true than edges."
        )
    order = np.argsort(-values, kind="stable")
    values, true = values[order], true[order]
    last = np.flatnonzero(np.append(values[1:] != values[:-1], True)[: len(values)])
    return EdgeCurve(values[last], np.cumsum(true)[last], np.cumsum(~true)[last], n_truth)


def sweep_scores(
    truth: nx.Graph | pd.DataFrame, links: pd.DataFrame, *, k: int = 1, directed: bool | None = None
) -> EdgeCurve:
    """Edges at every threshold of the synapse score, exactly, in one pass.

    Parameters
    ----------
    truth : networkx.Graph, networkx.DiGraph, or pandas.DataFrame
        The true connectome: graph, table "edges", or table "links".
    links : pandas.DataFrame
        The table "links" of the prediction, with `score`.
    k : int
        Synapses that make an edge, the same on both sides.
    directed : bool, optional
        Of edge tables (default: what the links say); graphs and links know it themselves.

    Returns
    -------
    EdgeCurve
        Thresholds are synapse scores.

    Raises
    ------
    InputError
        If a score is missing, k is below 1, or one side is directed and the other is not.

    Notes
    -----
    An edge of at least k synapses at threshold t exists if and only if the k-th largest score of its synapses is at
    least t; so pairs are ranked by that score. Of several links of a synapse to the same pair the best counts.
    O(L log L).

    Examples
    --------
    >>> from connectograph.tables import make_table
    >>> links = make_table("links", {"synapse_id": [1, 2, 3], "source": [4, 4, 4], "target": [7, 7, 9],
    ...     "directed": [False] * 3, "n_voxels": [9] * 3, "score": [0.9, 0.5, 0.7],
    ...     "z_nm": [0.0] * 3, "y_nm": [0.0] * 3, "x_nm": [0.0] * 3})
    >>> curve = sweep_scores(nx.Graph([(4, 7)]), links)
    >>> curve.thresholds.tolist(), curve.f1.round(2).tolist()
    ([0.9, 0.7], [1.0, 0.67])
    """
    if k < 1:
        raise InputError(f"k is {k} synapses; expected 1 or more.")
    # of true links only the number of synapses matters
    edges = _score_pairs(truth.assign(score=0.0), 1) if _is_links(truth) else truth
    candidates = _score_pairs(links, k)
    both = align(edges, candidates, directed=direction_of(truth, links, directed))
    proposed, is_edge = both.predicted > 0, both.truth >= k
    return rank_edges(candidates["score"], is_edge[proposed], int(is_edge.sum()))


def _is_links(truth: nx.Graph | pd.DataFrame) -> bool:
    return isinstance(truth, pd.DataFrame) and "synapse_id" in truth.columns


def direction_of(truth: nx.Graph | pd.DataFrame, links: pd.DataFrame, directed: bool | None) -> bool | None:
    """What the caller, the graph and the links say; None if nobody does."""
    said = {bool(value) for table in (links, truth) if _is_links(table) for value in table["directed"].unique()}
    said |= {truth.is_directed()} if is_graph(truth) else set()
    said |= set() if directed is None else {directed}
    if len(said) > 1:
        raise InputError("One side is directed and the other is not; compare like with like.")
    return said.pop() if said else None


def _score_pairs(links: pd.DataFrame, k: int) -> pd.DataFrame:
    """Pairs with at least k synapses: source, target, n_synapses and the k-th largest score; sorted, no autapses."""
    table = validate_table("links", links, ["synapse_id", "source", "target", "directed", "score"])
    lacking = int(table["score"].isna().sum())
    if lacking:
        raise InputError(
            f"links.score: {lacking} of {len(table)} links have none; a sweep needs one for every synapse."
        )
    if (~table["directed"] & (table["source"] > table["target"])).any():
        raise SchemaError("links: an undirected link has source > target; write each pair with the smaller id first.")
    synapse, *ends, score = (table[name].to_numpy() for name in ("synapse_id", "source", "target", "score"))
    best = np.lexsort((-score, synapse, *ends[::-1]))
    best = best[(ends[0] != ends[1])[best]]
    best = best[_begins(*ends, synapse, rows=best)]  # of several links of a synapse to the same pair the best
    ranked = best[np.lexsort((-score[best], *(end[best] for end in ends[::-1])))]
    first = np.flatnonzero(_begins(*ends, rows=ranked))
    n_synapses = np.diff(first, append=len(ranked))
    chosen = ranked[(first + k - 1)[n_synapses >= k]]
    columns = {"source": ends[0][chosen], "target": ends[1][chosen], "score": score[chosen]}
    return pd.DataFrame({**columns, "n_synapses": n_synapses[n_synapses >= k]})


def _begins(*columns: _Array, rows: _Array) -> npt.NDArray[np.bool_]:
    """Which of the rows, in order, differ from the row before."""
    differs = [np.append(True, column[rows[1:]] != column[rows[:-1]])[: len(rows)] for column in columns]
    begins: npt.NDArray[np.bool_] = np.logical_or.reduce(differs)
    return begins
