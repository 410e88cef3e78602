"""Operating points: a threshold chosen in one half of the volume, and its score in the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from connectograph._networkx import nx
from connectograph._notebook import Shown
from connectograph._numbers import explain_missing
from connectograph.compare.edges import EdgeScore
from connectograph.compare.sweeps import EdgeCurve, OperatingPoint, direction_of, sweep_scores
from connectograph.errors import InputError
from connectograph.graphs import edges_of

__all__ = ["OperatingChoice", "choose_operating_point", "choose_operating_points", "find_cut"]

_AXES = ("z_nm", "y_nm", "x_nm")


@dataclass(frozen=True)
class OperatingChoice(Shown):
    """A threshold chosen in one half of the volume, and its score in the other.

    Attributes
    ----------
    axis : {"z_nm", "y_nm", "x_nm"}
        Along which the volume was cut.
    cut_nm : float
        Where: synapses below it chose, the others report.
    chosen : OperatingPoint or None
        In the half that chose; too good, as it was chosen for it.
    reported : EdgeScore or None
        In the other half.
    reason : str
        Why no threshold could be chosen; '' if one was.

    Examples
    --------
    >>> choice = OperatingChoice("x_nm", 4000.0, OperatingPoint(0.7, EdgeScore(9, 1, 1)), EdgeScore(8, 2, 2))
    >>> choice.chosen.edges.f1, choice.reported.f1
    (0.9, 0.8)
    """

    axis: str
    cut_nm: float
    chosen: OperatingPoint | None
    reported: EdgeScore | None
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Cut, chosen point and reported score; what is undefined is None with its reason beside it."""
        result = {"axis": self.axis, **explain_missing({"cut_nm": self.cut_nm}, {"cut_nm": self.reason})}
        for name, part in (("chosen", self.chosen), ("reported", self.reported)):
            result |= {name: part.to_dict()} if part else {name: None, f"{name}_reason": self.reason}
        return result


def choose_operating_point(
    truth: nx.Graph | pd.DataFrame,
    links: pd.DataFrame,
    *,
    k: int = 1,
    recall: float | None = None,
    directed: bool | None = None,
) -> OperatingChoice:
    """Choose the threshold in one half of the volume and report its score in the other.

    A threshold chosen and scored on the same synapses promises too much.

    Parameters
    ----------
    truth : networkx.Graph, networkx.DiGraph, or pandas.DataFrame
        The true connectome with positions: graph, table "edges", or, best, table "links".
    links : pandas.DataFrame
        The table "links" of the prediction, with `score` and positions.
    k : int
        Synapses that make an edge, the same on both sides.
    recall : float, optional
        Choose the highest precision with at least this recall, instead of the highest F1.
    directed : bool, optional
        Of edge tables (default: what the links say); graphs and links know it themselves.

    Returns
    -------
    OperatingChoice
        Without a threshold if the half that chooses has no candidate, or never reaches the recall.

    Raises
    ------
    InputError
        If a score or a position is missing, or one side is directed and the other is not.

    Notes
    -----
    The cut lies at the median of the true positions along the axis on which they spread most, so that either half has
    as many. An edge is then what has k synapses within the half.

    Examples
    --------
    >>> from connectograph.tables import make_table
    >>> table = {"synapse_id": [1, 2, 3, 4], "source": [4] * 4, "target": [7, 8, 7, 8], "directed": [False] * 4,
    ...     "n_voxels": [9] * 4, "score": [0.9, 0.2, 0.8, 0.3], "z_nm": [0.0] * 4, "y_nm": [0.0] * 4,
    ...     "x_nm": [10.0, 20.0, 30.0, 40.0]}
    >>> predicted = make_table("links", table)
    >>> choice = choose_operating_point(predicted[predicted["target"] == 7], predicted)
    >>> choice.axis, choice.chosen.threshold, choice.reported.recall
    ('x_nm', 0.9, 0.0)
    """
    return choose_operating_points(truth, links, [recall], k=k, directed=directed)[0]


def choose_operating_points(
    truth: nx.Graph | pd.DataFrame,
    links: pd.DataFrame,
    recalls: Sequence[float | None],
    *,
    k: int = 1,
    directed: bool | None = None,
) -> list[OperatingChoice]:
    """The same for several demands at once: a least recall, or None for the highest F1."""
    table = truth if isinstance(truth, pd.DataFrame) else edges_of(truth)
    axis, cut = find_cut(table, links)
    if math.isnan(cut):
        return [OperatingChoice(axis, cut, None, None, "the truth has no edge") for _ in recalls]
    direction = direction_of(truth, links, directed)
    chooses, reports = (
        sweep_scores(table[(table[axis] < cut) == low], links[(links[axis] < cut) == low], k=k, directed=direction)
        for low in (True, False)
    )
    return [_choose(chooses, reports, (axis, cut), recall) for recall in recalls]


def _choose(chooses: EdgeCurve, reports: EdgeCurve, place: tuple[str, float], recall: float | None) -> OperatingChoice:
    """The point of the half that chooses, and its score in the half that reports."""
    point = chooses.at_best_f1() if recall is None else chooses.at_recall(recall)
    if point is None:
        reason = "no candidate" if recall is None else f"no threshold of recall {recall}"
        return OperatingChoice(*place, None, None, f"the half that chooses has {reason}")
    return OperatingChoice(*place, point, reports.at_threshold(point.threshold))


def find_cut(truth: pd.DataFrame, links: pd.DataFrame) -> tuple[str, float]:
    """Axis on which the truth spreads most, and its median there (NaN if there is no row); all rows need positions."""
    for name, table in (("truth", truth), ("links", links)):
        lacking = int(table[list(_AXES)].isna().any(axis=1).sum())
        if lacking:
            raise InputError(f"{name}: {lacking} of {len(table)} rows have no position; the volume cannot be halved.")
    if truth.empty:
        return _AXES[0], math.nan
    places = truth[list(_AXES)].to_numpy(float)
    axis = int(np.argmax(np.ptp(places, axis=0)))
    return _AXES[axis], float(np.median(places[:, axis]))
