"""Which connections are right, false and missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connectograph.plots import plot_adjacency
from connectograph.report.contents import ReportContents, block_of
from connectograph.report.elements import Column, Figure, Paragraph, Section, Table
from connectograph.report.pages.common import draw_edges, explain_block
from connectograph.report.wording import format_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["build_connections"]


def build_connections(contents: ReportContents) -> Section:
    """The adjacency picture and the table of all pairs."""
    report = contents.report
    if not report.get("edges"):
        return Section("connections", "Connections", (explain_block(report, "edges"),))
    lead = Paragraph(_describe_edges(report["edges"]), "lead")
    elements = (lead, draw_edges(contents, _draw_adjacency), _count_pairs(report))
    return Section("connections", "Connections", elements)


def _draw_adjacency(contents: ReportContents) -> Figure:
    outcomes, edges = contents.tables["edge_outcomes"], contents.report["edges"]
    directed = bool(edges.get("directed"))

    def draw(axes: Sequence[Axes]) -> None:
        plot_adjacency(outcomes, directed=directed, ax=axes[0])

    caption = "Segments with a connection in either graph, ordered by their degree in the truth."
    return Figure("adjacency.png", caption, f"Adjacency matrix: {_describe_edges(edges)}", draw, 0.9)


def _describe_edges(edges: Mapping[str, Any]) -> str:
    both, false, missed = (format_count(edges[name]) for name in ("tp", "fp", "fn"))
    return f"In both graphs: {both} connections; only in the prediction: {false}; only in the truth: {missed}."


def _count_pairs(report: Mapping[str, Any]) -> Table:
    """All pairs of segments, by whether each graph connects them."""
    edges, n = report["edges"], block_of(report, "nodes").get("n_segments")
    directed = bool(edges.get("directed"))
    tp, fp, fn = (edges[name] for name in ("tp", "fp", "fn"))
    n_pairs = None if n is None else n * (n - 1) // (1 if directed else 2)
    rest = None if n_pairs is None else n_pairs - tp - fp - fn
    rows = (
        ("Connected in the truth", *(format_count(count) for count in (tp, fn, tp + fn))),
        ("Not connected in the truth", format_count(fp), format_count(rest), _sum(fp, rest)),
        ("All pairs of segments", format_count(tp + fp), _sum(fn, rest), format_count(n_pairs)),
    )
    names = ("Connected in the prediction", "Not connected there", "All pairs")
    widths = (0.31, 0.25, 0.18)
    columns = (Column("", 0.26), *(Column(name, width, "number") for name, width in zip(names, widths, strict=True)))
    note = "Ordered pairs: connections are directed." if directed else "Connections are undirected."
    return Table("Pairs of segments", columns, rows, note)


def _sum(first: int, second: int | None) -> str:
    return format_count(None if second is None else first + second)
