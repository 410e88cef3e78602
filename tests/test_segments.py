"""Segments: measures, the keep-list, the split."""

from __future__ import annotations

import numpy as np
import oracles
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from lazy import Shuffled, cut_boxes

from connectograph import InputError, SchemaError, Volume, measure_segments, select_segments, split_segments
from connectograph.segments import clean_segments, kept_ids, mark_split_off

VOXEL_SIZE, OFFSET = (40.0, 4.0, 4.0), (120.0, -8.0, 0.5)
IDS = np.array([0, 1, 2, 3, 2**53, 2**53 + 1, 2**63 + 1, 2**64 - 3, 2**64 - 2, 2**64 - 1], "uint64")
shapes = hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=6)
labels = hnp.arrays("intp", shapes, elements=st.integers(0, len(IDS) - 1)).map(IDS.__getitem__)
# few ids far apart: pieces of several voxels
patches = hnp.arrays("intp", shapes, elements=st.sampled_from([0, 0, 0, 1, 4])).map(IDS.__getitem__)


def as_rows(table):
    return {int(row.segment_id): row for row in table.itertuples()}


def place(labels):
    return Volume(labels, VOXEL_SIZE, OFFSET)


def row_of(*parts):
    """Labels along x from (id, voxels) parts."""
    return np.concatenate([np.full(n, i, "uint64") for i, n in parts])[None, None]


@given(labels, st.randoms(use_true_random=False), st.integers(1, 2))
def test_measures_are_those_of_the_voxels_in_any_blocks(array, random, workers):
    plain = array.copy()
    table = measure_segments(place(Shuffled(array, cut_boxes(array.shape, random), random)), workers=workers)
    expected = oracles.list_segments(
        oracles.without(array, [*oracles.BACKGROUND, oracles.IGNORE]), (), (), 0, VOXEL_SIZE, OFFSET
    )
    rows = as_rows(table)
    assert list(rows) == sorted(expected)
    for i, row in rows.items():
        assert row.n_voxels == expected[i]["n_voxels"]
        assert row.volume_nm3 == expected[i]["volume_nm3"]
        assert np.allclose((row.z_nm, row.y_nm, row.x_nm), expected[i]["position"], rtol=1e-12)
        box = [(row.z_min_nm, row.z_max_nm), (row.y_min_nm, row.y_max_nm), (row.x_min_nm, row.x_max_nm)]
        assert np.allclose(box, expected[i]["box"], rtol=1e-12)
    assert set(table["status"]) <= {"kept"}
    assert table.equals(measure_segments(place(array)))
    assert np.array_equal(array, plain)


def test_a_segment_counted_by_hand():
    array = np.zeros((2, 3, 4), "u1")
    array[1, 1:, 2] = 9
    row = measure_segments(place(array)).loc[0]
    assert (row.segment_id, row.n_voxels, row.volume_nm3, row.status) == (9, 2, 1280.0, "kept")
    assert (row.z_nm, row.y_nm, row.x_nm) == (120 + 60.0, -8 + 8.0, 0.5 + 10.0)
    assert (row.z_min_nm, row.z_max_nm, row.y_min_nm, row.y_max_nm) == (160.0, 200.0, -4.0, 4.0)


def test_more_segments_than_any_table_starts_with():
    array = np.arange(1, 6001, dtype="uint32").reshape(2, 50, 60)
    table = measure_segments(place(array), workers=2)
    assert table["segment_id"].tolist() == list(range(1, 6001))
    assert table["n_voxels"].eq(1).all()


def test_keeping_needs_the_minimum_or_more_and_excluded_goes_first():
    table = measure_segments(place(row_of((1, 3), (2, 4), (3, 5), (4, 1))))
    chosen = select_segments(table, exclude=[3, 4, 99], min_segment_voxels=4)
    assert dict(zip(chosen["segment_id"], chosen["status"], strict=True)) == {
        1: "below_size",
        2: "kept",
        3: "excluded",
        4: "excluded",
    }
    assert kept_ids(chosen).tolist() == [2]
    assert set(table["status"]) == {"kept"}, "the table given was changed"


def test_excluding_needs_exact_ids():
    array = row_of((2**53, 1), (2**53 + 1, 1), (2**64 - 3, 1))
    assert kept_ids(select_segments(place(array), exclude=[2**53 + 1])).tolist() == [2**53, 2**64 - 3]


@pytest.mark.parametrize("wrong", [[-1], [1.0], [None], ["x"]], ids=repr)
def test_what_is_no_id_cannot_be_excluded(wrong):
    with pytest.raises(SchemaError):
        select_segments(place(row_of((1, 1))), exclude=wrong)


def test_a_negative_minimum_is_refused():
    with pytest.raises(InputError, match="min_segment_voxels is -1"):
        select_segments(place(row_of((1, 1))), min_segment_voxels=-1)


@given(
    patches,
    st.randoms(use_true_random=False),
    st.sampled_from([0, 0.1, 0.2, 0.25, 0.5, 1.0]),
    st.integers(0, 4),
    st.sampled_from([(), (1,), (2**53,), (7,)]),
)
def test_split_as_the_definition_says(array, random, fraction, minimum, exclude):
    volume = place(Shuffled(array, cut_boxes(array.shape, random), random))
    split, pieces = split_segments(
        volume, exclude=exclude, min_split_fraction=fraction, min_segment_voxels=minimum, workers=2
    )
    expected, new_ids, lost = oracles.split(array, exclude, fraction, minimum)
    assert np.array_equal(split.labels[:, :, :], expected)
    assert set(pieces["segment_id"]) - {0} == new_ids
    assert pieces.loc[pieces["segment_id"] == 0, "n_voxels"].sum() == lost
    statuses = mark_split_off(measure_segments(split), pieces)
    assert set(statuses.loc[statuses["status"] == "split_off", "segment_id"]) == new_ids
    assert (split.voxel_size, split.offset) == (volume.voxel_size, volume.offset)


def test_touching_by_a_corner_is_one_piece():
    array = np.zeros((3, 3, 3), "uint64")
    array[0, 0, 0] = array[1, 1, 1] = array[2, 2, 2] = array[2, 0, 2] = 5
    split, pieces = split_segments(place(array))
    assert np.array_equal(split.labels[:, :, :], array)
    assert len(pieces) == 0


def test_new_ids_go_by_old_id_then_size_then_place():
    array = row_of((9, 4), (0, 1), (9, 1), (0, 1), (9, 2), (0, 1), (9, 2), (0, 1), (3, 2), (0, 1), (3, 2), (1, 1))
    split, pieces = split_segments(place(array), min_split_fraction=0)
    # 3: the first piece of two equal ones keeps the id, the other is 2; 9: pieces of 2, 2, 1 voxels are 4, 5, 6
    assert split.labels[:, :, :].ravel().tolist() == [
        9, 9, 9, 9, 0, 6, 0, 4, 4, 0, 5, 5, 0, 3, 3, 0, 2, 2, 1,
    ]  # fmt: skip
    assert pieces.to_numpy().tolist() == [[2, 3, 2], [4, 9, 2], [5, 9, 2], [6, 9, 1]]


@pytest.mark.parametrize(("size", "total", "fraction"), [(3, 30, 0.1), (7, 100, 0.07), (7, 50, 0.14), (7, 25, 0.28)])
def test_a_piece_of_exactly_the_fraction_becomes_a_segment(size, total, fraction):
    exact = place(row_of((5, total - size), (0, 1), (5, size)))
    short = place(row_of((5, total - size + 1), (0, 1), (5, size)))
    assert split_segments(exact, min_split_fraction=fraction)[1].to_numpy().tolist() == [[1, 5, size]]
    assert split_segments(short, min_split_fraction=fraction)[1].to_numpy().tolist() == [[0, 5, size]]


def test_an_excluded_id_that_a_split_hands_out_is_a_new_segment():
    """Segments are excluded before the split: 1 does not occur then, so the piece that becomes 1 is kept."""
    split, pieces = split_segments(place(row_of((7, 3), (0, 1), (7, 2))), exclude=[1])
    table = select_segments(mark_split_off(measure_segments(split), pieces), exclude=[1])
    assert len(kept_ids(table)) == 2


@pytest.mark.parametrize("fraction", [-0.1, 1.1, np.nan])
def test_a_fraction_lies_between_0_and_1(fraction):
    with pytest.raises(InputError, match="min_split_fraction"):
        split_segments(place(row_of((1, 1))), min_split_fraction=fraction)


@given(labels, st.integers(0, 3), st.sampled_from([(), (1, 2**64 - 3)]))
def test_cleaning_leaves_the_kept_segments(array, minimum, exclude):
    table = select_segments(place(array), exclude=exclude, min_segment_voxels=minimum)
    cleaned = clean_segments(place(array), table)
    expected = np.where(np.isin(array, kept_ids(table)), array, np.uint64(0))
    assert np.array_equal(cleaned.labels[:, :, :], expected)
    assert np.array_equal(measure_segments(cleaned)["segment_id"], kept_ids(table))


def test_a_volume_without_segments_or_voxels():
    for array in (np.zeros((2, 3, 4), "u1"), np.zeros((0, 3, 4), "u1"), np.full((1, 1, 2), 2**64 - 1, "u8")):
        split, pieces = split_segments(place(array))
        assert len(measure_segments(place(array))) == len(pieces) == 0
        assert split.labels[:, :, :].shape == array.shape
        assert kept_ids(select_segments(place(array), exclude=[4], min_segment_voxels=3)).dtype == np.uint64


def test_select_takes_a_table_only_if_it_is_one():
    with pytest.raises(SchemaError, match="segments table lacks the column 'n_voxels'"):
        select_segments(pd.DataFrame({"segment_id": np.array([1], "uint64")}))
