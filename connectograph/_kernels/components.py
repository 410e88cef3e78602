"""Sets of nodes that reach one another along the arrows (Tarjan 1972, SIAM J. Comput. 1)."""

from __future__ import annotations

import numpy as np

from connectograph._kernels import kernel

__all__ = ["largest_strong_component"]


@kernel
def largest_strong_component(start, target):
    """Nodes in the largest strongly connected component.

    Parameters
    ----------
    start : (n + 1,) array of int64
    target : (m,) array of int64
        Targets of node u are ``target[start[u]:start[u + 1]]``.

    Returns
    -------
    int
        0 without nodes.
    """
    n = start.size - 1
    number, lowest = np.zeros(n, np.int64), np.zeros(n, np.int64)  # in order of discovery, from 1 on
    is_open, following = np.zeros(n, np.bool_), start[:-1].copy()
    opened, path = np.empty(n, np.int64), np.empty(n, np.int64)
    n_known, n_open, largest = 0, 0, 0
    for root in range(n):
        depth = 0
        if number[root] == 0:
            path[0], depth = root, 1
        while depth:
            u = path[depth - 1]
            if number[u] == 0:
                n_known += 1
                number[u] = lowest[u] = n_known
                opened[n_open], is_open[u] = u, True
                n_open += 1
            if following[u] < start[u + 1]:
                v = target[following[u]]
                following[u] += 1
                if number[v] == 0:
                    path[depth] = v
                    depth += 1
                elif is_open[v]:
                    lowest[u] = min(lowest[u], number[v])
                continue
            depth -= 1
            if depth:
                lowest[path[depth - 1]] = min(lowest[path[depth - 1]], lowest[u])
            if lowest[u] == number[u]:
                first = n_open
                while is_open[u]:
                    n_open -= 1
                    is_open[opened[n_open]] = False
                largest = max(largest, first - n_open)
    return largest
