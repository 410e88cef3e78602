"""Strips onto the page of a PDF, and all of matplotlib that this takes; imported only when a page is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from matplotlib.artist import Artist
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D

from connectograph.plots.style import COLOURS, MARKS
from connectograph.report.figures import place_panels
from connectograph.report.strips import Box, Line, Mark, Picture, Strip
from connectograph.report.typesetting import font_of

__all__ = ["PdfPages", "draw_page"]

_MARK_SIZE = 5.0


class _Ink(Artist):
    """Lines, boxes and marks of a page, whose lines are already measured: a Text would lay out each of them again."""

    def __init__(self, items: Sequence[Line | Box | Mark], height: float) -> None:
        super().__init__()
        self._items, self._page_height = items, height
        self._style = Text()
        _part_letters(self._style)

    def draw(self, renderer: RendererBase) -> None:
        """Draw in points, which are the pixels of a PDF."""
        gc = renderer.new_gc()
        gc.set_linewidth(0)
        for item in self._items:
            if isinstance(item, Line):
                self._draw_line(renderer, gc, item)
            else:
                path, place, colour = _outline_mark(item) if isinstance(item, Mark) else _outline_box(item)
                upwards = Affine2D().scale(1, -1).translate(0, self._page_height)
                renderer.draw_path(gc, path, place + upwards, to_rgb(colour))
        gc.restore()

    def _draw_line(self, renderer: RendererBase, gc: Any, line: Line) -> None:
        gc.set_foreground(line.colour)
        gc.set_url(line.url or None)
        font = _size_font(line.font, line.size)
        renderer.draw_text(gc, line.x, self._page_height - line.y, line.text, font, 0, mtext=self._style)


def draw_page(
    strips: Sequence[Strip], margins: Sequence[Line], size: tuple[float, float], corner: tuple[float, float]
) -> Figure:
    """A page with its strips from the corner (left, top) downwards, and the lines of its margins."""
    figure = Figure(figsize=(size[0] / 72, size[1] / 72), facecolor="white")
    ink: list[Line | Box | Mark] = list(margins)
    left, top = corner
    for strip in strips:
        for item in strip.items:
            moved = replace(item, x=item.x + left, y=item.y + top)
            if isinstance(moved, Picture):
                box = (moved.x, size[1] - moved.y - moved.height, moved.width, moved.height)
                moved.figure.draw(place_panels(figure, moved.figure, box))
            else:
                ink.append(moved)
        top += strip.height
    for text in figure.findobj(Text):
        _part_letters(text)
    figure.add_artist(_Ink(ink, size[1]))
    return figure


def _part_letters(text: Any) -> None:
    """No ligatures, which would embed their font a second time; older matplotlib has none."""
    if hasattr(text, "set_fontfeatures"):
        text.set_fontfeatures(("-liga",))


@lru_cache(maxsize=64)
def _size_font(name: str, size: float) -> FontProperties:
    font = font_of(name).copy()
    font.set_size(size)
    return font


def _outline_box(box: Box) -> tuple[Path, Affine2D, str]:
    return Path.unit_rectangle(), Affine2D().scale(box.width, box.height).translate(box.x, box.y), box.colour


def _outline_mark(mark: Mark) -> tuple[Path, Affine2D, str]:
    style = MarkerStyle(MARKS.get(mark.outcome, "o"))
    shape = style.get_path().transformed(style.get_transform())
    place = Affine2D().scale(_MARK_SIZE, -_MARK_SIZE).translate(mark.x, mark.y)
    return shape, place, COLOURS.get(mark.outcome, COLOURS["ink"])
