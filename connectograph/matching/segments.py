"""Segments of a prediction matched with those of the truth, by the voxels or the synapse terminals that they share.

What others build on:

- ``count_overlaps(truth, predicted) -> DataFrame``: `true_segment, predicted_segment, n_voxels` (0: background);
- ``match_segments(overlaps, rule=..., truth=ids, predicted=ids) -> SegmentMatch`` with ``.table`` (the pairs),
  ``.mapping`` (dict: predicted segment -> true segment), ``.unmatched_truth`` and ``.unmatched_predicted`` (ids);
- the same with ``count_terminals(...)`` instead of ``count_overlaps(...)`` matches by synapse terminals.

One-to-one is for scores: every neuron is one node. Majority is for asking why: it says where each piece belongs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._notebook import Shown
from connectograph._numbers import divide, explain_missing
from connectograph.errors import InputError, SchemaError
from connectograph.matching.assignment import choose_pairs
from connectograph.tables import as_ids

__all__ = ["SEGMENT_RULES", "SegmentMatch", "match_segments"]

SEGMENT_RULES = ("one-to-one", "majority")
"""Rules that match segments."""

_Ids = npt.NDArray[np.uint64]
_Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SegmentMatch(Shown):
    """Which true segment each predicted segment stands for.

    Attributes
    ----------
    rule : {"one-to-one", "majority"}
    table : pandas.DataFrame
        One row a pair, sorted by `predicted_segment`: `true_segment, predicted_segment` (uint64), `n_shared` (what they
        share: voxels or terminals), `n_truth`, `n_predicted` (all that each has) (int64), `iou`
        (shared / (truth + predicted - shared)).
    unmatched_truth, unmatched_predicted : arrays of uint64
        Segments in no pair, ascending.
    n_truth, n_predicted : int
        What all true and all predicted segments that were asked for have together.
    n_shared : int
        What the pairs share.

    Examples
    --------
    >>> overlaps = pd.DataFrame({"true_segment": np.array([7, 7, 9], "u8"),
    ...                          "predicted_segment": np.array([1, 2, 2], "u8"), "n_voxels": [5, 2, 4]})
    >>> match_segments(overlaps).mapping
    {1: 7, 2: 9}
    """

    rule: str
    table: pd.DataFrame
    unmatched_truth: _Ids
    unmatched_predicted: _Ids
    n_truth: int
    n_predicted: int

    @property
    def n_shared(self) -> int:
        """What the pairs share."""
        return int(self.table["n_shared"].sum())

    @property
    def mapping(self) -> dict[int, int]:
        """Predicted segment to true segment."""
        return dict(zip(self.table["predicted_segment"].tolist(), self.table["true_segment"].tolist(), strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Numbers of segments and what they share; an undefined share is None with its reason beside it."""
        shares = {
            "share_of_truth": divide(self.n_shared, self.n_truth),
            "share_of_prediction": divide(self.n_shared, self.n_predicted),
        }
        reasons = {"share_of_truth": "the truth has no segment", "share_of_prediction": "the prediction has no segment"}
        return {
            "rule": self.rule,
            "n_matched": len(self.table),
            "n_unmatched_truth": len(self.unmatched_truth),
            "n_unmatched_predicted": len(self.unmatched_predicted),
            **explain_missing(shares, reasons),
        }


def match_segments(
    overlaps: pd.DataFrame,
    *,
    rule: str = "one-to-one",
    truth: Iterable[int] | None = None,
    predicted: Iterable[int] | None = None,
) -> SegmentMatch:
    """Match predicted with true segments by what they share.

    Parameters
    ----------
    overlaps : pandas.DataFrame
        `true_segment`, `predicted_segment` (0: none), and as third column what they share: the table
        "segment_overlaps" of :func:`~connectograph.matching.count_overlaps`, or that of
        :func:`~connectograph.matching.count_terminals`.
    rule : {"one-to-one", "majority"}
        One-to-one: of all sets of pairs in which no segment occurs twice, that whose pairs share most (ties: most
        pairs). Majority: each predicted segment goes to the true one with which it shares most (ties: the smallest
        id), so that several may go to the same.
    truth, predicted : iterable of int, optional
        Only these segments are matched; all by default. Those that share nothing are unmatched.

    Returns
    -------
    SegmentMatch

    Raises
    ------
    InputError
        If the rule is unknown.
    SchemaError
        If a column is missing.

    Notes
    -----
    With n_ab what true segment a and predicted segment b share, one-to-one maximises Σ n_ab over the chosen pairs: the
    assignment problem [1]_, solved exactly for each connected component of the pairs that share anything. Majority is
    π(b) = argmax_a n_ab. A pair needs no least overlap: its `iou` is in the table.

    References
    ----------
    .. [1] H. W. Kuhn, Naval Research Logistics Quarterly 2, 83-97, 1955.

    Examples
    --------
    >>> overlaps = pd.DataFrame({"true_segment": np.array([0, 7, 7, 9], "u8"),
    ...                          "predicted_segment": np.array([3, 1, 2, 2], "u8"), "n_voxels": [1, 5, 4, 3]})
    >>> match_segments(overlaps).mapping, match_segments(overlaps, rule="majority").mapping
    ({1: 7, 2: 9}, {1: 7, 2: 7})
    >>> match_segments(overlaps).unmatched_predicted.tolist()
    [3]
    """
    if rule not in SEGMENT_RULES:
        raise InputError(f"segment matching rule is {rule!r}; expected one of {', '.join(SEGMENT_RULES)}.")
    true, other, shared = _columns(overlaps)
    own = _choose_ids(truth, true, "truth")
    theirs = _choose_ids(predicted, other, "predicted")
    n_truth, n_predicted = _sum_by(true, shared, own), _sum_by(other, shared, theirs)
    candidate = np.isin(true, own) & np.isin(other, theirs) & (shared > 0)
    a, b = np.searchsorted(own, true[candidate]), np.searchsorted(theirs, other[candidate])
    n = shared[candidate]
    chosen = _assign(a, b, n) if rule == "one-to-one" else _find_majority(a, b, n)
    chosen = chosen[np.argsort(b[chosen], kind="stable")]
    a, b, n = a[chosen], b[chosen], n[chosen]
    table = pd.DataFrame(
        {
            "true_segment": own[a],
            "predicted_segment": theirs[b],
            "n_shared": n,
            "n_truth": n_truth[a],
            "n_predicted": n_predicted[b],
            "iou": n / (n_truth[a] + n_predicted[b] - n),
        }
    )
    return SegmentMatch(
        rule=rule,
        table=table,
        unmatched_truth=np.delete(own, a),
        unmatched_predicted=np.delete(theirs, b),
        n_truth=int(n_truth.sum()),
        n_predicted=int(n_predicted.sum()),
    )


def _columns(overlaps: pd.DataFrame) -> tuple[_Ids, _Ids, _Counts]:
    names = list(overlaps.columns)
    if names[:2] != ["true_segment", "predicted_segment"] or len(names) < 3:
        raise SchemaError(
            f"overlaps has the columns {names}; expected true_segment, predicted_segment and a count, as "
            "connectograph.matching.count_overlaps gives them."
        )
    true, predicted = (as_ids(overlaps[name], f"overlaps.{name}") for name in names[:2])
    return true, predicted, overlaps[names[2]].to_numpy(np.int64)


def _choose_ids(given: Iterable[int] | None, found: _Ids, what: str) -> _Ids:
    """The segments of one side to be matched, ascending, without 0."""
    ids = np.unique(found if given is None else as_ids(given, f"{what} segments"))
    named: _Ids = ids[ids != 0]
    return named


def _sum_by(ids: _Ids, values: _Counts, wanted: _Ids) -> _Counts:
    """Sum of the values of each wanted id; sums are exact."""
    inside = np.isin(ids, wanted)
    sums = np.zeros(len(wanted), np.int64)
    np.add.at(sums, np.searchsorted(wanted, ids[inside]), values[inside])
    return sums


def _assign(a: _Counts, b: _Counts, shared: _Counts) -> npt.NDArray[np.intp]:
    """Candidates of the one-to-one assignment that shares most."""
    scale = 2.0 ** int(shared.max(initial=1)).bit_length()  # a power of two: whole numbers stay exact
    return np.flatnonzero(choose_pairs(a, b, shared / scale))


def _find_majority(a: _Counts, b: _Counts, shared: _Counts) -> npt.NDArray[np.intp]:
    """For each predicted segment its candidate that shares most; ties to the smallest true id."""
    order = np.lexsort((a, -shared, b))
    return order[np.unique(b[order], return_index=True)[1]]
