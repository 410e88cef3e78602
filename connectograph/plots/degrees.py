"""How many partners each segment has, in the prediction against the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from connectograph.plots.style import COLOURS, RASTER_LIMIT, new_axes, tidy

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
    top = float(max(1, degrees["degree_truth"].max(), degrees["degree_predicted"].max())) if len(degrees) else 1.0
    _scale_axes(ax, top)
    ax.plot([0, top], [0, top], color=COLOURS["muted"], linewidth=0.8, zorder=1, label="same degree in both")
    _draw_bubbles(ax, degrees)
    name = _NAMES.get(ends, "degree")
    ax.set(xlabel=f"{name} in the truth", ylabel=f"{name} in the prediction", aspect="equal")
    tidy(ax)
    _add_legend(ax, degrees)
    return ax


def _scale_axes(ax: Axes, top: float) -> None:
    """Both axes as log(1 + x), so that degree 0 has its place."""
    digits = (1, 2, 5) if top <= 100 else (1,)
    ticks = [0, *(tick for power in range(19) for digit in digits if (tick := digit * 10**power) <= top)]
    limits = (np.expm1(-0.06 * np.log1p(top)), np.expm1(1.04 * np.log1p(top)))
    functions: Any = (np.log1p, np.expm1)
    ax.set_xscale("function", functions=functions)
    ax.set_yscale("function", functions=functions)
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.set(xlim=limits, ylim=limits)


def _draw_bubbles(ax: Axes, degrees: pd.DataFrame) -> None:
    ax.scatter(
        degrees["degree_truth"],
        degrees["degree_predicted"],
        s=_area(degrees["n_segments"].to_numpy()),
        facecolors=COLOURS["muted"] + "66",
        edgecolors=COLOURS["ink"],
        linewidths=0.5,
        rasterized=len(degrees) > RASTER_LIMIT,
        zorder=2,
    )


def _area(count: Any) -> Any:
    """Area of a mark in points²; grows with the logarithm, so that one segment stays visible beside ten thousand."""
    return 14.0 * (1.0 + 2.0 * np.log10(count))


def _add_legend(ax: Axes, degrees: pd.DataFrame) -> None:
    most = int(degrees["n_segments"].max()) if len(degrees) else 1
    for count in (1, 10, 100, 1000, 10_000, 100_000):
        if count == 1 or count <= most:
            word = "segment" if count == 1 else "segments"
            ax.scatter([], [], s=_area(count), facecolors=COLOURS["muted"] + "66", edgecolors=COLOURS["ink"],
                       linewidths=0.5, label=f"{count:,} {word}")  # fmt: skip
    ax.legend(loc="center left", bbox_to_anchor=(1.04, 0.5), labelspacing=0.9)
