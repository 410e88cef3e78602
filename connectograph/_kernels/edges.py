"""Edges: segment ids to small numbers, and two lists of pairs sorted and joined into one.

A pair is the key ``source << 32 | target`` of two positions below 2^31, so that keys sort by (source, target).
A hash table is two arrays: ids, and for each its number, from 1 on (0: the slot is free). It has room for a chunk of
pairs before the chunk begins: a loop that could swap the arrays would load them anew for every pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph._kernels import inner_kernel, kernel

__all__ = ["count_outcomes", "frozen", "map_both", "merge_pairs", "number_pairs", "rank_pairs", "sort_pairs"]

_LOW = np.int64(2**32 - 1)
_DIGIT, _BUCKETS = 11, 2**11
_CHUNK = 4096
_WORTH_THREADS = 200_000  # pairs; starting two threads takes a millisecond
_GOLDEN, _HALF = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)

Array = npt.NDArray[Any]


def frozen(array: Array) -> Array:
    """A contiguous read-only view: columns of tables may be read-only, and one type compiles once."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def map_both(function: Callable[..., Any], n_pairs: int, *sides: Iterable[Any]) -> list[Any]:
    """``list(map(function, *sides))`` of two sides with so many pairs, in two threads where that is worth it."""
    if n_pairs < _WORTH_THREADS:
        return list(map(function, *sides))
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, *sides))


def number_pairs(source: Array, target: Array) -> tuple[Array, Array]:
    """Ids numbered in order of first appearance, in one pass over all pairs.

    Parameters
    ----------
    source, target : (n,) arrays of uint64

    Returns
    -------
    ids : (u,) array of uint64
        The id of each number.
    keys : (n,) array of int64
        ``number of source << 32 | number of target``.
    """
    keys = _reserve(len(source))
    known, numbers = _number_pairs(frozen(source), frozen(target), keys)
    used = np.flatnonzero(numbers)
    ids = np.empty(len(used), np.uint64)
    ids[numbers[used] - 1] = known[used]
    return ids, keys


@kernel
def rank_pairs(keys, rank, directed):
    """Replace numbers in keys by their ranks, the smaller first in undirected pairs.

    Returns the number of pairs of a node with itself, and whether the keys ascend.
    """
    n_autapses, ascending, last = 0, True, np.int64(-1)
    for i in range(keys.size):
        a, b = np.int64(rank[keys[i] >> 32]), np.int64(rank[keys[i] & _LOW])
        key = (a << 32) | b if directed or a < b else (b << 32) | a
        n_autapses += a == b
        ascending &= last <= key
        keys[i] = last = key
    return n_autapses, ascending


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
    halves, n_pairs = _halve(left, right), len(left[0]) + len(right[0])
    sizes = map_both(lambda half: _count_union(half[0], half[2]), n_pairs, halves)
    source, target, in_left, in_right = merged = tuple(_reserve(sum(sizes)) for _ in range(4))
    outs = [array[: sizes[0]] for array in merged], [array[sizes[0] :] for array in merged]
    map_both(lambda half, out: _merge_pairs(*half, *out), n_pairs, halves, outs)
    return source, target, in_left, in_right


def _halve(left: tuple[Array, Array], right: tuple[Array, Array]) -> list[list[Array]]:
    """Keys and weights of both lists below the middle key, and from it on."""
    middle = left[0][len(left[0]) // 2 :][:1]
    cuts = [int(np.searchsorted(keys, middle)[0]) if len(middle) else 0 for keys, _ in (left, right)]
    sides = [(frozen(array), cut) for pair, cut in zip((left, right), cuts, strict=True) for array in pair]
    return [[array[:cut] for array, cut in sides], [array[cut:] for array, cut in sides]]


@kernel
def _reserve(size):
    """An array in small pages: the large ones that numpy asks for can cost a virtual machine 3 s a GB, not 0.5 s."""
    return np.empty(size, np.int64)


@kernel
def _number_pairs(source, target, keys):
    """Fill the keys of the pairs, in chunks for which the hash table, at most half full, has room."""
    known, numbers, count = np.empty(64, np.uint64), np.zeros(64, np.uint32), np.int64(0)
    for start in range(0, source.size, _CHUNK):
        while numbers.size < 2 * (count + 2 * _CHUNK):
            known, numbers = _double(known, numbers)
        count = _number_chunk(source, target, start, min(source.size, start + _CHUNK), known, numbers, count, keys)
    return known, numbers


@inner_kernel
def _number_chunk(source, target, start, stop, known, numbers, count, keys):
    a = np.int64(0)
    for i in range(start, stop):
        if i == start or source[i] != source[i - 1]:
            slot = _find_slot(source[i], known, numbers)
            if not numbers[slot]:
                count += 1
                known[slot], numbers[slot] = source[i], count
            a = np.int64(numbers[slot]) - 1
        slot = _find_slot(target[i], known, numbers)
        if not numbers[slot]:
            count += 1
            known[slot], numbers[slot] = target[i], count
        keys[i] = (a << 32) | (np.int64(numbers[slot]) - 1)
    return count


@inner_kernel
def _double(known, numbers):
    more_known, more_numbers = np.empty(2 * known.size, np.uint64), np.zeros(2 * numbers.size, np.uint32)
    for old in range(numbers.size):
        if numbers[old]:
            slot = _find_slot(known[old], more_known, more_numbers)
            more_known[slot], more_numbers[slot] = known[old], numbers[old]
    return more_known, more_numbers


@inner_kernel
def _find_slot(value, known, numbers):
    """Slot of an id, or the free slot where it belongs (multiplicative hashing, Knuth)."""
    code = value * _GOLDEN
    slot = np.int64((code ^ (code >> _HALF)) & np.uint64(numbers.size - 1))
    while numbers[slot] and known[slot] != value:
        slot = (slot + 1) & (numbers.size - 1)
    return slot


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
def _merge_pairs(left, left_weights, right, right_weights, source, target, in_left, in_right):
    """Fill the last four arrays. Weights are multiplied by 0 or 1: which list comes next cannot be guessed."""
    i = j = row = 0
    while i < left.size and j < right.size:
        take_left, take_right = np.int64(left[i] <= right[j]), np.int64(right[j] <= left[i])
        key = min(left[i], right[j])
        source[row], target[row] = key >> 32, key & _LOW
        in_left[row], in_right[row] = left_weights[i] * take_left, right_weights[j] * take_right
        i += take_left
        j += take_right
        row += 1
    for k in range(i, left.size):
        source[row], target[row], in_left[row], in_right[row] = left[k] >> 32, left[k] & _LOW, left_weights[k], 0
        row += 1
    for k in range(j, right.size):
        source[row], target[row], in_left[row], in_right[row] = right[k] >> 32, right[k] & _LOW, 0, right_weights[k]
        row += 1


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
