"""How many synapses there are, how many are matched, and how many pairs of segments each joins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connectograph.plots import bin_pairs, plot_pairs_per_synapse
from connectograph.report.contents import ReportContents, block_of
from connectograph.report.elements import Column, Figure, Paragraph, Section, Table
from connectograph.report.pages.common import explain_block, explain_missing
from connectograph.report.wording import MISSING, format_count, format_share

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["build_synapses"]

_SIDES = {"truth": "Truth", "predicted": "Prediction"}
_MATCHED = (
    ("Matched one to one", "tp", "tp"),
    ("Not matched: overlap no synapse (missed; invented)", "n_missed", "n_invented"),
    ("Not matched: overlap one that is matched to another", "n_absorbed", "n_duplicates"),
    ("Not matched, at a face of the volume", "n_fn_at_border", "n_fp_at_border"),
    ("Overlap two or more (split; merged)", "n_split", "n_merged"),
)
"""Rows of the table: label, key of the truth's number, key of the prediction's in the block "synapse_matching"."""
_NOTE = (
    "Two synapses can be matched if they share a voxel; of all one-to-one matchings, that with the largest sum of IoU."
)


def build_synapses(contents: ReportContents) -> Section:
    """Synapses of both sides and their pairs."""
    synapses = contents.report.get("synapses")
    if not synapses:
        return Section("synapses", "Synapses", (explain_block(contents.report, "synapses"),))
    lead = Paragraph(_describe_polyads(synapses), "lead")
    drawn = any(synapses.get(f"n_{side}") for side in _SIDES)
    picture = _draw_pairs(synapses) if drawn else explain_missing("there is no synapse to draw")
    table = _count_synapses(synapses, block_of(contents.report, "synapse_matching"))
    return Section("synapses", "Synapses", (lead, picture, table))


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

    sides = [synapses.get(f"pairs_per_synapse_{side}") for side in _SIDES]
    n_bins = max(len(bin_pairs(pairs)) for pairs in sides)
    caption = "A synapse that joins no pair is unattached; one that joins several is polyadic."
    alt = f"Bar chart. {_describe_polyads(synapses)}"
    return Figure("pairs_per_synapse.png", caption, alt, draw, height=0.14 + 0.042 * n_bins)


def _count_synapses(synapses: Mapping[str, Any], matching: Mapping[str, Any]) -> Table:
    sides = [side for side in _SIDES if f"n_{side}" in synapses]
    rows = tuple(
        (label, *(format_count(synapses.get(f"n_{side}{suffix}")) for side in sides))
        for label, suffix in (("Synapses", ""), ("Attached to a pair of segments", "_attached"))
    )
    matched = (
        (label, *(format_count(matching[key]) for key in keys)) for label, *keys in (_MATCHED if matching else ())
    )
    columns = (Column("", 0.52), *(Column(_SIDES[side], 0.24, "number") for side in sides))
    return Table("Numbers of synapses", columns, (*rows, *matched), _NOTE if matching else "")
