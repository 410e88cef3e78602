"""Sums over the edges of every neuron: incoming, outgoing, all."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.graphs import AlignedEdges

__all__ = ["Counts", "roles_of", "sum_role"]

Counts = npt.NDArray[np.int64]

_ENDS = {"in": ("target",), "out": ("source",), "total": ("source", "target")}


def roles_of(both: AlignedEdges) -> tuple[str, ...]:
    """Roles in which neurons are looked at."""
    return ("in", "out", "total") if both.directed else ("total",)


def sum_role(both: AlignedEdges, role: str, values: npt.NDArray[Any]) -> Counts:
    """Sum of a value of the edges (below 2^53) over each neuron's edges of a role.

    Examples
    --------
    >>> import networkx as nx
    >>> from connectograph.graphs import align
    >>> both = align(nx.DiGraph([(1, 2), (1, 3)]), nx.DiGraph())
    >>> sum_role(both, "out", both.truth > 0).tolist(), sum_role(both, "total", both.truth).tolist()
    ([2, 0, 0], [2, 1, 1])
    """
    n = len(both.nodes)
    ends = [getattr(both, end) for end in _ENDS[role]]
    return sum(np.bincount(end, values, n) for end in ends).astype(np.int64)  # type: ignore[union-attr]
