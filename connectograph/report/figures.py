"""The pictures of the report as PNG files, for HTML and for the directory figures/."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from connectograph.plots.style import house_style
from connectograph.report.contents import ReportContents
from connectograph.report.elements import Case, Element, Figure
from connectograph.report.pages import build_sections

if TYPE_CHECKING:
    from matplotlib import figure
    from matplotlib.axes import Axes

__all__ = ["list_figures", "place_panels", "render_figures"]

_WIDTH = 420.0
_DPI = 190
_BARE_DPI = 150
_PADS = (40.0, 6.0, 34.0, 20.0)
"""Room for tick labels and legends around the axes of a panel: left, right, bottom, top; points."""
_BARE = (0.0, 0.0, 0.0, 9.0)


def render_figures(contents: ReportContents) -> dict[str, bytes]:
    """The pictures of the report.

    Parameters
    ----------
    contents : ReportContents

    Returns
    -------
    dict of str to bytes
        File name ("adjacency.png", ...) -> PNG, without any date.
    """
    figures = [figure for section in build_sections(contents) for figure in list_figures(section.elements)]
    with house_style():
        return {figure.name: _render_figure(figure) for figure in figures}


def list_figures(elements: Iterable[Element]) -> list[Figure]:
    """The pictures among the elements of a section."""
    shown = (element.figure if isinstance(element, Case) else element for element in elements)
    return [element for element in shown if isinstance(element, Figure)]


def place_panels(page: figure.Figure, drawn: Figure, box: tuple[float, float, float, float]) -> list[Axes]:
    """Axes side by side in a box of a page: left, bottom, width, height; points."""
    left, right, bottom, top = _BARE if drawn.bare else _PADS
    x, y, width, height = box
    page_width, page_height = (72 * float(side) for side in page.get_size_inches())
    side = width / drawn.panels
    axes = [
        page.add_axes(
            (
                (x + index * side + left) / page_width,
                (y + bottom) / page_height,
                (side - left - right) / page_width,
                (height - bottom - top) / page_height,
            )
        )
        for index in range(drawn.panels)
    ]
    for panel in axes:
        panel.set_anchor("W")
    return axes


def _render_figure(element: Figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Page

    height = element.height * _WIDTH
    dpi = _BARE_DPI if element.bare else _DPI
    canvas = FigureCanvasAgg(Page(figsize=(_WIDTH / 72, height / 72), dpi=dpi, facecolor="white"))
    element.draw(place_panels(canvas.figure, element, (0.0, 0.0, _WIDTH, height)))
    canvas.draw()
    return _encode(np.asarray(canvas.buffer_rgba()))


def _encode(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A PNG without opacity, which is full, packed lightly: half the cost, and a twentieth more bytes."""
    from PIL import Image

    target = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels[..., :3])).save(target, format="png", compress_level=2)
    return target.getvalue()
