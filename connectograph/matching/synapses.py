"""Synapses of a prediction matched one to one with those of the truth, by the voxels that they share."""

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
from connectograph.matching.assignment import choose_pairs
from connectograph.matching.centroids import find_centred
from connectograph.matching.overlaps import VoxelOverlap, count_shared, count_voxels
from connectograph.matching.partners import PairCounts, PartnerAgreement, compare_partners, count_pairs
from connectograph.matching.scores import MatchScore
from connectograph.matching.sizes import SizeAgreement, compare_sizes
from connectograph.synapses import Synapses, measure_synapses
from connectograph.tables import make_table

__all__ = ["MATCH_RULES", "SynapseMatch", "match_synapses"]

_Counts: TypeAlias = npt.NDArray[np.int64]

MATCH_RULES = ("iou", "max_cardinality", "centroid")
"""What a matching makes largest: the sum of IoU, or the number of matches, also of those that need no common voxel."""


@dataclass(frozen=True, eq=False)
class SynapseMatch(Shown):
    """Synapses of a prediction matched one to one with those of the truth.

    Attributes
    ----------
    rule : str
        One of :data:`MATCH_RULES`.
    min_iou, dilation_nm : float
        Pairs of smaller IoU are no candidates; how far the true synapses are dilated by the rule "centroid".
    score : MatchScore
        Of synapse objects: matches, predicted ones without a match, true ones without.
    mean_iou, median_iou : float
        Over the matches.
    predicted_per_truth, truth_per_predicted : dict of int to int
        Synapses of the other side that a synapse shares a voxel with, and how many synapses have so many: 2 or more
        make a true synapse split, a predicted one merged.
    n_missed, n_absorbed : int
        True synapses without a match that share no voxel with the prediction; that share one with a predicted synapse
        that is matched to another. What else there is of fn overlaps less than `min_iou`.
    n_invented, n_duplicates : int
        The same of predicted synapses without a match: made of nothing; second or third of a true synapse.
    n_fn_at_border, n_fp_at_border : int
        Of those without a match, how many touch a face of the volume, where a part of them may be cut off.
    voxels : VoxelOverlap
        Of all synapse voxels.
    sizes : SizeAgreement
    partners : PartnerAgreement or None
        None without links.
    table : pandas.DataFrame
        The table "synapse_matches": one row for each match (`outcome` tp), true synapse without one (fn,
        `synapse_id_predicted` 0) and predicted one without (fp, `synapse_id_truth` 0). `n_overlaps_truth`: predicted
        synapses that touch the true one; `n_overlaps_predicted`: the other way round. `n_pairs_...`: different pairs
        that each joins; `partners`: what the predicted pairs are to the true ones, '' if unmatched, unlinked, or
        without links. The position is the true synapse's, of a fp the predicted one's.

    Examples
    --------
    A true synapse of four voxels is found in two pieces, of two voxels and of one:

    >>> from connectograph import Volume, label_synapses
    >>> rows = np.array([[[5, 5, 5, 5, 0, 0]], [[8, 8, 0, 9, 0, 0]]], "uint64")
    >>> truth, predicted = (label_synapses(Volume(row[None], voxel_size=(40, 4, 4)), form="labels") for row in rows)
    >>> found = match_synapses(truth, predicted)
    >>> (found.score.tp, found.score.fp, found.mean_iou), (found.n_split, found.n_duplicates, found.n_invented)
    ((1, 1, 0.5), (1, 1, 0))
    """

    rule: str
    min_iou: float
    dilation_nm: float
    score: MatchScore
    mean_iou: float
    median_iou: float
    predicted_per_truth: dict[int, int]
    truth_per_predicted: dict[int, int]
    n_missed: int
    n_absorbed: int
    n_invented: int
    n_duplicates: int
    n_fn_at_border: int
    n_fp_at_border: int
    voxels: VoxelOverlap
    sizes: SizeAgreement
    partners: PartnerAgreement | None
    table: pd.DataFrame

    @property
    def n_split(self) -> int:
        """True synapses that share voxels with two predicted ones or more."""
        return sum(n for k, n in self.predicted_per_truth.items() if k > 1)

    @property
    def n_merged(self) -> int:
        """Predicted synapses that share voxels with two true ones or more."""
        return sum(n for k, n in self.truth_per_predicted.items() if k > 1)

    @property
    def panoptic_quality(self) -> float:
        """Sum of IoU / (tp + fp/2 + fn/2): F1 times mean IoU (Kirillov et al., CVPR 2019)."""
        total = self.mean_iou * self.score.tp if self.score.tp else 0.0
        return divide(2 * total, 2 * self.score.tp + self.score.fp + self.score.fn)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the table; an undefined number is None with its reason beside it."""
        counts = ("n_split", "n_merged", "n_missed", "n_absorbed", "n_invented", "n_duplicates")
        values = {name: getattr(self, name) for name in ("mean_iou", "median_iou", "panoptic_quality")}
        reasons = dict.fromkeys(values, "no synapse is matched")
        reasons["panoptic_quality"] = "neither side has a synapse"
        histograms = {name: getattr(self, name) for name in ("predicted_per_truth", "truth_per_predicted")}
        partners = {"partners_reason": "no links were given"} if self.partners is None else {}
        return {
            "rule": self.rule,
            "min_iou": self.min_iou,
            "dilation_nm": self.dilation_nm,
            **self.score.to_dict(),
            **explain_missing(values, reasons),
            **{name: getattr(self, name) for name in (*counts, "n_fn_at_border", "n_fp_at_border")},
            **{name: {str(k): n for k, n in found.items()} for name, found in histograms.items()},
            "voxels": self.voxels.to_dict(),
            "sizes": self.sizes.to_dict(),
            "partners": self.partners.to_dict() if self.partners else None,
            **partners,
        }


@dataclass(frozen=True, eq=False)
class _Overlaps:
    """Pairs of synapses (positions in `ids`) that share voxels or are candidates, and which of them are matches."""

    i: _Counts
    j: _Counts
    shared: _Counts
    iou: npt.NDArray[np.float64]
    chosen: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of the table: positions of the synapses (-1: none), and what a match shares."""

    truth: _Counts
    predicted: _Counts
    shared: _Counts
    iou: npt.NDArray[np.float64]


def match_synapses(
    truth: Synapses,
    predicted: Synapses,
    *,
    links_truth: pd.DataFrame | None = None,
    links_predicted: pd.DataFrame | None = None,
    min_iou: float = 0.0,
    rule: str = "iou",
    dilation_nm: float = 0.0,
) -> SynapseMatch:
    """Match predicted synapses one to one with true ones, and compare what is matched.

    Parameters
    ----------
    truth, predicted : Synapses
        On the same grid.
    links_truth, links_predicted : pandas.DataFrame, optional
        The tables "links" of both, to see whether a match joins the same segments.
    min_iou : float
        Two synapses are candidates if they share a voxel and their IoU is at least this.
    rule : {"iou", "max_cardinality", "centroid"}
        Make the sum of IoU as large as possible, or first the number of matches. "centroid": likewise, but candidates
        are those of which the predicted synapse has its centre in the dilated true one, common voxel or not.
    dilation_nm : float
        How far the rule "centroid" dilates true synapses: the radius of a ball.

    Returns
    -------
    SynapseMatch

    Raises
    ------
    InputError
        If the grids differ, only one table of links is given or it does not belong to the synapses, `min_iou` is not
        within 0 to 1, the rule is unknown, or `dilation_nm` is negative or given for another rule.

    Notes
    -----
    IoU(s, p) = \\|s & p\\| / \\|s | p\\| in voxels; the matching M has each synapse at most once and maximises
    sum IoU over M [1]_; tp = \\|M\\|, fp and fn are the others. tp, fp and fn depend on neither ids nor order; where
    several matchings are equally good, the first voxels of the synapses decide. O(runs + overlaps log overlaps).
    The rule "centroid" finds what was drawn beside the truth or far smaller; it is not symmetric: swapped sides need
    not have swapped scores, and a bent cleft may have its own centre outside.

    References
    ----------
    .. [1] H. W. Kuhn, Naval Research Logistics Quarterly 2, 83-97, 1955.

    Examples
    --------
    >>> from connectograph.synapses import label_synapses
    >>> from connectograph.volumes import Volume
    >>> truth = label_synapses(Volume(np.array([[[3, 3, 3, 0, 4, 4, 0]]]), voxel_size=(40, 4, 4)))
    >>> predicted = label_synapses(Volume(np.array([[[0, 8, 8, 8, 8, 0, 9]]]), voxel_size=(40, 4, 4)))
    >>> found = match_synapses(truth, predicted)
    >>> found.score.tp, found.score.fp, found.score.fn, found.mean_iou
    (1, 1, 1, 0.4)
    >>> found.n_merged, found.n_absorbed, found.n_invented, found.voxels.iou
    (1, 1, 1, 0.42857142857142855)
    """
    _check(links_truth, links_predicted, min_iou, rule, dilation_nm)
    overlaps = _match(truth, predicted, min_iou, rule, dilation_nm)
    rows = _list_rows(overlaps, len(truth), len(predicted))
    pairs = partners = None
    if links_truth is not None and links_predicted is not None:
        known = (truth.ids, _row_of(rows.truth, len(truth))), (predicted.ids, _row_of(rows.predicted, len(predicted)))
        pairs = count_pairs(links_truth, links_predicted, *known, len(rows.truth))
        partners = compare_partners(pairs, rows.iou, links_truth, links_predicted)
    columns = _list_columns(truth, predicted, overlaps, rows, pairs)
    return _summarise(columns, overlaps, partners, {"rule": rule, "min_iou": min_iou, "dilation_nm": dilation_nm})


def _check(
    links_truth: pd.DataFrame | None,
    links_predicted: pd.DataFrame | None,
    min_iou: float,
    rule: str,
    dilation_nm: float,
) -> None:
    if rule not in MATCH_RULES:
        raise InputError(f"rule is {rule!r}; expected one of {', '.join(MATCH_RULES)}.")
    if dilation_nm and rule != "centroid":
        raise InputError(
            f"dilation_nm is {dilation_nm}, which rule {rule!r} does not use; pass rule='centroid' with it."
        )
    if not 0 <= min_iou <= 1:
        raise InputError(f"min_iou is {min_iou}; expected a number from 0 to 1.")
    if (links_truth is None) != (links_predicted is None):
        lacking = "links_truth" if links_truth is None else "links_predicted"
        raise InputError(f"{lacking} is missing: pass the links of both sides, or of none.")


def _match(truth: Synapses, predicted: Synapses, min_iou: float, rule: str, dilation_nm: float) -> _Overlaps:
    """Overlapping pairs and candidates, and the best of them."""
    i, j, shared = count_shared(truth, predicted)
    candidate = np.ones(len(i), bool)
    if rule == "centroid":
        i, j, shared, candidate = _add_centred(
            i, j, shared, find_centred(truth, predicted, dilation_nm), len(predicted)
        )
    iou = shared / (count_voxels(truth)[i] + count_voxels(predicted)[j] - shared)
    # in the order of their first voxels, so that ids have no say where several matchings are equally good
    left, right = _by_first_voxel(truth)[i], _by_first_voxel(predicted)[j]
    order = np.lexsort((right, left))
    order = order[(candidate & (iou >= min_iou))[order]]
    weight = (1 + iou) / 2 if rule == "centroid" else iou  # above 0 also without a common voxel
    chosen = np.zeros(len(i), bool)
    chosen[order] = choose_pairs(left[order], right[order], weight[order], most_pairs=rule != "iou")
    return _Overlaps(i, j, shared, iou, chosen)


def _add_centred(
    i: _Counts, j: _Counts, shared: _Counts, centred: tuple[_Counts, _Counts], n_predicted: int
) -> tuple[_Counts, _Counts, _Counts, npt.NDArray[np.bool_]]:
    """Overlapping pairs and, with 0 voxels, those that are centred in each other; which of all are centred."""
    overlapping, candidates = i * n_predicted + j, centred[0] * n_predicted + centred[1]
    pairs = np.union1d(overlapping, candidates)
    voxels = np.zeros(len(pairs), np.int64)
    voxels[np.searchsorted(pairs, overlapping)] = shared
    return *np.divmod(pairs, max(1, n_predicted)), voxels, np.isin(pairs, candidates)


def _list_rows(overlaps: _Overlaps, n_truth: int, n_predicted: int) -> _Rows:
    """Matches, then true synapses without one, then predicted ones."""
    i, j, shared, iou = (part[overlaps.chosen] for part in (overlaps.i, overlaps.j, overlaps.shared, overlaps.iou))
    fn, fp = np.setdiff1d(np.arange(n_truth), i), np.setdiff1d(np.arange(n_predicted), j)
    alone = len(fn) + len(fp)
    return _Rows(
        truth=np.concatenate([i, fn, np.full(len(fp), -1)]),
        predicted=np.concatenate([j, np.full(len(fn), -1), fp]),
        shared=np.concatenate([shared, np.zeros(alone, np.int64)]),
        iou=np.concatenate([iou, np.full(alone, np.nan)]),
    )


def _by_first_voxel(synapses: Synapses) -> _Counts:
    """Rank of each synapse by its first voxel."""
    first = np.empty(len(synapses), np.int64)
    first[synapses.codes[::-1]] = synapses.starts[::-1]  # runs are sorted, and the last that is stored stays
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank


def _row_of(at: _Counts, count: int) -> _Counts:
    """The row of each synapse."""
    row = np.empty(count, np.int64)
    there = np.flatnonzero(at >= 0)
    row[at[there]] = there
    return row


def _list_columns(
    truth: Synapses, predicted: Synapses, overlaps: _Overlaps, rows: _Rows, pairs: PairCounts | None
) -> dict[str, npt.NDArray[Any]]:
    """Columns of the table "synapse_matches"."""
    touching = overlaps.shared > 0
    own = _describe(truth, rows.truth, overlaps.i[touching])
    other = _describe(predicted, rows.predicted, overlaps.j[touching])
    in_truth, in_predicted = rows.truth >= 0, rows.predicted >= 0
    both, zero = in_truth & in_predicted, np.zeros(len(in_truth), np.int64)
    return {
        "synapse_id_truth": own["synapse_id"],
        "synapse_id_predicted": other["synapse_id"],
        "outcome": np.where(both, "tp", np.where(in_truth, "fn", "fp")),
        "n_voxels_truth": own["n_voxels"],
        "n_voxels_predicted": other["n_voxels"],
        "n_voxels_shared": rows.shared,
        "iou": rows.iou,
        "n_overlaps_truth": own["n_overlaps"],
        "n_overlaps_predicted": other["n_overlaps"],
        "at_border": own["at_border"] | other["at_border"],
        "n_pairs_truth": pairs.truth if pairs else zero,
        "n_pairs_predicted": pairs.predicted if pairs else zero,
        "n_pairs_shared": pairs.shared if pairs else zero,
        "partners": np.where(both, pairs.relation, "") if pairs else np.full(len(zero), ""),
        **{axis: np.where(in_truth, own[axis], other[axis]) for axis in ("z_nm", "y_nm", "x_nm")},
    }


def _describe(synapses: Synapses, at: _Counts, overlapping: _Counts) -> dict[str, npt.NDArray[Any]]:
    """What is known of the synapses at some positions; zeros where the position is -1."""
    measured = measure_synapses(synapses)
    columns: dict[str, npt.NDArray[Any]] = {
        name: measured[name].to_numpy() for name in ("synapse_id", "n_voxels", "z_nm", "y_nm", "x_nm")
    }
    columns["n_overlaps"] = np.bincount(overlapping, minlength=len(synapses)).astype(np.int64)
    columns["at_border"] = _find_border(synapses)
    # one more entry, of zeros, for the position -1
    return {name: np.append(values, np.zeros(1, values.dtype))[at] for name, values in columns.items()}


def _find_border(synapses: Synapses) -> npt.NDArray[np.bool_]:
    """Which synapses have a voxel at a face of the volume."""
    depth, height, width = synapses.shape
    row, x = np.divmod(synapses.starts, width)
    z, y = np.divmod(row, height)
    outer = (z == 0) | (z == depth - 1) | (y == 0) | (y == height - 1) | (x == 0) | (x + synapses.lengths == width)
    border = np.zeros(len(synapses), bool)
    border[synapses.codes[outer]] = True
    return border


def _summarise(
    columns: dict[str, npt.NDArray[Any]],
    overlaps: _Overlaps,
    partners: PartnerAgreement | None,
    options: dict[str, Any],
) -> SynapseMatch:
    tp, fn, fp = (columns["outcome"] == outcome for outcome in ("tp", "fn", "fp"))
    iou, border = columns["iou"][tp], columns["at_border"]
    touched, touching = columns["n_overlaps_truth"], columns["n_overlaps_predicted"]
    sizes, found = columns["n_voxels_truth"][~fp], columns["n_voxels_predicted"]
    return SynapseMatch(
        rule=options["rule"],
        min_iou=float(options["min_iou"]),
        dilation_nm=float(options["dilation_nm"]),
        score=MatchScore(int(tp.sum()), int(fp.sum()), int(fn.sum())),
        mean_iou=float(iou.mean()) if len(iou) else math.nan,
        median_iou=float(np.median(iou)) if len(iou) else math.nan,
        predicted_per_truth=_histogram(touched[~fp]),
        truth_per_predicted=_histogram(touching[~fn]),
        n_missed=int((touched[fn] == 0).sum()),
        n_absorbed=_count_beside(overlaps.i, overlaps.j, overlaps),
        n_invented=int((touching[fp] == 0).sum()),
        n_duplicates=_count_beside(overlaps.j, overlaps.i, overlaps),
        n_fn_at_border=int(border[fn].sum()),
        n_fp_at_border=int(border[fp].sum()),
        voxels=VoxelOverlap(int(sizes.sum()), int(found.sum()), int(overlaps.shared.sum())),
        sizes=compare_sizes(sizes, found[~fp]),
        partners=partners,
        table=make_table("synapse_matches", columns),
    )


def _count_beside(own: _Counts, other: _Counts, overlaps: _Overlaps) -> int:
    """Synapses without a match that touch one that is matched to another."""
    taken = np.isin(other, other[overlaps.chosen]) & (overlaps.shared > 0)
    return len(np.setdiff1d(own[taken], own[overlaps.chosen]))


def _histogram(values: _Counts) -> dict[int, int]:
    found, times = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), times.tolist(), strict=True))
