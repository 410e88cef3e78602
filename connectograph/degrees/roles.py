"""Sums over the edges of every neuron: incoming, outgoing, all."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.graphs import AlignedEdges

__all__ = ["Counts", "count_up", "roles_of", "sum_roles"]

Counts = npt.NDArray[np.int64]


def roles_of(both: AlignedEdges) -> tuple[str, ...]:
    """Roles in which neurons are looked at."""
    return ("in", "out", "total") if both.directed else ("total",)


def sum_roles(both: AlignedEdges, values: npt.NDArray[Any]) -> dict[str, Counts]:
    """Sum of a value of the edges (below 2^53) over each neuron's edges of every role.

    Examples
    --------
    >>> import networkx as nx
    >>> from connectograph.graphs import align
    >>> both = align(nx.DiGraph([(1, 2), (1, 3)]), nx.DiGraph())
    >>> {role: degrees.tolist() for role, degrees in sum_roles(both, both.truth).items()}
    {'in': [0, 1, 1], 'out': [2, 0, 0], 'total': [2, 1, 1]}
    """
    as_source, as_target = (np.bincount(end, values, len(both.nodes)) for end in (both.source, both.target))
    sums = {"in": as_target, "out": as_source, "total": as_source + as_target}
    return {role: sums[role].astype(np.int64) for role in roles_of(both)}


def count_up(node: Counts, n_nodes: int) -> Counts:
    """First entry of each node when entries are sorted by node; and their number at the end."""
    return np.concatenate([[0], np.cumsum(np.bincount(node, minlength=n_nodes))])
