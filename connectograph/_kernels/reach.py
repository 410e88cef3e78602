"""How many steps it takes from some nodes to all others, 64 of them at a time."""

from __future__ import annotations

import numpy as np

from connectograph._kernels import inner_kernel, kernel

__all__ = ["count_steps"]

_WORD = 64


@kernel
def count_steps(start, target, sources):
    """Number of nodes reached from the sources, and the steps of the shortest paths there, summed over the sources.

    A search in breadth that carries one bit for each of 64 sources: nodes that several of them reach at the same time
    are looked at once (Then et al., Proc. VLDB Endow. 8, 2014).

    Parameters
    ----------
    start : (n + 1,) array of int64
    target : (m,) array of int64
        Targets of node u are ``target[start[u]:start[u + 1]]``.
    sources : (s,) array of int64

    Returns
    -------
    n_reached, n_steps : int
    """
    n = start.size - 1
    seen, now, after = np.zeros(n, np.uint64), np.zeros(n, np.uint64), np.zeros(n, np.uint64)
    queue, following = np.empty(n, np.int64), np.empty(n, np.int64)
    n_reached, n_steps = np.int64(0), np.int64(0)
    for first in range(0, sources.size, _WORD):
        n_queued, depth = min(_WORD, sources.size - first), 0
        seen.fill(0)
        for bit in range(n_queued):
            queue[bit] = sources[first + bit]
            now[queue[bit]] = seen[queue[bit]] = np.uint64(1) << np.uint64(bit)
        while n_queued:
            n_queued = _advance(start, target, queue, n_queued, seen, now, after, following)
            depth += 1
            for v in following[:n_queued]:
                seen[v] |= after[v]
                found = _count_bits(after[v])
                n_reached += found
                n_steps += depth * found
                now[v], after[v] = after[v], 0
            queue, following = following, queue
    return n_reached, n_steps


@inner_kernel
def _advance(start, target, queue, n_queued, seen, now, after, following):
    """Bits that arrive at nodes for the first time; number of such nodes, which fill `following`."""
    n_following = 0
    for u in queue[:n_queued]:
        for v in target[start[u] : start[u + 1]]:
            arrived = now[u] & ~seen[v]
            if arrived:
                if not after[v]:
                    following[n_following] = v
                    n_following += 1
                after[v] |= arrived
    return n_following


@inner_kernel
def _count_bits(word):
    count = np.int64(0)
    while word:
        word &= word - np.uint64(1)
        count += 1
    return count
