"""Distances from the voxels of runs to the nearest voxel of other runs: tile by tile, row by row, nearest first."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph._kernels import inner_kernel, kernel
from connectograph._kernels.runs import first_at_least

Array = npt.NDArray[Any]

_TILE = 128  # along x, in voxels: rows that hold voxels only far away along x are not looked at
_FAR = np.int64(2**31)  # along x, in voxels: no run on that side


def run_distances(
    starts: Array, lengths: Array, index: tuple[Array, ...], shape: tuple[int, int, int], size: tuple[float, ...]
) -> Array:
    """Distance of every voxel of sorted runs to the nearest voxel of others, of which there must be one.

    The others are given by their :func:`index_rows`; both lie on one grid of this shape (z, y, x) and voxel size.
    """
    distance = np.empty(int(lengths.sum(dtype=np.int64)))
    begins, ends, rows, first, sections, held = index
    _measure_runs(starts, lengths, begins, ends, rows, first, sections, held, shape, size, distance)
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
def _measure_runs(starts, lengths, begins, ends, rows, first, sections, held, shape, size, distance):
    # arrays one by one, here and below: whenever one is taken out of a tuple references are counted, which is slow
    depth, height, width = shape
    begin = hint = np.int64(0)
    for i in range(starts.size):
        best = distance[begin : begin + lengths[i]]
        begin += lengths[i]
        row, x = starts[i] // width, starts[i] % width
        at, tile = (row // height, row % height, x), x // _TILE
        for k in range(best.size):
            best[k] = np.inf
        # the row that was nearest to the run before is near to this one, too: a bound that spares most others
        place = rows[hint] % (depth * height)
        aside = ((place // height - at[0]) * size[0]) ** 2 + ((place % height - at[1]) * size[1]) ** 2
        worst = _visit_row(begins, ends, first[hint], first[hint + 1], x, aside, size[2], best, np.inf)
        for reach in range(held.shape[0]):  # from the run's own tile outwards
            is_near = False
            for side in range(2 if reach > 0 else 1):
                other = tile + (reach if side == 0 else -reach)
                gap = (max(0, other * _TILE - (x + best.size - 1), x - (other * _TILE + _TILE - 1)) * size[2]) ** 2
                if 0 <= other < held.shape[0] and gap < worst:
                    is_near = True
                    worst, hint = _visit_tile(
                        begins, ends, rows, first, sections, held, other, gap, at, shape, size, best, worst, hint
                    )
            if not is_near:
                break
        for k in range(best.size):
            best[k] = np.sqrt(best[k])


@inner_kernel
def _visit_tile(begins, ends, rows, first, sections, held, tile, gap, at, shape, size, best, worst, hint):
    """Lower the squared distances by one tile, section by section; the largest of them, and the row that lowered it."""
    depth, height, _ = shape
    for step in range(max(at[0] + 1, depth - at[0])):
        deep = (step * size[0]) ** 2
        if gap + deep >= worst:
            break
        for side in range(2 if step > 0 else 1):
            z = at[0] + (step if side == 0 else -step)
            if 0 <= z < depth and held[tile, z]:
                section = tile * depth + z
                low, high, own = sections[section], sections[section + 1], section * height + at[1]
                worst, hint = _visit_section(
                    begins, ends, rows, first, low, high, own, gap, deep, at[2], size, best, worst, hint
                )
    return worst, hint


@inner_kernel
def _visit_section(begins, ends, rows, first, low, high, own, gap, deep, x, size, best, worst, hint):
    """The same for the rows of one section of a tile, from the run's own y outwards."""
    middle = first_at_least(rows, own, low, high)
    for side in range(2):
        k = middle - side
        while low <= k < high:
            aside = deep + ((rows[k] - own) * size[1]) ** 2
            if gap + aside >= worst:
                break
            lower = _visit_row(begins, ends, first[k], first[k + 1], x, aside, size[2], best, worst)
            worst, hint = lower, k if lower < worst else hint
            k += 1 - 2 * side
    return worst, hint


@inner_kernel
def _visit_row(begins, ends, low, high, x, aside, size, best, worst):
    """The same for the runs of one row, whose squared distance in z and y is known."""
    right = first_at_least(begins, x + 1, low, high)  # the first of them that begins beyond the first voxel
    gap = x - (ends[right - 1] - 1) if right > low else _FAR
    if right < high:
        gap = min(gap, begins[right] - (x + best.size - 1))
    if gap > 0 and aside + (gap * size) ** 2 >= worst:
        return worst
    worst = 0.0
    for j in range(best.size):
        while right < high and begins[right] <= x + j:
            right += 1
        step = max(0, x + j - (ends[right - 1] - 1)) if right > low else _FAR
        if right < high:
            step = min(step, begins[right] - (x + j))
        best[j] = min(best[j], aside + (step * size) ** 2)
        worst = max(worst, best[j])
    return worst
