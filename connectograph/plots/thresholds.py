"""Scores over the number of synapses that makes a connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from connectograph.plots.style import SCORE_STYLES, new_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_thresholds"]


def plot_thresholds(family: Sequence[Mapping[str, Any]], *, ax: Axes | None = None) -> Axes:
    """Draw precision, recall and F1 where at least k synapses make a connection in both graphs.

    Parameters
    ----------
    family : sequence of mappings
        The list "family" of the block "thresholds" of report.json: `k`, `precision`, `recall`, `f1` (None where
        undefined), `intervals`.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        One line for each score, labelled with its name; x is near the place of k in the list. Bars are intervals.

    Examples
    --------
    >>> ax = plot_thresholds([{"k": 1, "precision": 0.5, "recall": 1.0, "f1": 0.667}])
    >>> [(line.get_label(), line.get_ydata().tolist()) for line in ax.lines][0]
    ('precision', [0.5])
    """
    ax = new_axes(ax)
    drawn = []
    for index, (name, style) in enumerate(SCORE_STYLES.items()):
        shift = 0.08 * (index - 1)
        values = [np.nan if row.get(name) is None else row[name] for row in family]
        ax.plot(np.arange(len(family)) + shift, values, label="F1" if name == "f1" else name, clip_on=False, **style)
        drawn += [*values, *_draw_intervals(ax, family, name, shift, style["color"])]
    ax.set_xticks(range(len(family)), [str(row["k"]) for row in family])
    lowest = np.nanmin([*drawn, 1.0])
    ax.set(xlabel="synapses that make a connection, at least", ylabel="score", ylim=(_floor(lowest), 1.01))
    ax.set_xlim(-0.3, len(family) - 0.7)
    tidy(ax)
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.03), ncols=3)
    return ax


def _draw_intervals(ax: Axes, family: Sequence[Mapping[str, Any]], name: str, shift: float, colour: str) -> list[float]:
    """A thin bar for each interval, and the lower ends."""
    lower = []
    for place, row in enumerate(family):
        interval = (row.get("intervals") or {}).get(name) or {}
        if interval.get("lower") is not None:
            ax.vlines(place + shift, interval["lower"], interval["upper"], color=colour, linewidth=1.0)
            lower.append(interval["lower"])
    return lower


def _floor(value: float) -> float:
    """The lower end of the axis: 0 unless all is above 0.5."""
    return 0.5 if value > 0.5 else 0.0
