"""Edge switching: random dyads with the degrees, and the mutual pairs, of given ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from connectograph.motifs.dyads import Dyads, arcs_of, pair_edges

__all__ = ["Keep", "Switched", "pair_keys", "switch_dyads"]

Keep = Literal["degrees", "degrees+reciprocity"]
Keys = npt.NDArray[np.uint64]

_FIRST, _LEAST, _MOST = 4, 128, 1024  # proposals per link: before the first look, before giving up, at most
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
    """What is switched: arrows, and after them links without direction; `taken` is the set of their present keys."""

    n_nodes: int
    ordered: bool
    n_directed: int
    source: npt.NDArray[np.int64]
    target: npt.NDArray[np.int64]
    original: Keys
    taken: Keys
    allowed: Keys

    def copy(self) -> _Links:
        return replace(self, source=self.source.copy(), target=self.target.copy(), taken=self.taken.copy())


def switch_dyads(dyads: Dyads, keep: Keep, allowed: Keys | None, seeds: npt.NDArray[np.uint64]) -> Iterator[Switched]:
    """Random versions of some dyads, one for each seed but the first, which is for a trial.

    The trial finds how many proposals are enough. Were each graph returned as soon as its own overlap stops falling,
    those that happen to resemble the original would be returned too often.
    """
    start = _make_links(dyads, keep, allowed)
    n_proposed, plateau = _find_plateau(start.copy(), seeds[0])
    for seed in seeds[1:]:
        links = start.copy()
        n_accepted, _ = _switch(links, seed, n_proposed)
        yield Switched(_join_links(links, dyads.directed), _overlap(links), n_proposed, n_accepted, plateau)


def pair_keys(n_nodes: int, low: npt.NDArray[Any], high: npt.NDArray[Any]) -> Keys:
    """Keys of pairs as the kernel makes them: never 0."""
    keys: Keys = (low * n_nodes + high + 1).astype(np.uint64)
    return keys


def _make_links(dyads: Dyads, keep: Keep, allowed: Keys | None) -> _Links:
    """All arrows alike; or one-way arrows, and mutual (or undirected) pairs as one link each."""
    from connectograph._kernels.switching import make_set

    n, ordered = dyads.n_nodes, dyads.directed and keep == "degrees"
    if ordered:
        source, target = arcs_of(dyads)
        n_directed, original = len(source), pair_keys(n, source, target)
    else:
        order = np.argsort(dyads.code == 3, kind="stable")
        low, high, back = dyads.low[order], dyads.high[order], dyads.code[order] == 2
        source, target = np.where(back, high, low), np.where(back, low, high)
        n_directed, original = int((dyads.code != 3).sum()), pair_keys(n, low, high)
    free = np.empty(0, np.uint64)
    if allowed is not None:
        free = make_set(np.concatenate([allowed, pair_keys(n, dyads.low, dyads.high)]))
    return _Links(n, ordered, n_directed, source, target, original, make_set(original), free)


def _find_plateau(links: _Links, seed: np.uint64) -> tuple[int, bool]:
    """Proposals after which twice as many would not lower the overlap; and whether that was found."""
    size, proposed, accepted, overlap = len(links.source), 0, 0, 1.0
    while proposed < _MOST * size:
        step = max(proposed, _FIRST * size)
        done, seed = _switch(links, seed, step)
        proposed, accepted = proposed + step, accepted + done
        before, overlap = overlap, _overlap(links)
        mixed = accepted >= _MIXED * size or proposed >= _LEAST * size
        if mixed and before - overlap < _PLATEAU:
            return proposed, True
    return proposed, size == 0


def _switch(links: _Links, seed: np.uint64, n_proposals: int) -> tuple[int, np.uint64]:
    """Change the links in place; switches done, and the seed to go on with."""
    from connectograph._kernels.switching import switch_links

    done, state = switch_links(
        links.source,
        links.target,
        links.n_directed,
        links.n_nodes,
        links.ordered,
        links.taken,
        links.allowed,
        seed,
        n_proposals,
    )
    return done, np.uint64(state)


def _overlap(links: _Links) -> float:
    """Share of the original pairs that are linked still."""
    from connectograph._kernels.switching import count_known

    return count_known(links.taken, links.original) / len(links.original) if len(links.original) else 1.0


def _join_links(links: _Links, directed: bool) -> Dyads:
    """Dyads of switched links."""
    mutual = slice(links.n_directed if directed else len(links.source), None)
    source = np.concatenate([links.source, links.target[mutual]])
    target = np.concatenate([links.target, links.source[mutual]])
    return pair_edges(links.n_nodes, source, target, directed=directed)
