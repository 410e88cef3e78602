"""Where the wrong connections are: a map of them, and scores by distance from the border and by depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connectograph.plots import plot_places
from connectograph.report.contents import ReportContents
from connectograph.report.elements import Column, Figure, Paragraph, Section, Table
from connectograph.report.pages.common import draw_edges, explain_block, explain_missing
from connectograph.report.wording import count_of, format_count, format_decimal, format_score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["build_places"]

_TITLE = "Where the errors are"
_VIEWS = (("y", "x"), ("z", "x"), ("z", "y"))


def build_places(contents: ReportContents) -> Section:
    """The map, and two tables."""
    places = contents.report.get("places")
    if not places:
        return Section("places", _TITLE, (explain_block(contents.report, "places"),))
    if not places["n_placed"]:
        return Section("places", _TITLE, (explain_missing("no connection has a place"),))
    lost = places["n_unplaced"]
    note = f"{count_of(lost, 'connection{s}')} without a place." if lost else "Every connection has a place."
    tables = (
        _list_bins("By distance from the nearest face of the volume", "Distance (µm)", places["by_distance"], note),
        _list_bins("By depth", "z (µm)", places["by_depth"]),
    )
    lead = Paragraph(_describe(places), "lead")
    return Section("places", _TITLE, (lead, draw_edges(contents, _draw), *tables))


def _describe(places: Mapping[str, Any]) -> str:
    """How connections near the border fare against those inside."""
    bins = places["by_distance"]
    if len(bins) < 2:
        return f"{count_of(places['n_placed'], 'connection{s}')}, all at one distance from the border of the volume."
    near, far = bins[0], bins[-1]
    return (
        f"F1 is {format_score(near['f1'])} for connections within {_micrometres(near['upper_nm'])} µm of the border of "
        f"the volume, and {format_score(far['f1'])} for those beyond {_micrometres(far['lower_nm'])} µm."
    )


def _draw(contents: ReportContents) -> Figure:
    outcomes, places = contents.tables["edge_outcomes"], contents.report["places"]

    def draw(axes: Sequence[Axes]) -> None:
        for (down, right), ax in zip(_VIEWS, axes, strict=True):
            plot_places(outcomes, down=down, right=right, box=places["box_nm"], ax=ax)
            ax.set_anchor("NW")
        axes[0].legend(loc="lower left", bbox_to_anchor=(0.0, 1.04), ncols=3)

    sizes = [high - low for low, high in zip(*places["box_nm"], strict=True)]
    ratio = max(sizes["zyx".index(down)] / sizes["zyx".index(right)] for down, right in _VIEWS)
    caption = "Each connection where its largest link lies, seen along z, y and x."
    alt = f"Map of the connections, wrong ones on top. {_describe(places)}"
    return Figure("places.png", caption, alt, draw, height=0.12 + 0.24 * min(1.4, max(0.3, ratio)), panels=3)


def _list_bins(title: str, label: str, bins: Sequence[Mapping[str, Any]], note: str = "") -> Table:
    rows = tuple(
        (
            f"{_micrometres(row['lower_nm'])} to {_micrometres(row['upper_nm'])}",
            *(format_count(row[name]) for name in ("tp", "fp", "fn")),
            *(format_score(row[name]) for name in ("precision", "recall", "f1")),
        )
        for row in bins
    )
    numbers = ("tp", "fp", "fn", "Precision", "Recall", "F1")
    return Table(title, (Column(label, 0.28), *(Column(name, 0.12, "number") for name in numbers)), rows, note)


def _micrometres(length_nm: float) -> str:
    return format_decimal(length_nm / 1000)
