"""Runs: synapse voxels as stretches along x, found in a block and joined into 26-connected components."""

from __future__ import annotations

import numpy as np

from connectograph._kernels import kernel

_BACKGROUND = np.uint64(2**64 - 1)


@kernel
def grow(array):
    """The array with room for twice as many rows."""
    larger = np.empty((2 * array.shape[0], *array.shape[1:]), array.dtype)
    larger[: array.shape[0]] = array
    return larger


@kernel
def find_breaks(line, marks, words, breaks):
    """First positions of the runs of equal values in a line, position 0 left out; their number.

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
    return n


@kernel
def label_runs(block, z0, y0, x0, height, width):
    """Runs of equal label in a block: linear index of the first voxel, length, label; background left out."""
    n_x = block.shape[2]
    lines = block.reshape(-1, n_x)
    marks = np.zeros(8 * (n_x // 8 + 2), np.uint8)
    words, breaks = marks.view(np.uint64), np.empty(n_x + 9, np.int64)
    starts, lengths, labels = np.empty(1024, np.int64), np.empty(1024, np.int32), np.empty(1024, np.uint64)
    n = 0
    for row in range(lines.shape[0] if n_x else 0):
        n_breaks = find_breaks(lines[row], marks, words, breaks)
        breaks[n_breaks] = n_x
        while n + n_breaks + 1 > starts.size:
            starts, lengths, labels = grow(starts), grow(lengths), grow(labels)
        first = ((z0 + row // block.shape[1]) * height + y0 + row % block.shape[1]) * width + x0
        begin = 0
        for k in range(n_breaks + 1):
            value = np.uint64(lines[row, begin])
            if value != 0 and value != _BACKGROUND:
                starts[n], lengths[n], labels[n] = first + begin, breaks[k] - begin, value
                n += 1
            begin = breaks[k]
    return starts[:n].copy(), lengths[:n].copy(), labels[:n].copy()


@kernel
def heat_runs(block, threshold, z0, y0, x0, height, width):
    """Runs of voxels at or above a threshold, their values one after another, and the number of NaN voxels."""
    n_x = block.shape[2]
    lines = block.reshape(-1, n_x)
    hot = np.zeros(n_x, np.uint8)
    marks = np.zeros(8 * (n_x // 8 + 2), np.uint8)
    words, breaks = marks.view(np.uint64), np.empty(n_x + 9, np.int64)
    starts, lengths, heat = np.empty(1024, np.int64), np.empty(1024, np.int32), np.empty(4096, block.dtype)
    n, used, missing = 0, 0, 0
    for row in range(lines.shape[0] if n_x else 0):
        for x in range(n_x):
            hot[x] = lines[row, x] >= threshold
            missing += lines[row, x] != lines[row, x]
        n_breaks = find_breaks(hot, marks, words, breaks)
        breaks[n_breaks] = n_x
        while n + n_breaks + 1 > starts.size:
            starts, lengths = grow(starts), grow(lengths)
        while used + n_x > heat.size:
            heat = grow(heat)
        first = ((z0 + row // block.shape[1]) * height + y0 + row % block.shape[1]) * width + x0
        begin = 0
        for k in range(n_breaks + 1):
            if hot[begin]:
                starts[n], lengths[n] = first + begin, breaks[k] - begin
                n += 1
                for x in range(begin, breaks[k]):
                    heat[used] = lines[row, x]
                    used += 1
            begin = breaks[k]
    return starts[:n].copy(), lengths[:n].copy(), heat[:used].copy(), missing


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
        end = i + np.searchsorted(starts[i:], (row + 1) * width)
        z, y = row // height, row % height
        for dz, dy in ((0, -1), (-1, -1), (-1, 0), (-1, 1)):
            if z + dz < 0 or y + dy < 0 or y + dy >= height:
                continue
            other = row + dz * height + dy
            there = np.searchsorted(starts[:i], other * width)
            there_end = np.searchsorted(starts[:i], (other + 1) * width)
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
            stop = first + min(width, x0 + block.shape[2])
            r = max(0, np.searchsorted(starts, first + x0 + 1) - 1)
            while r < starts.size and starts[r] < stop:
                begin = max(starts[r] - first - x0, 0)
                end = min(starts[r] + lengths[r] - first - x0, block.shape[2])
                for x in range(begin, end):
                    block[z, y, x] = labels[r]
                r += 1
