"""A study on disk: one ordinary run directory for each prediction, and the ranking over them.

The folder's own run (``study.json``, ``study.html``, the record ``run.json``) has an identity: a digest of the shared
inputs and the settings. ``study.json`` names the runs before the first is written, so that what an interrupted study
leaves is known: finished runs are kept, unfinished ones are removed when the study goes on.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeAlias

from connectograph.errors import InputError
from connectograph.evaluation.content import undefined
from connectograph.evaluation.provenance import describe_machine
from connectograph.evaluation.ranking import SCHEMA, Entry, rank_entries
from connectograph.evaluation.result import Evaluation
from connectograph.evaluation.writing import digest_inputs, file_of, write_evaluation
from connectograph.io import split_path
from connectograph.io.files import dump_json, write_atomic
from connectograph.io.runs import Run, finish_run, open_run, place_file, read_run, remove_run
from connectograph.io.tables import read_table

__all__ = ["Place", "choose_names", "holds_study", "write_study"]

_RECORD, _CONTENT, _PAGE = "run.json", "study.json", "study.html"
_SHARED = ("segmentation", "truth", "truth_post", "predicted_segmentation", "skeletons", "match", "types")
_LONGEST_NAME = 60

_Inputs: TypeAlias = Mapping[str, Mapping[str, Any]]
_Key: TypeAlias = tuple[str, ...] | None
"""SHA-256 of a file and the dataset in it, of a pair of masks those of both; None of what was made in memory."""


@dataclass(frozen=True)
class Place:
    """Where a study is written, and how; see :meth:`connectograph.Evaluation.write`."""

    folder: Path
    overwrite: bool = False
    reports: bool = True
    command: Sequence[str] = ()


def write_study(
    files: Sequence[Mapping[str, str]],
    settings: Mapping[str, Any],
    evaluate: Callable[[Sequence[int]], Iterator[Evaluation]],
    place: Place,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Evaluate what a study does not hold yet, write it, and rank all of it.

    Parameters
    ----------
    files, settings, evaluate
        As in :class:`connectograph.evaluation.study.Task`.
    place : Place

    Returns
    -------
    report : dict
        study.json.
    kept : tuple of str
        Runs that were there already.

    Raises
    ------
    InputError
        If the folder holds something else, or a study of other inputs or settings.
    """
    inputs = _digest_files(files)
    identity = _identify(inputs[0], settings)
    kept = {} if place.overwrite else _find_runs(place.folder, identity, settings)
    missing = [k for k, each in enumerate(inputs) if _key_of(each) not in kept.values()]
    evaluations = evaluate(missing) if missing else iter(())
    first = list(islice(evaluations, 1))  # what is wrong with an input is said before anything is written
    listed = _list_runs(place.folder)
    gone = {name for name in listed if place.overwrite or not (place.folder / name / _RECORD).is_file()}
    resume = bool(identity) and not place.overwrite
    with open_run(place.folder, overwrite=place.overwrite, resume=resume, identity=identity) as run:
        for name in sorted(gone):
            remove_run(place.folder / name)
        there = {path.name for path in place.folder.iterdir()} - gone
        names = choose_names([files[k] for k in missing], taken=there | {_RECORD, _CONTENT, _PAGE})
        runs = [*kept, *names]
        write_atomic(place_file(run, _CONTENT), dump_json(_announce(runs)))
        for name, k, evaluation in zip(names, missing, chain(first, evaluations), strict=True):
            _write_member(place, name, evaluation, inputs[k], identity)
        report = rank_entries([_read_entry(place.folder / name) for name in runs])
        _finish(run, report, place, inputs[0])
    return report, tuple(kept)


def holds_study(folder: Path) -> bool:
    """Whether a directory holds a study, finished or not."""
    return (folder / _CONTENT).is_file()


def choose_names(files: Sequence[Mapping[str, str]], taken: Iterable[str] = ()) -> list[str]:
    """A directory name for each prediction, made of its file's name; each only once, also where case is ignored.

    Examples
    --------
    >>> choose_names([{"predicted": "a/new net.npy"}, {"predicted": "b/New_net.h5:x"}, {"predicted": ""}])
    ['new_net', 'New_net-2', 'prediction']
    """
    used, names = {name.casefold() for name in taken}, []
    for each in files:
        path = file_of(each["predicted"])
        stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", path.stem if path else "").lstrip(".-")[:_LONGEST_NAME]
        name, number = stem or "prediction", 1
        while name.casefold() in used:
            number += 1
            name = f"{stem or 'prediction'}-{number}"
        used.add(name.casefold())
        names.append(name)
    return names


def _digest_files(files: Sequence[Mapping[str, str]]) -> list[dict[str, dict[str, Any]]]:
    """Path, size and SHA-256 of every input; a file that several share is read once."""
    named = {f"{k} {role}": {"path": path} for k, each in enumerate(files) for role, path in each.items()}
    digests = digest_inputs(named)
    return [{role: digests[f"{k} {role}"] for role in each} for k, each in enumerate(files)]


def _identify(inputs: _Inputs, settings: Mapping[str, Any]) -> str:
    """Digest of what all predictions share; '' if a part of it was made in memory."""
    shared = {role: _key_of(inputs, role) for role in _SHARED if role in inputs}
    if None in shared.values():
        return ""
    return hashlib.sha256(json.dumps([shared, settings], sort_keys=True).encode()).hexdigest()


def _key_of(inputs: _Inputs, role: str = "predicted") -> _Key:
    """What an input is known by, wherever its file lies."""
    entries = [inputs.get(role, {}), *(inputs[other] for other in (f"{role}_post",) if other in inputs)]
    if not all(entry.get("sha256") for entry in entries):
        return None
    return tuple(word for entry in entries for word in (entry["sha256"], split_path(entry["path"])[1] or ""))


def _list_runs(folder: Path) -> list[str]:
    """Names of the runs of a study, finished or not; none if there is no study."""
    if not holds_study(folder):
        return []
    names = _read_json(folder / _CONTENT).get("runs")
    if not isinstance(names, list) or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise InputError(f"{folder / _CONTENT} does not list the runs of a study: choose another --out.")
    return names


def _read_json(file: Path) -> dict[str, Any]:
    """The content of a JSON file that a run holds."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read ({error}): make the run again.") from error
    return content if isinstance(content, dict) else {}


def _find_runs(folder: Path, identity: str, settings: Mapping[str, Any]) -> dict[str, _Key]:
    """The finished runs of a study by name; a folder of another is refused before anything is computed."""
    if (folder / _RECORD).is_file() and (not identity or read_run(folder).get("identity") != identity):
        raise InputError(_explain_refusal(folder, settings))
    finished = [name for name in _list_runs(folder) if (folder / name / _RECORD).is_file()]
    records = {name: read_run(folder / name) for name in finished}
    return {name: _key_of(each["inputs"]) for name, each in records.items() if each.get("identity") == identity}


def _explain_refusal(folder: Path, settings: Mapping[str, Any]) -> str:
    """Why a study cannot go on with what a folder holds."""
    fix = "pass --overwrite to replace it, or choose another --out."
    if not holds_study(folder):
        return f"{folder} holds a run, not a study of several predictions: {fix}"
    there = _read_json(folder / _CONTENT).get("settings") or {}
    now: dict[str, Any] = json.loads(dump_json(settings))
    changed = [f"{key} is {now[key]}, there {there[key]}" for key in now if key in there and now[key] != there[key]]
    what = "; ".join(changed) or "the segmentation, the truth, or how they are read or judged, is not the same"
    return f"{folder} holds a study of other inputs or settings ({what}): {fix}"


def _announce(runs: Sequence[str]) -> dict[str, Any]:
    """What study.json says until all runs are written."""
    return {"schema": SCHEMA, "runs": list(runs), **undefined("ranking", "the study is not finished")}


def _write_member(place: Place, name: str, evaluation: Evaluation, inputs: _Inputs, identity: str) -> None:
    """One prediction's own run directory."""
    described = {role: {**entry, **inputs.get(role, {})} for role, entry in evaluation.run["inputs"].items()}
    write_evaluation(
        replace(evaluation, run={**evaluation.run, "inputs": described}),
        place.folder / name,
        overwrite=False,
        reports=place.reports,
        command=place.command,
        identity=identity,
    )


def _read_entry(folder: Path) -> Entry:
    """What a ranking needs of a run directory."""
    truth, predicted = (read_table(folder / "tables" / f"edges_{side}.parquet") for side in ("truth", "predicted"))
    return Entry(folder.name, _read_json(folder / "report.json"), truth, predicted)


def _finish(run: Run, report: dict[str, Any], place: Place, inputs: _Inputs) -> None:
    """The ranking as JSON and as a page, and the record."""
    shared = {role: inputs[role] for role in _SHARED if role in inputs}
    record = {"name": place.folder.name, "command": list(place.command), "inputs": shared, **describe_machine()}
    write_atomic(place_file(run, _CONTENT), dump_json(report))
    if place.reports or _PAGE in run.earlier:
        from connectograph.report import render_study

        write_atomic(place_file(run, _PAGE), render_study(report, record))
    finish_run(run, record)
