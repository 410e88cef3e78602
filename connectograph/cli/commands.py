"""What each command does: read, call the library, write, say what was done.

Only what opens files is imported here; what computes is imported by the command that needs it, after its inputs are
open: what is wrong with them is said at once.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectograph.cli.console import (
    print_card,
    print_closing,
    print_exclusions,
    print_run_length,
    print_verdicts,
    show_download,
    show_progress,
)
from connectograph.cli.directed import RULES, evaluate_pairs, open_cases, refuse_pairs
from connectograph.cli.ids import read_ids
from connectograph.cli.volumes import dilation_of, reading_of, run_check, run_clean, run_contacts, run_convert
from connectograph.errors import RunStopped
from connectograph.evaluation.inputs import read_inputs
from connectograph.runs import RunsAhead
from connectograph.volumes import Volume

if TYPE_CHECKING:
    from connectograph.evaluation.card import Card
    from connectograph.evaluation.result import Evaluation
    from connectograph.evaluation.settings import Settings
    from connectograph.evaluation.skeletons import GivenSkeletons
    from connectograph.io.checkpoints import Checkpoints
    from connectograph.io.runs import Run

__all__ = [
    "run_check",
    "run_clean",
    "run_compare",
    "run_contacts",
    "run_convert",
    "run_demo",
    "run_download",
    "run_evaluate",
    "run_export",
    "run_report",
    "run_verify",
]


def run_demo(options: argparse.Namespace) -> int:
    """Generate a phantom, evaluate it as files, write the report."""
    from connectograph.evaluation.compiling import compile_aside, use_comparison_kernels
    from connectograph.evaluation.demo import write_phantom
    from connectograph.evaluation.settings import Settings

    with compile_aside():
        files, overwrite = write_phantom(options.out)
        use_comparison_kernels()
        volumes = read_inputs(files["segmentation"], None, files["predicted"], files["raw"])
        names = {role: volume.name for role, volume in volumes.items()}
        evaluation = _evaluate(volumes, Settings().checked(), names, reading={})
    evaluation.write(options.out, overwrite=overwrite, command=options.command_line)
    _print_result(evaluation.report, options.out)
    return 0


def run_evaluate(options: argparse.Namespace) -> int:
    """Evaluate volumes."""
    reading = {"voxel_size": options.voxel_size, **reading_of(options)}
    if _is_study(options):
        from connectograph.cli.study import evaluate_several

        traced = _open_skeletons(options)
        return evaluate_several(options, _read_settings(options), reading, _read_card(options), traced)
    if options.partner_rule in RULES:
        traced, settings, card = _open_skeletons(options), _read_settings(options), _read_card(options)
        cases = open_cases(options, settings, reading)
        task = (cases.files[0] | traced.files, settings.to_dict(), {**cases.reading, **traced.choices})
        return _evaluate_resumably(partial(evaluate_pairs, cases, options, traced), task, options, card)
    refuse_pairs(options)
    card = _read_card(options)
    predicted = options.predicted[0] if options.predicted else None
    others = (predicted, options.raw, options.predicted_segmentation)
    volumes = read_inputs(options.segmentation, options.truth, *others, **reading)
    volumes = _read_aside(volumes, options)
    settings, traced = _read_settings(options), _open_skeletons(options)
    names = {role: volume.name for role, volume in volumes.items()} | traced.files
    how: dict[str, Any] = {"reading": reading, "options": options, "skeletons": traced}
    task = (names, settings.to_dict(), {**reading, **traced.choices})
    return _evaluate_resumably(partial(_evaluate, volumes, settings, names, **how), task, options, card)


def _evaluate_resumably(
    evaluate: Callable[..., Evaluation],
    task: tuple[dict[str, str], dict[str, Any], dict[str, Any]],
    options: argparse.Namespace,
    card: Card | None,
) -> int:
    """Evaluate and finish; with --out in an open directory, where ``evaluate(checkpoints=...)`` keeps what it finds.

    `task` is what :func:`~connectograph.evaluation.resuming.describe_task` takes.
    """
    if options.out is None:
        return _finish(evaluate(), options, card)
    from connectograph.evaluation.resuming import describe_task, open_resumable, recall_finished

    described = describe_task(*task)
    finished = recall_finished(options.out, described) if options.resume else None
    if finished is not None:
        print(f"{options.out} holds this run, finished: nothing is computed again.")
        return _judge(finished, options)
    how = {"overwrite": options.overwrite, "resume": options.resume}
    with open_resumable(options.out, described, **how) as (run, checkpoints):
        return _finish(evaluate(checkpoints=checkpoints), options, card, run)


def run_compare(options: argparse.Namespace) -> int:
    """Compare edge tables, count matrices or graphs."""
    if options.max_memory is not None:
        from connectograph.cli.large import compare_large

        return compare_large(options)
    from connectograph.evaluation import compare_connectomes

    card = _read_card(options)
    if _is_study(options):
        from connectograph.cli.study import compare_several

        return compare_several(options, card)
    predicted = options.predicted[0]
    how: dict[str, Any] = {"directed": options.directed, "match": options.match, "types": options.types}
    how["proofread"] = None if options.proofread is None else read_ids(options.proofread, "--proofread")
    evaluation = compare_connectomes(options.truth, predicted, **how)
    return _finish(evaluation, options, card)


def run_report(options: argparse.Namespace) -> int:
    """Render a run's report again."""
    from connectograph.evaluation import render_run

    for path in render_run(options.directory, link_template=options.link_template):
        print(path)
    return 0


def run_verify(options: argparse.Namespace) -> int:
    """Recompute a run and name what differs."""
    from connectograph.evaluation import verify_run

    differences = verify_run(options.directory)
    for difference in differences:
        print(difference)
    if not differences:
        print(f"{options.directory}: every file is as written, and the recorded inputs give the same numbers.")
    return 1 if differences else 0


def run_export(options: argparse.Namespace) -> int:
    """Write a run for a viewer."""
    from connectograph.cli.export import export_for_viewer

    return export_for_viewer(options)


def run_download(options: argparse.Namespace) -> int:
    """Fetch a public volume."""
    from connectograph.io.downloads import download_cremi

    try:
        with show_download(f"CREMI sample {options.sample}") as progress:
            path = download_cremi(
                options.sample, out=options.out, padded=options.padded, mirror=options.mirror, progress=progress
            )
    except KeyboardInterrupt:
        raise RunStopped("Interrupted. What has arrived is kept: the same command goes on from there.") from None
    print(f"{path}: whole; its SHA-256 is in {path.name}.sha256")
    print(f"next: connectograph check {path}")
    return 0


def _read_settings(options: argparse.Namespace) -> Settings:
    from connectograph.evaluation.settings import Settings

    return Settings(
        **dilation_of(options),
        min_segment_voxels=options.min_segment_voxels,
        exclude_segments=tuple(read_ids(options.exclude_segments)),
        split_disconnected=options.split_disconnected,
        min_split_fraction=options.min_split_fraction,
        partner_rule=options.partner_rule,
        min_contact_voxels=options.min_contact_voxels,
        predicted_form=options.predicted_form,
        threshold=options.threshold,
        min_synapse_voxels=options.min_synapse_voxels,
        contactome=options.contactome,
        proofread=None if options.proofread is None else tuple(read_ids(options.proofread, "--proofread")),
    ).checked()


def _open_skeletons(options: argparse.Namespace) -> GivenSkeletons:
    """The skeletons that were asked for, read before anything is computed."""
    from connectograph.evaluation.skeletons import open_skeletons

    judged = {"predicted_segmentation": options.predicted_segmentation, "proofread": options.proofread}
    return open_skeletons(options.skeletons, options.swc_units, **judged)


def _is_study(options: argparse.Namespace) -> bool:
    """Whether there are several predictions, or one more for a study that is there."""
    extends = options.out is not None and not options.overwrite and (options.out / "study.json").is_file()
    return len(options.predicted or ()) > (0 if extends else 1)


def _evaluate(
    volumes: dict[str, Volume],
    settings: Settings,
    files: dict[str, Any],
    *,
    reading: dict[str, Any],
    options: argparse.Namespace | None = None,
    skeletons: GivenSkeletons | None = None,
    checkpoints: Checkpoints | None = None,
) -> Evaluation:
    """Evaluate with input cards, progress and notices."""
    from connectograph.blocks import open_engine, plan_memory
    from connectograph.evaluation.job import evaluate_volumes
    from connectograph.evaluation.skeletons import NO_SKELETONS

    for role, volume in volumes.items():
        print_card(role, volume)
    workers, engine, most = (options.workers, options.engine, options.max_memory) if options else (None, None, None)
    plan = plan_memory(volumes.values(), workers, engine, most)
    print(f"memory       {plan}")
    if any(isinstance(volume.labels, RunsAhead) for volume in volumes.values()):
        from connectograph.evaluation.compiling import use_comparison_kernels, use_contact_kernels

        use_contact_kernels()  # loaded while another process reads
        use_comparison_kernels()
    total = sum(math.prod(volume.shape) for role, volume in volumes.items() if role != "raw")
    with (
        show_progress(total, "evaluating") as progress,
        open_engine(engine, plan.workers, checkpoints=checkpoints, **plan.limits) as opened,
    ):
        how: dict[str, Any] = {"engine": opened, "progress": progress}
        return evaluate_volumes(volumes, settings, files, reading, skeletons=skeletons or NO_SKELETONS, **how)


def _read_aside(volumes: dict[str, Volume], options: argparse.Namespace) -> dict[str, Volume]:
    """The volumes, whose synapse labels another process reads if it was started."""
    from connectograph.evaluation.aside import read_runs_aside

    heat = options.threshold is not None or options.predicted_form == "heatmap"
    roles = ("truth",) if heat else ("truth", "predicted")
    chosen = {role: volumes[role] for role in roles if role in volumes}
    return {**volumes, **read_runs_aside(options.reader, chosen, reading_of(options))}


def _read_card(options: argparse.Namespace) -> Card | None:
    """The report card that was asked for, read before anything is computed."""
    if options.card is None:
        return None
    from connectograph.evaluation.card import read_card

    return read_card(None if options.card == "default" else options.card)


def _finish(evaluation: Evaluation, options: argparse.Namespace, card: Card | None, opened: Run | None = None) -> int:
    """Write, print, and judge by the report card and --fail-under."""
    if card is not None:
        from connectograph.evaluation.card import add_card

        evaluation = add_card(evaluation, card)
    if options.out is not None:
        from connectograph.evaluation.writing import write_evaluation

        reports, command = not options.no_report, options.command_line
        write_evaluation(
            evaluation, options.out, overwrite=options.overwrite, reports=reports, command=command, opened=opened
        )
    return _judge(evaluation.report, options)


def _judge(report: dict[str, Any], options: argparse.Namespace) -> int:
    """Print the result, and compare it with --fail-under."""
    _print_result(report, options.out)
    f1 = report["edges"]["f1"] if report["edges"] else None
    return 1 if options.fail_under is not None and (f1 is None or f1 < options.fail_under) else 0


def _print_result(report: dict[str, Any], out: Path | None) -> None:
    for notice in report["notices"]:
        print(f"note: {notice}")
    print_exclusions(report)
    print_run_length(report)
    print(report["verdict"])
    print_verdicts(report)
    if out is not None:
        shown = out / "report.html"
        print(f"written: {shown if shown.is_file() else out}")
    print_closing(report)
