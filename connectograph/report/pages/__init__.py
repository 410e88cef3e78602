"""The pages of the report: each is one small function from the contents to a section."""

from __future__ import annotations

from collections.abc import Callable

from connectograph.report.contents import ReportContents
from connectograph.report.elements import Section
from connectograph.report.pages.connections import build_connections, build_degree
from connectograph.report.pages.data import build_data
from connectograph.report.pages.errors import build_errors
from connectograph.report.pages.reproduce import build_reproduce
from connectograph.report.pages.summary import build_summary
from connectograph.report.pages.synapses import build_synapses

__all__ = ["PAGES", "build_sections"]

PAGES: tuple[Callable[[ReportContents], Section], ...] = (
    build_summary,
    build_data,
    build_connections,
    build_degree,
    build_synapses,
    build_errors,
    build_reproduce,
)
"""All pages in order."""


def build_sections(contents: ReportContents) -> list[Section]:
    """All pages of a report, in order.

    Parameters
    ----------
    contents : ReportContents

    Returns
    -------
    list of Section
    """
    return [build(contents) for build in PAGES]
