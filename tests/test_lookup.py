"""Segments at points: every voxel, every block size, nothing outside."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lazy import Shuffled, cut_boxes

from connectograph import InputError, Volume, write_volume
from connectograph.io import read_volume
from connectograph.lookup import find_segments_at

SIZE, OFFSET = (40.0, 5.0, 4.2), (1000.0, -7.5, 0.3)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    points=st.lists(st.tuples(st.integers(-2, 6), st.integers(-2, 7), st.integers(-2, 8)), max_size=30),
)
def test_points_in_any_blocks_against_plain_indexing(seed, points):
    labels = np.random.default_rng(seed).choice(np.array([0, 1, 2**53 + 1, 2**64 - 2, 2**64 - 1], "u8"), (5, 6, 7))
    cut = Shuffled(labels, cut_boxes(labels.shape, Random(seed)), Random(seed))
    voxels = np.array(points, np.int64).reshape(-1, 3)
    for shift in (0.0, 0.5, 0.99):  # a voxel's lower corner, its middle, just before the next
        ids, inside = find_segments_at(Volume(cut, SIZE, OFFSET), (voxels + shift) * SIZE + OFFSET, workers=2)
        for (z, y, x), segment, here in zip(points, ids.tolist(), inside.tolist(), strict=True):
            assert here == (0 <= z < 5 and 0 <= y < 6 and 0 <= x < 7)
            stored = int(labels[z, y, x]) if here else 0
            assert segment == (stored if stored < 2**64 - 2 else 0)


def test_only_the_chunks_with_points_are_unpacked_once(tmp_path, monkeypatch):
    labels = np.arange(40 * 200 * 200, dtype=np.uint64).reshape(40, 200, 200) + np.uint64(1)
    write_volume(tmp_path / "a.hdf", Volume(labels, SIZE))
    volume = read_volume(tmp_path / "a.hdf")
    read = []
    monkeypatch.setattr(type(volume.labels), "_read", count_calls(type(volume.labels)._read, read))
    places = (np.array([(0, 0, 0), (1, 2, 3), (39, 199, 199)]) + 0.5) * SIZE
    assert find_segments_at(volume, places)[0].tolist() == [1, 40000 + 400 + 4, 40 * 200 * 200]
    assert sorted(read) == sorted(set(read))
    assert len(read) == 2


def count_calls(function, seen):
    def counted(self, origin, shape):
        seen.append(origin)
        return function(self, origin, shape)

    return counted


def test_far_away_and_negative_points():
    volume = Volume(np.ones((2, 2, 2), "u1"), SIZE)
    ids, inside = find_segments_at(volume, np.array([(1e300, 0, 0), (-1e-3, 0, 0), (np.inf, 0, 0), (0, 0, 0)]))
    assert (ids.tolist(), inside.tolist()) == ([0, 0, 0, 1], [False, False, False, True])
    with pytest.raises(InputError, match="negative"):
        find_segments_at(Volume(-np.ones((2, 2, 2), "i1"), SIZE, name="a"), np.zeros((1, 3)))
