"""A heat map at many thresholds and minimum sizes: every point must be what one evaluation finds."""

from __future__ import annotations

import json
import math
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scenes import scenes

import connectograph as cg
from connectograph.compare import EdgeScore
from connectograph.evaluation import HeatPoint
from connectograph.evaluation.levels import nest_components

PINKY = Path(__file__).resolve().parents[2] / "shared" / "data" / "pinky40"
SHARED_OPTIONS = (
    "dilation", "dilation_nm", "min_segment_voxels", "exclude_segments", "partner_rule", "min_contact_voxels"
)  # fmt: skip


@st.composite
def heat_scenes(draw):
    """A scene with a heat map of some type for its prediction, and points to score it at."""
    scene = draw(scenes())
    dtype = draw(st.sampled_from(["u1", "i4", "f2", "f4", "f8"]))
    values = [0, 1, 3, 5, 7, 9] if dtype[0] in "ui" else [0.0, 0.1, 0.3, 0.5, 0.7, math.nan]
    heat = draw(hnp.arrays(dtype, scene.segmentation.shape, elements=st.sampled_from(values)))
    heat[0, 0, 0] = values[2]  # all undefined is an error of its own
    thresholds = draw(st.sets(st.sampled_from([*values[1:5], 20]), min_size=1))
    minima = draw(st.sets(st.integers(1, 6), min_size=1, max_size=3))
    options = {name: scene.options[name] for name in SHARED_OPTIONS if name in scene.options}
    arrays = (scene.segmentation, scene.truth, heat)
    return [cg.Volume(array, scene.voxel_size, scene.offset) for array in arrays], thresholds, minima, options


def volumes(*rows):
    return [cg.Volume(np.array([[row]]), (40, 4, 4)) for row in rows]


@given(heat_scenes())
def test_every_point_is_one_evaluation(scene):
    (segmentation, truth, heat), thresholds, minima, options = scene
    sweep = cg.sweep_heat_map(segmentation, truth, heat, thresholds=thresholds, min_synapse_voxels=minima, **options)
    points = list(product(sorted(thresholds), sorted(minima)))
    assert list(zip(sweep.table["threshold"], sweep.table["min_synapse_voxels"], strict=True)) == points
    for row, (threshold, minimum) in enumerate(points):
        ev = cg.evaluate(
            segmentation, truth=truth, predicted=heat, threshold=threshold, min_synapse_voxels=minimum, **options
        )
        assert sweep.table["n_synapses"][row] == ev.report["synapses"]["n_predicted"]
        check_row(sweep.table, row, ev.edges)
        for half, below in zip(sweep.halves, (True, False), strict=True):
            truth_edges, predicted_edges = (
                cg.build_edges(links[(links[sweep.axis] < sweep.cut_nm) == below])
                for links in (ev.tables["links_truth"], ev.tables["links_predicted"])
            )
            check_row(half, row, cg.compare_edges(truth_edges, predicted_edges))


def check_row(table, row, edges):
    assert tuple(table.loc[row, ["tp", "fp", "fn"]].astype(int)) == (edges.tp, edges.fp, edges.fn)
    for name in ("precision", "recall", "f1"):
        assert table[name][row] == pytest.approx(getattr(edges, name), nan_ok=True)


@settings(max_examples=15)
@given(heat_scenes(), st.integers(1, 3))
def test_workers_change_nothing(scene, workers):
    (segmentation, truth, heat), thresholds, minima, options = scene
    one, other = (
        cg.sweep_heat_map(
            segmentation, truth, heat, thresholds=thresholds, min_synapse_voxels=minima, workers=n, **options
        )
        for n in (1, workers)
    )
    pd.testing.assert_frame_equal(one.table, other.table)
    assert json.dumps(one.to_dict(), allow_nan=False) == json.dumps(other.to_dict(), allow_nan=False)


def test_components_lie_in_one_another():
    """Nine voxels in a row: two peaks that join at 4, a third one alone; counted by hand."""
    (heat,) = volumes([9, 9, 5, 4, 6, 1, 0, 4, 9])
    levels = nest_components(cg.label_synapses(heat, threshold=1), np.array([1.0, 4.0, 5.0, 9.0]))
    assert levels.first.tolist() == [0, 2, 4, 7, 9]
    assert levels.parent.tolist() == [-1, -1, 0, 1, 2, 2, 3, 4, 6]
    parts = levels.parts
    sizes = np.bincount(parts.codes, parts.lengths, len(parts)).astype(np.int64)
    found = [
        dict(zip(ids[:, 0].tolist(), n[:, 0].tolist(), strict=True))
        for ids, n in levels.hand_down(parts.ids[:, None].copy(), sizes[:, None])
    ]
    assert found == [{8: 2, 9: 1}, {5: 3, 6: 1, 7: 1}, {3: 5, 4: 2}, {1: 6, 2: 2}]


def test_more_is_not_always_found_with_a_lower_threshold():
    """At 5 the synapse joins 1 and 2; at 1 it is larger and also reaches 3, and a second one appears."""
    segmentation, truth, heat = volumes([1, 1, 2, 2, 3, 3, 4], [0, 1, 1, 0, 0, 0, 0], [0, 9, 7, 3, 0, 1, 1])
    sweep = cg.sweep_heat_map(segmentation, truth, heat, thresholds=[5, 1, 3], min_synapse_voxels=[3, 2])
    assert sweep.table.drop(columns=["precision", "recall", "f1"]).to_numpy(int).tolist() == [
        [1, 2, 2, 1, 2, 0],
        [1, 3, 1, 1, 1, 0],
        [3, 2, 1, 1, 1, 0],
        [3, 3, 1, 1, 1, 0],
        [5, 2, 1, 1, 0, 0],
        [5, 3, 0, 0, 0, 1],
    ]
    assert sweep.at_best_f1() == HeatPoint(5.0, EdgeScore(1, 0, 0), 2)
    assert sweep.at_recall(1.0) == sweep.at_best_f1()
    assert sweep.at_recall(1.1) is None


def test_a_point_is_chosen_on_one_half_and_reported_on_the_other():
    """Below the cut the invented synapse between 2 and 3 scores 3, above it the one between 6 and 7 scores 9."""
    segmentation, truth, heat = volumes(
        np.repeat(np.arange(1, 9), 4),
        [0] * 3 + [1, 1] + [0] * 14 + [2, 2] + [0] * 11,
        [0] * 3 + [9, 9, 0, 0, 3, 3] + [0] * 10 + [5, 5, 0, 0, 9, 9] + [0] * 7,
    )
    sweep = cg.sweep_heat_map(segmentation, truth, heat, thresholds=[1, 4])
    assert (sweep.axis, sweep.cut_nm) == ("x_nm", 48.0)
    choice = sweep.choose()
    assert choice.chosen == HeatPoint(4.0, EdgeScore(1, 0, 0), 1)
    assert choice.reported == EdgeScore(1, 1, 0)
    assert sweep.choose(recall=1.0).chosen == choice.chosen
    assert sweep.choose(recall=1.5).reason == "the half that chooses has no point of recall 1.5"
    assert sweep.to_dict()["halves"] == choice.to_dict()


def test_nothing_true_and_nothing_predicted():
    segmentation, truth, heat = volumes([1, 1, 2, 2], [0] * 4, [0, 1, 1, 0])
    sweep = cg.sweep_heat_map(segmentation, truth, heat, thresholds=[1, 2])
    assert sweep.choose().reason == "the truth has no edge"
    assert sweep.table["recall"].isna().all()
    assert sweep.to_dict()["points"][1]["f1_reason"] == "neither graph has an edge"
    nothing = cg.sweep_heat_map(segmentation, truth, heat, thresholds=[2])
    assert nothing.at_best_f1() is None
    assert nothing.to_dict()["best_f1_reason"] == "no point has an edge"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"thresholds": []}, "no threshold"),
        ({"thresholds": [1], "min_synapse_voxels": []}, "no minimum size"),
        ({"thresholds": [1, math.nan]}, "expected finite numbers"),
        ({"thresholds": [1], "min_synapse_voxels": [2, 0]}, "min_synapse_voxels is 0"),
        ({"thresholds": [1], "partner_rule": "nearest"}, "partner rule"),
    ],
)
def test_points_are_checked(options, words):
    with pytest.raises(cg.InputError, match=words):
        cg.sweep_heat_map(*volumes([1, 2], [0, 1], [0, 1]), **options)


@pytest.mark.skipif(not PINKY.is_dir(), reason="the pinky40 crop is real data that is not part of the repository")
def test_a_real_heat_map():
    segmentation = cg.read_volume(PINKY / "evaluation_128x512x512.hdf", role="segmentation")
    heat = cg.read_volume(PINKY / "heatmap_128x512x512.npz", role="predicted", like=segmentation)
    sweep = cg.sweep_heat_map(
        segmentation,
        PINKY / "evaluation_128x512x512.hdf",
        heat,
        thresholds=[96, 128, 160],
        min_synapse_voxels=[1, 20, 100],
        min_segment_voxels=50,
    )
    row = sweep.table[(sweep.table["threshold"] == 128) & (sweep.table["min_synapse_voxels"] == 1)]
    assert round(row["f1"].item(), 4) == 0.7652
    assert sweep.at_best_f1().edges.f1 >= 0.7652 - 5e-5
    assert sweep.choose().reported.f1 > 0.7
