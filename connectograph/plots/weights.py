"""Numbers of synapses: of each pair in both graphs, and what they mean for being found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from connectograph.plots.bubbles import draw_bubbles
from connectograph.plots.style import COLOURS, SCORE_STYLES, new_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["count_weights", "plot_strata", "plot_weights"]


def count_weights(edge_outcomes: pd.DataFrame) -> pd.DataFrame:
    """Pairs by their number of synapses in either graph.

    Parameters
    ----------
    edge_outcomes : pandas.DataFrame
        The table "edge_outcomes".

    Returns
    -------
    pandas.DataFrame
        `n_synapses_truth`, `n_synapses_predicted`, `n_pairs` (int64), sorted by the numbers.

    Examples
    --------
    >>> import networkx as nx
    >>> from connectograph.compare import list_edge_outcomes
    >>> count_weights(list_edge_outcomes(nx.Graph([(1, 2), (2, 3)]), nx.Graph([(1, 2)]))).values.tolist()
    [[1, 0, 1], [1, 1, 1]]
    """
    weights = [edge_outcomes[f"n_synapses_{side}"].to_numpy() for side in ("truth", "predicted")]
    width = int(weights[1].max(initial=0)) + 1
    keys, number = np.unique(weights[0] * width + weights[1], return_counts=True)
    columns = {"n_synapses_truth": keys // width, "n_synapses_predicted": keys % width, "n_pairs": number}
    return pd.DataFrame(columns).astype(np.int64)


def plot_weights(edge_outcomes: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the number of synapses of each pair in the prediction against that in the truth.

    Parameters
    ----------
    edge_outcomes : pandas.DataFrame
        The table "edge_outcomes".
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        The first scatter has the rows of :func:`count_weights` as offsets; area is their number of pairs.

    Examples
    --------
    >>> import networkx as nx
    >>> from connectograph.compare import list_edge_outcomes
    >>> ax = plot_weights(list_edge_outcomes(nx.Graph([(1, 2)]), nx.Graph([(1, 2), (2, 3)])))
    >>> ax.collections[0].get_offsets().tolist()
    [[0.0, 1.0], [1.0, 1.0]]
    """
    ax = new_axes(ax)
    draw_bubbles(ax, count_weights(edge_outcomes), "pair{s}")
    ax.set(xlabel="synapses of a pair in the truth", ylabel="synapses in the prediction")
    return ax


def plot_strata(strata: Sequence[Mapping[str, Any]], *, ax: Axes | None = None) -> Axes:
    """Draw recall or precision in bins.

    Parameters
    ----------
    strata : sequence of mappings
        Entries of the list "strata" of the block "weights" of report.json, with the same bins.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        One line for each measure; x is the place of the bin in the list.

    Examples
    --------
    >>> bins = [{"lower": 1.0, "upper": 2.0, "n_edges": 4, "share": 0.25}, {"lower": 2.0, "upper": None, "n_edges": 2,
    ...     "share": 1.0}]
    >>> ax = plot_strata([{"measure": "recall", "by": "truth_weight", "bins": bins}])
    >>> ax.lines[0].get_ydata().tolist(), [label.get_text() for label in ax.get_xticklabels()]
    ([0.25, 1.0], ['1', '2+'])
    """
    ax = new_axes(ax)
    bins = strata[0]["bins"]
    for part in strata:
        shares = [np.nan if row["share"] is None else row["share"] for row in part["bins"]]
        ax.plot(range(len(shares)), shares, label=part["measure"], clip_on=False, **SCORE_STYLES[part["measure"]])
    ax.set_xticks(range(len(bins)), [_name_bin(row["lower"], row["upper"]) for row in bins], fontsize=6.5)
    ax.set(ylabel="share of connections that are right", ylim=(0, 1.02), xlim=(-0.4, len(bins) - 0.6))
    ax.grid(axis="y", color=COLOURS["rule"], linewidth=0.5)
    ax.set_axisbelow(True)
    tidy(ax)
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.03), ncols=2)
    return ax


def _name_bin(lower: float, upper: float | None) -> str:
    """Whole numbers of a bin: "1", "3–4", "50+"."""
    if upper is None:
        return f"{lower:.0f}+"
    return f"{lower:.0f}" if upper - lower <= 1 else f"{lower:.0f}–{upper - 1:.0f}"
