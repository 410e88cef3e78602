"""How many synapses there are, and how many pairs of segments each joins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connectograph.plots import plot_pairs_per_synapse
from connectograph.report.contents import ReportContents
from connectograph.report.elements import Column, Figure, Paragraph, Section, Table
from connectograph.report.pages.common import explain_block
from connectograph.report.wording import MISSING, format_count, format_share

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["build_synapses"]

_SIDES = {"truth": "Truth", "predicted": "Prediction"}


def build_synapses(contents: ReportContents) -> Section:
    """Synapses of both sides and their pairs."""
    synapses = contents.report.get("synapses")
    if not synapses:
        return Section("synapses", "Synapses", (explain_block(contents.report, "synapses"),))
    lead = Paragraph(_describe_polyads(synapses), "lead")
    return Section("synapses", "Synapses", (lead, _draw_pairs(synapses), _count_synapses(synapses)))


def _describe_polyads(synapses: Mapping[str, Any]) -> str:
    """Share of synapses that join more than one pair, on both sides."""
    phrases = []
    for side, adjective in (("truth", "true"), ("predicted", "predicted")):
        pairs = synapses.get(f"pairs_per_synapse_{side}")
        if pairs is not None:
            total, many = sum(pairs.values()), sum(count for key, count in pairs.items() if int(key) > 1)
            share = f" ({format_share(many, total)})" if total else ""
            phrases.append(f"{format_count(many)} of {format_count(total)} {adjective}{share}")
    return f"Synapses that join more than one pair of segments (polyadic): {', '.join(phrases) or MISSING}."


def _draw_pairs(synapses: Mapping[str, Any]) -> Figure:
    def draw(axes: Sequence[Axes]) -> None:
        plot_pairs_per_synapse(synapses, ax=axes[0])

    caption = "A synapse that joins no pair is unattached; one that joins several is polyadic."
    return Figure("pairs_per_synapse.png", caption, f"Bar chart. {_describe_polyads(synapses)}", draw, 0.36)


def _count_synapses(synapses: Mapping[str, Any]) -> Table:
    rows = tuple(
        (label, *(format_count(synapses.get(f"{key}_{side}{suffix}")) for side in _SIDES))
        for label, key, suffix in (("Synapses", "n", ""), ("Attached to a pair of segments", "n", "_attached"))
    )
    columns = (Column("", 0.56), *(Column(name, 0.22, "number") for name in _SIDES.values()))
    return Table("Numbers of synapses", columns, rows)
