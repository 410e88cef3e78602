"""PDF, HTML and figures from what a run directory holds; the PDF, half of the work, by a second process meanwhile.

matplotlib draws one picture at a time, whatever the number of threads.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from connectograph._program import begin_program, default_workers, start_helper
from connectograph.errors import InputError
from connectograph.io.files import dump_json
from connectograph.io.tables import read_table
from connectograph.report.contents import ReportContents

__all__ = ["CROPS", "SLICES", "draw_pdf_aside", "read_contents", "read_report", "render_reports"]

PdfOrNone = Callable[[], bytes | None]

SLICES = "figures/middle_slice.npz"
"""The section that the report shows: labels of segmentation, truth and prediction, thinned out to screen size."""

CROPS = "figures/worst_errors.npz"
"""Pieces of the volumes around the worst errors, for the report's gallery."""


def read_contents(folder: Path, record: dict[str, Any]) -> ReportContents:
    """What a report is made of, from a run directory and its run.json."""
    tables = {file.stem: read_table(file) for file in sorted((folder / "tables").glob("*.parquet"))}
    slices, crops = (
        dict(np.load(folder / name, allow_pickle=False)) if (folder / name).is_file() else None
        for name in (SLICES, CROPS)
    )
    return ReportContents(read_report(folder), record, tables, slices, crops)


def render_reports(contents: ReportContents, *, pdf: PdfOrNone = lambda: None) -> dict[str, bytes | str]:
    """PDF, HTML and figures: file name in the run directory to content.

    Parameters
    ----------
    contents : ReportContents
    pdf : callable, optional
        Called when the others are drawn: the PDF of the same contents, or None to draw it here.
    """
    from connectograph.report import render_figures, render_html, render_pdf

    with _spare_loaded():
        figures = render_figures(contents)
        html = render_html(contents, figures=figures)
        return {
            **{f"figures/{name}": picture for name, picture in figures.items()},
            "report.pdf": pdf() or render_pdf(contents),
            "report.html": html,
        }


@contextmanager
def draw_pdf_aside(folder: Path) -> Iterator[Callable[[Mapping[str, Any]], PdfOrNone]]:
    """Let another process draw the PDF of a run directory while the block runs.

    Parameters
    ----------
    folder : Path
        Of the run; may be empty yet.

    Yields
    ------
    callable
        To be called with what run.json will say, once the folder holds all else. What it returns waits for the PDF, and
        gives None if there is none: a single processor, or a process that failed.
    """
    if default_workers() < 2:
        yield lambda record: lambda: None
        return
    module = "connectograph.evaluation.rendering"
    with start_helper(module, str(folder), answers=True) as process, ThreadPoolExecutor(1) as pool:

        def begin(record: Mapping[str, Any]) -> PdfOrNone:
            answer = pool.submit(process.communicate, dump_json(record).encode())
            return lambda: answer.result()[0] if process.wait() == 0 else None

        try:
            yield begin
        finally:
            process.kill()


@contextmanager
def _spare_loaded() -> Iterator[None]:
    """Spare the collector of garbage what is loaded already: each picture makes it run, and modules are no garbage."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def read_report(folder: Path) -> dict[str, Any]:
    """The content of report.json."""
    if (folder / "study.json").is_file():
        raise InputError(f"{folder} is a study of several predictions: name one of the runs in it, {folder}/NAME.")
    try:
        report: dict[str, Any] = json.loads((folder / "report.json").read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / 'report.json'} cannot be read ({error}): make the run again.") from error
    return report


if __name__ == "__main__":
    begin_program()
    import connectograph.report.drawing  # noqa: F401 - matplotlib, while the folder is being filled
    from connectograph.report import render_pdf

    loaded = read_contents(Path(sys.argv[1]), json.load(sys.stdin))
    with _spare_loaded():
        sys.stdout.buffer.write(render_pdf(loaded))
