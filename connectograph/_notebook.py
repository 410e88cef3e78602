"""How notebooks show results: a short table of numbers, what lies deeper folded away, every text escaped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Protocol

__all__ = ["Shown", "show_result", "show_rows"]

_MOST_ROWS = 60
_MOST_CHARACTERS = 40_000
_CELL = "padding:.1rem .8rem .1rem 0;text-align:left;font-weight:400"


class _Result(Protocol):
    def to_dict(self) -> dict[str, Any]: ...


class Shown:
    """A result with ``to_dict()`` that notebooks show as a table."""

    def _repr_html_(self: _Result) -> str:
        return show_result(type(self).__name__, self.to_dict())


def show_result(title: str, content: Mapping[str, Any]) -> str:
    """A result as an HTML fragment without script, below 50 kB; undefined numbers come with their reason.

    Parameters
    ----------
    title : str
    content : mapping
        As in report.json: numbers, texts, mappings, and lists of mappings.

    Returns
    -------
    str

    Examples
    --------
    >>> text = show_result("<Score>", {"f1": None, "f1_reason": "0/0", "tp": 1234, "bins": [{"n": 1}]})
    >>> "&lt;Score&gt;" in text, "not defined (0/0)" in text, "1,234" in text, "<summary>bins: 1</summary>" in text
    (True, True, True, True)
    """
    plain, deep = _split(content)
    parts = [f"<strong>{escape(title)}</strong>", _table([(name, _cell(content, name)) for name in plain])]
    used = sum(map(len, parts))
    for name in deep:
        part = _fold(name, content[name])
        used += len(part)
        parts.append(part if used < _MOST_CHARACTERS else f"<p>{escape(name)}: see to_dict()</p>")
    return f'<div style="font-size:14px;line-height:1.4">{"".join(parts)}</div>'


def show_rows(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of plain values as an HTML table under a title, escaped, the first sixty.

    Examples
    --------
    >>> "&lt;b&gt;" in show_rows("Ranking", [{"name": "<b>", "f1": 0.5}])
    True
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    body = [tuple(_write(row.get(name)) for name in columns) for row in rows[:_MOST_ROWS]]
    more = f"<p>{_MOST_ROWS} of {len(rows):,} shown</p>" if len(rows) > _MOST_ROWS else ""
    return f"<div><p>{escape(title)}</p>{_table(body, head=columns)}{more}</div>"


def _split(content: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Names of plain values, and of what is folded away; reasons stand beside the values that they explain."""
    names = [name for name in content if not (name.endswith("_reason") and name.removesuffix("_reason") in content)]
    deep = [name for name in names if isinstance(content[name], (Mapping, list, tuple))]
    return [name for name in names if name not in deep], deep


def _fold(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        plain, deep = _split(value)
        inside = _table([(key, _cell(value, key)) for key in plain]) + "".join(_fold(key, value[key]) for key in deep)
        return f"<details><summary>{escape(str(name))}</summary>{inside}</details>"
    rows = list(value)
    if rows and all(isinstance(row, Mapping) for row in rows):
        columns = list(dict.fromkeys(key for row in rows for key in _split(row)[0]))
        inside = _table([tuple(_cell(row, key) for key in columns) for row in rows[:_MOST_ROWS]], head=columns)
    else:
        inside = f"<p>{escape(', '.join(_write(each) for each in rows[:_MOST_ROWS]))}</p>"
    more = f"<p>{_MOST_ROWS} of {len(rows):,} shown</p>" if len(rows) > _MOST_ROWS else ""
    return f"<details><summary>{escape(str(name))}: {len(rows):,}</summary>{inside}{more}</details>"


def _table(rows: Sequence[tuple[str, ...]], head: Sequence[str] = ()) -> str:
    """Rows of text, escaped; the first cell of each names it."""
    lines = ["".join(f'<th scope="col" style="{_CELL}">{escape(name)}</th>' for name in head)] if head else []
    for first, *rest in rows:
        cells = "".join(f'<td style="{_CELL}">{escape(cell)}</td>' for cell in rest)
        lines.append(f'<th scope="row" style="{_CELL}">{escape(first)}</th>{cells}')
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<table style="border-collapse:collapse">{body}</table>' if body else ""


def _cell(content: Mapping[str, Any], name: str) -> str:
    reason = content.get(f"{name}_reason")
    shown = _write(content.get(name))
    return f"{shown} ({reason})" if reason and content.get(name) is None else shown


def _write(value: Any) -> str:
    """A number or text; rounding never makes 0 or 1 of what is not."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "not defined"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        short = f"{value:.4g}"
        return short if float(short) not in (0.0, 1.0) or value in (0.0, 1.0) else repr(value)
    return str(value)
