"""Elements of the report as strips: horizontal slices of a page of known height, from top to bottom.

Conventions: lengths in points; x from the left edge of the text, y downwards from the top of the strip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from connectograph.plots.style import COLOURS
from connectograph.report.elements import (
    OUTCOME_WORDS,
    Bullets,
    Case,
    Cell,
    Code,
    Column,
    Element,
    Figure,
    Link,
    Paragraph,
    Table,
    Tile,
    Tiles,
)
from connectograph.report.typesetting import measure_text, replace_missing, wrap_text

__all__ = ["Box", "Line", "Mark", "Picture", "Strip", "make_heading", "make_strips"]


@dataclass(frozen=True)
class Line:
    """One line of text; `y` is its baseline; one with `url` is a link."""

    x: float
    y: float
    text: str
    size: float
    font: str = "body"
    colour: str = COLOURS["ink"]
    url: str = ""


@dataclass(frozen=True)
class Box:
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True)
class Mark:
    """The mark of an outcome ("tp", "fp", "fn"), centred."""

    x: float
    y: float
    outcome: str


@dataclass(frozen=True, eq=False)
class Picture:
    """The place of a figure."""

    x: float
    y: float
    width: float
    height: float
    figure: Figure


@dataclass(frozen=True, eq=False)
class Strip:
    """A slice of a page that is never cut."""

    height: float
    items: tuple[Line | Box | Mark | Picture, ...] = ()


_TONES = {
    "verdict": (12.5, COLOURS["ink"]),
    "lead": (9.5, COLOURS["ink"]),
    "body": (8.5, COLOURS["ink"]),
    "note": (8.5, COLOURS["muted"]),
}
_LEADING = 1.45
_GAP = 14.0
_PAD = 12.0
_CASE_SHARE = 0.58
_CELL, _DENSE, _CELL_GAP, _CELL_PAD = 8.0, 7.6, 8.0, 2.6
_MOST_WIDE = 6
"""Columns up to which a table is set in full size."""


def make_heading(title: str, width: float) -> list[Strip]:
    """Title of a section over a rule."""
    items = (Line(0.0, 15.0, replace_missing(title), 15.0, "bold"), Box(0.0, 23.0, width, 1.2, COLOURS["ink"]))
    return [Strip(34.0, items)]


def make_strips(element: Element, width: float) -> list[Strip]:
    """Strips of an element, with the gap below it.

    Examples
    --------
    >>> [strip.height for strip in make_strips(Paragraph("One line.", "body"), 400.0)]
    [12.325, 14.0]
    """
    return [*_MAKERS[type(element)](element, width), Strip(_GAP)]


def _set_lines(
    text: str, width: float, size: float, *, x: float = 0.0, top: float = 0.0, font: str = "body", colour: str
) -> tuple[list[Line], float]:
    """Wrapped text as lines, and the height they take."""
    lines = wrap_text(replace_missing(text), width, size, font)
    step = size * _LEADING
    placed = [Line(x, top + step * row + 1.05 * size, line, size, font, colour) for row, line in enumerate(lines)]
    return placed, step * len(lines)


def _make_paragraph(paragraph: Paragraph, width: float) -> list[Strip]:
    size, colour = _TONES[paragraph.tone]
    if paragraph.tone != "verdict":
        lines, height = _set_lines(paragraph.text, width, size, colour=colour)
        return [Strip(height, tuple(lines))]
    left = _PAD + 6.0
    lines, height = _set_lines(paragraph.text, width - left - _PAD, size, x=left, top=_PAD, colour=colour)
    whole = height + 2 * _PAD
    back = Box(0.0, 0.0, width, whole, COLOURS["panel"]), Box(0.0, 0.0, 4.0, whole, COLOURS["ink"])
    return [Strip(whole, (*back, *lines))]


def _make_bullets(bullets: Bullets, width: float) -> list[Strip]:
    strips = [_make_title(bullets.title)]
    for item in bullets.items:
        lines, height = _set_lines(item, width - 12, _CELL, x=12.0, colour=COLOURS["ink"])
        strips.append(Strip(height + 2, (Line(2.0, lines[0].y, "•", _CELL), *lines)))
    return strips


def _make_code(code: Code, width: float) -> list[Strip]:
    lines, height = _set_lines(code.text, width - 2 * _PAD, 7.5, x=_PAD, top=_PAD, font="mono", colour=COLOURS["ink"])
    whole = height + 2 * _PAD
    return [Strip(whole, (Box(0.0, 0.0, width, whole, COLOURS["panel"]), *lines))]


def _make_tiles(tiles: Tiles, width: float) -> list[Strip]:
    side = (width - _PAD * (len(tiles.tiles) - 1)) / len(tiles.tiles)
    drawn = [_make_tile(tile, index * (side + _PAD), side) for index, tile in enumerate(tiles.tiles)]
    height = max(height for _, height in drawn)
    items: list[Line | Box] = []
    for index, (lines, _) in enumerate(drawn):
        x = index * (side + _PAD)
        items += [Box(x, 0.0, side, height, COLOURS["panel"]), Box(x, 0.0, side, 2.0, COLOURS["ink"]), *lines]
    return [Strip(height, tuple(items))]


def _make_tile(tile: Tile, x: float, width: float) -> tuple[list[Line], float]:
    inner = width - 2 * _PAD
    size = min(25.0, 25.0 * inner / measure_text(tile.value, 25.0, "bold"))
    lines = [
        Line(x + _PAD, 22.0, tile.label, 8.5, "body", COLOURS["muted"]),
        Line(x + _PAD, 51.0, tile.value, size, "bold"),
    ]
    caption, height = _set_lines(tile.caption, inner, 7.5, x=x + _PAD, top=59.0, colour=COLOURS["muted"])
    return lines + caption, 59.0 + height + _PAD


def _make_title(title: str) -> Strip:
    return Strip(18.0, (Line(0.0, 10.0, replace_missing(title), 9.5, "bold"),))


def _fold_table(table: Table) -> Table:
    """The lower half of the rows beside the upper half."""
    half = -(-len(table.rows) // 2)
    below = [*table.rows[half:], ("",) * len(table.columns)]
    rows = tuple(left + right for left, right in zip(table.rows[:half], below, strict=False))
    columns = tuple(replace(column, width=column.width / 2) for column in table.columns) * 2
    return replace(table, columns=columns, rows=rows, folded=False)


def _make_table(table: Table, width: float) -> list[Strip]:
    if table.folded:
        return _make_table(_fold_table(table), width)
    edges = [0.0, *accumulate(column.width * width for column in table.columns)]
    size = _CELL if len(table.columns) <= _MOST_WIDE else _DENSE
    strips = [_make_title(table.title)]
    if any(column.label for column in table.columns):
        header = tuple(column.label for column in table.columns)
        plain = tuple(replace(column, kind=f"head {column.kind}") for column in table.columns)
        strips.append(_make_row(header, plain, edges, size, COLOURS["muted"]))
    strips += [_make_row(row, table.columns, edges, size, COLOURS["rule"]) for row in table.rows]
    if table.note:
        lines, height = _set_lines(table.note, width, 7.5, top=4.0, colour=COLOURS["muted"])
        strips.append(Strip(height + 4, tuple(lines)))
    return strips


def _make_row(
    cells: tuple[Cell, ...], columns: tuple[Column, ...], edges: list[float], size: float, rule: str
) -> Strip:
    """Cells side by side, as high as the highest, over a thin rule."""
    items: list[Line | Mark] = []
    height = 0.0
    for index, (cell, column) in enumerate(zip(cells, columns, strict=True)):
        last, right = index == len(columns) - 1, edges[index + 1]
        if column.kind.endswith("number") and not last and not columns[index + 1].kind.endswith("number"):
            right -= _CELL_GAP
        placed, used = _make_cell(cell, column.kind, edges[index], right, size, last=last)
        items += placed
        height = max(height, used)
    return Strip(height + 2 * _CELL_PAD, (*items, Box(0.0, height + 2 * _CELL_PAD - 0.5, edges[-1], 0.5, rule)))


def _make_cell(cell: Cell, kind: str, left: float, right: float, size: float, *, last: bool) -> tuple[list[Any], float]:
    """Lines of a cell and their height; numbers keep their distance on the left, all else on the right."""
    number = kind.endswith("number")
    width = right - left - (0.0 if last and not number else _CELL_GAP)
    text, url = (cell.label, cell.url) if isinstance(cell, Link) else (cell, "")
    head, ink = kind.startswith("head"), COLOURS["ink"]
    if kind == "outcome":
        words = OUTCOME_WORDS.get(text, text)
        lines, height = _set_lines(words, width - 12.0, size, x=left + 12.0, top=_CELL_PAD, colour=ink)
        return [Mark(left + 5.0, lines[0].y - 0.36 * size, text), *lines], height
    font = "mono" if kind == "id" else "bold" if head else "body"
    size *= 1.0 if font == "body" else 0.925
    colour = COLOURS["muted"] if head else COLOURS["fn"] if url else ink
    lines, height = _set_lines(text, width, size, x=left, top=_CELL_PAD, font=font, colour=colour)
    lines = [replace(line, url=url) for line in lines]
    return [_align_right(line, right) for line in lines] if number else lines, height


def _align_right(line: Line, right: float) -> Line:
    return replace(line, x=right - measure_text(line.text, line.size, line.font))


def _make_figure(figure: Figure, width: float) -> list[Strip]:
    height = figure.height * width
    lines, used = _set_lines(figure.caption, width, 7.5, top=height + 4, colour=COLOURS["muted"])
    return [Strip(height + 4 + used, (Picture(0.0, 0.0, width, height, figure), *lines))]


def _make_case(case: Case, width: float) -> list[Strip]:
    """The picture on the left, what is known of the error on the right."""
    side, left = _CASE_SHARE * width, _CASE_SHARE * width + _PAD
    height, room = case.figure.height * side, width - left
    mark = Mark(left + 5.0, 5.4, case.outcome)
    lines = [Line(left + 14.0, 8.2, OUTCOME_WORDS.get(case.outcome, case.outcome), _CELL, "bold")]
    top = 14.0
    for text, font in ((case.title, "mono"), *((fact, "body") for fact in case.facts)):
        placed, used = _set_lines(text, room, 7.5, x=left, top=top, font=font, colour=COLOURS["ink"])
        lines, top = [*lines, *placed], top + used + 2.0
    for link in case.links:
        lines.append(Line(left, top + 8.0, f"▸ {replace_missing(link.label)}", 7.5, "bold", COLOURS["fn"], link.url))
        top += 12.0
    return [Strip(max(height, top), (Picture(0.0, 0.0, side, height, case.figure), mark, *lines))]


_MAKERS: dict[type, Callable[[Any, float], list[Strip]]] = {
    Paragraph: _make_paragraph,
    Bullets: _make_bullets,
    Code: _make_code,
    Tiles: _make_tiles,
    Table: _make_table,
    Figure: _make_figure,
    Case: _make_case,
}
