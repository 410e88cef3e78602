"""Partners of every neuron, row by row, and the strongest of them."""

from __future__ import annotations

import numpy as np

from connectograph._kernels import inner_kernel, kernel

__all__ = ["cosine_without", "merge_rows", "order_by", "overlap_rows", "overlap_without"]

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
    partner, truth, predicted : (p,) arrays of int64
    """
    starts, partner = np.zeros(start.size, np.int64), np.empty(2 * target.size, np.int64)
    true, found = np.empty(2 * target.size, np.int64), np.empty(2 * target.size, np.int64)
    filled = 0
    for u in range(start.size - 1):
        i, j = start[u], in_start[u]
        while i < start[u + 1] or j < in_start[u + 1]:
            after = target[i] if i < start[u + 1] else _NEVER
            before = source[order[j]] if j < in_start[u + 1] else _NEVER
            partner[filled], true[filled], found[filled] = min(after, before), 0, 0
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
    return starts, partner[:filled], true[:filled], found[:filled]


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
        rows = slice(start[row], start[row + 1])
        overlap[row] = _overlap_row(truth[rows], predicted[rows], best)[0]
    return overlap


@kernel
def overlap_without(start, partner, truth, predicted, k, n_groups):
    """Mean of `overlap_rows` without each group of nodes, as rows and as entries; node u is of group u % n_groups.

    Entries that take no place do not matter: without them, nothing is computed anew. NaN where no row is left.

    Returns
    -------
    (n_groups + 1,) array of float64
        Last: with all nodes.
    """
    change, count, best = np.zeros(n_groups + 1), np.zeros(n_groups + 1, np.int64), np.empty(k, np.int64)
    group, left, right = np.empty_like(partner), np.empty_like(partner), np.empty_like(partner)
    done, whole, n_whole = np.empty(n_groups, np.bool_), 0.0, 0
    for row in range(start.size - 1):
        rows = slice(start[row], start[row + 1])
        overlap, last, other_last = _overlap_row(truth[rows], predicted[rows], best)
        if np.isnan(overlap):
            continue
        whole, n_whole = whole + overlap, n_whole + 1
        own, n = row % n_groups, start[row + 1] - start[row]
        change[own] -= overlap
        count[own] -= 1
        for i in range(n_groups):
            done[i] = i == own
        for i in range(n):
            group[i] = partner[start[row] + i] % n_groups
        for i in range(n):
            lost = group[i]
            if done[lost] or (truth[start[row] + i] < last and predicted[start[row] + i] < other_last):
                continue
            done[lost] = True
            n_left = 0
            for j in range(n):
                left[n_left], right[n_left] = truth[start[row] + j], predicted[start[row] + j]
                n_left += group[j] != lost
            without = _overlap_row(left[:n_left], right[:n_left], best)[0]
            change[lost] += -overlap if np.isnan(without) else without - overlap
            count[lost] -= np.isnan(without)
    return _means(change, count, whole, n_whole)


@kernel
def cosine_without(start, partner, truth, predicted, n_groups):
    """Mean cosine of truth and prediction of the rows without each group of nodes, likewise; 0 if one is all 0."""
    change, count, sums = np.zeros(n_groups + 1), np.zeros(n_groups + 1, np.int64), np.empty((n_groups + 1, 4))
    whole, n_whole = 0.0, 0
    for row in range(start.size - 1):
        if start[row] == start[row + 1]:
            continue
        sums.fill(0)
        for i in range(start[row], start[row + 1]):
            x, y = float(truth[i]), float(predicted[i])
            for part in (partner[i] % n_groups, n_groups):
                sums[part, 0] += x * y
                sums[part, 1] += x * x
                sums[part, 2] += y * y
                sums[part, 3] += 1
        xy, xx, yy, n = sums[n_groups, 0], sums[n_groups, 1], sums[n_groups, 2], sums[n_groups, 3]
        cosine = _cosine_of(xy, xx, yy)
        whole, n_whole = whole + cosine, n_whole + 1
        for lost in range(n_groups):
            if lost == row % n_groups or sums[lost, 3] == n:
                change[lost] -= cosine
                count[lost] -= 1
            elif sums[lost, 3]:
                change[lost] += _cosine_of(xy - sums[lost, 0], xx - sums[lost, 1], yy - sums[lost, 2]) - cosine
    return _means(change, count, whole, n_whole)


@inner_kernel
def _means(change, count, whole, n_whole):
    """Means of what is left of a whole after each change of its sum and number; NaN where nothing is."""
    for k in range(change.size):
        n_left = n_whole + count[k]
        change[k] = (whole + change[k]) / n_left if n_left else np.nan
    return change


@inner_kernel
def _cosine_of(xy, xx, yy):
    """From the sums of products, of squares of the truth, and of the prediction."""
    length = np.sqrt(xx) * np.sqrt(yy)
    return min(xy / length, 1.0) if length > 0 else 0.0


@inner_kernel
def _overlap_row(left, right, best):
    """Overlap of the strongest entries of one row, NaN if there are none; the weight at the last place of each side."""
    last, tied, filled = _find_last(left, best)
    other_last, other_tied, other_filled = _find_last(right, best)
    if filled == 0 and other_filled == 0:
        return np.nan, last, other_last
    common = 0.0
    for i in range(left.size):
        common += min(_share(left[i], last, tied), _share(right[i], other_last, other_tied))
    return common / max(filled, other_filled), last, other_last


@inner_kernel
def _find_last(weight, best):
    """Weight at the last of the places of `best`, the share of what ties for it, and the number of places taken."""
    filled = 0
    for i in range(weight.size):
        value = weight[i]
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
    for i in range(weight.size):
        n_above += weight[i] > last
        n_tied += weight[i] == last
    return last, (filled - n_above) / n_tied, filled


@inner_kernel
def _share(value, last, tied):
    if value > last:
        return 1.0
    return tied if value == last else 0.0
