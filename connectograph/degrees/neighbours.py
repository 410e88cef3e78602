"""Whether neurons are still connected most like the same other neurons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._networkx import nx
from connectograph._notebook import Shown
from connectograph._numbers import explain_missing
from connectograph.degrees.roles import Counts, count_up
from connectograph.graphs import AlignedEdges, as_aligned

__all__ = ["NeighbourOverlap", "compare_neighbours"]

Numbers = npt.NDArray[np.float64]

_K = 5
_MAX_STEPS = 500_000
"""Pairs of connections with the same partner that are looked at (a fraction of a second); else neurons are drawn."""
_SEED = 0
_SCALE = 1e9  # cosines are ranked as whole billionths, so that equal ones tie whatever their rounding


@dataclass(frozen=True)
class NeighbourOverlap(Shown):
    """Whether neurons are still connected most like the same other neurons.

    Attributes
    ----------
    k : int
        Nearest neurons looked at.
    n_neurons : int
        Neurons with an edge in either graph.
    n_asked : int
        Those whose nearest neurons were looked for: all, or some drawn at random where there are too many.
    n_compared : int
        Those of them that share a partner with another neuron in either graph.
    mean, median : float
        Of the overlap of the k nearest neurons, 0 to 1.

    Examples
    --------
    1 and 2 share their targets, as do 3 and 4; the prediction gives 2 those of 3 and 4:

    >>> truth = nx.DiGraph([(1, 8), (2, 8), (3, 9), (4, 9)])
    >>> compare_neighbours(truth, truth).mean
    1.0
    >>> compare_neighbours(truth, nx.DiGraph([(1, 8), (2, 9), (3, 9), (4, 9)])).mean
    0.25
    """

    k: int
    n_neurons: int
    n_asked: int
    n_compared: int
    mean: float
    median: float

    @property
    def exact(self) -> bool:
        """Whether all neurons were asked."""
        return self.n_asked == self.n_neurons

    def to_dict(self) -> dict[str, Any]:
        """All numbers; an undefined one is None with its reason beside it."""
        numbers = {**vars(self), "exact": self.exact}
        return explain_missing(numbers, dict.fromkeys(("mean", "median"), "no two neurons share a partner"))


def compare_neighbours(
    truth: nx.Graph | pd.DataFrame | AlignedEdges, predicted: nx.Graph | pd.DataFrame | None = None
) -> NeighbourOverlap:
    """Agreement of the neurons that each neuron is connected most alike to, as cell types are found.

    Parameters
    ----------
    truth, predicted : networkx.Graph, networkx.DiGraph or edge table
        Or both at once as :class:`~connectograph.graphs.AlignedEdges`.

    Returns
    -------
    NeighbourOverlap

    Notes
    -----
    A neuron's vector holds its synapses with every partner, outgoing and incoming ones apart; neurons are alike by the
    cosine of their vectors, and those with a cosine of 0 are no neighbours. Overlap of the 5 nearest as that of the
    strongest partners in :func:`connectograph.compare_degrees`: those that tie for the last place share it. Looking at
    all neurons takes sum d^2 steps over the degrees d; where that is more than 500,000, only as many neurons are
    asked as keep within, drawn with a fixed seed.

    Examples
    --------
    Neurons 1 and 2 keep one another, but get 4 as a second neighbour, which leaves 3:

    >>> pairs = nx.Graph([(1, 8), (2, 8), (3, 9), (4, 9)])
    >>> found = compare_neighbours(pairs, nx.Graph([(1, 8), (2, 8), (3, 9), (4, 8)]))
    >>> found.n_neurons, found.n_compared, found.mean
    (6, 4, 0.25)
    """
    from connectograph._kernels.ranking import overlap_rows

    both = as_aligned(truth, predicted)
    entries = _list_entries(both)
    connected = np.unique(entries.neuron)
    asked = _draw(connected, entries)
    start, left, right = _find_similar(len(both.nodes), entries, asked)
    overlap = overlap_rows(start, left, right, _K)
    overlap = overlap[~np.isnan(overlap)]
    mean, median = (float(overlap.mean()), float(np.median(overlap))) if len(overlap) else (math.nan, math.nan)
    return NeighbourOverlap(_K, len(connected), len(asked), len(overlap), mean, median)


@dataclass(frozen=True, eq=False)
class _Entries:
    """What is not 0 in the neurons' vectors: neuron, place in the vector, value in either graph, by neuron."""

    neuron: Counts
    place: Counts
    truth: Counts
    predicted: Counts


def _list_entries(both: AlignedEdges) -> _Entries:
    from connectograph._kernels.ranking import order_by

    n, here, there = len(both.nodes), both.source, both.target
    apart = n if both.directed else 0  # places of incoming connections come after those of outgoing ones
    neuron, place = np.concatenate([here, there]), np.concatenate([there, here + apart])
    order = order_by(neuron, n)
    truth, predicted = (np.concatenate([weight, weight])[order] for weight in (both.truth, both.predicted))
    return _Entries(neuron[order], place[order], truth, predicted)


def _draw(connected: Counts, entries: _Entries) -> Counts:
    """All neurons, or as many as can be looked at."""
    sizes = np.bincount(entries.place).astype(float)
    n_steps = float(sizes @ sizes)
    if n_steps <= _MAX_STEPS:
        return connected
    n_asked = min(len(connected), max(1, int(len(connected) * _MAX_STEPS / n_steps)))
    return np.sort(np.random.default_rng(_SEED).choice(connected, n_asked, replace=False))


def _find_similar(n_nodes: int, entries: _Entries, asked: Counts) -> tuple[Counts, Counts, Counts]:
    """Rows of the neurons that share a partner with each one asked: first entries; cosines in truth and prediction."""
    from connectograph._kernels.ranking import order_by

    n_places = int(entries.place.max(initial=-1)) + 1
    start, place_start = count_up(entries.neuron, n_nodes), count_up(entries.place, n_places)
    by_place = order_by(entries.place, n_places)
    number, own = _expand(np.arange(len(asked)), start[asked], start[asked + 1])
    pair, at = _expand(np.arange(len(own)), place_start[entries.place[own]], place_start[entries.place[own] + 1])
    number, own, other = number[pair], own[pair], by_place[at]
    apart = entries.neuron[own] != entries.neuron[other]
    number, own, other = number[apart], own[apart], other[apart]
    found, which = np.unique(number * n_nodes + entries.neuron[other], return_inverse=True)
    row, neighbour = np.divmod(found, max(n_nodes, 1))
    truth, predicted = (
        _scale(weight[own] * weight[other], which, _measure_lengths(entries.neuron, weight), asked[row], neighbour)
        for weight in (entries.truth.astype(float), entries.predicted.astype(float))
    )
    return count_up(row, len(asked)), truth, predicted


def _expand(of: Counts, first: Counts, end: Counts) -> tuple[Counts, Counts]:
    """Each number repeated for every place from its first to its end, and these places."""
    size = end - first
    before = np.cumsum(size) - size
    return np.repeat(of, size), np.arange(int(size.sum())) + np.repeat(first - before, size)


def _measure_lengths(neuron: Counts, weight: Numbers) -> Numbers:
    return np.sqrt(np.bincount(neuron, weight * weight))


def _scale(product: Numbers, which: Counts, length: Numbers, one: Counts, other: Counts) -> Counts:
    """Cosines in whole billionths, from the products of weights that belong to each pair of neurons."""
    common = np.bincount(which, product, len(one))
    cosine = np.divide(common, length[one] * length[other], out=np.zeros(len(one)), where=common > 0)
    return np.rint(cosine * _SCALE).astype(np.int64)
