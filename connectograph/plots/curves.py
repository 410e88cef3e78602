"""Precision against recall: the prediction, its thresholds, and what knows no synapse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from connectograph.plots.style import COLOURS, RASTER_LIMIT, new_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_precision_recall"]

_MARKS = ("o", "s", "D", "P", "X")
_ISOLINES = (0.2, 0.4, 0.6, 0.8)


def plot_precision_recall(
    points: Mapping[str, tuple[float, float]],
    *,
    curves: Mapping[str, pd.DataFrame] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw points and curves of precision against recall over lines of equal F1.

    Parameters
    ----------
    points : mapping of str to (recall, precision)
        By legend entry; the first is the prediction.
    curves : mapping of str to DataFrame, optional
        By legend entry: `recall` and `precision` at each threshold.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        One line for each curve and one scatter for each point, with their labels.

    Examples
    --------
    >>> ax = plot_precision_recall({"prediction": (0.8, 0.6)})
    >>> ax.collections[0].get_offsets().tolist()
    [[0.8, 0.6]]
    """
    ax = new_axes(ax)
    _draw_isolines(ax)
    for index, (label, curve) in enumerate((curves or {}).items()):
        look = {"color": COLOURS["ink"], "linestyle": ("solid", "dashed")[index % 2], "linewidth": 1.2}
        raster = len(curve) > RASTER_LIMIT
        ax.plot(curve["recall"], curve["precision"], label=label, rasterized=raster, **look)  # type: ignore[arg-type]
    for index, (label, place) in enumerate(points.items()):
        colour = COLOURS["fp"] if index == 0 else "white"
        ax.scatter(
            *place, s=46, marker=_MARKS[index % 5], facecolors=colour, edgecolors=COLOURS["ink"], linewidths=0.9,
            label=label, zorder=4, clip_on=False,
        )  # fmt: skip
    ax.set(xlim=(0, 1), ylim=(0, 1.005), xlabel="recall", ylabel="precision", aspect="equal")
    tidy(ax)
    ax.legend(loc="center left", bbox_to_anchor=(1.12, 0.5), labelspacing=1.0)
    return ax


def _draw_isolines(ax: Axes) -> None:
    """Thin lines on which F1 is the same, named at the right edge."""
    for f1 in _ISOLINES:
        recall = np.linspace(f1 / (2 - f1), 1, 60)
        ax.plot(recall, f1 * recall / (2 * recall - f1), color=COLOURS["rule"], linewidth=0.8, zorder=0)
        ax.text(1.01, f1 / (2 - f1), f"{f1}", fontsize=6.5, color=COLOURS["muted"], va="center")
    ax.text(1.01, 1.0, "F1", fontsize=6.5, color=COLOURS["muted"], va="center")
