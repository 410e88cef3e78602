"""Several predictions of one truth: evaluated alike, ranked, and kept as a study on disk that can be extended.

A study directory holds ``study.json`` and ``study.html``, its record ``run.json``, and one ordinary run directory for
each prediction. Its identity is that of the shared inputs and the settings; a prediction is known by the SHA-256 of its
file, so that one that is there already is not evaluated again.

Functions: :func:`evaluate_many` (volumes), :func:`compare_many` (edge tables, count matrices, graphs).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from connectograph._notebook import show_rows
from connectograph.blocks import EngineLike
from connectograph.errors import InputError
from connectograph.evaluation.cases import NO_CASE, Cases, read_cases
from connectograph.evaluation.comparison import Connectome, compare_cases, describe_choices
from connectograph.evaluation.inputs import Source
from connectograph.evaluation.job import Progress
from connectograph.evaluation.ranking import enter_evaluation, rank_entries
from connectograph.evaluation.result import Evaluation
from connectograph.evaluation.settings import Settings
from connectograph.evaluation.skeletons import GivenSkeletons, SkeletonSource, open_skeletons
from connectograph.evaluation.study_folder import Place, choose_names, write_study
from connectograph.partners import DIRECTED_RULES
from connectograph.volumes import Triple

__all__ = ["Study", "Task", "compare_many", "conduct_study", "describe_cases", "evaluate_many"]

Evaluate: TypeAlias = Callable[[Sequence[int]], Iterator[Evaluation]]


@dataclass(frozen=True, eq=False)
class Study:
    """Several predictions of one truth, ranked by the F1 of their edges.

    Attributes
    ----------
    report : dict
        What ``study.json`` holds: "verdict", "ranking" (best first), settings, inputs.
    kept : tuple of str
        Runs of the study that were there already and were not evaluated again.

    Examples
    --------
    >>> import networkx as nx
    >>> truth = nx.path_graph([1, 2, 3, 4])
    >>> study = compare_many(truth, [nx.path_graph([1, 2, 3]), truth])
    >>> study.best["name"], study.table[["name", "f1"]].values.tolist()
    ('prediction-2', [['prediction-2', 1.0], ['prediction', 0.8]])
    """

    report: dict[str, Any]
    kept: tuple[str, ...] = ()

    @property
    def best(self) -> dict[str, Any]:
        """The first row of the ranking."""
        row: dict[str, Any] = self.report["ranking"][0]
        return row

    @property
    def table(self) -> pd.DataFrame:
        """The ranking: rank, name, counts and scores, F1 minus the best F1 with its p-value; NaN where undefined."""
        columns = ("rank", "name", "tp", "fp", "fn", "precision", "recall", "f1")
        rows = []
        for row in self.report["ranking"]:
            gap = (row["difference"] or {}).get("f1", {})
            last = {"f1_difference": gap.get("value"), "p_value": gap.get("p_value")}
            rows.append({**{name: row[name] for name in columns}, **last})
        numbers = ("precision", "recall", "f1", "f1_difference", "p_value")
        return pd.DataFrame(rows).astype(dict.fromkeys(numbers, "float64"))

    def _repr_html_(self) -> str:
        rows = [{str(name): value for name, value in row.items()} for row in self.table.to_dict("records")]
        return show_rows(self.report["verdict"], rows)


@dataclass(frozen=True, eq=False)
class Task:
    """Predictions to be judged alike.

    Attributes
    ----------
    files : sequence of dict
        Of each prediction, the files of its inputs by role; '' for one made in memory.
    settings : dict
        What decides the result besides the inputs.
    evaluate : callable
        Evaluates the predictions of the given numbers, in order.
    """

    files: Sequence[Mapping[str, str]]
    settings: Mapping[str, Any]
    evaluate: Evaluate


def evaluate_many(
    segmentation: Source,
    truth: Any,
    predicted: Iterable[Any],
    *,
    predicted_segmentation: Source | None = None,
    skeletons: SkeletonSource | None = None,
    swc_units: str | Triple | None = None,
    raw: Source | None = None,
    directory: str | Path | None = None,
    overwrite: bool = False,
    reports: bool = True,
    axes: str = "zyx",
    voxel_size: Triple | None = None,
    allow_missing_chunks: bool = False,
    point_resolution: Triple | None = None,
    workers: int | None = None,
    engine: EngineLike = "threads",
    progress: Progress | None = None,
    **settings: Any,
) -> Study:
    """Evaluate several synapse predictions of one truth and rank them; what they share is read once.

    Parameters
    ----------
    segmentation : path or Volume
    truth : path or Volume, or None
        None: the clefts in the segmentation's CREMI file. With a directed partner rule points or masks.
    predicted : iterable of paths or Volumes
        At least one; each is named after its file. With a directed partner rule points or masks.
    predicted_segmentation : path or Volume, optional
        Of all predictions; see :func:`connectograph.evaluate`.
    skeletons, swc_units
        As in :func:`connectograph.evaluate`.
    raw : path or Volume, optional
    directory : str or Path, optional
        Where to write the study. One that holds a study of the same truth and settings is extended: predictions that
        are there already are not evaluated again.
    overwrite : bool
        Replace what `directory` holds.
    reports : bool
        Whether to render the PDF and HTML of every run.
    axes, voxel_size, allow_missing_chunks, point_resolution, workers, engine, progress
        As in :func:`connectograph.evaluate`.
    settings
        The other options of :func:`connectograph.evaluate`, the same for all predictions.

    Returns
    -------
    Study

    Raises
    ------
    InputError
        If an input cannot be read, the inputs do not fit together, or `directory` holds something else.

    Examples
    --------
    >>> import connectograph as cg
    >>> phantom = cg.synthetic.make_phantom("small", rng=0)
    >>> study = evaluate_many(phantom.segmentation, phantom.truth, [phantom.predicted, phantom.truth])
    >>> study.table["f1"].round(3).tolist()[0]
    1.0
    """
    chosen = Settings(**settings).checked()
    limits = {"predicted_segmentation": predicted_segmentation, "proofread": chosen.proofread}
    traced = open_skeletons(skeletons, swc_units, **limits)
    reading = {"axes": axes, "voxel_size": voxel_size, "allow_missing_chunks": allow_missing_chunks}
    if chosen.partner_rule in DIRECTED_RULES:
        reading["point_resolution"] = point_resolution
    shared = {"segmentation": segmentation, "truth": truth, "raw": raw}
    shared["predicted_segmentation"] = predicted_segmentation
    cases = read_cases(shared, list(predicted), chosen, reading)
    how: dict[str, Any] = {"skeletons": traced, "workers": workers, "engine": engine, "progress": progress}
    task = describe_cases(cases, traced, lambda numbers: cases.choose(numbers).evaluate(**how))
    return conduct_study(task, None if directory is None else Place(Path(directory), overwrite, reports))


def describe_cases(cases: Cases, skeletons: GivenSkeletons, evaluate: Evaluate) -> Task:
    """The task of evaluating volumes; `evaluate` as in :class:`Task`."""
    settings = {**cases.settings.to_dict(), **cases.reading, **skeletons.choices}
    return Task([{**each, **skeletons.files} for each in cases.files], settings, evaluate)


def compare_many(
    truth: Connectome,
    predicted: Iterable[Connectome],
    *,
    directed: bool = False,
    match: str | Path | pd.DataFrame | None = None,
    proofread: Iterable[int] | None = None,
    types: str | Path | pd.DataFrame | None = None,
    directory: str | Path | None = None,
    overwrite: bool = False,
    reports: bool = True,
) -> Study:
    """Compare several predicted connectomes with one truth and rank them, without volumes.

    Parameters
    ----------
    truth : path, edge table or networkx graph
    predicted : iterable of the same
        At least one.
    directed, match, proofread, types
        As in :func:`connectograph.compare_connectomes`.
    directory, overwrite, reports
        As in :func:`evaluate_many`.

    Returns
    -------
    Study

    Raises
    ------
    InputError
        If a file cannot be read, some graphs are directed and others not, or `directory` holds something else.

    Examples
    --------
    >>> import networkx as nx
    >>> truth = nx.path_graph([1, 2, 3, 4])
    >>> compare_many(truth, [nx.path_graph([1, 2, 3]), truth]).best["f1"]
    1.0
    """
    predictions, ids = list(predicted), None if proofread is None else list(proofread)
    given = {"truth": truth, "match": match, "types": types}
    shared = {role: source for role, source in given.items() if source is not None}
    how: dict[str, Any] = {"directed": directed, "match": match, "proofread": ids, "types": types}
    files = [{role: _path_of(source) for role, source in {**shared, "predicted": each}.items()} for each in predictions]

    def compare(numbers: Sequence[int]) -> Iterator[Evaluation]:
        return compare_cases(truth, [predictions[k] for k in numbers], **how)

    task = Task(files, describe_choices(**how), compare)
    return conduct_study(task, None if directory is None else Place(Path(directory), overwrite, reports))


def conduct_study(task: Task, place: Place | None) -> Study:
    """Evaluate, rank and, if there is a place, write; see :func:`evaluate_many`."""
    if not task.files:
        raise InputError(NO_CASE)
    if place is not None:
        return Study(*write_study(task.files, task.settings, task.evaluate, place))
    names = choose_names(task.files)
    evaluations = task.evaluate(range(len(task.files)))
    return Study(rank_entries([enter_evaluation(name, each) for name, each in zip(names, evaluations, strict=True)]))


def _path_of(source: Any) -> str:
    return str(source) if isinstance(source, (str, Path)) else ""
