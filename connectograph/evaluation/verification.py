"""A run directory read again: its report rendered anew, its numbers recomputed from the recorded inputs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from connectograph.errors import InputError
from connectograph.evaluation.comparison import compare_connectomes
from connectograph.evaluation.directed import evaluate_directed
from connectograph.evaluation.directed_inputs import join_pairs, read_directed
from connectograph.evaluation.inputs import read_inputs
from connectograph.evaluation.job import evaluate_volumes
from connectograph.evaluation.rendering import read_contents, read_report, render_reports
from connectograph.evaluation.result import Evaluation
from connectograph.evaluation.settings import Settings
from connectograph.evaluation.skeletons import open_skeletons
from connectograph.evaluation.writing import file_of
from connectograph.io.files import digest_store, dump_json, write_atomic
from connectograph.io.runs import place_file, read_run, revise_run, verify_manifest
from connectograph.io.sources import is_url
from connectograph.io.tables import read_table
from connectograph.partners import DIRECTED_RULES
from connectograph.viewers import link_report

__all__ = ["render_run", "verify_run"]


def render_run(directory: str | Path, *, link_template: str | None = None) -> list[Path]:
    """Render PDF, HTML and figures of a run again, from what its directory holds.

    Parameters
    ----------
    directory : str or Path
        A run directory.
    link_template : str, optional
        Address of an error in a viewer, for every error that the report lists: see
        :func:`connectograph.viewers.check_template`.

    Returns
    -------
    list of pathlib.Path
        The files written.

    Raises
    ------
    InputError
        If the directory holds no finished run.
    """
    folder, record = Path(directory), read_run(directory)
    contents = read_contents(folder, record)
    if link_template is not None:
        contents = replace(contents, report=link_report(contents.report, contents.tables, link_template))
    rendered = render_reports(contents)
    with revise_run(folder) as run:
        for name, data in rendered.items():
            write_atomic(place_file(run, name), data)
    return [folder / name for name in rendered]


def verify_run(directory: str | Path) -> list[str]:
    """Recompute a run from the inputs recorded in it, and name what differs.

    Parameters
    ----------
    directory : str or Path
        A run directory.

    Returns
    -------
    list of str
        One sentence a difference (inputs, files, numbers); empty if all is as recorded.

    Raises
    ------
    InputError
        If the directory holds no finished run, or an input is gone or was made in memory.
    """
    folder, record = Path(directory), read_run(directory)
    differences = [f"{name}: {verdict}" for name, verdict in verify_manifest(folder).items()]
    differences += _compare_inputs(record["inputs"])
    report, again = read_report(folder), _recompute(folder, record)
    if report.get("card"):
        from connectograph.evaluation.card import add_card, recall_card

        again = add_card(again, recall_card(report["card"]))
    differences += _compare_values(report, json.loads(dump_json(again.report)), "report.json")
    for name, table in again.tables.items():
        file = folder / "tables" / f"{name}.parquet"
        if file.is_file() and not read_table(file).equals(table):
            differences.append(f"tables/{name}.parquet: differs from the recomputed table")
    return differences


def _compare_inputs(inputs: dict[str, Any]) -> list[str]:
    """Inputs whose bytes are no longer those that were read."""
    differences = []
    for role, entry in inputs.items():
        path = file_of(entry["path"])
        if path is None:
            raise InputError(f"The {role} of this run was made in memory, not read from a file: it cannot be verified.")
        if is_url(entry["path"]):
            continue  # no digest was taken
        if not path.exists():
            raise InputError(f"The {role} of this run, {path}, is gone; it is needed to recompute the numbers.")
        if digest_store(path)[1] != entry["sha256"]:
            differences.append(f"{entry['path']}: the {role} has changed since the run (another SHA-256)")
    return differences


def _recompute(folder: Path, record: dict[str, Any]) -> Evaluation:
    """The evaluation of the recorded inputs with the recorded settings."""
    paths = {role: entry["path"] for role, entry in record["inputs"].items()}
    settings = read_report(folder)["settings"]
    if "segmentation" not in paths:
        ids = settings.get("proofread")
        how: dict[str, Any] = {"directed": settings["directed"], "match": paths.get("match")}
        how["types"] = paths.get("types")
        how["proofread"] = None if ids is None else [int(i) for i in ids]
        return compare_connectomes(paths["truth"], paths["predicted"], **how)
    reading = record["reading"]
    units = record["inputs"].get("skeletons", {}).get("units")
    traced = open_skeletons(
        paths.pop("skeletons", None), units, predicted_segmentation=paths.get("predicted_segmentation")
    )
    if settings["partner_rule"] in DIRECTED_RULES:
        sources, chosen = join_pairs(paths), Settings.from_dict(settings)
        inputs = read_directed(**{"predicted": None, **sources}, partner_rule=chosen.partner_rule, **reading)
        return next(evaluate_directed([inputs], chosen, [sources], reading, skeletons=traced))
    others = [paths.get(role) for role in ("predicted", "raw", "predicted_segmentation")]
    volumes = read_inputs(paths["segmentation"], paths["truth"], *others, **reading)
    return evaluate_volumes(volumes, Settings.from_dict(settings), paths, reading, skeletons=traced)


def _compare_values(recorded: Any, recomputed: Any, where: str) -> list[str]:
    """Every place where two JSON values differ."""
    if isinstance(recorded, dict) and isinstance(recomputed, dict):
        return [
            difference
            for key in sorted({*recorded, *recomputed})
            for difference in _compare_values(recorded.get(key), recomputed.get(key), f"{where}: {key}")
        ]
    if recorded == recomputed:
        return []
    return [f"{where} is {json.dumps(recorded)}, recomputed {json.dumps(recomputed)}"]
