"""Volumes and the comparison of their grids."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from itertools import permutations

import numpy as np
import pytest

from connectograph.errors import InputError
from connectograph.volumes import Volume, check_same_grid

CREMI = (40.0, 4.0, 4.0)


def zeros(shape, voxel_size=CREMI, offset=(0, 0, 0), name=""):
    return Volume(np.zeros(shape, "uint8"), voxel_size, offset, name)


@pytest.mark.parametrize("shape", [(), (3,), (3, 4), (1, 2, 3, 4)])
def test_volumes_have_three_dimensions(shape):
    with pytest.raises(InputError, match=rf"cells has {len(shape)} dimensions .*expected 3"):
        zeros(shape, name="cells")


def test_labels_must_be_an_array():
    with pytest.raises(TypeError, match="labels must be an array, found list"):
        Volume([[[1]]], voxel_size=CREMI)


@pytest.mark.parametrize(
    "size", [(0, 4, 4), (-40, 4, 4), (np.nan, 4, 4), (np.inf, 4, 4), (4, 4), (4, 4, 4, 4), 4, None, "abc"], ids=repr
)
def test_voxel_size_is_three_positive_numbers(size):
    with pytest.raises(InputError, match=r"cells: voxel_size is .*three positive numbers \(z, y, x\) in nm"):
        zeros((1, 1, 1), size, name="cells")


def test_offset_may_be_negative_but_not_undefined():
    assert zeros((1, 1, 1), offset=(-40, 0, 0.5)).offset == (-40.0, 0.0, 0.5)
    with pytest.raises(InputError, match="offset"):
        zeros((1, 1, 1), offset=(np.nan, 0, 0))


def test_a_volume_is_frozen_and_knows_its_grid():
    volume = zeros((2, 3, 4))
    assert (volume.shape, volume.dtype, volume.voxel_volume) == ((2, 3, 4), np.uint8, 640.0)
    with pytest.raises(FrozenInstanceError):
        volume.voxel_size = (1, 1, 1)


def test_a_crop_keeps_its_place():
    labels = np.arange(24).reshape(2, 3, 4)
    crop = Volume(labels, CREMI, (100, 10, 1)).crop(slice(1, None), slice(-2, None), slice(None, 3))
    assert np.array_equal(crop.labels, labels[1:, 1:, :3])
    assert crop.offset == (140.0, 14.0, 1.0)
    with pytest.raises(InputError, match="no step"):
        zeros((4, 4, 4)).crop(slice(0, 4, 2), slice(None), slice(None))


@pytest.mark.parametrize("order", [order for order in permutations(range(3)) if order != (0, 1, 2)])
def test_a_permuted_shape_is_refused_with_its_permutation(order):
    a = zeros((2, 3, 5), name="cells")
    b = Volume(np.zeros((2, 3, 5), "uint8").transpose(order), CREMI, name="clefts")
    with pytest.raises(InputError) as caught:
        check_same_grid(a, b)
    message = str(caught.value)
    assert str(b.shape) in message
    assert "(2, 3, 5)" in message
    if order == (2, 1, 0):
        assert "--axes xyz" in message
    else:
        suggested = tuple(int(i) for i in message.rsplit("numpy.transpose(a, (", 1)[1].split(")")[0].split(","))
        assert b.labels.transpose(suggested).shape == a.shape


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (zeros((3, 3, 5)), "larger: crop it to the shape (2, 3, 5)"),
        (zeros((2, 3, 4)), "smaller: crop both"),
        (zeros((1, 4, 5)), "Crop both to the region"),
        (zeros((2, 3, 5), (40, 4, 8)), "pass --voxel-size Z,Y,X"),
        (zeros((2, 3, 5), (4, 4, 40)), "reverse order matches"),
        (zeros((2, 3, 5), (0.04, 0.004, 0.004)), "micrometres"),
        (zeros((2, 3, 5), offset=(40, 0, -4)), "[1:2, 0:3, 0:4] of the first and [0:1, 0:3, 1:5] of the second"),
        (zeros((2, 3, 5), offset=(0, 2, 0)), "0.5"),
        (zeros((2, 3, 5), offset=(80, 0, 0)), "do not overlap"),
    ],
)
def test_other_grids_are_refused_with_what_would_fit(other, words):
    with pytest.raises(InputError) as caught:
        check_same_grid(zeros((2, 3, 5)), other)
    assert words in str(caught.value)


def test_grids_may_differ_by_rounding():
    check_same_grid(zeros((2, 3, 5)), zeros((2, 3, 5), (40.001, 4.0001, 4), (0.001, 0, 0)))
