"""Intervals of ratios over pairs of neurons: precision, recall, F1 and their like."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.errors import InputError
from connectograph.graphs import AlignedEdges
from connectograph.tables import validate_table
from connectograph.uncertainty.clusters import (
    check_level,
    count_neurons,
    make_interval,
    no_interval,
    sum_over_neurons,
)
from connectograph.uncertainty.outcomes import SCORES, UNDEFINED, count_outcomes, find_influence
from connectograph.uncertainty.results import EdgeIntervals, Interval

__all__ = ["edge_intervals", "ratio_interval"]


def ratio_interval(
    numerator: npt.ArrayLike,
    denominator: npt.ArrayLike,
    source: npt.ArrayLike,
    target: npt.ArrayLike,
    directed: bool,
    *,
    level: float = 0.95,
) -> Interval:
    """Interval of a ratio of two sums over pairs of neurons.

    Parameters
    ----------
    numerator, denominator : (E,) arrays
        What each pair adds: for recall, 1 if found, and 1 for each true edge; for weighted recall,
        min(truth, predicted), and truth.
    source, target : (E,) arrays of int
        Neurons of the pair, small numbers (`source` and `target` of :class:`~connectograph.graphs.AlignedEdges`).
    directed : bool
    level : float

    Returns
    -------
    Interval

    Raises
    ------
    InputError
        If the arrays differ in length, or the level does not lie between 0 and 1.

    Notes
    -----
    With r_e = (a_e - theta b_e) / sum(b), the influence of pair e on theta = sum(a) / sum(b), the variance of directed
    pairs [1]_ is summed over neurons u as source and v as target, that of undirected pairs [2]_ over neurons w at
    either end:

        V = sum_u (sum_{e from u} r_e)^2 + sum_v (sum_{e to v} r_e)^2 - sum_e r_e^2,
        V = sum_w (sum_{e at w} r_e)^2 - sum_e r_e^2,

    and is never less than sum_e r_e^2, that of independent pairs. Limits use Student's t with (neurons - 1) degrees of
    freedom; where every 0 <= a_e <= b_e they are computed for log(theta / (1 - theta)), and so stay in 0..1. Outcomes
    that do not vary (all found) give no interval. O(E).

    References
    ----------
    .. [1] A. C. Cameron, J. B. Gelbach, D. L. Miller, J. Bus. Econ. Stat. 29 (2011) 238, doi:10.1198/jbes.2010.07136.
    .. [2] P. M. Aronow, C. Samii, V. A. Assenova, Polit. Anal. 23 (2015) 564, doi:10.1093/pan/mpv018.

    Examples
    --------
    >>> source, target = np.divmod(np.arange(1600), 40)
    >>> found = ratio_interval(np.arange(1600) % 7 > 0, np.ones(1600), source, target, True)
    >>> print(f"{found.value:.3f}, {found.lower:.3f} to {found.upper:.3f}")
    0.857, 0.838 to 0.874
    """
    check_level(level)
    a, b = np.asarray(numerator, float), np.asarray(denominator, float)
    ends = [np.asarray(end, np.int64) for end in (source, target)]
    if len({array.shape for array in (a, b, *ends)}) > 1:
        lengths = [array.size for array in (a, b, *ends)]
        raise InputError(f"numerator, denominator, source, target have {lengths} entries; expected as many in each.")
    whole = float(b.sum())
    if not whole:
        return no_interval(math.nan, level, 0, "the denominator is 0")
    value = float(a.sum()) / whole
    influence = (a - value * b) / whole
    n_nodes = 1 + max(int(end.max()) for end in ends)
    sums = [np.bincount(end, influence, n_nodes) for end in ends]
    seen = [np.bincount(end, (a != 0) | (b != 0), n_nodes) > 0 for end in ends]
    return make_interval(
        value,
        sum_over_neurons(sums, float(influence @ influence), directed),
        count_neurons(seen, directed),
        level,
        scale=float(a @ a) / whole**2,
        bounded=bool(((a >= 0) & (a <= b)).all()),
    )


def edge_intervals(
    both: AlignedEdges, *, threshold: int = 1, level: float = 0.95, candidates: pd.DataFrame | None = None
) -> EdgeIntervals:
    """Intervals of edge precision, recall and F1.

    Parameters
    ----------
    both : AlignedEdges
    threshold : int
        Synapses that make an edge, the same on both sides.
    level : float
    candidates : pandas.DataFrame, optional
        `segment_a` and `segment_b` of the pairs that might have been called edges, such as the table "contactome": the
        intervals are then for these very edges. Without, they are for other neurons and edges like these, too.

    Returns
    -------
    EdgeIntervals

    Raises
    ------
    InputError
        If the threshold is below 1, or the level does not lie between 0 and 1.
    SchemaError
        If the candidates are no pairs of segments.

    Notes
    -----
    :func:`ratio_interval` of tp/(tp+fp), tp/(tp+fn) and 2tp/(2tp+fp+fn), from the number of pairs of every neuron by
    outcome: one pass over the pairs for all three.

    An edge always pulls the precision up, and a false candidate always down. If the same pairs are edges again, that is
    no variation [1]_, and V is off: with m_e, the expected influence of pair e, by sum_u (sum_e m_e)^2 +
    sum_v (sum_e m_e)^2 - sum_e m_e^2. With candidates, r_e is replaced by r_e minus its mean over the true edges (tp,
    fn), or over the candidates that are none (fp, and what was rightly not called). Without, V is made large enough for
    both cases, edges drawn anew and the same edges: with E true edges, c = (sum of r_e over tp and fn)^2 / E and
    d = (sum of r_e over fp)^2 / max(E, fp),

        V' = max(V + c + d, sum_e r_e^2 - c),

    V before it is bounded below. c is the sum of m_e^2 over the edges, and d that over the other candidates if these
    are as many as the edges; of more it is less. The recall needs none of this: c = d = 0.

    Intervals of 95 % were measured (analysis/interval_coverage.py) to hold the expected score in 93 to 98 of 100 cases
    where the edges are drawn anew; and where they are the same, with candidates, or with as many other candidates as
    edges. In more, up to 100, if there are more, or if they lie anywhere: which these were, two graphs do not say.

    References
    ----------
    .. [1] A. Abadie, G. W. Imbens, F. Zheng, J. Am. Stat. Assoc. 109 (2014) 1601, doi:10.1080/01621459.2014.928218.

    Examples
    --------
    >>> from connectograph.graphs import align
    >>> import networkx as nx
    >>> both = align(nx.circulant_graph(60, [1, 2, 3, 4]), nx.circulant_graph(60, [1, 2, 3, 7]))
    >>> edge_intervals(both).recall.value
    0.75
    """
    check_level(level)
    counts = count_outcomes(both, threshold)
    if candidates is not None:
        counts = _add_candidates(both, counts, candidates)
    totals = counts[0].sum(axis=0)
    fixed = candidates is not None
    return EdgeIntervals(
        **{name: _score_interval(name, counts, totals, both.directed, level, fixed) for name in SCORES}
    )


def _add_candidates(
    both: AlignedEdges, counts: list[npt.NDArray[np.int64]], candidates: pd.DataFrame
) -> list[npt.NDArray[np.int64]]:
    """Outcomes of every neuron, with the candidates that are an edge of neither graph."""
    table = validate_table("contactome", candidates, ["segment_a", "segment_b"])
    ends = [table[name].to_numpy() for name in ("segment_a", "segment_b")]
    inside = np.isin(ends[0], both.nodes) & np.isin(ends[1], both.nodes) & (ends[0] != ends[1])
    a, b = np.sort([np.searchsorted(both.nodes, end[inside]) for end in ends], axis=0)
    keys = np.concatenate([a << 32 | b, b << 32 | a]) if both.directed else a << 32 | b
    lacking = np.setdiff1d(np.unique(keys), both.source << 32 | both.target, assume_unique=True)
    ends = [lacking >> 32, lacking & (2**32 - 1)]
    unseen = [np.bincount(end, minlength=len(both.nodes)) for end in ends]
    return [role + np.outer(n, [1, 0, 0, 0]) for role, n in zip(counts, unseen, strict=True)]


def _score_interval(
    name: str,
    counts: list[npt.NDArray[np.int64]],
    totals: npt.NDArray[np.int64],
    directed: bool,
    level: float,
    fixed: bool,
) -> Interval:
    """Interval of one score from the outcomes of every neuron."""
    value, influence = find_influence(totals, name)
    counted = np.flatnonzero(SCORES[name][1])
    n_neurons = count_neurons([role[:, counted].sum(axis=1) > 0 for role in counts], directed)
    if math.isnan(value):
        return no_interval(value, level, n_neurons, UNDEFINED[name])
    if fixed:
        influence = _centre(influence, totals)
    edges, others = (0.0, 0.0) if fixed else _square_means(influence, totals)
    sums, squares = [role @ influence for role in counts], float(totals @ influence**2)
    variance = max(sum_over_neurons(sums, squares - edges - others, directed), squares - edges)
    return make_interval(value, variance, n_neurons, level, bounded=True)


def _centre(influence: npt.NDArray[np.float64], totals: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Influence of each outcome (none, tp, fp, fn) without its mean over the true edges, or over the other pairs."""
    centred = influence.copy()
    for kinds in ([1, 3], [0, 2]):
        n = int(totals[kinds].sum())
        centred[kinds] -= float(influence[kinds] @ totals[kinds]) / n if n else 0.0
    return centred


def _square_means(influence: npt.NDArray[np.float64], totals: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Sum of the squared mean influence over the true edges, and over as many other candidates."""
    n_edges, n_false = int(totals[1] + totals[3]), int(totals[2])
    edges, false = float(influence[[1, 3]] @ totals[[1, 3]]), float(influence[2] * n_false)
    return edges**2 / max(1, n_edges), false**2 / max(1, n_edges, n_false)
