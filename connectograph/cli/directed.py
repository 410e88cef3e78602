"""Directed synapses on the command line: evaluated, and shown as input cards."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectograph.cli.console import print_card, show_progress
from connectograph.errors import InputError
from connectograph.io.sources import format_of, split_path
from connectograph.volumes import Volume

if TYPE_CHECKING:
    from connectograph.evaluation.cases import Cases
    from connectograph.evaluation.result import Evaluation
    from connectograph.evaluation.settings import Settings
    from connectograph.evaluation.skeletons import GivenSkeletons
    from connectograph.io.checkpoints import Checkpoints
    from connectograph.io.points import SynapsePoints

__all__ = ["RULES", "evaluate_pairs", "evaluate_shown", "open_cases", "refuse_pairs", "show_points"]

RULES = ("partners", "pre-post")
"""The directed rules, known without loading what applies them."""

_VARYING = ("predicted", "predicted_post")
"""What several predictions differ in."""


def evaluate_pairs(
    cases: Cases, options: argparse.Namespace, skeletons: GivenSkeletons, checkpoints: Checkpoints | None = None
) -> Evaluation:
    """Evaluate points or presynaptic and postsynaptic masks, with input cards and progress."""
    return next(evaluate_shown(cases, options, skeletons, checkpoints))


def open_cases(options: argparse.Namespace, settings: Settings, reading: dict[str, Any]) -> Cases:
    """The inputs of all predictions, checked to be of the chosen partner rule."""
    from connectograph.evaluation.cases import read_cases
    from connectograph.evaluation.directed_inputs import join_pairs

    if settings.partner_rule != "pre-post":
        refuse_pairs(options, "the rule 'pre-post'")
    if settings.partner_rule in RULES:
        reading = {**reading, "point_resolution": options.point_resolution}
    roles = ("segmentation", "truth", "truth_post", "raw", "predicted_segmentation")
    shared = {"truth": None, **join_pairs({role: getattr(options, role) for role in roles})}
    return read_cases(shared, _pair_predictions(options) or [None], settings, reading)


def evaluate_shown(
    cases: Cases, options: argparse.Namespace, skeletons: GivenSkeletons, checkpoints: Checkpoints | None = None
) -> Iterator[Evaluation]:
    """Evaluate all, with input cards and progress."""
    from connectograph.blocks import open_engine, plan_memory

    shown = list(cases.inputs[0].items())
    shown += [(role, each) for inputs in cases.inputs[1:] for role, each in inputs.items() if role in _VARYING]
    for role, each in shown:
        if isinstance(each, Volume):
            print_card(role, each)
        else:
            print_points(role, each)
    plan = plan_memory(cases.volumes, options.workers, options.engine, options.max_memory)
    print(f"memory       {plan}")
    passes = {"segmentation": 1, "predicted_segmentation": 2}  # alone, and together with the true one
    if cases.settings.partner_rule not in RULES:
        passes |= {"truth": 1, "predicted": 1}
    total = sum(passes[role] * math.prod(each.shape) for role, each in shown if role in passes)
    with (
        show_progress(total, "evaluating") as progress,
        open_engine(options.engine, plan.workers, checkpoints=checkpoints, **plan.limits) as opened,
    ):
        yield from cases.evaluate(skeletons=skeletons, engine=opened, progress=progress)


def _pair_predictions(options: argparse.Namespace) -> list[Any]:
    """Each prediction: a file, or its presynaptic and its postsynaptic mask."""
    given, post = options.predicted or [], options.predicted_post
    if not post:
        return list(given)
    if len(given) != len(post):
        raise InputError(
            f"--predicted names {len(given)} presynaptic masks and --predicted-post {len(post)} postsynaptic "
            "ones: name one of each for every prediction, in the same order."
        )
    return list(zip(given, post, strict=True))


def refuse_pairs(options: argparse.Namespace, rule: str = "a directed --partner-rule") -> None:
    """Refuse options that are for another rule, so that none is left out in silence."""
    for option in ("truth_post", "predicted_post"):
        if getattr(options, option) is not None:
            name = "--" + option.replace("_", "-")
            raise InputError(f"{name} names a postsynaptic mask: it goes with {rule}; found {options.partner_rule!r}.")


def show_points(name: str) -> bool:
    """Print the input card of annotations or a table of points; whether the file holds nothing else."""
    from connectograph.io._columns import BINARY_SUFFIXES, TEXT_SUFFIXES
    from connectograph.io.annotations import holds_annotations
    from connectograph.io.points import read_points

    path = split_path(name)[0]
    if Path(path).suffix.lower() in TEXT_SUFFIXES + BINARY_SUFFIXES:
        print_points("points", read_points(path, resolution=(1.0, 1.0, 1.0)))
        return True
    if format_of(path) == "HDF5" and path == name and Path(path).is_file() and holds_annotations(path):
        print_points("annotations", read_points(path))
        return not _holds_volumes(path)
    return False


def print_points(role: str, points: SynapsePoints) -> None:
    """What a file of points is."""
    table, lone = points.table, len(points.lone_sites)
    sites = f"{table['pre_site_id'].nunique():,} presynaptic and {table['post_site_id'].nunique():,} postsynaptic sites"
    given = " and ".join(
        word for word, has in (("positions", points.has_positions), ("segments", points.has_segments)) if has
    )
    print(f"{role:<13}{points.name or 'in memory'}")
    print(f"{'':13}{len(table):,} synapses of {sites}; {lone:,} sites without a partner")
    print(f"{'':13}has {given}; {'; '.join(points.assumed)}")


def _holds_volumes(path: str) -> bool:
    from connectograph.io.hdf5_access import list_datasets, open_hdf5

    file, _ = open_hdf5(path)
    with file:
        return any(len(shape) == 3 for _, shape, _ in list_datasets(file))
