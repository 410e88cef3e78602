"""Whether connections keep their number of synapses, and whether strong ones are found more often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connectograph.plots import plot_strata, plot_weights
from connectograph.report.contents import ReportContents, block_of, reason_of
from connectograph.report.elements import Column, Element, Figure, Paragraph, Section, Table
from connectograph.report.pages.common import draw_edges, explain_block
from connectograph.report.wording import (
    clean_text,
    format_count,
    format_decimal,
    format_interval,
    format_percent,
    format_score,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["build_weights"]

_TITLE = "Numbers of synapses"
_MEASURES = {
    "recall": ("Weighted recall", "true synapses found at the same pair"),
    "precision": ("Weighted precision", "predicted synapses that are true at their pair"),
    "ruzicka": ("Ruzicka similarity", "sum of the smaller over sum of the larger numbers"),
    "count_ratio": ("Ratio of totals", "predicted over true number of synapses"),
    "spearman": ("Rank correlation", "Spearman, over pairs connected in either graph"),
    "concordance": ("Concordance", "Lin's, of log(1 + number); 1: all numbers are equal"),
}
_BINNED = {
    "synapse_size": "Recall by size of the largest true synapse (voxels)",
    "contact_area": "By contact area (nm²)",
}


def build_weights(contents: ReportContents) -> Section:
    """Numbers of synapses pair by pair, and shares in bins."""
    weights = contents.report.get("weights")
    if not weights:
        return Section("weights", _TITLE, (explain_block(contents.report, "weights"),))
    lead = Paragraph(_describe(weights), "lead")
    elements = (lead, draw_edges(contents, _draw), _list_measures(weights), *_list_strata(weights))
    return Section("weights", _TITLE, elements)


def _describe(weights: Mapping[str, Any]) -> str:
    if weights["recall"] is None or weights["precision"] is None:
        return f"Not defined: {clean_text(reason_of(weights, 'recall' if weights['recall'] is None else 'precision'))}."
    found, right = (format_percent(weights[name]) for name in ("recall", "precision"))
    true, predicted = (format_count(weights[f"total_{side}"]) for side in ("truth", "predicted"))
    return (
        f"Pair by pair, the prediction has {found} of {true} true synapses, counting each pair they join, and "
        f"{right} of its {predicted} are true."
    )


def _draw(contents: ReportContents) -> Figure:
    outcomes, weights = contents.tables["edge_outcomes"], contents.report["weights"]
    strata = [part for part in weights["strata"] if part["by"] in ("truth_weight", "predicted_weight")]

    def draw(axes: Sequence[Axes]) -> None:
        plot_weights(outcomes, ax=axes[0])
        sizes = [entry[1::2] for entry in axes[0].get_legend_handles_labels()]
        axes[0].legend(*sizes, loc="lower left", bbox_to_anchor=(0.0, 1.03), ncols=3)
        plot_strata(strata, ax=axes[1])
        axes[1].set_xlabel("synapses of the pair")

    caption = (
        "Left: pairs connected in either graph; on the line, both have as many synapses. Right: recall by the number "
        "of synapses in the truth, precision by that in the prediction."
    )
    return Figure("weights.png", caption, f"Synapses of each pair. {_describe(weights)}", draw, 0.5, panels=2)


def _list_measures(weights: Mapping[str, Any]) -> Table:
    intervals = block_of(weights, "intervals")
    rows = tuple(
        (name, basis, _format(weights, key), format_interval(intervals.get(key)) or "–")
        for key, (name, basis) in _MEASURES.items()
    )
    columns = (
        Column("", 0.22),
        Column("What it is", 0.46),
        Column("Value", 0.12, "number"),
        Column("Interval", 0.2, "number"),
    )
    lost = reason_of(intervals.get("recall") or {}, "lower") if not format_interval(intervals.get("recall")) else ""
    note = f"Intervals: {clean_text(lost)}." if lost and intervals else ""
    return Table("Agreement of the numbers", columns, rows, note)


def _format(weights: Mapping[str, Any], key: str) -> str:
    if key == "count_ratio" or (weights[key] is not None and weights[key] < 0):
        return format_decimal(weights[key])
    return format_score(weights[key])


def _list_strata(weights: Mapping[str, Any]) -> list[Element]:
    """Recall and precision in fifths of what else is known of the pairs."""
    tables: list[Element] = []
    for by, title in _BINNED.items():
        parts = [part for part in weights["strata"] if part["by"] == by and part["bins"]]
        if parts:
            tables.append(_list_bins(title, parts))
    return tables


def _list_bins(title: str, parts: Sequence[Mapping[str, Any]]) -> Table:
    ends = [(row["lower"], row["upper"]) for row in parts[0]["bins"]]
    rows = tuple(
        (_name_bin(*ends[index]), *(cell for part in parts for cell in _bin_cells(part["bins"][index])))
        for index in range(len(ends))
    )
    labels = [label for part in parts for label in ("Connections", part["measure"].capitalize())]
    width = 0.64 / len(labels)
    columns = (Column("", 0.36), *(Column(label, width, "number") for label in labels))
    return Table(title, columns, rows, "Bins hold a fifth of the pairs each, as far as equal values allow.")


def _bin_cells(row: Mapping[str, Any]) -> tuple[str, str]:
    return (format_count(row["n_edges"]), "–" if row["share"] is None else format_score(row["share"]))


def _name_bin(lower: float, upper: float | None) -> str:
    return f"{lower:,.0f} or more" if upper is None else f"{lower:,.0f} to below {upper:,.0f}"
