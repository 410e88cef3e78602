"""Runs: labels as stretches along x, found in a block, joined into 26-connected components, painted again.

Kernels take blocks as lines, (z * y, x), and write records into tables that they enlarge themselves. They loop
where numpy would slice: the loops run as fast and compile several times faster.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph._kernels import kernel

_BACKGROUND = np.uint64(2**64 - 1)

Array = npt.NDArray[Any]


def label_runs(block: Array, z0: int, y0: int, x0: int, height: int, width: int) -> tuple[Array, Array, Array]:
    """Runs of equal label in a block: linear index of the first voxel, length, label; background left out."""
    lines = block.reshape(-1, block.shape[2]) if block.size else np.empty((0, 1), block.dtype)
    runs = _label_runs(lines, _line_starts(block.shape, z0, y0, x0, height, width))
    return runs[:, 0].copy(), runs[:, 1].astype(np.int32), runs[:, 2].view(np.uint64).copy()


def heat_runs(
    block: Array, threshold: Any, z0: int, y0: int, x0: int, height: int, width: int
) -> tuple[Array, Array, Array, int]:
    """Runs of voxels at or above a threshold, their values one after another, and the number of NaN voxels."""
    lines = block.reshape(-1, block.shape[2]) if block.size else np.empty((0, 1), block.dtype)
    runs, heat, missing = _heat_runs(lines, threshold, _line_starts(block.shape, z0, y0, x0, height, width))
    return runs[:, 0].copy(), runs[:, 1].astype(np.int32), heat, missing


def _line_starts(shape: tuple[int, ...], z0: int, y0: int, x0: int, height: int, width: int) -> npt.NDArray[np.int64]:
    """Linear index in the volume of the first voxel of every line of a block."""
    z, y = np.arange(z0, z0 + shape[0])[:, None], np.arange(y0, y0 + shape[1])
    return ((z * height + y) * width + x0).ravel().astype(np.int64)


@kernel
def grow(table):
    """The table (n, m) with room for twice as many rows."""
    larger = np.empty((2 * table.shape[0], table.shape[1]), table.dtype)
    for i in range(table.shape[0]):
        for j in range(table.shape[1]):
            larger[i, j] = table[i, j]
    return larger


@kernel
def first_at_least(starts, value, begin, end):
    """First position in starts[begin:end], which ascends, that holds at least `value`; `end` if there is none."""
    while begin < end:
        middle = (begin + end) // 2
        if starts[middle] < value:
            begin = middle + 1
        else:
            end = middle
    return begin


@kernel
def find_breaks(line, marks, words, breaks):
    """Ends of the runs of equal values in a line; their number.

    `marks` (uint8, zeroed once, a multiple of 8 longer than the line) and `words`, the same memory as uint64, are
    scratch: comparing vectorises, and words without a mark are skipped eight voxels at a time.
    """
    for x in range(1, line.size):
        marks[x] = line[x] != line[x - 1]
    n = 0
    for w in range((line.size + 7) // 8):
        if words[w] != 0:
            for x in range(8 * w, 8 * w + 8):
                breaks[n] = x  # overwritten unless marked: no branch to guess
                n += marks[x]
    breaks[n] = line.size
    return n + 1


@kernel
def _label_runs(lines, firsts):
    marks = np.zeros(8 * (lines.shape[1] // 8 + 2), np.uint8)
    words, breaks = marks.view(np.uint64), np.empty(lines.shape[1] + 9, np.int64)
    runs, n = np.empty((1024, 3), np.int64), 0
    for row in range(lines.shape[0]):
        line = lines[row]
        n_runs = find_breaks(line, marks, words, breaks)
        while n + n_runs > runs.shape[0]:
            runs = grow(runs)
        n = _write_runs(line, breaks, n_runs, firsts[row], runs, n)
    return runs[:n]


@kernel
def _write_runs(line, breaks, n_runs, first, runs, n):
    """Write the runs of one line that are not background; the number of rows written so far."""
    begin = 0
    for k in range(n_runs):
        value = np.uint64(line[begin])
        if value != 0 and value != _BACKGROUND:
            runs[n, 0], runs[n, 1], runs[n, 2] = first + begin, breaks[k] - begin, np.int64(value)
            n += 1
        begin = breaks[k]
    return n


@kernel
def _heat_runs(lines, threshold, firsts):
    n_x = lines.shape[1]
    hot, marks = np.zeros(n_x, np.uint8), np.zeros(8 * (n_x // 8 + 2), np.uint8)
    words, breaks = marks.view(np.uint64), np.empty(n_x + 9, np.int64)
    runs, n = np.empty((1024, 3), np.int64), 0
    heat, used = np.empty((4096, 1), lines.dtype), 0
    missing = 0
    for row in range(lines.shape[0]):
        line = lines[row]
        for x in range(n_x):
            hot[x] = line[x] >= threshold
            missing += line[x] != line[x]
        n_runs = find_breaks(hot, marks, words, breaks)
        while n + n_runs > runs.shape[0]:
            runs = grow(runs)
        while used + n_x > heat.shape[0]:
            heat = grow(heat)
        before = n
        n = _write_runs(hot, breaks, n_runs, firsts[row], runs, n)
        for run in range(before, n):
            for x in range(runs[run, 0] - firsts[row], runs[run, 0] - firsts[row] + runs[run, 1]):
                heat[used, 0] = line[x]
                used += 1
    return runs[:n], heat[:used, 0].copy(), missing


@kernel
def _root(parent, i):
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@kernel
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
