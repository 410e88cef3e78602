"""Random graphs by edge switching: a -> b, c -> d becomes a -> d, c -> b where nothing stands in the way.

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
def switch_links(source, target, n_directed, n, ordered, taken, allowed, seed, n_proposals):
    """Propose switches of two random links of one layer; links and `taken` are changed in place.

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
    for _ in range(n_proposals):
        state += _STEP
        i = _draw(state, source.size)
        first, size = (0, n_directed) if i < n_directed else (n_directed, source.size - n_directed)
        state += _STEP
        j = first + _draw(state, size)
        a, b, c, d = source[i], target[i], source[j], target[j]
        state += _STEP
        if i >= n_directed and _draw(state, 2):
            c, d = d, c
        if a == d or b == c:
            continue
        if allowed.size:
            near, far = _key(a, d, n, False), _key(c, b, n, False)
            if allowed[_find(allowed, near)] != near or allowed[_find(allowed, far)] != far:
                continue
        near, far = _key(a, d, n, ordered), _key(c, b, n, ordered)
        if taken[_find(taken, near)] == near or taken[_find(taken, far)] == far:
            continue
        _remove(taken, _key(a, b, n, ordered))
        _remove(taken, _key(c, d, n, ordered))
        taken[_find(taken, near)] = near
        taken[_find(taken, far)] = far
        target[i], source[j], target[j] = d, c, b
        done += 1
    return done, state
