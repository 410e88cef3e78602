"""Contacts of whole volumes, counted with bit operations: 64 voxels of a row at a time.

The planes are cut into tiles of some rows by one window of a few 64-bit words along x. In a tile every segment gets
a bit for each voxel; a dilation is then a few shifts of whole words, an overlap an ``and``, its size a popcount. A tile
reaches over what it counts by the dilation's reach on every side, so that all it needs lies inside. A tile holds few
segments, so that pairs cost little, and a wider dilation costs a few more shifts for each segment.

Ids are held as the 64 bits of int64, background as 0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from connectograph._kernels import inner_kernel, kernel
from connectograph._kernels.runs import grow

__all__ = [
    "GROWN",
    "NEXT",
    "TILE_Y",
    "TILE_Z",
    "VOXELS",
    "Rows",
    "Stencil",
    "Tile",
    "count_contacts",
    "find_rows",
    "make_tile",
    "place_rows",
]

TILE_Z, TILE_Y = 16, 32
"""Planes and rows that a tile counts: few segments each, yet small margins, and scratch that fits a core's cache."""

VOXELS, NEXT, GROWN = 0, 1, 2
"""Layers of bits of a segment in a tile."""

_PIECE = 2048
"""Voxels that are searched for breaks at a time: their marks stay in the fastest cache."""

_IGNORE = np.uint64(2**64 - 2)
_NONE, _ALL = np.uint64(0), np.uint64(2**64 - 1)

Array = npt.NDArray[Any]


class Rows(NamedTuple):
    """Consecutive planes as rows of runs: all voxels, background too.

    Attributes
    ----------
    begins : (n_planes * height + 1,) array of int64
        First run of each row.
    runs : (R, 2) array of int64
        First x and id of each run; each row is closed by a run (width, 0).
    n_planes, height, width : int
    """

    begins: Array
    runs: Array
    n_planes: int
    height: int
    width: int


class Stencil(NamedTuple):
    """A dilation as a program of shifts.

    Attributes
    ----------
    steps : (S, 5) array of int64
        Source layer, target layer, dz, dy, dx: add to the target the voxels of the source from that far on. In
        this order they make the layers NEXT and GROWN, and what they need in between, from VOXELS.
    n_layers : int
    reach_z, reach_y, reach_x : int
        At least 1, for the neighbour beyond a face.
    n_words : int
        Words of a window, margins included.
    """

    steps: Array
    n_layers: int
    reach_z: int
    reach_y: int
    reach_x: int
    n_words: int


class Tile(NamedTuple):
    """Scratch for the segments in a tile.

    Attributes
    ----------
    members : (n,) array of int64
        Ids.
    spans : (n, 2) array of int64
        The rows from the first to behind the last in which a segment has voxels.
    bits : (n, n_layers, n_words, rows) array of uint64
        A segment's voxels, the same moved down by one x (NEXT), dilated (GROWN), and steps between.
    core : (n_words, rows) array of uint64
        The voxels that the tile counts: without the margins.
    cursors : (rows,) array of int64
        The run of each row at which the window begins.
    """

    members: Array
    spans: Array
    bits: Array
    core: Array
    cursors: Array


def make_tile(stencil: Stencil, n_members: int) -> Tile:
    """Scratch with room for `n_members` segments in a tile."""
    n_rows = (TILE_Z + 2 * stencil.reach_z) * (TILE_Y + 2 * stencil.reach_y)
    return Tile(
        np.zeros(n_members, np.int64),
        np.zeros((n_members, 2), np.int64),
        np.empty((n_members, stencil.n_layers, stencil.n_words, n_rows), np.uint64),
        np.zeros((stencil.n_words, n_rows), np.uint64),
        np.zeros(n_rows, np.int64),
    )


def find_rows(labels: Array, width: int) -> tuple[Array, Array]:
    """Runs of every row: end of each row in the list of runs, and their first x and id.

    Parameters
    ----------
    labels : (n * width,) array of unsigned int
        Rows of `width` voxels, one after another.
    width : int

    Returns
    -------
    ends : (n,) array of int64
    runs : (R, 2) array of int64
    """
    marks, places = np.zeros(_PIECE, np.uint8), np.empty((2, _PIECE + 1), np.int64)
    ends, runs = np.empty(labels.size // width, np.int64), np.empty((labels.size // 16 + _PIECE, 2), np.int64)
    runs, n_runs = _find_rows(labels, width, marks, marks.view(np.uint64), places[0], places[1], ends, runs)
    return ends, runs[:n_runs].copy()


@kernel
def _find_rows(labels, width, marks, words, busy, breaks, ends, runs):
    n = np.int64(0)  # not the literal 0: compiled once
    for start in range(0, labels.size, _PIECE):
        piece = labels[start : start + _PIECE]
        _mark_breaks(piece, labels[start - 1], -start % width, width, marks)
        n_breaks = _list_marks(marks, words, (piece.size + 7) // 8, busy, breaks)
        while n + n_breaks > runs.shape[0]:
            runs = grow(runs)
        n = _write_runs(piece, breaks, n_breaks, start, width, ends, runs, n)
    return runs, n


@inner_kernel
def _mark_breaks(piece, before, first, width, marks):
    """Mark the voxels that differ from the one before, and those at which a row begins: the `first` and so on."""
    marks[0] = piece[0] != before
    for k in range(1, piece.size):
        marks[k] = piece[k] != piece[k - 1]
    for k in range(piece.size, marks.size):
        marks[k] = 0
    for k in range(first, piece.size, width):
        marks[k] = 1


@inner_kernel
def _list_marks(marks, words, n_words, busy, places):
    """List the places of the marks, without a branch to guess: first the words with any, then the bytes in these."""
    n_busy = n = 0
    for word in range(n_words):
        busy[n_busy] = word
        n_busy += words[word] != 0
    for k in range(n_busy):
        for place in range(8 * busy[k], 8 * busy[k] + 8):
            places[n] = place
            n += marks[place]
    return n


@inner_kernel
def _write_runs(piece, breaks, n_breaks, start, width, ends, runs, n):
    """Write the runs that begin at the breaks of a piece; the number of runs written so far."""
    row = (start - 1) // width
    begin = row * width - start
    for k in range(n_breaks):
        if breaks[k] == begin + width:
            if row >= 0:
                ends[row] = n
            row += 1
            begin += width
        value = np.uint64(piece[breaks[k]])
        runs[n, 0], runs[n, 1] = breaks[k] - begin, np.int64(value if value < _IGNORE else _NONE)
        n += 1
    if row == ends.size - 1:
        ends[row] = n
    return n


@kernel
def place_rows(ends, runs, first, top, height, x, cursors, out):
    """Copy the runs of a block of `height` rows, from plane `first` and row `top` on, to where `cursors` says.

    `cursors` (planes, rows) holds the place in `out` at which each row goes on, and is moved on.
    """
    for plane in range(cursors.shape[0]):
        row = (first + plane) * height + top
        k = ends[row - 1] if row else 0
        for y in range(cursors.shape[1]):
            place = cursors[plane, y]
            while k < ends[row]:
                out[place, 0], out[place, 1] = runs[k, 0] + x, runs[k, 1]
                place += 1
                k += 1
            cursors[plane, y] = place
            row += 1


@inner_kernel
def _clear(bits):
    for layer in range(bits.shape[0]):
        for word in range(bits.shape[1]):
            for row in range(bits.shape[2]):
                bits[layer, word, row] = _NONE


@inner_kernel
def _fill_tile(rows, stencil, z, y, x, stop, tile):
    """Bits of the segments from (z, y, x) on up to x = `stop`; their number, too large if they did not fit."""
    runs, members, spans, bits, cursors = rows.runs, tile.members, tile.spans, tile.bits, tile.cursors
    n_rows = TILE_Y + 2 * stencil.reach_y
    n = last = 0
    members[0] = 0
    for dz in range(max(0, -z), min(TILE_Z + 2 * stencil.reach_z, rows.n_planes - z)):
        for dy in range(max(0, -y), min(n_rows, rows.height - y)):
            row = dz * n_rows + dy
            if x <= 0:
                cursors[row] = rows.begins[(z + dz) * rows.height + y + dy]
            run = cursors[row]
            while runs[run + 1, 0] <= x:
                run += 1
            cursors[row] = run
            end = max(x, 0)
            while end < stop:
                begin, end, member = end, min(runs[run + 1, 0], stop), runs[run, 1]
                run += 1
                if member == 0:
                    continue
                if members[last] != member:
                    last = 0
                    while last < n and members[last] != member:
                        last += 1
                    if last == n:
                        if n == members.size:
                            return n + 1
                        members[n], spans[n, 0] = member, row
                        _clear(bits[n])
                        n += 1
                spans[last, 1] = row + 1
                low, high = begin - x, end - x - 1
                head, tail = _ALL << np.uint64(low & 63), _ALL >> np.uint64(63 - (high & 63))
                if low >> 6 == high >> 6:
                    bits[last, VOXELS, low >> 6, row] |= head & tail
                else:
                    bits[last, VOXELS, low >> 6, row] |= head
                    for word in range((low >> 6) + 1, high >> 6):
                        bits[last, VOXELS, word, row] = _ALL
                    bits[last, VOXELS, high >> 6, row] |= tail
    return n


@inner_kernel
def _set_core(core, stencil, n_planes, n_rows, low, high):
    """Bits of the voxels to count: `n_planes` by `n_rows` by x from `low` to `high` of the window."""
    for word in range(core.shape[0]):
        here, there = min(max(low - 64 * word, 0), 64), min(max(high - 64 * word, 0), 64)
        mask = _NONE if there <= here else (_ALL << np.uint64(here)) & (_ALL >> np.uint64(64 - there))
        for row in range(core.shape[1]):
            core[word, row] = _NONE
        for z in range(stencil.reach_z, stencil.reach_z + n_planes):
            begin = z * (TILE_Y + 2 * stencil.reach_y) + stencil.reach_y
            for row in range(begin, begin + n_rows):
                core[word, row] = mask


@inner_kernel
def _shift_layers(bits, begin, end, stencil):
    """Run the stencil's program on one segment, whose voxels lie in the rows `begin` to `end`."""
    n_words, n_rows = bits.shape[1:]
    for k in range(stencil.steps.shape[0]):
        step = stencil.steps[k, 2] * (TILE_Y + 2 * stencil.reach_y) + stencil.steps[k, 3]
        first = max(begin - step, 0)
        last = max(first, min(end - step, n_rows))  # no rows, rather than a negative end
        words, shift = stencil.steps[k, 4] >> 6, np.uint64(stencil.steps[k, 4] & 63)
        for word in range(max(0, -words - 1), min(n_words, n_words - words)):
            out = bits[stencil.steps[k, 1], word, first:last]
            source = bits[stencil.steps[k, 0]]
            if word + words >= 0:
                low = source[word + words, first + step : last + step]
                for i in range(out.size):
                    out[i] |= low[i] >> shift
            if shift and word + words + 1 < n_words:
                high = source[word + words + 1, first + step : last + step]
                for i in range(out.size):
                    out[i] |= high[i] << (np.uint64(64) - shift)


@inner_kernel
def _count_bits(bits):
    """Number of ones; compilers know this pattern and use the processor's own instruction."""
    bits = bits - ((bits >> np.uint64(1)) & np.uint64(0x5555555555555555))
    bits = (bits & np.uint64(0x3333333333333333)) + ((bits >> np.uint64(2)) & np.uint64(0x3333333333333333))
    bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((bits * np.uint64(0x0101010101010101)) >> np.uint64(56))


@inner_kernel
def _count_pair(tile, i, j, stencil, found):
    """Faces along z, y and x, and voxels in both dilations, of two segments of a tile."""
    n_rows = TILE_Y + 2 * stencil.reach_y
    margin = stencil.reach_z * n_rows
    reach = margin + stencil.reach_y
    first = max(max(tile.spans[i, 0], tile.spans[j, 0]) - reach, margin)
    last = min(min(tile.spans[i, 1], tile.spans[j, 1]) + reach, tile.core.shape[1] - margin)
    below = beside = after = both = 0
    for word in range(tile.core.shape[0] if first < last else 0):
        core, a, b = tile.core[word, first:last], tile.bits[i, VOXELS, word], tile.bits[j, VOXELS, word]
        a0, a1, a2 = a[first:last], a[first + n_rows : last + n_rows], a[first + 1 : last + 1]
        b0, b1, b2 = b[first:last], b[first + n_rows : last + n_rows], b[first + 1 : last + 1]
        a3, b3 = tile.bits[i, NEXT, word, first:last], tile.bits[j, NEXT, word, first:last]
        a4, b4 = tile.bits[i, GROWN, word, first:last], tile.bits[j, GROWN, word, first:last]
        for k in range(core.size):
            below += _count_bits(((a0[k] & b1[k]) | (b0[k] & a1[k])) & core[k])
            beside += _count_bits(((a0[k] & b2[k]) | (b0[k] & a2[k])) & core[k])
            after += _count_bits(((a0[k] & b3[k]) | (b0[k] & a3[k])) & core[k])
            both += _count_bits(a4[k] & b4[k] & core[k])
    found[2], found[3], found[4], found[5] = below, beside, after, both


@inner_kernel
def _count_tile(tile, n, stencil, found, n_found):
    """Append the rows (a, b, counts) of the pairs of a tile's `n` segments that have any."""
    spans, reach = tile.spans, stencil.reach_z * (TILE_Y + 2 * stencil.reach_y) + stencil.reach_y
    for i in range(n):
        for j in range(i):
            if spans[j, 1] + 2 * reach <= spans[i, 0]:  # members were found row by row: j begins before i
                continue
            if n_found == found.shape[0]:
                found = grow(found)
            row = found[n_found]
            row[0], row[1] = tile.members[i], tile.members[j]
            _count_pair(tile, i, j, stencil, row)
            n_found += (row[2] | row[3] | row[4] | row[5]) != 0
    return found, n_found


@inner_kernel
def _mark_tile(tile, n, stencil, marks, z, y, x):
    """Mark the voxels with two or more segments within the dilation; (z, y, x) is the window's corner in `marks`."""
    n_rows = TILE_Y + 2 * stencil.reach_y
    for word in range(tile.core.shape[0]):
        for row in range(tile.core.shape[1]):
            once = twice = _NONE
            for i in range(n):
                twice |= once & tile.bits[i, GROWN, word, row]
                once |= tile.bits[i, GROWN, word, row]
            twice &= tile.core[word, row]
            for k in range(64 if twice else 0):
                if (twice >> np.uint64(k)) & np.uint64(1):
                    marks[z + row // n_rows, y + row % n_rows, x + 64 * word + k] = 1


@kernel
def count_contacts(rows, stencil, first, last, top, bottom, tile, marks):
    """Faces and overlaps of all pairs of segments in part of some planes.

    Parameters
    ----------
    rows : Rows
        The planes, with those within the stencil's reach around.
    stencil : Stencil
    first, last, top, bottom : int
        Planes and rows to count.
    tile : Tile
        Scratch.
    marks : (last - first, bottom - top, width) array of uint8
        Set to 1 at voxels with two or more segments within the dilation; or empty.

    Returns
    -------
    found : (n, 6) array of int64
        Ids a and b; faces along z, y and x; voxels with both within the dilation. A pair may have several rows.
    complete : bool
        False if the tile had too little room: nothing was counted.
    """
    found, n_found = np.empty((256, 6), np.int64), np.int64(0)
    width = 64 * stencil.n_words - 2 * stencil.reach_x
    for z in range(first, last, TILE_Z):
        for y in range(top, bottom, TILE_Y):
            for x in range(0, rows.width, width):
                corner = (z - stencil.reach_z, y - stencil.reach_y, x - stencil.reach_x)
                stop = min(corner[2] + 64 * stencil.n_words, rows.width)
                n = _fill_tile(rows, stencil, *corner, stop, tile)
                if n > tile.members.size:
                    return found[:0], False
                if n < 2:
                    continue
                end = min(x + width, rows.width) - corner[2]
                _set_core(tile.core, stencil, min(TILE_Z, last - z), min(TILE_Y, bottom - y), stencil.reach_x, end)
                for i in range(n):
                    _shift_layers(tile.bits[i], tile.spans[i, 0], tile.spans[i, 1], stencil)
                found, n_found = _count_tile(tile, n, stencil, found, n_found)
                if marks.size:
                    _mark_tile(tile, n, stencil, marks, corner[0] - first, corner[1] - top, corner[2])
    return found[:n_found], True
