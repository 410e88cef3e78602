"""Rows of motifs: the triad census, the whole comparison, random graphs.

    python analysis/benchmarks/triads.py [--quick]

Prints a table. Every answer is compared with networkx's first. networkx is not waited for at 130,000 neurons: the
census of networkx visits, for each connected pair, the neighbours of both ends, so its time is taken to grow with the
sum of squared numbers of partners, from a graph of the same kind that it finishes (both are generated with log-normal
degrees).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import networkx as nx
import numpy as np
import pandas as pd
from measuring import Cost, Row, alternate, make_row, time_call
from run import format_row

from connectograph import align, edges_of
from connectograph.motifs import compare_motifs, count_triads, randomise

SEED = 20240501


@dataclass(frozen=True)
class Sizes:
    """Neurons and edges of the graph that networkx finishes, and of the large one; swaps of networkx."""

    small: tuple[int, int]
    large: tuple[int, int]
    n_swaps: int
    repeats: int


FULL = Sizes((5_000, 20_000), (130_000, 2_700_000), n_swaps=2_000, repeats=5)
QUICK = Sizes((300, 1_500), (2_000, 20_000), n_swaps=100, repeats=1)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 whether or not targets are met: a busy machine is no failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small graphs, without targets: shows that all runs")
    options = parser.parse_args(argv)
    for row in motif_rows(QUICK if options.quick else FULL):
        print(format_row(replace(row, target=None) if options.quick else row), flush=True)
    return 0


def motif_rows(sizes: Sizes) -> Iterator[Row]:
    """All rows of this file."""
    rng = np.random.default_rng(SEED)
    graph = draw_graph(*sizes.small, rng)
    table = edges_of(graph)
    if count_triads(graph) != nx.triadic_census(graph):
        raise SystemExit("triad census: our counts differ from networkx's")
    runs = {"baseline": partial(time_call, partial(nx.triadic_census, graph))}
    costs = {}
    for name, given, nodes in (("table", table, np.arange(sizes.small[0], dtype=np.uint64)), ("DiGraph", graph, None)):
        ours = partial(time_call, partial(count_triads, given, nodes=nodes))
        costs = alternate({**runs, "ours": ours}, sizes.repeats)
        job = f"triad census of a {name}"
        yield make_row(job, "networkx", describe(sizes.small), "times faster", 150, costs, sizes.repeats)
    yield from large_rows(sizes, costs["baseline"].seconds / squared_degrees(table), rng)
    yield random_graphs(graph, sizes)


def large_rows(sizes: Sizes, networkx_rate: float, rng: np.random.Generator) -> Iterator[Row]:
    """Census and comparison at the size of a whole brain; `networkx_rate` is its time per squared partner."""
    tables = [draw_table(*sizes.large, rng) for _ in range(2)]
    kept = [table[rng.random(len(table)) < share] for table, share in zip(tables, (0.9, 0.1), strict=True)]
    predicted = pd.concat(kept).drop_duplicates(["source", "target"])
    size, expected = describe(sizes.large), [Cost(networkx_rate * squared_degrees(t)) for t in (tables[0], predicted)]
    baseline = {"baseline": partial(Cost, expected[0].seconds)}
    census = alternate({**baseline, "ours": partial(time_call, partial(count_triads, tables[0]))}, sizes.repeats)
    against = "networkx, extrapolated"
    yield make_row("triad census", against, size, "times faster", 500, census, sizes.repeats)
    yield seconds_row("triad census", against, size, 2, census, sizes.repeats)
    both = align(tables[0], predicted, directed=True)
    whole = {
        "ours": time_call(partial(compare_motifs, both)),
        "baseline": Cost(sum(cost.seconds for cost in expected)),
    }
    yield seconds_row("compare_motifs", "networkx, both censuses alone, extrapolated", size, 60, whole, 1)


def random_graphs(graph: nx.DiGraph, sizes: Sizes) -> Row:
    """Time per switch; those of networkx keep degrees alone, ours mutual pairs too."""
    n_accepted = next(randomise(graph, rng=np.random.default_rng(0))).n_accepted

    def swap() -> Cost:
        copy = graph.copy()
        run = partial(nx.directed_edge_swap, copy, nswap=sizes.n_swaps, max_tries=10**7, seed=0)
        return Cost(time_call(run).seconds / sizes.n_swaps)

    def switch() -> Cost:
        nulls = randomise(graph, rng=np.random.default_rng(0), n=5)
        return Cost(time_call(lambda: list(nulls)).seconds / (5 * n_accepted))

    costs = alternate({"baseline": swap, "ours": switch}, sizes.repeats)
    size = describe(sizes.small)
    return make_row(
        "random graphs, per switch", "networkx.directed_edge_swap", size, "times faster", None, costs, sizes.repeats
    )


def seconds_row(job: str, against: str, size: str, target: float, costs: dict[str, Cost], repeats: int) -> Row:
    """Row of our time alone."""
    ours, baseline = costs["ours"], costs["baseline"]
    return Row(job, against, size, "seconds", ours.seconds, target, ours, baseline, repeats)


def draw_table(n: int, m: int, rng: np.random.Generator) -> pd.DataFrame:
    """Edges among n neurons, log-normal degrees, a tenth of them answered."""
    keys = np.empty(0, np.int64)
    weights = rng.lognormal(size=(2, n))
    while len(keys) < m:
        source, target = (rng.choice(n, m, p=weight / weight.sum()) for weight in weights)
        answered = rng.random(m) < 0.1
        new = np.concatenate([source * n + target, target[answered] * n + source[answered]])
        keys = np.unique(np.concatenate([keys, new[new // n != new % n]]))
    source, target = np.divmod(np.sort(rng.permutation(keys)[:m]), n)
    ids = {"source": source.astype(np.uint64), "target": target.astype(np.uint64)}
    return pd.DataFrame({**ids, "n_synapses": np.ones(m, np.int64)})


def draw_graph(n: int, m: int, rng: np.random.Generator) -> nx.DiGraph:
    """The same as a graph."""
    table = draw_table(n, m, rng)
    graph = nx.DiGraph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from(zip(table["source"].tolist(), table["target"].tolist(), strict=True))
    return graph


def squared_degrees(table: pd.DataFrame) -> int:
    """Sum of squared numbers of edges of the neurons."""
    degrees = np.bincount(np.concatenate([table["source"], table["target"]]).astype(np.int64))
    return int(degrees @ degrees)


def describe(size: tuple[int, int]) -> str:
    """Neurons and edges."""
    return f"{size[0]:,} neurons, {size[1]:,} edges"


if __name__ == "__main__":
    raise SystemExit(main())
