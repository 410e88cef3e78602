"""Several predictions on the command line: ``evaluate`` and ``compare`` as a study."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from connectograph.cli.directed import evaluate_shown, open_cases
from connectograph.cli.ids import read_ids
from connectograph.evaluation import Evaluation
from connectograph.evaluation.card import Card, add_card
from connectograph.evaluation.comparison import compare_cases, describe_choices
from connectograph.evaluation.resuming import explain_stops
from connectograph.evaluation.settings import Settings
from connectograph.evaluation.skeletons import GivenSkeletons
from connectograph.evaluation.study import Study, Task, conduct_study, describe_cases
from connectograph.evaluation.study_folder import Place
from connectograph.report.elements import Table
from connectograph.report.pages.study import list_reasons, tabulate_ranking

__all__ = ["compare_several", "evaluate_several"]


def evaluate_several(
    options: argparse.Namespace,
    settings: Settings,
    reading: dict[str, Any],
    card: Card | None,
    skeletons: GivenSkeletons,
) -> int:
    """Evaluate several predictions."""
    cases = open_cases(options, settings, reading)

    def evaluate(numbers: Sequence[int]) -> Iterator[Evaluation]:
        return evaluate_shown(cases.choose(numbers), options, skeletons)

    return _conduct(describe_cases(cases, skeletons, evaluate), card, options)


def compare_several(options: argparse.Namespace, card: Card | None) -> int:
    """Compare several connectomes with one truth."""
    ids = None if options.proofread is None else read_ids(options.proofread, "--proofread")
    given = {"match": options.match, "types": options.types}
    how: dict[str, Any] = {"directed": options.directed, "proofread": ids, **given}
    shared = {"truth": options.truth, **{role: path for role, path in given.items() if path is not None}}
    files = [{**shared, "predicted": each} for each in options.predicted]

    def compare(numbers: Sequence[int]) -> Iterator[Evaluation]:
        return compare_cases(options.truth, [options.predicted[k] for k in numbers], **how)

    return _conduct(Task(files, describe_choices(**how), compare), card, options)


def _conduct(task: Task, card: Card | None, options: argparse.Namespace) -> int:
    """Evaluate what is not there yet, judged by the report card if there is one, and print the ranking."""
    if card is not None:
        task = replace(task, settings={**task.settings, "card": card}, evaluate=_judging(task.evaluate, card))
    if options.out is None:
        return _finish(conduct_study(task, None), options)
    advice = (
        f"The study in {options.out} is not finished; predictions whose run is finished are kept. Give the same "
        "command again, with or without --resume, to evaluate the others; what was found of these is not kept."
    )
    with explain_stops(advice):
        return _finish(conduct_study(task, _place(options)), options)


def _judging(
    evaluate: Callable[[Sequence[int]], Iterator[Evaluation]], card: Card
) -> Callable[[Sequence[int]], Iterator[Evaluation]]:
    return lambda numbers: (add_card(each, card) for each in evaluate(numbers))


def _place(options: argparse.Namespace) -> Place:
    return Place(options.out, options.overwrite, not options.no_report, options.command_line)


def _finish(study: Study, options: argparse.Namespace) -> int:
    """Print, and judge the best by --fail-under."""
    if study.kept:
        print(f"not computed again: {', '.join(study.kept)}")
    for reason in list_reasons(study.report):
        print(f"note: {reason}")
    if options.out is not None:
        page = options.out / "study.html"
        print(f"written: {page if page.is_file() else options.out}")
    print(study.report["verdict"])
    _print_table(tabulate_ranking(study.report))
    f1 = study.best["f1"]
    return 1 if options.fail_under is not None and (f1 is None or f1 < options.fail_under) else 0


def _print_table(table: Table) -> None:
    """A table in columns as wide as they need."""
    labels = tuple(column.label for column in table.columns)
    rows = [[str(cell).replace("−", "-").replace("–", "-") for cell in row] for row in (labels, *table.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
