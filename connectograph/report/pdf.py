"""The report as a PDF: A4 portrait, selectable text, the same bytes for the same contents."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from connectograph.plots.style import COLOURS, house_style
from connectograph.report.bookmarks import add_bookmarks
from connectograph.report.contents import ReportContents
from connectograph.report.elements import Paragraph, Section
from connectograph.report.pages import build_sections
from connectograph.report.pages.common import read_title, read_verdict, read_version
from connectograph.report.strips import Line, Strip, make_heading, make_strips
from connectograph.report.typesetting import clip_text, measure_text, replace_missing, wrap_text

__all__ = ["render_pdf"]

WIDTH, HEIGHT = 210 / 25.4 * 72, 297 / 25.4 * 72
_LEFT, _TOP, _BOTTOM = 52.0, 62.0, 56.0
_TEXT_WIDTH = WIDTH - 2 * _LEFT
_TEXT_HEIGHT = HEIGHT - _TOP - _BOTTOM


def render_pdf(contents: ReportContents) -> bytes:
    """The report as a PDF.

    Parameters
    ----------
    contents : ReportContents

    Returns
    -------
    bytes
        A4 portrait, TrueType fonts, no date: equal contents give equal bytes.
    """
    from connectograph.report.drawing import PdfPages, draw_page

    sections = build_sections(contents)
    pages, starts = _fill_pages(_make_cover(contents), sections)
    target = BytesIO()
    with house_style(), PdfPages(target, metadata=_describe_file(contents)) as pdf:
        for number, strips in enumerate(pages, start=1):
            margins = _make_margins(contents, number, len(pages))
            pdf.savefig(draw_page(strips, margins, (WIDTH, HEIGHT), (_LEFT, _TOP)), dpi=200)
    return add_bookmarks(target.getvalue(), [(section.title, start) for section, start in starts])


def _describe_file(contents: ReportContents) -> dict[str, Any]:
    maker = f"connectograph {read_version(contents)}"
    return {
        "Title": f"Connectome evaluation: {read_title(contents)}",
        "Author": maker,
        "Subject": read_verdict(contents.report),
        "Keywords": "connectomics, connectome, synapses, precision, recall, F1",
        "Creator": maker,
        "Producer": maker,
        "CreationDate": None,
    }


def _make_cover(contents: ReportContents) -> list[Strip]:
    """Name of what is judged, above the first section."""
    title = replace_missing(read_title(contents))
    size = 22.0 if len(title) <= 60 else 14.0
    lines = wrap_text(title, _TEXT_WIDTH, size, "bold")
    kind = Line(0.0, 9.0, "CONNECTOME EVALUATION", 8.0, "bold", COLOURS["muted"])
    placed = [Line(0.0, 16.0 + size * (1.05 + 1.25 * row), line, size, "bold") for row, line in enumerate(lines)]
    height = 16.0 + 1.25 * size * len(lines)
    lost = "\ufffd" in title
    note = "Characters that the PDF fonts lack are shown as \ufffd; report.html has them all." if lost else ""
    below = [Line(0.0, height + 12, note, 7.5, "body", COLOURS["muted"])] if lost else []
    return [Strip(height + (34 if lost else 20), (kind, *placed, *below))]


def _fill_pages(cover: list[Strip], sections: Sequence[Section]) -> tuple[list[list[Strip]], list[tuple[Section, int]]]:
    """Strips page by page, and the page that each section starts on, from 0.

    A section starts where its opening fits; it breaks between elements, and one longer than a page between strips.
    """
    pages, starts = [cover], []
    for index, section in enumerate(sections):
        blocks = [make_strips(element, _TEXT_WIDTH) for element in section.elements]
        blocks[0] = (make_heading(section.title, _TEXT_WIDTH) if index else []) + blocks[0]
        opening = [strip for block in blocks[: _count_opening(section)] for strip in block]
        if index and not _fits(pages[-1], opening):
            pages.append([])
        starts.append((section, len(pages) - 1))
        for block in blocks:
            if pages[-1] and not _fits(pages[-1], block) and _fits([], block):
                pages.append([])
            _add_strips(pages, block)
    return pages, starts


def _count_opening(section: Section) -> int:
    """The elements up to the first that is more than running text: they stay together, under the heading."""
    shown = [n for n, each in enumerate(section.elements, 1) if not isinstance(each, Paragraph)]
    return shown[0] if shown else len(section.elements)


def _add_strips(pages: list[list[Strip]], strips: Sequence[Strip]) -> None:
    for strip in strips:
        if not _fits(pages[-1], [strip]) and pages[-1]:
            pages.append([])
        pages[-1].append(strip)


def _fits(page: Sequence[Strip], strips: Sequence[Strip]) -> bool:
    """Whether strips fit on a page that holds others; a gap at the end needs no room."""
    ink = list(strips)
    while ink and not ink[-1].items:
        ink.pop()
    return sum(strip.height for strip in [*page, *ink]) <= _TEXT_HEIGHT


def _make_margins(contents: ReportContents, number: int, total: int) -> list[Line]:
    """Running head and foot, in page coordinates."""
    muted = COLOURS["muted"]
    title = clip_text(replace_missing(read_title(contents)), _TEXT_WIDTH - 140, 7.5)
    head = [Line(_LEFT, 38.0, title, 7.5, "body", muted)] if number > 1 else []
    maker, count = replace_missing(f"connectograph {read_version(contents)}"), f"{number} / {total}"
    foot = [
        Line(_LEFT, HEIGHT - 30, maker, 7.5, "body", muted),
        Line(WIDTH - _LEFT - measure_text(count, 7.5), HEIGHT - 30, count, 7.5, "body", muted),
    ]
    return head + foot
