"""Why connections are wrong: F1 lost by cause, and shared out among synapses, partners and segmentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connectograph.plots import CAUSE_WORDS, plot_causes
from connectograph.report.contents import ReportContents, block_of
from connectograph.report.elements import Cell, Column, Element, Figure, Paragraph, Section, Table, Tile, Tiles
from connectograph.report.pages.common import explain_block, explain_missing, link_cell, list_links
from connectograph.report.wording import clean_text, count_of, format_count, format_score, format_share

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["build_causes", "describe_causes"]

_TITLE = "Why connections are wrong"
_COLUMNS = (
    Column("Cause", 0.34),
    *(Column(name, 0.22, "number") for name in ("Missed (fn)", "False (fp)", "F1 lost")),
)
_NOTE = (
    "Every wrong connection has one cause, that of most of its wrong links. F1 lost: what mending a cause gains, "
    "averaged over all orders of mending (Shapley value); the parts add up to 1 - F1."
)
_SHARES = {
    "synapses": ("Synapses", "missed and invented ones"),
    "partners": ("Partners", "matched synapses that join wrong pairs"),
    "segmentation": ("Segmentation", "neurons split or merged"),
}
_DETAILS = {
    ("missed", "alone"): "its synapse overlaps no predicted one",
    ("missed", "beside"): "its synapse is a part of a predicted one that is matched to another",
    ("spurious", "alone"): "its synapse overlaps no true one",
    ("spurious", "beside"): "its synapse overlaps a true one that is matched to another",
    ("wrong_partner", "unattached"): "the matched synapse joins no pair",
    ("wrong_partner", "other_pair"): "the matched synapse joins other pairs",
}


def build_causes(contents: ReportContents) -> Section:
    """The anatomy of all errors."""
    causes = contents.report.get("causes")
    if not causes:
        return Section("causes", _TITLE, (explain_block(contents.report, "causes"),))
    lead = Paragraph(describe_causes(causes), "lead")
    if not causes["n"]:
        return Section("causes", _TITLE, (lead,))
    elements: tuple[Element, ...] = (lead, *_share_out(contents.report), _draw(causes), _list_causes(causes))
    return Section("causes", _TITLE, (*elements, _list_links(causes)))


def describe_causes(causes: Mapping[str, Any]) -> str:
    """How many connections are wrong, and the cause that costs most.

    Examples
    --------
    >>> edges = [{"outcome": "fn", "cause": "missed", "n": 3, "f1_lost": 0.2}]
    >>> describe_causes({"n": 3, "f1_lost": 0.2, "edges": edges})
    '3 connections are wrong. The costliest cause is: synapse missed, with 0.200 of the 0.200 of F1 that is lost.'
    """
    if not causes["n"]:
        return "No connection is false or missed."
    wrong = f"{count_of(causes['n'], 'connection{s}')} {'are' if causes['n'] > 1 else 'is'} wrong."
    lost = _sum_causes(causes["edges"], "f1_lost")
    if causes["f1_lost"] is None or not lost:
        return wrong
    worst = max(lost, key=lambda name: lost[name])
    return (
        f"{wrong} The costliest cause is: {CAUSE_WORDS[worst]}, with {format_score(lost[worst])} of the "
        f"{format_score(causes['f1_lost'])} of F1 that is lost."
    )


def _sum_causes(rows: Sequence[Mapping[str, Any]], key: str) -> dict[str, Any]:
    """A number of each cause, over both outcomes."""
    return {
        cause: sum(row[key] or 0 for row in rows if row["cause"] == cause)
        for cause in CAUSE_WORDS
        if any(row["cause"] == cause for row in rows)
    }


def _share_out(report: Mapping[str, Any]) -> tuple[Element, ...]:
    """What each stage of the prediction costs."""
    blame = block_of(report, "blame")
    if blame.get("loss") is None:
        return (explain_missing(blame.get("loss_reason", "it was not recorded")),)
    tiles = [
        Tile(f"{label}: F1 lost", format_score(blame["parts"][name]), caption)
        for name, (label, caption) in _SHARES.items()
        if name in blame["parts"]
    ]
    return (Tiles((Tile("F1 lost in all", format_score(blame["loss"]), "1 - F1 of connections"), *tiles)),)


def _draw(causes: Mapping[str, Any]) -> Element:
    if causes["f1_lost"] is None:
        return explain_missing(clean_text(causes["f1_lost_reason"]))

    def draw(axes: Sequence[Axes]) -> None:
        plot_causes(causes["edges"], ax=axes[0])

    caption = "F1 lost to each cause. The bars add up to 1 - F1."
    return Figure("causes.png", caption, f"F1 lost by cause. {describe_causes(causes)}", draw, height=0.34)


def _list_causes(causes: Mapping[str, Any]) -> Table:
    """Connections by cause, adding up to all wrong ones."""
    rows = causes["edges"]
    names = [name for name in CAUSE_WORDS if any(row["cause"] == name for row in rows)]
    found = {(row["outcome"], row["cause"]): row for row in rows}
    lost = _sum_causes(rows, "f1_lost")
    known = causes["f1_lost"] is not None
    body = [
        (
            CAUSE_WORDS[name].capitalize(),
            *(_count_cause(found.get((outcome, name), {})) for outcome in ("fn", "fp")),
            format_score(lost[name] if known else None),
        )
        for name in names
    ]
    sums = [sum(row["n"] for row in rows if row["outcome"] == outcome) for outcome in ("fn", "fp")]
    total = ("All", *map(format_count, sums), format_score(causes["f1_lost"]))
    note = f"{_NOTE} A number leads to the costliest of its connections." if any(map(list_links, rows)) else _NOTE
    return Table("Wrong connections by cause", _COLUMNS, (*body, total), note)


def _count_cause(row: Mapping[str, Any]) -> Cell:
    """Connections of one outcome and cause; leads to the costliest of them, where a viewer is known."""
    return link_cell(format_count(row.get("n", 0)), row)


def _list_links(causes: Mapping[str, Any]) -> Table:
    """Wrong links by cause and what else is known."""
    whole = sum(row["n"] for row in causes["links"])
    rows = tuple(
        (
            row["outcome"],
            CAUSE_WORDS[row["cause"]],
            _DETAILS.get((row["cause"], row["detail"]), ""),
            format_count(row["n"]),
            format_share(row["n"], whole),
        )
        for row in causes["links"]
    )
    columns = (
        Column("Link", 0.15, "outcome"),
        Column("Cause", 0.18),
        Column("What else is known", 0.45),
        Column("Links", 0.1, "number"),
        Column("Share", 0.12, "number"),
    )
    note = "A link is one synapse joining one pair of segments; not every wrong link makes a connection wrong."
    return Table("Wrong links", columns, rows, note)
