"""Synaptic partners matched by place: CREMI's score, and the same with as many matches as possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectograph.report.contents import ReportContents
from connectograph.report.elements import Column, Paragraph, Section, Table
from connectograph.report.pages.common import explain_block
from connectograph.report.wording import format_count, format_number, format_score

__all__ = ["build_partner_sites"]

_RULES = {"cremi": "CREMI's rule", "max_cardinality": "Most matches"}
_COUNTS = {"Matched": "tp", "Invented": "fp", "Missed": "fn", "Missed near the border": "n_fn_at_border"}
_SCORES = {"Precision": "precision", "Recall": "recall", "F1": "f1"}
_NOTE = (
    "CREMI's rule takes the assignment of least cost, in which a pair without a match costs twice the distance; the "
    "other rule finds as many matches as there can be, of these at least cost."
)


def build_partner_sites(contents: ReportContents) -> Section:
    """Pairs of sites matched by both rules, side by side."""
    block = contents.report.get("partner_sites")
    title = "Synaptic partners by place"
    if not block:
        return Section("partner_sites", title, (explain_block(contents.report, "partner_sites"),))
    lead = Paragraph(
        f"A predicted synapse is right if both its sites lie within {format_number(block['max_distance_nm'])} nm of "
        "those of a true synapse, in the same two segments. This is the synaptic-partner score of the CREMI challenge: "
        "it counts synapses, the rest of this report connections.",
        "lead",
    )
    return Section("partner_sites", title, (lead, _tabulate(block)))


def _tabulate(block: Mapping[str, Any]) -> Table:
    rules = [block[name] for name in _RULES]
    rows = [
        *((label, *(format_count(rule[key]) for rule in rules)) for label, key in _COUNTS.items()),
        *((label, *(format_score(rule[key]) for rule in rules)) for label, key in _SCORES.items()),
        ("Mean distance of matches, nm", *(format_number(rule["mean_distance"]) for rule in rules)),
    ]
    columns = (Column("", 0.44), *(Column(name, 0.28, "number") for name in _RULES.values()))
    return Table("Pairs of sites", columns, tuple(rows), _NOTE)
