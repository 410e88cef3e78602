"""Voxels that two label blocks share, counted for each pair of ids in one pass over their common runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph._kernels import inner_kernel, kernel
from connectograph._kernels.hashing import mix
from connectograph._kernels.runs import grow, list_marks

_IGNORE = np.uint64(2**64 - 2)

Array = npt.NDArray[Any]


def count_block(truth: Array, predicted: Array) -> tuple[Array, Array]:
    """Pairs of ids at the same voxel, and how many voxels each has.

    Both blocks have one shape and type. Returns keys (n, 2) uint64, background of either side as 0, in order of first
    appearance, and counts (n, 1) int64.
    """
    if not truth.size:
        return np.empty((0, 2), np.uint64), np.empty((0, 1), np.int64)
    rows = _count_lines(truth.reshape(-1, truth.shape[2]), predicted.reshape(-1, truth.shape[2]))
    return rows[:, :2].copy().view(np.uint64), rows[:, 2:].copy()


@inner_kernel
def _without_background(value):
    return np.uint64(0) if value >= _IGNORE else value


@inner_kernel
def _find_breaks(one, other, marks, words, breaks):
    """Ends of the stretches in which both lines stay equal; their number. Scratch as in :func:`list_marks`."""
    for x in range(1, one.size):
        marks[x] = (one[x] != one[x - 1]) | (other[x] != other[x - 1])
    return list_marks(one.size, marks, words, breaks)


@inner_kernel
def _find_slot(slots, rows, a, b):
    """Where a pair stands, or belongs, in an open-addressing table of row numbers (-1: free)."""
    mask = slots.size - 1
    i = np.int64(mix(mix(a) ^ b) & np.uint64(mask))
    while slots[i] >= 0 and (np.uint64(rows[slots[i], 0]) != a or np.uint64(rows[slots[i], 1]) != b):
        i = (i + 1) & mask
    return i


@inner_kernel
def _fill_slots(rows, n):
    """The slots of the first n rows, with room for all."""
    slots = np.empty(4 * rows.shape[0], np.int64)
    for i in range(slots.size):
        slots[i] = -1
    for i in range(n):
        slots[_find_slot(slots, rows, np.uint64(rows[i, 0]), np.uint64(rows[i, 1]))] = i
    return slots


@inner_kernel
def _add_line(one, other, breaks, n_runs, slots, rows, n):
    """Add the common runs of two lines to a table that has room for them; the number of pairs in it."""
    end = 0
    for k in range(n_runs):
        begin, end = end, breaks[k]
        a, b = _without_background(np.uint64(one[begin])), _without_background(np.uint64(other[begin]))
        place = _find_slot(slots, rows, a, b)
        here = slots[place]
        if here < 0:
            here = slots[place] = n
            rows[n, 0], rows[n, 1], rows[n, 2] = np.int64(a), np.int64(b), 0
            n += 1
        rows[here, 2] += end - begin
    return n


@kernel
def _count_lines(truth, predicted):
    """One row a pair: the bits of both ids, then the number of voxels."""
    marks = np.zeros(8 * (truth.shape[1] // 8 + 2), np.uint8)
    words, breaks = marks.view(np.uint64), np.empty(truth.shape[1] + 9, np.int64)
    rows, n = np.empty((512, 3), np.int64), np.int64(0)
    slots = _fill_slots(rows, n)
    for i in range(truth.shape[0]):
        n_runs = _find_breaks(truth[i], predicted[i], marks, words, breaks)
        while n + n_runs > rows.shape[0]:
            rows = grow(rows)
            slots = _fill_slots(rows, n)
        n = _add_line(truth[i], predicted[i], breaks, n_runs, slots, rows, n)
    return rows[:n]
