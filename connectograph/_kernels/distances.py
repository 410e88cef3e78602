"""Distances from the voxels of runs to the nearest voxel of other runs: tile by tile, row by row, nearest first."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph._kernels import inner_kernel, kernel
from connectograph._kernels.runs import first_at_least

Array = npt.NDArray[Any]

_TILE = 128  # along x, in voxels: rows that hold voxels only far away along x are not looked at


def run_distances(
    starts: Array, lengths: Array, index: tuple[Array, ...], shape: tuple[int, int, int], size: tuple[float, ...]
) -> Array:
    """Distance of every voxel of sorted runs to the nearest voxel of others, of which there must be one.

    The others are given by their :func:`index_rows`; both lie on one grid of this shape (z, y, x) and voxel size.
    """
    distance = np.empty(int(lengths.sum(dtype=np.int64)))
    _measure_runs(starts, lengths, index, shape, size, distance)
    return distance


def index_rows(starts: Array, lengths: Array, shape: tuple[int, int, int]) -> tuple[Array, ...]:
    """Sorted runs cut at tiles: begins and ends along x, row by row; the rows; first run of each row; first row of
    each section of each tile; (tile, z) whether the section holds any.

    Rows are those of a tile that hold a run: (tile * depth + z) * height + y, ascending.
    """
    depth, height, width = shape
    x = starts % width
    n_tiles = (x + lengths - 1) // _TILE - x // _TILE + 1
    run = np.repeat(np.arange(len(starts)), n_tiles)
    tile = x[run] // _TILE + np.arange(len(run)) - np.repeat(np.cumsum(n_tiles) - n_tiles, n_tiles)
    begins, ends = np.maximum(x[run], tile * _TILE), np.minimum((x + lengths)[run], (tile + 1) * _TILE)
    place = tile * (depth * height) + starts[run] // width
    order = np.argsort(place, kind="stable")
    rows, first = np.unique(place[order], return_index=True)
    sections = np.searchsorted(rows, np.arange(depth * ((width + _TILE - 1) // _TILE) + 1) * height)
    held = np.diff(sections).reshape(-1, depth) > 0
    return begins[order], ends[order], rows, np.append(first, len(run)), sections, held


@kernel
def _measure_runs(starts, lengths, index, shape, size, distance):
    _, height, width = shape
    n_tiles = (width + _TILE - 1) // _TILE
    begin = hint = np.int64(0)
    for i in range(starts.size):
        best = distance[begin : begin + lengths[i]]
        begin += lengths[i]
        row, x = starts[i] // width, starts[i] % width
        at = (row // height, row % height, x)
        for k in range(best.size):
            best[k] = np.inf
        # the row that was nearest to the run before is near to this one, too: a bound that spares most others
        worst = _visit_row(hint, at, index, shape, size, best, np.inf)
        tile = x // _TILE
        for other in range(tile, n_tiles):
            gap = max(0, other * _TILE - (x + best.size - 1)) * size[2]
            if gap * gap >= worst:
                break
            worst, hint = _visit_tile(other, gap * gap, at, index, shape, size, best, worst, hint)
        for other in range(tile - 1, -1, -1):
            gap = (x - (other * _TILE + _TILE - 1)) * size[2]
            if gap * gap >= worst:
                break
            worst, hint = _visit_tile(other, gap * gap, at, index, shape, size, best, worst, hint)
        for k in range(best.size):
            best[k] = np.sqrt(best[k])


@inner_kernel
def _visit_tile(tile, gap, at, index, shape, size, best, worst, hint):
    """Lower the squared distances by one tile, section by section; the largest of them, and the row that lowered it."""
    depth = shape[0]
    held = index[5][tile]
    for step in range(max(at[0] + 1, depth - at[0])):
        far = gap + (step * size[0]) ** 2
        if far >= worst:
            break
        if at[0] + step < depth and held[at[0] + step]:
            worst, hint = _visit_section(tile, at[0] + step, far, at, index, shape, size, best, worst, hint)
        if step > 0 and at[0] - step >= 0 and held[at[0] - step]:
            worst, hint = _visit_section(tile, at[0] - step, far, at, index, shape, size, best, worst, hint)
    return worst, hint


@inner_kernel
def _visit_section(tile, z, far, at, index, shape, size, best, worst, hint):
    """The same for the rows of one section of a tile, from the run's own y outwards."""
    rows, section = index[2], tile * shape[0] + z
    begin, end = index[4][section], index[4][section + 1]
    own = section * shape[1] + at[1]
    middle = first_at_least(rows, own, begin, end)
    for k in range(middle, end):
        if far + ((rows[k] - own) * size[1]) ** 2 >= worst:
            break
        lower = _visit_row(k, at, index, shape, size, best, worst)
        worst, hint = lower, k if lower < worst else hint
    for k in range(middle - 1, begin - 1, -1):
        if far + ((rows[k] - own) * size[1]) ** 2 >= worst:
            break
        lower = _visit_row(k, at, index, shape, size, best, worst)
        worst, hint = lower, k if lower < worst else hint
    return worst, hint


@inner_kernel
def _visit_row(k, at, index, shape, size, best, worst):
    """The same for one row of a tile."""
    begins, ends, rows, first, _, _ = index
    low, high, x = first[k], first[k + 1], at[2]
    z, y = rows[k] // shape[1] % shape[0], rows[k] % shape[1]
    base = ((z - at[0]) * size[0]) ** 2 + ((y - at[1]) * size[1]) ** 2
    right = first_at_least(begins, x + 1, low, high)  # the first of its runs that begins beyond the first voxel
    gap = x - (ends[right - 1] - 1) if right > low else shape[2]
    if right < high:
        gap = min(gap, begins[right] - (x + best.size - 1))
    if gap > 0 and base + (gap * size[2]) ** 2 >= worst:
        return worst
    worst = 0.0
    for j in range(best.size):
        while right < high and begins[right] <= x + j:
            right += 1
        step = max(0, x + j - (ends[right - 1] - 1)) if right > low else shape[2]
        if right < high:
            step = min(step, begins[right] - (x + j))
        best[j] = min(best[j], base + (step * size[2]) ** 2)
        worst = max(worst, best[j])
    return worst
