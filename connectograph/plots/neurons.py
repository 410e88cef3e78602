"""How well each neuron's connections are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from connectograph.plots.bubbles import scale_counts
from connectograph.plots.style import COLOURS, RASTER_LIMIT, new_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_neuron_distribution", "plot_neurons"]


def plot_neurons(neurons: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the F1 of each neuron against its synapses in the truth.

    Parameters
    ----------
    neurons : pandas.DataFrame
        The table "neurons"; the role "total" is drawn.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        One scatter: (synapses in the truth, F1) of the neurons that have an F1.

    Examples
    --------
    >>> import networkx as nx
    >>> from connectograph.degrees import score_neurons
    >>> ax = plot_neurons(score_neurons(nx.Graph([(1, 2)]), nx.Graph([(1, 2), (2, 3)])))
    >>> ax.collections[0].get_offsets().round(2).tolist()
    [[1.0, 1.0], [1.0, 0.67], [0.0, 0.0]]
    """
    ax = new_axes(ax)
    scored = _select(neurons)
    strength = scored["n_synapses_truth"].to_numpy()
    scale_counts(ax, float(max(1, strength.max(initial=0))), "x")
    ax.scatter(
        strength, scored["f1"], s=16, facecolors=COLOURS["muted"] + "55", edgecolors=COLOURS["ink"], linewidths=0.4,
        rasterized=len(scored) > RASTER_LIMIT, clip_on=False,
    )  # fmt: skip
    ax.set(xlabel="synapses of the neuron in the truth", ylabel="F1 of its connections", ylim=(0, 1.02))
    tidy(ax)
    return ax


def plot_neuron_distribution(neurons: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share of neurons whose F1 is at most a value, with the median and the tenth percentile.

    Parameters
    ----------
    neurons : pandas.DataFrame
        The table "neurons"; the role "total" is drawn.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        The first line is the distribution.

    Examples
    --------
    >>> import networkx as nx
    >>> from connectograph.degrees import score_neurons
    >>> ax = plot_neuron_distribution(score_neurons(nx.Graph([(1, 2)]), nx.Graph([(1, 2), (2, 3)])))
    >>> ax.lines[0].get_xdata().round(2).tolist()
    [0.0, 0.0, 0.67, 1.0, 1.0]
    """
    ax = new_axes(ax)
    values = np.sort(_select(neurons)["f1"].to_numpy())
    steps = np.concatenate([[0.0], values, [1.0]])
    shares = np.concatenate([np.arange(len(values) + 1) / max(1, len(values)), [1.0]])
    ax.plot(steps, shares, drawstyle="steps-post", color=COLOURS["ink"], linewidth=1.2, clip_on=False)
    for share, name, dashes in ((0.5, "median", "dashed"), (0.1, "worst tenth", "dotted")):
        if len(values):
            place = float(np.quantile(values, share))
            ax.axvline(place, color=COLOURS["muted"], linestyle=dashes, linewidth=1.0, label=name)
    ax.set(xlabel="F1 of a neuron, at most", ylabel="share of neurons", xlim=(0, 1.02), ylim=(0, 1.02))
    tidy(ax)
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.03), ncols=3)
    return ax


def _select(neurons: pd.DataFrame) -> pd.DataFrame:
    return neurons[(neurons["role"] == "total") & neurons["f1"].notna()]
