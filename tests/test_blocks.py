"""Blocks: that they cover a volume once, come back in order, and bring labels into one form."""

from __future__ import annotations

import threading
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectograph.blocks import as_label_block, iterate_blocks, map_blocks
from connectograph.errors import InputError
from connectograph.volumes import Volume

sides = st.tuples(*[st.integers(0, 7)] * 3)
cuts = st.tuples(*[st.integers(1, 5)] * 3)


@given(sides, cuts)
def test_blocks_cover_every_voxel_once(shape, cut):
    labels = np.arange(prod(shape)).reshape(shape)
    seen = []
    for block in iterate_blocks(labels, shape=cut):
        array = block.read()
        assert array.shape == block.shape
        assert labels[block.origin] == array[0, 0, 0]
        assert all(size <= most for size, most in zip(block.shape, cut, strict=True))
        seen += array.ravel().tolist()
    assert sorted(seen) == list(range(prod(shape)))


@given(sides, cuts, st.integers(1, 3))
def test_results_come_in_block_order_and_progress_counts_all_voxels(shape, cut, workers):
    volume = Volume(np.arange(prod(shape)).reshape(shape), (1, 1, 1))
    voxels = []
    origins = list(map_blocks(lambda array, origin: origin, volume, workers=workers, shape=cut, progress=voxels.append))
    assert origins == [block.origin for block in iterate_blocks(volume.labels, shape=cut)]
    assert sum(voxels) == prod(shape)


def test_two_workers_run_at_the_same_time():
    together = threading.Barrier(2, timeout=20)
    volume = Volume(np.zeros((2, 1, 1)), (1, 1, 1))
    assert len(list(map_blocks(lambda array, origin: together.wait(), volume, workers=2, shape=(1, 1, 1)))) == 2


def test_an_error_in_a_block_reaches_the_caller():
    def fail(array, origin):
        if origin == (3, 0, 0):
            raise InputError("bad block")

    volume = Volume(np.zeros((50, 1, 1)), (1, 1, 1))
    with pytest.raises(InputError, match="bad block"):
        list(map_blocks(fail, volume, workers=2, shape=(1, 1, 1)))


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("dtype", ["?", "u1", "<u2", ">u2", "<u4", ">u8", "i1", ">i4", "<i8", "f2", "<f4", ">f8"])
def test_labels_of_every_type_mean_the_same(dtype, order):
    values = np.array([[[0, 1], [1, 0]], [[1, 1], [0, 0]]])
    block = as_label_block(values.astype(dtype, order=order)[::-1], (0, 0, 0), "cells")
    assert block.dtype.kind == "u"
    assert block.dtype.isnative
    assert block.flags.c_contiguous
    assert block.tolist() == values[::-1].tolist()


@pytest.mark.parametrize("dtype", ["u8", ">u8"])
def test_large_ids_stay_exact(dtype):
    ids = np.array([[[2**53 + 1, 2**63 + 1, 2**64 - 3]]], dtype)
    assert as_label_block(ids, (0, 0, 0), "cells").tolist() == [[[2**53 + 1, 2**63 + 1, 2**64 - 3]]]


@pytest.mark.parametrize(
    ("values", "dtype", "words"),
    [
        ([0, -1, -5], "i1", r"cells holds negative ids: 2 .* -1 at voxel \(10, 20, 31\)"),
        ([0, -1, -5], ">i8", r"cells holds negative ids: 2 .* -1 at voxel \(10, 20, 31\)"),
        ([0.0, 1.5, 0.25], "f4", r"float32 values.* 2 .* 1\.5 at voxel \(10, 20, 31\).*--threshold"),
        ([0.0, 0.0, np.nan], "f8", r"float64 values.* 1 .* nan at voxel \(10, 20, 32\).*--threshold"),
        ([np.inf, 0.0, 0.0], "f8", r"inf at voxel \(10, 20, 30\)"),
        ([-1.0, 0.0, 0.0], "f8", r"-1\.0 at voxel"),
        ([2.0**24, 0.0, 0.0], "f4", r"16777216\.0 at voxel"),
        ([2.0**53, 0.0, 0.0], "f8", r"9007199254740992\.0 at voxel"),
    ],
)
def test_what_is_no_label_is_refused_with_its_place(values, dtype, words):
    with pytest.raises(InputError, match=words):
        as_label_block(np.array([[values]], dtype), (10, 20, 30), "cells")


@pytest.mark.parametrize("dtype", ["c8", "O", "U1", "M8[s]", "V4"])
def test_what_holds_no_numbers_is_refused(dtype):
    with pytest.raises(InputError, match=r"^cells has type .*expected integer"):
        as_label_block(np.zeros((1, 1, 1), dtype), (0, 0, 0), "cells")


def test_the_largest_exact_floats_are_labels():
    assert as_label_block(np.array([[[2.0**53 - 1]]]), (0, 0, 0), "cells").item() == 2**53 - 1
    assert as_label_block(np.array([[[2.0**24 - 1]]], "f4"), (0, 0, 0), "cells").item() == 2**24 - 1
