"""Which segments lie within the dilation of each synapse voxel: gathered block by block, closed across block faces.

A block reports records (synapse code, segment a, segment b, with a <= b; a = b says "touches a") for the voxels
whose whole neighbourhood it holds, summed over the voxels; for the others it reports the segments found at each
voxel, and :func:`close_voxels` turns those into the same records once all blocks were seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph._kernels import inner_kernel, kernel
from connectograph._kernels.hashing import sum_by_key
from connectograph._kernels.runs import first_at_least, grow

_IGNORE = np.uint64(2**64 - 2)

Array = npt.NDArray[Any]


def gather_block(
    block: Array,
    origin: tuple[int, int, int],
    shape: tuple[int, int, int],
    starts: Array,
    lengths: Array,
    codes: Array,
    offsets: Array,
    *,
    voxelwise: bool = False,
) -> tuple[Array, Array, Array]:
    """Records of the synapse voxels near one block.

    Parameters
    ----------
    block : (z, y, x) array of unsigned int
    origin, shape : tuples of 3 ints
        First voxel of the block, size of the volume.
    starts, lengths, codes : (R,) arrays
        Synapse runs sorted by start (linear index in the volume).
    offsets : (K, 3) int64
        Symmetric about 0.
    voxelwise : bool
        Leave all voxels open.

    Returns
    -------
    keys : (n, 3) uint64, sums : (n, 4) int64
        Synapse code, a, b; voxels and their index sums (z, y, x).
    open_voxels : (m, 3) uint64
        Linear index, synapse code, segment, sorted by linear index: voxels whose neighbourhood the block holds only
        in part.
    """
    voxels, extent = block.reshape(-1), block.shape
    keys, sums, open_voxels = _gather(voxels, extent, origin, shape, starts, lengths, codes, offsets, voxelwise)
    if not len(keys):  # copied, else each of many such blocks would hold on to the room that it did not need
        return keys.copy(), sums.copy(), open_voxels.copy()
    return *sum_by_key(keys, sums), open_voxels.copy()


def close_voxels(open_voxels: Array, height: int, width: int, max_found: int) -> tuple[Array, Array]:
    """Records of the voxels that no block held whole, from what all blocks found at them."""
    order = np.argsort(open_voxels[:, 0], kind="stable")  # sorted within each block: merging is quick
    return sum_by_key(*_close(open_voxels, order, height, width, max_found))


@inner_kernel
def _emit(keys, sums, used, code, found, at, n_found, count, z, y, x_sum):
    """Write a record for every unordered pair of the segments in a list (and for each alone) where there is room."""
    for i in range(n_found):
        for j in range(i, n_found):
            a, b = found[at, i], found[at, j]
            keys[used, 0] = code
            keys[used, 1], keys[used, 2] = min(a, b), max(a, b)
            sums[used, 0], sums[used, 1], sums[used, 2], sums[used, 3] = count, count * z, count * y, x_sum
            used += 1
    return used


@inner_kernel
def _leave_open(loose, used, voxel, count, code, found, at, n_found):
    """Write what a list holds for each of some voxels along x."""
    for i in range(count):
        for k in range(n_found):
            loose[used, 0], loose[used, 1], loose[used, 2] = np.uint64(voxel + i), np.uint64(code), found[at, k]
            used += 1
    return used


@inner_kernel
def _equal(found, first, n_first, second, n_second):
    """Whether two lists hold the same segments in the same order."""
    if n_first != n_second:
        return False
    for i in range(n_first):
        if found[first, i] != found[second, i]:
            return False
    return True


@inner_kernel
def _add(found, at, n, value):
    """Put a segment into a list unless it is background or there already; the length of the list."""
    if value == 0 or value >= _IGNORE:
        return n
    for i in range(n):
        if found[at, i] == value:
            return n
    found[at, n] = value
    return n + 1


@inner_kernel
def _choose_steps(extent, z, y, offsets, steps, chosen):
    """The steps that lead from the row (z, y) to rows of the block; their number."""
    n = 0
    for k in range(steps.size):
        if 0 <= z + offsets[k, 0] < extent[0] and 0 <= y + offsets[k, 1] < extent[1]:
            chosen[n] = steps[k]
            n += 1
    return n


@inner_kernel
def _mark_changes(voxels, place, n, steps, n_steps, marks):
    """Mark which of n voxels along x have a neighbour that differs from the same neighbour of the voxel before."""
    for i in range(n):
        marks[i] = 0
    for k in range(n_steps):
        first = place + steps[k]
        for i in range(1, n):
            marks[i] |= voxels[first + i] != voxels[first + i - 1]


@inner_kernel
def _find_at(voxels, extent, z, y, x, offsets, steps, found, at):
    """List the distinct segments at (z, y, x) + offsets, as far as these lie in the block; their number."""
    n = np.int64(0)
    place = (z * extent[1] + y) * extent[2] + x
    for k in range(steps.size):
        i, j, m = z + offsets[k, 0], y + offsets[k, 1], x + offsets[k, 2]
        if 0 <= i < extent[0] and 0 <= j < extent[1] and 0 <= m < extent[2]:
            n = _add(found, at, n, np.uint64(voxels[place + steps[k]]))
    return n


@inner_kernel
def _find_stretches(voxels, extent, z, y, begin, end, offsets, steps, reach, chosen, found, counts, ends, marks):
    """Cut the voxels begin..end of a row into stretches with the same segments near; how many there are.

    Each gets a list in `found`, the list's length in `counts` and its end in `ends`. No stretch crosses the line
    between voxels that are and are not within the reach of the block's ends along x.
    """
    first, last = max(begin, reach), min(end, extent[2] - reach)
    n_steps = _choose_steps(extent, z, y, offsets, steps, chosen)
    line = (z * extent[1] + y) * extent[2]
    _mark_changes(voxels, line + first, last - first, chosen, n_steps, marks)
    x, n = begin, np.int64(0)
    while x < end:
        inner, n_found = first <= x < last, np.int64(0)
        if inner:
            for k in range(n_steps):
                n_found = _add(found, n, n_found, np.uint64(voxels[line + x + chosen[k]]))
        else:
            n_found = _find_at(voxels, extent, z, y, x, offsets, steps, found, n)
        before, x = x, x + 1
        while x < last and inner and marks[x - first] == 0:
            x += 1
        if inner and before > first and _equal(found, n - 1, counts[n - 1], n, n_found):
            ends[n - 1] = x
        else:
            counts[n], ends[n] = n_found, x
            n += 1
    return n


@inner_kernel
def _frame(extent, origin, shape, offsets, voxelwise):
    """How far the offsets reach; begin and end of the voxels near a block, and of those it holds whole."""
    reach, near, whole = np.zeros(3, np.int64), np.empty((2, 3), np.int64), np.empty((2, 3), np.int64)
    for axis in range(3):
        for k in range(offsets.shape[0]):
            reach[axis] = max(reach[axis], offsets[k, axis])
        begin, end = origin[axis], origin[axis] + extent[axis]
        near[0, axis], near[1, axis] = max(begin - reach[axis], 0), min(end + reach[axis], shape[axis])
        whole[0, axis] = 0 if begin == 0 else begin + reach[axis]
        whole[1, axis] = end if end == shape[axis] else end - reach[axis]
        if voxelwise:
            whole[1, axis] = whole[0, axis]
    return reach, near, whole


@kernel
def _gather(voxels, extent, origin, shape, starts, lengths, codes, offsets, voxelwise):
    keys, sums, used = np.empty((256, 3), np.uint64), np.empty((256, 4), np.int64), np.int64(0)
    loose, n_loose = np.empty((256, 3), np.uint64), np.int64(0)
    reach, near, whole = _frame(extent, origin, shape, offsets, voxelwise)
    found, marks = np.empty((shape[2], offsets.shape[0]), np.uint64), np.empty(shape[2], np.uint8)
    counts, ends = np.empty(shape[2], np.int64), np.empty(shape[2], np.int64)
    steps, chosen = np.empty(offsets.shape[0], np.int64), np.empty(offsets.shape[0], np.int64)
    for k in range(steps.size):
        steps[k] = (offsets[k, 0] * extent[1] + offsets[k, 1]) * extent[2] + offsets[k, 2]
    last = np.int64(0)
    for z in range(near[0, 0], near[1, 0]):
        row = z * shape[1] + near[0, 1]
        first = first_at_least(starts, row * shape[2], last, starts.size)
        last = first_at_least(starts, (z * shape[1] + near[1, 1]) * shape[2], first, starts.size)
        for r in range(first, last):
            while starts[r] >= (row + 1) * shape[2]:
                row += 1
            y, x = row - z * shape[1], max(starts[r] - row * shape[2], near[0, 2])
            stop = min(starts[r] - row * shape[2] + lengths[r], near[1, 2])
            if x >= stop:
                continue
            whole_line = whole[0, 0] <= z < whole[1, 0] and whole[0, 1] <= y < whole[1, 1]
            n_stretches = _find_stretches(
                voxels, extent, z - origin[0], y - origin[1], x - origin[2], stop - origin[2],
                offsets, steps, reach[2], chosen, found, counts, ends, marks,
            )  # fmt: skip
            for at in range(n_stretches):
                n, end = counts[at], ends[at] + origin[2]
                if whole_line and whole[0, 2] <= x < whole[1, 2]:
                    while used + n * (n + 1) // 2 > keys.shape[0]:
                        keys, sums = grow(keys), grow(sums)
                    x_sum = (end - x) * (x + end - 1) // 2
                    used = _emit(keys, sums, used, np.uint64(codes[r]), found, at, n, end - x, z, y, x_sum)
                else:
                    while n_loose + n * (end - x) > loose.shape[0]:
                        loose = grow(loose)
                    n_loose = _leave_open(loose, n_loose, row * shape[2] + x, end - x, codes[r], found, at, n)
                x = end
    return keys[:used], sums[:used], loose[:n_loose]


@kernel
def _close(open_voxels, order, height, width, max_found):
    keys, sums, used = np.empty((256, 3), np.uint64), np.empty((256, 4), np.int64), np.int64(0)
    found = np.empty((2, max_found), np.uint64)  # of the stretch that is not yet written down, and of the next voxel
    held = n_held = count = x_sum = n = np.int64(0)
    owner, last = np.uint64(0), np.int64(-2)
    for i in range(order.size + 1):
        if i < order.size:
            voxel = open_voxels[order[i]]
            n = _add(found, 1 - held, n, voxel[2])
            if i + 1 < order.size and open_voxels[order[i + 1], 0] == voxel[0]:
                continue
            place = np.int64(voxel[0])
            if place == last + 1 and place % width != 0 and voxel[1] == owner:
                if _equal(found, held, n_held, 1 - held, n):
                    count, x_sum, last, n = count + 1, x_sum + place % width, place, np.int64(0)
                    continue
        while used + n_held * (n_held + 1) // 2 > keys.shape[0]:
            keys, sums = grow(keys), grow(sums)
        row = last // width
        used = _emit(keys, sums, used, owner, found, held, n_held, count, row // height, row % height, x_sum)
        if i < order.size:
            owner, last, count, x_sum = voxel[1], place, 1, place % width
            held, n_held, n = 1 - held, n, np.int64(0)
    return keys[:used], sums[:used]
