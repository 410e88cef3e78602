"""How the score depends on the number of synapses that makes an edge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._networkx import nx
from connectograph._notebook import Shown
from connectograph.compare.edges import EdgeScore, score_counts
from connectograph.errors import InputError
from connectograph.graphs import AlignedEdges, as_aligned

__all__ = ["ThresholdScore", "ThresholdSurface", "compare_thresholds", "threshold_surface"]

_KS = (1, 2, 3, 5, 10)


@dataclass(frozen=True)
class ThresholdScore(Shown):
    """Score of the edges of at least k synapses, and which of its errors are changes of weight.

    Attributes
    ----------
    k : int
        Synapses that make an edge, the same on both sides.
    edges : EdgeScore
    fn_flipped, fn_lost : int
        Missed edges that the prediction has with fewer than k synapses, and those that it has not at all.
    fp_flipped, fp_invented : int
        False edges that the truth has with fewer than k synapses, and those that it has not at all.

    Examples
    --------
    >>> at_5 = ThresholdScore(5, EdgeScore(8, 1, 2), fn_flipped=2, fn_lost=0, fp_flipped=0, fp_invented=1)
    >>> at_5.edges.recall, at_5.fn_lost
    (0.8, 0)
    """

    k: int
    edges: EdgeScore
    fn_flipped: int
    fn_lost: int
    fp_flipped: int
    fp_invented: int

    def to_dict(self) -> dict[str, Any]:
        """Score and counts; an undefined score is None with its reason beside it."""
        counts = {name: value for name, value in vars(self).items() if name != "edges"}
        return {**counts, **self.edges.to_dict()}


@dataclass(frozen=True)
class ThresholdSurface(Shown):
    """Scores for every threshold of the truth with every threshold of the prediction.

    Attributes
    ----------
    ks : tuple of int
        Thresholds, ascending.
    scores : tuple of tuple of EdgeScore
        ``scores[i][j]``: the truth at ``ks[i]``, the prediction at ``ks[j]``.

    Examples
    --------
    >>> rows = (EdgeScore(9, 1, 0), EdgeScore(6, 0, 3)), (EdgeScore(7, 3, 0), EdgeScore(6, 0, 1))
    >>> surface = ThresholdSurface((1, 5), rows)
    >>> surface.scores[1][0].precision
    0.7
    """

    ks: tuple[int, ...]
    scores: tuple[tuple[EdgeScore, ...], ...]

    def calibrate(self) -> dict[int, int | None]:
        """For each threshold of the truth that of the prediction with the highest F1 (ties: the lowest).

        None where no F1 is above 0.

        Examples
        --------
        >>> truth = nx.Graph([(1, 2, {"n_synapses": 5}), (2, 3)])
        >>> threshold_surface(truth, nx.Graph([(1, 2, {"n_synapses": 3}), (2, 3)]), ks=(1, 2, 5)).calibrate()
        {1: 1, 2: 2, 5: 2}
        """
        best = {}
        for k, row in zip(self.ks, self.scores, strict=True):
            found = [score.f1 if score.tp else 0.0 for score in row]
            best[k] = self.ks[int(np.argmax(found))] if max(found) > 0 else None
        return best

    def to_dict(self) -> dict[str, Any]:
        """Scores as nested lists, and the calibrated thresholds."""
        scores = [[score.to_dict() for score in row] for row in self.scores]
        return {
            "ks": list(self.ks),
            "scores": scores,
            "calibrated": [{"truth": k, "predicted": other} for k, other in self.calibrate().items()],
        }


def compare_thresholds(
    truth: nx.Graph | pd.DataFrame | AlignedEdges,
    predicted: nx.Graph | pd.DataFrame | None = None,
    *,
    ks: Iterable[int] = _KS,
) -> tuple[ThresholdScore, ...]:
    """Scores of the edges of at least k synapses, for several k, the same on both sides.

    Parameters
    ----------
    truth, predicted : networkx.Graph, networkx.DiGraph or edge table
        Or both at once as :class:`~connectograph.graphs.AlignedEdges`.
    ks : iterable of int
        Numbers of synapses, 1 or more.

    Returns
    -------
    tuple of ThresholdScore
        By rising k.

    Raises
    ------
    InputError
        If one graph is directed and the other is not, or a threshold is below 1.

    Notes
    -----
    With B_k = [W >= k] on either side, the score of :func:`~connectograph.compare.compare_edges` for each k. A pair of
    5 synapses of which 4 were found is missed at k = 5: it was *flipped*, not lost. At k = 1 there are no such
    errors. One pass over the pairs for all k. Large fly connectomes are read at k = 5 [1]_; in small volumes that loses
    most edges.

    References
    ----------
    .. [1] S. Dorkenwald et al., Nature 634 (2024) 124, doi:10.1038/s41586-024-07558-y.

    Examples
    --------
    >>> truth = nx.Graph([(1, 2, {"n_synapses": 5}), (2, 3)])
    >>> at_5 = compare_thresholds(truth, nx.Graph([(1, 2, {"n_synapses": 4}), (1, 3)]))[3]
    >>> at_5.k, at_5.edges.fn, at_5.fn_flipped
    (5, 1, 1)
    """
    wanted = _check_ks(ks)
    levels = sorted({1, *wanted})
    counts = _count_pairs(as_aligned(truth, predicted), levels)
    result = []
    for k in wanted:
        i = levels.index(k) + 1
        tp, lowered, raised = counts[i:, i:].sum(), counts[i:, 1:i].sum(), counts[1:i, i:].sum()
        lost, invented = counts[i:, 0].sum(), counts[0, i:].sum()
        score = score_counts(int(tp), int(raised + invented), int(lowered + lost))
        result.append(ThresholdScore(k, score, int(lowered), int(lost), int(raised), int(invented)))
    return tuple(result)


def threshold_surface(
    truth: nx.Graph | pd.DataFrame | AlignedEdges,
    predicted: nx.Graph | pd.DataFrame | None = None,
    *,
    ks: Iterable[int] = _KS,
) -> ThresholdSurface:
    """Scores for every threshold of the truth with every threshold of the prediction.

    A prediction that finds two thirds of the synapses does best with a lower threshold than the truth's.

    Parameters
    ----------
    truth, predicted : networkx.Graph, networkx.DiGraph or edge table
        Or both at once as :class:`~connectograph.graphs.AlignedEdges`.
    ks : iterable of int
        Numbers of synapses, 1 or more.

    Returns
    -------
    ThresholdSurface

    Raises
    ------
    InputError
        If one graph is directed and the other is not, or a threshold is below 1.

    Examples
    --------
    >>> truth = nx.Graph([(1, 2, {"n_synapses": 5}), (2, 3)])
    >>> surface = threshold_surface(truth, nx.Graph([(1, 2, {"n_synapses": 3}), (2, 3)]), ks=(1, 3, 5))
    >>> [[score.tp for score in row] for row in surface.scores]
    [[2, 1, 0], [1, 1, 0], [1, 1, 0]]
    """
    levels = _check_ks(ks)
    counts = _count_pairs(as_aligned(truth, predicted), levels)
    return ThresholdSurface(
        tuple(levels),
        tuple(tuple(_score_corner(counts, i, j) for j in range(1, len(levels) + 1)) for i in range(1, len(levels) + 1)),
    )


def _check_ks(ks: Iterable[int]) -> list[int]:
    levels = sorted({int(k) for k in ks})
    if levels and levels[0] < 1:
        raise InputError(f"ks holds the threshold {levels[0]}; expected 1 synapse or more.")
    return levels


def _count_pairs(both: AlignedEdges, levels: list[int]) -> npt.NDArray[np.int64]:
    """Pairs by the number of levels that their weight reaches, in the truth (rows) and in the prediction."""
    width = len(levels) + 1
    reached = np.searchsorted(levels, both.truth, side="right") * width
    reached += np.searchsorted(levels, both.predicted, side="right")
    return np.bincount(reached, minlength=width**2).reshape(width, width).astype(np.int64)


def _score_corner(counts: npt.NDArray[np.int64], i: int, j: int) -> EdgeScore:
    """Score where the truth reaches i levels and the prediction j."""
    tp = int(counts[i:, j:].sum())
    return score_counts(tp, int(counts[:, j:].sum()) - tp, int(counts[i:, :].sum()) - tp)
