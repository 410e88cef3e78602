"""GraphML and adjacency files."""

from __future__ import annotations

import random
import re
import time
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.sparse import load_npz

from connectograph.errors import InputError, SchemaError
from connectograph.graphs import adjacency, build_graph, compress_adjacency, tabulate_graph
from connectograph.io.graphs import read_graphml, write_adjacency, write_graphml
from connectograph.tables import empty_table, make_table

LARGE = [2**53 + 1, 2**63 - 1, 2**63 + 5, 2**64 - 3, 2**64 - 2, 2**64 - 1]


def make_edges(rows: list[tuple[int, int, int]]) -> pd.DataFrame:
    source, target, count = zip(*rows, strict=True) if rows else ((), (), ())
    nowhere = [float("nan")] * len(rows)
    return make_table(
        "edges",
        {
            "source": list(source),
            "target": list(target),
            "n_synapses": list(count),
            "n_voxels": [0] * len(rows),
            **dict.fromkeys(("z_nm", "y_nm", "x_nm"), nowhere),
        },
    )


def make_graph(directed: bool = False) -> nx.Graph:
    graph = nx.DiGraph() if directed else nx.Graph()
    graph.graph.update(kind="connectome", name='a <b> & "c"', voxel_size_nm=(40.0, 4.0, 4.5), connectograph="0.1")
    graph.add_node(2**64 - 3, n_voxels=2**40, volume_nm3=0.1, status="kept", segment_id=2**64 - 3)
    graph.add_node(7, n_voxels=3, volume_nm3=640.0, status="split_off", segment_id=7)
    graph.add_node(9)
    graph.add_edge(2**64 - 3, 7, n_synapses=2, n_voxels=70_000, z_nm=-0.5, checked=True)
    graph.add_edge(9, 9, n_synapses=1)
    return graph


@pytest.mark.parametrize("directed", [False, True])
def test_graphml_round_trip(tmp_path: Path, directed: bool) -> None:
    graph = make_graph(directed)
    write_graphml(graph, tmp_path / "a.graphml")
    back = read_graphml(tmp_path / "a.graphml")
    assert type(back) is type(graph)
    assert back.graph == graph.graph
    assert dict(back.nodes(data=True)) == dict(graph.nodes(data=True))
    assert nx.utils.edges_equal(back.edges(data=True), graph.edges(data=True), directed=directed)
    assert all(type(node) is int for node in back)


@given(st.sets(st.sampled_from(LARGE) | st.integers(0, 2**64 - 1), max_size=8), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_graphml_keeps_every_id(tmp_path_factory: pytest.TempPathFactory, ids: set[int], chance: random.Random) -> None:
    file = tmp_path_factory.mktemp("graph") / "a.graphml"
    graph = nx.DiGraph()
    graph.add_nodes_from(ids)
    graph.add_edges_from(
        (a, b, {"n_synapses": chance.randint(1, 9)}) for a in ids for b in ids if chance.random() < 0.4
    )
    write_graphml(graph, file)
    assert nx.utils.graphs_equal(read_graphml(file), graph)


def test_pitfall_graphml_types_hold_every_value(tmp_path: Path) -> None:
    """C13: numpy's and Python's integers declared as 32-bit types overflow in Gephi and yEd."""
    graph = nx.Graph()
    graph.add_node(
        np.uint64(2**64 - 2), segment_id=np.uint64(2**64 - 2), n_voxels=np.int64(3), odd=2**63, size=np.float32(2)
    )
    graph.add_node(1, odd=1, size=1)
    write_graphml(graph, tmp_path / "a.graphml")
    text = (tmp_path / "a.graphml").read_text()
    kinds = dict(re.findall(r'attr.name="(\w+)" attr.type="(\w+)"', text))
    assert kinds == {"segment_id": "string", "n_voxels": "long", "odd": "string", "size": "double"}
    assert '<node id="18446744073709551614">' in text
    back = read_graphml(tmp_path / "a.graphml")
    assert back.nodes[2**64 - 2] == {"segment_id": 2**64 - 2, "n_voxels": 3, "odd": str(2**63), "size": 2.0}


def test_undefined_attributes_are_absent(tmp_path: Path) -> None:
    graph = nx.Graph(voxel_size_nm=None, name="")
    graph.add_edge(1, 2, n_synapses=1, z_nm=float("nan"), score=None, far=float("inf"))
    write_graphml(graph, tmp_path / "a.graphml")
    back = read_graphml(tmp_path / "a.graphml")
    assert back.edges[1, 2] == {"n_synapses": 1, "far": float("inf")}
    assert back.graph == {"name": ""}
    assert "nan" not in (tmp_path / "a.graphml").read_text().lower()


def test_graphml_is_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    graph = nx.gnp_random_graph(30, 0.2, seed=1)
    other = nx.Graph()
    other.add_nodes_from(sorted(graph, reverse=True))
    other.add_edges_from((b, a) for a, b in sorted(graph.edges, reverse=True))
    write_graphml(graph, tmp_path / "a.graphml")
    write_graphml(other, tmp_path / "b.graphml")
    assert (tmp_path / "a.graphml").read_bytes() == (tmp_path / "b.graphml").read_bytes()


@given(st.text(max_size=20))
@settings(max_examples=40, deadline=None)
def test_any_text_makes_sound_xml(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.mktemp("graph") / "a.graphml"
    graph = nx.Graph(name=text)
    graph.add_node(1, note=text)
    graph.add_node(2, **{text or "x": 1})
    write_graphml(graph, file)
    ElementTree.parse(file)
    back = read_graphml(file)
    assert len(back.graph["name"]) == len(text)
    if text.isprintable():
        assert back.graph["name"] == back.nodes[1]["note"] == text


def test_empty_graph(tmp_path: Path) -> None:
    write_graphml(nx.DiGraph(), tmp_path / "a.graphml")
    back = read_graphml(tmp_path / "a.graphml")
    assert (len(back), back.graph, back.is_directed()) == (0, {}, True)


@pytest.mark.parametrize("node", ["n0", -1, 1.5, None, 2**64])
def test_node_that_is_no_id_is_refused(tmp_path: Path, node: Any) -> None:
    graph = nx.Graph()
    graph.add_nodes_from([node] if node is not None else [True])
    with pytest.raises(SchemaError, match="is no id"):
        write_graphml(graph, tmp_path / "a.graphml")
    assert not list(tmp_path.iterdir())


def test_what_graphml_cannot_hold_is_refused(tmp_path: Path) -> None:
    for value, message in (([1], "'n' is \\[1\\]; GraphML holds"), (1j, "GraphML holds")):
        graph = nx.Graph()
        graph.add_node(1, n=value)
        with pytest.raises(SchemaError, match=message):
            write_graphml(graph, tmp_path / "a.graphml")
    graph = nx.Graph()
    graph.add_node(1, n="a")
    graph.add_node(2, n=True)
    with pytest.raises(SchemaError, match="'n' mixes the types boolean, string"):
        write_graphml(graph, tmp_path / "a.graphml")
    with pytest.raises(InputError, match="multigraph"):
        write_graphml(nx.MultiGraph(), tmp_path / "a.graphml")


HEAD = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no GraphML"),
        ("<html></html>", "is no GraphML"),
        (HEAD, "Is the file complete"),
        (
            f'{HEAD}<graph edgedefault="undirected"><node id="1"><data key="d0">x</data></node></graph></graphml>',
            "no GraphML",
        ),
        (f'{HEAD}<graph edgedefault="undirected"><node id="n0"/></graph></graphml>', "node 'n0' is no id"),
        (f'{HEAD}<graph edgedefault="undirected"><node id="-4"/></graph></graphml>', "node '-4' is no id"),
        (f'{HEAD}<graph edgedefault="undirected"><node id="18446744073709551616"/></graph></graphml>', "is no id"),
        (f'{HEAD}<graph edgedefault="undirected"><node/></graph></graphml>', "node None is no id"),
        (
            f'{HEAD}<graph edgedefault="undirected"><node id="1"/><node id="2"/><edge source="1" target="2"/>'
            '<edge source="2" target="1"/></graph></graphml>',
            "several edges",
        ),
        (
            f'{HEAD}<graph edgedefault="undirected"><node id="1"/><edge source="1" target="1" directed="true"/>'
            "</graph></graphml>",
            "no GraphML",
        ),
        (
            f'{HEAD}<key id="k" for="graph" attr.name="voxel_size_nm" attr.type="string"/>'
            '<graph edgedefault="directed"><data key="k">a,b</data></graph></graphml>',
            "could not convert",
        ),
    ],
)
def test_broken_graphml_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.graphml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_graphml(tmp_path / "a.graphml")


def test_missing_graphml(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_graphml(tmp_path / "a.graphml")


def test_entities_do_not_explode(tmp_path: Path) -> None:
    names = "abcdefghij"
    declared = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in pairwise(names))
    text = (
        f'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">{declared}]>{HEAD}<graph edgedefault="directed"><data key="k">&j;</data>'
    )
    (tmp_path / "a.graphml").write_text(f"{text}</graph></graphml>")
    with pytest.raises(InputError, match="no GraphML"):
        read_graphml(tmp_path / "a.graphml")


def test_large_graph_is_written_faster_than_by_networkx(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    graph = nx.DiGraph()
    ends = chance.integers(0, 4_000, (20_000, 2)).tolist()
    attributes = {"n_synapses": 3, "n_voxels": 50, "z_nm": 1.5, "y_nm": 2.25, "x_nm": 3.1}
    graph.add_edges_from((2**63 + a, 2**63 + b, attributes) for a, b in ends)
    start = time.perf_counter()
    write_graphml(graph, tmp_path / "a.graphml")
    ours = time.perf_counter() - start
    named = nx.relabel_nodes(graph, str)
    start = time.perf_counter()
    nx.write_graphml_xml(named, tmp_path / "b.graphml")
    assert ours < time.perf_counter() - start


# --- adjacency


def write_matrix(folder: Path, edges: pd.DataFrame, nodes: np.ndarray, *, directed: bool = False) -> int:
    ids = np.unique(nodes)
    return write_adjacency(folder, compress_adjacency(edges, ids, directed=directed), ids, "truth")


@pytest.mark.parametrize("directed", [False, True])
def test_adjacency_files(tmp_path: Path, directed: bool) -> None:
    nodes = np.array([2**64 - 3, 4, 9, 11], np.uint64)
    edges = make_edges([(4, 9, 257), (9, 9, 2), (9, 2**64 - 3, 70_000)])
    assert write_matrix(tmp_path / "adjacency", edges, nodes, directed=directed) == 1
    matrix = load_npz(tmp_path / "adjacency/truth.npz")
    upper = np.zeros((4, 4), np.int64)
    upper[0, 1], upper[1, 1], upper[1, 3] = 257, 2, 70_000
    expected = upper if directed else upper + np.triu(upper, 1).T
    assert matrix.dtype == np.int64
    assert (matrix.toarray() == expected).all()
    assert (tmp_path / "adjacency/truth_ids.csv").read_text() == "segment_id\n4\n9\n11\n18446744073709551613\n"
    picture = np.asarray(Image.open(tmp_path / "adjacency/truth.png"))
    assert picture.shape == (3, 3)  # 11 has no connection
    connected = expected[np.ix_([0, 1, 3], [0, 1, 3])]
    assert ((picture < 255) == (connected > 0)).all()
    assert picture[1, 2] == 0 < picture[0, 1] < picture[1, 1] < 205


def test_pitfall_S17(tmp_path: Path) -> None:
    """The picture of 13,378 neurons is small, says how small, and no number is taken from it."""
    n = 13_378
    edges = make_edges([(i, i + 1, 1) for i in range(1, n)])
    step = write_matrix(tmp_path, edges, np.arange(1, n + 1, dtype=np.uint64))
    picture = Image.open(tmp_path / "truth.png")
    assert step == 14
    assert picture.size == (956, 956)
    assert picture.text["Description"].endswith("one pixel is 14 x 14 neurons.")
    shades = np.asarray(picture)
    assert (np.diag(shades) < 255).all()
    assert (shades[np.triu_indices(956, 2)] == 255).all()
    assert load_npz(tmp_path / "truth.npz").sum() == 2 * (n - 1)


def test_adjacency_is_the_same_bytes(tmp_path: Path) -> None:
    edges = make_edges([(1, 2, 3), (2, 5, 1)])
    for name in ("a", "b"):
        write_matrix(tmp_path / name, edges, np.array([5, 1, 2], np.uint64))
    for file in ("truth.npz", "truth_ids.csv", "truth.png"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_adjacency_without_neurons(tmp_path: Path) -> None:
    assert write_matrix(tmp_path, empty_table("edges"), np.zeros(0, np.uint64)) == 1
    assert load_npz(tmp_path / "truth.npz").shape == (0, 0)
    assert (tmp_path / "truth_ids.csv").read_text() == "segment_id\n"
    assert np.asarray(Image.open(tmp_path / "truth.png")).tolist() == [[255]]


def test_adjacency_refuses_an_edge_to_nowhere(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"1 ids are no nodes, e\.g\. 7"):
        adjacency(make_edges([(1, 7, 1)]), np.array([1], np.uint64))


@pytest.mark.parametrize("directed", [False, True])
def test_columns_and_the_networkx_graph_give_the_same_file(tmp_path, directed):
    edges = make_table(
        "edges",
        {"source": [2, 9, 2], "target": [9, 2**64 - 3, 4], "n_synapses": [1, 2, 3], "n_voxels": [0, 5, 7],
         "z_nm": [1.5, np.nan, 0.0], "y_nm": [1.0, np.nan, 2.0], "x_nm": [np.inf, np.nan, -3.25]},
    )  # fmt: skip
    settings = {"directed": directed, "name": "a", "voxel_size": (40, 4, 4)}
    for nodes in ([9, 2, 4, 7, 2**64 - 3], np.array([2**64 - 3, 4, 2, 9], "uint64")):
        write_graphml(build_graph(edges, nodes, **settings), tmp_path / "a.graphml")
        write_graphml(tabulate_graph(edges, nodes, **settings), tmp_path / "b.graphml")
        assert (tmp_path / "a.graphml").read_bytes() == (tmp_path / "b.graphml").read_bytes()
