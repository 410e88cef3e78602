"""Synapses from labels, masks and heat maps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from lazy import Shuffled, cut_boxes

from connectograph import InputError, Volume, label_synapses, measure_synapses
from connectograph.synapses import find_shared

VOXEL_SIZE, OFFSET = (40.0, 4.0, 4.0), (0.0, 8.0, -4.0)
IDS = np.array([0, 1, 7, 255, 2**53 + 1, 2**64 - 3, 2**64 - 2, 2**64 - 1], "uint64")
shapes = hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=5)
labels = hnp.arrays("intp", shapes, elements=st.integers(0, len(IDS) - 1)).map(IDS.__getitem__)
randoms = st.randoms(use_true_random=False)


def place(array):
    return Volume(np.asarray(array), VOXEL_SIZE, OFFSET)


def voxels_of(synapses):
    """Synapse id to its set of linear indices."""
    found = {int(i): set() for i in synapses.ids}
    for start, length, code in zip(synapses.starts, synapses.lengths, synapses.codes, strict=True):
        found[int(synapses.ids[code])] |= set(range(start, start + length))
    return found


def sets_of(masks):
    return {i: set(np.flatnonzero(mask).tolist()) for i, mask in masks.items()}


@given(labels, labels, randoms, st.sampled_from([None, "labels", "mask"]), st.integers(1, 3))
def test_labels_and_masks(truth, predicted, random, form, minimum):
    truth = np.resize(truth, predicted.shape)
    lazy = Volume(Shuffled(predicted, cut_boxes(predicted.shape, random), random), VOXEL_SIZE, OFFSET)
    synapses = label_synapses(
        lazy, form=form, ignore=label_synapses(place(truth), form="labels"), min_synapse_voxels=minimum, workers=2
    )
    ignored = truth == oracles.IGNORE
    masks, counts = oracles.label_prediction(predicted, ignored, form, None, minimum)
    assert voxels_of(synapses) == sets_of(masks)
    assert synapses.excluded["ignored_synapses"] == counts["ignored_synapses"]
    assert synapses.excluded["synapses_below_size"] == counts["predicted_synapses_below_size"]
    check_measures(synapses, masks, None)


@given(
    hnp.arrays("float64", shapes, elements=st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0, np.nan])),
    st.sampled_from([0.25, 0.5, 0.9, 2.0]),
    st.sampled_from(["f2", "f4", ">f4", "f8"]),
    randoms,
    st.integers(1, 3),
)
def test_heat_maps(heat, threshold, dtype, random, minimum):
    heat = heat.astype(dtype)
    heat.ravel()[:1] = 0  # a heat map without any value is an error of its own
    lazy = Volume(Shuffled(heat, cut_boxes(heat.shape, random), random), VOXEL_SIZE, OFFSET)
    synapses = label_synapses(lazy, threshold=threshold, min_synapse_voxels=minimum, workers=2)
    masks, counts = oracles.label_prediction(heat, np.zeros(heat.shape, bool), None, threshold, minimum)
    assert synapses.form == "heatmap"
    assert voxels_of(synapses) == sets_of(masks)
    assert synapses.excluded["nan_voxels"] == counts["nan_voxels"]
    assert any("NaN" in notice for notice in synapses.notices) == (counts["nan_voxels"] > 0)
    check_measures(synapses, masks, heat)


@given(hnp.arrays("uint8", shapes), st.sampled_from([1, 100, 127.5, 255]))
def test_heat_maps_of_bytes_in_stored_units(heat, threshold):
    synapses = label_synapses(place(heat), threshold=threshold)
    masks, _ = oracles.label_prediction(heat, np.zeros(heat.shape, bool), None, threshold, 1)
    assert voxels_of(synapses) == sets_of(masks)
    check_measures(synapses, masks, heat)


def check_measures(synapses, masks, heat):
    table = measure_synapses(synapses)
    assert table["synapse_id"].tolist() == sorted(masks)
    for row in table.itertuples():
        expected = oracles.measure(masks[row.synapse_id], VOXEL_SIZE, OFFSET)
        scores = oracles.score_heat(masks[row.synapse_id], heat)
        assert (row.n_voxels, row.volume_nm3) == (expected["n_voxels"], expected["volume_nm3"])
        assert np.allclose((row.z_nm, row.y_nm, row.x_nm), expected["position"], rtol=1e-12)
        assert np.allclose((row.score_max, row.score_mean), list(scores.values()), rtol=1e-12, equal_nan=True)


@pytest.mark.parametrize(
    ("values", "dtype", "form"),
    [
        ([0, 0, 0], "u8", "none"),
        ([2**64 - 1, 0, 2**64 - 2], "u8", "none"),
        ([0, 0, 0], "?", "none"),
        ([0, 1, 1], "?", "mask"),
        ([0, 1, 1], "u1", "mask"),
        ([0, 1, 1], "i8", "mask"),
        ([0, 255, 255], "u1", "mask"),
        ([0, 255, 255], "u8", "mask"),
        ([0.0, 1.0, 1.0], "f4", "mask"),
        ([2**64 - 1, 1, 2**64 - 2], "u8", "mask"),
        ([0, 7, 7], "u1", "labels"),
        ([1, 0, 255], "u1", "labels"),
        ([1, 2, 2], "u1", "labels"),
        ([0.0, 3.0, 4.0], "f8", "labels"),
    ],
)
def test_the_form_is_judged_by_the_ids(values, dtype, form):
    synapses = label_synapses(place(np.array([[values]], dtype)))
    assert synapses.form == form
    assert any("stored as float" in notice for notice in synapses.notices) == (dtype[0] == "f")


def test_labels_stay_whole_and_masks_are_cut_into_pieces():
    array = np.array([[[7, 0, 7]]])
    assert label_synapses(place(array)).ids.tolist() == [7]
    assert label_synapses(place(array), form="mask").ids.tolist() == [1, 2]
    assert label_synapses(place(array == 7)).ids.tolist() == [1, 2]
    assert label_synapses(place(array == 7), form="labels").ids.tolist() == [1]


def test_components_are_numbered_by_their_first_voxel_and_keep_numbers_when_small_ones_go():
    array = np.zeros((2, 3, 5), bool)
    array[0, 0, 4] = True  # first voxel 4
    array[0, 2, 0] = array[1, 2, 0] = array[1, 1, 1] = True  # first voxel 10; 16 is reached through a corner
    synapses = label_synapses(place(array))
    assert voxels_of(synapses) == {1: {4}, 2: {10, 21, 25}}
    small_left_out = label_synapses(place(array), min_synapse_voxels=3)
    assert small_left_out.ids.tolist() == [2]
    assert small_left_out.excluded["synapses_below_size"] == 1


def test_ignored_voxels_split_a_mask_but_not_a_label():
    truth = label_synapses(place(np.array([[[0, 0, 2**64 - 2, 0, 0]]], "u8")), form="labels")
    mask = np.array([[[0, 1, 1, 1, 0]]])
    assert truth.excluded["ignored_voxels"] == 1
    assert voxels_of(label_synapses(place(mask), ignore=truth)) == {1: {1}, 2: {3}}
    assert voxels_of(label_synapses(place(mask * 7), ignore=truth)) == {7: {1, 3}}
    heat = label_synapses(place(np.array([[[0.1, 0.7, 0.9, 0.8, 0.1]]])), threshold=0.5, ignore=truth)
    assert measure_synapses(heat)["score_max"].tolist() == [0.7, 0.8]


def test_a_prediction_wholly_ignored_is_counted():
    truth = label_synapses(place(np.array([[[2**64 - 2, 2**64 - 2, 0]]], "u8")), form="labels")
    synapses = label_synapses(place([[[4, 4, 5]]]), ignore=truth)
    assert (synapses.ids.tolist(), synapses.excluded["ignored_synapses"]) == ([5], 1)


def test_a_future_of_the_truth_is_waited_for():
    with ThreadPoolExecutor(1) as pool:
        truth = pool.submit(label_synapses, place(np.array([[[2**64 - 2, 0]]], "u8")), form="labels")
        assert voxels_of(label_synapses(place([[[4, 4]]]), ignore=truth)) == {4: {1}}


@pytest.mark.parametrize(
    ("array", "options", "words"),
    [
        (np.array([[[0.2, 0.9]]]), {}, "--threshold"),
        (np.array([[[np.nan, 1.0]]]), {}, "--threshold"),
        (np.array([[[0.2, 0.9]]]), {"form": "heatmap"}, "heat map.*pass --threshold T"),
        (np.array([[[1, 2]]]), {"form": "heatmap"}, "pass --threshold T"),
        (np.array([[[1, 2]]]), {"form": "labels", "threshold": 1.0}, "drop --threshold"),
        (np.array([[[1, 2]]]), {"form": "mask", "threshold": 1.0}, "drop --threshold"),
        (np.array([[[1, 2]]]), {"form": "blobs"}, "form is 'blobs'; expected one of labels, mask, heatmap"),
        (np.array([[[0.2, 0.9]]]), {"threshold": np.nan}, "finite"),
        (np.full((1, 2, 2), np.nan), {"threshold": 0.5}, "all 4 voxels are NaN"),
        (np.array([[[-1, 2]]]), {}, "negative ids"),
        (np.array([[[1j]]]), {"threshold": 0.5}, "heat map holds numbers"),
    ],
)  # fmt: skip
def test_what_fits_no_form_is_refused(array, options, words):
    with pytest.raises(InputError, match=words):
        label_synapses(place(array), **options)


def test_infinite_heat_is_heat():
    synapses = label_synapses(place(np.array([[[np.inf, 0.0, -np.inf, 1.0]]])), threshold=0.5)
    assert voxels_of(synapses) == {1: {0}, 2: {3}}


def test_ignoring_needs_the_same_grid():
    truth = label_synapses(place(np.zeros((1, 1, 3), "u8")))
    with pytest.raises(InputError, match=r"\(1, 1, 2\).*\(1, 1, 3\)"):
        label_synapses(place([[[1, 2]]]), ignore=truth)


@given(labels, labels, st.sets(st.sampled_from(IDS[1:6].tolist())), st.sets(st.sampled_from(IDS[1:6].tolist())))
def test_shared_voxels(a, b, a_ids, b_ids):
    a = np.resize(a, b.shape)
    found = find_shared(
        label_synapses(place(a)),
        label_synapses(place(b), form="labels"),
        np.array(sorted(a_ids), "u8"),
        np.array(sorted(b_ids), "u8"),
    )
    if label_synapses(place(a)).form == "mask":
        return
    pairs = [(i, j) for i, j in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True) if i in a_ids and j in b_ids]
    assert [ids.tolist() for ids in found] == [sorted({i for i, _ in pairs}), sorted({j for _, j in pairs})]


def test_the_volume_given_is_not_changed():
    for array in (np.array([[[0, 1, 1]]]), np.array([[[0.1, 0.9, np.nan]]])):
        before = array.copy()
        label_synapses(place(array), threshold=0.5 if array.dtype.kind == "f" else None)
        assert np.array_equal(array, before, equal_nan=True)
