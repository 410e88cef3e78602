"""Connections between types of neurons."""

from __future__ import annotations

import itertools
import json
import math

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import connectograph as cg
from connectograph.cli import main
from connectograph.io.edges import read_types
from connectograph.tables import SCHEMAS, validate_table

weights = st.dictionaries(st.tuples(st.integers(1, 8), st.integers(1, 8)), st.integers(1, 6), max_size=25)
types_of = st.dictionaries(st.integers(1, 8), st.sampled_from(["", "a", "b", "c"]))


def graph_of(edges, directed):
    graph = nx.DiGraph() if directed else nx.Graph()
    graph.add_nodes_from([1, 9])
    graph.add_edges_from(edges)
    return graph


@given(st.booleans(), weights, weights, types_of)
def test_blocks_are_those_of_a_slow_program(directed, true, found, types):
    sides = graph_of(true, directed), graph_of(found, directed)
    comparison = cg.compare_types(*sides, types=types)
    nodes = sorted({*sides[0], *sides[1]})
    kind = {node: types[node] for node in nodes if types.get(node)}
    expected = {}
    for one, other in itertools.product(sorted(set(kind.values())), repeat=2):
        if not directed and one > other:
            continue
        pairs = [
            (a, b)
            for a, b in itertools.product(kind, repeat=2)
            if a != b and (kind[a], kind[b]) == (one, other) and (directed or one != other or a < b)
        ]
        counts = [sum(side.has_edge(*pair) for pair in pairs) for side in sides]
        if any(counts):
            expected[one, other] = (len(pairs), *counts)
    table = validate_table("type_blocks", comparison.table)
    columns = ["n_pairs", "n_edges_truth", "n_edges_predicted"]
    assert dict(zip(zip(table["source_type"], table["target_type"], strict=True),
                    table[columns].itertuples(index=False, name=None), strict=True)) == expected  # fmt: skip
    assert (comparison.n_typed, comparison.n_untyped) == (len(kind), len(nodes) - len(kind))
    assert comparison.n_types == len(set(kind.values()))
    density = [[counts[side] / counts[0] for counts in expected.values()] for side in (1, 2)]
    lost = sum(abs(a - b) for a, b in zip(*density, strict=True))
    assert comparison.relative_error == pytest.approx(
        lost / sum(density[0]) if sum(density[0]) else math.nan, nan_ok=True
    )
    logs = [math.log2((p + 0.5) / (t + 0.5)) for _, t, p in expected.values()]
    assert comparison.rmse_log2 == pytest.approx(np.sqrt(np.mean(np.square(logs))) if logs else math.nan, nan_ok=True)


def test_blocks_by_hand():
    truth = nx.DiGraph([(1, 2), (2, 1), (1, 3), (2, 3), (3, 4)])
    predicted = nx.DiGraph([(1, 2), (1, 3), (4, 3), (3, 5)])
    found = cg.compare_types(truth, predicted, types={1: "a", 2: "a", 3: "b", 4: "b"})
    # a-a 2 of 2, then 1; a-b 2 of 4, then 1; b-b 1 of 2, then 1; 5 has no type
    assert found.table["density_truth"].tolist() == [1, 0.5, 0.5]
    assert found.table["density_predicted"].tolist() == [0.5, 0.25, 0.5]
    assert found.relative_error == 0.75 / 2
    assert found.rmse_log2 == pytest.approx(math.sqrt(2 / 3) * math.log2(2.5 / 1.5))
    assert found.n_untyped == 1


def test_densities_are_those_of_networkx():
    truth, predicted = (nx.gnp_random_graph(40, 0.3, seed=seed) for seed in (1, 2))
    groups = [range(10), range(10, 25), range(25, 40)]
    types = {node: "xyz"[k] for k, group in enumerate(groups) for node in group}
    for graph, side in ((truth, "truth"), (predicted, "predicted")):
        table = cg.compare_types(truth, predicted, types=types).table
        matrix = np.zeros((3, 3))
        for row in table.itertuples():
            a, b = "xyz".index(row.source_type), "xyz".index(row.target_type)
            matrix[a, b] = matrix[b, a] = getattr(row, f"n_edges_{side}")
        quotient = nx.quotient_graph(graph, [set(group) for group in groups], relabel=True)
        for a, b in itertools.combinations(range(3), 2):
            assert matrix[a, b] == quotient.edges[a, b]["weight"]
        assert [matrix[a, a] for a in range(3)] == [quotient.nodes[a]["nedges"] for a in range(3)]


@given(st.booleans(), weights, weights, types_of)
def test_contracts(directed, true, found, types):
    sides = graph_of(true, directed), graph_of(found, directed)
    same = cg.compare_types(sides[0], sides[0], types=types)
    assert same.relative_error in (0, pytest.approx(math.nan, nan_ok=True))
    assert same.rmse_log2 in (0, pytest.approx(math.nan, nan_ok=True))
    one, swapped = cg.compare_types(*sides, types=types), cg.compare_types(*sides[::-1], types=types)
    assert swapped.rmse_log2 == pytest.approx(one.rmse_log2, nan_ok=True)
    assert swapped.table["density_truth"].tolist() == one.table["density_predicted"].tolist()
    renamed = [nx.relabel_nodes(side, lambda node: 2**60 + 3 * node) for side in sides]
    moved = cg.compare_types(*renamed, types={2**60 + 3 * node: name for node, name in types.items()})
    assert moved.to_dict() == one.to_dict()
    pd.testing.assert_frame_equal(moved.table, one.table)


def test_empty_complete_and_unchanged():
    nothing = cg.compare_types(nx.Graph(), nx.Graph(), types={})
    assert nothing.to_dict()["relative_error_reason"].startswith("the truth has no connection")
    assert list(nothing.table) == list(SCHEMAS["type_blocks"])
    whole = nx.complete_graph(range(1, 7))
    types = pd.DataFrame({"id": np.arange(1, 7, dtype="u8"), "type": list("aabbcc")})
    before = whole.copy(), types.copy(deep=True)
    found = cg.compare_types(whole, nx.empty_graph(range(1, 7)), types=types)
    assert (found.table["density_truth"] == 1).all()
    assert found.relative_error == 1
    assert nx.utils.graphs_equal(whole, before[0])
    pd.testing.assert_frame_equal(types, before[1])


def test_types_that_are_none_are_refused(tmp_path):
    graph = nx.Graph([(1, 2)])
    for types, words in (
        (pd.DataFrame({"id": [1, 1], "type": ["a", "b"]}), "neuron 1 is listed twice"),
        (pd.DataFrame({"id": [1]}), "types has 1 columns; expected two"),
        ({-1: "a"}, "types: -1 is no id"),
    ):
        with pytest.raises(cg.SchemaError, match=words):
            cg.compare_types(graph, graph, types=types)
    file = tmp_path / "types.csv"
    file.write_text("id,type\n5, KC\n7,\n")
    assert read_types(file)["type"].tolist() == ["KC", ""]
    file.write_text("id,type\n5,KC\n5,PN\n")
    with pytest.raises(cg.SchemaError, match="row 2: 5 occurs again"):
        read_types(file)
    file.write_text("5,KC\n7,PN\n")
    with pytest.raises(cg.SchemaError, match="begins with 5,KC, which is no header"):
        read_types(file)
    file.write_text("id\n5\n")
    with pytest.raises(cg.SchemaError, match="expected two: the id and the type"):
        read_types(file)


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    edges = sorted({(int(a), int(b)) for a, b in rng.integers(1, 41, (300, 2)) if a != b})
    for name, part in (("truth", edges), ("predicted", edges[::2]), ("other", edges[::3])):
        pd.DataFrame(part, columns=["source", "target"]).to_csv(tmp_path / f"{name}.csv", index=False)
    pd.DataFrame({"id": range(1, 37), "type": ["PN", "KC", "<b>"] * 12}).to_csv(tmp_path / "types.csv", index=False)
    return tmp_path


def test_a_comparison_with_types_is_written_shown_and_verified(files, capsys):
    words = ["compare", str(files / "truth.csv"), str(files / "predicted.csv"), "--directed"]
    run = files / "run"
    assert main([*words, "--types", str(files / "types.csv"), "--out", str(run)]) == 0
    report = json.loads((run / "report.json").read_text())
    found = cg.compare_connectomes(
        files / "truth.csv", files / "predicted.csv", directed=True, types=files / "types.csv"
    )
    assert report["types"] == found.report["types"]
    assert (report["types"]["n_types"], report["types"]["n_untyped"], report["settings"]["typed"]) == (3, 4, True)
    assert pd.read_parquet(run / "tables/type_blocks.parquet").equals(found.tables["type_blocks"])
    assert "Types whose connections differ most" in (page := (run / "report.html").read_text())
    assert "&lt;b&gt;" in page
    assert main(["verify", str(run)]) == 0
    (files / "types.csv").write_text("id,type\n1,PN\n")
    assert main(["verify", str(run)]) == 1
    assert "the types has changed" in capsys.readouterr().out
    assert "types" not in cg.compare_connectomes(files / "truth.csv", files / "predicted.csv").report


def test_a_study_with_types(files):
    words = ["compare", *(str(files / f"{name}.csv") for name in ("truth", "predicted", "other")), "--no-report"]
    assert main([*words, "--types", str(files / "types.csv"), "--out", str(files / "study")]) == 0
    assert json.loads((files / "study/other/report.json").read_text())["types"]["n_types"] == 3
    study = cg.compare_many(files / "truth.csv", [files / "predicted.csv"], types=files / "types.csv")
    assert study.report
