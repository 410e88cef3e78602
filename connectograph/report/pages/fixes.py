"""What to fix first: how F1 rises with every fix, and where the first ones are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connectograph.plots import plot_fixes
from connectograph.report.contents import ReportContents, block_of
from connectograph.report.elements import Cell, Column, Element, Figure, Paragraph, Section, Table
from connectograph.report.pages.common import explain_block, explain_missing, link_cell
from connectograph.report.wording import clean_text, format_position, format_score, join_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["build_fixes", "describe_end", "describe_fixes"]

_TITLE = "What to fix first"
_KINDS = {
    "add_synapse": ("add", "true synapse {synapse_id_truth}"),
    "delete_synapse": ("delete", "synapse {synapse_id_predicted}"),
    "swap_partners": ("swap", "synapse {synapse_id_predicted}, as true {synapse_id_truth}"),
    "merge": ("merge", "segment {predicted_segment} into {into_segment}"),
    "split": ("split", "segment {predicted_segment}, true {true_segment} to {into_segment}"),
}
"""Word for each kind, and what is fixed."""
_COLUMNS = (
    Column("Step", 0.06),
    Column("Fix", 0.075),
    Column("What", 0.274, "id"),
    Column("Connection", 0.206, "id"),
    Column("z, y, x (nm)", 0.21, "number"),
    Column("Gain", 0.095, "number"),
    Column("F1", 0.08, "number"),
)
_NOTES = {
    "add_synapse": "Add: a missed synapse with its links.",
    "delete_synapse": "Delete: an invented synapse.",
    "swap_partners": "Swap: a matched synapse gets the links of its true match.",
    "merge": "Merge: a predicted segment becomes a part of that of its neuron.",
    "split": "Split: what lies in the true segment named is cut off and joined to that neuron's predicted one.",
}
_NOTE = "Connection: the pair that gains most. F1: after this fix and all before it, exactly."


def build_fixes(contents: ReportContents) -> Section:
    """The curve of fixes, and the first of them with their places."""
    fixes = contents.report.get("fixes")
    if not fixes:
        return Section("fixes", _TITLE, (explain_block(contents.report, "fixes"),))
    lead = Paragraph(" ".join(filter(None, [describe_fixes(fixes), describe_end(fixes)])), "lead")
    if not fixes["first"]:
        return Section("fixes", _TITLE, (lead,))
    return Section("fixes", _TITLE, (lead, _draw(contents), _list_fixes(contents.report)))


def describe_fixes(fixes: Mapping[str, Any]) -> str:
    """How far the first fixes take the score.

    Examples
    --------
    >>> describe_fixes({"f1": 0.5, "first": [{"f1": 1.0}], "to_reach": [{"f1": 1.0, "n_fixes": 1}], "n_listed": 1,
    ...                 "end": {"why": "all_mended", "fp": 0, "fn": 0}})
    'F1 is 0.500; 1 fix, the best first, takes it to 1. It takes 1 fix for an F1 of 1.'
    """
    if not fixes["first"]:
        if fixes["end"]["why"] == "all_mended":
            return "There is nothing to fix: no connection is false or missed."
        return "No single fix gains."
    first = fixes["first"]
    start = (
        f"F1 is {format_score(fixes['f1'])}; {_count(len(first))}, the best first, "
        f"{'take' if len(first) > 1 else 'takes'} it to {format_score(first[-1]['f1'])}."
    )
    goals = [f"{_count(goal['n_fixes'])} for an F1 of {goal['f1']:g}" for goal in fixes["to_reach"]]
    return f"{start} It takes {join_words(goals)}." if goals else start


def describe_end(fixes: Mapping[str, Any]) -> str:
    """Why the curve ends below 1, and which fixes are not ranked; empty if all are and it does not.

    Examples
    --------
    >>> describe_end({"end": {"why": "capped", "fp": 3, "fn": 1}, "most": 1000})
    'The list ends after 1,000 fixes: 3 false and 1 missed connections are left by then.'
    """
    return " ".join(filter(None, [_explain_end(fixes), _explain_kinds(fixes)]))


def _explain_end(fixes: Mapping[str, Any]) -> str:
    end = fixes["end"]
    if end["why"] == "all_mended":
        return ""
    left = f"{end['fp']:,} false and {end['fn']:,} missed connections are left"
    if end["why"] == "capped":
        return f"The list ends after {fixes['most']:,} fixes: {left} by then."
    return (
        f"The curve ends after {_count(fixes['n_listed'])}, where no single fix gains: {left}, which take several "
        "fixes at once (such as a synapse and the segment it lies on) or rest on what lies in no true neuron."
    )


def _explain_kinds(fixes: Mapping[str, Any]) -> str:
    reason = fixes.get("segment_fixes_reason")
    return f"Merges and splits of segments are not ranked: {reason}." if reason else ""


def _count(n: int) -> str:
    return f"{n:,} {'fix' if n == 1 else 'fixes'}"


def _draw(contents: ReportContents) -> Element:
    table, fixes = contents.tables.get("fixes"), contents.report["fixes"]
    if table is None:
        return explain_missing("the table fixes is missing")

    def draw(axes: Sequence[Axes]) -> None:
        plot_fixes(table, start=fixes["f1"], ax=axes[0])

    caption = "F1 after each fix, every step the one of largest gain."
    if fixes["n_listed"] == fixes["most"]:
        caption += f" The first {fixes['most']:,} are shown."
    return Figure("fixes.png", caption, f"F1 against the number of fixes. {describe_fixes(fixes)}", draw, height=0.32)


def _list_fixes(report: Mapping[str, Any]) -> Table:
    fixes = report["fixes"]
    arrow = "→" if block_of(report, "edges").get("directed") else "–"
    rows = tuple(_fix_row(fix, arrow) for fix in fixes["first"])
    title = f"The first {len(rows)} of {fixes['n_listed']:,} fixes" if len(rows) < fixes["n_listed"] else "All fixes"
    kinds = {fix["kind"] for fix in fixes["first"]}
    notes = [note for kind, note in _NOTES.items() if kind in kinds]
    note = " ".join([*notes, _NOTE, "The table fixes holds them all."])
    return Table(title, _COLUMNS, rows, note, explorable=True)


def _fix_row(fix: Mapping[str, Any], arrow: str) -> tuple[Cell, ...]:
    word, what = _KINDS[fix["kind"]]
    return (
        str(fix["step"]),
        word,
        clean_text(what.format_map(fix)),
        f"{clean_text(fix['source'])} {arrow} {clean_text(fix['target'])}",
        link_cell(format_position([fix[f"{axis}_nm"] for axis in "zyx"]), fix),
        "not defined" if fix["gain"] is None else f"{fix['gain']:+.4f}",
        format_score(fix["f1"]),
    )
