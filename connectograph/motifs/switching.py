"""Edge switching: random dyads with the degrees, and the mutual pairs, of given ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from connectograph.motifs.dyads import Dyads, Numbers, arcs_of, pair_edges

__all__ = ["Keep", "Pairs", "Switched", "switch_dyads"]

Keep = Literal["degrees", "degrees+reciprocity"]
Pairs = tuple[Numbers, Numbers]
"""Both nodes of some pairs."""

_FIRST, _LEAST, _MOST = 4, 256, 1024  # proposals per link: before the first look, before giving up, at most
_FEWEST = 2000  # proposals in any case: small graphs have few switches, and time enough
_MIXED = 5  # accepted switches per link after which a plateau may be believed
_PLATEAU = 0.005  # a doubling of the proposals lowers the overlap by less than this


@dataclass(frozen=True, eq=False)
class Switched:
    """Dyads of one random graph, and how it went."""

    dyads: Dyads
    overlap: float
    n_proposed: int
    n_accepted: int
    plateau: bool


@dataclass(frozen=True, eq=False)
class _Links:
    """What is switched, as the kernel takes it; `original` are the keys at the start."""

    node: Numbers
    mate: Numbers
    n_arrows: int
    arrow_start: Numbers
    mutual_start: Numbers
    n_nodes: int
    ordered: bool
    taken: npt.NDArray[np.uint64]
    contacts: tuple[Numbers, npt.NDArray[np.int32]]
    original: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.node) // 2

    def copy(self) -> _Links:
        return replace(self, mate=self.mate.copy(), taken=self.taken.copy())


def switch_dyads(dyads: Dyads, keep: Keep, touching: Pairs | None, seeds: npt.NDArray[np.uint64]) -> Iterator[Switched]:
    """Random versions of some dyads, one for each seed but the first, which is for a trial; `touching` None: all pairs.

    The trial finds how many proposals are enough. Were each graph returned as soon as its own overlap stops falling,
    those that happen to resemble the original would be returned too often.
    """
    start = _make_links(dyads, keep, touching)
    n_proposed, plateau = _find_plateau(start.copy(), seeds[0])
    for seed in seeds[1:]:
        links = start.copy()
        n_accepted, _ = _switch(links, seed, n_proposed)
        yield Switched(_join_links(links, dyads.directed), _overlap(links), n_proposed, n_accepted, plateau)


def _make_links(dyads: Dyads, keep: Keep, touching: Pairs | None) -> _Links:
    """All arrows alike; or one-way arrows, and mutual (or undirected) pairs as links without direction."""
    from connectograph._kernels.switching import make_set

    n, ordered = dyads.n_nodes, dyads.directed and keep == "degrees"
    one_way = np.full(len(dyads.code), True) if ordered else dyads.code != 3
    arrows = arcs_of(replace(dyads, low=dyads.low[one_way], high=dyads.high[one_way], code=dyads.code[one_way]))
    pairs = np.stack([dyads.low[~one_way], dyads.high[~one_way]])
    size = len(arrows[0])
    ends, stubs = np.argsort(arrows[1], kind="stable"), np.argsort(pairs.ravel(), kind="stable")
    mate = np.empty(2 * size + len(stubs), np.int64)
    mate[ends], mate[size : 2 * size] = size + np.arange(size), ends
    place = 2 * size + np.argsort(stubs)
    mate[place] = np.roll(place, len(place) // 2)
    low, high = arrows if ordered else np.sort(arrows, axis=0)
    original = _keys(n, np.concatenate([low, pairs[0]]), np.concatenate([high, pairs[1]]))
    return _Links(
        node=np.concatenate([arrows[0], arrows[1][ends], pairs.ravel()[stubs]]),
        mate=mate,
        n_arrows=size,
        arrow_start=size + _starts(n, arrows[1]),
        mutual_start=2 * size + _starts(n, pairs.ravel()),
        n_nodes=n,
        ordered=ordered,
        taken=make_set(original),
        contacts=_list_contacts(dyads, touching),
        original=original,
    )


def _list_contacts(dyads: Dyads, touching: Pairs | None) -> tuple[Numbers, npt.NDArray[np.int32]]:
    """First contact of each node, and the contacts, sorted; linked pairs touch. No contacts at all: all pairs touch."""
    if touching is None:
        return np.zeros(1, np.int64), np.empty(0, np.int32)
    n, ends = dyads.n_nodes, zip(touching, (dyads.low, dyads.high), strict=True)
    pairs = pair_edges(n, *(np.concatenate(end) for end in ends), directed=False)
    node, contact = np.concatenate([pairs.high, pairs.low]), np.concatenate([pairs.low, pairs.high])
    order = np.argsort(node, kind="stable")  # the lower contacts of each come first, both parts being sorted
    return _starts(n, node), contact[order].astype(np.int32)


def _find_plateau(links: _Links, seed: np.uint64) -> tuple[int, bool]:
    """Proposals after which twice as many would not lower the overlap; and whether that was found."""
    size, proposed, accepted, overlap = len(links), 0, 0, 1.0
    while proposed < _MOST * size:
        step = max(proposed, _FIRST * size, _FEWEST)
        done, seed = _switch(links, seed, step)
        proposed, accepted = proposed + step, accepted + done
        before, overlap = overlap, _overlap(links)
        mixed = accepted >= _MIXED * size or proposed >= _LEAST * size
        if mixed and before - overlap < _PLATEAU:
            return proposed, True
    return proposed, size == 0


def _switch(links: _Links, seed: np.uint64, times: int) -> tuple[int, np.uint64]:
    """Change the links in place; switches done, and the seed to go on with."""
    from connectograph._kernels.switching import switch_links

    layers = (links.n_arrows, links.arrow_start, links.mutual_start)
    rules = (links.n_nodes, links.ordered, links.taken, *links.contacts)
    done, state = switch_links(links.node, links.mate, *layers, *rules, seed, times)
    return done, np.uint64(state)


def _overlap(links: _Links) -> float:
    """Share of the original pairs that are linked still."""
    from connectograph._kernels.switching import count_known

    return count_known(links.taken, links.original) / len(links) if len(links) else 1.0


def _join_links(links: _Links, directed: bool) -> Dyads:
    """Dyads of switched links."""
    partner, arrows, mutual = links.node[links.mate], slice(0, links.n_arrows), slice(2 * links.n_arrows, None)
    source = np.concatenate([links.node[arrows], links.node[mutual]])
    target = np.concatenate([partner[arrows], partner[mutual]])
    return pair_edges(links.n_nodes, source, target, directed=directed)


def _starts(n_nodes: int, sorted_by: Numbers) -> Numbers:
    """First place of each node when entries are sorted by node; and their number at the end."""
    return np.concatenate([[0], np.cumsum(np.bincount(sorted_by, minlength=n_nodes))])


def _keys(n_nodes: int, low: Numbers, high: Numbers) -> npt.NDArray[np.uint64]:
    """Keys of pairs as the kernel makes them: never 0."""
    keys: npt.NDArray[np.uint64] = (low * n_nodes + high + 1).astype(np.uint64)
    return keys
