"""The few elements a report is made of; PDF and HTML each know how to show them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "OUTCOME_WORDS",
    "Bullets",
    "Case",
    "Cell",
    "Code",
    "Column",
    "Element",
    "Figure",
    "Link",
    "Paragraph",
    "Section",
    "Table",
    "Tile",
    "Tiles",
]


OUTCOME_WORDS = {"tp": "found (tp)", "fp": "false (fp)", "fn": "missed (fn)"}
"""Outcomes of single connections as tables name them."""


@dataclass(frozen=True)
class Tile:
    """One number in large type, with what it is and what it rests on."""

    label: str
    value: str
    caption: str


@dataclass(frozen=True)
class Tiles:
    """A row of tiles of equal width."""

    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class Paragraph:
    """Running text; `tone` is "verdict", "lead", "body" or "note"."""

    text: str
    tone: str = "body"


@dataclass(frozen=True)
class Bullets:
    """A list of remarks under a title."""

    title: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class Code:
    """A command to copy."""

    text: str


@dataclass(frozen=True)
class Link:
    """A place on the web, under a name, which is its text."""

    label: str
    url: str

    def __str__(self) -> str:
        return self.label


Cell = str | Link
"""What stands in a cell of a table."""


@dataclass(frozen=True)
class Column:
    """A column of a table; `kind` is "text", "number" (right-aligned), "id" (monospace) or "outcome" (a mark)."""

    label: str
    width: float
    kind: str = "text"


@dataclass(frozen=True)
class Table:
    """Rows of finished text and of links; the first cell of a row, a text, names it.

    Widths are shares of the page. The PDF sets a `folded` table as two halves side by side; an `explorable` one can be
    sorted and filtered in HTML.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    folded: bool = False
    explorable: bool = False


@dataclass(frozen=True, eq=False)
class Figure:
    """A picture: `draw` fills one Axes for each panel; `height` is its share of the width; `alt` states the finding.

    A `bare` picture has no ticks and no legend, so its Axes fill it.
    """

    name: str
    caption: str
    alt: str
    draw: Callable[[Sequence[Axes]], None]
    height: float
    panels: int = 1
    bare: bool = False


@dataclass(frozen=True, eq=False)
class Case:
    """One error: its outcome, the segments it joins, a picture, and what is known of it; links lead to viewers."""

    outcome: str
    title: str
    figure: Figure
    facts: tuple[str, ...]
    links: tuple[Link, ...] = ()


Element = Tiles | Paragraph | Bullets | Code | Table | Figure | Case


@dataclass(frozen=True, eq=False)
class Section:
    """A page: its key (anchor), its title and what it holds from top to bottom."""

    key: str
    title: str
    elements: tuple[Element, ...]
