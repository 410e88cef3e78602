"""Pairs of counts, truth against prediction: a bubble for each pair that occurs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from connectograph.plots.style import COLOURS, RASTER_LIMIT, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_bubbles", "scale_counts"]


def draw_bubbles(ax: Axes, counts: pd.DataFrame, noun: str) -> None:
    """Bubbles on log(1 + x) axes with the line of equality and a legend.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    counts : pandas.DataFrame
        Three columns of int64: a count in the truth, one in the prediction, and how often the two occur (the area).
    noun : str
        What occurs, with {s} for the plural.
    """
    truth, predicted, number = counts.to_numpy(np.int64).T
    top = float(max(1, truth.max(initial=0), predicted.max(initial=0)))
    scale_counts(ax, top, "xy")
    ax.plot([0, top], [0, top], color=COLOURS["muted"], linewidth=0.8, zorder=1, label="same in both")
    look: dict[str, Any] = {"facecolors": COLOURS["muted"] + "66", "edgecolors": COLOURS["ink"], "linewidths": 0.5}
    ax.scatter(truth, predicted, s=_area(number), rasterized=len(number) > RASTER_LIMIT, zorder=2, **look)
    most = int(number.max(initial=1))
    for count in (1, 10, 100, 1000, 10_000, 100_000):
        if count == 1 or count <= most:
            label = f"{count:,} {noun.format(s='' if count == 1 else 's')}"
            ax.scatter([], [], s=_area(count), label=label, **look)
    ax.set_aspect("equal")
    tidy(ax)
    ax.legend(loc="center left", bbox_to_anchor=(1.04, 0.5), labelspacing=0.9)


def scale_counts(ax: Axes, top: float, axes: str) -> None:
    """Axes as log(1 + x), so that 0 has its place."""
    digits = (1, 2, 5) if top <= 100 else (1,)
    ticks = [0, *(tick for power in range(19) for digit in digits if (tick := digit * 10**power) <= top)]
    limits = (float(np.expm1(-0.06 * np.log1p(top))), float(np.expm1(1.04 * np.log1p(top))))
    functions: Any = (np.log1p, np.expm1)
    for axis in axes:
        getattr(ax, f"set_{axis}scale")("function", functions=functions)
        getattr(ax, f"set_{axis}ticks")(ticks, [f"{tick:,}" for tick in ticks])
        getattr(ax, f"set_{axis}lim")(limits)


def _area(count: Any) -> Any:
    """Area of a mark in points²; grows with the logarithm, so that a single one stays visible beside ten thousand."""
    return 14.0 * (1.0 + 2.0 * np.log10(count))
