"""What to fix first: how F1 rises with every fix, and where the first ones are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connectograph.plots import plot_fixes
from connectograph.report.contents import ReportContents, block_of
from connectograph.report.elements import Column, Element, Figure, Paragraph, Section, Table
from connectograph.report.pages.common import explain_block, explain_missing
from connectograph.report.wording import clean_text, format_position, format_score, join_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["build_fixes", "describe_fixes"]

_TITLE = "What to fix first"
_KINDS = {"add_synapse": "add", "delete_synapse": "delete", "swap_partners": "swap"}
_COLUMNS = (
    Column("Step", 0.06),
    Column("Fix", 0.11),
    Column("True synapse", 0.11, "id"),
    Column("Predicted", 0.1, "id"),
    Column("Connection", 0.215, "id"),
    Column("z, y, x (nm)", 0.235, "number"),
    Column("Gain", 0.09, "number"),
    Column("F1", 0.08, "number"),
)
_NOTE = (
    "Add: a missed synapse with its links. Delete: an invented one. Swap: a matched one gets the links of its "
    "true match. Connection: the pair that gains most. F1: after this fix and all before it, exactly."
)


def build_fixes(contents: ReportContents) -> Section:
    """The curve of fixes, and the first of them with their places."""
    fixes = contents.report.get("fixes")
    if not fixes:
        return Section("fixes", _TITLE, (explain_block(contents.report, "fixes"),))
    lead = Paragraph(describe_fixes(fixes), "lead")
    if not fixes["first"]:
        return Section("fixes", _TITLE, (lead,))
    return Section("fixes", _TITLE, (lead, _draw(contents), _list_fixes(contents.report)))


def describe_fixes(fixes: Mapping[str, Any]) -> str:
    """How far the first fixes take the score.

    Examples
    --------
    >>> describe_fixes({"f1": 0.5, "first": [{"f1": 1.0}], "to_reach": [{"f1": 1.0, "n_fixes": 1}], "n_listed": 1})
    'F1 is 0.500; 1 fix, the best first, takes it to 1. It takes 1 fix for an F1 of 1.'
    """
    if not fixes["first"]:
        return "There is nothing to fix: no connection is false or missed."
    first = fixes["first"]
    start = (
        f"F1 is {format_score(fixes['f1'])}; {_count(len(first))}, the best first, "
        f"{'take' if len(first) > 1 else 'takes'} it to {format_score(first[-1]['f1'])}."
    )
    goals = [f"{_count(goal['n_fixes'])} for an F1 of {goal['f1']:g}" for goal in fixes["to_reach"]]
    return f"{start} It takes {join_words(goals)}." if goals else start


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
    return Table(title, _COLUMNS, rows, f"{_NOTE} The table fixes holds them all.", explorable=True)


def _fix_row(fix: Mapping[str, Any], arrow: str) -> tuple[str, ...]:
    return (
        str(fix["step"]),
        _KINDS[fix["kind"]],
        *(_name(fix[f"synapse_id_{side}"]) for side in ("truth", "predicted")),
        f"{clean_text(fix['source'])} {arrow} {clean_text(fix['target'])}",
        format_position([fix[f"{axis}_nm"] for axis in "zyx"]),
        "not defined" if fix["gain"] is None else f"{fix['gain']:+.4f}",
        format_score(fix["f1"]),
    )


def _name(synapse_id: str) -> str:
    return "none" if synapse_id == "0" else clean_text(synapse_id)
