"""How far signals get: which neurons can be reached from which, and in how many steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._networkx import nx
from connectograph._notebook import Shown
from connectograph._numbers import divide, explain_missing
from connectograph.degrees.roles import Counts, count_up
from connectograph.graphs import AlignedEdges, as_aligned

__all__ = ["PathComparison", "compare_paths"]

_MAX_EXACT = 20_000
"""Connected neurons up to which all are sources."""
_N_SOURCES, _SEED = 200, 0


@dataclass(frozen=True)
class PathComparison(Shown):
    """Reach and shortest paths of a prediction against the truth.

    Attributes
    ----------
    n_neurons : int
        Neurons with an edge in either graph.
    n_sources : int
        Those from which paths were followed: all, or some drawn at random where there are too many.
    reachability_truth, reachability_predicted : float
        Share of the ordered pairs (source, another neuron) with a path, along the arrows if directed.
    length_truth, length_predicted : float
        Mean number of steps of the shortest paths, over the pairs that have one.

    Examples
    --------
    A chain of four loses its last edge: 12 ordered pairs have a path, then 6; mean lengths 20 / 12 and 8 / 6:

    >>> found = compare_paths(nx.path_graph(4), nx.path_graph(3))
    >>> found.reachability_predicted, round(found.length_truth, 3), round(found.length_ratio, 3)
    (0.5, 1.667, 0.8)
    """

    n_neurons: int
    n_sources: int
    reachability_truth: float
    reachability_predicted: float
    length_truth: float
    length_predicted: float

    @property
    def exact(self) -> bool:
        """Whether all neurons were sources."""
        return self.n_sources == self.n_neurons

    @property
    def reachability_ratio(self) -> float:
        """Pairs with a path, predicted / truth."""
        return divide(self.reachability_predicted, self.reachability_truth)

    @property
    def length_ratio(self) -> float:
        """Mean length, predicted / truth."""
        return divide(self.length_predicted, self.length_truth)

    def to_dict(self) -> dict[str, Any]:
        """All numbers; an undefined one is None with its reason beside it.

        Examples
        --------
        >>> compare_paths(nx.path_graph(4), nx.empty_graph(4)).to_dict()["length_ratio_reason"]
        'a graph has no edge'
        """
        ratios = {"reachability_ratio": self.reachability_ratio, "length_ratio": self.length_ratio}
        reasons = dict.fromkeys(("reachability_truth", "reachability_predicted"), "neither graph has an edge")
        reasons |= {"length_truth": "the truth has no edge", "length_predicted": "the prediction has no edge"}
        reasons |= {"reachability_ratio": "the truth has no edge", "length_ratio": "a graph has no edge"}
        return explain_missing({**vars(self), "exact": self.exact, **ratios}, reasons)


def compare_paths(
    truth: nx.Graph | pd.DataFrame | AlignedEdges, predicted: nx.Graph | pd.DataFrame | None = None
) -> PathComparison:
    """Share of pairs of neurons with a path, and mean length of the shortest paths.

    Parameters
    ----------
    truth, predicted : networkx.Graph, networkx.DiGraph or edge table
        Or both at once as :class:`~connectograph.graphs.AlignedEdges`.

    Returns
    -------
    PathComparison

    Notes
    -----
    d(s, t) is the least number of edges from s to t (Watts and Strogatz 1998 [1]_). With n neurons that have an edge in
    either graph, S of them sources, and R the pairs s != t with a path: reachability = \\|R\\| / (S (n - 1)), length =
    sum over R of d(s, t) / \\|R\\|. Read both together: a prediction that loses the long ways has shorter paths. Every
    neuron is a source up to 20,000 of them; beyond, 200 drawn with a fixed seed, the same in both graphs.

    References
    ----------
    .. [1] D. J. Watts and S. H. Strogatz, Nature 393, 440-442, 1998.

    Examples
    --------
    >>> ring = nx.cycle_graph(6, create_using=nx.DiGraph)
    >>> cut = nx.DiGraph([edge for edge in ring.edges if edge != (5, 0)])
    >>> found = compare_paths(ring, cut)
    >>> found.reachability_ratio, found.length_truth, found.length_predicted, found.exact
    (0.5, 3.0, 2.3333333333333335, True)
    """
    from connectograph._kernels.edges import map_both

    both = as_aligned(truth, predicted)
    connected = np.unique(np.concatenate([both.source, both.target]))
    sources = connected
    if len(connected) > _MAX_EXACT:
        sources = np.sort(np.random.default_rng(_SEED).choice(connected, _N_SOURCES, replace=False))
    measured = map_both(
        lambda weight: _measure(both, weight > 0, sources, len(connected)),
        len(both.source),
        (both.truth, both.predicted),
    )
    (reach, length), (other_reach, other_length) = measured
    return PathComparison(len(connected), len(sources), reach, other_reach, length, other_length)


def _measure(both: AlignedEdges, there: npt.NDArray[np.bool_], sources: Counts, n_neurons: int) -> tuple[float, float]:
    """Reachability and mean length in the graph of the pairs that are `there`."""
    from connectograph._kernels.ranking import order_by
    from connectograph._kernels.reach import count_steps

    n, source, target = len(both.nodes), both.source[there], both.target[there]
    if not both.directed:
        source, target = np.concatenate([source, target]), np.concatenate([target, source])
        order = order_by(source, n)
        source, target = source[order], target[order]
    n_pairs, n_steps = count_steps(count_up(source, n), target, sources)
    return divide(n_pairs, len(sources) * (n_neurons - 1)), divide(n_steps, n_pairs)
