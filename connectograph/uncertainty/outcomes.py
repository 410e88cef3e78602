"""Outcomes of pairs, counted by neuron, and what one pair of each outcome adds to a score."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from connectograph._numbers import divide
from connectograph.errors import InputError
from connectograph.graphs import AlignedEdges

__all__ = ["SCORES", "UNDEFINED", "count_outcomes", "cross_outcomes", "find_influence"]

_Array: TypeAlias = npt.NDArray[Any]

SCORES = {
    "precision": ((0, 1, 0, 0), (0, 1, 1, 0)),
    "recall": ((0, 1, 0, 0), (0, 1, 0, 1)),
    "f1": ((0, 2, 0, 0), (0, 2, 1, 1)),
}
"""Numerator and denominator of each score over the outcomes: no edge, tp, fp, fn."""

UNDEFINED = {
    "precision": "the prediction has no edge",
    "recall": "the truth has no edge",
    "f1": "neither graph has an edge",
}


def count_outcomes(both: AlignedEdges, threshold: int) -> list[_Array]:
    """Pairs of every node, as source and as target, by outcome: two (N, 4) arrays of int64."""
    from connectograph._kernels import edges

    if threshold < 1:
        raise InputError(f"threshold is {threshold} synapses; expected 1 or more.")
    source, target, truth, predicted = map(edges.frozen, (both.source, both.target, both.truth, both.predicted))
    return list(edges.count_outcomes(source, target, truth, predicted, threshold, len(both.nodes)))


def find_influence(totals: _Array, name: str) -> tuple[float, _Array]:
    """A score from its (4,) totals and, for each outcome, what one pair adds: (a - score b) / sum of b."""
    a, b = (np.array(part, float) for part in SCORES[name])
    whole = float(totals @ b)
    value = divide(float(totals @ a), whole)
    return value, (a - value * b) / whole if whole else np.full(4, math.nan)


def cross_outcomes(one: AlignedEdges, other: AlignedEdges, threshold: int) -> _Array:
    """Pairs by outcome in one comparison (rows) and in another on the same nodes (columns), (4, 4)."""
    from connectograph._kernels.edges import merge_pairs

    sides = []
    for both in (one, other):
        in_truth, in_predicted = both.truth >= threshold, both.predicted >= threshold
        outcome = np.select([in_truth & in_predicted, in_predicted, in_truth], [1, 2, 3], 0)
        sides.append(((both.source << 32) | both.target, outcome))
    _, _, left, right = merge_pairs(*sides)
    return np.bincount(4 * left + right, minlength=16).reshape(4, 4)
