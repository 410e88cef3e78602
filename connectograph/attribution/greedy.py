"""The best correction first, again and again: what each of many corrections of a prediction would gain now.

Conventions: a *link* is a synapse joining a pair of segments. A *fix* changes which links there are. What fixes gain is
a measure of the form 2 tp / (2 tp + fp + fn) of whole numbers, so every step is exact.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol, TypeAlias

__all__ = ["FAR", "Change", "EdgeTally", "Fix", "FixList", "Pair", "Step", "Tally", "choose_fixes", "sum_changes"]

Pair: TypeAlias = tuple[int, int]

Fix: TypeAlias = tuple[int, int, int]
"""Kind and two numbers: ordered, so that equally good fixes have an order."""

FAR = 1 << 30
"""Fixes that an edge still needs, of a fix that brings no edge nearer to being right."""


class Change(NamedTuple):
    """What a fix does: a synapse (a case of the table of matches) gets a link on a pair (step 1) or loses it (-1)."""

    case: int
    pair: Pair
    step: int


class Step(NamedTuple):
    """A fix that was made, the case and pair that gain most by it, pairs changed, and tp, fp, fn after it."""

    fix: Fix
    case: int
    pair: Pair
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
        """Whether to stop if the best fix gains so much, and may bring an edge nearer to being right."""
        ...

    def apply(self, fix: Fix, changes: list[Change]) -> Iterable[Fix]:
        """Make a fix that does this; the others that may do something else now, whatever pairs they change."""
        ...


class Tally(Protocol):
    """What is counted as fixes are made."""

    tp: int
    fp: int
    fn: int

    def weigh(self, changes: list[Change]) -> tuple[int, int, int]:
        """By how much changes raise tp and tp + fp, and how many fixes something still needs then."""
        ...

    def name_change(self, changes: list[Change]) -> Change:
        """The change that gains most."""
        ...

    def list_keys(self, changes: list[Change]) -> set[Pair]:
        """The counts that the weight of changes rests on."""
        ...

    def apply(self, changes: list[Change]) -> int:
        """Count what changes; how many counts are others now."""
        ...


class EdgeTally:
    """Links of each pair of segments, edges found, false and missed."""

    def __init__(self, links: Iterable[Pair], true_pairs: Iterable[Pair]) -> None:
        self.true = set(true_pairs)
        self.count = Counter(links)
        self.tp = len(self.count.keys() & self.true)
        self.fp, self.fn = len(self.count) - self.tp, len(self.true) - self.tp

    def weigh(self, changes: list[Change]) -> tuple[int, int, int]:
        """Edges that changes find, edges they add less those they remove, fixes that an edge still needs then.

        One more synapse on a true edge may be what lets a wrong one be taken from it, and counts as very many needs.
        """
        found = added = 0
        needs = FAR
        for pair, change in sum_changes(changes).items():
            before, true = self.count[pair], pair in self.true
            after = before + change
            if not before or not after:
                added += (after > 0) - (before > 0)
                found += (after > 0) - (before > 0) if true else 0
            if (change < 0) != true:
                needs = min(needs, max(after, 1) if change < 0 else FAR - 1)
        return found, added, needs

    def name_change(self, changes: list[Change]) -> Change:
        """That whose pair gains most: an edge found, an edge removed, else one with a new link, then any."""
        sums = sum_changes(changes)

        def rank(change: Change) -> tuple[int, Pair, int]:
            case, pair, _ = change
            before, gained, true = self.count[pair], sums.get(pair, 0), pair in self.true
            if true and gained > 0 and not before:
                return 0, pair, case
            if not true and gained < 0 and not before + gained:
                return 1, pair, case
            return 2 if gained > 0 else 3, pair, case

        return min(changes, key=rank)

    def list_keys(self, changes: list[Change]) -> set[Pair]:
        return {pair for _, pair, _ in changes}

    def apply(self, changes: list[Change]) -> int:
        found, added, _ = self.weigh(changes)
        self.tp, self.fp, self.fn = self.tp + found, self.fp + added - found, self.fn - found
        sums = sum_changes(changes)
        self.count.update(sums)
        return len(sums)


def sum_changes(changes: list[Change]) -> dict[Pair, int]:
    """By how much the number of links of each pair changes."""
    sums: dict[Pair, int] = {}
    for _, pair, step in changes:
        sums[pair] = sums.get(pair, 0) + step
    return {pair: n for pair, n in sums.items() if n}


def choose_fixes(tally: Tally, fixes: FixList, most: int | None) -> Iterator[Step]:
    """Make the best fix, again and again, until nothing is wrong or there is none that `fixes` holds to help.

    Notes
    -----
    Fixes that gain by the same numbers are kept in one heap, so that the best is the best of a few; after each step
    only those are weighed again that rest on a number which has changed.
    """
    queue = _Queue(tally, fixes)
    queue.weigh(fixes.list_all())
    done = 0
    while tally.fp + tally.fn and (most is None or done < most):
        best = queue.pop()
        if best is None:
            return
        changes = fixes.changes_of(best)
        case, pair, _ = tally.name_change(changes)
        n_changed = tally.apply(changes)
        done += 1
        others = set(fixes.apply(best, changes)).union(*(queue.users.get(key, ()) for key in tally.list_keys(changes)))
        queue.weigh(others)
        yield Step(best, case, pair, n_changed, tally.tp, tally.fp, tally.fn)


class _Queue:
    """Fixes by what they gain."""

    def __init__(self, tally: Tally, fixes: FixList) -> None:
        self._tally, self._fixes = tally, fixes
        self.users: dict[Pair, set[Fix]] = {}
        self._weights: dict[Fix, tuple[int, int, int]] = {}
        self._heaps: dict[tuple[int, int], list[tuple[int, tuple[int, int], Fix]]] = {}

    def weigh(self, fixes: Iterable[Fix]) -> None:
        """What some fixes gain now; those that can no longer be made are forgotten."""
        for fix in fixes:
            changes = self._fixes.changes_of(fix)
            if not changes:
                self._weights.pop(fix, None)
                continue
            for key in self._tally.list_keys(changes):
                self.users.setdefault(key, set()).add(fix)
            found, added, needs = self._weights[fix] = self._tally.weigh(changes)
            heapq.heappush(self._heaps.setdefault((found, added), []), (needs, self._fixes.rank(fix), fix))

    def pop(self) -> Fix | None:
        """The fix of largest gain, then of fewest remaining needs, then the first; none if no fix helps."""
        best = None
        for kind in list(self._heaps):
            heap = self._heaps[kind]
            while heap and self._weights.get(heap[0][2]) != (*kind, heap[0][0]):
                heapq.heappop(heap)
            if not heap:
                del self._heaps[kind]
                continue
            rank = (-self._score(*kind), *heap[0])
            if best is None or rank < best:
                best = rank
        if best is None:
            return None
        gain = -best[0] - self._score(0, 0)
        return None if self._fixes.is_enough(gain, nearer=best[1] < FAR) else best[3]

    def _score(self, found: int, added: int) -> float:
        """The measure with so many more found and so many more predicted; 0/0 is as good as it gets."""
        whole = 2 * self._tally.tp + self._tally.fp + self._tally.fn + added
        return 2 * (self._tally.tp + found) / whole if whole else 1.0
