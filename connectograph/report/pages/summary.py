"""First page: the verdict, the scores, and everything that was left out of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectograph.report.contents import ReportContents, block_of, reason_of
from connectograph.report.elements import Bullets, Column, Element, Paragraph, Section, Table, Tile, Tiles
from connectograph.report.pages.common import explain_block, name_key, read_verdict
from connectograph.report.wording import clean_text, format_count, format_percent, format_score

__all__ = ["build_summary", "list_exclusions", "list_scores"]

_REASONS = {
    "below_contact": "a pair in contact, but below the contact minimum",
    "partner_filtered": "a pair in contact, but one segment was filtered out",
    "no_segment": "reaches no kept segment",
    "one_segment": "reaches one kept segment only",
    "no_common_voxel": "reaches several, never two at one voxel",
}
_SINGLE = {
    "segments_listed": "Segments excluded by id",
    "segments_below_size": "Segments below the size limit",
    "ignored_voxels": "Voxels marked as ignored",
    "ignored_synapses": "Predicted synapses wholly in ignored voxels",
    "predicted_synapses_below_size": "Predicted synapses below the size limit",
    "nan_voxels": "Heat-map voxels without a value",
}
_SIDED = ("{}_synapses_unattached", "{}_unattached_reasons", "{}_pairs_filtered")
_OF_PREDICTION = ("ignored_synapses", "predicted_synapses_below_size", "nan_voxels")
_SCORE_COLUMNS = (
    Column("", 0.25),
    *(Column(name, 0.125, "number") for name in ("tp", "fp", "fn", "Precision", "Recall", "F1")),
)


def build_summary(contents: ReportContents) -> Section:
    """Verdict, scores, exclusions, notices."""
    report = contents.report
    elements: list[Element] = [Paragraph(read_verdict(report), "verdict"), *_build_scores(report)]
    elements.append(list_exclusions(report))
    notices = tuple(clean_text(notice) for notice in report.get("notices") or ())
    return Section("summary", "Summary", (*elements, *([Bullets("Notices", notices)] if notices else [])))


def _build_scores(report: Mapping[str, Any]) -> list[Element]:
    """Tiles, and the counts behind them."""
    edges, strict = report.get("edges"), report.get("strict")
    if not edges:
        return [explain_block(report, "edges")]
    rows = [_score_row("Connections", edges)] + ([_score_row("Strict", strict)] if strict else [])
    note = "tp: connections in both graphs; fp: only in the prediction; fn: only in the truth. "
    note += (
        "Strict: each unattached synapse is one more fp or fn, unless it overlaps one of the other side."
        if strict
        else f"Strict score not available: {clean_text(reason_of(report, 'strict'))}."
    )
    return [Tiles(list_scores(report)), Table("Score", _SCORE_COLUMNS, tuple(rows), note)]


def list_scores(report: Mapping[str, Any]) -> tuple[Tile, ...]:
    """Precision, recall, F1 and strict F1, with what each rests on; empty when nothing was compared."""
    edges, strict = report.get("edges"), report.get("strict")
    if not edges:
        return ()
    n_predicted, n_truth = (format_count(edges["tp"] + edges[wrong]) for wrong in ("fp", "fn"))
    tiles = (
        _score_tile(edges, "precision", "Precision", f"of {n_predicted} predicted connections are true"),
        _score_tile(edges, "recall", "Recall", f"of {n_truth} true connections are found"),
        _score_tile(edges, "f1", "F1", "harmonic mean of precision and recall"),
    )
    return (*tiles, _score_tile(strict, "f1", "Strict F1", "each unattached synapse is an error")) if strict else tiles


def _score_tile(scores: Mapping[str, Any], key: str, label: str, basis: str) -> Tile:
    score = scores.get(key)
    if score is None:
        return Tile(label, "not defined", clean_text(reason_of(scores, key)))
    return Tile(label, format_score(score), f"{format_percent(score)} {basis}" if basis.startswith("of ") else basis)


def _score_row(label: str, scores: Mapping[str, Any]) -> tuple[str, ...]:
    counts = (format_count(scores[name]) for name in ("tp", "fp", "fn"))
    return (label, *counts, *(format_score(scores.get(name)) for name in ("precision", "recall", "f1")))


def list_exclusions(report: Mapping[str, Any]) -> Element:
    """Every number of the block "excluded", also those this version has no words for."""
    excluded = report.get("excluded")
    if not excluded:
        return explain_block(report, "excluded")
    rows = [
        _sided_row("Synapses attached to no pair of segments", excluded, _SIDED[0], block_of(report, "synapses")),
        *(_reason_row(excluded, key, label) for key, label in _REASONS.items()),
        _sided_row("Contact pairs with a filtered segment", excluded, _SIDED[2], {}),
    ]
    sided = {key.format(side) for key in _SIDED for side in ("truth", "predicted")}
    single = {key: count for key, count in excluded.items() if key not in sided and count is not None}
    rows += [_single_row(key, count) for key, count in single.items() if count]
    empty = [_SINGLE.get(key, name_key(key)).lower() for key, count in single.items() if not count]
    note = f"Counted and 0: {', '.join(empty)}." if empty else ""
    columns = (Column("", 0.56), Column("Truth", 0.22, "number"), Column("Prediction", 0.22, "number"))
    return Table("What was excluded", columns, tuple(row for row in rows if row), note)


def _sided_row(label: str, excluded: Mapping[str, Any], key: str, totals: Mapping[str, Any]) -> tuple[str, ...]:
    cells = []
    for side in ("truth", "predicted"):
        count, total = excluded.get(key.format(side)), totals.get(f"n_{side}")
        cells.append(f"{format_count(count)} of {total:,}" if count is not None and total else format_count(count))
    return (label, *cells)


def _reason_row(excluded: Mapping[str, Any], key: str, label: str) -> tuple[str, ...]:
    """One reason why synapses are unattached; empty where it never occurs."""
    counts = [block_of(excluded, f"{side}_unattached_reasons").get(key, 0) for side in ("truth", "predicted")]
    return (f"– {label}", *(format_count(count) for count in counts)) if any(counts) else ()


def _single_row(key: str, count: int) -> tuple[str, ...]:
    """A number of one side, or of the segmentation that both share."""
    cells = (format_count(count), "") if key == "ignored_voxels" else (format_count(count),) * 2
    return (_SINGLE.get(key, name_key(key)), *(("", format_count(count)) if key in _OF_PREDICTION else cells))
