"""Comparing connectomes without volumes, run directories, and what the report says of errors."""

from __future__ import annotations

import json
import math
import subprocess

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from cases import CASES
from hypothesis import given, settings
from scenes import scenes

import connectograph as cg
from connectograph.evaluation import compiling, render_run, verify_run

LARGE = 2**53 + 1


def edges_in(table):
    return [tuple(row) for row in zip(table["source"].tolist(), table["target"].tolist(), strict=True)]


# --- compare_connectomes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_connectomes_of_graphs_and_of_tables(case):
    truth, predicted = case.graphs()
    ev = cg.compare_connectomes(truth, predicted, directed=case.directed)
    assert (ev.edges.tp, ev.edges.fp, ev.edges.fn) == (case.tp, case.fp, case.fn)
    assert ev.report["nodes"]["n_segments"] == len({*truth, *predicted})
    assert ev.report["edges"]["autapses_truth"] == nx.number_of_selfloops(truth)
    assert nx.utils.graphs_equal(type(truth)(ev.truth_graph.edges), type(truth)(truth.edges))
    assert len(ev.predicted_graph) == len(ev.truth_graph) == ev.report["nodes"]["n_segments"]
    assert ev.truth_graph.is_directed() == case.directed
    for key in ("strict", "synapses"):
        assert ev.report[key] is None
        assert ev.report[f"{key}_reason"]
    tables = cg.compare_connectomes(cg.edges_of(truth), cg.edges_of(predicted), directed=case.directed)
    assert tables.edges == ev.edges


def test_a_graph_knows_its_direction():
    with pytest.raises(ValueError, match="undirected, but directed=True"):
        cg.compare_connectomes(nx.Graph([(1, 2)]), nx.Graph([(1, 2)]), directed=True)
    with pytest.raises(ValueError, match="directed"):
        cg.compare_connectomes(nx.DiGraph([(1, 2)]), nx.DiGraph([(1, 2)]))


def test_neurons_are_matched_by_a_list_of_pairs():
    truth = nx.Graph([(1, 2), (2, 3), (3, 4)])
    predicted = nx.Graph([(LARGE, 20), (20, 30), (30, 99)])
    pairs = pd.DataFrame({"truth": [3, 1, 2], "predicted": [30, LARGE, 20]}, dtype="uint64")
    ev = cg.compare_connectomes(truth, predicted, match=pairs)
    assert (ev.edges.tp, ev.edges.fp, ev.edges.fn) == (2, 0, 0)
    assert edges_in(ev.tables["edges_predicted"]) == [(1, 2), (2, 3)]
    # 4 and 99 have no partner: counted, never scored
    assert ev.report["excluded"] == {"truth_neurons_unmatched": 1, "predicted_neurons_unmatched": 1}


@pytest.mark.parametrize("dtype", ["int64", "uint64", object, "UInt64"])
def test_matching_does_not_confuse_neighbouring_large_ids(dtype):
    truth, predicted = nx.Graph([(2**53, 7)]), nx.Graph([(2**53 + 1, 7)])
    pairs = pd.DataFrame({"truth": [2**53, 7], "predicted": [2**53, 7]}, dtype=dtype)
    assert cg.compare_connectomes(truth, predicted, match=pairs).edges == cg.EdgeScore(0, 0, 1)


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (pd.DataFrame({"truth": [1, 1], "predicted": [2, 3]}), "column 'truth': an id occurs twice"),
        (pd.DataFrame({"truth": [1, 2], "predicted": [3, 3]}), "column 'predicted': an id occurs twice"),
        (pd.DataFrame({"truth": [1.0], "predicted": [2]}), "column 'truth': .*1.0.* is no id"),
        (pd.DataFrame({"truth": [1]}), "1 columns; expected two"),
    ],
    ids=["truth twice", "predicted twice", "float", "one column"],
)
def test_a_match_that_is_none_is_refused(pairs, words):
    with pytest.raises(cg.SchemaError, match=words):
        cg.compare_connectomes(nx.Graph([(1, 2)]), nx.Graph([(2, 3)]), match=pairs)


@pytest.mark.parametrize("wrong", [5, [1, 2], np.eye(3)], ids=repr)
def test_what_is_no_connectome_is_refused(wrong):
    with pytest.raises(TypeError, match="expected a path, an edge table or a networkx graph"):
        cg.compare_connectomes(wrong, nx.Graph())


# --- errors in the report -------------------------------------------------------------------------------------------


@settings(max_examples=settings.default.max_examples // 4)
@given(scenes())
def test_the_worst_errors_are_errors_and_all_of_them_if_there_is_room(scene):
    ev = scene.evaluate()
    listed = ev.report["worst_errors"]
    wrong = ev.edge_outcomes[ev.edge_outcomes["outcome"] != "tp"]
    assert len(listed) == min(12, len(wrong))
    found = {(int(e["source"]), int(e["target"])): e for e in listed}
    for row in wrong.itertuples():
        error = found.pop((row.source, row.target), None)
        if error is None:
            assert len(wrong) > 12
            continue
        assert error["outcome"] == row.outcome
        assert error["n_synapses"] == max(row.n_synapses_truth, row.n_synapses_predicted)
        position = np.array([row.z_nm, row.y_nm, row.x_nm])
        assert [error[f"{axis}_nm"] for axis in "zyx"] == position.tolist()
        inside = (position - scene.offset) / scene.voxel_size - error["voxel"]
        assert ((inside > -1e-9) & (inside < 1 + 1e-9)).all()
    assert not found


def test_the_largest_errors_come_first():
    truth = nx.Graph()
    for k in range(1, 21):
        truth.add_edge(k, 100 + k, n_synapses=k)
    listed = cg.compare_connectomes(truth, nx.Graph([(1, 2)])).report["worst_errors"]
    assert [(e["outcome"], int(e["source"])) for e in listed] == [("fn", k) for k in range(20, 9, -1)] + [("fp", 1)]
    assert listed[0]["z_nm"] is None, "a place that nobody gave is not made up"


# --- run directories ------------------------------------------------------------------------------------------------


@pytest.fixture
def run(two_neurons, tmp_path):
    """A finished run of files."""
    n, c, p = two_neurons.values()
    cg.write_volume(tmp_path / "s.hdf", cg.Volume(n, (40, 4, 4)), dataset="volumes/labels/neuron_ids")
    cg.write_volume(tmp_path / "s.hdf", cg.Volume(c, (40, 4, 4)), dataset="volumes/labels/clefts")
    np.save(tmp_path / "p.npy", p)
    ev = cg.evaluate(tmp_path / "s.hdf", predicted=tmp_path / "p.npy", exclude_segments=[2**64 - 3], dilation_nm=4.0)
    return ev.write(tmp_path / "run", reports=False)


def test_an_untouched_run_verifies(run):
    assert verify_run(run) == []


def test_verifying_names_what_differs(run, tmp_path):
    report = json.loads((run / "report.json").read_text())
    (run / "report.json").write_text(json.dumps({**report, "verdict": "All is well."}))
    edges = pd.read_parquet(run / "tables" / "edges_truth.parquet")
    edges.assign(n_voxels=99).to_parquet(run / "tables" / "edges_truth.parquet")
    (run / "graphs" / "truth.graphml").unlink()
    np.save(tmp_path / "p.npy", np.zeros((3, 8, 8), "u8"))
    differences = "\n".join(verify_run(run))
    for words in (
        "report.json: verdict",
        "edges_truth.parquet",
        "truth.graphml: missing",
        "p.npy",
        "report.json: edges: tp is 1",
    ):
        assert words in differences


def test_a_run_whose_inputs_are_gone_or_never_were_files_cannot_be_verified(run, two_neurons, tmp_path):
    (tmp_path / "p.npy").unlink()
    with pytest.raises(cg.InputError, match=r"p\.npy, is gone"):
        verify_run(run)
    n, c, _ = two_neurons.values()
    memory = cg.evaluate(cg.Volume(n, (40, 4, 4)), truth=cg.Volume(c, (40, 4, 4)))
    with pytest.raises(cg.InputError, match="made in memory"):
        verify_run(memory.write(tmp_path / "memory", reports=False))


@pytest.mark.parametrize("door", [verify_run, render_run])
def test_a_folder_without_a_run_is_refused(door, tmp_path):
    with pytest.raises(cg.InputError, match="holds no finished run"):
        door(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(cg.InputError, match="not JSON"):
        door(tmp_path)


def test_ids_and_counts_come_back_from_the_files_as_they_were(tmp_path):
    segmentation = np.array([[[2**53, 2**53 + 1, 2**64 - 3]]], "u8")
    truth = np.array([[[0, 2**63 + 1, 0]]], "u8")
    volume = [cg.Volume(array, (40, 4, 4)) for array in (segmentation, truth)]
    ev = cg.evaluate(volume[0], truth=volume[1], predicted=volume[1])
    out = ev.write(tmp_path / "run", reports=False)
    for name, table in ev.tables.items():
        assert pd.read_parquet(out / "tables" / f"{name}.parquet").equals(table), name
    ids = {"source": "uint64", "target": "uint64"}
    assert pd.read_csv(out / "tables" / "edges_truth.csv", dtype=ids)[["source", "target"]].equals(
        ev.tables["edges_truth"][["source", "target"]]
    )
    graph = nx.read_graphml(out / "graphs" / "truth.graphml")
    assert sorted(graph) == sorted(map(str, segmentation.ravel().tolist()))
    assert graph.graph["voxel_size_nm"] == "40.0,4.0,4.0"
    assert all(
        not isinstance(v, float) or math.isfinite(v) for _, _, data in graph.edges(data=True) for v in data.values()
    )


def test_the_same_run_is_the_same_bytes(run, two_neurons, tmp_path):
    n, c, p = two_neurons.values()
    volumes = {"truth": cg.Volume(c, (40, 4, 4)), "predicted": cg.Volume(p, (40, 4, 4))}
    options = {"exclude_segments": [2**64 - 3], "dilation_nm": 4.0, "workers": 1}
    again = cg.evaluate(cg.Volume(n, (40, 4, 4)), **volumes, **options).write(tmp_path / "again", reports=False)
    for file in sorted(path for path in run.rglob("*") if path.is_file() and path.name != "run.json"):
        assert file.read_bytes() == (again / file.relative_to(run)).read_bytes(), file.name


def test_compiling_aside_leaves_no_process(monkeypatch):
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda *call, **options: started.append(popen(*call, **options)) or started[0]
    )
    with compiling.compile_aside():
        pass
    assert started[0].returncode is not None


def test_late_kernels_take_what_they_are_given():
    from connectograph._kernels.ranking import cosine_without, overlap_without

    compiling.use_interval_kernels()
    compiling.use_contact_kernels()
    before = {kernel: list(kernel.signatures) for kernel in (cosine_without, overlap_without)}
    compiling.use_comparison_kernels()
    assert {kernel: kernel.signatures for kernel in before} == before, "compiled for other types than are used"
