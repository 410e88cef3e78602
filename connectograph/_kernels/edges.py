"""Edges: segment ids to small numbers, and two lists of pairs sorted and joined into one.

A pair is the key ``source << 32 | target`` of two positions below 2^31, so that keys sort by (source, target).
A hash table is two arrays: ids, and for each its position + 1 (0: the slot is free); at most a quarter is in use, for
half of the time of a fuller table goes into branches foretold wrongly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph._kernels import kernel
from connectograph._kernels.hashing import mix

__all__ = ["check_pairs", "count_outcomes", "frozen", "index_ids", "merge_pairs", "pack_pairs", "sort_pairs"]

_LOW = np.int64(2**32 - 1)
_DIGIT, _BUCKETS = 11, 2**11

Array = npt.NDArray[Any]


def frozen(array: Array) -> Array:
    """A contiguous read-only view: columns of tables may be read-only, and one type compiles once."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def index_ids(columns: Sequence[Array]) -> tuple[Array, tuple[Array, Array]]:
    """All ids of several columns, ascending, and the hash table from id to position.

    Parameters
    ----------
    columns : sequence of (n,) arrays of uint64

    Returns
    -------
    ids : (u,) array of uint64
        Ascending.
    table : tuple of 2 arrays
        For :func:`pack_pairs`.
    """
    known, slots, count = np.empty(64, np.uint64), np.zeros(64, np.uint32), 0
    for column in columns:
        known, slots, count = _collect_ids(frozen(column), known, slots, count)
    used = np.flatnonzero(slots)
    used = used[np.argsort(known[used])]
    slots[used] = np.arange(1, count + 1, dtype=np.uint32)
    return known[used], (known, slots)


def pack_pairs(source: Array, target: Array, table: tuple[Array, Array], directed: bool) -> Array:
    """Keys of pairs of ids, (n,) int64; of undirected ones the smaller position is the source."""
    keys: Array = _pack_pairs(frozen(source), frozen(target), *table, directed)
    return keys


@kernel
def check_pairs(keys):
    """Number of pairs of a node with itself, whether keys ascend, and how many repeat the one before."""
    n_autapses = n_repeated = 0
    ascending = True
    for i in range(keys.size):
        n_autapses += (keys[i] >> 32) == (keys[i] & _LOW)
        if i:
            ascending &= keys[i - 1] <= keys[i]
            n_repeated += keys[i - 1] == keys[i]
    return n_autapses, ascending, n_repeated


def sort_pairs(keys: Array, weights: Array, n_nodes: int) -> tuple[Array, Array]:
    """Keys ascending, with their weights: a radix sort whose buckets stay in the cache. `keys` is overwritten."""
    spare_keys, spare_weights = np.empty_like(keys), np.empty_like(keys)
    other_weights = np.empty_like(keys)
    for half in (0, 32):
        for digit in range(0, max(1, n_nodes.bit_length()), _DIGIT):
            _scatter(frozen(keys), frozen(weights), half + digit, spare_keys, spare_weights)
            keys, spare_keys = spare_keys, keys
            weights, spare_weights, other_weights = spare_weights, other_weights, spare_weights
    return keys, weights


def merge_pairs(left: tuple[Array, Array], right: tuple[Array, Array]) -> tuple[Array, Array, Array, Array]:
    """Every pair of either list, in order, with its weight in both (0 where a list lacks it).

    Parameters
    ----------
    left, right : tuple of 2 arrays
        Keys, strictly ascending, and weights; int64.

    Returns
    -------
    source, target, left, right : (u,) arrays of int64
    """
    merged: tuple[Array, Array, Array, Array] = _merge_pairs(*map(frozen, (*left, *right)))
    return merged


@kernel
def _collect_ids(column, known, slots, count):
    """Add the ids of a column to a hash table, which doubles before it is more than a quarter full."""
    for i in range(column.size):
        if i and column[i] == column[i - 1]:
            continue
        slot = _find_slot(column[i], known, slots)
        if slots[slot]:
            continue
        known[slot], slots[slot] = column[i], 1
        count += 1
        if 4 * count > slots.size:
            known, slots = _double(known, slots)
    return known, slots, count


@kernel
def _double(known, slots):
    more_known, more_slots = np.empty(2 * known.size, np.uint64), np.zeros(2 * slots.size, np.uint32)
    for old in range(slots.size):
        if slots[old]:
            slot = _find_slot(known[old], more_known, more_slots)
            more_known[slot], more_slots[slot] = known[old], slots[old]
    return more_known, more_slots


@kernel
def _find_slot(value, known, slots):
    """Slot of an id, or the free slot where it belongs."""
    slot = np.int64(mix(value) & np.uint64(slots.size - 1))
    while slots[slot] and known[slot] != value:
        slot = (slot + 1) & (slots.size - 1)
    return slot


@kernel
def _pack_pairs(source, target, known, slots, directed):
    keys = np.empty(source.size, np.int64)
    a = np.int64(0)
    for i in range(source.size):
        if i == 0 or source[i] != source[i - 1]:
            a = np.int64(slots[_find_slot(source[i], known, slots)]) - 1
        b = np.int64(slots[_find_slot(target[i], known, slots)]) - 1
        keys[i] = (a << 32) | b if directed or a < b else (b << 32) | a
    return keys


@kernel
def _scatter(keys, weights, shift, out_keys, out_weights):
    """A stable counting sort by one digit of the keys."""
    start = np.zeros(_BUCKETS + 1, np.int64)
    for key in keys:
        start[((key >> shift) & (_BUCKETS - 1)) + 1] += 1
    for bucket in range(_BUCKETS):
        start[bucket + 1] += start[bucket]
    for i in range(keys.size):
        bucket = (keys[i] >> shift) & (_BUCKETS - 1)
        out_keys[start[bucket]], out_weights[start[bucket]] = keys[i], weights[i]
        start[bucket] += 1


@kernel
def _merge_pairs(left, left_weights, right, right_weights):
    size = _count_union(left, right)
    source, target = np.empty(size, np.int64), np.empty(size, np.int64)
    in_left, in_right = np.zeros(size, np.int64), np.zeros(size, np.int64)
    i = j = 0
    for row in range(size):
        take_left = j == right.size or (i < left.size and left[i] <= right[j])
        take_right = i == left.size or (j < right.size and right[j] <= left[i])
        key = left[i] if take_left else right[j]
        source[row], target[row] = key >> 32, key & _LOW
        if take_left:
            in_left[row] = left_weights[i]
            i += 1
        if take_right:
            in_right[row] = right_weights[j]
            j += 1
    return source, target, in_left, in_right


@kernel
def _count_union(left, right):
    size = i = j = 0
    while i < left.size and j < right.size:
        step_left, step_right = left[i] <= right[j], right[j] <= left[i]
        i += step_left
        j += step_right
        size += 1
    return size + (left.size - i) + (right.size - j)


@kernel
def count_outcomes(source, target, truth, predicted, threshold, n_nodes):
    """For every node its pairs as source and as target by outcome: 0 no edge, 1 in both, 2 only in the prediction, 3
    only in the truth. Two (n_nodes, 4) arrays of int64."""
    as_source, as_target = np.zeros((n_nodes, 4), np.int64), np.zeros((n_nodes, 4), np.int64)
    for i in range(source.size):
        in_truth, in_predicted = truth[i] >= threshold, predicted[i] >= threshold
        outcome = 0
        if in_truth:
            outcome = 1 if in_predicted else 3
        elif in_predicted:
            outcome = 2
        as_source[source[i], outcome] += 1
        as_target[target[i], outcome] += 1
    return as_source, as_target
