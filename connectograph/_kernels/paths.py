"""Shortest paths through every node (Brandes 2001, J. Math. Sociol. 25)."""

from __future__ import annotations

import numpy as np

from connectograph._kernels import kernel

__all__ = ["count_paths_through"]


@kernel
def count_paths_through(start, target):
    """Betweenness: for each node the sum, over ordered pairs of others, of the share of shortest paths through it.

    Parameters
    ----------
    start : (n + 1,) array of int64
    target : (m,) array of int64
        Targets of node u are ``target[start[u]:start[u + 1]]``.

    Returns
    -------
    (n,) array of float64
    """
    n = start.size - 1
    between, order = np.zeros(n), np.empty(n, np.int64)
    distance, n_paths, credit = np.full(n, -1, np.int64), np.zeros(n), np.zeros(n)
    for root in range(n):
        order[0], distance[root], n_paths[root] = root, 0, 1.0
        head, tail = 0, 1
        while head < tail:
            u = order[head]
            head += 1
            for v in target[start[u] : start[u + 1]]:
                if distance[v] < 0:
                    distance[v] = distance[u] + 1
                    order[tail] = v
                    tail += 1
                if distance[v] == distance[u] + 1:
                    n_paths[v] += n_paths[u]
        for place in range(tail - 1, -1, -1):
            u = order[place]
            for v in target[start[u] : start[u + 1]]:
                if distance[v] == distance[u] + 1:
                    credit[u] += n_paths[u] / n_paths[v] * (1.0 + credit[v])
            if u != root:
                between[u] += credit[u]
        for u in order[:tail]:
            distance[u], n_paths[u], credit[u] = -1, 0.0, 0.0
    return between
