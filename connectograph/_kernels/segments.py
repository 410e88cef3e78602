"""Voxel counts, index sums and bounding boxes of the segments in a block, in one pass over its runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph._kernels import inner_kernel, kernel
from connectograph._kernels.runs import find_breaks, grow

_IGNORE = np.uint64(2**64 - 2)
_FAR = 2**62

Array = npt.NDArray[Any]


def measure_block(block: Array, z0: int, y0: int, x0: int) -> tuple[Array, Array]:
    """Ids in the block, and for each: voxels, index sums (z, y, x), first and last index (z, y, x).

    Returns ids (n,) uint64 and an (n, 10) int64 array; background is left out.
    """
    lines = block.reshape(-1, block.shape[2]) if block.size else np.empty((0, 1), block.dtype)
    rows = _measure_lines(lines, block.shape[1], z0, y0, x0)
    return rows[:, 10].view(np.uint64).copy(), rows[:, :10].copy()


@inner_kernel
def _slot(slots, rows, value):
    """Where an id stands, or belongs, in an open-addressing table of row numbers (-1: free)."""
    mask = slots.size - 1
    i = np.int64((value * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)) & mask
    while slots[i] >= 0 and np.uint64(rows[slots[i], 10]) != value:
        i = (i + 1) & mask
    return i


@inner_kernel
def _fill_slots(rows, n):
    """The slots of the first n rows, with room for all."""
    slots = np.empty(4 * rows.shape[0], np.int64)
    for i in range(slots.size):
        slots[i] = -1
    for i in range(n):
        slots[_slot(slots, rows, np.uint64(rows[i, 10]))] = i
    return slots


@inner_kernel
def _add_line(line, breaks, n_runs, z, y, x0, slots, rows, n):
    """Add the runs of one line to a table that has room for them; the number of ids in it."""
    end = 0
    for k in range(n_runs):
        begin, end = end, breaks[k]
        value = np.uint64(line[begin])
        if value == 0 or value >= _IGNORE:
            continue
        place = _slot(slots, rows, value)
        here = slots[place]
        if here < 0:
            here = slots[place] = n
            for column in range(10):
                rows[n, column] = 0
            rows[n, 4] = rows[n, 5] = rows[n, 6] = _FAR
            rows[n, 10] = np.int64(value)
            n += 1
        count = end - begin
        rows[here, 0] += count
        rows[here, 1] += count * z
        rows[here, 2] += count * y
        rows[here, 3] += count * (x0 + begin) + count * (count - 1) // 2
        rows[here, 4], rows[here, 7] = min(rows[here, 4], z), max(rows[here, 7], z)
        rows[here, 5], rows[here, 8] = min(rows[here, 5], y), max(rows[here, 8], y)
        rows[here, 6], rows[here, 9] = min(rows[here, 6], x0 + begin), max(rows[here, 9], x0 + end - 1)
    return n


@kernel
def _measure_lines(lines, height, z0, y0, x0):
    """One row an id: the ten measures, then the id's bits."""
    marks = np.zeros(8 * (lines.shape[1] // 8 + 2), np.uint8)
    words, breaks = marks.view(np.uint64), np.empty(lines.shape[1] + 9, np.int64)
    rows, n = np.empty((512, 11), np.int64), np.int64(0)
    slots = _fill_slots(rows, n)
    for i in range(lines.shape[0]):
        line = lines[i]
        n_runs = find_breaks(line, marks, words, breaks)
        while n + n_runs > rows.shape[0]:
            rows = grow(rows)
            slots = _fill_slots(rows, n)
        n = _add_line(line, breaks, n_runs, z0 + i // height, y0 + i % height, x0, slots, rows, n)
    return rows[:n]
