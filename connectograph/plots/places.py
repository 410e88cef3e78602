"""Where connections lie in the volume, and where the wrong ones gather."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from connectograph.plots.style import COLOURS, MARKS, OUTCOMES, RASTER_LIMIT, new_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_places"]


def plot_places(
    outcomes: pd.DataFrame,
    *,
    down: str = "y",
    right: str = "x",
    box: tuple[Sequence[float], Sequence[float]] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw connections projected along one axis of the volume, wrong ones on top.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        The table "edge_outcomes"; connections without a place are left out.
    down, right : {"z", "y", "x"}
        Axes of the volume that point down and right.
    box : pair of 3 floats, optional
        Corners of the volume, (z, y, x) in nm, drawn as a frame.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        One scatter for each outcome, in µm with equal scales.

    Examples
    --------
    >>> from connectograph.tables import empty_table
    >>> ax = plot_places(empty_table("edge_outcomes"), box=((0, 0, 0), (1000, 2000, 4000)))
    >>> ax.get_xlabel(), [float(edge) for edge in ax.get_xlim()]
    ('x (µm)', [0.0, 4.0])
    """
    ax = new_axes(ax)
    place = outcomes[[f"{axis}_nm" for axis in (right, down)]].to_numpy() / 1000
    for outcome in OUTCOMES:
        chosen = place[(outcomes["outcome"] == outcome).to_numpy()]
        wrong = outcome != "tp"
        ax.scatter(
            chosen[:, 0], chosen[:, 1], s=13 if wrong else 5, marker=MARKS[outcome], linewidths=0.0, alpha=0.9,
            color=COLOURS[outcome if wrong else "tp_matrix"], label=OUTCOMES[outcome], clip_on=False,
            rasterized=len(chosen) > RASTER_LIMIT,
        )  # fmt: skip
    if box is not None:
        ends = {axis: (low / 1000, high / 1000) for axis, low, high in zip("zyx", *box, strict=True)}
        ax.set(xlim=ends[right], ylim=ends[down])
    ax.invert_yaxis()
    ax.set(xlabel=f"{right} (µm)", ylabel=f"{down} (µm)", aspect="equal")
    ax.locator_params(nbins=4)
    tidy(ax)
    return ax
