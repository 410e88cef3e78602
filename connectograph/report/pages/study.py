"""The page of a study: several predictions of one truth, ranked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectograph.report.elements import Bullets, Column, Element, Paragraph, Section, Table
from connectograph.report.wording import clean_text, format_score

__all__ = ["build_study", "list_reasons", "tabulate_ranking"]

_COLUMNS = (
    Column("Prediction", 0.19),
    Column("Rank", 0.06, "number"),
    Column("F1", 0.18, "number"),
    Column("Precision", 0.18, "number"),
    Column("Recall", 0.18, "number"),
    Column("F1 − best", 0.12, "number"),
    Column("p (Holm)", 0.09, "number"),
)
_NOTE = (
    "In brackets: 95 % intervals, two-way cluster-robust over neurons. p: paired test against the best, two-sided; in "
    "brackets adjusted for the number of predictions (Holm)."
)


def build_study(study: Mapping[str, Any]) -> Section:
    """The verdict, the ranked table, and why some of its numbers are missing."""
    elements: list[Element] = [Paragraph(clean_text(study["verdict"]), "verdict"), tabulate_ranking(study)]
    reasons = list_reasons(study)
    if reasons:
        elements.append(Bullets("Without interval", reasons))
    elements.append(Paragraph("The folder of each prediction, beside this page, holds its own report.", "note"))
    return Section("ranking", "Ranking", tuple(elements))


def tabulate_ranking(study: Mapping[str, Any]) -> Table:
    """The ranking as a table of finished text."""
    return Table("Predictions by F1", _COLUMNS, tuple(_row(row) for row in study["ranking"]), _NOTE)


def list_reasons(study: Mapping[str, Any]) -> tuple[str, ...]:
    """Why intervals are missing, each reason once with the predictions that it holds for."""
    found: dict[str, list[str]] = {}
    for row in study["ranking"]:
        for reason in dict.fromkeys(_missing(row)):
            found.setdefault(reason, []).append(clean_text(row["name"]))
    return tuple(f"{', '.join(names)}: {clean_text(reason)}" for reason, names in found.items())


def _row(row: Mapping[str, Any]) -> tuple[str, ...]:
    """One prediction."""
    scores = (_with_interval(row["intervals"][name]) for name in ("f1", "precision", "recall"))
    gap = (row["difference"] or {}).get("f1")
    last = ("best", "–") if gap is None else (_with_interval(gap, signed=True), _format_p(gap))
    return (clean_text(row["name"]), str(row["rank"]), *scores, *last)


def _with_interval(interval: Mapping[str, Any], *, signed: bool = False) -> str:
    """A value, and its limits where there are any."""
    show = _format_signed if signed else format_score
    if interval["value"] is None or interval["lower"] is None:
        return show(interval["value"])
    return f"{show(interval['value'])} ({show(interval['lower'])} to {show(interval['upper'])})"


def _format_signed(value: float | None) -> str:
    """A difference with its sign."""
    return "not defined" if value is None else f"{value:+.3f}".replace("-", "−")


def _format_p(gap: Mapping[str, Any]) -> str:
    """The p-value, and in brackets that for the number of predictions."""
    if gap["p_value"] is None:
        return "–"
    return f"{format_score(gap['p_value'])} ({format_score(gap['p_value_holm'])})"


def _missing(row: Mapping[str, Any]) -> Iterator[str]:
    """Reasons in one row of the ranking."""
    for block in (row["intervals"], row["difference"] or {}):
        for interval in block.values():
            if interval["lower"] is None:
                yield str(interval["lower_reason"])
