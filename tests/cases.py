"""Small pairs of graphs with counts made by hand.

An edge is (source, target) or (source, target, number of synapses).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import networkx as nx

Edges = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Case:
    """Two graphs and what a comparison must count."""

    name: str
    truth: Edges
    predicted: Edges
    tp: int
    fp: int
    fn: int
    directed: bool = False
    nodes: tuple[int, ...] = ()

    def graphs(self) -> tuple[nx.Graph, nx.Graph]:
        """Truth and prediction as networkx graphs."""
        return self._graph(self.truth), self._graph(self.predicted)

    def _graph(self, edges: Edges) -> nx.Graph:
        graph = nx.DiGraph() if self.directed else nx.Graph()
        graph.add_nodes_from(self.nodes)
        for source, target, *count in edges:
            graph.add_edge(source, target, n_synapses=count[0] if count else 1)
        return graph


COMPLETE_4 = tuple(combinations((1, 2, 3, 4), 2))
TRIANGLE = ((1, 2), (2, 3), (1, 3))
PATH = ((1, 2), (2, 3), (3, 4))

CASES = (
    Case("identical", TRIANGLE, TRIANGLE, tp=3, fp=0, fn=0),
    Case("empty_truth", (), PATH, tp=0, fp=3, fn=0),
    Case("empty_predicted", PATH, (), tp=0, fp=0, fn=3),
    Case("both_empty", (), (), tp=0, fp=0, fn=0),
    Case("both_empty_with_nodes", (), (), tp=0, fp=0, fn=0, nodes=(1, 2, 3)),
    Case("one_false_edge", PATH, (*PATH, (1, 4)), tp=3, fp=1, fn=0),
    Case("one_missing_edge", PATH, PATH[:2], tp=2, fp=0, fn=1),
    # neuron 3 was merged into neuron 2: 1-3 became 1-2, 3-4 became 2-4, 2-3 lies inside one segment
    Case("merge_error", ((1, 2), (1, 3), (2, 3), (3, 4)), ((1, 2, 2), (2, 4)), tp=1, fp=1, fn=3),
    # neuron 2 was split into 2 and 5: 2-3 became 3-5
    Case("split_error", ((1, 2), (2, 3)), ((1, 2), (3, 5)), tp=1, fp=1, fn=1),
    Case("reversed_edge", ((1, 2), (2, 3)), ((2, 1), (2, 3)), tp=1, fp=1, fn=1, directed=True),
    Case("reversed_edge_undirected", ((1, 2), (2, 3)), ((2, 1), (2, 3)), tp=2, fp=0, fn=0),
    Case("reciprocal_pair", ((1, 2), (2, 1)), ((1, 2),), tp=1, fp=0, fn=1, directed=True),
    Case("isolated_node", ((1, 2),), ((1, 2),), tp=1, fp=0, fn=0, nodes=(1, 2, 9)),
    Case("autapse", ((1, 1), (1, 2)), ((2, 2), (1, 2)), tp=1, fp=0, fn=0),
    Case("autapse_only", ((1, 1),), (), tp=0, fp=0, fn=0),
    Case("autapse_directed", ((1, 1), (1, 2)), ((1, 1), (1, 2)), tp=1, fp=0, fn=0, directed=True),
    Case("complete", COMPLETE_4, COMPLETE_4, tp=6, fp=0, fn=0),
    Case("complete_truth", COMPLETE_4, PATH, tp=3, fp=0, fn=3),
    Case("complete_predicted", PATH, COMPLETE_4, tp=3, fp=3, fn=0),
    Case("complement", PATH, ((1, 3), (1, 4), (2, 4)), tp=0, fp=3, fn=3),
    Case("other_neurons", ((1, 2),), ((3, 4),), tp=0, fp=1, fn=1),
    Case("one_of_fifty_synapses", ((1, 2, 50),), ((1, 2, 1),), tp=1, fp=0, fn=0),
    Case("more_than_a_byte", ((1, 2, 256), (2, 3, 257)), ((1, 2, 256), (2, 3, 1)), tp=2, fp=0, fn=0),
    Case(
        "neighbouring_large_ids",
        ((2**53, 2**63 + 1), (2**64 - 3, 7)),
        ((2**53 + 1, 2**63 + 1), (7, 2**64 - 3)),
        tp=1,
        fp=1,
        fn=1,
    ),
)

BY_NAME = {case.name: case for case in CASES}
