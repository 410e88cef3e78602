"""Which motifs the prediction has too many or too few of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connectograph.plots.style import COLOURS, new_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TRIAD_ARROWS", "plot_motifs"]

TRIAD_ARROWS = {
    "021D": "BA BC", "021U": "AB CB", "021C": "AB BC", "111D": "AB BA CB", "111U": "AB BA BC", "030T": "AB BC AC",
    "030C": "AB BC CA", "201": "AB BA BC CB", "120D": "BA BC AC CA", "120U": "AB CB AC CA", "120C": "AB BC AC CA",
    "210": "AB BC CB AC CA", "300": "AB BA BC CB AC CA",
}  # fmt: skip
"""Arrows of each connected triad, as drawn in :mod:`connectograph.motifs`: "AB" is A -> B."""

_CORNERS = {"A": (-0.28, -0.2), "B": (0.0, 0.28), "C": (0.28, -0.2)}
_FEW = 10


def plot_motifs(census: Sequence[Mapping[str, Any]], *, ax: Axes | None = None) -> Axes:
    """Draw the log2 ratio of the numbers of each connected triad, predicted to true, over a drawing of the triad.

    Parameters
    ----------
    census : sequence of mappings
        The list "census" of the block "motifs" of report.json: `motif`, `truth`, `predicted`, `log2_ratio`.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        One bar for each connected triad, in the order of the census; hatched and pale where the truth has fewer than
        ten.

    Examples
    --------
    >>> ax = plot_motifs([{"motif": "030T", "truth": 40, "predicted": 20, "log2_ratio": -0.98}])
    >>> float(ax.containers[0][0].get_height())
    -0.98
    """
    ax = new_axes(ax)
    rows = [row for row in census if row["motif"] in TRIAD_ARROWS]
    bars = ax.bar(range(len(rows)), [row["log2_ratio"] for row in rows], width=0.62, edgecolor=COLOURS["ink"])
    for bar, row in zip(bars, rows, strict=True):
        few = row["truth"] < _FEW
        bar.set(facecolor="white" if few else COLOURS["fp" if row["log2_ratio"] > 0 else "fn"], linewidth=0.5)
        bar.set_hatch("////" if few else None)
    ax.axhline(0, color=COLOURS["ink"], linewidth=0.8)
    ax.set_xticks(range(len(rows)), [row["motif"] for row in rows])
    ax.tick_params(axis="x", length=0)
    ax.locator_params(axis="y", nbins=5)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))
    ax.yaxis.labelpad = 1.0
    ax.set(ylabel="log2 (predicted / true)", xlim=(-0.6, len(rows) - 0.4))
    tidy(ax)
    ax.spines["bottom"].set_visible(False)
    if rows:
        _draw_triads(ax, rows)
    return ax


def _draw_triads(ax: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """Drawings of the triads in a strip above the bars."""
    reach = max([1.0, *(abs(row["log2_ratio"]) for row in rows)])
    ax.set_ylim(-1.1 * reach, 1.1 * reach)
    extent = ax.get_window_extent()
    unit = extent.width / extent.height / len(rows)  # from one bar to the next, in heights
    for place, row in enumerate(rows):
        nodes = {name: (place + x, 1.0 + (0.26 + y) * unit) for name, (x, y) in _CORNERS.items()}
        _draw_arrows(ax, nodes, TRIAD_ARROWS[row["motif"]].split())
        ax.plot(*zip(*nodes.values(), strict=True), "o", color=COLOURS["ink"], markersize=2.6, **_above(ax))


def _draw_arrows(ax: Axes, nodes: Mapping[str, tuple[float, float]], arrows: Sequence[str]) -> None:
    for start, end in map(tuple, arrows):
        mutual = end + start in arrows
        if mutual and start > end:
            continue  # drawn with two heads
        style = "<|-|>" if mutual else "-|>"
        look = {"arrowstyle": f"{style},head_length=0.3,head_width=0.16", "linewidth": 0.7, "color": COLOURS["ink"]}
        ax.annotate(
            "", nodes[end], nodes[start], xycoords=ax.get_xaxis_transform(), textcoords=ax.get_xaxis_transform(),
            arrowprops={**look, "shrinkA": 1.6, "shrinkB": 1.6}, annotation_clip=False,
        )  # fmt: skip


def _above(ax: Axes) -> dict[str, Any]:
    return {"transform": ax.get_xaxis_transform(), "clip_on": False, "zorder": 5}
