"""Rows of motifs: the triad census, the comparison of motifs, random graphs.

    python triads.py SMALL LARGE N_SWAPS REPEATS

SMALL and LARGE are NEURONS,EDGES of generated graphs (log-normal degrees); N_SWAPS is what networkx is given to do.
Prints the rows as JSON. Every answer is compared with networkx's first, at the small size. networkx is not waited for
at the large one: its census visits, for each connected pair, the neighbours of both ends, so its time is taken to grow
with the sum of squared numbers of partners. (Measured from 20,000 to 200,000 edges, its time per unit of that sum grows
by 15 %: it needs somewhat more than is said here.)
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial

import networkx as nx
import numpy as np
import pandas as pd
from connectome_files import SEED, draw_pair, draw_table
from measuring import Cost, Row, alternate, make_row, time_call

from connectograph import align, edges_of
from connectograph.motifs import compare_motifs, count_triads, randomise

Size = tuple[int, int]


def motif_rows(small: Size, large: Size, n_swaps: int, repeats: int) -> Iterator[Row]:
    """All rows of this file."""
    rng = np.random.default_rng(SEED)
    graph = draw_graph(*small, rng)
    table = edges_of(graph)
    if count_triads(graph) != nx.triadic_census(graph):
        raise SystemExit("triad census: our counts differ from networkx's")
    runs = {"baseline": partial(time_call, partial(nx.triadic_census, graph))}
    costs = {}
    for name, given, nodes in (("table", table, np.arange(1, small[0] + 1, dtype=np.uint64)), ("DiGraph", graph, None)):
        ours = partial(time_call, partial(count_triads, given, nodes=nodes))
        costs = alternate({**runs, "ours": ours}, repeats)
        job = f"triad census of a {name}"
        yield make_row(job, "networkx", describe(small), "times faster", 150, costs, repeats)
    yield from large_rows(large, costs["baseline"].seconds / squared_degrees(table), rng, repeats)
    yield random_graphs(graph, small, n_swaps, repeats)


def large_rows(large: Size, networkx_rate: float, rng: np.random.Generator, repeats: int) -> Iterator[Row]:
    """Census and comparison at the size of a whole brain; `networkx_rate` is its time per squared partner."""
    truth, predicted = draw_pair(*large, rng)
    expected = [networkx_rate * squared_degrees(table) for table in (truth, predicted)]
    runs = {"baseline": partial(Cost, expected[0]), "ours": partial(time_call, partial(count_triads, truth))}
    census, size, against = alternate(runs, repeats), describe(large), "networkx, extrapolated"
    yield make_row("triad census", against, size, "times faster", 500, census, repeats)
    yield make_row("triad census, time", against, size, "seconds", 2, census, repeats)
    both = align(truth, predicted, directed=True)
    whole = {"ours": time_call(partial(compare_motifs, both)), "baseline": Cost(sum(expected))}
    against = "networkx, both censuses alone, extrapolated"
    yield make_row("comparison of motifs", against, size, "times faster", None, whole, 1)


def random_graphs(graph: nx.DiGraph, small: Size, n_swaps: int, repeats: int) -> Row:
    """Time per switch; those of networkx keep degrees alone, ours mutual pairs too."""
    n_accepted = next(randomise(graph, rng=np.random.default_rng(0))).n_accepted

    def swap() -> Cost:
        copy = graph.copy()
        run = partial(nx.directed_edge_swap, copy, nswap=n_swaps, max_tries=10**7, seed=0)
        return Cost(time_call(run).seconds / n_swaps)

    def switch() -> Cost:
        nulls = randomise(graph, rng=np.random.default_rng(0), n=5)
        return Cost(time_call(lambda: list(nulls)).seconds / (5 * n_accepted))

    costs, against = alternate({"baseline": swap, "ours": switch}, repeats), "networkx.directed_edge_swap"
    return make_row("random graphs, per switch", against, describe(small), "times faster", None, costs, repeats)


def draw_graph(n: int, m: int, rng: np.random.Generator) -> nx.DiGraph:
    """A connectome as a graph."""
    table = draw_table(n, m, rng)
    graph = nx.DiGraph()
    graph.add_nodes_from(range(1, n + 1))
    graph.add_edges_from(zip(table["source"].tolist(), table["target"].tolist(), strict=True))
    return graph


def squared_degrees(table: pd.DataFrame) -> int:
    """Sum of squared numbers of edges of the neurons."""
    degrees = np.bincount(np.concatenate([table["source"], table["target"]]).astype(np.int64))
    return int(degrees @ degrees)


def describe(size: Size) -> str:
    """Neurons and edges."""
    return f"{size[0]:,} neurons, {size[1]:,} edges"


if __name__ == "__main__":
    small_size, large_size = (tuple(map(int, text.split(","))) for text in sys.argv[1:3])
    print(json.dumps([asdict(row) for row in motif_rows(small_size, large_size, *map(int, sys.argv[3:5]))]))
