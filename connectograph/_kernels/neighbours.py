"""Which segments lie within the dilation of each synapse voxel: gathered block by block, closed across block faces.

A block reports records (synapse code, segment a, segment b, with a <= b; a = b says "touches a") for the voxels
whose whole neighbourhood it holds, summed over the voxels; for the others it reports the segments found at each
voxel, and :func:`close_voxels` turns those into the same records once all blocks were seen.
"""

from __future__ import annotations

import numpy as np

from connectograph._kernels import kernel
from connectograph._kernels.hashing import sum_by_key
from connectograph._kernels.runs import grow

_IGNORE = np.uint64(2**64 - 2)


@kernel
def _emit(keys, sums, used, code, found, n_found, count, z, y, x_sum):
    """Append a record for every unordered pair of found segments (and for each alone)."""
    need = used + n_found * (n_found + 1) // 2
    while need > keys.shape[0]:
        keys, sums = grow(keys), grow(sums)
    for i in range(n_found):
        for j in range(i, n_found):
            keys[used, 0] = np.uint64(code)
            keys[used, 1], keys[used, 2] = min(found[i], found[j]), max(found[i], found[j])
            sums[used, 0], sums[used, 1], sums[used, 2], sums[used, 3] = count, count * z, count * y, x_sum
            used += 1
    return keys, sums, used


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
def _find_line(block, z, y, begin, end, offsets, steps, reach, found, counts):
    """Distinct segments at (z, y, x) + offsets, as far as these lie in the block, for each x of a stretch."""
    n_z, n_y, n_x = block.shape
    voxels = block.reshape(-1)
    inside = reach[0] <= z < n_z - reach[0] and reach[1] <= y < n_y - reach[1]
    for x in range(begin, end):
        here, n = found[x - begin], 0
        if inside and reach[2] <= x < n_x - reach[2]:
            place = (z * n_y + y) * n_x + x
            for k in range(steps.size):
                n = _add(here, n, np.uint64(voxels[place + steps[k]]))
        else:
            for k in range(steps.size):
                i, j, m = z + offsets[k, 0], y + offsets[k, 1], x + offsets[k, 2]
                if 0 <= i < n_z and 0 <= j < n_y and 0 <= m < n_x:
                    n = _add(here, n, np.uint64(block[i, j, m]))
        counts[x - begin] = n


@kernel
def gather_block(block, origin, shape, starts, lengths, codes, offsets, reach):
    """Records of the synapse voxels near one block.

    Parameters
    ----------
    block : (z, y, x) array of unsigned int
    origin, shape, reach : (3,) int64
        First voxel of the block, size of the volume, largest offset along each axis.
    starts, lengths, codes : (R,) arrays
        Synapse runs sorted by start (linear index in the volume).
    offsets : (K, 3) int64

    Returns
    -------
    keys : (n, 3) uint64, sums : (n, 4) int64
        Synapse code, a, b; voxels and their index sums (z, y, x).
    open_voxels : (m, 3) uint64
        Linear index, synapse code, segment, sorted by linear index: voxels whose neighbourhood the block holds only
        in part.
    """
    keys, sums = np.empty((256, 3), np.uint64), np.empty((256, 4), np.int64)
    loose = np.empty((256, 3), np.uint64)
    used, n_loose = 0, 0
    found, counts = np.empty((256, offsets.shape[0]), np.uint64), np.empty(256, np.int64)
    steps = (offsets[:, 0] * block.shape[1] + offsets[:, 1]) * block.shape[2] + offsets[:, 2]
    height, width = shape[1], shape[2]
    end = origin + np.array(block.shape)
    low, high = np.maximum(origin - reach, 0), np.minimum(end + reach, shape)
    whole_low = np.where(origin == 0, 0, origin + reach)
    whole_high = np.where(end == shape, shape, end - reach)
    for z in range(low[0], high[0]):
        first = np.searchsorted(starts, (z * height + low[1]) * width)
        last = np.searchsorted(starts, (z * height + high[1]) * width)
        for r in range(first, last):
            row = starts[r] // width
            y = row - z * height
            begin = max(starts[r] - row * width, low[2])
            stop = min(starts[r] - row * width + lengths[r], high[2])
            if begin >= stop:
                continue
            while stop - begin > counts.size:
                found, counts = grow(found), grow(counts)
            at = z - origin[0], y - origin[1], begin - origin[2], stop - origin[2]
            _find_line(block, *at, offsets, steps, reach, found, counts)
            whole = whole_low[0] <= z < whole_high[0] and whole_low[1] <= y < whole_high[1]
            since = begin  # start of the stretch with the same segments that is not yet written down
            for x in range(begin, stop):
                i = x - begin
                if whole and whole_low[2] <= x < whole_high[2]:
                    if x + 1 < min(stop, whole_high[2]) and _equal(found[i], counts[i], found[i + 1], counts[i + 1]):
                        continue
                    count = x + 1 - since
                    x_sum = count * since + count * (count - 1) // 2
                    keys, sums, used = _emit(keys, sums, used, codes[r], found[i], counts[i], count, z, y, x_sum)
                else:
                    while n_loose + counts[i] > loose.shape[0]:
                        loose = grow(loose)
                    for k in range(counts[i]):
                        loose[n_loose, 0] = np.uint64(row * width + x)
                        loose[n_loose, 1], loose[n_loose, 2] = np.uint64(codes[r]), found[i, k]
                        n_loose += 1
                since = x + 1
    keys, sums = sum_by_key(keys[:used], sums[:used])
    return keys, sums, loose[:n_loose].copy()


@kernel
def close_voxels(voxels, order, height, width, max_found):
    """Records of the voxels that no block held whole: `order` sorts `voxels` (m, 3) by linear index."""
    keys, sums = np.empty((256, 3), np.uint64), np.empty((256, 4), np.int64)
    used, n, n_before = 0, 0, 0
    found, before = np.empty(max_found, np.uint64), np.empty(max_found, np.uint64)
    code, x_sum, count, last = np.int64(-1), 0, 0, np.int64(-2)
    i = 0
    while i < order.size:
        place, owner = np.int64(voxels[order[i], 0]), np.int64(voxels[order[i], 1])
        n = 0
        while i < order.size and np.int64(voxels[order[i], 0]) == place:
            n = _add(found, n, voxels[order[i], 2])
            i += 1
        follows = place == last + 1 and place % width != 0 and owner == code
        if not (follows and _equal(found, n, before, n_before)):
            if count > 0:
                row = last // width
                keys, sums, used = _emit(
                    keys, sums, used, code, before, n_before, count, row // height, row % height, x_sum
                )
            for k in range(n):
                before[k] = found[k]
            n_before, code, count, x_sum = n, owner, 0, 0
        count += 1
        x_sum += place % width
        last = place
    if count > 0:
        row = last // width
        keys, sums, used = _emit(keys, sums, used, code, before, n_before, count, row // height, row % height, x_sum)
    return sum_by_key(keys[:used], sums[:used])
