"""Which segments lie within the dilation of each synapse voxel: gathered block by block, closed across block faces.

A block reports records (synapse code, segment a, segment b, with a <= b; a = b says "touches a") for the voxels
whose whole neighbourhood it holds, summed over the voxels; for the others it reports the segments found at each
voxel, and :func:`close_voxels` turns those into the same records once all blocks were seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph._kernels import kernel
from connectograph._kernels.hashing import sum_by_key
from connectograph._kernels.runs import grow

_IGNORE = np.uint64(2**64 - 2)

Array = npt.NDArray[Any]


def gather_block(
    block: Array, origin: Array, shape: Array, starts: Array, lengths: Array, codes: Array, offsets: Array
) -> tuple[Array, Array, Array]:
    """Records of the synapse voxels near one block.

    Parameters
    ----------
    block : (z, y, x) array of unsigned int
    origin, shape : (3,) int64
        First voxel of the block, size of the volume.
    starts, lengths, codes : (R,) arrays
        Synapse runs sorted by start (linear index in the volume).
    offsets : (K, 3) int64
        Symmetric about 0.

    Returns
    -------
    keys : (n, 3) uint64, sums : (n, 4) int64
        Synapse code, a, b; voxels and their index sums (z, y, x).
    open_voxels : (m, 3) uint64
        Linear index, synapse code, segment, sorted by linear index: voxels whose neighbourhood the block holds only
        in part.
    """
    reach, end = np.abs(offsets).max(axis=0), origin + block.shape
    near = np.array([np.maximum(origin - reach, 0), np.minimum(end + reach, shape)])
    whole = np.array([np.where(origin == 0, 0, origin + reach), np.where(end == shape, shape, end - reach)])
    z = np.arange(near[0, 0], near[1, 0])
    first = np.searchsorted(starts, (z * shape[1] + near[0, 1]) * shape[2])
    last = np.searchsorted(starts, (z * shape[1] + near[1, 1]) * shape[2])
    if not (last > first).any():
        return np.empty((0, 3), np.uint64), np.empty((0, 4), np.int64), np.empty((0, 3), np.uint64)
    steps = (offsets[:, 0] * block.shape[1] + offsets[:, 1]) * block.shape[2] + offsets[:, 2]
    keys, sums, open_voxels = _gather(
        block.reshape(-1), np.array(block.shape), origin, shape, near, whole, first, last,
        starts, lengths, codes, offsets, steps, reach,
    )  # fmt: skip
    return *sum_by_key(keys, sums), open_voxels


def close_voxels(open_voxels: Array, height: int, width: int, max_found: int) -> tuple[Array, Array]:
    """Records of the voxels that no block held whole, from what all blocks found at them."""
    order = np.argsort(open_voxels[:, 0], kind="stable")  # sorted within each block: merging is quick
    return sum_by_key(*_close(open_voxels, order, height, width, max_found))


@kernel
def _emit(keys, sums, used, code, found, n_found, count, z, y, x_sum):
    """Write a record for every unordered pair of found segments (and for each alone) where there is room."""
    for i in range(n_found):
        for j in range(i, n_found):
            keys[used, 0] = np.uint64(code)
            keys[used, 1], keys[used, 2] = min(found[i], found[j]), max(found[i], found[j])
            sums[used, 0], sums[used, 1], sums[used, 2], sums[used, 3] = count, count * z, count * y, x_sum
            used += 1
    return used


@kernel
def _equal(first, n_first, second, n_second):
    """Whether two lists hold the same segments in the same order."""
    if n_first != n_second:
        return False
    for i in range(n_first):
        if first[i] != second[i]:
            return False
    return True


@kernel
def _add(found, n, value):
    """Put a segment into a list unless it is background or there already; the length of the list."""
    if value == 0 or value >= _IGNORE:
        return n
    for i in range(n):
        if found[i] == value:
            return n
    found[n] = value
    return n + 1


@kernel
def _find_line(voxels, n_z, n_y, n_x, z, y, begin, end, offsets, steps, reach, found, counts):
    """Distinct segments at (z, y, x) + offsets, as far as these lie in the block, for each x of a stretch."""
    inside = reach[0] <= z < n_z - reach[0] and reach[1] <= y < n_y - reach[1]
    for x in range(begin, end):
        here, n = found[x - begin], 0
        place = (z * n_y + y) * n_x + x
        if inside and reach[2] <= x < n_x - reach[2]:
            for k in range(steps.size):
                n = _add(here, n, np.uint64(voxels[place + steps[k]]))
        else:
            for k in range(steps.size):
                i, j, m = z + offsets[k, 0], y + offsets[k, 1], x + offsets[k, 2]
                if 0 <= i < n_z and 0 <= j < n_y and 0 <= m < n_x:
                    n = _add(here, n, np.uint64(voxels[place + steps[k]]))
        counts[x - begin] = n


@kernel
def _gather(voxels, extent, origin, shape, near, whole, first, last, starts, lengths, codes, offsets, steps, reach):
    keys, sums, used = np.empty((256, 3), np.uint64), np.empty((256, 4), np.int64), 0
    loose, n_loose = np.empty((256, 3), np.uint64), 0
    found, counts = np.empty((shape[2], offsets.shape[0]), np.uint64), np.empty(shape[2], np.int64)
    for plane in range(first.size):
        z = near[0, 0] + plane
        for r in range(first[plane], last[plane]):
            row = starts[r] // shape[2]
            y = row - z * shape[1]
            begin = max(starts[r] - row * shape[2], near[0, 2])
            stop = min(starts[r] - row * shape[2] + lengths[r], near[1, 2])
            _find_line(
                voxels, extent[0], extent[1], extent[2], z - origin[0], y - origin[1],
                begin - origin[2], stop - origin[2], offsets, steps, reach, found, counts,
            )  # fmt: skip
            whole_line = whole[0, 0] <= z < whole[1, 0] and whole[0, 1] <= y < whole[1, 1]
            since = begin  # start of the stretch with the same segments that is not yet written down
            for x in range(begin, stop):
                n = counts[x - begin]
                if not (whole_line and whole[0, 2] <= x < whole[1, 2]):
                    while n_loose + n > loose.shape[0]:
                        loose = grow(loose)
                    for k in range(n):
                        loose[n_loose, 0] = np.uint64(row * shape[2] + x)
                        loose[n_loose, 1], loose[n_loose, 2] = np.uint64(codes[r]), found[x - begin, k]
                        n_loose += 1
                    since = x + 1
                    continue
                if x + 1 < min(stop, whole[1, 2]):
                    if _equal(found[x - begin], n, found[x + 1 - begin], counts[x + 1 - begin]):
                        continue
                while used + n * (n + 1) // 2 > keys.shape[0]:
                    keys, sums = grow(keys), grow(sums)
                count = x + 1 - since
                x_sum = count * since + count * (count - 1) // 2
                used = _emit(keys, sums, used, codes[r], found[x - begin], n, count, z, y, x_sum)
                since = x + 1
    return keys[:used], sums[:used], loose[:n_loose]


@kernel
def _close(open_voxels, order, height, width, max_found):
    keys, sums, used = np.empty((256, 3), np.uint64), np.empty((256, 4), np.int64), 0
    found = np.empty((2, max_found), np.uint64)  # of the stretch that is not yet written down, and of the next voxel
    held, n_held, count, x_sum, owner, last = 0, 0, 0, 0, np.uint64(0), -2
    n = 0
    for i in range(order.size + 1):
        if i < order.size:
            voxel = open_voxels[order[i]]
            n = _add(found[1 - held], n, voxel[2])
            if i + 1 < order.size and open_voxels[order[i + 1], 0] == voxel[0]:
                continue
            place = np.int64(voxel[0])
            if place == last + 1 and place % width != 0 and voxel[1] == owner:
                if _equal(found[0], n if held else n_held, found[1], n_held if held else n):
                    count, x_sum, last, n = count + 1, x_sum + place % width, place, 0
                    continue
        while used + n_held * (n_held + 1) // 2 > keys.shape[0]:
            keys, sums = grow(keys), grow(sums)
        row = last // width
        used = _emit(keys, sums, used, owner, found[held], n_held, count, row // height, row % height, x_sum)
        if i < order.size:
            owner, last, count, x_sum = voxel[1], place, 1, place % width
            held, n_held, n = 1 - held, n, 0
    return keys[:used], sums[:used]
