"""How the score depends on the number of synapses that makes a connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connectograph.plots import plot_thresholds
from connectograph.report.contents import ReportContents
from connectograph.report.elements import Column, Figure, Paragraph, Section, Table
from connectograph.report.pages.common import explain_block
from connectograph.report.wording import format_count, format_score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["build_thresholds"]

_TITLE = "Thresholds"
_COUNTS = {"tp": "tp", "fp_invented": "fp new", "fp_flipped": "fp flipped", "fn_lost": "fn lost",
           "fn_flipped": "fn flipped"}  # fmt: skip
_NOTE = (
    "Flipped: connected in both graphs, but with k synapses or more in only one of them. New, lost: connected in one "
    "graph alone."
)


def build_thresholds(contents: ReportContents) -> Section:
    """Scores at the same threshold on both sides, and at every combination."""
    thresholds = contents.report.get("thresholds")
    if not thresholds:
        return Section("thresholds", _TITLE, (explain_block(contents.report, "thresholds"),))
    family = thresholds["family"]
    lead = Paragraph(_describe(family), "lead")
    if all(row[name] is None for row in family for name in ("precision", "recall", "f1")):
        return Section("thresholds", _TITLE, (lead,))
    return Section("thresholds", _TITLE, (lead, _draw(family), _list_family(family), _list_surface(thresholds)))


def _describe(family: Sequence[Mapping[str, Any]]) -> str:
    """The highest F1, and what one synapse gives."""
    known = [row for row in family if row["f1"] is not None]
    if not known:
        return "Neither graph has a connection, so no score is defined at any threshold."
    best, first = max(known, key=lambda row: (row["f1"], -row["k"])), family[0]
    if best is first:
        return f"F1 is highest, {format_score(best['f1'])}, where a single synapse makes a connection."
    return (
        f"F1 is highest, {format_score(best['f1'])}, where {best['k']} synapses make a connection; "
        f"where a single one does, it is {format_score(first['f1'])}."
    )


def _draw(family: Sequence[Mapping[str, Any]]) -> Figure:
    def draw(axes: Sequence[Axes]) -> None:
        plot_thresholds(family, ax=axes[0])

    limits = any((row.get("intervals") or {}).get("f1", {}).get("lower") is not None for row in family)
    caption = "Score of the connections of at least k synapses, the same k in both graphs."
    caption += " Bars: intervals, summed over neurons." if limits else ""
    return Figure("thresholds.png", caption, f"Precision, recall and F1 by threshold. {_describe(family)}", draw, 0.42)


def _list_family(family: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple(
        (
            str(row["k"]),
            *(format_count(row[name]) for name in _COUNTS),
            *(format_score(row[name]) for name in ("precision", "recall", "f1")),
        )
        for row in family
    )
    numbers = (*_COUNTS.values(), "Precision", "Recall", "F1")
    columns = (Column("k", 0.08), *(Column(name, 0.115, "number") for name in numbers))
    return Table("Connections of at least k synapses", columns, rows, _NOTE)


def _list_surface(thresholds: Mapping[str, Any]) -> Table:
    """F1 for every threshold of the truth with every one of the prediction."""
    surface = thresholds["surface"]
    rows = tuple(
        (f"Truth ≥ {k}", *(format_score(score["f1"]) for score in row))
        for k, row in zip(surface["ks"], surface["scores"], strict=True)
    )
    columns = (Column("", 0.3), *(Column(f"pred. ≥ {k}", 0.14, "number") for k in surface["ks"]))
    best = [str(row["predicted"] or "none") for row in surface["calibrated"]]
    note = "At least so many synapses make a connection."
    if set(best) != {"none"}:
        note += f" Highest F1 of each row: at {', '.join(best)} in the prediction."
    return Table("F1 at different thresholds in the two graphs", columns, rows, note)
