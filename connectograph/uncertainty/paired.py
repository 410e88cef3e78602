"""Two predictions of the same truth compared with each other."""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt
import pandas as pd

from connectograph._networkx import nx
from connectograph.graphs import align, nodes_of
from connectograph.uncertainty.clusters import (
    check_level,
    count_neurons,
    make_interval,
    no_interval,
    sum_over_neurons,
)
from connectograph.uncertainty.outcomes import SCORES, UNDEFINED, count_outcomes, cross_outcomes, find_influence
from connectograph.uncertainty.results import Difference, PairedTest

__all__ = ["paired_test"]


def paired_test(
    truth: nx.Graph | pd.DataFrame,
    a: nx.Graph | pd.DataFrame,
    b: nx.Graph | pd.DataFrame,
    *,
    threshold: int = 1,
    directed: bool | None = None,
    level: float = 0.95,
) -> PairedTest:
    """Is prediction a better than prediction b of the same truth?

    Parameters
    ----------
    truth, a, b : networkx.Graph, networkx.DiGraph or edge table
    threshold : int
        Synapses that make an edge, the same in all three.
    directed : bool, optional
        Of edge tables (default False); graphs know it themselves.
    level : float

    Returns
    -------
    PairedTest
        Differences, a minus b, with interval and p-value.

    Raises
    ------
    InputError
        If some graphs are directed and others not, or the threshold or the level is out of range.

    Notes
    -----
    The variance of :func:`ratio_interval` for the difference of the influences, r_e of a minus r_e of b, over every
    pair of either comparison: what both find or miss alike cancels. McNemar's test takes the edges for independent, and
    finds differences that are not there in up to half of the cases.

    Examples
    --------
    >>> truth = nx.circulant_graph(60, [1, 2, 3])
    >>> test = paired_test(truth, nx.circulant_graph(60, [1, 2]), nx.circulant_graph(60, [1]))
    >>> round(test.recall.interval.value, 3)
    0.333
    """
    check_level(level)
    # on the same nodes, so that sums of one neuron can be subtracted
    first = align(truth, a, nodes=nodes_of(b), directed=directed)
    second = align(truth, b, nodes=nodes_of(a), directed=directed)
    counts = [count_outcomes(side, threshold) for side in (first, second)]
    joint = cross_outcomes(first, second, threshold)
    return PairedTest(**{name: _find_difference(name, counts, joint, first.directed, level) for name in SCORES})


def _find_difference(
    name: str, counts: list[list[npt.NDArray[Any]]], joint: npt.NDArray[Any], directed: bool, level: float
) -> Difference:
    """Difference of one score: influences in the first comparison minus those in the second."""
    from scipy.special import stdtr

    (value, r), (other, s) = (find_influence(side[0].sum(axis=0), name) for side in counts)
    roles = list(zip(*counts, strict=True))
    n_neurons = count_neurons([(one + two)[:, 1:].sum(axis=1) > 0 for one, two in roles], directed)
    if math.isnan(value - other):
        return Difference(no_interval(math.nan, level, n_neurons, UNDEFINED[name]), math.nan, math.nan)
    squares = float((joint * (r[:, None] - s) ** 2).sum())
    variance = sum_over_neurons([one @ r - two @ s for one, two in roles], squares, directed)
    interval = make_interval(value - other, variance, n_neurons, level)
    statistic = interval.value / interval.standard_error
    return Difference(interval, statistic, float(2 * stdtr(max(1, n_neurons - 1), -abs(statistic))))
