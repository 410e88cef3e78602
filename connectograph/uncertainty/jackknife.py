"""Intervals of statistics that are no sums over pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError
from connectograph.graphs import AlignedEdges
from connectograph.uncertainty.clusters import MIN_NEURONS, check_level, make_interval, no_interval, too_few
from connectograph.uncertainty.results import Interval

__all__ = ["node_jackknife", "spread"]


def node_jackknife(
    function: Callable[[AlignedEdges], Mapping[str, float]],
    both: AlignedEdges,
    *,
    groups: int = 50,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Approximate intervals of any statistic, from leaving out some neurons at a time.

    Parameters
    ----------
    function : callable
        From AlignedEdges to numbers by name: ratios, means, correlations; nothing that grows with the number of
        neurons.
    both : AlignedEdges
        Never changed; both graphs lose the same neurons.
    groups : int
        Parts in which the neurons are left out, dealt in the order of their ids; 30 or more.
    level : float

    Returns
    -------
    dict of str to Interval

    Raises
    ------
    InputError
        If there are fewer than 30 groups, or the level does not lie between 0 and 1.

    Notes
    -----
    V = (G - 1)/G sum_g (theta_g - mean of theta_g)^2, theta_g the statistic without the neurons of group g and all
    their edges [1]_. For motif ratios, correlations, clustering; approximate. The cost is G times that of the
    statistic.

    References
    ----------
    .. [1] O. Frank, T. A. B. Snijders, J. Off. Stat. 10 (1994) 53; J. Shao, C. F. J. Wu, Ann. Stat. 17 (1989) 1176,
       doi:10.1214/aos/1176347263.

    Examples
    --------
    >>> from connectograph.graphs import align
    >>> import networkx as nx
    >>> both = align(nx.wheel_graph(60), nx.circulant_graph(60, [1, 2]))
    >>> common = node_jackknife(lambda pairs: {"common": (pairs.truth * pairs.predicted).mean()}, both)["common"]
    >>> print(f"{common.value:.2f} +- {common.standard_error:.2f}")
    0.36 +- 0.15
    """
    check_level(level)
    if groups < MIN_NEURONS:
        raise InputError(f"groups is {groups}; expected {MIN_NEURONS} or more.")
    n_nodes = len(both.nodes)
    whole = {name: float(value) for name, value in function(both).items()}
    if n_nodes < MIN_NEURONS:
        return {name: no_interval(value, level, n_nodes, too_few(n_nodes)) for name, value in whole.items()}
    group = np.arange(n_nodes) % groups
    parts = [function(_leave_out(both, group == left_out)) for left_out in range(min(groups, n_nodes))]
    return {
        name: spread(value, np.array([part[name] for part in parts], float), level) for name, value in whole.items()
    }


def _leave_out(both: AlignedEdges, left_out: npt.NDArray[np.bool_]) -> AlignedEdges:
    """The graphs without some nodes."""
    position = np.cumsum(~left_out) - 1
    kept = ~(left_out[both.source] | left_out[both.target])
    return AlignedEdges(
        both.nodes[~left_out],
        position[both.source[kept]],
        position[both.target[kept]],
        both.truth[kept],
        both.predicted[kept],
        both.directed,
    )


def spread(value: float, parts: npt.NDArray[np.float64], level: float) -> Interval:
    """Interval from the values without each of the groups, as of :func:`node_jackknife`."""
    n = len(parts)
    if not np.isfinite([value, *parts]).all():
        return no_interval(value, level, n, "no interval: undefined, or so without some of the neurons")
    variance = (n - 1) / n * float(((parts - parts.mean()) ** 2).sum())
    return make_interval(value, variance, n, level, scale=value**2)
