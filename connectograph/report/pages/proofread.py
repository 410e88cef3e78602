"""A sparse truth: which measures are safe, which are bounded, which are not defined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectograph.report.contents import ReportContents, reason_of
from connectograph.report.elements import Column, Paragraph, Section, Table
from connectograph.report.pages.common import explain_block, name_key
from connectograph.report.wording import clean_text, count_of, format_count, format_score

__all__ = ["build_proofread"]

_TITLE = "What the proofread neurons can tell"
_LEAD = (
    "Connections are scored between {n} only: there the truth is complete. Where one end is proofread, a connection "
    "that only the prediction has may be true, so scores are bounded: the limits hold, and are reached, over all "
    "truths that agree with what is annotated."
)


def build_proofread(contents: ReportContents) -> Section:
    """Pairs by proofread ends, and every measure with what may be said of it."""
    block = contents.report.get("proofread")
    if not block:
        return Section("proofread", _TITLE, (explain_block(contents.report, "proofread"),))
    lead = _LEAD.format(n=count_of(block["n_neurons"], "proofread neuron{s}"))
    return Section("proofread", _TITLE, (Paragraph(lead, "lead"), _count_pairs(block), _list_measures(block)))


def _count_pairs(block: Mapping[str, Any]) -> Table:
    """Connections by how many of their ends are proofread."""
    both, one, none = (block["pairs"][name] for name in ("both", "one", "none"))
    rows = (
        ("Both: scored", *map(format_count, (both["tp"], both["fn"])), format_count(both["fp"]), "–"),
        ("One: bounded", *map(format_count, (one["tp"], one["fn"])), "–", format_count(one["open"])),
    )
    columns = (Column("Proofread ends", 0.28), *(Column(name, 0.18, "number") for name in ("Found", "Missed")))
    columns += (Column("False", 0.18, "number"), Column("Open", 0.18, "number"))
    rest = f"{format_count(none['truth'])} true and {format_count(none['predicted'])} predicted"
    listed = f"{format_count(block['n_neurons'])} of {count_of(block['n_listed'], 'listed id{s}')}"
    note = f"Not scored, without a proofread end: {rest} connections. Neurons: {listed} are in the graphs."
    return Table("Connections by proofread ends", columns, rows, note)


def _list_measures(block: Mapping[str, Any]) -> Table:
    rows = tuple((name_key(each["measure"]), _judge(each), clean_text(each["reason"])) for each in block["measures"])
    columns = (Column("Measure", 0.3), Column("", 0.24), Column("Why", 0.46))
    return Table("Safe, bounded or not defined", columns, rows)


def _judge(row: Mapping[str, Any]) -> str:
    """What may be said of a measure.

    Examples
    --------
    >>> _judge({"validity": "bounded", "lower": 0.5, "upper": 0.75}), _judge({"validity": "safe"})
    ('bounded: 0.500 to 0.750', 'safe')
    """
    if row["validity"] != "bounded":
        return "not defined" if row["validity"] == "undefined" else clean_text(row["validity"])
    if row["lower"] is None:
        return f"not defined: {reason_of(row, 'lower')}"
    return f"bounded: {format_score(row['lower'])} to {format_score(row['upper'])}"
