"""Two label blocks as one: the pair of ids at each voxel as one number."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph._kernels import inner_kernel, kernel

Array = npt.NDArray[Any]


def join_blocks(truth: Array, predicted: Array, true_ids: Array, predicted_ids: Array) -> Array:
    """(i * (number of predicted ids + 1) + j) at each voxel, i and j the places of its ids among those given, from 1.

    Both blocks have one shape and type; the ids are sorted uint64. What is not among them is 0.
    """
    joined = np.empty(truth.shape, np.uint64)
    _join(truth.reshape(-1), predicted.reshape(-1), true_ids, predicted_ids, joined.reshape(-1))
    return joined


@inner_kernel
def _find_place(ids, value):
    """Place of a value among sorted ids, from 1; 0 if it is not there."""
    low, high = 0, ids.size
    while low < high:
        middle = (low + high) // 2
        if ids[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low + 1 if low < ids.size and ids[low] == value else 0


@kernel
def _join(truth, predicted, true_ids, predicted_ids, joined):
    width = predicted_ids.size + 1
    value = np.uint64(0)
    for k in range(truth.size):
        if k == 0 or truth[k] != truth[k - 1] or predicted[k] != predicted[k - 1]:
            one = _find_place(true_ids, np.uint64(truth[k]))
            value = np.uint64(one * width + _find_place(predicted_ids, np.uint64(predicted[k])))
        joined[k] = value
