"""Which neurons much of the traffic goes through."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._networkx import nx
from connectograph.motifs.dyads import Dyads, arcs_of, dyads_of

__all__ = ["MAX_PATH_STEPS", "measure_centrality"]

MAX_PATH_STEPS = 10**9
"""Betweenness is computed while connected neurons times edges are at most this (some ten seconds)."""


def measure_centrality(
    graph: nx.Graph | pd.DataFrame, *, directed: bool | None = None, nodes: Iterable[int] | None = None
) -> pd.DataFrame:
    """Degree and betweenness centrality of every neuron.

    Parameters
    ----------
    graph : networkx.Graph, networkx.DiGraph or edge table
    directed : bool, optional
        Of an edge table (default False); a graph knows it itself.
    nodes : iterable of int, optional
        Further nodes (those without edges).

    Returns
    -------
    pandas.DataFrame
        `segment_id` (uint64), `degree`, `betweenness` (float64), by id. With n neurons, degree = edges / (n - 1)
        (in and out edges both count), betweenness = mean share of the shortest paths between two others that go
        through the neuron. NaN: betweenness where connected neurons times edges exceed :data:`MAX_PATH_STEPS`;
        degree with fewer than 2 neurons, betweenness with fewer than 3.

    Notes
    -----
    Betweenness is sum over ordered pairs s, t of sigma_st(v) / sigma_st, divided by (n - 1)(n - 2), with sigma_st the
    number of shortest paths, sigma_st(v) those through v, unweighted (Freeman 1977; algorithm of Brandes 2001 [1]_,
    O(n m)). Both are the values of networkx.

    References
    ----------
    .. [1] U. Brandes, Journal of Mathematical Sociology 25, 163-177, 2001.

    Examples
    --------
    >>> measure_centrality(nx.Graph([(1, 2), (2, 3)]))["betweenness"].tolist()
    [0.0, 1.0, 0.0]
    """
    ids, dyads = dyads_of(graph, nodes, directed)
    degree, betweenness = centrality_of(dyads)
    return pd.DataFrame({"segment_id": ids, "degree": degree, "betweenness": betweenness})


def centrality_of(dyads: Dyads, *, quick: bool = False) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Degree and betweenness centrality of every node of some dyads; no betweenness (NaN) if it is to be quick."""
    n = dyads.n_nodes
    source, target = arcs_of(dyads)
    degree = np.bincount(source, minlength=n).astype(np.float64)
    if dyads.directed:
        degree += np.bincount(target, minlength=n)
    with np.errstate(invalid="ignore"):
        degree /= max(n - 1, 0)
    return degree, np.full(n, np.nan) if quick else _betweenness(n, source, target)


def _betweenness(n: int, source: npt.NDArray[np.int64], target: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    from connectograph._kernels.paths import count_paths_through

    n_sources = np.count_nonzero(np.bincount(source, minlength=n))
    if n < 3 or n_sources * len(source) > MAX_PATH_STEPS:
        return np.full(n, np.nan)
    start = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=n))])
    paths: npt.NDArray[np.float64] = count_paths_through(start, target[np.argsort(source, kind="stable")])
    return paths / ((n - 1) * (n - 2))
