"""Which connections are found, false and missed, as one matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.plots.style import COLOURS, MARKS, OUTCOMES, RASTER_LIMIT, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["AdjacencyCells", "lay_adjacency", "plot_adjacency"]

_CODES = ("fn", "fp", "tp")


@dataclass(frozen=True, eq=False)
class AdjacencyCells:
    """The occupied cells of an adjacency picture.

    Attributes
    ----------
    nodes : (N,) array of uint64
        Segments with a connection in either graph, by falling degree in the truth (ties: by id).
    factor : int
        Segments in a row of cells; 1 is one cell for each pair.
    row, column : (C,) arrays of int64
        Cells with at least one connection.
    outcome : (C,) array of str
        The most frequent outcome in each cell; ties go to fn, then fp.
    """

    nodes: npt.NDArray[np.uint64]
    factor: int
    row: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]
    outcome: npt.NDArray[np.str_]


def lay_adjacency(edge_outcomes: pd.DataFrame, *, directed: bool = False, limit: int = 400) -> AdjacencyCells:
    """Order the connected segments by true degree and put the connections into at most `limit` rows of cells.

    Parameters
    ----------
    edge_outcomes : pandas.DataFrame
        The table "edge_outcomes".
    directed : bool
        Rows are presynaptic; otherwise both halves are filled.
    limit : int
        Most rows and columns; beyond it, neighbouring segments share a cell.

    Returns
    -------
    AdjacencyCells

    Examples
    --------
    >>> import networkx as nx
    >>> from connectograph.compare import list_edge_outcomes
    >>> cells = lay_adjacency(list_edge_outcomes(nx.Graph([(1, 2), (2, 3)]), nx.Graph([(1, 2)])))
    >>> cells.nodes.tolist(), cells.factor, cells.outcome.tolist()
    ([2, 1, 3], 1, ['tp', 'fn', 'tp', 'fn'])
    """
    source, target = edge_outcomes["source"].to_numpy(), edge_outcomes["target"].to_numpy()
    outcome = edge_outcomes["outcome"].to_numpy().astype("U2")
    nodes, places = np.unique(np.concatenate([source, target]), return_inverse=True)
    degree = np.bincount(places[np.tile(outcome != "fp", 2)], minlength=len(nodes))
    order = np.lexsort([nodes, -degree])
    rank = np.empty(len(nodes), np.int64)
    rank[order] = np.arange(len(nodes))
    row, column = rank[places[: len(source)]], rank[places[len(source) :]]
    if not directed:
        row, column, outcome = np.r_[row, column], np.r_[column, row], np.tile(outcome, 2)
    factor = max(1, -(-len(nodes) // limit))
    return AdjacencyCells(nodes[order], factor, *_fill_cells(row // factor, column // factor, outcome))


def plot_adjacency(edge_outcomes: pd.DataFrame, *, directed: bool = False, ax: Axes | None = None) -> Axes:
    """Draw which pairs of segments are connected in both graphs, only in the prediction, only in the truth.

    Parameters
    ----------
    edge_outcomes : pandas.DataFrame
        The table "edge_outcomes".
    directed : bool
        Rows are presynaptic; otherwise both halves are filled.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        One scatter for each outcome, labelled with its legend entry; offsets are (column, row).

    Examples
    --------
    >>> import networkx as nx
    >>> from connectograph.compare import list_edge_outcomes
    >>> ax = plot_adjacency(list_edge_outcomes(nx.Graph([(1, 2)]), nx.Graph([(1, 2), (2, 3)])))
    >>> ax.collections[1].get_label(), ax.collections[1].get_offsets().tolist()
    ('only predicted (fp)', [[2.0, 1.0], [1.0, 2.0]])
    """
    ax = new_axes(ax)
    cells = lay_adjacency(edge_outcomes, directed=directed)
    n_rows = max(1, -(-len(cells.nodes) // cells.factor))
    for name, label in OUTCOMES.items():
        _draw_outcome(ax, cells, name, label, n_rows)
    ax.set(xlim=(-1, n_rows), ylim=(n_rows, -1), aspect="equal")
    _label_ranks(ax, cells)
    _name_axes(ax, directed, cells.factor)
    _add_legend(ax)
    if not len(cells.nodes):
        ax.text(0.5, 0.5, "no connection in either graph", transform=ax.transAxes, ha="center", va="center")
    return ax


def _fill_cells(
    row: npt.NDArray[np.int64], column: npt.NDArray[np.int64], outcome: npt.NDArray[np.str_]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.str_]]:
    """Distinct cells, each with its most frequent outcome."""
    width = int(column.max()) + 1 if len(column) else 1
    cells, place = np.unique(row * width + column, return_inverse=True)
    counts = np.stack([np.bincount(place[outcome == code], minlength=len(cells)) for code in _CODES])
    most = np.array(_CODES)[counts.argmax(axis=0)] if len(cells) else np.empty(0, "U2")
    return cells // width, cells % width, most


def _draw_outcome(ax: Axes, cells: AdjacencyCells, name: str, label: str, n_rows: int) -> None:
    shown = cells.outcome == name
    side = 72 * ax.get_window_extent().width / ax.figure.dpi
    ax.scatter(
        cells.column[shown],
        cells.row[shown],
        s=float(np.clip(0.9 * side / n_rows, 1.5, 14.0)) ** 2,
        c=COLOURS["tp_matrix"] if name == "tp" else COLOURS[name],
        marker=MARKS[name],
        linewidths=0,
        label=label,
        rasterized=len(cells.outcome) > RASTER_LIMIT,
    )


def _label_ranks(ax: Axes, cells: AdjacencyCells) -> None:
    """Ticks at the ranks of the segments: 1 is the segment of the highest degree."""
    top = max(1, len(cells.nodes))
    step = next(step for power in range(19) for step in (10**power, 2 * 10**power, 5 * 10**power) if top <= 6 * step)
    ranks = [1, *range(step if step > 1 else 2, top + 1, step)]
    places = [(rank - 1) // cells.factor for rank in ranks]
    names = [f"{rank:,}" for rank in ranks]
    ax.set_xticks(places, names)
    ax.set_yticks(places, names)


def _name_axes(ax: Axes, directed: bool, factor: int) -> None:
    rank = "rank by degree in the truth"
    cell = f" (each cell: {factor:,} × {factor:,} segments)" if factor > 1 else ""
    ax.set_xlabel(f"{'postsynaptic ' if directed else ''}segment, {rank}{cell}")
    ax.set_ylabel(f"{'presynaptic ' if directed else ''}segment, {rank}")


def _add_legend(ax: Axes) -> None:
    legend = ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.015), ncols=3)
    for handle in legend.legend_handles:
        handle.set_sizes([36.0])  # type: ignore[union-attr]
