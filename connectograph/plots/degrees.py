"""How many partners each segment has, in the prediction against the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from connectograph.plots.bubbles import draw_bubbles
from connectograph.plots.style import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["count_degrees", "plot_degrees"]

_NAMES: dict[tuple[str, ...], str] = {("source",): "out-degree", ("target",): "in-degree"}


def count_degrees(
    edge_outcomes: pd.DataFrame, *, n_segments: int | None = None, ends: tuple[str, ...] = ("source", "target")
) -> pd.DataFrame:
    """Segments by their degree in either graph.

    Parameters
    ----------
    edge_outcomes : pandas.DataFrame
        The table "edge_outcomes".
    n_segments : int, optional
        All segments; those without a connection count as degree 0 in both graphs.
    ends : tuple of str
        The end that is counted: ("source",) is the out-degree, ("target",) the in-degree, both the degree.

    Returns
    -------
    pandas.DataFrame
        `degree_truth`, `degree_predicted`, `n_segments` (int64), sorted by the degrees.

    Examples
    --------
    >>> import networkx as nx
    >>> from connectograph.compare import list_edge_outcomes
    >>> outcomes = list_edge_outcomes(nx.Graph([(1, 2), (2, 3)]), nx.Graph([(1, 2)]))
    >>> count_degrees(outcomes, n_segments=10).values.tolist()
    [[0, 0, 7], [1, 0, 1], [1, 1, 1], [2, 1, 1]]
    """
    segments = np.concatenate([edge_outcomes[end].to_numpy() for end in ends])
    outcome = np.tile(edge_outcomes["outcome"].to_numpy().astype("U2"), len(ends))
    ids, place = np.unique(segments, return_inverse=True)
    truth = np.bincount(place[outcome != "fp"], minlength=len(ids))
    predicted = np.bincount(place[outcome != "fn"], minlength=len(ids))
    pairs, count = np.unique(np.stack([truth, predicted], axis=1), axis=0, return_counts=True)
    rows = [[0, 0, n_segments - len(ids)]] if n_segments is not None and n_segments > len(ids) else []
    counted = np.concatenate([np.array(rows, np.int64).reshape(-1, 3), np.column_stack([pairs, count])])
    return pd.DataFrame(counted, columns=["degree_truth", "degree_predicted", "n_segments"])


def plot_degrees(
    edge_outcomes: pd.DataFrame,
    *,
    n_segments: int | None = None,
    ends: tuple[str, ...] = ("source", "target"),
    ax: Axes | None = None,
) -> Axes:
    """Draw the degree in the prediction against the degree in the truth.

    Parameters
    ----------
    edge_outcomes : pandas.DataFrame
        The table "edge_outcomes".
    n_segments : int, optional
        All segments; those without a connection are drawn at (0, 0).
    ends : tuple of str
        The end that is counted: ("source",) is the out-degree, ("target",) the in-degree, both the degree.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        The first scatter has the rows of :func:`count_degrees` as offsets; area is their number of segments; the axes
        are log(1 + x).

    Examples
    --------
    >>> import networkx as nx
    >>> from connectograph.compare import list_edge_outcomes
    >>> ax = plot_degrees(list_edge_outcomes(nx.Graph([(1, 2)]), nx.Graph([(1, 2), (2, 3)])))
    >>> ax.collections[0].get_offsets().tolist()
    [[0.0, 1.0], [1.0, 1.0], [1.0, 2.0]]
    """
    ax = new_axes(ax)
    degrees = count_degrees(edge_outcomes, n_segments=n_segments, ends=ends)
    draw_bubbles(ax, degrees, "segment{s}")
    name = _NAMES.get(ends, "degree")
    ax.set(xlabel=f"{name} in the truth", ylabel=f"{name} in the prediction")
    return ax
