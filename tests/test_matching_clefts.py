"""CREMI's cleft statistics, against distance transforms of whole volumes."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import distance_transform_edt

from connectograph import InputError, Volume, label_synapses
from connectograph.io.files import dump_json
from connectograph.matching import compare_clefts
from connectograph.matching.clefts import DistanceSummary

IGNORE = 2**64 - 2
WHOLE, BROKEN = (40.0, 4.0, 4.0), (33.3, 5.1, 7.5)
shapes = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 9))


def place(array, voxel_size=WHOLE, **options):
    return label_synapses(Volume(np.asarray(array, "uint64"), voxel_size), form="labels", **options)


@st.composite
def sides(draw):
    shape = draw(shapes)
    rare = st.sampled_from([0, 0, 0, 0, 3, 4])
    return [draw(hnp.arrays("uint64", shape, elements=rare, fill=st.just(0))) for _ in range(2)]


def transform(own, other, voxel_size, tolerance):
    """Statistics from the distance transform of the whole volume."""
    if not own.any() or not other.any():
        return DistanceSummary(int(own.sum()), int(own.sum()))
    distance = distance_transform_edt(~other, sampling=voxel_size)[own]
    numbers = distance.mean(), distance.std(), np.median(distance), distance.max()
    return DistanceSummary(len(distance), int((distance > tolerance).sum()), *map(float, numbers))


def check(found, own, other, voxel_size, tolerance, exact):
    expected = transform(own, other, voxel_size, tolerance)
    if exact:
        assert found.to_dict() == expected.to_dict()
    else:
        for name, value in vars(expected).items():
            assert getattr(found, name) == pytest.approx(value, rel=1e-12, nan_ok=True)


@given(sides(), st.sampled_from([0.0, 4.0, 40.0, 200.0]), st.integers(1, 3))
def test_whole_voxel_sizes_give_the_same_bits_as_a_distance_transform(arrays, tolerance, workers):
    truth, predicted = (array != 0 for array in arrays)
    found = compare_clefts(*map(place, arrays), tolerance_nm=tolerance, workers=workers)
    check(found.predicted_to_truth, predicted, truth, WHOLE, tolerance, exact=True)
    check(found.truth_to_predicted, truth, predicted, WHOLE, tolerance, exact=True)


@given(sides())
def test_other_voxel_sizes_to_rounding(arrays):
    truth, predicted = (array != 0 for array in arrays)
    found = compare_clefts(*(place(array, BROKEN) for array in arrays), tolerance_nm=20.0)
    check(found.predicted_to_truth, predicted, truth, BROKEN, 20.0, exact=False)
    check(found.truth_to_predicted, truth, predicted, BROKEN, 20.0, exact=False)


@pytest.mark.parametrize("seed", range(4))
def test_wide_volumes_too(seed):
    """Wider than the tiles that the search goes by; a few far-away discs on either side."""
    rng = np.random.default_rng(seed)
    shape = (9, 40, 700)
    arrays = [np.zeros(shape, "uint64") for _ in range(2)]
    for array in arrays:
        for k in range(1, rng.integers(2, 7)):
            z, y, x = (int(rng.integers(0, n)) for n in shape)
            array[z : z + 2, y : y + rng.integers(1, 12), x : x + rng.integers(1, 200)] = k
    truth, predicted = (array != 0 for array in arrays)
    found = compare_clefts(*map(place, arrays))
    check(found.predicted_to_truth, predicted, truth, WHOLE, 200.0, exact=True)
    check(found.truth_to_predicted, truth, predicted, WHOLE, 200.0, exact=True)


def test_counted_by_hand():
    truth, predicted = np.zeros((6, 1, 4), int), np.zeros((6, 1, 4), int)
    truth[0, 0, :2] = 3
    predicted[0, 0, 1], predicted[5, 0, 1], predicted[5, 0, 3] = 8, 8, 9
    # predicted: 0, 200 (not beyond), sqrt(200^2 + 8^2); true: 4, 0
    found = compare_clefts(place(truth), place(predicted))
    far = math.sqrt(200**2 + 8**2)
    assert (found.predicted_to_truth.n_voxels, found.predicted_to_truth.n_beyond) == (3, 1)
    assert found.predicted_to_truth.mean == pytest.approx((200 + far) / 3)
    assert (found.predicted_to_truth.median, found.predicted_to_truth.maximum) == (200, far)
    assert (found.truth_to_predicted.mean, found.truth_to_predicted.std) == (2, 2)
    assert found.cremi_score == pytest.approx(((200 + far) / 3 + 2) / 2)
    assert (found.score.tp, found.score.fp, found.score.fn) == (2, 1, 0)
    assert (found.score.precision, found.score.recall, found.score.f1) == (2 / 3, 1, 4 / 5)


def test_distances_are_nanometres():
    """Two voxels away is 80 nm across sections but 8 nm within one."""
    one = np.zeros((3, 3, 3), int)
    one[0, 0, 0] = 1
    for move, expected in (((2, 0, 0), 80), ((0, 2, 0), 8), ((0, 0, 2), 8)):
        other = np.roll(one, move, axis=(0, 1, 2))
        assert compare_clefts(place(one), place(other)).cremi_score == expected


def test_all_voxels_are_averaged_not_only_the_errors():
    truth, predicted = np.zeros((1, 1, 100), int), np.zeros((1, 1, 100), int)
    truth[0, 0, :10], predicted[0, 0, :10], predicted[0, 0, 99] = 1, 1, 2
    found = compare_clefts(place(truth), place(predicted))
    assert found.predicted_to_truth.n_beyond == 1
    assert found.predicted_to_truth.mean == 90 * 4 / 11


def test_ignored_voxels_belong_to_neither_side():
    truth = np.array([[[1, IGNORE, IGNORE, 0]]], "uint64")
    predicted = np.array([[[0, 5, 5, 5]]], "uint64")
    own = place(truth)
    found = compare_clefts(own, place(predicted, ignore=own))
    assert (found.predicted_to_truth.n_voxels, found.truth_to_predicted.n_voxels) == (1, 1)
    assert found.cremi_score == 12


# ---------------------------------------------------------------------------------------------------------- contracts
@given(sides())
def test_identity(arrays):
    synapses = place(arrays[0])
    found = compare_clefts(synapses, synapses)
    n = int((arrays[0] != 0).sum())
    assert (found.score.tp, found.score.fp, found.score.fn) == ((n, 0, 0))
    assert found.cremi_score == 0 if n else math.isnan(found.cremi_score)


@given(sides())
def test_swap(arrays):
    found, other = (compare_clefts(*map(place, pair)) for pair in (arrays, arrays[::-1]))
    assert found.predicted_to_truth.to_dict() == other.truth_to_predicted.to_dict()
    assert found.truth_to_predicted.to_dict() == other.predicted_to_truth.to_dict()
    assert (found.score.fp, found.score.fn) == (other.score.fn, other.score.fp)


@given(sides(), st.integers(0, 99))
def test_names_and_objects_have_no_say(arrays, seed):
    names = np.random.default_rng(seed).integers(1, 2**63, arrays[1].shape).astype("uint64")
    turned = np.where(arrays[1] != 0, names, 0)
    pairs = (arrays, (arrays[0], turned))
    found, other = (compare_clefts(*map(place, pair)) for pair in pairs)
    assert found.to_dict() == other.to_dict()


def test_empty():
    nothing, one = np.zeros((2, 2, 2), int), np.ones((2, 2, 2), int)
    for truth, predicted, counts in (
        (nothing, nothing, (0, 0, 0)), (nothing, one, (0, 8, 0)), (one, nothing, (0, 0, 8)), (one, one, (8, 0, 0)),
    ):  # fmt: skip
        report = compare_clefts(place(truth), place(predicted)).to_dict()
        assert (report["tp"], report["fp"], report["fn"]) == counts
        assert (report["cremi_score"] is None) == (counts != (8, 0, 0))
        assert json.loads(dump_json(report)) == json.loads(json.dumps(report, allow_nan=False))
    report = compare_clefts(place(one), place(nothing)).to_dict()
    assert report["cremi_score_reason"] == "a side has no synapse voxel"
    assert report["precision_reason"] == "the prediction has no cleft voxel"
    assert report["f1"] == 0


def test_inputs_stay_as_they_are():
    truth, predicted = place([[[1, 0, 2]]]), place([[[0, 3, 0]]])
    for side in (truth, predicted):
        for name in ("ids", "starts", "lengths", "codes"):
            getattr(side, name).setflags(write=False)
    assert compare_clefts(truth, predicted).cremi_score == 4


def test_refusals():
    synapses = place([[[1, 0, 2]]])
    with pytest.raises(InputError, match="shape"):
        compare_clefts(synapses, replace(synapses, shape=(1, 3, 1)))
    for tolerance in (-1.0, math.nan, math.inf):
        with pytest.raises(InputError, match="tolerance_nm is"):
            compare_clefts(synapses, synapses, tolerance_nm=tolerance)


def test_memory_does_not_grow_with_the_volume():
    """A volume of 2^50 voxels with two clefts in it."""
    shape = (2**14, 2**18, 2**18)
    synapses = place([[[1, 0, 2]]])
    starts = np.array([10, 2**49])
    far = replace(synapses, shape=shape, ids=synapses.ids, starts=starts)
    near = replace(far, starts=starts + 3)
    assert compare_clefts(far, near).cremi_score == 12
