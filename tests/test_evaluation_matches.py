"""Synapses matched between truth and prediction, as every evaluation reports them."""

from __future__ import annotations

import json

import networkx as nx
import numpy as np
import pandas as pd
import pytest

import connectograph as cg
from connectograph.evaluation import matches, verify_run
from connectograph.io.files import dump_json
from connectograph.tables import empty_table

SEGMENTS = [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]
TRUTH = [5, 5, 5, 5, 0, 0, 0, 6, 6, 0, 7, 0]
PREDICTED = [9, 9, 9, 0, 0, 8, 0, 0, 4, 4, 0, 0]
"""9 covers three quarters of 5 but not the voxel at the border to segment 2; 4 covers a third of 6 and joins 2 and 3 as
6 does; 7 is missed and 8 is invented, both inside one segment."""

NOTHING = [0] * 12


def row(values):
    return np.array([[values]], "uint64")


def check_nulls(block):
    for key, value in block.items():
        if isinstance(value, dict):
            check_nulls(value)
        if value is None:
            assert block[f"{key}_reason"], key


def test_a_report_counted_by_hand(evaluate):
    ev = evaluate(row(SEGMENTS), row(TRUTH), row(PREDICTED))
    block = ev.report["synapse_matching"]
    assert (block["tp"], block["fp"], block["fn"], block["unit"]) == (2, 1, 1, "synapse")
    assert block["precision"] == block["recall"] == block["f1"] == 2 / 3
    assert block["mean_iou"] == pytest.approx((3 / 4 + 1 / 3) / 2)
    assert block["voxels"] == {
        "n_voxels_truth": 7,
        "n_voxels_predicted": 6,
        "n_voxels_shared": 4,
        "iou": 4 / 9,
        "dice": 8 / 13,
    }
    counts = ("n_missed", "n_invented", "n_split", "n_merged", "n_absorbed", "n_duplicates")
    assert [block[name] for name in counts] == [1, 1, 0, 0, 0, 0]
    partners = block["partners"]
    assert (partners["n_compared"], partners["n_equal"], partners["n_disjoint"]) == (2, 1, 1)
    assert partners["accuracy"] == 0.5
    assert (partners["n_good_overlap_wrong_pairs"], partners["n_poor_overlap_right_pairs"]) == (1, 1)
    assert (ev.edges.tp, ev.edges.fp, ev.edges.fn) == (1, 0, 1), "what the overlap of 5 with 9 does not show"
    check_nulls(block)


def test_a_table_counted_by_hand(evaluate):
    table = evaluate(row(SEGMENTS), row(TRUTH), row(PREDICTED)).tables["synapse_matches"]
    columns = ["synapse_id_truth", "synapse_id_predicted", "outcome", "n_voxels_shared", "n_pairs_predicted"]
    assert table[[*columns, "partners"]].to_numpy().tolist() == [
        [0, 8, "fp", 0, 0, ""],
        [5, 9, "tp", 3, 0, "disjoint"],
        [6, 4, "tp", 1, 1, "equal"],
        [7, 0, "fn", 0, 0, ""],
    ]


def test_numbers_of_synapses_agree_with_the_other_blocks(evaluate):
    report = evaluate(row(SEGMENTS), row(TRUTH), row(PREDICTED), min_synapse_voxels=2).report
    block = report["synapse_matching"]
    assert report["synapses"]["n_predicted"] == block["tp"] + block["fp"] == 2, "8 has one voxel"
    assert report["synapses"]["n_truth"] == block["tp"] + block["fn"] == 3


@pytest.mark.parametrize(
    ("truth", "predicted", "counts"),
    [(TRUTH, NOTHING, (0, 0, 3)), (NOTHING, PREDICTED, (0, 3, 0)), (NOTHING, NOTHING, (0, 0, 0))],
    ids=["no prediction", "no truth", "neither"],
)
def test_nothing_to_match_is_said(evaluate, truth, predicted, counts):
    ev = evaluate(row(SEGMENTS), row(truth), row(predicted))
    block = ev.report["synapse_matching"]
    assert (block["tp"], block["fp"], block["fn"]) == counts
    assert block["partners"]["accuracy"] is None
    assert block["partners"]["accuracy_reason"] == "no matched synapse joins a pair"
    check_nulls(block)
    assert len(ev.tables["synapse_matches"]) == sum(counts)
    json.loads(dump_json(ev.report))


def test_without_a_prediction_or_volumes_the_block_says_so(evaluate):
    alone = evaluate(row(SEGMENTS), row(TRUTH))
    assert alone.report["synapse_matching"] is None
    assert alone.report["synapse_matching_reason"] == "no prediction was given"
    graphs = cg.compare_connectomes(nx.Graph([(1, 2)]), nx.Graph([(1, 2)]))
    assert graphs.report["synapse_matching"] is None
    assert graphs.report["synapse_matching_reason"] == "connectomes were compared without volumes"
    assert not {"synapse_matches"} & {*alone.tables, *graphs.tables}


@pytest.fixture
def run(tmp_path):
    """Write an evaluation of files."""
    arrays = {"segmentation": SEGMENTS, "truth": TRUTH, "predicted": PREDICTED}
    for name, values in arrays.items():
        np.save(tmp_path / f"{name}.npy", row(values))
    files = {name: tmp_path / f"{name}.npy" for name in arrays}
    return cg.evaluate(files.pop("segmentation"), **files, voxel_size=(40, 4, 4)).write(tmp_path / "run", reports=False)


def test_verifying_covers_the_block_and_the_table(run):
    assert verify_run(run) == []
    file = run / "tables" / "synapse_matches.parquet"
    pd.read_parquet(file).assign(partners="equal").to_parquet(file)
    report = json.loads((run / "report.json").read_text())
    report["synapse_matching"]["partners"]["n_equal"] = 2
    (run / "report.json").write_text(json.dumps(report))
    differences = "\n".join(verify_run(run))
    assert "tables/synapse_matches.parquet: differs" in differences
    assert "report.json: synapse_matching: partners: n_equal is 2, recomputed 1" in differences


def test_the_same_bytes_for_any_number_of_workers(tmp_path):
    phantom = cg.synthetic.make_phantom("small", rng=3)
    sides = {"truth": phantom.truth, "predicted": phantom.predicted}
    runs = [
        cg.evaluate(phantom.segmentation, **sides, workers=n).write(tmp_path / str(n), reports=False) for n in (1, 2)
    ]
    for name in ("report.json", "tables/synapse_matches.parquet"):
        assert (runs[0] / name).read_bytes() == (runs[1] / name).read_bytes()
    assert not pd.read_parquet(runs[0] / "tables" / "synapse_matches.parquet").equals(empty_table("synapse_matches"))


def test_distances_counted_by_hand(evaluate):
    """True voxels lie at x = 0..3, 7, 8, 10, predicted ones at 0..2, 5, 8, 9, 4 nm apart."""
    block = evaluate(row(SEGMENTS), row(TRUTH), row(PREDICTED)).report["clefts"]
    assert (block["tp"], block["fp"], block["fn"], block["tolerance_nm"]) == (6, 0, 0, 200.0)
    assert block["predicted_to_truth"]["mean"] == pytest.approx((8 + 4) / 6), "x = 5 is 2 voxels away, x = 9 one"
    assert block["truth_to_predicted"]["mean"] == pytest.approx((4 + 4 + 4) / 7), "3 from 2, 7 from 8, 10 from 9"
    assert block["cremi_score"] == pytest.approx((2 + 12 / 7) / 2)
    check_nulls(evaluate(row(SEGMENTS), row(TRUTH), row(NOTHING)).report["clefts"])


def test_no_distances_without_two_volumes_or_of_too_many_voxels(evaluate, monkeypatch):
    segmentation, truth = (cg.Volume(row(values), (40, 4, 4)) for values in (SEGMENTS, TRUTH))
    alone = cg.evaluate(segmentation, truth=truth)
    assert (alone.report["clefts"], alone.report["clefts_reason"]) == (None, "no prediction was given")
    graphs = cg.compare_connectomes(nx.Graph([(1, 2)]), nx.Graph([(1, 2)]))
    assert graphs.report["clefts_reason"] == "connectomes were compared without volumes"
    monkeypatch.setattr(matches, "_MAX_CLEFT_VOXELS", 6)
    report = evaluate(row(SEGMENTS), row(TRUTH), row(PREDICTED)).report
    assert report["clefts"] is None
    assert report["clefts_reason"].startswith("7 synapse voxels on one side, more than 6")
