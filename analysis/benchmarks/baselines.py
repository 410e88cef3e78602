"""Plain ways to the same answers, to be compared with."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from scipy import ndimage

__all__ = ["count_overlaps", "dilate_every_segment"]

FIRST_SPECIAL = 2**64 - 2
PAIR = numba.types.UniTuple(numba.uint64, 2)


def dilate_every_segment(segmentation: npt.NDArray[Any], clefts: npt.NDArray[Any]) -> dict[Any, int]:
    """Voxels of each cleft inside the overlap of two dilated segments, by (cleft, a, b); dilation 1."""
    ids, dense = np.unique(segmentation, return_inverse=True)
    dense = dense.reshape(segmentation.shape) + 1
    is_cleft = (clefts > 0) & (clefts < FIRST_SPECIAL)
    cross = ndimage.generate_binary_structure(3, 1)
    near: dict[Any, list[int]] = {}
    for number, box in zip(ids.tolist(), ndimage.find_objects(dense), strict=True):
        if not 0 < number < FIRST_SPECIAL:
            continue
        wide = tuple(slice(max(part.start - 1, 0), part.stop + 1) for part in box)
        hit = ndimage.binary_dilation(segmentation[wide] == number, cross) & is_cleft[wide]
        for voxel in (np.argwhere(hit) + [part.start for part in wide]).tolist():
            near.setdefault(tuple(voxel), []).append(number)
    return _count_pairs(near, clefts)


def _count_pairs(near: dict[Any, list[int]], clefts: npt.NDArray[Any]) -> dict[Any, int]:
    pairs: dict[Any, int] = {}
    for voxel, segments in near.items():
        for a, b in combinations(segments, 2):
            key = (int(clefts[voxel]), a, b)
            pairs[key] = pairs.get(key, 0) + 1
    return pairs


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def count_overlaps(labels: npt.NDArray[Any], offsets: npt.NDArray[Any]) -> Any:
    """Rows (a, b, voxels with both within the offsets): every voxel, every offset, every pair."""
    counts = numba.typed.Dict.empty(PAIR, numba.int64)
    near = np.empty(len(offsets), np.uint64)
    shape = labels.shape
    for z in range(shape[0]):
        for y in range(shape[1]):
            for x in range(shape[2]):
                n = 0
                for dz, dy, dx in offsets:
                    k, j, i = z + dz, y + dy, x + dx
                    if 0 <= k < shape[0] and 0 <= j < shape[1] and 0 <= i < shape[2]:
                        value = labels[k, j, i]
                        known = 0
                        while known < n and near[known] != value:
                            known += 1
                        if known == n and 0 < value < np.uint64(FIRST_SPECIAL):
                            near[n] = value
                            n += 1
                for p in range(n):
                    for q in range(n):
                        if near[p] < near[q]:
                            pair = (near[p], near[q])
                            counts[pair] = counts.get(pair, 0) + 1
    rows = np.empty((len(counts), 3), np.uint64)
    for i, (pair, count) in enumerate(counts.items()):
        rows[i, 0], rows[i, 1], rows[i, 2] = pair[0], pair[1], count
    return rows
