"""Partners of every neuron, row by row, and the strongest of them."""

from __future__ import annotations

import numpy as np

from connectograph._kernels import kernel

__all__ = ["merge_rows", "order_by", "overlap_rows"]

_NEVER = np.iinfo(np.int64).max


@kernel
def order_by(node, n_nodes):
    """Entries by node (below `n_nodes`), those of a node in their order: counting, not comparing. (m,) int64."""
    free = np.zeros(n_nodes + 1, np.int64)
    for i in range(node.size):
        free[node[i] + 1] += 1
    for u in range(n_nodes):
        free[u + 1] += free[u]
    order = np.empty(node.size, np.int64)
    for i in range(node.size):
        order[free[node[i]]] = i
        free[node[i]] += 1
    return order


@kernel
def merge_rows(start, target, in_start, order, source, truth, predicted):
    """Rows of all partners of every node, the weights of both directions added.

    Parameters
    ----------
    start, in_start : (n + 1,) arrays of int64
        First entry of each node as source, and in `order` as target.
    target, source : (m,) arrays of int64
        Sorted by (source, target).
    order : (m,) array of int64
        Entries by (target, source).
    truth, predicted : (m,) arrays of int64

    Returns
    -------
    start : (n + 1,) array of int64
    truth, predicted : (p,) arrays of int64
    """
    starts = np.zeros(start.size, np.int64)
    true, found = np.empty(2 * target.size, np.int64), np.empty(2 * target.size, np.int64)
    filled = 0
    for u in range(start.size - 1):
        i, j = start[u], in_start[u]
        while i < start[u + 1] or j < in_start[u + 1]:
            after = target[i] if i < start[u + 1] else _NEVER
            before = source[order[j]] if j < in_start[u + 1] else _NEVER
            true[filled], found[filled] = 0, 0
            if after <= before:
                true[filled] += truth[i]
                found[filled] += predicted[i]
                i += 1
            if before <= after:
                true[filled] += truth[order[j]]
                found[filled] += predicted[order[j]]
                j += 1
            filled += 1
        starts[u + 1] = filled
    return starts, true[:filled], found[:filled]


@kernel
def overlap_rows(start, truth, predicted, k):
    """Overlap of the k strongest entries of each row in the truth and in the prediction, 0 to 1; NaN for empty rows.

    Each entry has a share in the k places: 1 above the last place, an equal part of what is left if it ties for it.

    Parameters
    ----------
    start : (n + 1,) array of int64
    truth, predicted : (m,) arrays of int64
        Entries of row u are ``start[u]`` to ``start[u + 1]``; those of weight 0 take no place.
    k : int

    Returns
    -------
    (n,) array of float64
    """
    overlap, best = np.full(start.size - 1, np.nan), np.empty(k, np.int64)
    for row in range(start.size - 1):
        if start[row] == start[row + 1]:
            continue
        left, right = truth[start[row] : start[row + 1]], predicted[start[row] : start[row + 1]]
        last, tied, filled = _find_last(left, best)
        other_last, other_tied, other_filled = _find_last(right, best)
        if filled == 0 and other_filled == 0:
            continue
        common = 0.0
        for i in range(left.size):
            common += min(_share(left[i], last, tied), _share(right[i], other_last, other_tied))
        overlap[row] = common / max(filled, other_filled)
    return overlap


@kernel
def _find_last(weight, best):
    """Weight at the last of the places of `best`, the share of what ties for it, and the number of places taken."""
    filled = 0
    for value in weight:
        if value > 0 and (filled < best.size or value > best[filled - 1]):
            filled = min(best.size, filled + 1)
            place = filled - 1
            while place > 0 and best[place - 1] < value:
                best[place] = best[place - 1]
                place -= 1
            best[place] = value
    if filled == 0:
        return _NEVER, 0.0, 0
    last, n_above, n_tied = best[filled - 1], 0, 0
    for value in weight:
        n_above += value > last
        n_tied += value == last
    return last, (filled - n_above) / n_tied, filled


@kernel
def _share(value, last, tied):
    if value > last:
        return 1.0
    return tied if value == last else 0.0
