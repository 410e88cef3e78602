"""Merges and splits of segments: the promised F1 at every step, from edited volumes; real segmentations of FIB-25."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

import connectograph as cg
from connectograph.attribution import mend_segments
from connectograph.evaluation.attribution import leave_out_causes
from connectograph.evaluation.measures import Measures, leave_out_measures
from connectograph.synthetic import make_segmentation, plant_errors, plant_synapses

FIB25 = Path(__file__).resolve().parents[2] / "shared" / "data" / "fib25" / "labels_250x250x250.npz"
SIZE = (10.0, 10.0, 10.0)
LAST = 2**64 - 1


def make_scene(splits, merges, seed=0):
    """A phantom, clefts on its contacts, and the same segmentation with planted mistakes."""
    truth = make_segmentation((16, 96, 96), n_segments=40, voxel_size=(40, 8, 8), rng=seed)
    clefts, _ = plant_synapses(truth, n_synapses=50, radius_nm=(30, 60), rng=seed)
    return truth, clefts, *plant_errors(truth, splits=splits, merges=merges, rng=seed)


def read_fib25(name):
    """Every third voxel of the real labels, which keeps many neurons, and clefts on their contacts."""
    if not FIB25.is_file():
        pytest.skip("the FIB-25 labels are not in ../shared/data")
    with np.load(FIB25) as file:
        truth, predicted = (cg.Volume(file[key][:200:3, :200:3, :200:3], SIZE) for key in ("gt", name))
    clefts, _ = plant_synapses(truth, n_synapses=60, radius_nm=(20, 50), rng=0)
    return truth, clefts, predicted


def spoil_synapses(truth, clefts, *, n_missed=6, n_moved=6, n_invented=25):
    """Synapses of which some are missed, some displaced by a few voxels and some invented, none on another."""
    labels, ids = np.array(clefts.labels, "u8"), np.unique(clefts.labels)[:-1]
    labels[~np.isin(labels, ids[n_missed:])] = 0
    true = binary_dilation(np.isin(np.asarray(clefts.labels), ids), iterations=2)
    for number in ids[n_missed : n_missed + n_moved]:
        here = np.argwhere(labels == number)
        labels[labels == number] = 0
        moved = here + np.array([0, 2, 3])
        moved = moved[(moved < labels.shape).all(axis=1)]
        free = (labels[tuple(moved.T)] == 0) & np.isin(np.asarray(clefts.labels)[tuple(moved.T)], [0, number, LAST])
        labels[tuple(moved[free].T)] = number
    others, _ = plant_synapses(truth, n_synapses=n_invented, radius_nm=(30, 50), rng=9)
    extra = np.array(others.labels, "u8")
    for number in np.unique(extra)[:-1]:
        if not (true | (labels > 0))[extra == number].any():
            labels[extra == number] = number + 5000
    return cg.Volume(labels, truth.voxel_size)


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


def check_steps(truth, clefts, predicted, synapses, choose, **options):
    """The fixes, chosen ones of their steps made in the volumes and these evaluated again."""
    given = {"truth": clefts, **options}
    ev = cg.evaluate(truth, predicted=synapses, predicted_segmentation=predicted, **given)
    fixes = ev.tables["fixes"]
    assert ev.report["blame"]["actual"] == ev.edges.f1
    assert math.fsum(ev.report["blame"]["parts"].values()) == pytest.approx(1 - ev.edges.f1, abs=1e-12)
    assert sum(row["n"] for row in ev.report["causes"]["edges"]) == ev.edges.fp + ev.edges.fn
    with pytest.MonkeyPatch.context() as patch:  # the score is all that is compared
        patch.setattr(
            "connectograph.evaluation.job.explain_errors", lambda *_, **__: Measures(leave_out_causes(""), {})
        )
        patch.setattr("connectograph.evaluation.job.measure_connectomes", lambda *_, **__: leave_out_measures(""))
        for step in choose(fixes):
            mended = mend_segments(truth, predicted, fixes.head(step))
            labels = mend_synapses(clefts, synapses, fixes.head(step))
            again = cg.evaluate(truth, predicted=labels, predicted_segmentation=mended, **given)
            row = fixes.iloc[step - 1]
            assert (again.edges.tp, again.edges.fp, again.edges.fn) == (row["tp"], row["fp"], row["fn"]), f"step {step}"
            assert again.edges.f1 == row["f1"]
    return ev, fixes


def at(*steps):
    """These steps and the last."""
    return lambda fixes: [*steps, len(fixes)]


def test_planted_mistakes_are_what_is_fixed():
    truth, clefts, wrong, errors = make_scene(splits=8, merges=8)
    _, fixes = check_steps(truth, clefts, wrong, clefts, at(1, 2, 3, 4, 5))
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
    """From missed, invented and displaced synapses in a segmentation that is split and merged."""
    truth, clefts, wrong, _ = make_scene(splits=18, merges=8, seed=3)
    _, fixes = check_steps(truth, clefts, wrong, spoil_synapses(truth, clefts), at(*range(2, 21, 3)))
    assert {"merge", "split", "add_synapse", "delete_synapse"} <= set(fixes["kind"])


@pytest.mark.parametrize(
    "options",
    [
        {"partner_rule": "top-pair"},
        {"partner_rule": "top-pair", "dilation": 2},
        {"min_contact_voxels": 12},
        {"partner_rule": "top-pair", "min_contact_voxels": 9, "min_segment_voxels": 500},
        {"proofread": True},
        {"proofread": True, "partner_rule": "top-pair", "min_contact_voxels": 5},
    ],
    ids=str,
)
def test_any_rule_and_a_sparse_truth(options):
    """Contacts of merged and cut segments are counted voxel by voxel, and scored among proofread neurons only."""
    truth, clefts, wrong, _ = make_scene(splits=18, merges=8, seed=3)
    if "proofread" in options:
        options = {**options, "proofread": np.unique(truth.labels)[1::2].tolist()}
    synapses = spoil_synapses(truth, clefts)
    _, fixes = check_steps(truth, clefts, wrong, synapses, at(1, 3, 6, 10), **options)
    assert {"merge", "split"} < set(fixes["kind"])


def test_equal_contacts_are_told_apart_like_in_the_volumes():
    """A synapse that meets four segments alike: which pair is its partners depends on their order, and that on sizes.

    Segments 5 to 8 stand for no neuron. Cutting off a part of one makes it the smallest of these, and so the last.
    """
    truth, wrong, clefts = np.zeros((3, 1, 9, 24), "u8")
    truth[0, :4], truth[0, 5:, :12], truth[0, 5:, 12:] = 1, 2, 3
    wrong[...] = truth
    wrong[0, 3, 4:8], wrong[0, 3, 8:12], wrong[0, 5, 4:9], wrong[0, 5, 9:14] = 5, 6, 7, 8
    clefts[0, 4, 4:12] = 1
    clefts[0, 4, 16:18] = 2
    volumes = [cg.Volume(labels, SIZE) for labels in (truth, clefts, wrong)]
    for rule in ("all-pairs", "top-pair"):
        _, fixes = check_steps(*volumes, volumes[1], lambda fixes: range(1, len(fixes) + 1), partner_rule=rule)
        assert len(fixes)


@pytest.mark.parametrize("name", ["watershed", "ffn"])
def test_real_segmentations_mended_step_by_step(name):
    """The first 20 fixes of real mistakes of segmentation and planted ones of synapses, each made in the volumes."""
    truth, clefts, predicted = read_fib25(name)
    synapses = spoil_synapses(truth, clefts, n_missed=12, n_invented=12)
    ev, fixes = check_steps(truth, clefts, predicted, synapses, lambda fixes: range(1, 21))
    assert ev.edges.f1 < 1
    assert fixes["f1"].is_monotonic_increasing
    assert {"merge", "split", "add_synapse", "delete_synapse"} <= set(fixes["kind"].head(20))


def test_a_size_limit_holds_after_every_fix():
    truth, clefts, wrong, _ = make_scene(splits=10, merges=5, seed=1)
    check_steps(truth, clefts, wrong, clefts, at(1, 4, 8), min_segment_voxels=900)


def test_planted_mistakes_are_named_as_causes():
    truth, clefts, wrong, _ = make_scene(splits=10, merges=0, seed=4)
    ev = cg.evaluate(truth, truth=clefts, predicted=clefts, predicted_segmentation=wrong)
    assert {row["cause"] for row in ev.report["causes"]["edges"]} == {"split"}
    truth, clefts, wrong, _ = make_scene(splits=0, merges=6, seed=4)
    ev = cg.evaluate(truth, truth=clefts, predicted=clefts, predicted_segmentation=wrong)
    assert {row["cause"] for row in ev.report["causes"]["edges"]} == {"merge"}
    assert ev.report["blame"]["parts"]["segmentation"] == pytest.approx(1 - ev.edges.f1, abs=1e-12)
