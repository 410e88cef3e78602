"""One connectome in numbers: reciprocity, triads, clustering, cycles, cliques."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from connectograph._components import label_components
from connectograph._networkx import nx
from connectograph._notebook import Shown
from connectograph._numbers import divide, explain_missing
from connectograph.motifs.census import Oriented, census_of, count_closed_kinds, orient
from connectograph.motifs.dyads import Dyads, dyads_of

__all__ = ["LEFT_OUT", "MAX_CLIQUES", "MAX_CLIQUE_EDGES", "MAX_CLIQUE_STEPS", "MotifProfile", "measure_motifs"]

MAX_CLIQUE_EDGES = 200_000
"""Maximal cliques are listed in graphs of at most this many connected pairs (one volume)."""
MAX_CLIQUES = 200_000
"""And as long as there are no more of them than this."""
MAX_CLIQUE_STEPS = 2 * 10**10
"""Cliques of four are counted while triangles times the longest row of partners are at most this (half a minute)."""
LEFT_OUT = "left out of the quick comparison; connectograph.compare_motifs(truth, predicted) finds it"
"""Why there are no cliques and no betweenness where only triads were counted."""


@dataclass(frozen=True, eq=False)
class MotifProfile(Shown):
    """Motifs of one graph.

    Attributes
    ----------
    n_nodes, n_edges : int
        Neurons; arrows or undirected edges.
    directed : bool
    counts : dict of str to int
        The census: 16 kinds of triads if directed, else 4 kinds of triples.
    density : float
        Edges / possible edges.
    reciprocity : float
        Share of arrows that are answered: sum B_ij B_ji / sum B_ij; NaN if undirected.
    rho : float
        (reciprocity - density) / (1 - density): 0 by chance, whatever the density; NaN if undirected.
    transitivity : float
        3 triangles / wedges, directions ignored.
    clustering : float
        Mean over neurons of the share of closed pairs of partners, directions counted if directed.
    n_three_cycles : int
        Ways round in three steps: each triangle once, or each i -> j -> k -> i.
    n_independent_cycles : int
        Connected pairs - neurons + components: size of a cycle basis, directions ignored.
    n_triangles : int
        Sets of three neurons that are all connected, directions ignored.
    n_four_cliques : int or None
        The same of four neurons; None if there are too many to count.
    maximal_cliques : dict of int to int, or None
        Number of maximal cliques of each size, isolated neurons left out; None if there are too many to list.
    quick : bool
        Whether cliques were not looked for.

    Examples
    --------
    A ring of three arrows, one of them answered, and a fourth neuron:

    >>> found = measure_motifs(nx.DiGraph([(1, 2), (2, 3), (3, 1), (1, 3)]), nodes=[4])
    >>> found.n_edges, found.counts["120C"], found.n_three_cycles, round(found.density, 3), found.reciprocity
    (4, 1, 1, 0.333, 0.5)
    >>> round(found.rho, 2), found.transitivity, found.n_independent_cycles, found.largest_clique
    (0.25, 1.0, 1, 3)
    """

    n_nodes: int
    n_edges: int
    directed: bool
    counts: dict[str, int]
    density: float
    reciprocity: float
    rho: float
    transitivity: float
    clustering: float
    n_three_cycles: int
    n_independent_cycles: int
    n_triangles: int
    n_four_cliques: int | None
    maximal_cliques: dict[int, int] | None
    quick: bool = False

    @property
    def largest_clique(self) -> float:
        """Neurons of the largest clique (1 without edges, 0 without neurons); NaN if cliques were not listed."""
        if self.maximal_cliques is None:
            return math.nan
        return max(self.maximal_cliques, default=min(1, self.n_nodes))

    def to_dict(self) -> dict[str, Any]:
        """Everything by name; an undefined number is None with its reason beside it.

        Examples
        --------
        >>> measure_motifs(nx.DiGraph()).to_dict()["reciprocity_reason"]
        'the graph has no edge'
        """
        numbers = {name: value for name, value in vars(self).items() if name not in ("maximal_cliques", "quick")}
        result = explain_missing({**numbers, "largest_clique": self.largest_clique}, self._reasons())
        result["counts"] = dict(self.counts)
        cliques = self.maximal_cliques
        result["maximal_cliques"] = None if cliques is None else {str(size): cliques[size] for size in cliques}
        if cliques is None:
            result["maximal_cliques_reason"] = result["largest_clique_reason"]
        if self.n_four_cliques is None:
            too_many = f"counting them would take more than {MAX_CLIQUE_STEPS} steps"
            result["n_four_cliques_reason"] = LEFT_OUT if self.quick else too_many
        return result

    def _reasons(self) -> dict[str, str]:
        empty = "the graph has no edge" if self.directed else "the graph is undirected"
        full = "every possible edge exists" if self.n_edges else "the graph has no edge"
        too_many = f"more than {MAX_CLIQUE_EDGES} connected pairs or {MAX_CLIQUES} maximal cliques"
        return {
            "density": "fewer than two neurons",
            "reciprocity": empty,
            "rho": full if self.directed else empty,
            "transitivity": "no neuron has two partners",
            "clustering": "no neuron has two partners",
            "largest_clique": LEFT_OUT if self.quick else too_many,
        }


def measure_motifs(
    graph: nx.Graph | pd.DataFrame, *, directed: bool | None = None, nodes: Iterable[int] | None = None
) -> MotifProfile:
    """Reciprocity, triads, clustering, cycles and cliques of one graph.

    Parameters
    ----------
    graph : networkx.Graph, networkx.DiGraph or edge table
    directed : bool, optional
        Of an edge table (default False); a graph knows it itself.
    nodes : iterable of int, optional
        Further nodes (those without edges).

    Returns
    -------
    MotifProfile

    Notes
    -----
    rho is Garlaschelli and Loffredo's [1]_. Clustering of a neuron is 2 t / (d (d - 1)) with t triangles and d
    partners; directed, Fagiolo's [2]_ ((A + A')^3)_ii / (2 (d_tot (d_tot - 1) - 2 d_mutual)); the mean is over neurons
    with two partners or more (others have no clustering, not a clustering of 0). Where a synapse joins every pair of
    the segments it touches, triangles come from single synapses: read clustering and cliques with that in mind.

    References
    ----------
    .. [1] D. Garlaschelli and M. I. Loffredo, Physical Review Letters 93, 268701, 2004.
    .. [2] G. Fagiolo, Physical Review E 76, 026107, 2007.

    Examples
    --------
    >>> profile = measure_motifs(nx.DiGraph([(1, 2), (2, 1), (2, 3), (1, 3)]))
    >>> profile.reciprocity, profile.transitivity, profile.counts["120U"], profile.largest_clique
    (0.5, 1.0, 1, 3)
    """
    return profile_of(dyads_of(graph, nodes, directed)[1])


def profile_of(dyads: Dyads, *, quick: bool = False) -> MotifProfile:
    """Motifs of some dyads; without cliques if it is to be quick."""
    n, n_edges, oriented = dyads.n_nodes, dyads.n_edges, orient(dyads)
    closed = count_closed_kinds(oriented)
    n_triangles = sum(closed.values())
    density = divide(n_edges, n * (n - 1) // (1 if dyads.directed else 2))
    reciprocity = divide(2 * int((dyads.code == 3).sum()), n_edges) if dyads.directed else math.nan
    n_wedges, clustering = _cluster(dyads, oriented)
    cyclic = closed["030C"] + closed["120C"] + closed["210"] + 2 * closed["300"]
    return MotifProfile(
        n_nodes=n,
        n_edges=n_edges,
        directed=dyads.directed,
        counts=census_of(dyads, closed),
        density=density,
        reciprocity=reciprocity,
        rho=divide(reciprocity - density, 1 - density),
        transitivity=divide(3 * n_triangles, n_wedges),
        clustering=clustering,
        n_three_cycles=cyclic if dyads.directed else n_triangles,
        n_independent_cycles=len(dyads.code) - n + len(np.unique(label_components(n, dyads.low, dyads.high))),
        n_triangles=n_triangles,
        n_four_cliques=None if quick else _count_four_cliques(oriented, n_triangles),
        maximal_cliques=None if quick else _list_cliques(dyads),
        quick=quick,
    )


def _cluster(dyads: Dyads, oriented: Oriented) -> tuple[int, float]:
    """Pairs of partners of a neuron, over all neurons; and the mean clustering of the neurons that have any."""
    from connectograph._kernels.triads import count_corners

    start, higher, code = oriented
    lower = np.repeat(np.arange(dyads.n_nodes), np.diff(start))
    partners = np.bincount(lower, minlength=dyads.n_nodes) + np.bincount(higher, minlength=dyads.n_nodes)
    pairs = partners * (partners - 1) // 2
    plain, weighted = count_corners(start, higher, code)
    closed, possible = plain, pairs
    if dyads.directed:
        both = code == 3
        mutual = np.bincount(lower[both], minlength=dyads.n_nodes) + np.bincount(higher[both], minlength=dyads.n_nodes)
        total = partners + mutual
        closed, possible = weighted, total * (total - 1) - 2 * mutual
    local = closed[pairs > 0] / possible[pairs > 0]
    return int(pairs.sum()), float(local.mean()) if len(local) else math.nan


def _count_four_cliques(oriented: Oriented, n_triangles: int) -> int | None:
    from connectograph._kernels.triads import count_four_cliques

    start, higher, _ = oriented
    longest = int(np.diff(start).max(initial=0))
    return int(count_four_cliques(start, higher)) if n_triangles * longest <= MAX_CLIQUE_STEPS else None


def _list_cliques(dyads: Dyads) -> dict[int, int] | None:
    """Maximal cliques by size, or None beyond the limits."""
    if len(dyads.code) > MAX_CLIQUE_EDGES:
        return None
    graph = nx.Graph(zip(dyads.low.tolist(), dyads.high.tolist(), strict=True))
    sizes = Counter(len(clique) for clique in islice(nx.find_cliques(graph), MAX_CLIQUES + 1))
    return dict(sorted(sizes.items())) if sizes.total() <= MAX_CLIQUES else None
