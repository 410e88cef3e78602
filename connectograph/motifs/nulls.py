"""Random connectomes that keep what a neuron can be expected to keep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._networkx import nx
from connectograph.errors import InputError
from connectograph.motifs.dyads import Dyads, arcs_of, dyads_of
from connectograph.motifs.switching import Keep, Pairs, switch_dyads
from connectograph.tables import make_table, validate_table

__all__ = ["NullGraph", "randomise"]

Ids = npt.NDArray[np.uint64]


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

    Examples
    --------
    A ring of ten keeps its degrees, and hardly an edge:

    >>> null = next(randomise(nx.cycle_graph(10, create_using=nx.DiGraph), rng=np.random.default_rng(0)))
    >>> sorted(null.edges["target"]) == list(range(10)), null.plateau, null.overlap < 0.5
    (True, True, True)
    """

    edges: pd.DataFrame
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
    a -> b, c -> d becomes a -> d, c -> b [1]_, unless that joins a neuron with itself or a pair that is taken; every
    eighth proposal passes the targets of three edges round, which can turn a ring of three. With reciprocity, one-way
    arrows are switched among themselves and mutual pairs among themselves, and a pair is taken by an arrow of either
    direction: switching all arrows alike would keep degrees too, but break nearly all mutual pairs, and their halves
    then pass for feed-forward loops. In a contactome, d is drawn from the neurons that touch a (with Metropolis and
    Hastings' correction), because pairs drawn anywhere would hardly ever touch.

    The number of proposals is found in a trial: doubled until the overlap with the original no longer falls (by less
    than 0.005), at most 1024 per edge. All graphs that can be reached are equally likely: with degrees alone that is
    every graph [2]_; with reciprocity or a contactome it is not proven to be. O(edges + contacts) memory.

    References
    ----------
    .. [1] S. Maslov and K. Sneppen, Science 296, 910-913, 2002.
    .. [2] P. L. Erdos, I. Miklos, Z. Toroczkai, Electronic Journal of Combinatorics 17, R66, 2010.

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
    nulls = switch_dyads(dyads, keep, find_touching(ids, contactome), seeds)
    return (
        NullGraph(_to_table(ids, null.dyads), null.overlap, null.n_proposed, null.n_accepted, null.plateau)
        for null in nulls
    )


def check_keep(keep: str) -> None:
    """Refuse anything but the two ways."""
    if keep not in ("degrees", "degrees+reciprocity"):
        raise InputError(f"keep is {keep!r}; expected 'degrees' or 'degrees+reciprocity'.")


def draw_seeds(rng: np.random.Generator, n: int) -> npt.NDArray[np.uint64]:
    """One seed for the trial, and one for each random graph."""
    if n < 1:
        raise InputError(f"n is {n} random graphs; expected 1 or more.")
    return rng.integers(0, 2**64, size=n + 1, dtype=np.uint64)


def find_touching(ids: Ids, contactome: pd.DataFrame | None) -> Pairs | None:
    """Both ends of the touching pairs, as places among `ids` (ascending); None if there is no contactome."""
    if contactome is None:
        return None
    table = validate_table("contactome", contactome, ["segment_a", "segment_b"])
    a, b = (table[name].to_numpy() for name in ("segment_a", "segment_b"))
    known = np.isin(a, ids) & np.isin(b, ids) & (a != b)
    return np.searchsorted(ids, a[known]), np.searchsorted(ids, b[known])


def _to_table(ids: Ids, dyads: Dyads) -> pd.DataFrame:
    source, target = arcs_of(dyads) if dyads.directed else (dyads.low, dyads.high)
    size = len(source)
    numbers = {"n_synapses": np.ones(size, np.int64), "n_voxels": np.zeros(size, np.int64)}
    positions = {axis: np.full(size, np.nan) for axis in ("z_nm", "y_nm", "x_nm")}
    return make_table("edges", {"source": ids[source], "target": ids[target], **numbers, **positions})
