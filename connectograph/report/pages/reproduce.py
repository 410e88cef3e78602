"""Last page: everything needed to get the same numbers again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from connectograph.report.contents import ReportContents, block_of
from connectograph.report.elements import Code, Column, Element, Paragraph, Section, Table
from connectograph.report.pages.common import SIDE_NAMES, explain_missing, name_key, read_version
from connectograph.report.wording import clean_text, format_bytes, format_seconds, format_value

__all__ = ["build_reproduce"]

_FACTS = {
    "started": "Started",
    "finished": "Finished",
    "seconds": "Duration",
    "peak_memory_bytes": "Peak memory",
    "host": "Host",
    "platform": "Platform",
    "cpu_count": "Processors",
    "workers": "Workers",
    "engine": "Engine",
}
_FORMATS = {"seconds": format_seconds, "peak_memory_bytes": format_bytes}
_CITATION = (
    "@software{{connectograph, title = {{connectograph: synapse predictions judged by the connectome they imply}}, "
    "version = {{{version}}}, license = {{BSD-3-Clause}}}}"
)
_CITE = "To cite these numbers, name the software, its version and the SHA-256 of the inputs."
_LIMITS = (
    "Scores concern connections between the segments given; errors of the segmentation itself are not scored. "
    "The same inputs and settings give the same report.json and tables, whatever the engine, the number of workers or "
    "the file format. All numbers of this report are in report.json and run.json."
)


def build_reproduce(contents: ReportContents) -> Section:
    """Command, run, versions, files, limitations."""
    run = contents.run
    elements: list[Element] = [Paragraph(_LIMITS)]
    if run is None:
        elements.append(explain_missing("run.json was not recorded"))
        return Section("reproduce", "How to reproduce", tuple(elements))
    if run.get("command"):
        elements.append(Code(" ".join(clean_text(shlex.quote(str(word))) for word in run["command"])))
    elements += [_list_facts(run), *_list_files(run), _list_versions(contents)]
    elements += [Paragraph(_CITE), Code(_CITATION.format(version=read_version(contents)))]
    return Section("reproduce", "How to reproduce", tuple(elements))


def _list_facts(run: Mapping[str, Any]) -> Table:
    rows = tuple((label, _FORMATS.get(key, format_value)(run[key])) for key, label in _FACTS.items() if key in run)
    return Table("Run", (Column("", 0.36), Column("", 0.64)), rows, folded=True)


def _list_files(run: Mapping[str, Any]) -> list[Table]:
    """Inputs with their full hashes."""
    inputs = block_of(run, "inputs")
    rows = tuple(_file_row(side, file) for side, file in inputs.items() if file)
    columns = (Column("", 0.16), Column("Path", 0.36), Column("SHA-256", 0.48, "id"))
    return [Table("Input files", columns, rows)] if rows else []


def _file_row(side: str, file: Mapping[str, Any]) -> tuple[str, ...]:
    path, digest = file.get("path") or "in memory", file.get("sha256") or "not hashed"
    return (SIDE_NAMES.get(side, name_key(side)), clean_text(path), clean_text(digest))


def _list_versions(contents: ReportContents) -> Table:
    versions = {"connectograph": read_version(contents)} | dict(block_of(contents.run or {}, "versions"))
    rows = tuple((clean_text(name), clean_text(version)) for name, version in versions.items())
    return Table("Versions", (Column("", 0.36), Column("", 0.64)), rows, folded=True)
