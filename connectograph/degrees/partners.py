"""Whether neurons keep their strongest partners."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph._numbers import explain_missing
from connectograph.degrees.roles import Counts
from connectograph.graphs import AlignedEdges

__all__ = ["PartnerOverlap", "list_partners", "overlap_partners"]


@dataclass(frozen=True)
class PartnerOverlap:
    """Whether neurons keep their strongest partners.

    Attributes
    ----------
    role : {"in", "out", "total"}
    k : int
        Partners looked at.
    n_neurons : int
        Neurons with a partner in either graph.
    mean, median : float
        Of the overlap of the k strongest partners, 0 to 1.
    """

    role: str
    k: int
    n_neurons: int
    mean: float
    median: float

    def to_dict(self) -> dict[str, Any]:
        """All numbers; an undefined one is None with its reason beside it."""
        return explain_missing(vars(self), dict.fromkeys(("mean", "median"), "neither graph has an edge"))


def list_partners(both: AlignedEdges, role: str) -> tuple[Counts, Counts, Counts]:
    """Partners of every neuron: (N + 1,) first entry of each neuron; synapses with each partner, truth and prediction.

    Examples
    --------
    >>> import networkx as nx
    >>> from connectograph.graphs import align
    >>> both = align(nx.DiGraph([(1, 2), (2, 1), (3, 1)]), nx.DiGraph([(1, 2)]))
    >>> [list_partners(both, role)[1].tolist() for role in ("in", "out", "total")]
    [[1, 1, 1], [1, 1, 1], [2, 1, 2, 1]]
    """
    weights = [both.truth, both.predicted]
    if role == "out":
        neuron = both.source  # sorted already
    elif role == "in":
        order = np.argsort(both.target, kind="stable")
        neuron, weights = both.target[order], [weight[order] for weight in weights]
    else:
        neuron, weights = _join_directions(both)
    size = np.bincount(neuron, minlength=len(both.nodes))
    return np.concatenate([[0], np.cumsum(size)]), weights[0], weights[1]


def overlap_partners(role: str, k: int, start: Counts, truth: Counts, predicted: Counts) -> PartnerOverlap:
    """Overlap of the k strongest partners of every neuron that has any."""
    from connectograph._kernels.ranking import share_places

    neuron = np.repeat(np.arange(len(start) - 1), np.diff(start))
    shares: list[npt.NDArray[np.float64]] = [share_places(start, weight, k) for weight in (truth, predicted)]
    common, *filled = (np.bincount(neuron, values, len(start) - 1) for values in (np.minimum(*shares), *shares))
    most = np.maximum(*filled)
    overlap = common[most > 0] / most[most > 0]
    mean, median = (float(overlap.mean()), float(np.median(overlap))) if len(overlap) else (math.nan, math.nan)
    return PartnerOverlap(role, k, len(overlap), mean, median)


def _join_directions(both: AlignedEdges) -> tuple[Counts, list[Counts]]:
    """Every neuron with every partner, synapses of both directions added."""
    neuron, partner = np.concatenate([both.source, both.target]), np.concatenate([both.target, both.source])
    keys = neuron * len(both.nodes) + partner
    order = np.argsort(keys)
    first = np.flatnonzero(np.diff(keys[order], prepend=-1))
    weights = (np.concatenate([weight, weight])[order] for weight in (both.truth, both.predicted))
    return neuron[order[first]], [np.add.reduceat(weight, first) for weight in weights]
