"""Dyads: the pairs of neurons that are connected, in one direction or both.

A pair low < high has the code 1 (low to high), 2 (high to low) or 3 (both, and any undirected edge).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._networkx import is_graph, nx
from connectograph.errors import InputError
from connectograph.graphs import AlignedEdges, align
from connectograph.tables import as_ids, empty_table

__all__ = ["Dyads", "align_dyads", "arcs_of", "dyads_of", "pair_edges"]

Numbers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Dyads:
    """The connected pairs of one graph.

    Attributes
    ----------
    n_nodes : int
    directed : bool
    low, high : (m,) arrays of int64
        Node numbers, low < high, each pair once.
    code : (m,) array of uint8
        1, 2 or 3; always 3 when undirected.
    """

    n_nodes: int
    directed: bool
    low: Numbers
    high: Numbers
    code: Codes

    @property
    def n_edges(self) -> int:
        """Arrows, or undirected edges."""
        return len(self.code) + (int((self.code == 3).sum()) if self.directed else 0)


def dyads_of(
    graph: nx.Graph | pd.DataFrame, nodes: Iterable[int] | None = None, directed: bool | None = None
) -> tuple[npt.NDArray[np.uint64], Dyads]:
    """Ids of all nodes, ascending, and the connected pairs of places among them; autapses left out.

    Parameters
    ----------
    graph : networkx.Graph, networkx.DiGraph or edge table
    nodes : iterable of int, optional
        Further nodes (those without edges).
    directed : bool, optional
        Of an edge table (default False); a graph knows it itself.

    Examples
    --------
    >>> ids, dyads = dyads_of(nx.DiGraph([(9, 4), (4, 4)]), nodes=[7])
    >>> ids.tolist(), dyads.low.tolist(), dyads.high.tolist(), dyads.code.tolist()
    ([4, 7, 9], [0], [2], [2])
    """
    if is_graph(graph) and directed not in (None, graph.is_directed()):
        kind = "directed" if graph.is_directed() else "undirected"
        raise InputError(f"The graph is {kind}, but directed={directed}; leave it out or convert the graph.")
    extra = as_ids([] if nodes is None else nodes, "nodes")
    if is_graph(graph):
        ids, source, target = _number_edges(graph, extra)
        return ids, pair_edges(len(ids), source, target, directed=graph.is_directed())
    both = align(graph, empty_table("edges"), nodes=extra, directed=directed)
    low, high, code, _ = align_dyads(both)
    return both.nodes, Dyads(len(both.nodes), both.directed, low, high, code)


def pair_edges(n_nodes: int, source: Numbers, target: Numbers, *, directed: bool) -> Dyads:
    """Both directions of each pair brought together.

    Examples
    --------
    >>> dyads = pair_edges(3, np.array([0, 1, 2]), np.array([1, 0, 1]), directed=True)
    >>> dyads.low.tolist(), dyads.high.tolist(), dyads.code.tolist()
    ([0, 1], [1, 2], [3, 2])
    """
    low, high, codes = _join(n_nodes, source, target, _direction(source, target, directed))
    return Dyads(n_nodes, directed, low, high, codes.astype(np.uint8))


def align_dyads(both: AlignedEdges) -> tuple[Numbers, Numbers, Codes, Codes]:
    """Every pair that is connected in either graph: low, high, code in the truth, code in the prediction (0: null)."""
    direction = _direction(both.source, both.target, both.directed)
    codes = direction * (both.truth > 0) | (direction * (both.predicted > 0)) << 2
    low, high, joined = _join(len(both.nodes), both.source, both.target, codes)
    return low, high, (joined & 3).astype(np.uint8), (joined >> 2).astype(np.uint8)


def arcs_of(dyads: Dyads) -> tuple[Numbers, Numbers]:
    """Source and target of every arrow; an undirected edge is one each way."""
    forward, back = dyads.code & 1 > 0, dyads.code & 2 > 0
    source = np.concatenate([dyads.low[forward], dyads.high[back]])
    return source, np.concatenate([dyads.high[forward], dyads.low[back]])


def _number_edges(graph: nx.Graph, extra: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint64], Numbers, Numbers]:
    """All ids, ascending, and both ends of the edges, row by row: many times faster than edge by edge."""
    rows = [row for _, row in graph.adjacency()]
    if graph.is_multigraph() or any(data and data.get("n_synapses", 1) < 1 for row in rows for data in row.values()):
        align(graph, empty_table("edges"))  # says what is wrong with it
    own = _exact_ids(list(graph))
    ids = np.unique(np.concatenate([own, extra]))
    places = np.searchsorted(ids, own)
    place = dict(zip(graph, places.tolist(), strict=True))
    source = np.repeat(places, [len(row) for row in rows])
    target = np.fromiter(map(place.__getitem__, chain.from_iterable(rows)), np.int64, len(source))
    apart = source != target
    return ids, source[apart], target[apart]


def _exact_ids(nodes: list[Any]) -> npt.NDArray[np.uint64]:
    """The nodes as ids; Python integers of a valid size are taken over at once."""
    plain = set(map(type, nodes)) == {int} and 0 <= min(nodes) <= max(nodes) < 2**64
    return np.array(nodes, np.uint64) if plain else as_ids(nodes, "nodes")


def _direction(source: Numbers, target: Numbers, directed: bool) -> Numbers:
    return np.where(source < target, 1, 2) if directed else np.full(len(source), 3)


def _join(n_nodes: int, source: Numbers, target: Numbers, codes: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Each pair once, by (low, high), with the bits of its codes joined; codes are below 16, nodes below 2^29."""
    bits = n_nodes.bit_length()
    keys = (np.minimum(source, target) << bits | np.maximum(source, target)) << 4 | codes
    keys.sort()  # pair and code sorted as one number: several times faster than an argsort
    pairs = keys >> 4
    first = np.flatnonzero(np.diff(pairs, prepend=-1))
    pairs = pairs[first]
    return pairs >> bits, pairs & (1 << bits) - 1, np.bitwise_or.reduceat(keys & 15, first)
