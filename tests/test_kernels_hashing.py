"""Hash tables: sums by key against a dictionary, in order of first appearance, through every growth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectograph._kernels.hashing import group_rows, sum_by_key

ids = st.sampled_from([0, 1, 2, 3, 2**32, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 3, 2**64 - 2, 2**64 - 1])


def check_sums(keys, values):
    expected = {}
    for key, row in zip(map(tuple, keys.tolist()), values.tolist(), strict=True):
        expected[key] = [a + b for a, b in zip(expected.get(key, [0] * len(row)), row, strict=True)]
    unique, sums = sum_by_key(keys, values)
    assert (unique.dtype, sums.dtype) == (np.uint64, np.int64)
    assert [tuple(key) for key in unique.tolist()] == list(expected)  # a dictionary keeps the order of insertion
    assert sums.tolist() == list(expected.values())


@given(st.integers(1, 3), st.integers(0, 2), st.data())
def test_sums_are_those_of_a_dictionary(n_keys, n_values, data):
    rows = data.draw(st.lists(st.tuples(*[ids] * n_keys), max_size=40))
    counts = st.tuples(*[st.integers(-(2**40), 2**40)] * n_values)
    values = data.draw(st.lists(counts, min_size=len(rows), max_size=len(rows)))
    keys = np.array(rows, np.uint64).reshape(-1, n_keys)
    check_sums(keys, np.array(values, np.int64).reshape(len(rows), n_values))


@pytest.mark.parametrize("n_unique", [1, 255, 256, 257, 512, 513, 5000])
def test_tables_grow(n_unique):
    rng = np.random.default_rng(n_unique)
    keys = rng.integers(0, 2**64, (n_unique, 2), dtype=np.uint64)
    keys = np.concatenate([keys, keys[rng.permutation(n_unique)], keys[:1]])
    check_sums(keys, rng.integers(-9, 9, (len(keys), 3)))


def test_keys_that_differ_in_high_bits_only_spread():
    keys = (np.arange(4096, dtype=np.uint64) << np.uint64(52))[:, None]
    groups, first = group_rows(keys)
    assert groups.tolist() == first.tolist() == list(range(4096))


def test_order_of_columns_matters():
    keys = np.array([[1, 2], [2, 1], [1, 2]], np.uint64)
    assert group_rows(keys)[0].tolist() == [0, 1, 0]


def test_no_rows():
    unique, sums = sum_by_key(np.empty((0, 2), np.uint64), np.empty((0, 4), np.int64))
    assert (unique.shape, sums.shape) == ((0, 2), (0, 4))
