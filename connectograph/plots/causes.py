"""What wrong connections cost, by cause; and what mending them one by one gains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from connectograph.plots.style import COLOURS, RASTER_LIMIT, new_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CAUSE_WORDS", "plot_causes", "plot_fixes"]

CAUSE_WORDS = {
    "missed": "synapse missed",
    "spurious": "synapse invented",
    "wrong_partner": "wrong partner",
    "polarity": "wrong direction",
    "split": "neuron split",
    "merge": "neurons merged",
    "mixed": "several causes",
}
"""Causes of wrong connections as pictures and tables name them."""

_FEWEST_BARS = 3
"""Bars that a picture has room for even if there are fewer, so that one does not fill it."""
_HATCHES = {"fn": "", "fp": "///"}
_LEGEND = {"fn": "missed connections (fn)", "fp": "false connections (fp)"}


def plot_causes(causes: Sequence[Mapping[str, Any]], *, ax: Axes | None = None) -> Axes:
    """Draw the F1 lost to each cause.

    Parameters
    ----------
    causes : sequence of mapping
        `outcome` (fp or fn), `cause` and `f1_lost`, as in the block "causes" of report.json.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        One container of bars for each outcome.

    Examples
    --------
    >>> ax = plot_causes([{"outcome": "fn", "cause": "missed", "f1_lost": 0.25}])
    >>> [float(bar.get_width()) for bar in ax.containers[0]]
    [0.25]
    """
    ax = new_axes(ax)
    names = [name for name in CAUSE_WORDS if any(row["cause"] == name for row in causes)]
    left = np.zeros(len(names))
    for outcome in ("fn", "fp"):
        lost = {row["cause"]: row["f1_lost"] for row in causes if row["outcome"] == outcome}
        width = np.array([lost.get(name, 0.0) for name in names])
        ax.barh(
            range(len(names)), width, left=left, height=0.62, color=COLOURS[outcome], hatch=_HATCHES[outcome],
            edgecolor="white", linewidth=0.0, label=_LEGEND[outcome],
        )  # fmt: skip
        left = left + width
    for place, (name, end) in enumerate(zip(names, left.tolist(), strict=True)):
        ax.annotate(CAUSE_WORDS[name], (end, place), xytext=(4, 0), textcoords="offset points", va="center")
    ax.set_yticks([])
    ax.set_ylim(max(len(names), _FEWEST_BARS) - 0.5, -0.5)
    ax.set(xlabel="F1 lost", xlim=(0, 1.3 * max(left.max(initial=0), 1e-3)))
    tidy(ax)
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.03), ncols=2)
    return ax


def plot_fixes(fixes: pd.DataFrame, *, start: float, ax: Axes | None = None) -> Axes:
    """Draw F1 against the number of fixes.

    Parameters
    ----------
    fixes : pandas.DataFrame
        The table "fixes".
    start : float
        F1 before any fix.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        One line, with a point for each number of fixes from 0 on.

    Examples
    --------
    >>> ax = plot_fixes(pd.DataFrame({"f1": [0.75, 1.0]}), start=0.5)
    >>> ax.lines[0].get_ydata().tolist()
    [0.5, 0.75, 1.0]
    """
    ax = new_axes(ax)
    f1 = np.append(start, fixes["f1"].to_numpy())
    ax.plot(np.arange(len(f1)), f1, color=COLOURS["ink"], linewidth=1.4, rasterized=len(f1) > RASTER_LIMIT)
    ax.scatter(
        [0], [start], s=36, color=COLOURS["fp"], edgecolors=COLOURS["ink"], linewidths=0.8, zorder=4, clip_on=False
    )
    ax.annotate("as it is", (0, start), xytext=(8, -7), textcoords="offset points", color=COLOURS["muted"])
    low = max(0.0, start - 0.2 * (1 - start))
    ax.set(
        xlabel="fixes made, best first", ylabel="F1 of connections", xlim=(0, max(1, len(f1) - 1)), ylim=(low, 1.005)
    )
    ax.grid(axis="y", color=COLOURS["rule"], linewidth=0.5)
    tidy(ax)
    return ax
