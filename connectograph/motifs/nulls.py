"""Random connectomes that keep what a neuron can be expected to keep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import networkx as nx
import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.errors import InputError
from connectograph.motifs.dyads import Dyads, arcs_of, dyads_of, pair_edges
from connectograph.tables import make_table, validate_table

__all__ = ["Keep", "NullGraph", "randomise"]

Keep = Literal["degrees", "degrees+reciprocity"]
Ids = npt.NDArray[np.uint64]

_FIRST, _LEAST, _MOST = 4, 128, 1024  # proposals per link: before the first look, before giving up, at most
_MIXED = 5  # accepted switches per link after which a plateau may be believed
_PLATEAU = 0.005  # a doubling of the proposals lowers the overlap by less than this


@dataclass(frozen=True, eq=False)
class NullGraph:
    """One random graph.

    Attributes
    ----------
    edges : pandas.DataFrame
        The table "edges"; one synapse an edge, no positions.
    overlap : float
        Share of the original edges that are still there. Far from 0 where few graphs fulfil the constraints.
    n_proposed, n_accepted : int
        Switches.
    plateau : bool
        Whether the overlap had stopped falling; if not, the graph still resembles the original more than it should.
    """

    edges: pd.DataFrame
    overlap: float
    n_proposed: int
    n_accepted: int
    plateau: bool


@dataclass(frozen=True, eq=False)
class Switched:
    """Dyads of one random graph, and how it went."""

    dyads: Dyads
    overlap: float
    n_proposed: int
    n_accepted: int
    plateau: bool


def randomise(
    edges: nx.Graph | pd.DataFrame,
    *,
    keep: Keep = "degrees+reciprocity",
    contactome: pd.DataFrame | None = None,
    rng: np.random.Generator,
    n: int = 1,
    directed: bool | None = None,
) -> Iterator[NullGraph]:
    """Random graphs with the same degrees, by edge switching.

    Parameters
    ----------
    edges : networkx.Graph, networkx.DiGraph or edge table
        Never changed. Autapses are left out.
    keep : {"degrees+reciprocity", "degrees"}
        The in- and outdegree of every neuron; or also its number of mutual and of one-way partners. Of an undirected
        graph both keep its degrees.
    contactome : pandas.DataFrame, optional
        The table "contactome": only neurons that touch may be linked (those linked in `edges` count as touching).
    rng : numpy.random.Generator
        The only source of randomness; the k-th graph is the same for any `n`.
    n : int
        Number of graphs, each started from `edges` anew.
    directed : bool, optional
        Of an edge table (default False); a graph knows it itself.

    Returns
    -------
    iterator of NullGraph
        One at a time.

    Raises
    ------
    InputError
        If `keep` is neither, or `n` is below 1.

    Notes
    -----
    a -> b, c -> d becomes a -> d, c -> b [1]_, unless that joins a neuron with itself or a pair that is taken. With
    reciprocity, one-way arrows are switched among themselves and mutual pairs among themselves, and a pair is taken
    by an arrow of either direction: switching all arrows alike would keep degrees too, but break nearly all mutual
    pairs, and their halves then pass for feed-forward loops. Proposals are doubled until the overlap with the
    original no longer falls (by less than 0.005), at most 1024 per edge. The chain is symmetric; that it reaches every
    graph is not guaranteed (a directed 3-cycle cannot be turned round by switches alone). O(edges) memory.

    References
    ----------
    .. [1] S. Maslov and K. Sneppen, Science 296, 910-913, 2002.

    Examples
    --------
    >>> graph = nx.DiGraph([(1, 2), (3, 4)])
    >>> null = next(randomise(graph, rng=np.random.default_rng(0)))
    >>> null.edges["source"].tolist(), null.edges["target"].tolist() in ([2, 4], [4, 2])
    ([1, 3], True)
    """
    check_keep(keep)
    seeds = draw_seeds(rng, n)
    ids, dyads = dyads_of(edges, directed=directed)
    allowed = allowed_pairs(ids, contactome)
    nulls = (switch(dyads, keep, allowed, seed) for seed in seeds)
    return (
        NullGraph(_to_table(ids, null.dyads), null.overlap, null.n_proposed, null.n_accepted, null.plateau)
        for null in nulls
    )


def check_keep(keep: str) -> None:
    """Refuse anything but the two ways."""
    if keep not in ("degrees", "degrees+reciprocity"):
        raise InputError(f"keep is {keep!r}; expected 'degrees' or 'degrees+reciprocity'.")


def draw_seeds(rng: np.random.Generator, n: int) -> npt.NDArray[np.uint64]:
    """One seed a random graph."""
    if n < 1:
        raise InputError(f"n is {n} random graphs; expected 1 or more.")
    return rng.integers(0, 2**64, size=n, dtype=np.uint64)


def allowed_pairs(ids: Ids, contactome: pd.DataFrame | None) -> npt.NDArray[np.uint64] | None:
    """Keys of the touching pairs of `ids` (ascending); None if all pairs are allowed."""
    if contactome is None:
        return None
    table = validate_table("contactome", contactome, ["segment_a", "segment_b"])
    ends = [table[name].to_numpy() for name in ("segment_a", "segment_b")]
    known = np.isin(ends[0], ids) & np.isin(ends[1], ids)
    low, high = np.sort([np.searchsorted(ids, end[known]) for end in ends], axis=0)
    return _pair_keys(len(ids), low, high)


def switch(dyads: Dyads, keep: Keep, allowed: npt.NDArray[np.uint64] | None, seed: np.uint64) -> Switched:
    """Propose switches, twice as many each time, until the overlap with the original has stopped falling."""
    from connectograph._kernels.switching import count_known, make_set, switch_links

    n, ordered = dyads.n_nodes, dyads.directed and keep == "degrees"
    source, target, n_directed = _links(dyads, ordered)
    keys = _pair_keys(n, source, target) if ordered else _pair_keys(n, *np.sort([source, target], axis=0))
    taken, free = make_set(keys), np.empty(0, np.uint64)
    if allowed is not None:
        free = make_set(np.concatenate([allowed, _pair_keys(n, dyads.low, dyads.high)]))
    size, proposed, accepted, overlap, plateau = len(source), 0, 0, 1.0, len(source) < 2
    while not plateau and proposed < _MOST * size:
        step = max(proposed, _FIRST * size)
        done, state = switch_links(source, target, n_directed, n, ordered, taken, free, seed, step)
        accepted, proposed, seed = accepted + done, proposed + step, np.uint64(state)
        before, overlap = overlap, count_known(taken, keys) / size
        mixed = accepted >= _MIXED * size or proposed >= _LEAST * size
        plateau = mixed and before - overlap < _PLATEAU
    return Switched(_rejoin(dyads, source, target, n_directed), overlap, proposed, accepted, plateau)


def _links(dyads: Dyads, ordered: bool) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """What is switched: all arrows, or one-way arrows and after them mutual pairs; and the number of arrows."""
    if ordered:
        source, target = arcs_of(dyads)
        return source, target, len(source)
    one_way = dyads.code != 3
    source = np.where(dyads.code == 2, dyads.high, dyads.low)
    target = np.where(dyads.code == 2, dyads.low, dyads.high)
    order = np.argsort(~one_way, kind="stable")
    return source[order], target[order], int(one_way.sum())


def _rejoin(dyads: Dyads, source: npt.NDArray[np.int64], target: npt.NDArray[np.int64], n_directed: int) -> Dyads:
    """Dyads of switched links."""
    mutual = slice(n_directed if dyads.directed else len(source), None)
    source, target = np.concatenate([source, target[mutual]]), np.concatenate([target, source[mutual]])
    return pair_edges(dyads.n_nodes, source, target, directed=dyads.directed)


def _pair_keys(n: int, low: npt.NDArray[Any], high: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """Keys as the kernel makes them: never 0."""
    keys: npt.NDArray[np.uint64] = (low * n + high + 1).astype(np.uint64)
    return keys


def _to_table(ids: Ids, dyads: Dyads) -> pd.DataFrame:
    source, target = arcs_of(dyads) if dyads.directed else (dyads.low, dyads.high)
    size = len(source)
    numbers = {"n_synapses": np.ones(size, np.int64), "n_voxels": np.zeros(size, np.int64)}
    positions = {axis: np.full(size, np.nan) for axis in ("z_nm", "y_nm", "x_nm")}
    return make_table("edges", {"source": ids[source], "target": ids[target], **numbers, **positions})
