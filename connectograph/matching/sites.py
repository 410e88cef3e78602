"""CREMI's synaptic-partner score: annotated pairs of sites, matched by the segments they lie in and by distance."""

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
from connectograph.matching.scores import MatchScore
from connectograph.tables import SCHEMAS, validate_table
from connectograph.volumes import Triple

__all__ = ["SiteComparison", "SiteMatch", "compare_partner_sites"]

_Rows: TypeAlias = npt.NDArray[np.int64]
_Positions: TypeAlias = npt.NDArray[np.float64]

_PRE, _POST = (tuple(f"{end}_{axis}_nm" for axis in "zyx") for end in ("pre", "post"))


@dataclass(frozen=True, eq=False)
class SiteMatch(Shown):
    """Pairs of sites matched by one rule.

    Attributes
    ----------
    score : MatchScore
        Of partner pairs.
    mean_distance : float
        Mean cost of the matches in nm.
    rows_truth, rows_predicted : (tp,) arrays of int64
        Rows of the tables that are matched with each other.
    n_fn_at_border, n_fp_at_border : int or None
        Of those without a match, how many have a site within the distance of the border; None without bounds.

    Examples
    --------
    Two pairs of sites, 100 nm and nothing apart; a third one is missed:

    >>> from connectograph.matching.scores import MatchScore
    >>> found = SiteMatch(MatchScore(2, 0, 1), 50.0, np.array([0, 1]), np.array([1, 0]), None, None)
    >>> found.score.recall == 2 / 3, found.to_dict()["mean_distance"], found.to_dict()["n_at_border_reason"]
    (True, 50.0, 'the bounds are not known')
    """

    score: MatchScore
    mean_distance: float
    rows_truth: _Rows
    rows_predicted: _Rows
    n_fn_at_border: int | None
    n_fp_at_border: int | None

    def to_dict(self) -> dict[str, Any]:
        """All numbers but the rows; an undefined one is None with its reason beside it."""
        distance = explain_missing({"mean_distance": self.mean_distance}, {"mean_distance": "no pair is matched"})
        border = {"n_fn_at_border": self.n_fn_at_border, "n_fp_at_border": self.n_fp_at_border}
        unknown = {} if self.n_fn_at_border is not None else {"n_at_border_reason": "the bounds are not known"}
        return {**self.score.to_dict(), **distance, **border, **unknown}


@dataclass(frozen=True, eq=False)
class SiteComparison(Shown):
    """Partner pairs of truth and prediction, matched by CREMI's rule and by the one that finds most matches.

    Attributes
    ----------
    max_distance_nm : float
    n_candidates : int
        Pairs of rows that may be matched.
    cremi, max_cardinality : SiteMatch
        Matched at least total cost, where a pair without a match costs twice the distance; matched as many as
        possible, of these at least total cost.

    Examples
    --------
    One pair of sites, found 30 nm (presynaptic) and 50 nm (postsynaptic) away:

    >>> from connectograph.tables import make_table
    >>> def site(pre, post):
    ...     at = {f"{end}_{axis}_nm": [0.0] for end in ("pre", "post") for axis in "zy"}
    ...     ids = {"pre_site_id": [1], "post_site_id": [2], "source": [1], "target": [2]}
    ...     return make_table("partner_sites", {**ids, **at, "pre_x_nm": [pre], "post_x_nm": [post]})
    >>> found = compare_partner_sites(site(0.0, 0.0), site(30.0, 50.0))
    >>> found.n_candidates, found.cremi.score.f1, found.cremi.mean_distance
    (1, 1.0, 40.0)
    """

    max_distance_nm: float
    n_candidates: int
    cremi: SiteMatch
    max_cardinality: SiteMatch

    def to_dict(self) -> dict[str, Any]:
        """Both rules by name."""
        return {
            "max_distance_nm": self.max_distance_nm,
            "n_candidates": self.n_candidates,
            "cremi": self.cremi.to_dict(),
            "max_cardinality": self.max_cardinality.to_dict(),
        }


def compare_partner_sites(
    truth: pd.DataFrame,
    predicted: pd.DataFrame,
    *,
    max_distance_nm: float = 400.0,
    bounds_nm: tuple[Triple, Triple] | None = None,
) -> SiteComparison:
    """Synaptic-partner score of the CREMI challenge, and the same with as many matches as possible.

    Parameters
    ----------
    truth, predicted : pandas.DataFrame
        The table "partner_sites": `source` and `target` are the segments of the *true* segmentation at the
        presynaptic and the postsynaptic site, also for the prediction; positions in nm.
    max_distance_nm : float
        Two pairs may match if their presynaptic sites are at most so far apart, and their postsynaptic sites, too.
    bounds_nm : pair of tuples of 3 floats, optional
        Lowest and highest corner (z, y, x) of the annotated region: an error within the distance of it may be due to
        the crop, and is counted.

    Returns
    -------
    SiteComparison

    Raises
    ------
    InputError
        If the distance is not positive, or a position is not finite.
    SchemaError
        If a column is missing or has another type.

    Notes
    -----
    With T = `max_distance_nm` and rows i, j that join the same (source, target), segment 0 counting like any other:
    cost(i, j) = (\\|pre_i - pre_j\\| + \\|post_i - post_j\\|) / 2 if both distances are <= T, else they cannot match.
    CREMI pads the cost matrix to a square with 2T and takes the assignment of least cost [1]_, which is the set of
    matches with the largest sum of 2T - cost: two close matches can be worth more than three far ones. So its number
    of matches is not always the largest possible, and `max_cardinality` tells by how much. tp = matches,
    fp = \\|predicted\\| - tp, fn = \\|truth\\| - tp. Where assignments of equal cost have different numbers of
    matches, the reference implementation leaves the number to rounding; here it is the larger one. Candidates come
    from a k-d tree and are assigned component by component: O(n log n) where the reference needs n^2 memory.

    References
    ----------
    .. [1] J. Funke et al., CREMI: Circuit Reconstruction from Electron Microscopy Images, https://cremi.org/metrics.

    Examples
    --------
    >>> from connectograph.tables import make_table
    >>> def sites(x):
    ...     n = len(x)
    ...     at = {f"{end}_{axis}_nm": [0.0] * n for end in ("pre", "post") for axis in "zy"}
    ...     ids = {"pre_site_id": range(n), "post_site_id": range(n), "source": [1] * n, "target": [2] * n}
    ...     return make_table("partner_sites", {**ids, **at, "pre_x_nm": x, "post_x_nm": x})
    >>> found = compare_partner_sites(sites([0.0, 400.0, 800.0]), sites([400.0, 800.0, 1200.0]))
    >>> found.cremi.score.tp, found.max_cardinality.score.tp
    (2, 3)
    """
    if not 0 < max_distance_nm < math.inf:
        raise InputError(f"max_distance_nm is {max_distance_nm}; expected a number of nanometres above 0.")
    sides = _read(truth, "truth"), _read(predicted, "prediction")
    i, j, cost = _list_candidates(truth, predicted, *sides, max_distance_nm)
    borders = [None if bounds_nm is None else _near_border(side, bounds_nm, max_distance_nm) for side in sides]
    matches = []
    for most_pairs in (False, True):
        chosen = choose_pairs(i, j, 1 - cost / (2 * max_distance_nm), most_pairs=most_pairs)
        matches.append(_describe(i[chosen], j[chosen], cost[chosen], len(truth), len(predicted), *borders))
    return SiteComparison(float(max_distance_nm), len(i), *matches)


def _read(sites: pd.DataFrame, side: str) -> tuple[_Positions, _Positions]:
    """Positions of the presynaptic and of the postsynaptic sites."""
    validate_table("partner_sites", sites, [name for name in SCHEMAS["partner_sites"] if "site_id" not in name])
    positions = [sites[list(columns)].to_numpy() for columns in (_PRE, _POST)]
    wrong = np.flatnonzero(~np.isfinite(np.concatenate(positions, axis=1)).all(axis=1))
    if len(wrong):
        raise InputError(
            f"partner sites of the {side}: {len(wrong)} rows have a position that is no finite number, the first is "
            f"row {wrong[0]}; leave out sites whose place is not known."
        )
    return positions[0], positions[1]


def _list_candidates(
    truth: pd.DataFrame,
    predicted: pd.DataFrame,
    own: tuple[_Positions, _Positions],
    other: tuple[_Positions, _Positions],
    limit: float,
) -> tuple[_Rows, _Rows, _Positions]:
    """Rows that may match, sorted, and what it costs."""
    from scipy.spatial import cKDTree

    reach = limit * (1 + 1e-9)  # the tree's distances may differ in the last bit
    near = cKDTree(own[0]).sparse_distance_matrix(cKDTree(other[0]), reach, output_type="ndarray")
    i, j = near["i"].astype(np.int64), near["j"].astype(np.int64)
    same = np.ones(len(i), bool)
    for column in ("source", "target"):
        same &= truth[column].to_numpy()[i] == predicted[column].to_numpy()[j]
    i, j = i[same], j[same]
    pre, post = (np.sqrt(((a[i] - b[j]) ** 2).sum(axis=1)) for a, b in zip(own, other, strict=True))
    close = (pre <= limit) & (post <= limit)
    i, j, cost = i[close], j[close], ((pre + post) / 2)[close]
    order = np.lexsort((j, i))
    return i[order], j[order], cost[order]


def _near_border(
    sites: tuple[_Positions, _Positions], bounds: tuple[Triple, Triple], reach: float
) -> npt.NDArray[np.bool_]:
    """Rows of which a site is within reach of a face of the region."""
    low, high = (np.asarray(corner, np.float64) for corner in bounds)
    at = np.stack(sites)
    near: npt.NDArray[np.bool_] = np.any((at - low < reach) | (high - at < reach), axis=(0, 2))
    return near


def _describe(
    i: _Rows,
    j: _Rows,
    cost: _Positions,
    n_truth: int,
    n_predicted: int,
    border_truth: npt.NDArray[np.bool_] | None,
    border_predicted: npt.NDArray[np.bool_] | None,
) -> SiteMatch:
    tp = len(i)
    return SiteMatch(
        score=MatchScore(tp, n_predicted - tp, n_truth - tp, "partner pair"),
        mean_distance=divide(float(cost.sum()), tp),
        rows_truth=i,
        rows_predicted=j,
        n_fn_at_border=None if border_truth is None else int(np.delete(border_truth, i).sum()),
        n_fp_at_border=None if border_predicted is None else int(np.delete(border_predicted, j).sum()),
    )
