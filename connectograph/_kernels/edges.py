"""Edges: segment ids to small numbers, and two sorted lists of pairs joined into one.

A pair is the key ``source << 32 | target`` of two numbers below 2^31, so that keys sort by (source, target).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph._kernels import kernel
from connectograph._kernels.hashing import mix

__all__ = ["merge_pairs", "number_ids", "order_pairs"]

_SHIFT, _LOW = np.int64(32), np.int64(2**32 - 1)

Array = npt.NDArray[Any]


def number_ids(columns: Sequence[Array]) -> tuple[Array, list[Array]]:
    """All ids of several columns, ascending, and the place of each entry among them.

    Parameters
    ----------
    columns : sequence of (n,) arrays of uint64

    Returns
    -------
    ids : (u,) array of uint64
        Ascending.
    places : list of (n,) arrays of uint32
        ``ids[places[i]]`` is ``columns[i]``.
    """
    known, slots, count = np.empty(16, np.uint64), np.zeros(32, np.uint32), 0
    places = []
    for column in columns:
        numbers, known, slots, count = _number(frozen(column), known, slots, count)
        places.append(numbers)
    order = np.argsort(known[:count])
    rank = np.empty(count, np.uint32)
    rank[order] = np.arange(count, dtype=np.uint32)
    for i, numbers in enumerate(places):
        places[i] = rank[numbers]
    return known[order], places


def frozen(array: Array) -> Array:
    """A contiguous read-only view: columns of tables may be read-only, and one type compiles once."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


@kernel
def _number(ids, known, slots, count):
    """Number ids in order of first appearance, going on from those known; slots hold number + 1, 0 is free."""
    numbers = np.empty(ids.size, np.uint32)
    for i in range(ids.size):
        if i and ids[i] == ids[i - 1]:
            numbers[i] = numbers[i - 1]
            continue
        slot = _find_slot(ids[i], known, slots)
        if not slots[slot]:
            if count == known.size:
                known = np.concatenate((known, np.empty(count, np.uint64)))
                slots = np.zeros(2 * known.size, np.uint32)
                for number in range(count):
                    slots[_find_slot(known[number], known, slots)] = number + 1
                slot = _find_slot(ids[i], known, slots)
            known[count] = ids[i]
            count += 1
            slots[slot] = count
        numbers[i] = slots[slot] - 1
    return numbers, known, slots, count


@kernel
def _find_slot(value, known, slots):
    """Slot that holds the number of an id, or the free slot where it belongs; the size is a power of two."""
    slot = np.int64(mix(value) & np.uint64(slots.size - 1))
    while slots[slot] and known[slots[slot] - 1] != value:
        slot = (slot + 1) & (slots.size - 1)
    return slot


@kernel
def order_pairs(source, target, n_nodes):
    """Order of the pairs by (source, target): two stable counting sorts, the last key first.

    Parameters
    ----------
    source, target : (n,) arrays of uint32
        Below n_nodes.
    n_nodes : int

    Returns
    -------
    (n,) array of uint32
    """
    order = np.arange(source.size).astype(np.uint32)
    for key in (target, source):
        start = np.zeros(n_nodes + 1, np.int64)
        for i in range(key.size):
            start[key[i] + 1] += 1
        for node in range(n_nodes):
            start[node + 1] += start[node]
        moved = np.empty(order.size, np.uint32)
        for i in range(order.size):
            node = key[order[i]]
            moved[start[node]] = order[i]
            start[node] += 1
        order = moved
    return order


@kernel
def merge_pairs(left, left_weights, right, right_weights):
    """Every pair of either list, in order, with its weight in both (0 where a list lacks it).

    Parameters
    ----------
    left, right : (n,), (m,) arrays of int64
        Keys, strictly ascending.
    left_weights, right_weights : (n,), (m,) arrays of int64

    Returns
    -------
    source, target, left, right : (u,) arrays of int64
    """
    size = _count_union(left, right)
    source, target = np.empty(size, np.int64), np.empty(size, np.int64)
    in_left, in_right = np.zeros(size, np.int64), np.zeros(size, np.int64)
    i = j = 0
    for row in range(size):
        take_left = j == right.size or (i < left.size and left[i] <= right[j])
        take_right = i == left.size or (j < right.size and right[j] <= left[i])
        key = left[i] if take_left else right[j]
        source[row], target[row] = key >> _SHIFT, key & _LOW
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
