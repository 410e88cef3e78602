"""Everything that an evaluation computes, against the slow and obvious program; and what must not change it."""

from __future__ import annotations

import math
from dataclasses import replace
from unittest import mock

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lazy import Shuffled, cut_boxes
from scenes import Scene, scenes

import connectograph as cg
from connectograph.io.files import dump_json

AXES = ("z_nm", "y_nm", "x_nm")
randoms = st.randoms(use_true_random=False)
few = settings(max_examples=settings.default.max_examples // 4)


def rows_of(table, ids, *columns):
    """Id tuple to row, as Python numbers."""
    keys = zip(*(table[name].tolist() for name in ids), strict=True)
    values = [
        dict(zip(columns, row, strict=True)) for row in zip(*(table[name].tolist() for name in columns), strict=True)
    ]
    rows = dict(zip(keys, values, strict=True))
    assert len(rows) == len(table), "two rows have the same ids"
    return rows


def check_rows(table, ids, columns, expected):
    """The same ids; integers and words equal, lengths to rounding."""
    rows = rows_of(table, ids, *columns, *AXES)
    assert list(rows) == sorted(expected)
    for key, row in rows.items():
        assert {name: row[name] for name in columns} == {name: expected[key][name] for name in columns}
        assert np.allclose([row[axis] for axis in AXES], expected[key]["position"], rtol=1e-12, atol=1e-9)


def check_segments(table, expected):
    columns = ("n_voxels", "volume_nm3", "status")
    check_rows(table, ["segment_id"], columns, {(i,): row for i, row in expected.items()})
    for row in table.itertuples():
        box = [(getattr(row, f"{axis}_min_nm"), getattr(row, f"{axis}_max_nm")) for axis in "zyx"]
        assert np.allclose(box, expected[row.segment_id]["box"], rtol=1e-12, atol=1e-9)


def check_side(ev, name, expected):
    synapses = ev.tables[f"synapses_{name}"]
    check_rows(synapses, ["synapse_id"], ("n_voxels",), {(i,): row for i, row in expected.synapses.items()})
    for row in synapses.itertuples():
        own = expected.synapses[row.synapse_id]
        assert math.isclose(row.volume_nm3, own["volume_nm3"])
        assert np.allclose(
            (row.score_max, row.score_mean), (own["score_max"], own["score_mean"]), rtol=1e-12, equal_nan=True
        )
    assert dict(zip(synapses["synapse_id"], synapses["unattached_reason"], strict=True)) == expected.reasons
    assert (synapses["attached"] == (synapses["unattached_reason"] == "")).all()

    contacts, links = ev.tables[f"synapse_contacts_{name}"], ev.tables[f"links_{name}"]
    check_rows(contacts, ["synapse_id", "segment_a", "segment_b"], ("n_voxels",), expected.contacts)
    check_rows(links, ["synapse_id", "source", "target"], ("n_voxels",), expected.links)
    assert not links["directed"].any()
    scores = [expected.synapses[i]["score_max"] for i in links["synapse_id"]]
    assert np.allclose(links["score"], scores, equal_nan=True)
    check_rows(ev.tables[f"edges_{name}"], ["source", "target"], ("n_synapses", "n_voxels"), expected.edges)


def check_outcomes(table, expected):
    rows = rows_of(table, ["source", "target"], "outcome", "n_synapses_truth", "n_synapses_predicted", "cause", *AXES)
    assert list(rows) == sorted(expected.outcomes)
    nothing = {"n_synapses": 0}
    for pair, row in rows.items():
        truth, predicted = expected.truth.edges.get(pair, nothing), expected.predicted.edges.get(pair, nothing)
        assert row["outcome"] == expected.outcomes[pair]
        assert (row["cause"] == "") == (row["outcome"] == "tp")
        assert row["n_synapses_truth"] == truth["n_synapses"]
        assert row["n_synapses_predicted"] == predicted["n_synapses"]
        where = (truth if truth is not nothing else predicted)["position"]
        assert np.allclose([row[axis] for axis in AXES], where, rtol=1e-12, atol=1e-9)


def check_contactome(table, expected):
    rows = rows_of(table, ["segment_a", "segment_b"], "n_voxels", "n_faces", "area_nm2")
    assert list(rows) == sorted(expected)
    for pair, row in rows.items():
        assert (row["n_voxels"], row["n_faces"]) == expected[pair][:2]
        assert math.isclose(row["area_nm2"], expected[pair][2])


def check_graph(graph, kept, edges):
    assert sorted(graph) == kept
    assert {tuple(sorted(pair)) for pair in graph.edges} == set(edges)


def score_of(score):
    return score.tp, score.fp, score.fn


def check_report(ev, expected):
    report = ev.report
    assert {key: report["excluded"][key] for key in expected.excluded} == expected.excluded
    for name, side in (("truth", expected.truth), ("predicted", expected.predicted)):
        attached = [reason == "" for reason in side.reasons.values()]
        assert report["synapses"][f"n_{name}"] == len(attached)
        assert report["synapses"][f"n_{name}_attached"] == sum(attached)
        reasons = report["excluded"][f"{name}_unattached_reasons"]
        assert reasons == {reason: list(side.reasons.values()).count(reason) for reason in reasons}
    for block, score in (("edges", expected.score), ("strict", expected.strict)):
        assert tuple(report[block][name] for name in ("tp", "fp", "fn")) == score
        for name, value in zip(("precision", "recall", "f1"), oracles.ratios(*score), strict=True):
            assert report[block][name] == (None if math.isnan(value) else value)


def check(ev, expected):
    kept = sorted(i for i, row in expected.segments.items() if row["status"] in ("kept", "split_off"))
    check_segments(ev.tables["segments"], expected.segments)
    check_side(ev, "truth", expected.truth)
    check_side(ev, "predicted", expected.predicted)
    check_outcomes(ev.edge_outcomes, expected)
    check_contactome(ev.tables["contactome"], expected.contactome)
    check_report(ev, expected)
    assert (score_of(ev.edges), score_of(ev.strict)) == (expected.score, expected.strict)
    assert ev.report["nodes"]["n_segments"] == len(kept)
    check_graph(ev.truth_graph, kept, expected.truth.edges)
    check_graph(ev.predicted_graph, kept, expected.predicted.edges)


def same_bytes(ev, other):
    assert dump_json(ev.report) == dump_json(other.report)
    assert list(ev.tables) == list(other.tables)
    for name, table in ev.tables.items():
        assert table.equals(other.tables[name]), name


@settings(max_examples=2 * settings.default.max_examples)
@given(scenes())
def test_every_number_is_that_of_the_definition(scene):
    arrays = [scene.segmentation, scene.truth, scene.predicted]
    before = [array.copy() for array in arrays]
    ev = scene.evaluate(contactome=True, workers=1)
    check(ev, oracles.evaluate(*arrays, voxel_size=scene.voxel_size, offset=scene.offset, **scene.options))
    for array, copy in zip(arrays, before, strict=True):
        assert np.array_equal(array, copy, equal_nan=array.dtype.kind == "f"), "an input was changed"


@few
@given(scenes(), st.tuples(*[st.integers(1, 4)] * 3), st.integers(1, 2))
def test_blocks_and_workers_change_no_byte(scene, shape, workers):
    whole = scene.evaluate(contactome=True, workers=1)
    with mock.patch("connectograph.blocks.BLOCK_SHAPE", shape), mock.patch("connectograph.runs.BLOCK_SHAPE", shape):
        same_bytes(scene.evaluate(contactome=True, workers=workers), whole)


@few
@given(scenes(), randoms, st.integers(1, 2))
def test_a_file_may_be_cut_anyhow_and_read_in_any_order(scene, random, workers):
    def cut(role, array):
        return Shuffled(array, cut_boxes(array.shape, random), random)

    whole = scene.evaluate(contactome=True, workers=1)
    same_bytes(scene.evaluate(contactome=True, workers=workers, change=cut), whole)


def dressed(array, dtype, layout):
    """The same voxels stored in another way."""
    array = array.astype(dtype)
    if layout == "strided":
        wide = np.zeros(tuple(2 * size for size in array.shape), array.dtype)
        wide[::2, 1::2, ::2] = array
        return wide[::2, 1::2, ::2]
    if layout == "reversed":
        return np.ascontiguousarray(array[::-1, :, ::-1])[::-1, :, ::-1]
    if layout == "read-only":
        array.flags.writeable = False
    return np.asfortranarray(array) if layout == "fortran" else array


@few
@given(
    scenes(),
    st.sampled_from(["u1", ">u2", "i4", ">i8", ">u8"]),
    st.sampled_from(["plain", "fortran", "strided", "reversed", "read-only"]),
)
def test_stored_types_and_layouts_change_no_byte(scene, dtype, layout):
    # ids that every type can hold, in the order of the ids that were drawn
    def small(array):
        return (
            np.unique(array, return_inverse=True)[1].reshape(array.shape).astype("u8") if array.dtype == "u8" else array
        )

    scene = Scene(
        *(small(array) for array in (scene.segmentation, scene.truth, scene.predicted)),
        scene.voxel_size,
        scene.offset,
        {**scene.options, "exclude_segments": (2,)},
    )
    plain = scene.evaluate(contactome=True, workers=1)

    def change(role, array):
        return dressed(array, dtype if array.dtype == "u8" else array.dtype, layout)

    same_bytes(scene.evaluate(contactome=True, workers=1, change=change), plain)


# --- invariances that need no other program -------------------------------------------------------------------------


def only_labels(scene):
    """The scene with labels on both sides and rules that do not look at the order of segment ids."""
    labels = {"predicted": scene.truth, "truth": scene.predicted} if scene.predicted.dtype == "u8" else {}
    truth = labels.get("truth", scene.segmentation)
    predicted = scene.truth.astype("u8")
    options = {
        k: v
        for k, v in scene.options.items()
        if k not in ("threshold", "predicted_form", "partner_rule", "min_synapse_voxels")
    }
    return replace(scene, truth=truth, predicted=predicted, options={**options, "predicted_form": "labels"})


def without_ignored(scene):
    def clean(array):
        return np.where(array == 2**64 - 2, np.uint64(0), array)

    return replace(scene, truth=clean(scene.truth), predicted=clean(scene.predicted))


@few
@given(scenes())
def test_a_prediction_equal_to_the_truth_is_perfect(scene):
    scene = without_ignored(only_labels(scene))
    ev = replace(scene, predicted=scene.truth).evaluate()
    assert score_of(ev.edges)[1:] == score_of(ev.strict)[1:] == (0, 0)
    assert ev.edges.precision in (1.0,) or ev.edges.n_truth == 0
    assert (ev.edge_outcomes["outcome"] == "tp").all()


@few
@given(scenes())
def test_swapping_the_sides_swaps_precision_and_recall(scene):
    scene = without_ignored(only_labels(scene))
    one = scene.evaluate()
    other = replace(scene, truth=scene.predicted, predicted=scene.truth).evaluate()
    assert score_of(other.edges) == tuple(score_of(one.edges)[k] for k in (0, 2, 1))
    assert score_of(other.strict) == tuple(score_of(one.strict)[k] for k in (0, 2, 1))
    assert other.tables["edges_truth"].equals(one.tables["edges_predicted"])


@few
@given(scenes(), st.permutations([5, 2**53, 2**53 + 1, 2**63 + 1, 2**64 - 3, 17, 300, 2, 6, 9, 11, 12]))
def test_names_of_segments_do_not_matter(scene, names):
    scene = only_labels(scene)
    options = {**scene.options, "split_disconnected": False}
    ids = [int(i) for i in np.unique(scene.segmentation) if i not in (0, 2**64 - 2, 2**64 - 1)]
    new = dict(zip(ids, names, strict=False))
    renamed = scene.segmentation.copy()
    for old, name in new.items():
        renamed[scene.segmentation == old] = name
    exclude = tuple(new[i] for i in options["exclude_segments"] if i in new)
    one = replace(scene, options=options).evaluate()
    other = replace(scene, segmentation=renamed, options={**options, "exclude_segments": exclude}).evaluate()
    assert score_of(one.edges) == score_of(other.edges)
    assert score_of(one.strict) == score_of(other.strict)
    for side in ("truth", "predicted"):
        contacts = one.tables[f"synapse_contacts_{side}"]
        expected = {
            (s, *sorted((new[a], new[b]))): n
            for s, a, b, n in zip(
                *(contacts[c] for c in ("synapse_id", "segment_a", "segment_b", "n_voxels")), strict=True
            )
        }
        found = rows_of(other.tables[f"synapse_contacts_{side}"], ["synapse_id", "segment_a", "segment_b"], "n_voxels")
        assert {key: row["n_voxels"] for key, row in found.items()} == expected


COUNTED = {
    "segments": ["segment_id", "n_voxels", "status"],
    "synapse_contacts_truth": ["synapse_id", "segment_a", "segment_b", "n_voxels"],
    "synapse_contacts_predicted": ["synapse_id", "segment_a", "segment_b", "n_voxels"],
    "edges_truth": ["source", "target", "n_synapses", "n_voxels"],
    "edges_predicted": ["source", "target", "n_synapses", "n_voxels"],
    "edge_outcomes": ["source", "target", "outcome", "n_synapses_truth", "n_synapses_predicted"],
    "contactome": ["segment_a", "segment_b", "n_voxels", "n_faces"],
}


def same_counts(ev, other):
    for name, columns in COUNTED.items():
        if name == "contactome" and name not in ev.tables:
            continue
        assert ev.tables[name][columns].equals(other.tables[name][columns]), name
    assert (score_of(ev.edges), score_of(ev.strict)) == (score_of(other.edges), score_of(other.strict))
    assert ev.report["excluded"] == other.report["excluded"]


def moved(scene, function, **changes):
    arrays = {role: function(getattr(scene, role)) for role in ("segmentation", "truth", "predicted")}
    return replace(scene, **arrays, **changes)


@few
@given(scenes(), st.sampled_from([(0,), (1,), (2,), (0, 1, 2)]))
def test_mirrors_do_not_matter(scene, axes):
    # equal pieces are told apart by where they lie, and that is what a mirror changes
    scene = replace(only_labels(scene), options={**only_labels(scene).options, "split_disconnected": False})
    mirrored = moved(scene, lambda array: np.flip(array, axes))
    same_counts(scene.evaluate(contactome=True), mirrored.evaluate(contactome=True))


@few
@given(scenes(), st.permutations(range(3)), st.sampled_from([0.0, 4.0, 8.0, 45.0]))
def test_the_order_of_axes_does_not_matter_with_a_dilation_in_nanometres(scene, order, radius):
    scene = only_labels(scene)
    options = {**scene.options, "split_disconnected": False, "dilation": None, "dilation_nm": radius}
    scene = replace(scene, options=options)
    turned = moved(
        scene,
        lambda array: array.transpose(order),
        voxel_size=tuple(scene.voxel_size[k] for k in order),
        offset=tuple(scene.offset[k] for k in order),
    )
    one, other = scene.evaluate(contactome=True), turned.evaluate(contactome=True)
    same_counts(one, other)
    for new, old in enumerate(order):
        here, there = one.tables["segments"][AXES[old]], other.tables["segments"][AXES[new]]
        assert np.allclose(here, there, rtol=1e-12, atol=1e-9)


@few
@given(scenes(), st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 3))
def test_background_around_a_volume_changes_nothing(scene, width):
    offset = tuple(o - before * v for o, v, (before, _) in zip(scene.offset, scene.voxel_size, width, strict=True))
    padded = moved(scene, lambda array: np.pad(array, width), offset=offset)
    # without the contactome: dilated segments overlap in the background around them too, as far as there is any
    one, other = scene.evaluate(), padded.evaluate()
    same_counts(one, other)
    for name, table in one.tables.items():
        numbers = [column for column in table if "_nm" in column]
        assert np.allclose(table[numbers], other.tables[name][numbers], rtol=1e-12, atol=1e-9)


@few
@given(scenes())
def test_losing_a_predicted_synapse_never_raises_recall(scene):
    scene = without_ignored(only_labels(scene))
    whole = scene.evaluate()
    for synapse in whole.tables["synapses_predicted"]["synapse_id"]:
        fewer = replace(scene, predicted=np.where(scene.predicted == synapse, np.uint64(0), scene.predicted))
        assert fewer.evaluate().edges.tp <= whole.edges.tp


def test_a_scene_counted_by_hand():
    """Four neurons in a row, dilation 1; every reason, an ignored prediction, both scores."""
    segmentation = np.array([[[1, 1, 2, 2, 3, 0, 0, 0, 4, 4, 4, 9]]], "u8")
    truth = np.zeros((1, 1, 12), "u8")
    truth[0, 0, 1:3] = 5  # voxels 1 and 2, each beside 1 and 2: pair 1-2, two voxels
    truth[0, 0, 6] = 6  # nothing near
    truth[0, 0, 9] = 7  # only 4 near
    truth[0, 0, [5, 7]] = 8  # 3 near the first, 4 near the second
    truth[0, 0, 11] = 2**64 - 2  # ignored
    predicted = np.zeros((1, 1, 12), "u8")
    predicted[0, 0, 3:5] = 50  # 2-3, two voxels
    predicted[0, 0, 6] = 60  # shares its voxel with the truth's 6
    predicted[0, 0, 10] = 70  # 4 and 9, which is too small: its pair is filtered
    predicted[0, 0, 11] = 80  # wholly ignored
    ev = Scene(segmentation, truth, predicted, options={"min_segment_voxels": 1, "exclude_segments": (9,)}).evaluate()
    assert score_of(ev.edges) == (0, 1, 1)
    assert ev.tables["synapses_truth"]["unattached_reason"].tolist() == [
        "",
        "no_segment",
        "one_segment",
        "no_common_voxel",
    ]
    assert ev.tables["synapses_predicted"]["unattached_reason"].tolist() == ["", "no_segment", "partner_filtered"]
    # strict: 7 and 8 are missed, 70 is invented; 6 and 60 share a voxel
    assert score_of(ev.strict) == (0, 1 + 1, 1 + 2)
    excluded = ev.report["excluded"]
    assert (excluded["truth_synapses_unattached"], excluded["predicted_synapses_unattached"]) == (3, 2)
    assert (excluded["truth_pairs_filtered"], excluded["predicted_pairs_filtered"]) == (0, 1)
    assert (excluded["ignored_voxels"], excluded["ignored_synapses"], excluded["segments_listed"]) == (1, 1, 1)


def test_without_a_prediction_only_the_truth_is_assembled():
    labels = np.array([[[1, 1, 2, 2]]], "u8")
    volume = cg.Volume(labels, (40, 4, 4))
    ev = cg.evaluate(volume, truth=cg.Volume(np.array([[[0, 5, 5, 0]]], "u8"), (40, 4, 4)))
    assert ev.edges is ev.strict is None
    assert list(ev.truth_graph.edges) == [(1, 2)]
    for key in ("edges", "strict"):
        assert (ev.report[key], ev.report[f"{key}_reason"]) == (None, "no prediction was given")
    with pytest.raises(KeyError):
        ev.tables["edges_predicted"]
