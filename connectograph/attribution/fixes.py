"""What to fix first: single corrections of a prediction, ranked by what each gains in F1.

Conventions: a fix changes one thing (a synapse, the partners of a synapse); fixes are chosen one after another, each
with the largest gain that is left after those before it; F1 after every step is exact.

Functions: :func:`rank_fixes`, :func:`apply_fixes`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._numbers import divide
from connectograph.attribution.linking import NumberedLinks, number_links
from connectograph.errors import InputError
from connectograph.tables import SCHEMAS, make_table

__all__ = ["FIX_KINDS", "apply_fixes", "rank_fixes"]

_Counts: TypeAlias = npt.NDArray[np.int64]

FIX_KINDS = ("add_synapse", "delete_synapse", "swap_partners")
"""Add a missed synapse with its links; delete an invented one; give a matched one the links of its true match."""

_FAR = 1 << 30
"""Fixes that an edge still needs, of a fix that leaves no edge half mended."""


def rank_fixes(
    truth: pd.DataFrame, predicted: pd.DataFrame, matches: pd.DataFrame, *, most: int | None = None
) -> pd.DataFrame:
    """Rank the single fixes of a prediction, each by its exact gain in edge F1 after those before it.

    Parameters
    ----------
    truth, predicted : pandas.DataFrame
        The tables "links" of both sides, under common segment ids.
    matches : pandas.DataFrame
        The table "synapse_matches".
    most : int, optional
        Fixes to list; all that it takes until no edge is wrong if not given.

    Returns
    -------
    pandas.DataFrame
        The table "fixes", in the order of fixing: `kind` (:data:`FIX_KINDS`), the synapses, the pair that gains most
        by it, `gain` in F1, tp, fp, fn and F1 after it, and where. Applying all of it gives an F1 of 1.

    Raises
    ------
    InputError
        If a link's synapse is not in `matches`.

    Notes
    -----
    Greedy: every step takes the fix of largest gain; among equal ones that which brings an edge that needs several
    fixes nearest to its last one, then that of most voxels. The gain of a fix depends on how many edges it finds and
    how many it adds or removes; so fixes of equal numbers are kept together, and only those are counted again that
    share a pair with the last fix. O(L log L) for L links.

    Examples
    --------
    >>> from connectograph.tables import empty_table
    >>> len(rank_fixes(empty_table("links"), empty_table("links"), empty_table("synapse_matches")))
    0
    """
    links = number_links({"truth": ("truth", truth), "predicted": ("predicted", predicted)}, matches)
    fixes = _list_fixes(links, matches)
    state = _State(links, fixes)
    counts = [(0, 0, state.tp, state.fp, state.fn)]
    counts += [(*step, state.tp, state.fp, state.fn) for step in _choose(state, most)]
    return _tabulate(links, fixes, matches, np.array(counts, np.int64))


def apply_fixes(
    truth: pd.DataFrame, predicted: pd.DataFrame, matches: pd.DataFrame, fixes: pd.DataFrame
) -> pd.DataFrame:
    """The prediction's links after some fixes.

    Parameters
    ----------
    truth, predicted, matches : pandas.DataFrame
        What the fixes were ranked from.
    fixes : pandas.DataFrame
        Rows of the table "fixes".

    Returns
    -------
    pandas.DataFrame
        The table "links". A link copied from the truth has the id of the matched predicted synapse; of an added one,
        an id that the prediction does not use yet.

    Examples
    --------
    >>> from connectograph.tables import empty_table
    >>> nothing = empty_table("links"), empty_table("links"), empty_table("synapse_matches"), empty_table("fixes")
    >>> len(apply_fixes(*nothing))
    0
    """
    names = _name_added(matches, fixes, predicted)
    copied = truth[truth["synapse_id"].isin(names)]
    copied = copied.assign(synapse_id=np.array([names[i] for i in copied["synapse_id"].tolist()], np.uint64))
    gone = fixes["synapse_id_predicted"].to_numpy()
    kept = predicted[~predicted["synapse_id"].isin(gone[gone > 0])]
    both = pd.concat([kept, copied])
    return make_table("links", {name: both[name] for name in SCHEMAS["links"]})


def _name_added(matches: pd.DataFrame, fixes: pd.DataFrame, predicted: pd.DataFrame) -> dict[int, int]:
    """Ids in the prediction of the true synapses whose links are copied."""
    used = [table["synapse_id_predicted"].max() for table in (matches, fixes) if len(table)]
    free = max([*map(int, used), int(predicted["synapse_id"].max()) if len(predicted) else 0]) + 1
    names: dict[int, int] = {}
    for own, other in zip(fixes["synapse_id_truth"].tolist(), fixes["synapse_id_predicted"].tolist(), strict=True):
        if own:
            names[own] = other or free
            free += not other
    return names


@dataclass(frozen=True, eq=False)
class _Fixes:
    """Fixes, most voxels first, and the pairs that each takes a synapse from or gives one to."""

    case: _Counts
    kind: npt.NDArray[Any]
    changes: list[list[tuple[int, int]]]


class _State:
    """Synapses of each pair, edges found, false and missed, as fixes are applied."""

    def __init__(self, links: NumberedLinks, fixes: _Fixes) -> None:
        self.count = np.bincount(_distinct(links, "predicted")[1], minlength=len(links.source)).tolist()
        self.true = (np.bincount(links.sides["truth"].pair, minlength=len(links.source)) > 0).tolist()
        self.changes = fixes.changes
        self.users: dict[int, list[int]] = {}
        for fix, changes in enumerate(fixes.changes):
            for pair, _ in changes:
                self.users.setdefault(pair, []).append(fix)
        self.tp = sum(n > 0 and here for n, here in zip(self.count, self.true, strict=True))
        self.fp = sum(n > 0 for n in self.count) - self.tp
        self.fn = sum(self.true) - self.tp

    def weigh(self, fix: int) -> tuple[int, int, int]:
        """Edges that a fix finds, edges it adds less those it removes, and fixes an edge still needs thereafter."""
        found = added = 0
        needs = _FAR
        for pair, change in self.changes[fix]:
            before = self.count[pair]
            after = before + change
            if not before or not after:
                step = (after > 0) - (before > 0)
                added += step
                found += step if self.true[pair] else 0
            elif change < 0 and not self.true[pair]:
                needs = min(needs, after)
        return found, added, needs

    def name_pair(self, fix: int) -> int:
        """The pair that gains most by a fix: an edge found, an edge removed, else a synapse given or taken."""

        def rank(change: tuple[int, int]) -> tuple[bool, int, int]:
            turns = self.count[change[0]] in (0, -change[1])
            return not (turns and (change[1] > 0) == self.true[change[0]]), -change[1], change[0]

        return min(self.changes[fix], key=rank)[0]

    def score(self, found: int, added: int) -> float:
        """F1 with so many more edges found and so many more edges; 0/0 is as good as it gets."""
        whole = 2 * self.tp + self.fp + self.fn + added
        return 2 * (self.tp + found) / whole if whole else 1.0

    def apply(self, fix: int) -> set[int]:
        """Apply a fix; the others that may weigh something else now."""
        found, added, _ = self.weigh(fix)
        self.tp, self.fp, self.fn = self.tp + found, self.fp + added - found, self.fn - found
        for pair, change in self.changes[fix]:
            self.count[pair] += change
        return {other for pair, _ in self.changes[fix] for other in self.users[pair]}


def _distinct(links: NumberedLinks, side: str) -> tuple[_Counts, _Counts]:
    """Case and pair of the links of a side, each combination once."""
    case, pair = np.divmod(np.unique(links.keys_of(side)), max(1, len(links.source)))
    return case, pair


def _list_fixes(links: NumberedLinks, matches: pd.DataFrame) -> _Fixes:
    """Cases whose links differ between the sides."""
    n_pairs = max(1, len(links.source))
    keys = {side: np.unique(links.keys_of(side)) for side in ("truth", "predicted")}
    new = np.setdiff1d(keys["truth"], keys["predicted"], assume_unique=True)
    old = np.setdiff1d(keys["predicted"], keys["truth"], assume_unique=True)
    case, pair = np.divmod(np.concatenate([new, old]), n_pairs)
    change = np.repeat([1, -1], [len(new), len(old)])
    cases = np.unique(case)
    rank = _rank_cases(matches, cases)
    place = np.empty(len(cases), np.int64)
    place[rank] = np.arange(len(cases))
    changes: list[list[tuple[int, int]]] = [[] for _ in cases]
    at = place[np.searchsorted(cases, case)]
    for fix, one_pair, sign in zip(at.tolist(), pair.tolist(), change.tolist(), strict=True):
        changes[fix].append((one_pair, sign))
    cases = cases[rank]
    conditions = [~links.in_predicted[cases], ~links.in_truth[cases]]
    return _Fixes(cases, np.select(conditions, FIX_KINDS[:2], FIX_KINDS[2]), changes)


def _rank_cases(matches: pd.DataFrame, cases: _Counts) -> _Counts:
    """Most voxels first, then by place: ids have no say."""
    rows = matches.iloc[cases]
    n_voxels = np.maximum(rows["n_voxels_truth"].to_numpy(), rows["n_voxels_predicted"].to_numpy())
    keys = [rows[axis].to_numpy() for axis in ("x_nm", "y_nm", "z_nm")]
    return np.lexsort([*keys, -n_voxels]).astype(np.int64)


def _choose(state: _State, most: int | None) -> Iterator[tuple[int, int]]:
    """Apply the best fix, again and again: its number and the pair that gains most."""
    weights = [state.weigh(fix) for fix in range(len(state.changes))]
    heaps: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for fix, (found, added, needs) in enumerate(weights):
        heaps.setdefault((found, added), []).append((needs, fix))
    for heap in heaps.values():
        heapq.heapify(heap)
    done = 0
    while state.fp + state.fn and (most is None or done < most):
        best = _pop_best(state, heaps, weights)
        if best is None:
            raise InputError("Wrong edges are left though every fix is applied: the links are not of these matches.")
        pair = state.name_pair(best)
        weights[best] = (0, 0, -1)  # done: whatever a heap still says of it is out of date
        for fix in state.apply(best):
            if weights[fix][2] >= 0:
                weights[fix] = state.weigh(fix)
                heapq.heappush(heaps.setdefault(weights[fix][:2], []), (weights[fix][2], fix))
        done += 1
        yield best, pair


def _pop_best(
    state: _State, heaps: dict[tuple[int, int], list[tuple[int, int]]], weights: list[tuple[int, int, int]]
) -> int | None:
    """The fix of largest F1, then of fewest remaining needs, then the first."""
    best = None
    for kind in list(heaps):
        heap = heaps[kind]
        while heap and weights[heap[0][1]] != (*kind, heap[0][0]):
            heapq.heappop(heap)
        if not heap:
            del heaps[kind]
            continue
        rank = (-state.score(*kind), *heap[0])
        if best is None or rank < best:
            best = rank
    return None if best is None else best[2]


def _tabulate(links: NumberedLinks, fixes: _Fixes, matches: pd.DataFrame, counts: _Counts) -> pd.DataFrame:
    """The table "fixes", from what was fixed, its pair, and tp, fp, fn after it; the first row is before any fix."""
    chosen, pair, (tp, fp, fn) = counts[1:, 0], counts[1:, 1], counts[:, 2:].T
    f1 = np.array([divide(2 * t, 2 * t + p + n) for t, p, n in counts[:, 2:].tolist()])
    rows = matches.iloc[fixes.case[chosen]]
    return make_table(
        "fixes",
        {
            "step": np.arange(1, len(chosen) + 1),
            "kind": fixes.kind[chosen],
            **{name: rows[name].to_numpy() for name in ("synapse_id_truth", "synapse_id_predicted")},
            "source": links.nodes[links.source[pair]],
            "target": links.nodes[links.target[pair]],
            "n_links": np.array([len(fixes.changes[fix]) for fix in chosen.tolist()], np.int64),
            "gain": np.diff(f1),
            "tp": tp[1:],
            "fp": fp[1:],
            "fn": fn[1:],
            "f1": f1[1:],
            **{axis: rows[axis].to_numpy() for axis in ("z_nm", "y_nm", "x_nm")},
        },
    )
