"""How many pairs of segments each synapse joins, and how well matched synapses overlap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from connectograph.plots.style import COLOURS, new_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["bin_pairs", "plot_overlap", "plot_pairs_per_synapse"]

_SIDES = {"truth": "truth", "predicted": "prediction"}
_PAIRS: dict[str, tuple[str, dict[str, Any]]] = {
    "equal": ("right pairs", {"color": COLOURS["tp_matrix"]}),
    "wrong": ("wrong pairs", {"color": COLOURS["fp"], "hatch": "////", "edgecolor": "white"}),
    "": ("no pair on either side", {"color": COLOURS["panel"], "hatch": "....", "edgecolor": COLOURS["muted"]}),
}
"""What a matched synapse joins, and how its bar looks."""


def bin_pairs(pairs: Mapping[str, int] | None, *, last: int = 6) -> dict[str, int]:
    """Synapses by the number of pairs they join, with one bin for all above `last`.

    Parameters
    ----------
    pairs : mapping of str to int, or None
        Number of pairs (as text, the way JSON holds it) -> number of synapses.
    last : int
        Largest number of pairs with a bin of its own.

    Returns
    -------
    dict of str to int

    Examples
    --------
    >>> bin_pairs({"0": 2, "3": 1, "7": 4, "9": 1}, last=3)
    {'0': 2, '1': 0, '2': 0, '3': 1, '4+': 5}
    """
    counted = {int(number): int(count) for number, count in (pairs or {}).items()}
    top = min(last, max(counted, default=0))
    bins = {str(number): counted.get(number, 0) for number in range(max(2, top) + 1)}
    beyond = sum(count for number, count in counted.items() if number > last)
    return bins | ({f"{last + 1}+": beyond} if beyond else {})


def plot_pairs_per_synapse(synapses: Mapping[str, Any], *, ax: Axes | None = None) -> Axes:
    """Draw how many pairs of segments a synapse joins: 0 is unattached, 1 the usual case, more is polyadic.

    Parameters
    ----------
    synapses : mapping
        The block "synapses" of report.json: `pairs_per_synapse_truth`, `pairs_per_synapse_predicted` (may be None).
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        One container of bars for each side, labelled "truth" and "prediction".

    Examples
    --------
    >>> ax = plot_pairs_per_synapse({"pairs_per_synapse_truth": {"0": 2, "1": 5}})
    >>> [int(bar.get_width()) for bar in ax.containers[0]]
    [2, 5, 0]
    """
    ax = new_axes(ax)
    given = {side: synapses.get(f"pairs_per_synapse_{side}") for side in _SIDES}
    binned = {side: bin_pairs(pairs) for side, pairs in given.items() if pairs is not None}
    bins = sorted({name for side in binned.values() for name in side}, key=lambda name: int(name.rstrip("+")))
    height = 0.8 / max(1, len(binned))
    for index, (side, counts) in enumerate(binned.items()):
        place = np.arange(len(bins)) - 0.4 + (index + 0.5) * height
        _draw_bars(ax, place, [counts.get(name, 0) for name in bins], height, side)
    ax.set_yticks(range(len(bins)), bins)
    ax.set(ylabel="pairs per synapse", xlabel="synapses", ylim=(len(bins) - 0.5, -0.5))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.locator_params(axis="x", integer=True, nbins=6)
    ax.set_xlim(0, 1.1 * max(1, *(count for counts in binned.values() for count in counts.values())))
    tidy(ax)
    if binned:
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.02), ncols=2)
    return ax


def _draw_bars(ax: Axes, place: Any, counts: list[int], height: float, side: str) -> None:
    """Horizontal bars, so that numbers of any length stand beside them."""
    bars = ax.barh(place, counts, height * 0.94, color=COLOURS[side], hatch="////" if side == "predicted" else None,
                   edgecolor="white", linewidth=0.0, label=_SIDES[side])  # fmt: skip
    ax.bar_label(bars, [f"{count:,}" for count in counts], padding=2, fontsize=7.0)


def plot_overlap(matches: pd.DataFrame, *, threshold: float = 0.5, ax: Axes | None = None) -> Axes:
    """Draw how well matched synapses overlap, apart for those that join the right pairs of segments and others.

    Parameters
    ----------
    matches : pandas.DataFrame
        The table "synapse_matches".
    threshold : float
        From where on an overlap counts as good; a line.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        One container of stacked bars, a tenth of IoU each, for "right pairs", "wrong pairs" and, if there are any,
        "no pair on either side".

    Examples
    --------
    >>> matches = pd.DataFrame({"iou": [0.95, 1.0, 0.32, np.nan], "partners": ["equal", "", "subset", ""]})
    >>> ax = plot_overlap(matches)
    >>> {bars.get_label(): [int(bar.get_height()) for bar in bars] for bars in ax.containers}["wrong pairs"]
    [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    """
    ax = new_axes(ax)
    found = matches[matches["iou"].notna()]
    kinds = found["partners"].map(lambda relation: "equal" if relation == "equal" else "wrong" if relation else "")
    edges = np.linspace(0.0, 1.0, 11)
    below = np.zeros(10)
    for kind, (label, look) in _PAIRS.items():
        counts = np.histogram(found["iou"].to_numpy()[kinds.to_numpy() == kind], edges)[0]
        if kind or counts.any():
            ax.bar(edges[:-1] + 0.05, counts, 0.092, bottom=below, label=label, linewidth=0.0, **look)
        below += counts
    ax.axvline(threshold, color=COLOURS["muted"], linewidth=0.8, linestyle=(0, (4, 3)))
    ax.set(xlabel="IoU of a matched synapse with its true one", ylabel="synapses", xlim=(0, 1))
    ax.set_ylim(0, 1.08 * max(1, below.max()))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.locator_params(axis="y", integer=True, nbins=5)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set_xticks(np.linspace(0, 1, 6))
    tidy(ax)
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.02), ncols=3)
    return ax
