"""Runs: labels as stretches along x, found in a block, joined into 26-connected components, painted again.

Kernels take blocks as lines, (z * y, x), and write records into tables that they enlarge themselves. They loop
where numpy would slice: the loops run as fast and compile several times faster.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph._kernels import inner_kernel, kernel

Array = npt.NDArray[Any]


@inner_kernel
def grow(table):
    """The table (n, m) with room for twice as many rows."""
    larger = np.empty((2 * table.shape[0], table.shape[1]), table.dtype)
    for i in range(table.shape[0]):
        for j in range(table.shape[1]):
            larger[i, j] = table[i, j]
    return larger


@inner_kernel
def first_at_least(starts, value, begin, end):
    """First position in starts[begin:end], which ascends, that holds at least `value`; `end` if there is none."""
    while begin < end:
        middle = (begin + end) // 2
        if starts[middle] < value:
            begin = middle + 1
        else:
            end = middle
    return begin


@inner_kernel
def find_breaks(line, marks, words, breaks):
    """Ends of the runs of equal values in a line; their number. Scratch as in :func:`list_marks`."""
    for x in range(1, line.size):
        marks[x] = line[x] != line[x - 1]
    return list_marks(line.size, marks, words, breaks)


@inner_kernel
def list_marks(size, marks, words, breaks):
    """Where the first `size` marks are set, then `size`; the number of both.

    `marks` (uint8, zeroed once, a multiple of 8 longer than the line) and `words`, the same memory as uint64, are
    scratch: comparing vectorises, and words without a mark are skipped eight voxels at a time.
    """
    n = 0
    for w in range((size + 7) // 8):
        if words[w] != 0:
            for x in range(8 * w, 8 * w + 8):
                breaks[n] = x  # overwritten unless marked: no branch to guess
                n += marks[x]
    breaks[n] = size
    return n + 1


@inner_kernel
def _root(parent, i):
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@inner_kernel
def _join_rows(starts, lengths, labels, parent, here, here_end, there, there_end, shift):
    """Join the runs of one row with those of a neighbouring row that touch them and have their label."""
    for i in range(here, here_end):
        a0, a1 = starts[i], starts[i] + lengths[i]
        while there < there_end and starts[there] + shift + lengths[there] < a0:
            there += 1
        j = there
        while j < there_end and starts[j] + shift <= a1:  # equal: they touch at a corner
            if labels[i] == labels[j]:
                a, b = _root(parent, i), _root(parent, j)
                parent[max(a, b)] = min(a, b)
            j += 1


@kernel
def join_runs(starts, lengths, labels, height, width):
    """For each run the first run of its component: 26-connected, one label (runs sorted, maximal along x)."""
    n = starts.size
    parent = np.arange(n)
    i = 0
    while i < n:
        row = starts[i] // width
        end = first_at_least(starts, (row + 1) * width, i, n)
        z, y = row // height, row % height
        for k in range(4):  # the rows before: (0, -1), (-1, -1), (-1, 0), (-1, 1)
            dz, dy = -min(k, 1), k - 2 if k else -1
            if z + dz < 0 or y + dy < 0 or y + dy >= height:
                continue
            other = row + dz * height + dy
            there = first_at_least(starts, other * width, 0, i)
            there_end = first_at_least(starts, (other + 1) * width, there, i)
            _join_rows(starts, lengths, labels, parent, i, end, there, there_end, (row - other) * width)
        i = end
    for i in range(n):
        parent[i] = _root(parent, i)
    return parent


@kernel
def paint_runs(block, z0, y0, x0, starts, lengths, labels, height, width):
    """Write the labels of runs into a block that starts at (z0, y0, x0)."""
    for z in range(block.shape[0]):
        for y in range(block.shape[1]):
            first = ((z0 + z) * height + y0 + y) * width
            r = max(0, first_at_least(starts, first + x0 + 1, 0, starts.size) - 1)
            while r < starts.size and starts[r] < first + min(width, x0 + block.shape[2]):
                begin = max(starts[r] - first - x0, 0)
                end = min(starts[r] + lengths[r] - first - x0, block.shape[2])
                for x in range(begin, end):
                    block[z, y, x] = labels[r]
                r += 1
