"""How densely the types of neurons are connected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from connectograph.report.contents import ReportContents
from connectograph.report.elements import Column, Element, Paragraph, Section, Table
from connectograph.report.pages.common import explain_block, explain_missing
from connectograph.report.wording import clean_text, count_of, format_count, format_decimal, format_score

__all__ = ["build_types"]

_TITLE = "Types"
_SHOWN = 15
_NOTE = "Density: connections of all pairs of neurons that there are. log2: −1 is half as many connections, +1 twice."


def build_types(contents: ReportContents) -> Section:
    """Agreement of the densities, and the pairs of types that are farthest off."""
    types, table = contents.report.get("types"), contents.tables.get("type_blocks")
    if not types:
        return Section("types", _TITLE, (explain_block(contents.report, "types"),))
    elements: list[Element] = [Paragraph(_describe(types), "lead")]
    elements.append(explain_missing("the table type_blocks is missing") if table is None else _list_blocks(table))
    return Section("types", _TITLE, tuple(elements))


def _describe(types: Mapping[str, Any]) -> str:
    """Whose connections are compared, and how far off they are."""
    whose = (
        f"{count_of(types['n_typed'], 'neuron{s}')} of {count_of(types['n_types'], 'type{s}')}, "
        f"{format_count(types['n_untyped'])} without a type left out."
    )
    if types["relative_error"] is None:
        return f"{whose} No density can be compared: {clean_text(types['relative_error_reason'])}."
    return (
        f"{whose} The densities of connections between types differ by {format_score(types['relative_error'])} of "
        f"their sum; the root mean square of the log2 ratios is {format_decimal(types['rmse_log2'])}."
    )


def _list_blocks(table: pd.DataFrame) -> Table:
    """Pairs of types, those first whose number of connections is farthest off."""
    lost = (table["n_edges_predicted"] - table["n_edges_truth"]).abs()
    order = ["lost", "source_type", "target_type"]
    ranked = table.assign(lost=lost).sort_values(order, ascending=[False, True, True]).head(_SHOWN)
    rows = tuple(
        (
            f"{clean_text(row['source_type'])} – {clean_text(row['target_type'])}",
            *(format_count(row[f"n_edges_{side}"]) for side in ("truth", "predicted")),
            *(format_score(row[f"density_{side}"]) for side in ("truth", "predicted")),
            format_decimal(row["log2_ratio"], signed=True),
        )
        for row in ranked.to_dict("records")
    )
    names = ("Connections, true", "Predicted", "Density, true", "Predicted", "log2")
    columns = (Column("Types", 0.3), *(Column(name, 0.14, "number") for name in names))
    shown = (
        f"{len(ranked):,} of {len(table):,} pairs of types with a connection; all are in tables/type_blocks.parquet."
    )
    return Table("Types whose connections differ most", columns, rows, f"{_NOTE} {shown}")
