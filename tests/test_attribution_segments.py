"""Merges and splits of segments: the promised F1 at every step, from edited volumes; real segmentations of FIB-25."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import connectograph as cg
from connectograph.attribution import mend_segments
from connectograph.synthetic import make_segmentation, plant_errors, plant_synapses

FIB25 = Path(__file__).resolve().parents[2] / "shared" / "data" / "fib25" / "labels_250x250x250.npz"
SIZE = (10.0, 10.0, 10.0)


def make_scene(splits, merges, seed=0):
    """A phantom, clefts on its contacts, and the same segmentation with planted mistakes."""
    truth = make_segmentation((16, 96, 96), n_segments=40, voxel_size=(40, 8, 8), rng=seed)
    clefts, _ = plant_synapses(truth, n_synapses=50, radius_nm=(30, 60), rng=seed)
    return truth, clefts, *plant_errors(truth, splits=splits, merges=merges, rng=seed)


def read_fib25(name):
    if not FIB25.is_file():
        pytest.skip("the FIB-25 labels are not in ../shared/data")
    with np.load(FIB25) as file:
        truth, predicted = (cg.Volume(file[key][:60, :80, :80], SIZE) for key in ("gt", name))
    clefts, _ = plant_synapses(truth, n_synapses=80, radius_nm=(20, 50), rng=0)
    return truth, clefts, predicted


def mend_synapses(truth, predicted, fixes):
    """Labels of predicted synapses after some fixes."""
    true, labels = np.asarray(truth.labels), np.array(predicted.labels, "u8")
    free = np.setdiff1d(np.arange(1, 10_000), labels).tolist()
    for fix in fixes.itertuples():
        if fix.synapse_id_predicted:
            labels[labels == fix.synapse_id_predicted] = 0
        if fix.synapse_id_truth:
            labels[true == fix.synapse_id_truth] = fix.synapse_id_predicted or free.pop()
    return cg.Volume(labels, predicted.voxel_size)


def check_steps(truth, clefts, predicted, synapses, steps, **options):
    """Each fix made in the volumes and these evaluated again: the table, and how many steps were checked."""
    given = {"truth": clefts, **options}
    ev = cg.evaluate(truth, predicted=synapses, predicted_segmentation=predicted, **given)
    fixes = ev.tables["fixes"]
    assert ev.report["blame"]["actual"] == ev.edges.f1
    assert math.fsum(ev.report["blame"]["parts"].values()) == pytest.approx(1 - ev.edges.f1, abs=1e-12)
    assert sum(row["n"] for row in ev.report["causes"]["edges"]) == ev.edges.fp + ev.edges.fn
    for step in steps:
        mended = mend_segments(truth, predicted, fixes.head(step))
        labels = mend_synapses(clefts, synapses, fixes.head(step))
        again = cg.evaluate(truth, predicted=labels, predicted_segmentation=mended, **given)
        row = fixes.iloc[step - 1]
        assert (again.edges.tp, again.edges.fp, again.edges.fn) == (row["tp"], row["fp"], row["fn"]), f"step {step}"
        assert again.edges.f1 == row["f1"]
    return ev, fixes


def test_planted_mistakes_are_what_is_fixed():
    truth, clefts, wrong, errors = make_scene(splits=8, merges=8)
    _, fixes = check_steps(truth, clefts, wrong, clefts, range(1, 6))
    assert fixes["f1"].iloc[-1] == 1
    planted = set(zip(errors["error"], errors["segment_id"], errors["other_id"], strict=True))
    for fix in fixes.itertuples():
        mended = {  # the smaller half is merged into the larger; of two merged neurons the smaller is cut off
            "merge": {("split", *pair) for pair in ((fix.into_segment, fix.predicted_segment),)},
            "split": {("merge", fix.predicted_segment, other) for other in (fix.true_segment, fix.into_segment)},
        }[fix.kind]
        halves = {("split", fix.predicted_segment, fix.into_segment)} if fix.kind == "merge" else set()
        others = {row for row in planted if row[0] == "merge" and row[1] == fix.predicted_segment}
        assert (mended | halves | others) & planted, fix


def test_segments_and_synapses_are_mended_together():
    """20 steps, from missed, invented and displaced synapses in a segmentation that is split and merged."""
    truth, clefts, wrong, _ = make_scene(splits=18, merges=8, seed=3)
    labels, ids = np.array(clefts.labels, "u8"), np.unique(clefts.labels)[:-1]
    labels[labels == cg.volumes.BACKGROUND[1]] = 0
    labels[np.isin(labels, ids[:6])] = 0
    others, _ = plant_synapses(truth, n_synapses=25, radius_nm=(30, 50), rng=9)
    extra = np.array(others.labels, "u8")
    from scipy.ndimage import binary_dilation

    near = binary_dilation(np.isin(np.asarray(clefts.labels), ids), iterations=2)
    for number in np.unique(extra)[:-1]:
        if not near[extra == number].any():
            labels[extra == number] = number + 5000
    synapses = cg.Volume(labels, truth.voxel_size)
    _, fixes = check_steps(truth, clefts, wrong, synapses, range(1, 21))
    assert {"merge", "split", "add_synapse", "delete_synapse"} <= set(fixes["kind"])


@pytest.mark.parametrize(("name", "steps"), [("watershed", range(1, 21)), ("ffn", (1, 3, 6))])
def test_real_segmentations_mended_step_by_step(name, steps):
    truth, clefts, predicted = read_fib25(name)
    ev, fixes = check_steps(truth, clefts, predicted, clefts, steps)
    assert ev.edges.f1 < 1
    assert fixes["f1"].is_monotonic_increasing
    assert set(fixes["kind"]) == {"merge", "split"}


def test_a_size_limit_holds_after_every_fix():
    truth, clefts, wrong, _ = make_scene(splits=10, merges=5, seed=1)
    check_steps(truth, clefts, wrong, clefts, (1, 4, 8), min_segment_voxels=900)


def test_other_rules_rank_synapses_only():
    truth, clefts, wrong, _ = make_scene(splits=3, merges=3, seed=2)
    ev = cg.evaluate(truth, truth=clefts, predicted=clefts, predicted_segmentation=wrong, partner_rule="top-pair")
    assert not set(ev.tables["fixes"]["kind"]) & {"merge", "split"}


def test_planted_mistakes_are_named_as_causes():
    truth, clefts, wrong, _ = make_scene(splits=10, merges=0, seed=4)
    ev = cg.evaluate(truth, truth=clefts, predicted=clefts, predicted_segmentation=wrong)
    assert {row["cause"] for row in ev.report["causes"]["edges"]} == {"split"}
    truth, clefts, wrong, _ = make_scene(splits=0, merges=6, seed=4)
    ev = cg.evaluate(truth, truth=clefts, predicted=clefts, predicted_segmentation=wrong)
    assert {row["cause"] for row in ev.report["causes"]["edges"]} == {"merge"}
    assert ev.report["blame"]["parts"]["segmentation"] == pytest.approx(1 - ev.edges.f1, abs=1e-12)
