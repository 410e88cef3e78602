"""Intervals of how well neurons keep their strongest partners and their weights: leaving out some neurons at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np

from connectograph.degrees.comparison import PLACES
from connectograph.degrees.partners import list_rows
from connectograph.degrees.profiles import Numbers
from connectograph.degrees.roles import roles_of
from connectograph.graphs import AlignedEdges
from connectograph.uncertainty.clusters import MIN_NEURONS, check_level, no_interval, too_few
from connectograph.uncertainty.jackknife import spread
from connectograph.uncertainty.results import Interval

__all__ = ["partner_intervals"]

_GROUPS = 50


def partner_intervals(both: AlignedEdges, *, level: float = 0.95) -> dict[str, Interval]:
    """Approximate intervals of the mean overlap of the strongest partners, and of the mean cosine of the weights.

    Parameters
    ----------
    both : AlignedEdges
    level : float

    Returns
    -------
    dict of str to Interval
        "total 5": overlap of the 5 strongest partners of either direction; "total 10"; "total cosine"; and, if
        directed, of the roles "in" and "out".

    Raises
    ------
    InputError
        If the level does not lie between 0 and 1.

    Notes
    -----
    As :func:`connectograph.uncertainty.node_jackknife` with 50 groups of the neurons that have an edge, but for each
    neuron only those groups are left out that hold one of its strongest partners: without the others nothing changes.
    O(edges) times the groups among the strongest partners of a neuron.

    Examples
    --------
    >>> import networkx as nx
    >>> from connectograph.graphs import align
    >>> both = align(nx.wheel_graph(60), nx.circulant_graph(60, [1, 2]))
    >>> found = partner_intervals(both)["total 5"]
    >>> print(f"{found.value:.2f}, {found.lower:.2f} to {found.upper:.2f}")
    0.51, 0.49 to 0.53
    """
    check_level(level)
    both = _drop_isolated(both)
    roles = roles_of(both)
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(roles, pool.map(partial(_leave_out, both), roles), strict=True))
    n = len(both.nodes)
    return {f"{role} {name}": _make_interval(parts, n, level) for role in roles for name, parts in found[role].items()}


def _drop_isolated(both: AlignedEdges) -> AlignedEdges:
    """The same edges among the neurons that have any: of a volume's segments, most have none."""
    connected = np.zeros(len(both.nodes), bool)
    connected[both.source] = connected[both.target] = True
    place = np.cumsum(connected) - 1
    return replace(both, nodes=both.nodes[connected], source=place[both.source], target=place[both.target])


def _leave_out(both: AlignedEdges, role: str) -> dict[str, Numbers]:
    """Means without each group of neurons, and with all, in one role."""
    from connectograph._kernels.ranking import cosine_without, overlap_without

    rows, groups = list_rows(both, role), min(_GROUPS, max(len(both.nodes), 1))
    overlaps = {str(k): overlap_without(*rows, k, groups) for k in PLACES}
    return {**overlaps, "cosine": cosine_without(*rows, groups)}


def _make_interval(means: Numbers, n_neurons: int, level: float) -> Interval:
    value = float(means[-1])
    if n_neurons < MIN_NEURONS:
        return no_interval(value, level, n_neurons, too_few(n_neurons))
    return spread(value, means[:-1], level)
