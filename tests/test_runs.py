"""Runs of voxels along x: from labels to runs and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from lazy import Shuffled, cut_boxes

from connectograph.runs import RunLabels, contains, expand, join_touching, read_runs
from connectograph.volumes import Volume

IDS = np.array([0, 1, 2, 2**53 + 1, 2**64 - 2, 2**64 - 1], "uint64")
labels = hnp.arrays(
    "intp", hnp.array_shapes(min_dims=3, max_dims=3, min_side=0, max_side=6), elements=st.integers(0, 5)
).map(IDS.__getitem__)


def runs_of(array):
    """Runs, voxel by voxel."""
    rows, before = [], (None, None)
    for index, value in enumerate(array.ravel().tolist()):
        if value in (0, 2**64 - 1):
            before = (None, None)
            continue
        row = index // array.shape[2]
        if before == (row, value):
            rows[-1][1] += 1
        else:
            rows.append([index, 1, value])
        before = (row, value)
    return rows


@given(labels, st.randoms(use_true_random=False), st.integers(1, 2))
def test_runs_do_not_depend_on_blocks_or_their_order(array, random, workers):
    lazy = Shuffled(array, cut_boxes(array.shape, random), random)
    starts, lengths, ids = read_runs(Volume(lazy, (40, 4, 4)), workers=workers)
    assert [list(row) for row in zip(starts.tolist(), lengths.tolist(), ids.tolist(), strict=True)] == runs_of(array)
    assert (starts.dtype, lengths.dtype, ids.dtype) == (np.int64, np.int32, np.uint64)


@pytest.mark.parametrize("background", [0, 2**64 - 1])
@pytest.mark.parametrize("width", [1, 70, 500, 5000])
def test_runs_beside_stretches_of_background(background, width):
    """The volume is larger than what is passed over at a time, and few rows hold anything."""
    rng = np.random.default_rng(width)
    array = np.full((3, 30_000 // width, width), background, "uint64")
    for place in rng.integers(0, array.size - 9, 12):
        array.reshape(-1)[place : place + 9] = IDS[rng.integers(0, len(IDS), 9)]
    array.reshape(-1)[rng.integers(0, array.size, 3)] = 2**64 - 1 - background
    for volume in (array, array[::-1]):
        found = zip(*(part.tolist() for part in read_runs(Volume(volume, (40, 4, 4)))), strict=True)
        assert [list(row) for row in found] == runs_of(volume)


@given(labels, st.data())
def test_runs_paint_the_labels_again(array, data):
    runs = RunLabels(array.shape, *read_runs(Volume(array, (40, 4, 4))))
    expected = np.where(array == 2**64 - 1, np.uint64(0), array)
    painted = np.full(array.shape, 99, "uint64")
    for block in runs.blocks():
        painted[tuple(slice(o, o + n) for o, n in zip(block.origin, block.shape, strict=True))] = block.read()
    assert np.array_equal(painted, expected)
    box = tuple(slice(*data.draw(st.tuples(*[st.none() | st.integers(-7, 7)] * 2))) for _ in range(3))
    assert np.array_equal(runs[box], expected[box])


def test_runs_end_with_their_row():
    starts, lengths, ids = read_runs(Volume(np.full((1, 2, 3), 4), (40, 4, 4)))
    assert (starts.tolist(), lengths.tolist(), ids.tolist()) == ([0, 3], [3, 3], [4, 4])


def test_joining_keeps_labels_and_rows_apart():
    starts, lengths = np.array([4, 0, 2, 6]), np.array([2, 2, 2, 1], "int32")
    joined = join_touching(starts, lengths, np.array([7, 7, 8, 7], "uint64"), width=6)
    assert [part.tolist() for part in joined] == [[0, 2, 4, 6], [2, 2, 2, 1], [7, 8, 7, 7]]


pieces = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), max_size=8)


@given(pieces)
def test_expand_and_contains_are_the_voxels_of_the_runs(gaps_and_lengths):
    starts, lengths, voxels, place = [], [], [], 0
    for gap, length in gaps_and_lengths:
        place += gap
        starts.append(place)
        lengths.append(length)
        voxels += range(place, place + length)
        place += length
    runs = np.array(starts, "int64"), np.array(lengths, "int32")
    assert expand(*runs).tolist() == voxels
    everywhere = np.arange(-1, place + 2)
    assert everywhere[contains(*runs, everywhere)].tolist() == voxels
