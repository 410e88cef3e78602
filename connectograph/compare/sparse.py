"""A sparse truth: only some neurons are proofread, so only some pairs of segments are known.

Conventions: a neuron is proofread if the truth holds every connection between it and other proofread neurons. A pair
of two proofread neurons is known, connected or not. Of a pair with one proofread end only the connections that the
truth holds are known: one that only the prediction has is *open*, neither true nor false. A pair without a proofread
end is in no score.

Functions: :func:`compare_sparse`, :func:`bound_scores`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from connectograph._networkx import nx
from connectograph._notebook import Shown
from connectograph._numbers import divide, explain_missing
from connectograph.compare.edges import EdgeScore, score_counts
from connectograph.errors import InputError
from connectograph.graphs import AlignedEdges, as_aligned
from connectograph.tables import as_ids

__all__ = ["ScoreBounds", "SparseScore", "bound_scores", "compare_sparse"]


@dataclass(frozen=True)
class ScoreBounds(Shown):
    """Between which values a score lies, whatever the part of the truth holds that is not known.

    Attributes
    ----------
    lower, upper : float
        Both are reached; NaN if the score is undefined whatever that part holds.

    Examples
    --------
    Of ten predicted connections six are right and two open:

    >>> bounds = bound_scores(6, 2, 0, n_open=2, n_unseen=0)["precision"]
    >>> bounds.lower, bounds.upper
    (0.6, 0.8)
    """

    lower: float
    upper: float

    def to_dict(self) -> dict[str, Any]:
        """Both limits; None with the reason where they are undefined.

        Examples
        --------
        >>> ScoreBounds(0.5, 0.75).to_dict()
        {'lower': 0.5, 'upper': 0.75}
        """
        values = {"lower": self.lower, "upper": self.upper}
        return explain_missing(values, dict.fromkeys(values, "no pair with a proofread end can be connected"))


@dataclass(frozen=True)
class SparseScore(Shown):
    """Scores of a prediction where only some neurons are proofread.

    Attributes
    ----------
    n_neurons : int
        Proofread neurons among the nodes.
    known : EdgeScore
        Pairs of two proofread neurons: safe.
    found, missed, n_open, n_unseen : int
        Pairs with one proofread end: connected in both graphs, only in the truth, only in the prediction, in neither.
    n_unscored_truth, n_unscored_predicted : int
        Connections without a proofread end.
    precision, recall, f1 : ScoreBounds
        Of all pairs with a proofread end.

    Examples
    --------
    Only neuron 1 is proofread, so 1-2 and 1-3 are half known and 2-3 not at all:

    >>> found = compare_sparse(nx.Graph([(1, 2), (2, 3)]), nx.Graph([(1, 2), (1, 3)]), proofread=[1])
    >>> (found.found, found.missed, found.n_open), found.known.n_truth, found.n_excluded_truth
    ((1, 0, 1), 0, 2)
    """

    n_neurons: int
    known: EdgeScore
    found: int
    missed: int
    n_open: int
    n_unseen: int
    n_unscored_truth: int
    n_unscored_predicted: int
    precision: ScoreBounds
    recall: ScoreBounds
    f1: ScoreBounds

    @property
    def n_excluded_truth(self) -> int:
        """True connections that are not between two proofread neurons."""
        return self.found + self.missed + self.n_unscored_truth

    @property
    def n_excluded_predicted(self) -> int:
        """Predicted connections that are not between two proofread neurons."""
        return self.found + self.n_open + self.n_unscored_predicted

    def to_dict(self) -> dict[str, Any]:
        """Counts by proofread ends, and the bounds."""
        known, one = self.known, {"tp": self.found, "fn": self.missed, "open": self.n_open, "unseen": self.n_unseen}
        return {
            "n_neurons": self.n_neurons,
            "pairs": {
                "both": {"tp": known.tp, "fp": known.fp, "fn": known.fn},
                "one": one,
                "none": {"truth": self.n_unscored_truth, "predicted": self.n_unscored_predicted},
            },
            "bounds": {name: getattr(self, name).to_dict() for name in ("precision", "recall", "f1")},
        }


def compare_sparse(
    truth: nx.Graph | pd.DataFrame | AlignedEdges,
    predicted: nx.Graph | pd.DataFrame | None = None,
    *,
    proofread: Iterable[int],
) -> SparseScore:
    """Edge scores where only some neurons of the truth are proofread: exact where known, bounded where partly known.

    Parameters
    ----------
    truth, predicted : networkx.Graph, networkx.DiGraph or edge table
        Or both at once as :class:`~connectograph.graphs.AlignedEdges`.
    proofread : iterable of int
        Ids of proofread neurons; those that are no node are left out.

    Returns
    -------
    SparseScore

    Raises
    ------
    InputError
        If one graph is directed and the other is not.

    Notes
    -----
    Known pairs (both ends proofread) are scored as by :func:`compare_edges`. Over all pairs with a proofread end a
    completion of the truth makes c of the `n_open` predicted connections true and adds m of the `n_unseen` pairs;
    :func:`bound_scores` gives the extremes over all completions.

    Examples
    --------
    Neurons 1 and 2 are proofread; of 3 and 4 only what they have with these is known, as far as it is annotated.

    >>> score = compare_sparse(nx.Graph([(1, 2), (1, 3)]), nx.Graph([(1, 2), (2, 3), (3, 4)]), proofread=[1, 2])
    >>> score.known, score.missed, score.n_open, score.n_unscored_predicted
    (EdgeScore(tp=1, fp=0, fn=0), 1, 1, 1)
    >>> score.precision
    ScoreBounds(lower=0.5, upper=1.0)
    """
    both = as_aligned(truth, predicted)
    proof = np.isin(both.nodes, as_ids(list(proofread), "proofread"))
    ends = proof[both.source].astype(np.int64) + proof[both.target]
    kinds = np.where(both.truth == 0, 1, np.where(both.predicted == 0, 2, 0))  # in both, predicted only, truth only
    counts = np.bincount(3 * ends + kinds, minlength=9).reshape(3, 3).tolist()
    (none_both, none_fp, none_fn), (found, n_open, missed), (tp, fp, fn) = counts
    n_neurons = int(np.count_nonzero(proof))
    n_pairs = n_neurons * (len(proof) - n_neurons) * (2 if both.directed else 1)
    n_unseen = n_pairs - found - n_open - missed
    bounds = bound_scores(tp + found, fp, fn + missed, n_open=n_open, n_unseen=n_unseen)
    return SparseScore(
        n_neurons=n_neurons,
        known=score_counts(tp, fp, fn),
        found=found,
        missed=missed,
        n_open=n_open,
        n_unseen=n_unseen,
        n_unscored_truth=none_both + none_fn,
        n_unscored_predicted=none_both + none_fp,
        **bounds,
    )


def bound_scores(tp: int, fp: int, fn: int, *, n_open: int, n_unseen: int) -> dict[str, ScoreBounds]:
    """The least and the largest precision, recall and F1 over all completions of a truth that is partly known.

    Parameters
    ----------
    tp, fp, fn : int
        What is known: connections in both graphs, false ones, missed ones.
    n_open : int
        Predicted connections of which the truth does not say whether they exist.
    n_unseen : int
        Pairs connected in neither graph, which the truth may lack.

    Returns
    -------
    dict of str to ScoreBounds
        "precision", "recall", "f1".

    Raises
    ------
    InputError
        If a count is negative.

    Notes
    -----
    A completion has c of the open connections true and m of the unseen pairs connected. Precision (tp+c)/(tp+fp+open),
    recall (tp+c)/(tp+c+fn+m) and F1 2(tp+c)/(2tp+fp+open+fn+c+m) grow with c and fall with m, so they are least at
    c = 0, m = unseen and largest at c = open, m = 0. Completions with a score that is 0/0 are left out. O(1).

    Examples
    --------
    >>> bound_scores(6, 2, 2, n_open=2, n_unseen=0)["precision"]
    ScoreBounds(lower=0.6, upper=0.8)
    """
    if min(tp, fp, fn, n_open, n_unseen) < 0:
        raise InputError(f"counts are tp={tp}, fp={fp}, fn={fn}, open={n_open}, unseen={n_unseen}; expected 0 or more.")
    n_predicted, most = tp + fp + n_open, tp + n_open
    return {
        "precision": ScoreBounds(divide(tp, n_predicted), divide(most, n_predicted)),
        "recall": _bound(divide(tp, tp + fn + n_unseen), divide(most, most + fn)),
        "f1": _bound(
            divide(2 * tp, tp + n_predicted + fn + n_unseen),
            divide(2 * most, most + n_predicted + fn),
        ),
    }


def _bound(lower: float, upper: float) -> ScoreBounds:
    """Both limits; where the extreme completion is 0/0, any other one gives what the other limit is."""
    return ScoreBounds(upper if math.isnan(lower) else lower, lower if math.isnan(upper) else upper)
