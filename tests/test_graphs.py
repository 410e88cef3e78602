"""Edges, networkx graphs, adjacency, alignment."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from cases import CASES
from hypothesis import given
from hypothesis import strategies as st

from connectograph import InputError, SchemaError, Volume, adjacency, align, build_edges, build_graph, edges_of
from connectograph.graphs import nodes_of
from connectograph.segments import select_segments
from connectograph.tables import empty_table, make_table

LARGE = [2**53, 2**53 + 1, 2**63 + 1, 2**64 - 3]
ids = st.sampled_from([1, 2, 3, *LARGE])


def links_of(*rows, directed=False):
    """The table from (synapse, source, target, voxels); the position along x is 10 times the voxels."""
    synapse, source, target, n_voxels = (list(column) for column in zip(*rows, strict=True)) if rows else [[]] * 4
    n = len(rows)
    return make_table(
        "links",
        {"synapse_id": synapse, "source": source, "target": target, "directed": [directed] * n,
         "n_voxels": n_voxels, "score": [np.nan] * n, "z_nm": [0.0] * n, "y_nm": [float(s) for s in synapse],
         "x_nm": [10.0 * v for v in n_voxels]},
    )  # fmt: skip


def test_edges_count_synapses_and_lie_where_most_voxels_are():
    edges = build_edges(links_of((1, 4, 7, 10), (2, 4, 7, 30), (3, 4, 7, 30), (3, 4, 9, 5), (9, 2, 4, 1)))
    rows = edges[["source", "target", "n_synapses", "n_voxels", "x_nm", "y_nm"]].to_numpy().tolist()
    assert rows == [[2, 4, 1, 1, 10, 9], [4, 7, 3, 70, 300, 2], [4, 9, 1, 5, 50, 3]]


def test_a_synapse_counts_once_however_many_links_it_has_to_a_pair():
    edges = build_edges(links_of((1, 4, 7, 10), (1, 4, 7, 20), (2, 4, 7, 1), directed=True))
    assert edges[["n_synapses", "n_voxels"]].to_numpy().tolist() == [[2, 31]]


def test_directed_links_make_two_edges():
    edges = build_edges(links_of((1, 4, 7, 10), (2, 7, 4, 20), (3, 7, 7, 1), directed=True))
    assert edges[["source", "target", "n_voxels"]].to_numpy().tolist() == [[4, 7, 10], [7, 4, 20], [7, 7, 1]]


@given(st.lists(st.tuples(st.integers(1, 3), ids, ids, st.integers(1, 9)), max_size=12))
def test_edges_do_not_depend_on_the_order_of_links(rows):
    rows = [(s, min(a, b), max(a, b), n) for s, a, b, n in rows]
    edges = build_edges(links_of(*rows))
    assert edges.equals(build_edges(links_of(*rows[::-1])))
    expected = {(a, b): (set(), []) for _, a, b, _ in rows}
    for s, a, b, n in rows:
        expected[a, b][0].add(s)
        expected[a, b][1].append((-n, s))
    got = {(row.source, row.target): (row.n_synapses, row.n_voxels, row.y_nm) for row in edges.itertuples()}
    assert got == {
        pair: (len(synapses), -sum(n for n, _ in sizes), min(sizes)[1]) for pair, (synapses, sizes) in expected.items()
    }


def test_undirected_links_are_written_with_the_smaller_id_first():
    with pytest.raises(SchemaError, match="source > target"):
        build_edges(links_of((1, 7, 4, 10)))


def test_no_links_no_edges():
    assert build_edges(empty_table("links")).equals(empty_table("edges"))


def test_graphs_are_plain_networkx_with_every_kept_segment():
    segments = select_segments(Volume(np.array([[[1, 1, 2, 2, 3, 4, 4]]]), (40, 4, 4)), min_segment_voxels=2)
    edges = build_edges(links_of((1, 1, 2, 10), (2, 1, 2, 5)))
    graph = build_graph(edges, segments, name="truth", voxel_size=(40.0, 4.0, 4.0))
    assert type(graph) is nx.Graph
    assert sorted(graph.nodes) == [1, 2, 4]
    assert all(type(node) is int for node in graph)
    assert graph.graph == {
        "kind": "connectome",
        "name": "truth",
        "voxel_size_nm": (40.0, 4.0, 4.0),
        "connectograph": graph.graph["connectograph"],
    }
    assert graph.nodes[4] == {"n_voxels": 2, "volume_nm3": 1280.0, "z_nm": 20.0, "y_nm": 2.0, "x_nm": 24.0}
    assert graph.edges[1, 2] == {"n_synapses": 2, "n_voxels": 15, "z_nm": 0.0, "y_nm": 1.0, "x_nm": 100.0}
    assert type(graph.edges[1, 2]["n_synapses"]) is int
    assert type(build_graph(empty_table("edges"), [], directed=True)) is nx.DiGraph


def test_graphs_refuse_unknown_nodes_and_pairs_given_twice():
    edges = build_edges(links_of((1, 4, 7, 10)))
    with pytest.raises(SchemaError, match=r"1 ids are no nodes, e\.g\. 7"):
        build_graph(edges, [4])
    with pytest.raises(SchemaError, match="pair occurs twice"):
        build_graph(pd.concat([edges, edges]), [4, 7])


@given(st.lists(st.tuples(ids, ids, st.integers(1, 300)), max_size=8), st.booleans())
def test_tables_and_graphs_are_the_same_edges(rows, directed):
    edges = {(a, b) if directed or a < b else (b, a): n for a, b, n in rows}
    table = build_edges(links_of(*((1, a, b, n) for (a, b), n in edges.items()), directed=directed))
    graph = build_graph(table, [*LARGE, 1, 2, 3], directed=directed)
    assert edges_of(graph).equals(table)
    assert edges_of(table) is table
    assert nodes_of(graph).tolist() == sorted([1, 2, 3, *LARGE])
    assert nodes_of(table).tolist() == sorted({end for pair in edges for end in pair})


def test_edges_of_a_bare_graph():
    table = edges_of(nx.Graph([(9, 4)]))
    assert table[["source", "target", "n_synapses", "n_voxels"]].to_numpy().tolist() == [[4, 9, 1, 0]]
    assert table[["z_nm", "y_nm", "x_nm"]].isna().all(axis=None)


@pytest.mark.parametrize("wrong", [nx.Graph([("a", "b")]), nx.Graph([(-1, 2)]), nx.Graph([(1.5, 2)])], ids=str)
def test_nodes_are_ids(wrong):
    with pytest.raises(SchemaError, match="nodes"):
        edges_of(wrong)


def test_multigraphs_are_refused():
    with pytest.raises(InputError, match="multigraph"):
        edges_of(nx.MultiGraph([(1, 2), (1, 2)]))


def test_adjacency_holds_counts_beyond_a_byte():
    graph = nx.DiGraph([(4, 9, {"n_synapses": 70_000}), (9, 9, {"n_synapses": 256})])
    nodes = np.array([4, 5, 9], "u8")
    directed = adjacency(edges_of(graph), nodes, directed=True)
    assert directed.toarray().tolist() == [[0, 0, 70_000], [0, 0, 0], [0, 0, 256]]
    both = adjacency(edges_of(graph), nodes)
    assert both.toarray().tolist() == [[0, 0, 70_000], [0, 0, 0], [70_000, 0, 256]]
    assert both.dtype == np.int64


def test_adjacency_puts_neighbouring_large_ids_where_they_belong():
    edges = edges_of(nx.Graph([(7, 2**53 + 1)]))
    for nodes in ([7, 2**53, 2**53 + 1], np.array([7, 2**53, 2**53 + 1]), np.array([7, 2**53, 2**53 + 1], "u8")):
        assert adjacency(edges, nodes).toarray().tolist() == [[0, 0, 1], [0, 0, 0], [1, 0, 0]]
    with pytest.raises(SchemaError, match=r"no nodes, e\.g\. 9007199254740993"):
        adjacency(edges, np.array([7, 2**53]))
    for wrong in ([2**53 + 1, 7], [7, 7, 2**53 + 1]):
        with pytest.raises(SchemaError, match="ascending"):
            adjacency(edges, wrong)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_alignment_holds_every_pair_of_either_graph(case):
    truth, predicted = case.graphs()
    both = align(truth, predicted)
    assert both.nodes.tolist() == sorted({*truth, *predicted})
    assert both.directed == case.directed
    pairs = list(zip(both.nodes[both.source].tolist(), both.nodes[both.target].tolist(), strict=True))
    assert pairs == sorted(pairs)
    assert len(pairs) == case.tp + case.fp + case.fn
    for (a, b), in_truth, in_predicted in zip(pairs, both.truth.tolist(), both.predicted.tolist(), strict=True):
        assert in_truth == truth.get_edge_data(a, b, {"n_synapses": 0})["n_synapses"]
        assert in_predicted == predicted.get_edge_data(a, b, {"n_synapses": 0})["n_synapses"]
    assert both.autapses_truth == nx.number_of_selfloops(truth)
    assert both.autapses_predicted == nx.number_of_selfloops(predicted)


def test_alignment_takes_more_nodes():
    assert align(nx.Graph(), nx.Graph([(1, 2)]), nodes=[7, 2]).nodes.tolist() == [1, 2, 7]
    assert align(empty_table("edges"), empty_table("edges")).nodes.tolist() == []


def test_directed_is_never_compared_with_undirected():
    for one, other in ((nx.Graph(), nx.DiGraph()), (nx.DiGraph(), nx.Graph())):
        with pytest.raises(ValueError, match="directed"):
            align(one, other)
    with pytest.raises(InputError, match="directed"):
        align(nx.Graph(), empty_table("edges"), directed=True)


def test_a_table_of_undirected_edges_may_name_a_pair_once_only():
    table = pd.concat([edges_of(nx.Graph([(1, 2)]))] * 2, ignore_index=True)
    table.loc[1, ["source", "target"]] = 2, 1
    with pytest.raises(SchemaError, match="twice"):
        align(table.astype({"source": "u8", "target": "u8"}), empty_table("edges"))
