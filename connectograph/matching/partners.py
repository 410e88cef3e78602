"""Partners of matched synapses: whether a synapse that was found also joins the segments that it should."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._notebook import Shown
from connectograph._numbers import divide, explain_missing
from connectograph.errors import InputError
from connectograph.matching.scores import MatchScore
from connectograph.tables import validate_table

__all__ = ["RELATIONS", "PairCounts", "PartnerAgreement", "compare_partners", "count_pairs"]

_Counts: TypeAlias = npt.NDArray[np.int64]
_Mask: TypeAlias = npt.NDArray[np.bool_]
_Ids: TypeAlias = npt.NDArray[np.uint64]
_Links: TypeAlias = tuple[_Counts, _Ids, _Ids]

RELATIONS = ("equal", "superset", "subset", "partial", "disjoint")
"""What the predicted pairs of a synapse can be to the true ones."""


@dataclass(frozen=True, eq=False)
class PairCounts:
    """Sets of segment pairs of synapses, compared synapse by synapse.

    Attributes
    ----------
    truth, predicted, shared : (N,) arrays of int64
        Different pairs that the true synapse joins, that the predicted one joins, that both join; autapses are none.
    same_source, same_target, flipped : (N,) arrays of bool
        Equal sets of sources; equal sets of targets; the predicted pairs are the true ones with source and target
        exchanged, and other than these.
    same_undirected : (N,) array of bool
        Equal sets of pairs, directions ignored.
    directed : bool
    """

    truth: _Counts
    predicted: _Counts
    shared: _Counts
    same_source: _Mask
    same_target: _Mask
    flipped: _Mask
    same_undirected: _Mask
    directed: bool

    @property
    def relation(self) -> npt.NDArray[np.str_]:
        """One of :data:`RELATIONS` for each synapse; '' if neither side joins a pair."""
        t, p, both = self.truth, self.predicted, self.shared
        choices = [t + p == 0, both == 0, (both == t) & (both == p), both == t, both == p]
        return np.select(choices, ["", "disjoint", "equal", "superset", "subset"], "partial")


@dataclass(frozen=True)
class PartnerAgreement(Shown):
    """Segment pairs of the matched synapses, and of all synapses.

    T and P are the sets of different pairs (source != target) that a true synapse and its match join.

    Attributes
    ----------
    directed : bool
    n_compared, n_unlinked : int
        Matches in which either side joins a pair, and those in which neither does.
    n_equal, n_superset, n_subset, n_partial, n_disjoint : int
        Matches with P = T, P a proper superset, a proper (not empty) subset, P and T sharing some, P and T sharing
        none. Their sum is `n_compared`.
    n_same_source, n_same_target, n_flipped : int or None
        Matches with the same set of sources, of targets; with source and target exchanged. None if undirected.
    n_same_undirected : int
        Matches with the same pairs, directions ignored.
    n_pairs_truth, n_pairs_predicted, n_pairs_shared : int
        Sums of \\|T\\|, \\|P\\| and \\|T & P\\| over the matches.
    mean_jaccard, mean_precision, mean_recall : float
        Means over the matches of \\|T & P\\| / \\|T | P\\|, / \\|P\\| and / \\|T\\|, where defined.
    excess_pairs : dict of int to int
        \\|P\\| - \\|T\\| and the number of matches that have it.
    links : MatchScore
        Of (synapse, pair), over all synapses, matched or not.
    n_links_truth, n_links_predicted, n_autapses_truth, n_autapses_predicted : int
        Rows of the tables, and those that join a segment with itself: they are in no other number here.
    iou_threshold : float
        From where on an overlap counts as good.
    n_good_overlap_wrong_pairs, n_poor_overlap_right_pairs : int
        Matches with IoU at or above the threshold but P != T; with IoU below it but P = T.
    mean_iou_equal, mean_iou_unequal : float
        Mean IoU of the compared matches with P = T and with P != T.

    Examples
    --------
    >>> from connectograph.matching.synapses import match_synapses
    >>> from connectograph.synapses import label_synapses
    >>> from connectograph.tables import make_table
    >>> from connectograph.volumes import Volume
    >>> synapses = label_synapses(Volume(np.array([[[5, 0, 6]]]), voxel_size=(40, 4, 4)))
    >>> def link(target):
    ...     return make_table("links", {"synapse_id": [5, 6], "source": [1, 2], "target": [2, target],
    ...         "directed": [False] * 2, "n_voxels": [1, 1], "score": [np.nan] * 2, "z_nm": [0.0] * 2,
    ...         "y_nm": [0.0] * 2, "x_nm": [0.0] * 2})
    >>> partners = match_synapses(synapses, synapses, links_truth=link(3), links_predicted=link(4)).partners
    >>> partners.n_equal, partners.n_disjoint, partners.accuracy, partners.n_good_overlap_wrong_pairs
    (1, 1, 0.5, 1)
    """

    directed: bool
    n_compared: int
    n_unlinked: int
    n_equal: int
    n_superset: int
    n_subset: int
    n_partial: int
    n_disjoint: int
    n_same_source: int | None
    n_same_target: int | None
    n_flipped: int | None
    n_same_undirected: int
    n_pairs_truth: int
    n_pairs_predicted: int
    n_pairs_shared: int
    mean_jaccard: float
    mean_precision: float
    mean_recall: float
    excess_pairs: dict[int, int]
    links: MatchScore
    n_links_truth: int
    n_links_predicted: int
    n_autapses_truth: int
    n_autapses_predicted: int
    iou_threshold: float
    n_good_overlap_wrong_pairs: int
    n_poor_overlap_right_pairs: int
    mean_iou_equal: float
    mean_iou_unequal: float

    @property
    def accuracy(self) -> float:
        """Share of the compared matches with exactly the true pairs."""
        return divide(self.n_equal, self.n_compared)

    @property
    def source_accuracy(self) -> float:
        """Share of the compared matches with the true sources (presynaptic segments); NaN if undirected."""
        return math.nan if self.n_same_source is None else divide(self.n_same_source, self.n_compared)

    @property
    def target_accuracy(self) -> float:
        """Share of the compared matches with the true targets (postsynaptic segments); NaN if undirected."""
        return math.nan if self.n_same_target is None else divide(self.n_same_target, self.n_compared)

    @property
    def flip_rate(self) -> float:
        """Share of the compared matches with source and target exchanged; NaN if undirected."""
        return math.nan if self.n_flipped is None else divide(self.n_flipped, self.n_compared)

    @property
    def undirected_accuracy(self) -> float:
        """Share of the compared matches with exactly the true pairs, directions ignored."""
        return divide(self.n_same_undirected, self.n_compared)

    @property
    def pair_precision(self) -> float:
        """Share of the pairs that matched predicted synapses join that their true ones join, too."""
        return divide(self.n_pairs_shared, self.n_pairs_predicted)

    @property
    def pair_recall(self) -> float:
        """Share of the pairs that matched true synapses join that their predicted ones join, too."""
        return divide(self.n_pairs_shared, self.n_pairs_truth)

    @property
    def pair_jaccard(self) -> float:
        """Shared pairs / all pairs of the matched synapses."""
        return divide(self.n_pairs_shared, self.n_pairs_truth + self.n_pairs_predicted - self.n_pairs_shared)

    @property
    def autapse_rate_truth(self) -> float:
        """Share of the true links that join a segment with itself."""
        return divide(self.n_autapses_truth, self.n_links_truth)

    @property
    def autapse_rate_predicted(self) -> float:
        """Share of the predicted links that join a segment with itself."""
        return divide(self.n_autapses_predicted, self.n_links_predicted)

    def to_dict(self) -> dict[str, Any]:
        """All numbers; an undefined one is None with its reason beside it."""
        reasons = self._reasons()
        values = {**{name: getattr(self, name) for name in reasons}, **vars(self)}
        unknown = [name for name in ("n_same_source", "n_same_target", "n_flipped") if values[name] is None]
        return {
            **explain_missing(values, reasons),
            **{f"{name}_reason": "the links are undirected" for name in unknown},
            "excess_pairs": {str(k): n for k, n in self.excess_pairs.items()},
            "links": self.links.to_dict(),
        }

    def _reasons(self) -> dict[str, str]:
        nothing = "no matched synapse joins a pair"
        directed = nothing if self.directed else "the links are undirected"
        return {
            **dict.fromkeys(("accuracy", "undirected_accuracy", "mean_jaccard", "pair_jaccard"), nothing),
            **dict.fromkeys(("source_accuracy", "target_accuracy", "flip_rate"), directed),
            **dict.fromkeys(("mean_precision", "pair_precision"), "no matched predicted synapse joins a pair"),
            **dict.fromkeys(("mean_recall", "pair_recall"), "no matched true synapse joins a pair"),
            "autapse_rate_truth": "the truth has no link",
            "autapse_rate_predicted": "the prediction has no link",
            "mean_iou_equal": "no matched synapse joins the true pairs",
            "mean_iou_unequal": "no matched synapse joins wrong pairs",
        }


def count_pairs(
    links_truth: pd.DataFrame,
    links_predicted: pd.DataFrame,
    rows_truth: tuple[_Ids, _Counts],
    rows_predicted: tuple[_Ids, _Counts],
    n_rows: int,
) -> PairCounts:
    """Compare the pairs of synapses row by row.

    Parameters
    ----------
    links_truth, links_predicted : pandas.DataFrame
        The tables "links".
    rows_truth, rows_predicted : pairs of arrays
        Ascending synapse ids, and the row of each.
    n_rows : int

    Returns
    -------
    PairCounts

    Raises
    ------
    InputError
        If a link's synapse is unknown, or one table is directed and the other is not.
    """
    given = _read_links(links_truth, *rows_truth, "truth")
    found = _read_links(links_predicted, *rows_predicted, "prediction")
    directed = _common_direction(links_truth, links_predicted)
    (row, source, target), (other_row, other_source, other_target) = given, found
    pairs = _compare_sets(given, found, n_rows)
    turned = _compare_sets(given, (other_row, other_target, other_source), n_rows)
    unordered = _compare_sets(_without_direction(*given), _without_direction(*found), n_rows)
    return PairCounts(
        *pairs,
        same_source=_equal(*_compare_sets((row, source), (other_row, other_source), n_rows)),
        same_target=_equal(*_compare_sets((row, target), (other_row, other_target), n_rows)),
        flipped=_equal(*turned) & ~_equal(*pairs),
        same_undirected=_equal(*unordered),
        directed=directed,
    )


def compare_partners(
    counts: PairCounts,
    iou: npt.NDArray[np.float64],
    links_truth: pd.DataFrame,
    links_predicted: pd.DataFrame,
    *,
    iou_threshold: float = 0.5,
) -> PartnerAgreement:
    """Sum up the pairs of matched synapses.

    Parameters
    ----------
    counts : PairCounts
        One row for each match, true synapse without one, and predicted synapse without one.
    iou : (N,) array of float64
        Of the match; NaN where the row is none.
    links_truth, links_predicted : pandas.DataFrame
        The tables "links".
    iou_threshold : float
        From where on an overlap counts as good.

    Returns
    -------
    PartnerAgreement
    """
    matched, relation = ~np.isnan(iou), counts.relation
    compared = matched & (relation != "")
    equal = compared & (relation == "equal")
    t, p, shared = (part[compared] for part in (counts.truth, counts.predicted, counts.shared))
    excess, times = np.unique(p - t, return_counts=True)
    n_links, n_autapses = zip(*(_count_links(links) for links in (links_truth, links_predicted)), strict=True)
    tp = int(counts.shared.sum())
    return PartnerAgreement(
        directed=counts.directed,
        n_compared=int(compared.sum()),
        n_unlinked=int((matched & ~compared).sum()),
        **{f"n_{name}": int((relation[compared] == name).sum()) for name in RELATIONS},
        n_same_source=int((counts.same_source & compared).sum()) if counts.directed else None,
        n_same_target=int((counts.same_target & compared).sum()) if counts.directed else None,
        n_flipped=int((counts.flipped & compared).sum()) if counts.directed else None,
        n_same_undirected=int((counts.same_undirected & compared).sum()),
        n_pairs_truth=int(t.sum()),
        n_pairs_predicted=int(p.sum()),
        n_pairs_shared=int(shared.sum()),
        mean_jaccard=_mean_ratio(shared, t + p - shared),
        mean_precision=_mean_ratio(shared, p),
        mean_recall=_mean_ratio(shared, t),
        excess_pairs=dict(zip(excess.tolist(), times.tolist(), strict=True)),
        links=MatchScore(tp, int(counts.predicted.sum()) - tp, int(counts.truth.sum()) - tp, "link"),
        n_links_truth=n_links[0],
        n_links_predicted=n_links[1],
        n_autapses_truth=n_autapses[0],
        n_autapses_predicted=n_autapses[1],
        iou_threshold=iou_threshold,
        n_good_overlap_wrong_pairs=int((compared & ~equal & (iou >= iou_threshold)).sum()),
        n_poor_overlap_right_pairs=int((equal & (iou < iou_threshold)).sum()),
        mean_iou_equal=_mean_ratio(iou[equal], np.ones(int(equal.sum()))),
        mean_iou_unequal=_mean_ratio(iou[compared & ~equal], np.ones(int((compared & ~equal).sum()))),
    )


def _read_links(links: pd.DataFrame, ids: _Ids, rows: _Counts, side: str) -> _Links:
    """Row, source and target of every link that is no autapse."""
    validate_table("links", links, ["synapse_id", "source", "target", "directed"])
    synapse = links["synapse_id"].to_numpy()
    unknown = np.setdiff1d(synapse, ids)
    if len(unknown):
        raise InputError(
            f"links of the {side}: {len(unknown)} synapse ids are none of its {len(ids)} synapses, the first is "
            f"{unknown[0]}; pass the links that were made from these synapses."
        )
    source, target = links["source"].to_numpy(), links["target"].to_numpy()
    real = source != target
    return rows[np.searchsorted(ids, synapse[real])], source[real], target[real]


def _without_direction(row: _Counts, source: _Ids, target: _Ids) -> _Links:
    return row, np.minimum(source, target), np.maximum(source, target)


def _common_direction(links_truth: pd.DataFrame, links_predicted: pd.DataFrame) -> bool:
    found = {bool(value) for links in (links_truth, links_predicted) for value in links["directed"].unique()}
    if len(found) > 1:
        raise InputError("Some links are directed and some are not: make those of truth and prediction by one rule.")
    return found == {True}


def _compare_sets(
    truth: tuple[npt.NDArray[Any], ...], predicted: tuple[npt.NDArray[Any], ...], n_rows: int
) -> tuple[_Counts, _Counts, _Counts]:
    """Sizes of two sets and of what they share, row by row; the first column is the row, the others the element."""
    n = len(truth[0])
    code = _number(*(np.concatenate(columns) for columns in zip(truth, predicted, strict=True)))
    here, i = np.unique(code[:n], return_index=True)
    there, j = np.unique(code[n:], return_index=True)
    _, both, _ = np.intersect1d(here, there, assume_unique=True, return_indices=True)
    rows = truth[0][i], predicted[0][j], truth[0][i][both]
    size, other, shared = (np.bincount(part, minlength=n_rows).astype(np.int64) for part in rows)
    return size, other, shared


def _number(*columns: npt.NDArray[Any]) -> _Counts:
    """One number for each different row of the columns."""
    code = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        values, place = np.unique(column, return_inverse=True)
        code = np.unique(code * len(values) + place, return_inverse=True)[1]
    return code


def _equal(truth: _Counts, predicted: _Counts, shared: _Counts) -> _Mask:
    same: _Mask = (truth == predicted) & (shared == truth)
    return same


def _mean_ratio(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> float:
    """Mean of part / whole where that is defined."""
    there = whole > 0
    return divide(float((part[there] / whole[there]).sum()), int(there.sum()))


def _count_links(links: pd.DataFrame) -> tuple[int, int]:
    """Rows, and those that join a segment with itself."""
    return len(links), int((links["source"] == links["target"]).sum())
