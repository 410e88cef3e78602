"""Whether neurons keep their strongest partners."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from connectograph._notebook import Shown
from connectograph._numbers import explain_missing
from connectograph.degrees.roles import Counts, count_up
from connectograph.graphs import AlignedEdges

__all__ = ["PartnerOverlap", "list_partners", "list_rows", "overlap_partners"]


@dataclass(frozen=True)
class PartnerOverlap(Shown):
    """Whether neurons keep their strongest partners.

    Attributes
    ----------
    role : {"in", "out", "total"}
    k : int
        Partners looked at.
    n_neurons : int
        Neurons with a partner in either graph.
    mean, median : float
        Of the overlap of the k strongest partners, 0 to 1.

    Examples
    --------
    The hub's 8 equal partners share 5 places, and half of them are found: 0.5; 4 of the others keep their only partner,
    4 lose it:

    >>> import networkx as nx
    >>> from connectograph.degrees import compare_degrees
    >>> found = compare_degrees(nx.star_graph(8), nx.star_graph(4)).overlaps[0]
    >>> found.k, found.n_neurons, round(found.mean, 3)
    (5, 9, 0.5)
    """

    role: str
    k: int
    n_neurons: int
    mean: float
    median: float

    def to_dict(self) -> dict[str, Any]:
        """All numbers; an undefined one is None with its reason beside it."""
        return explain_missing(vars(self), dict.fromkeys(("mean", "median"), "neither graph has an edge"))


def list_partners(both: AlignedEdges, role: str) -> tuple[Counts, Counts, Counts]:
    """Partners of every neuron: (N + 1,) first entry of each neuron; synapses with each partner, truth and prediction.

    Examples
    --------
    >>> import networkx as nx
    >>> from connectograph.graphs import align
    >>> both = align(nx.DiGraph([(1, 2), (2, 1), (3, 1)]), nx.DiGraph([(1, 2)]))
    >>> [list_partners(both, role)[1].tolist() for role in ("in", "out", "total")]
    [[1, 1, 1], [1, 1, 1], [2, 1, 2, 1]]
    """
    start, _, truth, predicted = list_rows(both, role)
    return start, truth, predicted


def list_rows(both: AlignedEdges, role: str) -> tuple[Counts, Counts, Counts, Counts]:
    """The same, with the place of each partner among the nodes behind the first entries."""
    from connectograph._kernels.ranking import merge_rows, order_by

    n = len(both.nodes)
    start = count_up(both.source, n)
    if role == "out":
        return start, both.target, both.truth, both.predicted  # sorted already
    in_start, order = count_up(both.target, n), order_by(both.target, n)
    if role == "in":
        return in_start, both.source[order], both.truth[order], both.predicted[order]
    merged: tuple[Counts, Counts, Counts, Counts] = merge_rows(
        start, both.target, in_start, order, both.source, both.truth, both.predicted
    )
    return merged


def overlap_partners(role: str, k: int, start: Counts, truth: Counts, predicted: Counts) -> PartnerOverlap:
    """Overlap of the k strongest partners of every neuron that has any."""
    from connectograph._kernels.ranking import overlap_rows

    overlap = overlap_rows(start, truth, predicted, k)
    overlap = overlap[~np.isnan(overlap)]
    mean, median = (float(overlap.mean()), float(np.median(overlap))) if len(overlap) else (math.nan, math.nan)
    return PartnerOverlap(role, k, len(overlap), mean, median)
