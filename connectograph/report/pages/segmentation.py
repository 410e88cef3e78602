"""Two segmentations: what matched, what is split and what is merged, and what that does to the neurons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectograph.report.contents import ReportContents, reason_of
from connectograph.report.elements import Column, Element, Paragraph, Section, Table, Tile, Tiles
from connectograph.report.pages.common import explain_block, explain_missing
from connectograph.report.wording import (
    clean_text,
    count_of,
    format_count,
    format_decimal,
    format_number,
    format_percent,
    format_score,
    format_share,
)

__all__ = ["build_segmentation"]

_TITLE = "Two segmentations"
_NOTE = (
    "Matched one to one by the voxels they share, so that the pairs share most in all. Voxels count that are in a "
    "segment on both sides. VI: variation of information, in bits; NRI: F1 of pairs of synapse ends on one neuron."
)

_LENGTHS = {
    "right": "Right: within one segment",
    "split": "Split: between two segments",
    "merged": "Merged: in a segment that touches several skeletons",
    "omitted": "Omitted: with an end in no segment",
}
_RUN_NOTE = (
    "Expected run length: from a random point of the skeletons, the length in its segment without an error; its share "
    "is of the {} µm without any error. Below it the whole length of the skeletons."
)


def build_segmentation(contents: ReportContents) -> Section:
    """How far the predicted segmentation is the true one, and where it is not."""
    block = contents.report.get("segmentation_matching")
    if not block:
        return Section("segmentation", _TITLE, (explain_block(contents.report, "segmentation_matching"),))
    elements = (
        Paragraph(_describe(block), "lead"),
        _list_tiles(block),
        _list_scores(block),
        *_list_run_length(block.get("run_length")),
        _list_largest("Largest splits", "True segment", "predicted", block["largest_splits"]),
        _list_largest("Largest merges", "Predicted segment", "true", block["largest_merges"]),
    )
    return Section("segmentation", _TITLE, elements)


def _describe(block: Mapping[str, Any]) -> str:
    """How many segments matched, and how much of the volume that covers.

    Examples
    --------
    >>> _describe({"n_matched": 1, "n_unmatched_truth": 0, "n_unmatched_predicted": 2, "share_of_truth": 0.5})
    '1 of 1 true segment has a match, which holds 50.0 % of the voxels of the truth; 2 predicted segments have none.'
    """
    n, alone = block["n_matched"], block["n_unmatched_predicted"]
    total = n + block["n_unmatched_truth"]
    verb = "has a match, which holds" if n == 1 else "have a match; matches hold"
    share = block["share_of_truth"]
    covered = f" {verb} {100 * share:.1f} % of the voxels of the truth" if share is not None else " have a match"
    rest = f"{count_of(alone, 'predicted segment{s}')} {'has' if alone == 1 else 'have'} none"
    return f"{n:,} of {count_of(total, 'true segment{s}')}{covered}; {rest}."


def _list_tiles(block: Mapping[str, Any]) -> Tiles:
    """Splits and merges in bits, neurons by their terminals."""
    integrity = block["nri"]
    ends = f"{count_of(integrity['n_terminals'], 'synapse end{s}')} found, {integrity['n_deleted']:,} lost"
    return Tiles(
        (
            _make_tile(block, "vi_split", "VI split (bits)", "true segments in several predicted ones"),
            _make_tile(block, "vi_merge", "VI merge (bits)", "several true segments in one predicted one"),
            _make_tile(block, "adapted_rand_error", "Adapted Rand error", "1 - F1 of pairs of voxels"),
            _make_tile(integrity, "nri", "NRI", ends),
        )
    )


def _make_tile(block: Mapping[str, Any], key: str, label: str, basis: str) -> Tile:
    known = block[key] is not None
    return Tile(label, format_number(round(block[key], 3)) if known else "–", basis if known else reason_of(block, key))


def _list_scores(block: Mapping[str, Any]) -> Table:
    """The same agreement as precision (merges lower it) and recall (splits do)."""
    rows = (
        ("Pairs of voxels (Rand)", *_scores(block["rand"], "f1")),
        ("Pairs of synapse ends (NRI)", *_scores(block["nri"], "nri")),
        ("Connections, each piece counted as its true neuron", *_scores(block["majority"], "f1")),
    )
    columns = (Column("", 0.46), *(Column(name, 0.18, "number") for name in ("Precision", "Recall", "F1")))
    return Table("Merges lower precision, splits recall", columns, rows, _NOTE)


def _scores(block: Mapping[str, Any], f1: str) -> tuple[str, ...]:
    return tuple(format_score(block[key]) for key in ("precision", "recall", f1))


def _list_run_length(block: Mapping[str, Any] | None) -> list[Element]:
    """How far the skeletons can be traced, and what becomes of their length; nothing if none were given."""
    if block is None:
        return []
    if block["erl_nm"] is None:
        return [explain_missing(f"the run length: {reason_of(block, 'erl_nm')}")]
    rows = [("Expected run length", _in_um(block["erl_nm"]), format_percent(block["normalised"]))]
    rows += [
        (label, _in_um(block[f"{kind}_nm"]), format_percent(block[f"{kind}_nm"] / block["total_nm"]))
        for kind, label in _LENGTHS.items()
    ]
    columns = (Column("", 0.46), Column("Length (µm)", 0.27, "number"), Column("Share", 0.27, "number"))
    title = f"Traced along {count_of(block['n_skeletons'], 'skeleton{s}')}"
    return [Table(title, columns, tuple(rows), _RUN_NOTE.format(_in_um(block["best_nm"])))]


def _in_um(length: float) -> str:
    return format_decimal(length / 1000)


def _list_largest(title: str, whole: str, other: str, rows: Sequence[Mapping[str, Any]]) -> Element:
    """Segments with most voxels beyond their largest part, ids in full."""
    if not rows:
        return explain_missing(f"{title.lower()}: there are none")
    columns = (
        Column(whole, 0.22, "id"),
        Column("Voxels", 0.12, "number"),
        Column("Beyond largest", 0.14, "number"),
        Column("Parts", 0.08, "number"),
        Column(f"Largest parts: {other} segments", 0.44, "id"),
    )
    return Table(title, columns, tuple(_describe_row(row) for row in rows))


def _describe_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    n = row["n_voxels"]
    return (
        clean_text(row["segment"]),
        format_count(n),
        format_share(row["n_voxels_beyond_largest"], n),
        format_count(row["n_parts"]),
        ", ".join(clean_text(part["segment"]) for part in row["parts"]),
    )
