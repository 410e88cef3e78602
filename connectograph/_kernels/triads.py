"""Triangles of a graph by what their three dyads are: degree-ordered listing (Latapy 2008, Theor. Comput. Sci. 407).

Conventions: nodes are ranks by number of partners, smallest first; each dyad (connected pair) is stored once, at its
lower rank, so that a row has at most sqrt(2 m) entries however large the hubs are. A dyad's code has two bits: 1 =
lower to higher rank, 2 = higher to lower, 3 = both. Each triangle u < v < w is met exactly once.
"""

from __future__ import annotations

import numpy as np

from connectograph._kernels import kernel

__all__ = ["count_closed", "count_corners", "count_four_cliques", "orient_dyads"]


@kernel
def orient_dyads(rank, low, high, code):
    """Rows of dyads by lower rank.

    Parameters
    ----------
    rank : (n,) array of int32
    low, high : (m,) arrays of int64
    code : (m,) array of uint8

    Returns
    -------
    start : (n + 1,) array of int64
    higher : (m,) array of int32
        Ranks.
    code : (m,) array of uint8
    """
    start = np.zeros(rank.size + 1, np.int64)
    for dyad in range(low.size):
        start[min(rank[low[dyad]], rank[high[dyad]]) + 1] += 1
    for node in range(rank.size):
        start[node + 1] += start[node]
    free = start[:-1].copy()
    higher, codes = np.empty(low.size, np.int32), np.empty(low.size, np.uint8)
    for dyad in range(low.size):
        u, v, bits = rank[low[dyad]], rank[high[dyad]], code[dyad]
        if u > v:
            u, v, bits = v, u, (bits >> 1) | ((bits & 1) << 1)
        higher[free[u]], codes[free[u]] = v, bits
        free[u] += 1
    return start, higher, codes


@kernel
def count_closed(start, higher, code):
    """Number of triangles for each 16 code(u, v) + 4 code(u, w) + code(v, w): (64,) array of int64."""
    bins = np.zeros(64, np.int64)
    mark = np.zeros(start.size - 1, np.uint8)
    for u in range(start.size - 1):
        row = range(start[u], start[u + 1])
        for uw in row:
            mark[higher[uw]] = code[uw]
        for uv in row:
            v = higher[uv]
            for vw in range(start[v], start[v + 1]):
                bits = mark[higher[vw]]
                if bits:
                    bins[np.int64(code[uv]) << 4 | np.int64(bits) << 2 | code[vw]] += 1
        for uw in row:
            mark[higher[uw]] = 0
    return bins


@kernel
def count_corners(start, higher, code):
    """Triangles at each node, plain and with each mutual dyad counted twice: two (n,) arrays of int64."""
    plain, weighted = np.zeros(start.size - 1, np.int64), np.zeros(start.size - 1, np.int64)
    mark = np.zeros(start.size - 1, np.uint8)
    for u in range(start.size - 1):
        row = range(start[u], start[u + 1])
        for uw in row:
            mark[higher[uw]] = 1 + (code[uw] == 3)
        for uv in row:
            v, arcs = higher[uv], 1 + (code[uv] == 3)
            n_v, weight_v = 0, 0
            for vw in range(start[v], start[v + 1]):
                w = higher[vw]
                if mark[w]:
                    product = arcs * mark[w] * (1 + (code[vw] == 3))
                    plain[w] += 1
                    weighted[w] += product
                    n_v += 1
                    weight_v += product
            plain[v] += n_v
            weighted[v] += weight_v
            plain[u] += n_v
            weighted[u] += weight_v
        for uw in row:
            mark[higher[uw]] = 0
    return plain, weighted


@kernel
def count_four_cliques(start, higher):
    """Number of sets of four nodes that are all connected with one another."""
    mark = np.zeros(start.size - 1, np.uint8)
    common = np.empty(start.size - 1, np.int32)
    total = 0
    for u in range(start.size - 1):
        row = range(start[u], start[u + 1])
        for uw in row:
            mark[higher[uw]] = 1
        for uv in row:
            n_common = 0
            for vw in range(start[higher[uv]], start[higher[uv] + 1]):
                if mark[higher[vw]]:
                    common[n_common] = higher[vw]
                    n_common += 1
            for w in common[:n_common]:
                mark[w] = 2
            for w in common[:n_common]:
                for wx in range(start[w], start[w + 1]):
                    total += mark[higher[wx]] == 2
            for w in common[:n_common]:
                mark[w] = 1
        for uw in row:
            mark[higher[uw]] = 0
    return total
