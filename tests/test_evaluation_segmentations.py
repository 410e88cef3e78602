"""A prediction in its own segmentation: perfect on itself, blind to names, every planted mistake found and named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from scenes import IGNORE, LAST, scenes

import connectograph as cg
from connectograph.cli import main
from connectograph.evaluation import verify_run
from connectograph.io.tables import read_table
from connectograph.tables import SCHEMAS, validate_table

FIB25 = Path(__file__).resolve().parents[2] / "shared" / "data" / "fib25" / "labels_250x250x250.npz"
VOXEL_SIZE = (10.0, 10.0, 10.0)
BACKGROUND = np.array([0, IGNORE, LAST], "u8")


@pytest.fixture(scope="module")
def fib25():
    """A corner of the three segmentations, and clefts planted on contacts of the true one."""
    if not FIB25.is_file():
        pytest.skip("the FIB-25 labels are not in ../shared/data")
    with np.load(FIB25) as file:
        labels = {name: cg.Volume(file[name][:80, :100, :100], VOXEL_SIZE) for name in ("gt", "watershed", "ffn")}
    clefts, _ = cg.synthetic.plant_synapses(labels["gt"], n_synapses=60, radius_nm=(30, 60), rng=0)
    return labels, clefts


@pytest.fixture(scope="module")
def phantom():
    return cg.synthetic.make_phantom("small", rng=0)


def evaluate(truth, clefts, segmentation, **options):
    return cg.evaluate(truth, truth=clefts, predicted=clefts, predicted_segmentation=segmentation, **options)


def relabel(volume, seed=0):
    """Every segment under another id, in no order, some beyond 2^53; background as it is."""
    labels = volume.labels.astype("u8")
    ids = np.setdiff1d(labels, BACKGROUND)
    names = np.random.default_rng(seed).permutation(np.arange(len(ids), dtype="u8") * 977 + 2**60)
    renamed = np.where(np.isin(labels, BACKGROUND), 0, names[np.searchsorted(ids, labels).clip(max=len(ids) - 1)])
    return cg.Volume(renamed, volume.voxel_size, volume.offset)


def without_names(ev):
    """Everything that the ids of predicted segments must not change."""
    block = {k: v for k, v in ev.report["segmentation_matching"].items() if not k.startswith("largest")}
    kept = {k: v for k, v in ev.report.items() if k != "segmentation_matching"}
    ids = {"predicted_segment", "into_segment"}
    kept["fixes"] = [{k: v for k, v in fix.items() if k not in ids} for fix in ev.report["fixes"]["first"]]
    tables = {k: v for k, v in ev.tables.items() if "predicted_segment" not in v and k != "segments_predicted"}
    return block, kept, tables


def assert_same(one, other):
    (block, report, tables), (block2, report2, tables2) = without_names(one), without_names(other)
    assert block == block2
    assert report == report2
    assert tables.keys() == tables2.keys()
    for name, table in tables.items():
        assert table.equals(tables2[name]), name


def assert_perfect(ev):
    block = ev.report["segmentation_matching"]
    assert (ev.edges.fp, ev.edges.fn, block["vi"], block["adapted_rand_error"]) == (0, 0, 0.0, 0.0)
    assert block["n_unmatched_truth"] == block["n_unmatched_predicted"] == 0
    assert block["share_of_truth"] == block["share_of_prediction"] == block["nri"]["nri"] == 1.0
    assert block["largest_splits"] == block["largest_merges"] == []


def test_the_real_truth_against_itself_is_perfect(fib25):
    labels, clefts = fib25
    ev = evaluate(labels["gt"], clefts, labels["gt"])
    assert ev.edges.f1 == 1.0
    assert_perfect(ev)
    assert_same(ev, evaluate(labels["gt"], clefts, relabel(labels["gt"])))


@pytest.mark.parametrize("name", ["watershed", "ffn"])
def test_real_predictions_run_end_to_end_and_names_do_not_matter(fib25, name):
    labels, clefts = fib25
    ev = evaluate(labels["gt"], clefts, labels[name])
    block = ev.report["segmentation_matching"]
    assert 0 < ev.edges.f1 < 1
    assert block["vi_split"] > block["vi_merge"] > 0  # both are known to split more than they merge
    assert block["majority"]["f1_difference"] > 0
    assert_same(ev, evaluate(labels["gt"], clefts, relabel(labels[name])))


def test_planted_splits_and_merges_are_found_and_named(fib25):
    labels, clefts = fib25
    wrong, errors = cg.synthetic.segment_errors.plant_errors(labels["gt"], splits=3, merges=2, rng=1)
    ev = evaluate(labels["gt"], clefts, wrong)
    block = ev.report["segmentation_matching"]
    found = {"split": block["largest_splits"], "merge": block["largest_merges"]}
    for error, rows in errors.groupby("error"):
        named = {frozenset(part["segment"] for part in row["parts"]) for row in found[error]}
        assert {row["segment"] for row in found[error]} == {str(i) for i in rows["segment_id"]}
        assert named == {frozenset((str(a), str(b))) for a, b in rows[["segment_id", "other_id"]].to_numpy()}
    assert block["n_unmatched_predicted"] == 3
    assert block["n_unmatched_truth"] == 2


def test_one_split_counted_by_hand():
    """Neuron 1 (six voxels) meets 2 at synapse 5 and 3 at synapse 6; the prediction cuts it and calls both parts anew.

    The piece with four voxels is 1; the other is a node of its own, so that edge (1, 3) becomes an edge of that piece.
    """
    truth = np.array([[[2, 2, 1, 1, 1, 1, 1, 1, 3, 3]]], "u8")
    predicted = np.array([[[8, 8, 1, 1, 1, 1, 2, 2, 9, 9]]], "u8")  # 1 and 2 are other neurons' names in the truth
    clefts = np.array([[[0, 5, 5, 0, 0, 0, 0, 6, 6, 0]]], "u8")
    ev = evaluate(*(cg.Volume(each, VOXEL_SIZE) for each in (truth, clefts, predicted)), dilation=1)
    pairs = ev.edge_outcomes[["source", "target", "outcome"]].astype(object).to_numpy().tolist()
    assert pairs == [[1, 2, "tp"], [1, 3, "fn"], [3, 4, "fp"]]
    matches = ev.tables["segment_matches"].set_index("predicted_segment")
    assert matches["segment_id"].to_dict() == {1: 1, 2: 4, 8: 2, 9: 3}
    assert matches["true_segment"].to_dict() == {1: 1, 2: 0, 8: 2, 9: 3}
    assert matches["majority_segment"].to_dict() == {1: 1, 2: 1, 8: 2, 9: 3}
    block = ev.report["segmentation_matching"]
    assert (block["majority"]["f1"], block["majority"]["f1_difference"]) == (1.0, 0.5)
    assert block["share_of_truth"] == 0.8
    assert block["vi_split"] == pytest.approx((4 * np.log2(6 / 4) + 2 * np.log2(3)) / 10)
    assert (block["vi_merge"], block["rand"]["precision"], block["rand"]["recall"]) == (0.0, 1.0, 9 / 17)
    assert block["nri"]["n_terminals"] == 4
    assert block["nri"]["nri"] == 0.0  # the two ends on neuron 1 are on two pieces
    assert ev.report["nodes"]["n_segments"] == 4
    assert sorted(ev.predicted_graph) == sorted(ev.truth_graph) == [1, 2, 3, 4]


def test_one_merge_counted_by_hand():
    """Neurons 1 and 2 are one in the prediction: their synapse is no link there, both ends are in one neuron."""
    truth = np.array([[[1, 1, 1, 2, 2, 3, 3]]], "u8")
    predicted = np.array([[[7, 7, 7, 7, 7, 8, 8]]], "u8")
    clefts = np.array([[[0, 0, 5, 5, 6, 6, 0]]], "u8")
    ev = evaluate(*(cg.Volume(each, VOXEL_SIZE) for each in (truth, clefts, predicted)), dilation=1)
    assert ev.edge_outcomes[["source", "target", "outcome"]].astype(object).to_numpy().tolist() == [
        [1, 2, "fn"], [1, 3, "fp"], [2, 3, "fn"],
    ]  # fmt: skip
    block = ev.report["segmentation_matching"]
    assert (block["n_unmatched_truth"], block["vi_split"], block["rand"]["recall"]) == (1, 0.0, 1.0)
    terminals = ev.tables["segment_terminals"].astype(object).to_numpy().tolist()
    assert terminals == [[1, 7, 1], [2, 7, 2], [3, 8, 1]]
    assert block["nri"]["precision"] == 1 / 3
    assert block["largest_merges"][0]["parts"] == [
        {"segment": "1", "n_voxels": 3}, {"segment": "2", "n_voxels": 2},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("at_the_synapse", "cause"),
    [
        ((0, 0), "split"),  # no segment
        ((4, 4), "split"),  # one below the size limit
        ((7, 0), "split"),  # its own ends before it
        ((9, 9), "merge"),  # another's
        ((0, 9), "merge"),
        ((7, 9), "merge"),
    ],
)
def test_a_neuron_without_a_segment_at_a_synapse_is_split(at_the_synapse, cause):
    """Neuron 1 ends in two voxels near synapse 5, which joins it to 2 at two voxels."""
    truth = np.array([[[1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3]]], "u8")
    predicted = np.array([[[7, 7, 7, *at_the_synapse, 8, 8, 8, 9, 9, 9]]], "u8")
    clefts = np.array([[[0, 0, 0, 0, 5, 5, 0, 6, 6, 0, 0]]], "u8")
    volumes = (cg.Volume(each, VOXEL_SIZE) for each in (truth, clefts, predicted))
    ev = evaluate(*volumes, dilation=1, min_segment_voxels=3, min_contact_voxels=2)
    wrong = ev.edge_outcomes[ev.edge_outcomes["outcome"] != "tp"]
    assert wrong[["source", "target", "outcome", "cause"]].astype(object).to_numpy().tolist() == [[1, 2, "fn", cause]]
    assert sum(row["n"] for row in ev.report["causes"]["edges"]) == ev.edges.fp + ev.edges.fn == 1
    assert ev.report["causes"]["links"][0]["cause"] == cause


def test_what_is_excluded_or_small_is_so_on_both_sides():
    """9 is glia in the truth, so what lies in it is no neuron of the prediction; 5 is below the size limit there."""
    truth = np.array([[[1, 1, 1, 9, 9, 9, 2, 2, 2]]], "u8")
    predicted = np.array([[[4, 4, 4, 6, 6, 6, 7, 7, 5]]], "u8")
    clefts = np.array([[[0, 0, 3, 3, 0, 0, 0, 0, 0]]], "u8")
    volumes = (cg.Volume(each, VOXEL_SIZE) for each in (truth, clefts, predicted))
    ev = evaluate(*volumes, exclude_segments=(9,), min_segment_voxels=2)
    status = ev.tables["segments_predicted"].set_index("segment_id")["status"].to_dict()
    assert status == {4: "kept", 5: "below_size", 6: "excluded", 7: "kept"}
    assert ev.report["excluded"]["predicted_segments_excluded"] == 1
    assert ev.report["excluded"]["predicted_segments_below_size"] == 1
    assert ev.report["nodes"]["n_segments"] == 2
    assert ev.tables["segment_matches"]["segment_id"].tolist() == [1, 2]
    assert (ev.edges.tp, ev.edges.fp, ev.edges.fn) == (0, 0, 0)


@settings(max_examples=settings.default.max_examples // 3)
@given(scenes())
def test_any_scene_in_its_own_segmentation_is_as_without(scene):
    volume = cg.Volume(scene.segmentation, scene.voxel_size, scene.offset)
    plain, own = scene.evaluate(), scene.evaluate(predicted_segmentation=volume)
    assert own.edges == plain.edges
    assert own.strict == plain.strict
    for name, table in plain.tables.items():
        assert table.equals(own.tables[name]), name
    assert "segmentation_matching" not in plain.report
    for name, table in own.tables.items():
        schema = name.removesuffix("_truth").removesuffix("_predicted")
        assert list(validate_table(schema, table)) == list(SCHEMAS[schema])


def test_files_verify_render_and_stay_the_same(phantom, tmp_path, capsys):
    wrong, _ = cg.synthetic.segment_errors.plant_errors(phantom.segmentation, splits=2, merges=1, rng=0)
    for name, volume, dataset in (
        ("truth", phantom.segmentation, "volumes/labels/neuron_ids"),
        ("truth", phantom.truth, "volumes/labels/clefts"),
        ("own", wrong, "volumes/labels/neuron_ids"),
        ("own", phantom.predicted, "volumes/labels/clefts"),
    ):
        cg.write_volume(tmp_path / f"{name}.hdf", volume, dataset=dataset)
    out, own = tmp_path / "run", str(tmp_path / "own.hdf")
    command = ["evaluate", str(tmp_path / "truth.hdf"), "--predicted", own, "--predicted-segmentation", own]
    assert main([*command, "--no-report", "--out", str(out)]) == 0
    assert "PREDICTED SEGMENTATION" in capsys.readouterr().out.upper().replace("_", " ")
    direct = cg.evaluate(
        phantom.segmentation, truth=phantom.truth, predicted=phantom.predicted, predicted_segmentation=wrong, workers=1
    )
    report = json.loads((out / "report.json").read_bytes())
    assert report["segmentation_matching"] == json.loads(json.dumps(direct.report["segmentation_matching"]))
    assert read_table(out / "tables" / "segment_matches.parquet").equals(direct.tables["segment_matches"])
    assert json.loads((out / "run.json").read_bytes())["inputs"]["predicted_segmentation"]["sha256"]
    assert main(["report", str(out)]) == 0
    assert verify_run(out) == []
    page = (out / "report.html").read_text()
    assert "Two segmentations" in page
    assert all(row["segment"] in page for row in report["segmentation_matching"]["largest_splits"])


def test_a_predicted_segmentation_needs_predicted_synapses(phantom):
    with pytest.raises(cg.InputError, match="without predicted synapses: pass --predicted"):
        cg.evaluate(phantom.segmentation, truth=phantom.truth, predicted_segmentation=phantom.segmentation)
    other = cg.Volume(phantom.segmentation.labels[:, :, 1:], phantom.segmentation.voxel_size)
    with pytest.raises(cg.InputError, match="shape"):
        evaluate(phantom.segmentation, phantom.truth, other)


def test_several_predictions_share_their_segmentation(phantom):
    from connectograph.evaluation.study import evaluate_many

    shared = {"truth": phantom.truth, "predicted_segmentation": phantom.segmentation}
    study = evaluate_many(phantom.segmentation, predicted=[phantom.predicted, phantom.truth], **shared)
    assert study.best["f1"] == 1.0
    alone = cg.evaluate(phantom.segmentation, predicted=phantom.predicted, **shared)
    assert study.report["ranking"][1]["f1"] == alone.edges.f1
