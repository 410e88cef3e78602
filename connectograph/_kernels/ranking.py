"""The strongest partners of every neuron."""

from __future__ import annotations

import numpy as np

from connectograph._kernels import kernel

__all__ = ["share_places"]


@kernel
def share_places(start, weight, k):
    """Share of each entry in the k first places of its row; entries of weight 0 take no place.

    Entries above the last place have 1; those that tie for it share what is left, so that a row's shares add up to k
    (or to its number of entries, if that is less).

    Parameters
    ----------
    start : (n + 1,) array of int64
    weight : (m,) array of int64
        Entries of row u are ``weight[start[u]:start[u + 1]]``.
    k : int

    Returns
    -------
    (m,) array of float64
    """
    share = np.zeros(weight.size)
    best = np.empty(k, np.int64)
    for row in range(start.size - 1):
        entries = range(start[row], start[row + 1])
        filled = 0
        for entry in entries:
            value = weight[entry]
            if value > 0 and (filled < k or value > best[filled - 1]):
                filled = min(k, filled + 1)
                place = filled - 1
                while place > 0 and best[place - 1] < value:
                    best[place] = best[place - 1]
                    place -= 1
                best[place] = value
        if filled == 0:
            continue
        last = best[filled - 1]
        n_above, n_tied = 0, 0
        for entry in entries:
            n_above += weight[entry] > last
            n_tied += weight[entry] == last
        for entry in entries:
            if weight[entry] > last:
                share[entry] = 1.0
            elif weight[entry] == last:
                share[entry] = (filled - n_above) / n_tied
    return share
