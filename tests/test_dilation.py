"""The dilation as a set of offsets."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectograph import dilation_offsets
from connectograph.errors import InputError

CREMI = (40.0, 4.0, 4.0)


def as_set(offsets):
    return set(map(tuple, offsets.tolist()))


def structure_set(structure):
    return as_set(np.argwhere(structure) - np.array(structure.shape) // 2)


def test_counted_by_hand():
    cross = {(0, 0, 0), (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)}
    assert as_set(dilation_offsets(0, None, CREMI)) == {(0, 0, 0)}
    assert as_set(dilation_offsets(1, None, CREMI)) == cross
    two = dilation_offsets(2, None, CREMI)
    assert len(two) == 13 + 2 * 5
    assert np.abs(two).max(axis=0).tolist() == [1, 2, 2]
    assert as_set(dilation_offsets(None, 39.9, CREMI)) == {
        (0, y, x) for y in range(-9, 10) for x in range(-9, 10) if y * y + x * x <= 99
    }


@pytest.mark.parametrize("dilation", range(7))
def test_voxels_are_the_laboratory_convention(dilation):
    offsets = dilation_offsets(dilation, None, CREMI)
    assert as_set(offsets) == structure_set(oracles.offsets_to_structure(dilation, None, CREMI))
    assert len(offsets) == len(as_set(offsets))


@given(st.sampled_from([CREMI, (8.0, 8.0, 8.0), (3.0, 5.0, 7.0), (11.24, 11.24, 28.0)]), st.floats(0, 60))
def test_nanometres_are_a_ball(voxel_size, radius):
    offsets = dilation_offsets(None, radius, voxel_size)
    assert as_set(offsets) == structure_set(oracles.offsets_to_structure(None, radius, voxel_size))
    assert as_set(offsets) == as_set(-offsets)


@pytest.mark.parametrize("size", [0.1, 1.1, 11.24, 1 / 3])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 10])
def test_a_voxel_exactly_at_the_radius_is_inside_whatever_rounding_says(size, count):
    offsets = dilation_offsets(None, count * size, (size, size, size))
    assert np.abs(offsets).max() == count


@pytest.mark.parametrize(
    ("dilation", "dilation_nm"),
    [(None, None), (1, 4.0), (-1, None), (None, -1.0), (1.5, None), (True, None), (None, np.nan), (None, np.inf),
     ("1", None), (None, "4")],
)  # fmt: skip
def test_anything_else_is_refused(dilation, dilation_nm):
    with pytest.raises(InputError, match="dilation"):
        dilation_offsets(dilation, dilation_nm, CREMI)
