"""Random graphs by edge switching: two or three links pass their ends round where nothing stands in the way.

Conventions: arrows are switched among themselves, and links without direction among themselves. A set of keys (open
addressing, linear probing, 0 = free, at most half full) says which pairs are taken.
"""

from __future__ import annotations

import numpy as np

from connectograph._kernels import inner_kernel, kernel
from connectograph._kernels.hashing import mix

__all__ = ["count_known", "make_set", "switch_links"]

_STEP = np.uint64(0x9E3779B97F4A7C15)


@inner_kernel
def _find(slots, key):
    """Slot of the key, or the free slot where it belongs."""
    slot = np.int64(mix(key) & np.uint64(slots.size - 1))
    while slots[slot] != 0 and slots[slot] != key:
        slot = (slot + 1) & (slots.size - 1)
    return slot


@inner_kernel
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


@inner_kernel
def _key(a, b, n, ordered):
    """Key of a pair of nodes below n; without order (a, b) is (b, a)."""
    if not ordered and a > b:
        a, b = b, a
    return np.uint64(a * n + b + 1)


@inner_kernel
def _draw(state, below):
    """A number below `below` (< 2^32) from the state of splitmix64."""
    return np.int64(((mix(state) >> np.uint64(32)) * np.uint64(below)) >> np.uint64(32))


@inner_kernel
def _differ(values):
    """Whether two or three values are all different."""
    return values[0] != values[1] and values[0] != values[-1] and (values.size == 2 or values[1] != values[2])


@inner_kernel
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


@inner_kernel
def _touch(contact_start, contact, a, b):
    """Whether b is among the sorted contacts of a."""
    low, high = contact_start[a], contact_start[a + 1]
    while low < high:
        middle = (low + high) // 2
        if contact[middle] < b:
            low = middle + 1
        else:
            high = middle
    return low < contact_start[a + 1] and contact[low] == b


@inner_kernel
def _draw_near(state, stub, node, mate, start, contact_start, contact):
    """Begin of a random link that ends at a random contact of this stub's node, or -1; the next state.

    Ends with many links are found less often each; the last draw makes up for it (Metropolis and Hastings), so that a
    switch and its reverse are equally likely.
    """
    a, b = node[stub], node[mate[stub]]
    state += _STEP
    d = contact[contact_start[a] + _draw(state, contact_start[a + 1] - contact_start[a])]
    n_there, n_here = start[d + 1] - start[d], start[b + 1] - start[b]
    state += _STEP
    end = start[d] + _draw(state, n_there)
    state += _STEP
    return mate[end] if _draw(state, n_here) < n_there else -1, state


@inner_kernel
def _draw_begins(state, begins, node, mate, n_arrows, arrow_start, mutual_start, contact_start, contact):
    """Fill `begins` with the first stubs of two or three links of one layer; how many (0: none), the next state.

    Three, for every eighth proposal of arrows: a -> b, c -> d, e -> f to a -> d, c -> f, e -> b can turn a ring of
    three round, as no sequence of switches of two can. Where contacts matter, the second of two links ends near the
    first.
    """
    state += _STEP
    begins[0] = _draw(state, node.size - n_arrows)
    arrows = begins[0] < n_arrows
    begins[0] += 0 if arrows else n_arrows
    first, size = (0, n_arrows) if arrows else (2 * n_arrows, node.size - 2 * n_arrows)
    state += _STEP
    n_links = 3 if arrows and _draw(state, 8) == 0 else 2
    if n_links == 2 and contact.size:
        start = arrow_start if arrows else mutual_start
        begins[1], state = _draw_near(state, begins[0], node, mate, start, contact_start, contact)
        return 2 if begins[1] >= 0 else 0, state
    for k in range(1, n_links):
        state += _STEP
        begins[k] = first + _draw(state, size)
    return n_links, state


@kernel
def switch_links(
    node, mate, n_arrows, arrow_start, mutual_start, n, ordered, taken, contact_start, contact, seed, times
):
    """Propose switches of links of one layer; `mate` and `taken` are changed in place.

    Parameters
    ----------
    node, mate : (2 m,) arrays of int64
        Each link is two stubs that are mates; a stub stays at its node (below `n`). First the begins of all arrows,
        then their ends, by node; then the stubs of links without direction, by node.
    n_arrows : int
    arrow_start, mutual_start : (n + 1,) arrays of int64
        First end of an arrow, and first stub without direction, at each node.
    n : int
    ordered : bool
        Whether a -> b leaves room for b -> a.
    taken : array of uint64
        Set of the links' keys.
    contact_start : (n + 1,) array of int64
    contact : array of int32
        Sorted nodes that each node may be linked with; empty: all.
    seed : uint64
    times : int

    Returns
    -------
    done : int
        Switches done. A proposal is left out if it would change nothing, join a node with itself, a pair that is
        taken, or one that does not touch.
    state : uint64
        The seed to go on with.
    """
    state, done = seed, 0
    begins, ends = np.empty(3, np.int64), np.empty(3, np.int64)
    sources, targets = np.empty(3, np.int64), np.empty(3, np.int64)
    old, new = np.empty(3, np.uint64), np.empty(3, np.uint64)
    for _ in range(times):
        size, state = _draw_begins(
            state, begins, node, mate, n_arrows, arrow_start, mutual_start, contact_start, contact
        )
        if size == 0:
            continue
        for k in range(size):
            ends[k] = mate[begins[k]]
            sources[k], targets[k] = node[begins[k]], node[ends[k]]
        possible = _differ(sources[:size]) and _differ(targets[:size])
        for k in range(size):
            a, b = sources[k], targets[(k + 1) % size]
            possible = possible and a != b and (contact.size == 0 or _touch(contact_start, contact, a, b))
            old[k], new[k] = _key(a, targets[k], n, ordered), _key(a, b, n, ordered)
        if possible and _exchange(taken, old[:size], new[:size]):
            for k in range(size):
                begin, end = begins[k], ends[(k + 1) % size]
                mate[begin], mate[end] = end, begin
            done += 1
    return done, state
