"""Voxel counts, index sums and bounding boxes of the segments in a block, in one pass over its runs."""

from __future__ import annotations

import numpy as np

from connectograph._kernels import kernel
from connectograph._kernels.runs import find_breaks, grow

_IGNORE = np.uint64(2**64 - 2)
_FAR = np.int64(2**62)


@kernel
def _slot(slots, ids, value):
    """Where an id stands, or belongs, in an open-addressing table of row numbers (-1: free)."""
    mask = slots.size - 1
    i = np.int64((value * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)) & mask
    while slots[i] >= 0 and ids[slots[i]] != value:
        i = (i + 1) & mask
    return i


@kernel
def _enlarge(ids, rows, n):
    """A table of twice the size, with its slots filled anew."""
    ids, rows = grow(ids), grow(rows)
    slots = np.full(8 * ids.size, -1, np.int64)
    for i in range(n):
        slots[_slot(slots, ids, ids[i])] = i
    return ids, rows, slots


@kernel
def _add_line(line, breaks, n_breaks, z, y, x0, slots, ids, rows, n):
    """Add the runs of one line to a table that has room for them; the number of ids in it."""
    end = 0
    for k in range(n_breaks + 1):
        begin, end = end, breaks[k]
        value = np.uint64(line[begin])
        if value == 0 or value >= _IGNORE:
            continue
        place = _slot(slots, ids, value)
        here = slots[place]
        if here < 0:
            here = n
            ids[n] = value
            rows[n] = 0
            rows[n, 4:7] = _FAR
            slots[place] = n
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
def measure_block(block, z0, y0, x0):
    """Ids in the block, and for each: voxels, index sums (z, y, x), first and last index (z, y, x).

    Returns ids (n,) uint64 and an (n, 10) int64 array; background is left out.
    """
    n_x = block.shape[2]
    lines = block.reshape(-1, n_x)
    marks = np.zeros(8 * (n_x // 8 + 2), np.uint8)
    words, breaks = marks.view(np.uint64), np.empty(n_x + 9, np.int64)
    slots = np.full(4096, -1, np.int64)
    ids, rows = np.empty(512, np.uint64), np.empty((512, 10), np.int64)
    n = 0
    for line in range(lines.shape[0] if n_x else 0):
        n_breaks = find_breaks(lines[line], marks, words, breaks)
        breaks[n_breaks] = n_x
        while n + n_breaks + 1 > ids.size:
            ids, rows, slots = _enlarge(ids, rows, n)
        z, y = z0 + line // block.shape[1], y0 + line % block.shape[1]
        n = _add_line(lines[line], breaks, n_breaks, z, y, x0, slots, ids, rows, n)
    return ids[:n].copy(), rows[:n].copy()
