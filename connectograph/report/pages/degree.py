"""Whether the segments keep their number of partners, their rank and their strongest partners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connectograph.plots import plot_degrees
from connectograph.report.contents import ReportContents, block_of, reason_of
from connectograph.report.elements import Column, Element, Figure, Paragraph, Section, Table
from connectograph.report.pages.common import draw_edges, explain_block
from connectograph.report.wording import clean_text, format_count, format_decimal, format_score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["build_degree"]

_ENDS = {"degree": ("source", "target"), "out-degree": ("source",), "in-degree": ("target",)}
_ROLES = {"in": "Incoming", "out": "Outgoing", "total": "All"}
_NOTE = (
    "Bias: mean of log2 of predicted to true number, −1 is half, +1 twice as many; limits hold 95 % of the segments. "
    "Slope of log predicted on log true number: below 1, hubs lose more. Hubs: common ones of all in the top tenth. "
    "Partners: mean overlap of the five strongest."
)


def build_degree(contents: ReportContents) -> Section:
    """Degree in the prediction against degree in the truth."""
    report = contents.report
    if not report.get("edges"):
        return Section("degree", "Degree", (explain_block(report, "edges"),))
    lead = Paragraph(_describe_nodes(block_of(report, "nodes")), "lead")
    tables = [_list_agreements(report["neurons"]), _list_losses(report["neurons"])] if report.get("neurons") else []
    return Section("degree", "Degree", (lead, draw_edges(contents, _draw_degrees), *tables))


def _draw_degrees(contents: ReportContents) -> Figure:
    outcomes, nodes = contents.tables["edge_outcomes"], block_of(contents.report, "nodes")
    names = ["out-degree", "in-degree"] if contents.report["edges"].get("directed") else ["degree"]

    def draw(axes: Sequence[Axes]) -> None:
        for ax, name in zip(axes, names, strict=True):
            plot_degrees(outcomes, n_segments=nodes.get("n_segments"), ends=_ENDS[name], ax=ax)
        if len(axes) > 1:
            axes[0].legend(loc="lower left", bbox_to_anchor=(0.0, 1.02), ncols=7)
            axes[1].legend().remove()

    caption = "On the line, a segment has as many partners in the prediction as in the truth; above it, too many."
    alt = f"Degree of each segment in the prediction against the truth. {_describe_nodes(nodes)}"
    return Figure("degree.png", caption, alt, draw, 0.42, panels=len(names))


def _describe_nodes(nodes: Mapping[str, Any]) -> str:
    total, truth, predicted = (
        format_count(nodes.get(key)) for key in ("n_segments", "n_connected_truth", "n_connected_predicted")
    )
    return f"Segments: {total}; with a connection in the truth: {truth}; in the prediction: {predicted}."


def _list_agreements(neurons: Mapping[str, Any]) -> Table:
    """One row for each role and measure."""
    overlaps = {row["role"]: row["mean"] for row in neurons["overlaps"] if row["k"] == 5}
    rows = tuple(_agreement_row(row, overlaps.get(row["role"])) for row in neurons["agreements"])
    names = ("Mean, true", "Mean, pred.", "Bias", "Limits", "Slope", "Rank corr.", "Hubs", "Partners")
    widths = (0.1, 0.11, 0.08, 0.16, 0.07, 0.11, 0.08, 0.09)
    columns = (Column("", 0.2), *(Column(name, width, "number") for name, width in zip(names, widths, strict=True)))
    return Table("Partners and synapses of the connected segments", columns, rows, _NOTE)


def _agreement_row(row: Mapping[str, Any], overlap: float | None) -> tuple[str, ...]:
    what = "connections" if row["measure"] == "degree" else "synapses"
    limits = [format_decimal(row[name], signed=True) for name in ("bias_low", "bias_high")]
    return (
        f"{_ROLES[row['role']]} {what}",
        *(format_decimal(row[f"mean_{side}"], digits=1) for side in ("truth", "predicted")),
        format_decimal(row["bias"], signed=True),
        "–" if row["bias_low"] is None else f"{limits[0]} to {limits[1]}",
        _decimal(row["slope"]),
        _decimal(row["spearman"]),
        _decimal(row["hub_jaccard"]),
        "–" if overlap is None or row["measure"] == "strength" else format_score(overlap),
    )


def _decimal(value: float | None) -> str:
    return "–" if value is None else format_decimal(value)


def _list_losses(neurons: Mapping[str, Any]) -> Element:
    """Segments that lose or gain all connections, and what hangs together."""
    rows: list[tuple[str, ...]] = [
        ("Connected in the truth alone (lost)", format_count(neurons["n_lost"]), "–"),
        ("Connected in the prediction alone (gained)", "–", format_count(neurons["n_gained"])),
        ("In the largest component", *(format_count(neurons[f"wcc_{side}"]) for side in ("truth", "predicted"))),
    ]
    note = _add_paths(rows, neurons)
    strong = [neurons.get(f"scc_{side}") for side in ("truth", "predicted")]
    if None in strong:
        note += f"Strongly connected components: not available, {clean_text(reason_of(neurons, 'scc_truth'))}."
    else:
        rows.insert(3, ("In the largest strongly connected component", *map(format_count, strong)))
    columns = (Column("Segments", 0.56), Column("Truth", 0.22, "number"), Column("Prediction", 0.22, "number"))
    return Table("Lost and joined", columns, tuple(rows), note)


def _add_paths(rows: list[tuple[str, ...]], neurons: Mapping[str, Any]) -> str:
    """Append how far signals get, where the run knows it, and say from how many segments it was looked at."""
    paths = neurons.get("paths")
    if not paths:
        return ""
    values = [[paths[f"{name}_{side}"] for side in ("truth", "predicted")] for name in ("reachability", "length")]
    rows.append(("Ordered pairs with a path, of all", *map(format_score, values[0])))
    rows.append(("Mean number of steps of the shortest paths", *map(_decimal, values[1])))
    return "" if paths["exact"] else f"Paths: from {paths['n_sources']:,} segments drawn at random. "
