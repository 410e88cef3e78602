"""Segments matched by overlap: contingency, assignment, variation of information and Rand, each against an oracle."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from math import isnan

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import IGNORE, LAST, SEGMENTS, label_arrays
from skimage.metrics import adapted_rand_error, variation_of_information

import connectograph as cg
from connectograph.errors import InputError, SchemaError
from connectograph.matching import compare_segmentations, count_overlaps, match_segments
from connectograph.matching.agreement import count_choices
from connectograph.tables import validate_table

VOXEL_SIZE = (40.0, 4.0, 4.0)
BACKGROUND = np.array([0, IGNORE, LAST], "u8")


def as_table(counts, mass="n_voxels"):
    rows = sorted(counts)
    return pd.DataFrame(
        {
            "true_segment": np.array([row[0] for row in rows], "u8"),
            "predicted_segment": np.array([row[1] for row in rows], "u8"),
            mass: np.array([counts[row] for row in rows], "i8"),
        }
    )


def count_slowly(truth, predicted):
    """Voxel by voxel, in Python integers."""
    clean = [[0 if i in BACKGROUND else i for i in each.ravel().tolist()] for each in (truth, predicted)]
    return Counter(zip(*clean, strict=True))


def table_of(counts):
    return {tuple(row[:2]): row[2] for row in counts.astype(object).to_numpy().tolist()}


@st.composite
def two_segmentations(draw):
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 9)))
    pool = [0, IGNORE, LAST, *SEGMENTS]
    return draw(label_arrays(shape, pool)), draw(label_arrays(shape, pool))


def as_volume(labels, name=""):
    return cg.Volume(labels, VOXEL_SIZE, name=name)


@given(two_segmentations())
def test_contingency_is_what_one_voxel_after_another_gives(both):
    overlaps = count_overlaps(*map(as_volume, both), workers=2)
    validate_table("segment_overlaps", overlaps)
    assert table_of(overlaps) == count_slowly(*both)
    assert overlaps["n_voxels"].sum() == both[0].size


@pytest.mark.parametrize("kinds", [("u1", "u8"), (">u4", "i2"), ("?", "u2"), ("f4", "u8")])
def test_types_of_voxels_do_not_matter(kinds):
    rng = np.random.default_rng(0)
    both = [rng.integers(0, 2, (3, 40, 50)).astype(kind) for kind in kinds]
    assert table_of(count_overlaps(*map(as_volume, both))) == count_slowly(*(each.astype("u8") for each in both))


@pytest.fixture
def stored(tmp_path):
    """Two volumes of several blocks and how each is stored."""
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 900, (20, 6, 9)).repeat(9, 1).repeat(7, 2).astype("u8")
    predicted = (truth + rng.integers(0, 2, truth.shape).astype("u8") * 2**40).transpose(0, 2, 1).copy()
    predicted = predicted.transpose(0, 2, 1)  # not contiguous
    files = {}
    for name, array, chunks in (
        ("truth", truth, (5, 20, 30)),
        ("alike", predicted, (5, 20, 30)),
        ("other", predicted, (7, 11, 13)),
    ):
        path = tmp_path / f"{name}.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset("labels", data=array, chunks=chunks, compression=4)
        files[name] = cg.read_volume(f"{path}:labels", voxel_size=VOXEL_SIZE)
    return truth, predicted, files


@pytest.mark.parametrize("name", ["alike", "other"])
def test_contingency_is_the_same_for_any_blocks(stored, name):
    truth, predicted, files = stored
    expected = count_overlaps(as_volume(truth), as_volume(predicted), workers=1)
    assert table_of(expected) == count_slowly(truth, predicted)
    for one, other in (
        (files["truth"], files[name]),
        (as_volume(truth), files[name]),
        (files["truth"], as_volume(predicted)),
    ):
        assert count_overlaps(one, other, workers=2).equals(expected)


def test_a_packed_pickle_is_read_once(tmp_path, monkeypatch):
    import lzma
    import pickle

    labels = (np.arange(40 * 300 * 500, dtype="u4") // 5000).reshape(40, 300, 500)
    (tmp_path / "a.xz").write_bytes(lzma.compress(pickle.dumps(labels), preset=0))
    packed = cg.read_volume(tmp_path / "a.xz", voxel_size=VOXEL_SIZE)
    monkeypatch.setattr(type(packed.labels), "__getitem__", None)
    expected = count_overlaps(as_volume(labels), as_volume(labels))
    assert count_overlaps(packed, as_volume(labels)).equals(expected)
    assert count_overlaps(as_volume(labels), packed).equals(expected)
    assert count_overlaps(packed, packed).equals(expected)


def test_grids_must_agree():
    with pytest.raises(InputError, match="b has shape"):
        count_overlaps(as_volume(np.zeros((1, 2, 3), "u1"), "a"), as_volume(np.zeros((1, 3, 2), "u1"), "b"))
    with pytest.raises(InputError, match="the predicted segmentation holds negative ids"):
        count_overlaps(as_volume(np.zeros((1, 1, 1), "u1")), as_volume(np.full((1, 1, 1), -1)))


def test_empty_volumes_overlap_nowhere():
    nothing = as_volume(np.zeros((0, 3, 4), "u8"))
    overlaps = count_overlaps(nothing, nothing)
    validate_table("segment_overlaps", overlaps)
    found = compare_segmentations(overlaps)
    assert (len(overlaps), found.n_voxels, isnan(found.vi), found.to_dict()["vi"]) == (0, 0, True, None)
    matched = match_segments(overlaps)
    assert (matched.mapping, matched.n_shared, matched.to_dict()["share_of_truth"]) == ({}, 0, None)


counts = st.dictionaries(
    st.tuples(st.integers(0, 4), st.integers(0, 5)), st.integers(1, 6) | st.sampled_from([2**30, 2**30 + 1]), min_size=1
)


def best_by_trying(counts):
    """Largest total of a one-to-one matching, by trying all."""
    rows, columns = sorted({a for a, _ in counts if a}), sorted({b for _, b in counts if b})
    orders = permutations(columns + [None] * len(rows), len(rows))
    return max(sum(counts.get(pair, 0) for pair in zip(rows, order, strict=True)) for order in orders)


@given(counts)
def test_one_to_one_shares_most(counts):
    found = match_segments(as_table(counts))
    pairs = list(zip(found.table["true_segment"], found.table["predicted_segment"], strict=True))
    assert found.n_shared == sum(counts[int(a), int(b)] for a, b in pairs) == best_by_trying(counts)
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs) == len(found.mapping)
    assert {*found.table["true_segment"], *found.unmatched_truth} == {a for a, _ in counts if a}
    assert {*found.table["predicted_segment"], *found.unmatched_predicted} == {b for _, b in counts if b}


@given(counts)
def test_majority_is_the_largest_part_of_each(counts):
    expected = {}
    for b in {b for _, b in counts if b}:
        own = {a: n for (a, other), n in counts.items() if a and other == b}
        if own:
            expected[b] = min(own, key=lambda a: (-own[a], a))
    assert match_segments(as_table(counts), rule="majority").mapping == expected


def test_only_segments_asked_for_are_matched():
    """Background is mass of its segment, but matches nothing; what overlaps nothing is unmatched."""
    overlaps = as_table({(0, 3): 9, (7, 1): 5, (7, 2): 4, (9, 2): 3, (9, 0): 2, (2**64 - 3, 2): 99})
    found = match_segments(overlaps, truth=[7, 9, 11], predicted=[2, 3])
    assert found.mapping == {2: 7}
    assert found.unmatched_truth.tolist() == [9, 11]
    assert found.unmatched_predicted.tolist() == [3]
    assert (found.n_truth, found.n_predicted, found.n_shared) == (9 + 5, 4 + 3 + 99 + 9, 4)
    assert found.table.iloc[0].to_dict() == {
        "true_segment": 7, "predicted_segment": 2, "n_shared": 4, "n_truth": 9, "n_predicted": 106, "iou": 4 / 111,
    }  # fmt: skip
    assert found.to_dict() == {
        "rule": "one-to-one", "n_matched": 1, "n_unmatched_truth": 2, "n_unmatched_predicted": 1,
        "share_of_truth": 4 / 14, "share_of_prediction": 4 / 115,
    }  # fmt: skip


def test_what_cannot_be_matched_is_refused():
    with pytest.raises(InputError, match="rule is 'best'; expected one of one-to-one, majority"):
        match_segments(as_table({(1, 1): 1}), rule="best")
    with pytest.raises(SchemaError, match="expected true_segment, predicted_segment and a count"):
        match_segments(pd.DataFrame({"a": [1]}))


@given(two_segmentations())
def test_agreement_is_that_of_scikit_image(both):
    clean = [np.where(np.isin(each, BACKGROUND), 0, each) for each in both]
    inside = (clean[0] != 0) & (clean[1] != 0)
    found = compare_segmentations(count_overlaps(*map(as_volume, both)))
    assert found.n_voxels == inside.sum()
    assert found.n_voxels_truth_only == ((clean[0] != 0) & ~inside).sum()
    assert found.n_voxels_predicted_only == ((clean[1] != 0) & ~inside).sum()
    if not inside.any():
        assert isnan(found.vi)
        assert isnan(found.rand.f1)
        return
    # scikit-image takes the largest id for a size: number them
    truth, predicted = (np.unique(each[inside], return_inverse=True)[1] + 1 for each in clean)
    split, merge = variation_of_information(truth, predicted)
    assert (found.vi_split, found.vi_merge) == pytest.approx((split, merge), abs=1e-12)
    if found.rand.n_truth and found.rand.n_predicted:
        error, named_precision, named_recall = adapted_rand_error(truth, predicted)
        assert (found.rand.recall, found.rand.precision) == pytest.approx((named_precision, named_recall))
        if found.rand.tp:
            assert found.adapted_rand_error == pytest.approx(error, abs=1e-12)


def test_a_split_is_called_split_and_a_merge_merge():
    """Two neurons of four voxels; 7 in halves; 7 and 9 in one."""
    split = compare_segmentations(as_table({(7, 1): 2, (7, 2): 2, (9, 3): 4}))
    assert (split.vi_split, split.vi_merge) == (0.5, 0.0)
    assert (split.rand.tp, split.rand.fp, split.rand.fn) == (1 + 1 + 6, 0, 4)
    assert (split.rand.precision, split.rand.recall) == (1.0, 8 / 12)
    merge = compare_segmentations(as_table({(7, 1): 4, (9, 1): 4}))
    assert (merge.vi_split, merge.vi_merge, merge.vi) == (0.0, 1.0, 1.0)
    assert (merge.rand.precision, merge.rand.recall) == (12 / 28, 1.0)
    assert merge.adapted_rand_error == 1 - 24 / 40


def test_large_counts_stay_exact():
    found = compare_segmentations(as_table({(1, 1): 2**40, (2, 2): 2**40 + 1}))
    assert found.rand.tp == 2**40 * (2**40 - 1) // 2 + (2**40 + 1) * 2**40 // 2
    assert (found.vi, found.rand.f1, found.adapted_rand_error) == (0.0, 1.0, 0.0)
    assert count_choices(np.array([], "i8")) == 0


@given(two_segmentations(), st.randoms(use_true_random=False))
def test_names_of_segments_do_not_matter(both, random):
    predicted = both[1]
    ids = [i for i in np.unique(predicted).tolist() if i not in BACKGROUND]
    names = dict(zip(ids, random.sample(SEGMENTS, len(ids)), strict=True))
    renamed = np.array([names.get(i, i) for i in predicted.ravel().tolist()], "u8").reshape(predicted.shape)
    one, other = (
        compare_segmentations(count_overlaps(as_volume(both[0]), as_volume(each))) for each in (predicted, renamed)
    )
    assert one.to_dict() == other.to_dict()
