"""What several pages need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectograph._version import __version__
from connectograph.report.contents import ReportContents, reason_of
from connectograph.report.elements import Cell, Element, Figure, Link, Paragraph
from connectograph.report.verdict import write_verdict
from connectograph.report.wording import clean_text

__all__ = [
    "SIDE_NAMES",
    "draw_edges",
    "explain_block",
    "explain_missing",
    "link_cell",
    "list_links",
    "name_key",
    "read_title",
    "read_verdict",
    "read_version",
]

SIDE_NAMES = {
    "segmentation": "Segmentation",
    "truth": "Truth",
    "predicted": "Prediction",
    "predicted_segmentation": "Predicted segmentation",
}


def explain_missing(reason: str) -> Paragraph:
    """What stands where something cannot be shown.

    Examples
    --------
    >>> explain_missing("no prediction was given").text
    'Not available: no prediction was given.'
    """
    return Paragraph(f"Not available: {clean_text(reason)}.", "note")


def draw_edges(contents: ReportContents, draw: Callable[[ReportContents], Figure]) -> Element:
    """A picture of the connections, or why there is none."""
    outcomes = contents.tables.get("edge_outcomes")
    if outcomes is None:
        return explain_missing("the table edge_outcomes is missing")
    return draw(contents) if len(outcomes) else explain_missing("neither graph has a connection to draw")


def explain_block(report: Mapping[str, Any], key: str) -> Paragraph:
    """The reason recorded for a block of report.json that is null."""
    return explain_missing(reason_of(report, key))


def list_links(entry: Mapping[str, Any]) -> tuple[Link, ...]:
    """Links to viewers, as they are recorded with an error: name to address.

    Examples
    --------
    >>> list_links({"links": {"viewer": "https://viewer.example/#1,2,3", "bad": "javascript:alert(1)"}})
    (Link(label='viewer', url='https://viewer.example/#1,2,3'),)
    """
    links = entry.get("links") or {}
    return tuple(Link(clean_text(name), url) for name, url in links.items() if url.startswith(("https://", "http://")))


def link_cell(text: str, entry: Mapping[str, Any]) -> Cell:
    """A text that leads where an error's first link does; the text alone if it has none.

    Examples
    --------
    >>> link_cell("1 nm", {})
    '1 nm'
    """
    links = list_links(entry)
    return Link(text, links[0].url) if links else text


def name_key(key: str) -> str:
    """A key of a JSON file as a label.

    Examples
    --------
    >>> name_key("min_contact_voxels")
    'Min contact voxels'
    """
    words = clean_text(key).replace("_", " ")
    return words[:1].upper() + words[1:]


def read_title(contents: ReportContents) -> str:
    """Name of what is judged."""
    unnamed = "Predicted connectome" if contents.report.get("edges") else "True connectome"
    return clean_text((contents.run or {}).get("name") or unnamed)


def read_verdict(report: Mapping[str, Any]) -> str:
    """The verdict recorded in report.json, or the one its numbers give."""
    return clean_text(report.get("verdict") or write_verdict(report))


def read_version(contents: ReportContents) -> str:
    """Version of connectograph that made the numbers."""
    return clean_text(((contents.run or {}).get("versions") or {}).get("connectograph") or __version__)
