"""First page: the verdict, the scores, and everything that was left out of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectograph.report.contents import ReportContents, block_of, reason_of
from connectograph.report.elements import Bullets, Column, Element, Paragraph, Section, Table, Tile, Tiles
from connectograph.report.exclusions import SIDES, list_single, noun_of
from connectograph.report.pages.card import list_purposes
from connectograph.report.pages.causes import describe_causes
from connectograph.report.pages.common import SIDE_NAMES, explain_block, read_verdict
from connectograph.report.pages.fixes import describe_fixes
from connectograph.report.pages.neurons import describe_neurons
from connectograph.report.wording import clean_text, format_count, format_interval, format_percent, format_score

__all__ = ["build_summary", "list_exclusions", "list_scores"]

_REASONS = {
    "below_contact": "a pair in contact, but below the contact minimum",
    "partner_filtered": "a pair in contact, but one segment was filtered out",
    "no_segment": "reaches no kept segment",
    "one_segment": "reaches one kept segment only",
    "no_common_voxel": "reaches several, never two at one voxel",
}
_ONE_SIDED = {
    "ignored_voxels": "truth",
    "truth_neurons_unmatched": "truth",
    "ignored_synapses": "predicted",
    "predicted_synapses_below_size": "predicted",
    "nan_voxels": "predicted",
    "predicted_neurons_unmatched": "predicted",
}
_FINDINGS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "causes": describe_causes,
    "fixes": describe_fixes,
    "neurons": describe_neurons,
}
"""Blocks of report.json, and what says the most important of each."""

_SCORE_COLUMNS = (
    Column("", 0.25),
    *(Column(name, 0.125, "number") for name in ("tp", "fp", "fn", "Precision", "Recall", "F1")),
)


def build_summary(contents: ReportContents) -> Section:
    """Verdict, scores, exclusions, notices."""
    report = contents.report
    elements: list[Element] = [Paragraph(read_verdict(report), "verdict"), *_build_scores(report)]
    elements += [*_list_findings(report), *list_purposes(report), list_exclusions(report)]
    notices = tuple(clean_text(notice) for notice in report.get("notices") or ())
    return Section("summary", "Summary", (*elements, *([Bullets("Notices", notices)] if notices else [])))


def _list_findings(report: Mapping[str, Any]) -> list[Element]:
    """What the later pages find, each in a sentence."""
    blocks = {name: block_of(report, name) for name in _FINDINGS if block_of(report, "edges")}
    found = tuple(_FINDINGS[name](block) for name, block in blocks.items() if block)
    return [Bullets("In short", found)] if found else []


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
    note += _explain_intervals(edges)
    return [Tiles(list_scores(report)), Table("Score", _SCORE_COLUMNS, tuple(rows), note)]


def _explain_intervals(edges: Mapping[str, Any]) -> str:
    """What the intervals are, or why there are none."""
    interval = block_of(block_of(edges, "intervals"), "f1")
    if not interval:
        return ""
    if interval["lower"] is None:
        return f" Intervals: {clean_text(reason_of(interval, 'lower'))}."
    shared = "as the outcomes of the connections of a neuron fall together, the variance is summed over neurons"
    level = f"{100 * interval['level']:g} %"
    return f" Intervals of {level}, for neurons like these {interval['n_neurons']:,}: {shared}.{_explain_given(edges)}"


def _explain_given(edges: Mapping[str, Any]) -> str:
    """The narrower question, where the contactome answers it."""
    given = block_of(edges, "intervals_these_edges")
    limits = {name: format_interval(given.get(name)) for name in ("precision", "recall", "f1")}
    known = [f"{'F1' if name == 'f1' else name} {found}" for name, found in limits.items() if found]
    if not known:
        return ""
    narrower = "if these very pairs were connected again, and only pairs in contact called"
    return f" The verdict gives these. Narrower, {narrower}: {', '.join(known)}."


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
    text = f"{format_percent(score)} {basis}" if basis.startswith("of ") else basis
    interval = block_of(block_of(scores, "intervals"), key)
    limits = format_interval(interval)
    note = f" ({100 * interval['level']:g} % interval {limits})" if limits else ""
    return Tile(label, format_score(score), text + note)


def _score_row(label: str, scores: Mapping[str, Any]) -> tuple[str, ...]:
    counts = (format_count(scores[name]) for name in ("tp", "fp", "fn"))
    return (label, *counts, *(format_score(scores.get(name)) for name in ("precision", "recall", "f1")))


def list_exclusions(report: Mapping[str, Any]) -> Element:
    """Every number of the block "excluded", also those this version has no words for."""
    excluded = report.get("excluded")
    if excluded is None:
        return explain_block(report, "excluded")
    synapses = block_of(report, "synapses")
    sides = SIDES if report.get("edges") else SIDES[:1]
    rows = [
        _sided_row("Synapses attached to no pair of segments", excluded, "{}_synapses_unattached", synapses, sides),
        *(_reason_row(excluded, key, label, sides) for key, label in _REASONS.items()),
        _sided_row("Contact pairs with a filtered segment", excluded, "{}_pairs_filtered", {}, sides),
        _sided_row("Connections not between proofread neurons", excluded, "{}_connections_not_proofread", {}, sides),
    ]
    single = list_single(excluded)
    rows += [_single_row(key, count, sides) for key, count in single.items() if count]
    empty = [noun_of(key).format(s="s") for key, count in single.items() if not count]
    note = f"Counted and 0: {', '.join(empty)}." if empty else ""
    if not any(rows):
        return Paragraph(f"Nothing was excluded. {note}".rstrip(), "note")
    columns = (Column("", 0.52), *(Column(SIDE_NAMES[side], 0.24, "number") for side in sides))
    return Table("What was excluded", columns, tuple(row for row in rows if row), note)


def _sided_row(
    label: str, excluded: Mapping[str, Any], key: str, totals: Mapping[str, Any], sides: Sequence[str]
) -> tuple[str, ...]:
    """A number of each side; empty where no side has it."""
    cells = []
    for side in sides:
        count, total = excluded.get(key.format(side)), totals.get(f"n_{side}")
        cells.append("–" if count is None else f"{count:,} of {total:,}" if total else f"{count:,}")
    return () if set(cells) == {"–"} else (label, *cells)


def _reason_row(excluded: Mapping[str, Any], key: str, label: str, sides: Sequence[str]) -> tuple[str, ...]:
    """One reason why synapses are unattached; empty where it never occurs."""
    counts = [block_of(excluded, f"{side}_unattached_reasons").get(key, 0) for side in sides]
    return (f"– {label}", *map(format_count, counts)) if any(counts) else ()


def _single_row(key: str, count: int, sides: Sequence[str]) -> tuple[str, ...]:
    """A number of one side, or of the segmentation that both share."""
    noun = noun_of(key).format(s="" if count == 1 else "s")
    only = _ONE_SIDED.get(key) or next((side for side in SIDES if key.startswith(f"{side}_")), None)
    cells = (f"{count:,}" if only in (None, side) else "–" for side in sides)
    return (noun[:1].upper() + noun[1:], *cells)
