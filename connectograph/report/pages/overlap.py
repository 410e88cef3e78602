"""How well synapses overlap, and whether those that do join the right segments: neither tells the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connectograph._numbers import divide
from connectograph.plots import plot_overlap
from connectograph.report.contents import ReportContents, block_of, reason_of
from connectograph.report.elements import Column, Element, Figure, Paragraph, Section, Table, Tile, Tiles
from connectograph.report.pages.common import explain_block, explain_missing
from connectograph.report.wording import clean_text, count_of, format_count, format_number, format_score, format_share

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["build_overlap", "describe_disagreement"]

_TITLE = "Overlap and connectivity"
_LADDER_COLUMNS = (
    Column("", 0.25),
    *(Column(name, 0.125, "number") for name in ("tp", "fp", "fn", "Precision", "Recall", "F1")),
)
_LADDER_NOTE = (
    "tp: in both; fp: only in the prediction; fn: only in the truth. A link is one synapse joining one pair of "
    "segments; a connection is all links of a pair."
)
_WRONG = {
    "superset": "all true pairs and more",
    "subset": "only some of the true pairs",
    "partial": "some true and some false pairs",
    "disjoint": "no true pair",
}


def build_overlap(contents: ReportContents) -> Section:
    """Voxels, synapses, links and connections of the same prediction, and where they disagree."""
    matching = contents.report.get("synapse_matching")
    if not matching:
        return Section("overlap", _TITLE, (explain_block(contents.report, "synapse_matching"),))
    edges, partners = block_of(contents.report, "edges"), matching["partners"]
    lead = Paragraph(describe_disagreement(partners), "lead")
    ladder = _list_ladder(matching, edges, contents.report.get("clefts"))
    elements = (lead, _list_tiles(matching, edges), ladder, _cross(partners))
    return Section("overlap", _TITLE, (*elements, _draw_overlap(contents)))


def describe_disagreement(partners: Mapping[str, Any]) -> str:
    """How many synapses overlap well and join wrong pairs, or the other way round.

    Examples
    --------
    >>> partners = {"n_compared": 8, "n_good_overlap_wrong_pairs": 2, "n_poor_overlap_right_pairs": 0}
    >>> describe_disagreement({**partners, "iou_threshold": 0.5}).split(", ")[1]
    '2 (25.0 %) overlap well (IoU 0.5 or more) but join the wrong ones'
    """
    n, limit = partners["n_compared"], partners["iou_threshold"]
    if not n:
        return "No matched synapse joins segments, so overlap cannot be held against connectivity."
    wrong, right = partners["n_good_overlap_wrong_pairs"], partners["n_poor_overlap_right_pairs"]
    return (
        f"Of {count_of(n, 'matched synapse{s}')} that {_verb(n, 'join')} segments, "
        f"{_part(wrong, n, f'well (IoU {limit:g} or more)')} but {_verb(wrong, 'join')} the wrong ones, and "
        f"{_part(right, n, 'poorly')} but {_verb(right, 'join')} the right ones."
    )


def _part(count: int, whole: int, how: str) -> str:
    shown = f"{count:,} ({format_share(count, whole)})" if count else "none"
    return f"{shown} {_verb(count, 'overlap')} {how}"


def _verb(count: int, verb: str) -> str:
    return verb if count > 1 else f"{verb}s"


def _list_tiles(matching: Mapping[str, Any], edges: Mapping[str, Any]) -> Tiles:
    """From voxels to connections."""
    partners, voxels = matching["partners"], matching["voxels"]
    n, equal = partners["n_compared"], partners["n_equal"]
    exact = f"{format_share(equal, n)} of {count_of(n, 'matched synapse{s}')} join exactly the true pairs"
    return Tiles(
        (
            _make_tile(voxels, "iou", "Voxel IoU", _count_sides(_score_voxels(voxels), "voxels")),
            _make_tile(matching, "f1", "Synapse F1", _count_sides(matching, "synapses, matched one to one")),
            _make_tile(partners, "accuracy", "Right partners", exact),
            _make_tile(edges, "f1", "Connection F1", _count_sides(edges, "connections")),
        )
    )


def _make_tile(block: Mapping[str, Any], key: str, label: str, basis: str) -> Tile:
    defined = block[key] is not None
    return Tile(label, format_score(block[key]), basis if defined else clean_text(reason_of(block, key)))


def _count_sides(score: Mapping[str, Any], noun: str) -> str:
    return f"{score['tp'] + score['fn']:,} true and {score['tp'] + score['fp']:,} predicted {noun}"


def _score_voxels(voxels: Mapping[str, Any]) -> dict[str, Any]:
    """Overlap in the words of the other scores."""
    shared, predicted, truth = (voxels[f"n_voxels_{name}"] for name in ("shared", "predicted", "truth"))
    counts = {"tp": shared, "fp": predicted - shared, "fn": truth - shared}
    return {**counts, "precision": divide(shared, predicted), "recall": divide(shared, truth), "f1": voxels["dice"]}


def _list_ladder(matching: Mapping[str, Any], edges: Mapping[str, Any], clefts: Mapping[str, Any] | None) -> Table:
    """The same prediction judged by voxels, by synapses, by links and by connections."""
    near = (_score_row(f"Voxels within {clefts['tolerance_nm']:g} nm", clefts),) if clefts else ()
    rows = (
        _score_row("Synapse voxels", _score_voxels(matching["voxels"])),
        *near,
        _score_row("Synapses", matching),
        _score_row("Links", matching["partners"]["links"]),
        _score_row("Connections", edges),
    )
    note = f"{_LADDER_NOTE} {_explain_distances(clefts)}" if clefts else _LADDER_NOTE
    return Table("The same prediction, judged by", _LADDER_COLUMNS, rows, note)


def _explain_distances(clefts: Mapping[str, Any]) -> str:
    """CREMI's cleft statistics in words."""
    if clefts["cremi_score"] is None:
        return f"No distances between clefts: {clean_text(reason_of(clefts, 'cremi_score'))}."
    means = (clefts[name]["mean"] for name in ("predicted_to_truth", "truth_to_predicted"))
    found, missed = (f"{format_number(mean)} nm" for mean in means)
    return (
        f"CREMI: predicted voxels are {found} from the nearest true one (ADGT), true voxels {missed} from the nearest "
        f"predicted one (ADF), in the mean; the challenge's score is {format_number(clefts['cremi_score'])} nm."
    )


def _score_row(label: str, score: Mapping[str, Any]) -> tuple[str, ...]:
    counts = (format_count(score[name]) for name in ("tp", "fp", "fn"))
    return (label, *counts, *(format_score(score[name]) for name in ("precision", "recall", "f1")))


def _cross(partners: Mapping[str, Any]) -> Table:
    """Matched synapses by overlap and by partners."""
    n, equal, limit = partners["n_compared"], partners["n_equal"], partners["iou_threshold"]
    wrong, poor = partners["n_good_overlap_wrong_pairs"], partners["n_poor_overlap_right_pairs"]
    counts = ((equal - poor, wrong), (poor, n - equal - wrong), (equal, n - equal))
    labels = (f"Overlap well (IoU {limit:g} or more)", "Overlap poorly", "All of them")
    rows = tuple(
        (label, *(format_count(count) for count in (*pair, sum(pair))))
        for label, pair in zip(labels, counts, strict=True)
    )
    columns = (Column("", 0.4), *(Column(name, 0.2, "number") for name in ("Right pairs", "Wrong pairs", "All")))
    return Table("Do synapses that overlap join the right segments?", columns, rows, _explain_wrong(partners))


def _explain_wrong(partners: Mapping[str, Any]) -> str:
    """What is wrong with wrong pairs, and what is in no row."""
    counts = {words: partners[f"n_{name}"] for name, words in _WRONG.items()}
    kinds = ", ".join(f"{count:,} {_verb(count, 'join')} {words}" for words, count in counts.items() if count)
    note = f"Right pairs: exactly those of the true synapse.{f' Wrong pairs: {kinds}.' if kinds else ''}"
    unlinked = partners["n_unlinked"]
    return f"{note} Left out: {unlinked:,} that {_verb(unlinked, 'join')} no pair on either side." if unlinked else note


def _draw_overlap(contents: ReportContents) -> Element:
    matches, partners = contents.tables.get("synapse_matches"), contents.report["synapse_matching"]["partners"]
    if matches is None:
        return explain_missing("the table synapse_matches is missing")
    if not contents.report["synapse_matching"]["tp"]:
        return explain_missing("no synapse is matched")

    def draw(axes: Sequence[Axes]) -> None:
        plot_overlap(matches, threshold=partners["iou_threshold"], ax=axes[0])

    caption = "IoU: voxels that both share / voxels that either has. Dashed: from where on an overlap counts as good."
    alt = f"Histogram of the IoU of matched synapses. {describe_disagreement(partners)}"
    return Figure("overlap.png", caption, alt, draw, height=0.36)
