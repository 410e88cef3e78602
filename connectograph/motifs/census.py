"""Triad census: how many triples of neurons there are of each kind.

Functions: :func:`count_triads` (16 kinds, directed), :func:`count_triples` (4 kinds, undirected).
"""

from __future__ import annotations

from collections.abc import Iterable
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._networkx import is_graph, nx
from connectograph.errors import InputError
from connectograph.motifs.dyads import Dyads, dyads_of

__all__ = ["CLOSED", "CONNECTED", "TRIADS", "TRIPLES", "count_triads", "count_triples"]

TRIADS = (
    "003", "012", "102", "021D", "021U", "021C", "111D", "111U",
    "030T", "030C", "201", "120D", "120U", "120C", "210", "300",
)  # fmt: skip
"""All kinds of directed triples; drawn in :mod:`connectograph.motifs`."""
CONNECTED = TRIADS[3:]
"""The thirteen kinds that hang together."""
CLOSED = ("030T", "030C", "120D", "120U", "120C", "210", "300")
"""The seven kinds in which every pair is connected."""
TRIPLES = ("empty", "one_edge", "wedge", "triangle")
"""All kinds of undirected triples: with 0, 1, 2 and 3 edges."""

_AS_TRIADS = dict(zip(TRIPLES, ("003", "102", "201", "300"), strict=True))

Oriented = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.uint8]]


def count_triads(graph: nx.DiGraph | pd.DataFrame, *, nodes: Iterable[int] | None = None) -> dict[str, int]:
    """Number of triples of neurons of each of the 16 directed kinds.

    Parameters
    ----------
    graph : networkx.DiGraph or edge table
        Edges of a table go from `source` to `target`. Autapses are left out.
    nodes : iterable of int, optional
        Further nodes (those without edges).

    Returns
    -------
    dict of str to int
        In the order of :data:`TRIADS`; the sum is n(n-1)(n-2)/6.

    Raises
    ------
    InputError
        If the graph is undirected.

    Notes
    -----
    With m, o, i the numbers of mutual, outgoing and incoming pairs of each neuron (Holland and Leinhardt 1976 [1]_
    name the kinds), closed triads are listed and open ones follow from sums over neurons:

    021D = sum C(o,2) - 030T - 120D; 021U = sum C(i,2) - 030T - 120U; 021C = sum i o - 030T - 3 030C - 120C;
    111D = sum m i - 2 120D - 120C - 210; 111U = sum m o - 2 120U - 120C - 210; 201 = sum C(m,2) - 210 - 3 300;
    012, 102: asymmetric (mutual) pairs times (n - 2), less those of all other kinds; 003 = C(n,3) - the rest.

    O(m^1.5) for the listing [2]_, in practice seconds for millions of edges.

    References
    ----------
    .. [1] P. W. Holland and S. Leinhardt, Sociological Methodology 7, 1-45, 1976.
    .. [2] M. Latapy, Theoretical Computer Science 407, 458-473, 2008.

    Examples
    --------
    Which of the two mixed kinds is which:

    >>> count_triads(nx.DiGraph([(1, 2), (2, 1), (3, 2)]))["111D"]  # 1 <-> 2 <- 3
    1
    >>> count_triads(nx.DiGraph([(1, 2), (2, 1), (2, 3)]))["111U"]  # 1 <-> 2 -> 3
    1
    """
    if is_graph(graph) and not graph.is_directed():
        raise InputError("The graph is undirected and a triad census needs directions; use count_triples instead.")
    return census_of(dyads_of(graph, nodes, directed=True)[1])


def count_triples(graph: nx.Graph | pd.DataFrame, *, nodes: Iterable[int] | None = None) -> dict[str, int]:
    """Number of triples of neurons with no, one, two and three edges.

    Parameters
    ----------
    graph : networkx.Graph or edge table
        Undirected. Autapses are left out.
    nodes : iterable of int, optional
        Further nodes (those without edges).

    Returns
    -------
    dict of str to int
        In the order of :data:`TRIPLES`; the sum is n(n-1)(n-2)/6.

    Raises
    ------
    InputError
        If the graph is directed.

    Notes
    -----
    triangle = sum (S S) * S / 6; wedge = sum C(d,2) - 3 triangle; one_edge = m (n-2) - 2 wedge - 3 triangle;
    empty = the rest; S the symmetric adjacency matrix, d the degrees.

    Examples
    --------
    >>> count_triples(nx.Graph([(1, 2), (2, 3), (1, 3), (3, 4)]))
    {'empty': 0, 'one_edge': 1, 'wedge': 2, 'triangle': 1}
    """
    if is_graph(graph) and graph.is_directed():
        raise InputError("The graph is directed; use count_triads, or graph.to_undirected() to ignore directions.")
    return census_of(dyads_of(graph, nodes, directed=False)[1])


def census_of(dyads: Dyads, closed: dict[str, int] | None = None) -> dict[str, int]:
    """The census of dyads: 16 kinds, or 4 if undirected; `closed` if it has been counted before."""
    counts = _complete_census(dyads, count_closed_kinds(orient(dyads)) if closed is None else closed)
    if dyads.directed:
        return {kind: counts[kind] for kind in TRIADS}
    return {name: counts[kind] for name, kind in _AS_TRIADS.items()}


def orient(dyads: Dyads) -> Oriented:
    """Dyads as rows by the end with fewer partners, nodes renumbered by their number of partners."""
    from connectograph._kernels.triads import orient_dyads

    oriented: Oriented = orient_dyads(rank_nodes(dyads), dyads.low, dyads.high, dyads.code)
    return oriented


def rank_nodes(dyads: Dyads) -> npt.NDArray[np.int32]:
    """Place of every node by its number of partners, fewest first."""
    partners = _count(dyads.n_nodes, dyads.low, dyads.high)
    rank = np.empty(dyads.n_nodes, np.int32)
    rank[np.argsort(partners, kind="stable")] = np.arange(dyads.n_nodes, dtype=np.int32)
    return rank


def count_closed_kinds(oriented: Oriented) -> dict[str, int]:
    """Number of triads of each closed kind."""
    from connectograph._kernels.triads import count_closed

    counts = dict.fromkeys(CLOSED, 0)
    for codes, count in enumerate(count_closed(*oriented)):
        if count:
            counts[_closed_kind(codes >> 4, codes >> 2 & 3, codes & 3)] += int(count)
    return counts


def _closed_kind(uv: int, uw: int, vw: int) -> str:
    """Kind of the closed triad u, v, w from the codes of its pairs."""
    mutual = [code == 3 for code in (uv, uw, vw)]
    if sum(mutual) > 1:
        return "300" if sum(mutual) == 3 else "210"
    outgoing = [(uv == 1) + (uw == 1), (uv == 2) + (vw == 1), (uw == 2) + (vw == 2)]
    if not any(mutual):
        return "030C" if max(outgoing) == 1 else "030T"
    alone = 2 - mutual.index(True)  # the neuron outside the mutual pair
    return ("120U", "120C", "120D")[outgoing[alone]]


def _complete_census(dyads: Dyads, closed: dict[str, int]) -> dict[str, int]:
    """All 16 kinds from the closed ones; Python integers, because n(n-1)(n-2)/6 outgrows 64 bits at 4 million."""
    n, low, high = dyads.n_nodes, dyads.low, dyads.high
    up, down, both = (dyads.code == code for code in (1, 2, 3))
    m = _count(n, low[both], high[both])
    o, i = _count(n, low[up], high[down]), _count(n, high[up], low[down])
    c = dict(closed)
    c["021D"] = _sum(o, o - 1) // 2 - c["030T"] - c["120D"]
    c["021U"] = _sum(i, i - 1) // 2 - c["030T"] - c["120U"]
    c["021C"] = _sum(i, o) - c["030T"] - 3 * c["030C"] - c["120C"]
    c["111D"] = _sum(m, i) - 2 * c["120D"] - c["120C"] - c["210"]
    c["111U"] = _sum(m, o) - 2 * c["120U"] - c["120C"] - c["210"]
    c["201"] = _sum(m, m - 1) // 2 - c["210"] - 3 * c["300"]
    n_mutual = int(both.sum())
    one_asymmetric = (len(both) - n_mutual) * (n - 2) - sum(int(kind[1]) * count for kind, count in c.items())
    one_mutual = n_mutual * (n - 2) - sum(int(kind[0]) * count for kind, count in c.items())
    c |= {"012": one_asymmetric, "102": one_mutual}
    return c | {"003": comb(n, 3) - sum(c.values())}


def _count(n_nodes: int, *ends: Any) -> npt.NDArray[np.int64]:
    return sum((np.bincount(end, minlength=n_nodes) for end in ends), np.zeros(n_nodes, np.int64))


def _sum(left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]) -> int:
    return int(left @ right)
