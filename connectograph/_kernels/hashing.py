"""Open-addressing hash tables: equal rows of ids, and sums over them.

Conventions: tables have a power of two of slots, are at most half full, and double when they would be fuller (one
that cannot grow would loop forever once full). Results are in order of first appearance, never in slot order.
Arguments are C-contiguous and writeable, so that each kernel is compiled once. Tables grow outside the inner loop:
numba counts references to an array that a loop may replace, which costs more than the lookup.
"""

from __future__ import annotations

import numpy as np

from connectograph._kernels import inner_kernel, kernel

__all__ = ["group_rows", "mix", "sum_by_key"]

_FIRST_SHIFT, _SECOND_SHIFT, _THIRD_SHIFT = np.uint64(30), np.uint64(27), np.uint64(31)
_FIRST_FACTOR, _SECOND_FACTOR = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@inner_kernel
def mix(value):
    """Spread 64 bits over all 64 bits (the finaliser of splitmix64, Steele et al. 2014, OOPSLA)."""
    value = (value ^ (value >> _FIRST_SHIFT)) * _FIRST_FACTOR
    value = (value ^ (value >> _SECOND_SHIFT)) * _SECOND_FACTOR
    return value ^ (value >> _THIRD_SHIFT)


@inner_kernel
def _find_slot(slots, keys, first, row):
    """Slot that holds the group of `row`, or the free slot where it belongs."""
    code = np.uint64(0)
    for column in range(keys.shape[1]):
        code = mix(code ^ keys[row, column])
    slot = np.int64(code & np.uint64(slots.size - 1))
    while slots[slot] >= 0:
        known = first[slots[slot]]
        equal = True
        for column in range(keys.shape[1]):
            equal &= keys[known, column] == keys[row, column]
        if equal:
            break
        slot = (slot + 1) & (slots.size - 1)
    return slot


@inner_kernel
def _free_slots(n):
    slots = np.empty(n, np.int64)
    for slot in range(n):
        slots[slot] = -1
    return slots


@inner_kernel
def _number_rows(keys, slots, first, groups, row, n_groups):
    """Number the rows from `row` on until all are numbered or `first` is full: the next row, the number of groups."""
    while row < groups.size:
        slot = _find_slot(slots, keys, first, row)
        if slots[slot] < 0:
            if n_groups == first.size:
                break
            slots[slot], first[n_groups] = n_groups, row
            n_groups += 1
        groups[row] = slots[slot]
        row += 1
    return row, n_groups


@kernel
def group_rows(keys):
    """Number equal rows alike: 0, 1, 2, ... in order of first appearance.

    Parameters
    ----------
    keys : (n, k) array of uint64

    Returns
    -------
    groups : (n,) array of int64
        Number of each row's group.
    first : (u,) array of int64
        First row of each group.
    """
    groups, first = np.empty(keys.shape[0], np.int64), np.empty(256, np.int64)
    slots = _free_slots(2 * first.size)
    zero = np.int64(0)  # not the literal 0: compiled once
    row, n_groups = _number_rows(keys, slots, first, groups, zero, zero)
    while row < groups.size:
        known, first = first, np.empty(2 * first.size, np.int64)
        slots = _free_slots(2 * first.size)
        for group in range(n_groups):
            first[group] = known[group]
            slots[_find_slot(slots, keys, first, first[group])] = group
        row, n_groups = _number_rows(keys, slots, first, groups, row, n_groups)
    return groups, first[:n_groups].copy()


@kernel
def sum_by_key(keys, values):
    """Sum the rows of `values` that have equal rows of `keys`.

    Parameters
    ----------
    keys : (n, k) array of uint64
    values : (n, m) array of int64

    Returns
    -------
    unique_keys : (u, k) array of uint64
        In order of first appearance.
    sums : (u, m) array of int64
    """
    groups, first = group_rows(keys)
    sums = np.zeros((first.size, values.shape[1]), np.int64)
    for row in range(groups.size):
        for column in range(values.shape[1]):
            sums[groups[row], column] += values[row, column]
    return keys[first], sums
