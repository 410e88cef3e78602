"""A drawn example: from a synapse and what it touches to links, and from links to right and wrong connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectograph.plots.style import COLOURS, MARKS, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["EXAMPLE_LINKS", "plot_rule"]

EXAMPLE_LINKS = {
    "all-pairs": ("AB", "AC", "BC"),
    "top-pair": ("AB",),
    "partners": ("AB", "AC"),
    "pre-post": ("AB", "AC"),
}
"""Links of a synapse that touches segments A, B and C, most of all A and B; a directed one starts at A."""

_NODES = {"A": (0.5, 0.88), "B": (0.18, 0.2), "C": (0.82, 0.2)}
_SHAPES = {
    "A": ((0.02, 0.58), (0.98, 0.58), (0.86, 0.95), (0.14, 0.95)),
    "B": ((0.02, 0.42), (0.58, 0.42), (0.52, 0.06), (0.1, 0.06)),
    "C": ((0.64, 0.42), (0.98, 0.42), (0.92, 0.06), (0.7, 0.06)),
}
_LINES = {"tp": "solid", "fp": "dashed", "fn": "dotted"}


def plot_rule(rule: str, *, ax: Axes | None = None) -> Axes:
    """Draw how a synapse becomes links, and how links of two graphs are compared.

    Parameters
    ----------
    rule : str
        A partner rule.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Three drawings side by side: what the synapse touches, its links, and an outcome of each kind.

    Examples
    --------
    >>> ax = plot_rule("all-pairs")
    >>> [text.get_text() for text in ax.texts][:3]
    ['1. A synapse and what it touches', 'A', 'B']
    """
    ax = new_axes(ax)
    directed = rule in ("partners", "pre-post")
    _draw_contact(ax)
    _draw_links(ax, EXAMPLE_LINKS[rule], directed)
    _draw_outcomes(ax, directed)
    ax.set(xlim=(-0.05, 3.75), ylim=(-0.1, 1.2), aspect="equal")
    ax.set_axis_off()
    return ax


def _draw_contact(ax: Axes) -> None:
    """Three segments around a synapse."""
    from matplotlib.patches import Ellipse, Polygon

    ax.text(0.0, 1.08, "1. A synapse and what it touches", fontsize=7.5)
    for name, corners in _SHAPES.items():
        ax.add_patch(Polygon(corners, facecolor=COLOURS["panel"], edgecolor=COLOURS["muted"], linewidth=1.0))
        x, y = (sum(values) / len(corners) for values in zip(*corners, strict=True))
        ax.text(x, y, name, ha="center", va="center", fontsize=9, weight="bold")
    ax.add_patch(Ellipse((0.45, 0.5), 0.72, 0.3, facecolor="none", edgecolor=COLOURS["ink"], linewidth=1.4))


def _draw_links(ax: Axes, links: tuple[str, ...], directed: bool) -> None:
    """The links that the rule makes of it."""
    left = 1.4
    ax.text(left, 1.08, "2. Its links", fontsize=7.5)
    for link in links:
        _draw_line(ax, left, link, COLOURS["ink"], "solid", directed)
    _draw_nodes(ax, left)


def _draw_outcomes(ax: Axes, directed: bool) -> None:
    """Connections of both graphs, of the truth alone and of the prediction alone."""
    left = 2.65
    ax.text(left, 1.08, "3. Both graphs compared", fontsize=7.5)
    for outcome, link in (("tp", "AB"), ("fn", "AC"), ("fp", "BC")):
        _draw_line(ax, left, link, COLOURS[outcome], _LINES[outcome], directed)
        x, y = ((_NODES[link[0]][axis] + _NODES[link[1]][axis]) / 2 for axis in (0, 1))
        ax.scatter([left + x], [y], marker=MARKS[outcome], s=30, color=COLOURS[outcome], zorder=3, linewidths=0)
        aside = {"AB": (-7, 3, "right"), "AC": (7, 3, "left"), "BC": (0, -12, "center")}[link]
        ax.annotate(outcome, (left + x, y), xytext=aside[:2], textcoords="offset points", ha=aside[2], fontsize=7.5)
    _draw_nodes(ax, left)


def _draw_nodes(ax: Axes, left: float) -> None:
    for name, (x, y) in _NODES.items():
        ax.scatter([left + x], [y], s=150, facecolor="white", edgecolor=COLOURS["ink"], linewidth=1.0, zorder=4)
        ax.text(left + x, y, name, ha="center", va="center", fontsize=8, weight="bold", zorder=5)


def _draw_line(ax: Axes, left: float, link: str, colour: str, dashes: str, directed: bool) -> None:
    start, end = ((left + _NODES[name][0], _NODES[name][1]) for name in link)
    style = {"arrowstyle": "-|>" if directed else "-", "color": colour, "linestyle": dashes, "linewidth": 1.6}
    ax.annotate("", end, start, arrowprops={**style, "shrinkA": 7, "shrinkB": 7})
