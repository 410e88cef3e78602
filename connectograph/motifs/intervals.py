"""Intervals of ratios of reciprocity and transitivity: what becomes of them without each of the neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._numbers import divide
from connectograph.graphs import AlignedEdges, as_aligned
from connectograph.motifs.census import orient, rank_nodes
from connectograph.motifs.dyads import Dyads, align_dyads
from connectograph.uncertainty.clusters import MIN_NEURONS, check_level, make_interval, no_interval, too_few
from connectograph.uncertainty.results import Interval

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["ratio_intervals"]

_Counts = npt.NDArray[np.int64]


def ratio_intervals(
    truth: nx.Graph | pd.DataFrame | AlignedEdges,
    predicted: nx.Graph | pd.DataFrame | None = None,
    *,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Approximate intervals of predicted / truth of transitivity and, if directed, reciprocity.

    Parameters
    ----------
    truth, predicted : networkx.Graph, networkx.DiGraph or edge table
        Or both at once as :class:`~connectograph.graphs.AlignedEdges`.
    level : float

    Returns
    -------
    dict of str to Interval

    Raises
    ------
    InputError
        If one graph is directed and the other is not, or the level does not lie between 0 and 1.

    Notes
    -----
    V = (n - 1)/n sum_v (theta_v - mean of theta_v)^2, theta_v the ratio without neuron v, which both graphs lose
    alike [1]_; n neurons that have an edge in either. Exact without counting anew: with t_v triangles at v, d_v
    partners and W pairs of partners in all, T becomes T - t_v and W becomes W - d_v (d_v - 1) / 2 - sum of (d_u - 1)
    over partners u. O(m^1.5).

    References
    ----------
    .. [1] O. Frank, T. A. B. Snijders, J. Off. Stat. 10 (1994) 53.

    Examples
    --------
    >>> import networkx as nx
    >>> graphs = [nx.gnp_random_graph(60, 0.2, seed=seed) for seed in (1, 2)]
    >>> found = ratio_intervals(*graphs)["transitivity"]
    >>> print(f"{found.value:.2f}, {found.lower:.2f} to {found.upper:.2f}")
    0.92, 0.59 to 1.25
    """
    check_level(level)
    both = as_aligned(truth, predicted)
    low, high, *codes = align_dyads(both)
    sides = [Dyads(len(both.nodes), both.directed, low[code > 0], high[code > 0], code[code > 0]) for code in codes]
    connected = np.bincount(np.concatenate([low, high]), minlength=len(both.nodes)) > 0
    parts = {"transitivity": [_count_triangles(side) for side in sides]}
    if both.directed:
        parts["reciprocity"] = [_count_answers(side) for side in sides]
    return {name: _spread(shares, connected, level) for name, shares in parts.items()}


def _count_triangles(dyads: Dyads) -> tuple[_Counts, _Counts]:
    """Triangles and pairs of partners: (n + 1,) without each neuron, and of the whole graph."""
    from connectograph._kernels.triads import count_corners

    n, low, high = dyads.n_nodes, dyads.low, dyads.high
    at_node = count_corners(*orient(dyads))[0][rank_nodes(dyads)]
    partners = _at_ends(n, low, high, np.ones((2, len(low)), np.int64))
    pairs = partners * (partners - 1) // 2
    lost = pairs + _at_ends(n, low, high, np.stack([partners[high] - 1, partners[low] - 1]))
    return _leave_out(int(at_node.sum()) // 3, at_node), _leave_out(int(pairs.sum()), lost)


def _count_answers(dyads: Dyads) -> tuple[_Counts, _Counts]:
    """Mutual pairs and arrows, likewise."""
    mutual = (dyads.code == 3).astype(np.int64)
    found = (
        _at_ends(dyads.n_nodes, dyads.low, dyads.high, np.stack([values, values])) for values in (mutual, mutual + 1)
    )
    whole = int(mutual.sum()), dyads.n_edges
    answered, arrows = (_leave_out(total, lost) for total, lost in zip(whole, found, strict=True))
    return answered, arrows


def _at_ends(n: int, low: _Counts, high: _Counts, values: _Counts) -> _Counts:
    """Sums over the pairs of every neuron, of one value for the lower and one for the higher end."""
    sums = np.zeros(n, np.int64)
    for end, value in zip((low, high), values, strict=True):
        np.add.at(sums, end, value)
    return sums


def _leave_out(whole: int, lost: _Counts) -> _Counts:
    return np.append(whole - lost, whole)


def _spread(sides: list[tuple[_Counts, _Counts]], connected: npt.NDArray[np.bool_], level: float) -> Interval:
    """Interval of the predicted share over the true one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        truth, predicted = (part / whole for part, whole in sides)
        ratios = (predicted / truth)[:-1][connected]
    value = divide(float(predicted[-1]), float(truth[-1]))
    n = len(ratios)
    if n < MIN_NEURONS:
        return no_interval(value, level, n, too_few(n))
    if not np.isfinite([value, *ratios]).all():
        return no_interval(value, level, n, "no interval: undefined, or so without one of the neurons")
    variance = (n - 1) / n * float(((ratios - ratios.mean()) ** 2).sum())
    return make_interval(value, variance, n, level, scale=value**2)
