"""Directed synapses on the command line: evaluated, and shown as input cards."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectograph.cli.console import print_card, show_progress
from connectograph.errors import InputError
from connectograph.io.sources import format_of, split_path

if TYPE_CHECKING:
    from connectograph.evaluation.result import Evaluation
    from connectograph.evaluation.settings import Settings
    from connectograph.io.points import SynapsePoints

__all__ = ["RULES", "evaluate_pairs", "refuse_pairs", "show_points"]

RULES = ("partners", "pre-post")
"""The directed rules, known without loading what applies them."""


def evaluate_pairs(options: argparse.Namespace, settings: Settings, reading: dict[str, Any]) -> Evaluation:
    """Evaluate points or presynaptic and postsynaptic masks, with input cards and progress."""
    from connectograph.evaluation.directed import evaluate_sources
    from connectograph.evaluation.directed_inputs import join_pairs, read_directed
    from connectograph.io.points import SynapsePoints

    if settings.partner_rule == "partners":
        refuse_pairs(options, "the rule 'pre-post'")
    named = {
        "segmentation": options.segmentation,
        "truth": options.truth,
        "truth_post": options.truth_post,
        "predicted": options.predicted[0] if options.predicted else None,
        "predicted_post": options.predicted_post,
        "raw": options.raw,
    }
    sources = join_pairs(named)
    reading = {**reading, "point_resolution": options.point_resolution}
    inputs = read_directed(**sources, partner_rule=settings.partner_rule, **reading)
    total = 0
    for role, each in inputs.items():
        if isinstance(each, SynapsePoints):
            print_points(role, each)
        else:
            print_card(role, each)
            total += math.prod(each.shape) if role == "segmentation" else 0
    how = {"inputs": inputs, "workers": options.workers}
    with show_progress(total, "evaluating") as progress:
        return evaluate_sources(sources, settings, reading, progress=progress, **how)


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
