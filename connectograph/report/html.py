"""The report as one HTML file without outside addresses, its short form, and the page of a study."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from connectograph.plots.style import COLOURS
from connectograph.report.contents import ReportContents
from connectograph.report.elements import OUTCOME_WORDS, Section
from connectograph.report.figures import render_figures
from connectograph.report.pages import build_sections
from connectograph.report.pages.common import read_title, read_verdict, read_version
from connectograph.report.pages.data import list_inputs
from connectograph.report.pages.errors import list_errors
from connectograph.report.pages.study import build_study
from connectograph.report.pages.summary import list_exclusions, list_scores

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["render_html", "render_study", "summarise_html"]

_MARKS = {"tp": "●", "fp": "▲", "fn": "▼"}


def render_html(contents: ReportContents, *, figures: Mapping[str, bytes] | None = None) -> str:
    """The report as one self-contained HTML page.

    Parameters
    ----------
    contents : ReportContents
    figures : mapping of str to bytes, optional
        What :func:`render_figures` gave for the same contents, so that it is not drawn twice.

    Returns
    -------
    str
        No outside address but links to viewers; pictures are embedded; every text from outside is escaped; the one
        script sorts and filters tables, and nothing is lost without it.
    """
    pictures = render_figures(contents) if figures is None else figures
    encoded = {name: b64encode(picture).decode("ascii") for name, picture in pictures.items()}
    return _fill_page(contents, build_sections(contents), encoded)


def render_study(study: dict[str, Any], run: dict[str, Any]) -> str:
    """A study of several predictions as one HTML page: its ranking.

    Parameters
    ----------
    study : dict
        study.json.
    run : dict
        The study's run.json.

    Returns
    -------
    str
        As :func:`render_html`.
    """
    return _fill_page(ReportContents(study, run, {}, None), [build_study(study)], {})


def summarise_html(report: dict[str, Any]) -> str:
    """A short form of the report for notebooks: verdict and scores, the rest folded away.

    Parameters
    ----------
    report : dict
        report.json.

    Returns
    -------
    str
        An HTML fragment below 50 kB, escaped, without script.
    """
    folded = {
        "Inputs": list_inputs(ReportContents(report, None, {}, None)),
        "What was excluded": list_exclusions(report),
        "Worst errors": list_errors(report, most=5),
    }
    return _template("summary.html").render(verdict=read_verdict(report), tiles=list_scores(report), folded=folded)


def _fill_page(contents: ReportContents, sections: list[Section], pictures: dict[str, str]) -> str:
    """The page, which allows no script but its own."""
    script = _template("explore.js").render()
    return _template("report.html").render(
        title=read_title(contents),
        version=read_version(contents),
        sections=sections,
        pictures=pictures,
        script=script,
        script_digest=b64encode(sha256(script.encode()).digest()).decode("ascii"),
    )


@lru_cache(maxsize=3)
def _template(name: str) -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("connectograph", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_keep_percents,
    )
    environment.globals |= {"words": OUTCOME_WORDS, "marks": _MARKS, "colours": COLOURS}
    environment.filters["kind"] = lambda element: type(element).__name__.lower()
    return environment.get_template(name)


def _keep_percents(value: Any) -> Any:
    """Text in which no line breaks between a number and its percent sign."""
    return re.sub(r"(?<=\d) %", "\u00a0%", value) if type(value) is str else value
