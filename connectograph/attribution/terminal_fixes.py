"""Fixes of segments and synapses by what they gain in NRI: the ends of synapses that neurons keep on one segment.

Conventions: what is counted of a case are its terminals, pairs (neuron, segment) of places among the nodes: where each
end of the true synapse is found, and, with neuron :data:`INVENTED`, the ends of the predicted one where none is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from math import comb

import numpy as np
import numpy.typing as npt

from connectograph.attribution.fix_lists import SYNAPSE, SegmentFixes, Surroundings
from connectograph.attribution.greedy import FAR, Change, Fix, Pair, sum_changes
from connectograph.attribution.segment_fixes import SegmentPieces, Segments

__all__ = ["INVENTED", "TerminalFixes", "TerminalTally"]

INVENTED = -1
"""Neuron of a terminal that only the prediction has."""
_SEGMENT = -2
"""Neuron of the key of all terminals on a segment."""


class TerminalTally:
    """Terminals that neurons and segments share; pairs of them on one neuron and one segment, or on one of the two.

    The true terminals never change, so that every pair that is found is one that is no longer missed.
    """

    def __init__(self, terminals: Iterable[Pair], true_ends: Mapping[int, Set[int]]) -> None:
        self.shared = Counter(terminals)
        self.whole = Counter(segment for _, segment in self.shared.elements())
        self.tp = sum(comb(n, 2) for (neuron, _), n in self.shared.items() if neuron != INVENTED)
        self.fp = sum(comb(n, 2) for n in self.whole.values()) - self.tp
        true = Counter(neuron for ends in true_ends.values() for neuron in ends)
        self.fn = sum(comb(n, 2) for n in true.values()) - self.tp

    def weigh(self, changes: list[Change]) -> tuple[int, int, int]:
        """Pairs that changes find and pairs they add; nearer if more terminals are on the segment of their neuron."""
        sums, whole = sum_changes(changes), _sum_segments(changes)
        found = sum(self._count_pairs(pair, n) for pair, n in sums.items())
        added = sum(comb(self.whole[segment] + n, 2) - comb(self.whole[segment], 2) for segment, n in whole.items())
        right = sum(n * ((neuron == segment) - (neuron == INVENTED)) for (neuron, segment), n in sums.items())
        return found, added, 1 if right > 0 else FAR

    def name_change(self, changes: list[Change]) -> Change:
        """That of the neuron and segment that gain most pairs."""
        sums = sum_changes(changes)
        return min(changes, key=lambda each: (-self._count_pairs(each.pair, sums.get(each.pair, 0)), each.pair, each))

    def list_keys(self, changes: list[Change]) -> set[Pair]:
        return {key for _, pair, _ in changes for key in (pair, (_SEGMENT, pair[1]))}

    def apply(self, changes: list[Change]) -> int:
        found, added, _ = self.weigh(changes)
        self.tp, self.fp, self.fn = self.tp + found, self.fp + added - found, self.fn - found
        sums = sum_changes(changes)
        self.shared.update(sums)
        self.whole.update(_sum_segments(changes))
        return len(sums)

    def _count_pairs(self, pair: Pair, n: int) -> int:
        """True pairs found by n more terminals of a neuron on a segment."""
        before = self.shared[pair]
        return 0 if pair[0] == INVENTED else comb(before + n, 2) - comb(before, 2)


def _sum_segments(changes: list[Change]) -> dict[int, int]:
    """By how much the number of terminals on each segment changes."""
    sums = Counter[int]()
    for _, (_, segment), step in changes:
        sums[segment] += step
    return {segment: n for segment, n in sums.items() if n}


class TerminalFixes(SegmentFixes):
    """The same fixes, each with the terminals that it moves.

    A terminal is found in the segment within reach that shares most voxels with its neuron
    (:func:`connectograph.matching.count_terminals`): a fix moves also those far from it, by changing what is shared.
    """

    def __init__(
        self,
        segments: Segments,
        surroundings: Mapping[str, Mapping[int, Surroundings]],
        ranks: Mapping[int, int],
        pieces: SegmentPieces,
        nodes: npt.NDArray[np.uint64],
        true_ends: Mapping[int, Set[int]],
    ) -> None:
        self._ends = true_ends
        self._voxels: list[int] = pieces.table["n_voxels"].tolist()
        true = pieces.table["true_segment"].to_numpy()
        places = np.where(np.isin(true, pieces.kept), np.searchsorted(nodes, true), INVENTED)
        self._neurons: list[int] = places.tolist()
        self._shared = Counter[Pair]()
        self._pieces: dict[int, list[int]] = {}
        for piece, (neuron, name) in enumerate(zip(self._neurons, segments.names, strict=True)):
            self._shared[neuron, name] += self._voxels[piece]
            self._pieces.setdefault(neuron, []).append(piece)
        self._cases_of: dict[int, set[int]] = {}
        for case, ends in true_ends.items():
            for neuron in ends:
                self._cases_of.setdefault(neuron, set()).add(case)
        super().__init__(segments, surroundings, ranks, pieces, nodes)

    def find_held(
        self, case: int, near: Surroundings, moved: frozenset[int] = frozenset(), fix: Fix = (0, 0, 0)
    ) -> frozenset[Pair]:
        """The terminals of a synapse, if a fix gave some pieces the name of its neuron."""
        names = self._segments.names
        reached = {fix[2] if piece in moved else names[piece] for pieces in near for piece in pieces}
        found = {
            (neuron, name)
            for neuron in self._ends.get(case, ())
            for name in self._find_largest(neuron, reached, moved, fix)
        }
        ends = self.find_ends(near, moved, fix) - {name for _, name in found}
        return frozenset(found | {(INVENTED, name) for name in ends})

    def list_cases(self, fix: Fix, moved: Iterable[int]) -> set[int]:
        """Synapses near what is moved, near a segment that may lose its rank, or on a neuron that is moved."""
        own = self._segments.list_pieces(fix[1]) if moved and not self._segments.stands_for_neuron(fix[1]) else moved
        near = (self._cases.get(piece, ()) for piece in own)
        return set().union(*near, *(self._cases_of.get(self._neurons[piece], ()) for piece in moved))

    def apply(self, fix: Fix, changes: list[Change]) -> Iterable[Fix]:
        moved = frozenset() if fix[0] == SYNAPSE else self._segments.find_parts(fix)
        cases = {change.case for change in changes}.union(*(self._cases.get(piece, ()) for piece in moved))
        for piece in moved:
            self._shared[self._neurons[piece], fix[1]] -= self._voxels[piece]
            self._shared[self._neurons[piece], fix[2]] += self._voxels[piece]
        others = super().apply(fix, changes)
        neurons = {self._neurons[piece] for piece in moved}.union(*(self._ends.get(case, ()) for case in cases))
        return {*others, *self._list_moving(neurons - {INVENTED})}

    def _list_moving(self, neurons: Iterable[int]) -> set[Fix]:
        """Fixes of the segments that hold a piece of some neurons."""
        names = {self._segments.names[piece] for neuron in neurons for piece in self._pieces.get(neuron, ())}
        return {fix for name in names for fix in self._segments.list_of(name)}

    def _find_largest(self, neuron: int, reached: Set[int], moved: frozenset[int], fix: Fix) -> list[int]:
        """Which of some segments shares most voxels with a neuron, ties to the smallest id; none if none does."""
        more = sum(self._voxels[piece] for piece in moved if self._neurons[piece] == neuron)
        shared = {
            name: self._shared[neuron, name] + more * ((name == fix[2]) - (name == fix[1]) if moved else 0)
            for name in reached
        }
        most = max(shared.values(), default=0)
        if not most:
            return []
        largest = [name for name, n in shared.items() if n == most]
        if len(largest) == 1:
            return largest
        return [min(largest, key=lambda name: self._segments.order(name, moved if name == fix[1] else frozenset()))]
