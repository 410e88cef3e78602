"""The report card on the first page: purposes, verdicts, and the measures that decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectograph.report.elements import Column, Table
from connectograph.report.wording import clean_text, format_number

__all__ = ["describe_measure", "list_purposes"]

_MARKS = {"pass": "✓ pass", "fail": "✗ fail", "inconclusive": "▲ inconclusive"}
_COLUMNS = (Column("Purpose", 0.2), Column("Verdict", 0.16), Column("Measures that decide", 0.64))
_NOTE = (
    "By the limits of the card that was given. A measure passes or fails only if its whole interval does; a purpose "
    "fails if one measure fails, and passes if all pass."
)


def list_purposes(report: Mapping[str, Any]) -> list[Table]:
    """The table of purposes, if the report was judged by a card."""
    purposes = (report.get("card") or {}).get("purposes") or []
    return [Table("Report card", _COLUMNS, tuple(map(_row, purposes)), _NOTE)] if purposes else []


def describe_measure(found: Mapping[str, Any]) -> str:
    """A measure with its interval and limits, and why it decides nothing.

    Examples
    --------
    >>> describe_measure({"measure": "edges.f1", "at_least": 0.9, "value": 0.94, "lower": 0.93, "upper": 0.95})
    'edges.f1 0.94 (0.93 to 0.95), at least 0.9'
    """
    value = "not defined" if found["value"] is None else format_number(found["value"])
    known = found["lower"] is not None and found["upper"] is not None
    interval = f" ({format_number(found['lower'])} to {format_number(found['upper'])})" if known else ""
    limits = [
        f"at {limit} {format_number(found[f'at_{limit}'])}" for limit in ("least", "most") if f"at_{limit}" in found
    ]
    reason = f": {clean_text(found['verdict_reason'])}" if "verdict_reason" in found else ""
    return f"{clean_text(found['measure'])} {value}{interval}, {', '.join(limits)}{reason}"


def _row(purpose: Mapping[str, Any]) -> tuple[str, ...]:
    verdict = purpose["verdict"]
    decisive = [describe_measure(found) for found in purpose["measures"] if found["verdict"] == verdict]
    return clean_text(purpose["purpose"]), _MARKS.get(verdict, clean_text(verdict)), "; ".join(decisive)
