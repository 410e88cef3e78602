"""Random graphs by edge switching: two or three links pass their targets round where nothing stands in the way.

Conventions: links of one layer are switched among themselves; links ``[:n_directed]`` are arrows, the others have no
direction. A set of keys (open addressing, linear probing, 0 = free, at most half full) says which pairs are taken.
"""

from __future__ import annotations

import numpy as np

from connectograph._kernels import kernel
from connectograph._kernels.hashing import mix

__all__ = ["count_known", "make_set", "switch_links"]

_STEP = np.uint64(0x9E3779B97F4A7C15)


@kernel
def _find(slots, key):
    """Slot of the key, or the free slot where it belongs."""
    slot = np.int64(mix(key) & np.uint64(slots.size - 1))
    while slots[slot] != 0 and slots[slot] != key:
        slot = (slot + 1) & (slots.size - 1)
    return slot


@kernel
def _remove(slots, key):
    """Free the slot of the key; later keys of the same cluster move up, so that none is lost."""
    last = slots.size - 1
    hole = _find(slots, key)
    slots[hole] = 0
    slot = (hole + 1) & last
    while slots[slot] != 0:
        home = np.int64(mix(slots[slot]) & np.uint64(last))
        if ((slot - home) & last) >= ((slot - hole) & last):
            slots[hole], slots[slot] = slots[slot], 0
            hole = slot
        slot = (slot + 1) & last


@kernel
def make_set(keys):
    """The set of some keys (uint64, none 0)."""
    size = 16
    while size < 2 * keys.size:
        size *= 2
    slots = np.zeros(size, np.uint64)
    for key in keys:
        slots[_find(slots, key)] = key
    return slots


@kernel
def count_known(slots, keys):
    """How many of the keys are in the set."""
    known = 0
    for key in keys:
        known += slots[_find(slots, key)] == key
    return known


@kernel
def _key(a, b, n, ordered):
    """Key of a pair of nodes below n; without order (a, b) is (b, a)."""
    if not ordered and a > b:
        a, b = b, a
    return np.uint64(a * n + b + 1)


@kernel
def _draw(state, below):
    """A number below `below` (< 2^32) from the state of splitmix64."""
    return np.int64(((mix(state) >> np.uint64(32)) * np.uint64(below)) >> np.uint64(32))


@kernel
def _draw_links(state, picked, n_directed, n_links):
    """Fill `picked` with random links of one layer, the first from all; how many, and the next state.

    Two, or every eighth time three if they are arrows: a -> b, c -> d, e -> f to a -> d, c -> f, e -> b can turn a ring
    of three round, as no sequence of switches of two can.
    """
    state += _STEP
    picked[0] = _draw(state, n_links)
    arrows = picked[0] < n_directed
    first, size = (0, n_directed) if arrows else (n_directed, n_links - n_directed)
    state += _STEP
    n_picked = 3 if arrows and _draw(state, 8) == 0 else 2
    for k in range(1, n_picked):
        state += _STEP
        picked[k] = first + _draw(state, size)
    return n_picked, state


@kernel
def _differ(values):
    """Whether two or three values are all different."""
    return values[0] != values[1] and values[0] != values[-1] and (values.size == 2 or values[1] != values[2])


@kernel
def _exchange(slots, old, new):
    """Put new keys in place of old ones, all or none; whether none of them was taken."""
    for key in old:
        _remove(slots, key)
    for k in range(new.size):
        slot = _find(slots, new[k])
        if slots[slot] != 0:
            for key in new[:k]:
                _remove(slots, key)
            for key in old:
                slots[_find(slots, key)] = key
            return False
        slots[slot] = new[k]
    return True


@kernel
def switch_links(source, target, n_directed, n, ordered, taken, allowed, seed, n_proposals):
    """Propose switches among random links of one layer; links and `taken` are changed in place.

    Parameters
    ----------
    source, target : (m,) arrays of int64
        Nodes below `n`; links from `n_directed` on have no direction.
    n_directed, n : int
    ordered : bool
        Whether a -> b leaves room for b -> a.
    taken : array of uint64
        Set of the links' keys.
    allowed : array of uint64
        Set of the pairs that may be linked; empty: all.
    seed : uint64
    n_proposals : int

    Returns
    -------
    done : int
        Switches done. A proposal is left out if a new link would join a node with itself, a pair that is taken, or
        one that is not allowed.
    state : uint64
        The seed to go on with.
    """
    state, done = seed, 0
    picked, begin, end = np.empty(3, np.int64), np.empty(3, np.int64), np.empty(3, np.int64)
    old, new = np.empty(3, np.uint64), np.empty(3, np.uint64)
    for _ in range(n_proposals):
        size, state = _draw_links(state, picked, n_directed, source.size)
        for k in range(size):
            begin[k], end[k] = source[picked[k]], target[picked[k]]
        state += _STEP
        if picked[0] >= n_directed and _draw(state, 2):
            begin[1], end[1] = end[1], begin[1]
        possible = _differ(begin[:size]) and _differ(end[:size])
        for k in range(size):
            a, b = begin[k], end[(k + 1) % size]
            pair = _key(a, b, n, False)
            possible &= a != b and (allowed.size == 0 or allowed[_find(allowed, pair)] == pair)
            old[k], new[k] = _key(a, end[k], n, ordered), _key(a, b, n, ordered)
        if possible and _exchange(taken, old[:size], new[:size]):
            for k in range(size):
                source[picked[k]], target[picked[k]] = begin[k], end[(k + 1) % size]
            done += 1
    return done, state
