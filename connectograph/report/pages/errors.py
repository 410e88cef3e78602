"""The worst errors: a table of them, and a picture of the volume at each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from connectograph.plots import CAUSE_WORDS, plot_crop
from connectograph.report.contents import ReportContents, block_of, reason_of
from connectograph.report.elements import OUTCOME_WORDS, Case, Cell, Column, Element, Figure, Paragraph, Section, Table
from connectograph.report.pages.common import explain_missing, link_cell, list_links
from connectograph.report.wording import MISSING, clean_text, count_of, format_count, format_position

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["build_errors", "list_errors"]

_COLUMNS = (
    Column("Outcome", 0.128, "outcome"),
    Column("Segments", 0.206, "id"),
    Column("Cause", 0.1535),
    Column("Synapses", 0.093, "number"),
    Column("Voxels", 0.0765, "number"),
    Column("z, y, x (nm)", 0.1985, "number"),
    Column("(voxel)", 0.1445, "number"),
)
_NOTE = "Missed (fn): numbers and place from the truth. False (fp): from the prediction."
_LEGEND = (
    "Three sections around each error; outlines: true synapses solid yellow, predicted ones dashed blue. {} The full "
    "list of wrong connections is the table edge_outcomes."
)
_WITH_RAW = "Thin lines: the first segment solid, the second dotted."
_WITHOUT_RAW = "No microscope image was given (--raw), so labels are shown: the first segment light, the second medium."


def build_errors(contents: ReportContents) -> Section:
    """The costliest missed and false connections, and what the volume looks like there."""
    return Section("errors", "Worst errors", (list_errors(contents.report), *_show_errors(contents)))


def list_errors(report: Mapping[str, Any], *, most: int = 12) -> Element:
    """The first errors of report.json, with ids in full and positions."""
    errors = report.get("worst_errors")
    if errors is None or not report.get("edges"):
        return explain_missing(report.get("worst_errors_reason") or reason_of(report, "edges"))
    if not errors:
        return Paragraph("No connection is false or missed.", "lead")
    rows = tuple(_error_row(error, _arrow(report)) for error in errors[:most])
    wrong = sum(block_of(report, "edges").get(name) or 0 for name in ("fp", "fn"))
    note = f"{len(rows):,} of {wrong:,} shown. {_NOTE}" if wrong > len(rows) else _NOTE
    return Table("The costliest missed and false connections", _COLUMNS, rows, note, explorable=True)


def _arrow(report: Mapping[str, Any]) -> str:
    return "→" if block_of(report, "edges").get("directed") else "–"


def _name_pair(error: Mapping[str, Any], arrow: str) -> str:
    return f"{clean_text(error['source'])} {arrow} {clean_text(error['target'])}"


def _name_cause(error: Mapping[str, Any]) -> str:
    return CAUSE_WORDS.get(error.get("cause") or "", "–")


def _name_voxel(error: Mapping[str, Any]) -> str:
    voxel = error.get("voxel")
    return MISSING if voxel is None else ", ".join(str(int(index)) for index in voxel)


def _error_row(error: Mapping[str, Any], arrow: str) -> tuple[Cell, ...]:
    return (
        clean_text(error["outcome"]),
        _name_pair(error, arrow),
        _name_cause(error),
        format_count(error.get("n_synapses")),
        format_count(error.get("n_voxels")),
        link_cell(format_position([error.get(f"{axis}_nm") for axis in "zyx"]), error),
        _name_voxel(error),
    )


def _show_errors(contents: ReportContents) -> list[Element]:
    """A case for each error that was cut out of the volumes."""
    crops, errors = contents.crops, contents.report.get("worst_errors")
    if crops is None or not errors:
        return []
    pairs = zip(crops["source"].tolist(), crops["target"].tolist(), strict=True)
    places = {(str(source), str(target)): index for index, (source, target) in enumerate(pairs)}
    found = [(error, places.get((error["source"], error["target"]))) for error in errors]
    legend = _LEGEND.format(_WITH_RAW if "raw" in crops else _WITHOUT_RAW)
    shown = [_show_error(contents, error, index) for error, index in found if index is not None]
    return [Paragraph(legend, "note"), *shown]


def _show_error(contents: ReportContents, error: Mapping[str, Any], index: int) -> Case:
    pair = _name_pair(error, _arrow(contents.report))
    counted = f"{count_of(error['n_synapses'], 'synapse{s}')}, {count_of(error['n_voxels'], 'voxel{s}')}"
    position = format_position([error.get(f"{axis}_nm") for axis in "zyx"])
    cause = [f"cause: {_name_cause(error)}"] if error.get("cause") else []
    facts = (counted, *cause, f"z, y, x: {position} nm", f"voxel {_name_voxel(error)}")
    alt = f"{OUTCOME_WORDS[error['outcome']]}: {pair}, {', '.join(facts)}."
    return Case(error["outcome"], pair, _draw_error(contents, index, alt), facts, list_links(error))


def _draw_error(contents: ReportContents, index: int, alt: str) -> Figure:
    crops = contents.crops or {}
    crop = {key: value if key == "step" else value[index] for key, value in crops.items()}
    volume = block_of(block_of(contents.report, "inputs"), "segmentation")
    z, y, x = volume.get("voxel_size_nm") or (1.0, 1.0, 1.0)
    depth, height, width = np.shape(crop["segments"])

    def draw(axes: Sequence[Axes]) -> None:
        plot_crop(crop, voxel_size=(z, y, x), ax=axes[0])

    share = height * y / (depth * width * x)
    return Figure(f"error_{index + 1:02d}.png", "", alt, draw, min(share, 0.5) + 0.04, bare=True)
