"""The best correction first, again and again: what each of many corrections of a connectome would gain now.

Conventions: a *contact* is a synapse joining two *pieces* of segments. It is there, or would be if its synapse were
mended; it counts for the pair of names that its pieces bear at present. A *fix* changes which contacts are there, or
the names of pieces. All numbers of contacts and edges are whole, so every step is exact.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Change", "Connectome", "Contacts", "Fix", "FixList", "Step", "choose_fixes"]

_Counts: TypeAlias = npt.NDArray[np.int64]
_Pair: TypeAlias = tuple[int, int]

Fix: TypeAlias = tuple[int, int, int]
"""Kind and two numbers: ordered, so that equally good fixes have an order."""

_FAR = 1 << 30
"""Fixes that an edge still needs, of a fix that brings no edge nearer to being right."""


@dataclass(frozen=True, eq=False)
class Contacts:
    """Contacts between pieces.

    Attributes
    ----------
    case, first, second : (L,) arrays of int64
        The synapse, as a case of the table of matches, and the two pieces.
    there : (L,) array of bool
        Whether the prediction has it; the others are those of true synapses.
    wrong : (L,) array of bool
        Whether mending its synapse changes it.
    """

    case: _Counts
    first: _Counts
    second: _Counts
    there: npt.NDArray[np.bool_]
    wrong: npt.NDArray[np.bool_]


class Change(NamedTuple):
    """What a fix does to a contact: the pairs before and after, and whether it is there before and after."""

    contact: int
    before: _Pair
    after: _Pair
    was: bool
    will_be: bool


class Step(NamedTuple):
    """A fix that was made, the contact and pair that gain most by it, pairs changed, and tp, fp, fn after it."""

    fix: Fix
    contact: int
    pair: _Pair
    n_changed: int
    tp: int
    fp: int
    fn: int


class FixList(Protocol):
    """Fixes that can be made at present."""

    def list_all(self) -> Iterable[Fix]: ...

    def changes_of(self, fix: Fix) -> list[Change]:
        """What a fix does; nothing if it can no longer be made."""
        ...

    def rank(self, fix: Fix) -> tuple[int, int]:
        """Order of fixes that gain the same."""
        ...

    def is_enough(self, gain: float, *, nearer: bool) -> bool:
        """Whether to stop if the best fix gains so much F1, and may bring an edge nearer to being right."""
        ...

    def apply(self, fix: Fix) -> Iterable[Fix]:
        """Make a fix; the others that may do something else now, whatever contacts they change."""
        ...


class Connectome:
    """Contacts of each pair of names, edges found, false and missed, as fixes are made."""

    def __init__(self, contacts: Contacts, names: _Counts, true_pairs: Iterable[_Pair], *, directed: bool) -> None:
        self.names: list[int] = names.tolist()
        self._directed = directed
        self._ends = list(zip(contacts.first.tolist(), contacts.second.tolist(), strict=True))
        self.there: list[bool] = contacts.there.tolist()
        self.true = set(true_pairs)
        self.count: dict[_Pair, int] = {}
        for contact in np.flatnonzero(contacts.there).tolist():
            pair = self.find_pair(contact)
            self.count[pair] = self.count.get(pair, 0) + 1
        edges = {pair for pair in self.count if pair[0] != pair[1]}
        self.tp = len(edges & self.true)
        self.fp, self.fn = len(edges) - self.tp, len(self.true) - self.tp

    def find_pair(self, contact: int, moved: frozenset[int] = frozenset(), name: int = 0) -> _Pair:
        """The names that a contact joins, if some pieces had another."""
        first, second = (name if piece in moved else self.names[piece] for piece in self._ends[contact])
        return (second, first) if second < first and not self._directed else (first, second)

    def score(self, found: int, added: int) -> float:
        """F1 with so many more edges found and so many more edges; 0/0 is as good as it gets."""
        whole = 2 * self.tp + self.fp + self.fn + added
        return 2 * (self.tp + found) / whole if whole else 1.0

    def weigh(self, changes: list[Change]) -> tuple[int, int, int]:
        """Edges that changes find, edges they add less those they remove, fixes that an edge still needs then.

        One more synapse on a true edge may be what lets a wrong one be taken from it, and counts as very many needs.
        """
        found = added = 0
        needs = _FAR
        for pair, change in _sum_changes(changes).items():
            before, true = self.count.get(pair, 0), pair in self.true
            after = before + change
            if not before or not after:
                added += (after > 0) - (before > 0)
                found += (after > 0) - (before > 0) if true else 0
            if (change < 0) != true:
                needs = min(needs, max(after, 1) if change < 0 else _FAR - 1)
        return found, added, needs

    def name_contact(self, changes: list[Change]) -> tuple[int, _Pair]:
        """The contact whose pair gains most: an edge found, an edge removed, else one with a new link, then any."""
        sums = _sum_changes(changes)

        def rank(change: Change) -> tuple[int, _Pair, int]:
            before, after, contact = change.before, change.after, change.contact
            if after in self.true and sums.get(after, 0) > 0 and not self.count.get(after):
                return 0, after, contact
            if before not in self.true and sums.get(before, 0) < 0 and not self.count[before] + sums[before]:
                return 1, before, contact
            return (2, after, contact) if sums.get(after, 0) > 0 else (3, before, contact)

        _, pair, contact = min(map(rank, changes))
        return contact, pair

    def apply(self, changes: list[Change]) -> int:
        """Change the numbers of contacts; how many pairs have another number now."""
        found, added, _ = self.weigh(changes)
        self.tp, self.fp, self.fn = self.tp + found, self.fp + added - found, self.fn - found
        for change in changes:
            self.there[change.contact] = change.will_be
            for pair, step in ((change.before, -change.was), (change.after, int(change.will_be))):
                self.count[pair] = self.count.get(pair, 0) + step
        return len(_sum_changes(changes))


def _sum_changes(changes: list[Change]) -> dict[_Pair, int]:
    """By how much the number of contacts of each pair of different names changes."""
    sums: dict[_Pair, int] = {}
    for change in changes:
        if change.was:
            sums[change.before] = sums.get(change.before, 0) - 1
        if change.will_be:
            sums[change.after] = sums.get(change.after, 0) + 1
    return {pair: n for pair, n in sums.items() if n and pair[0] != pair[1]}


def choose_fixes(connectome: Connectome, fixes: FixList, most: int | None) -> Iterator[Step]:
    """Make the best fix, again and again, until no edge is wrong or there is none that `fixes` holds to help.

    Notes
    -----
    Fixes that find and add equally many edges are kept in one heap, so that the best is the best of a few; after each
    step only those are weighed again that change a pair which has changed.
    """
    queue = _Queue(connectome, fixes)
    queue.weigh(fixes.list_all())
    done = 0
    while connectome.fp + connectome.fn and (most is None or done < most):
        best = queue.pop()
        if best is None:
            return
        changes = fixes.changes_of(best)
        contact, pair = connectome.name_contact(changes)
        n_changed = connectome.apply(changes)
        done += 1
        others = set(fixes.apply(best)).union(*(queue.users.get(pair, ()) for pair in _list_pairs(changes)))
        queue.weigh(others)
        yield Step(best, contact, pair, n_changed, connectome.tp, connectome.fp, connectome.fn)


def _list_pairs(changes: list[Change]) -> set[_Pair]:
    return {pair for change in changes for pair in (change.before, change.after)}


class _Queue:
    """Fixes by what they gain."""

    def __init__(self, connectome: Connectome, fixes: FixList) -> None:
        self._connectome, self._fixes = connectome, fixes
        self.users: dict[_Pair, set[Fix]] = {}
        self._weights: dict[Fix, tuple[int, int, int]] = {}
        self._heaps: dict[tuple[int, int], list[tuple[int, tuple[int, int], Fix]]] = {}

    def weigh(self, fixes: Iterable[Fix]) -> None:
        """What some fixes gain now; those that can no longer be made are forgotten."""
        for fix in fixes:
            changes = self._fixes.changes_of(fix)
            if not changes:
                self._weights.pop(fix, None)
                continue
            for pair in _list_pairs(changes):
                self.users.setdefault(pair, set()).add(fix)
            found, added, needs = self._weights[fix] = self._connectome.weigh(changes)
            heapq.heappush(self._heaps.setdefault((found, added), []), (needs, self._fixes.rank(fix), fix))

    def pop(self) -> Fix | None:
        """The fix of largest F1, then of fewest remaining needs, then the first; none if no fix helps."""
        best = None
        for kind in list(self._heaps):
            heap = self._heaps[kind]
            while heap and self._weights.get(heap[0][2]) != (*kind, heap[0][0]):
                heapq.heappop(heap)
            if not heap:
                del self._heaps[kind]
                continue
            rank = (-self._connectome.score(*kind), *heap[0])
            if best is None or rank < best:
                best = rank
        if best is None:
            return None
        gain = -best[0] - self._connectome.score(0, 0)
        return None if self._fixes.is_enough(gain, nearer=best[1] < _FAR) else best[3]
