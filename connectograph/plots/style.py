"""The one place for colours, marks and fonts, so that every picture of a report speaks the same language."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "COLOURS",
    "FONT_PROPERTIES",
    "MARKS",
    "OUTCOMES",
    "RASTER_LIMIT",
    "SCORE_STYLES",
    "house_style",
    "new_axes",
    "tidy",
]

COLOURS = {
    "tp": "#000000",
    "tp_matrix": "#BBBBBB",
    "fp": "#D55E00",
    "fn": "#0072B2",
    "truth_outline": "#F0E442",
    "predicted_outline": "#56B4E9",
    "source": "#E9DCC9",
    "target": "#8E7F73",
    "truth": "#4D4D4D",
    "predicted": "#56B4E9",
    "ink": "#1B2430",
    "muted": "#55606E",
    "rule": "#D3D8DE",
    "panel": "#F2F4F7",
}
"""Okabe-Ito family; the three outcomes stay apart (CIE76 > 30) in each simulated colour-blindness (Machado 2009)."""

MARKS = {"tp": "o", "fp": "^", "fn": "v"}
"""Shapes of the outcomes, so that no picture depends on colour alone."""

OUTCOMES = {"tp": "in both (tp)", "fp": "only predicted (fp)", "fn": "only in the truth (fn)"}
"""Legend entries of the outcomes, in drawing order: errors lie on top."""

SCORE_STYLES: dict[str, dict[str, Any]] = {
    "precision": {"color": COLOURS["fp"], "marker": "^", "linestyle": "dashed", "linewidth": 1.2, "markersize": 5.0},
    "recall": {"color": COLOURS["fn"], "marker": "v", "linestyle": "dotted", "linewidth": 1.4, "markersize": 5.0},
    "f1": {"color": COLOURS["tp"], "marker": "o", "linestyle": "solid", "linewidth": 1.2, "markersize": 4.5},
}
"""Lines of the scores: precision falls with false connections, recall with missed ones, and they look alike."""

RASTER_LIMIT = 10_000
"""Marks beyond which a layer is drawn as pixels: smaller and faster than as many vector shapes."""

FONT_PROPERTIES = {
    "body": {"family": "DejaVu Sans"},
    "bold": {"family": "DejaVu Sans", "weight": "bold"},
    "mono": {"family": "DejaVu Sans Mono"},
}
"""Fonts that come with matplotlib, hence the same on every machine."""

_RC: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 8.0,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.0,
    "axes.linewidth": 0.6,
    "axes.edgecolor": COLOURS["muted"],
    "axes.labelcolor": COLOURS["ink"],
    "axes.titlecolor": COLOURS["ink"],
    "axes.titlelocation": "left",
    "text.color": COLOURS["ink"],
    "text.parse_math": False,
    "xtick.color": COLOURS["muted"],
    "ytick.color": COLOURS["muted"],
    "xtick.labelcolor": COLOURS["ink"],
    "ytick.labelcolor": COLOURS["ink"],
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "legend.handletextpad": 0.3,
    "legend.columnspacing": 1.6,
    "legend.borderaxespad": 0.0,
    "legend.borderpad": 0.0,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,  # matplotlib 3.11 splits the fonts of a PDF by this one
}


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's own defaults plus the report's, whatever the user has set; restored on leaving.

    Examples
    --------
    >>> import matplotlib
    >>> with house_style():
    ...     matplotlib.rcParams["pdf.fonttype"]
    42
    """
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)
        yield


def new_axes(ax: Axes | None) -> Axes:
    """The Axes given, or one in a new figure that pyplot does not know."""
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(figsize=(5.0, 5.0), layout="constrained").add_subplot()


def tidy(ax: Axes) -> None:
    """Axes without the upper and right frame."""
    ax.spines[["top", "right"]].set_visible(False)
