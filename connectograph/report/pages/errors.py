"""The worst errors and where to look at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectograph.report.contents import ReportContents, block_of, reason_of
from connectograph.report.elements import Column, Element, Paragraph, Section, Table
from connectograph.report.pages.common import explain_missing
from connectograph.report.wording import MISSING, clean_text, format_count, format_position

__all__ = ["build_errors", "list_errors"]

_COLUMNS = (
    Column("Outcome", 0.14, "outcome"),
    Column("Segments", 0.25, "id"),
    Column("Synapses", 0.11, "number"),
    Column("Voxels", 0.1, "number"),
    Column("z, y, x (nm)", 0.23, "number"),
    Column("z, y, x (voxel)", 0.17, "number"),
)
_NOTE = "Missed (fn): numbers and place from the truth. False (fp): from the prediction."


def build_errors(contents: ReportContents) -> Section:
    """The costliest missed and false connections."""
    return Section("errors", "Worst errors", (list_errors(contents.report),))


def list_errors(report: Mapping[str, Any], *, most: int = 12) -> Element:
    """The first errors of report.json, with ids in full and positions."""
    errors = report.get("worst_errors")
    if errors is None or not report.get("edges"):
        return explain_missing(report.get("worst_errors_reason") or reason_of(report, "edges"))
    if not errors:
        return Paragraph("No connection is false or missed.", "lead")
    arrow = "→" if block_of(report, "edges").get("directed") else "–"
    rows = tuple(_error_row(error, arrow) for error in errors[:most])
    return Table("The costliest missed and false connections", _COLUMNS, rows, _NOTE)


def _error_row(error: Mapping[str, Any], arrow: str) -> tuple[str, ...]:
    voxel = error.get("voxel")
    return (
        clean_text(error["outcome"]),
        f"{clean_text(error['source'])} {arrow} {clean_text(error['target'])}",
        format_count(error.get("n_synapses")),
        format_count(error.get("n_voxels")),
        format_position([error.get(f"{axis}_nm") for axis in "zyx"]),
        MISSING if voxel is None else ", ".join(str(int(index)) for index in voxel),
    )
