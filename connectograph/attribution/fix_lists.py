"""The fixes that a prediction can get, and which links each of them changes.

Conventions: a *case* is a row of the table of matches. Links are pairs of places of segments among the nodes; a fix is
(kind, segment, neuron), or (:data:`SYNAPSE`, case, 0).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from itertools import combinations
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.attribution.greedy import Change, Fix, Pair
from connectograph.attribution.segment_fixes import SegmentPieces, Segments

__all__ = ["SYNAPSE", "SegmentFixes", "Surroundings", "SynapseFixes", "collect_surroundings"]

SYNAPSE = 2
"""Kind of the fixes of synapses, by their first number."""

Surroundings: TypeAlias = Counter[tuple[int, ...]]
"""Pieces that lie together near voxels of a synapse, and of how many voxels."""


class SynapseFixes:
    """Synapses to add, delete or exchange, each with its links before and after."""

    def __init__(self, now: Mapping[int, Set[Pair]], mended: Mapping[int, Set[Pair]], ranks: Mapping[int, int]) -> None:
        self._now, self._mended, self._ranks = now, mended, ranks
        self._open = set(ranks)

    def list_all(self) -> Iterable[Fix]:
        return [(SYNAPSE, case, 0) for case in self._open]

    def changes_of(self, fix: Fix) -> list[Change]:
        case = fix[1]
        return (
            _list_changes(case, self._now.get(case, set()), self._mended.get(case, set())) if case in self._open else []
        )

    def rank(self, fix: Fix) -> tuple[int, int]:
        return 1, self._ranks[fix[1]]

    def is_enough(self, gain: float, *, nearer: bool) -> bool:
        """Mended synapses make all edges right in the end."""
        return False

    def apply(self, fix: Fix, changes: list[Change]) -> Iterable[Fix]:
        self._open.discard(fix[1])
        return [fix]


class SegmentFixes:
    """Synapses to add, delete or exchange, and segments to merge or split: what these do depends on one another."""

    def __init__(
        self,
        segments: Segments,
        surroundings: Mapping[str, Mapping[int, Surroundings]],
        ranks: Mapping[int, int],
        pieces: SegmentPieces,
        nodes: npt.NDArray[np.uint64],
    ) -> None:
        self._segments, self._ranks, self._open = segments, ranks, set(ranks)
        self._now, self._mended = dict(surroundings["predicted"]), surroundings["truth"]
        self._top, self._least = pieces.partner_rule == "top-pair", pieces.min_contact_voxels
        self._known = None if pieces.known is None else set(np.flatnonzero(np.isin(nodes, pieces.known)).tolist())
        self._cases: dict[int, set[int]] = {}
        for side in surroundings.values():
            for case, near in side.items():
                for piece in set().union(*near):
                    self._cases.setdefault(piece, set()).add(case)
        self.held = {case: self.find_held(case, near) for case, near in self._now.items()}

    def list_all(self) -> Iterable[Fix]:
        return [*((SYNAPSE, case, 0) for case in self._open), *self._segments.list_all()]

    def changes_of(self, fix: Fix) -> list[Change]:
        if fix[0] == SYNAPSE:
            case = fix[1]
            if case not in self._open:
                return []
            mended = self.find_held(case, self._mended.get(case, Counter()))
            return _list_changes(case, self.held.get(case, set()), mended)
        moved = self._segments.find_parts(fix)
        changes = []
        for case in sorted(self.list_cases(fix, moved) & self._now.keys()):
            changes += _list_changes(case, self.held[case], self.find_held(case, self._now[case], moved, fix))
        return changes

    def rank(self, fix: Fix) -> tuple[int, int]:
        return (1, self._ranks[fix[1]]) if fix[0] == SYNAPSE else (0, -self._segments.count_voxels(fix))

    def is_enough(self, gain: float, *, nearer: bool) -> bool:
        """Some edges may stay wrong whatever is fixed."""
        return gain < 0 or (gain == 0 and not nearer)

    def apply(self, fix: Fix, changes: list[Change]) -> Iterable[Fix]:
        for case, pair, _ in changes:
            self.held[case] = self.held.get(case, frozenset()) ^ {pair}
        if fix[0] != SYNAPSE:
            cases = self.list_cases(fix, self._segments.find_parts(fix))
            return {*self._segments.apply(fix), *self.list_near(cases)}
        case = fix[1]
        before = self.list_near([case])
        self._open.discard(case)
        self._now[case] = self._mended.get(case, Counter())
        return before | self.list_near([case])

    def list_cases(self, fix: Fix, moved: Iterable[int]) -> set[int]:
        """Synapses whose links a fix of a segment may change: one that stands for no neuron may also lose its rank."""
        reranked = self._top and moved and not self._segments.stands_for_neuron(fix[1])
        pieces = self._segments.list_pieces(fix[1]) if reranked else moved
        return {case for piece in pieces for case in self._cases.get(piece, ())}

    def list_near(self, cases: Iterable[int]) -> set[Fix]:
        """Fixes of some synapses and of the segments near them."""
        cases = list(cases)
        pieces = {piece for case in cases for near in self._now.get(case, ()) for piece in near}
        names = {self._segments.names[piece] for piece in pieces}
        return {(SYNAPSE, case, 0) for case in cases}.union(*(self._segments.list_of(name) for name in names))

    def find_held(
        self, case: int, near: Surroundings, moved: frozenset[int] = frozenset(), fix: Fix = (0, 0, 0)
    ) -> frozenset[Pair]:
        """What is counted of a synapse, if a fix gave some pieces the name of its neuron: its links."""
        return self._find_links(near, moved, fix)

    def find_ends(self, near: Surroundings, moved: frozenset[int], fix: Fix) -> set[int]:
        """Segments that a synapse joins."""
        return {end for pair in self._find_links(near, moved, fix) for end in pair}

    def _find_links(self, near: Surroundings, moved: frozenset[int], fix: Fix) -> frozenset[Pair]:
        """Links of a synapse by the partner rule."""
        names, counts = self._segments.names, Counter[Pair]()
        for pieces, n in near.items():
            here = sorted({fix[2] if piece in moved else names[piece] for piece in pieces})
            for pair in combinations(here, 2):
                counts[pair] += n
        links = [pair for pair, n in counts.items() if n >= self._least]
        if self._top and len(links) > 1:
            most = max(counts.values())
            links = [pair for pair in links if counts[pair] == most]
            links = [min(links, key=lambda pair: self._order(pair, moved, fix))] if len(links) > 1 else links
        if self._known is not None:
            links = [pair for pair in links if self._known.issuperset(pair)]
        return frozenset(links)

    def _order(self, pair: Pair, moved: frozenset[int], fix: Fix) -> list[tuple[float, ...]]:
        """Order of a pair by the ids that its segments would have."""
        return sorted(self._segments.order(name, moved if name == fix[1] else frozenset()) for name in pair)


def _list_changes(case: int, before: Set[Pair], after: Set[Pair]) -> list[Change]:
    lost, gained = sorted(before - after), sorted(after - before)
    return [*(Change(case, pair, -1) for pair in lost), *(Change(case, pair, 1) for pair in gained)]


def collect_surroundings(pieces: SegmentPieces, matches: pd.DataFrame) -> dict[str, dict[int, Surroundings]]:
    """Pieces near the synapses of both sides, by places in the table of pieces, for each case."""
    ids = pieces.table["piece_id"].to_numpy()
    found: dict[str, dict[int, Surroundings]] = {}
    for side, table in pieces.near.items():
        synapses = matches[f"synapse_id_{side}"].to_numpy()
        order = np.argsort(synapses, kind="stable")
        case = order[np.searchsorted(synapses[order], table["synapse_id"].to_numpy())]
        rows = np.column_stack([case, table["voxel"], np.searchsorted(ids, table["segment_id"]), table["n_voxels"]])
        rows = rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]
        begins = np.flatnonzero(np.append(True, (rows[1:, :2] != rows[:-1, :2]).any(axis=1))[: len(rows)])
        near = found[side] = {}
        for group in np.split(rows, begins[1:]) if len(rows) else []:
            near.setdefault(int(group[0, 0]), Counter())[tuple(group[:, 2].tolist())] += int(group[0, 3])
    return found
