"""The whole job: volumes in, Evaluation out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.blocks import default_workers
from connectograph.compare import EdgeScore, compare_edges
from connectograph.compare.edges import describe_outcomes
from connectograph.contacts import dilation_offsets, find_contacts, scan_segmentation
from connectograph.contacts.synapse_contacts import SynapseNeighbours, keep_contacts
from connectograph.errors import InputError
from connectograph.evaluation import content
from connectograph.evaluation.attribution import explain_errors, leave_out_causes
from connectograph.evaluation.attribution_own import explain_own_errors
from connectograph.evaluation.matches import match_sides, measure_distances
from connectograph.evaluation.measures import (
    MEASURE_SETTINGS,
    describe_intervals,
    leave_out_measures,
    measure_connectomes,
)
from connectograph.evaluation.provenance import describe_files
from connectograph.evaluation.result import Evaluation
from connectograph.evaluation.segmentations import (
    OwnSegmentation,
    describe_own_inputs,
    describe_segmentations,
    read_own_segmentation,
    refuse_directed,
)
from connectograph.evaluation.settings import Settings
from connectograph.evaluation.sides import (
    NO_PREDICTION,
    Side,
    collect_notices,
    count_excluded,
    describe_inputs,
    score_strictly,
)
from connectograph.graphs import align, build_edges
from connectograph.io import read_volume, split_path
from connectograph.partners import DIRECTED_RULES, assign_partners, attach_synapses
from connectograph.report import write_verdict
from connectograph.segments import kept_ids, mark_split_off, select_segments, split_segments
from connectograph.synapses import Synapses, label_synapses, measure_synapses
from connectograph.volumes import Triple, Volume, check_same_grid

__all__ = ["evaluate"]

Source = str | Path | Volume
Progress = Callable[[int], object]


@dataclass(frozen=True, eq=False)
class Scores:
    """What comparing both sides gave: scores (None without a prediction), and blocks of report.json."""

    edges: EdgeScore | None
    strict: EdgeScore | None
    blocks: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Survey:
    """What all predictions of one truth share, and the neighbours of each prediction's synapses."""

    segments: pd.DataFrame
    pieces: pd.DataFrame | None
    tables: dict[str, pd.DataFrame]
    truth: Side
    predicted: list[SynapseNeighbours]
    own: OwnSegmentation | None = None


def evaluate(
    segmentation: Source,
    *,
    truth: Any = None,
    predicted: Any = None,
    predicted_segmentation: Source | None = None,
    raw: Source | None = None,
    dilation: int | None = 1,
    dilation_nm: float | None = None,
    min_segment_voxels: int = 0,
    exclude_segments: Iterable[int] = (),
    split_disconnected: bool = False,
    min_split_fraction: float = 0.1,
    partner_rule: str = "all-pairs",
    min_contact_voxels: int = 1,
    predicted_form: str | None = None,
    threshold: float | None = None,
    min_synapse_voxels: int = 1,
    contactome: bool = False,
    axes: str = "zyx",
    voxel_size: Triple | None = None,
    point_resolution: Triple | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score a synapse prediction by the connections it implies.

    Parameters
    ----------
    segmentation : path or Volume
        Neuron labels (z, y, x). A path may name a dataset: ``FILE:DATASET``; a CREMI file needs none.
    truth : path or Volume, optional
        True synapses: instance labels, or a boolean mask. By default the clefts in the segmentation's CREMI file. For
        directed synapses (see `partner_rule`) points or masks.
    predicted : path or Volume, optional
        Predicted synapses: labels, a mask, or a heat map (with `threshold`). Without it only the truth is assembled.
    predicted_segmentation : path or Volume, optional
        Neuron labels in which the predicted synapses are read, if not the true ones: its segments are matched with
        those of `segmentation`.
    raw : path or Volume, optional
        Electron microscopy, shown in the report.
    dilation : int, optional
        How far segments reach into a cleft, in voxels: z grows by 1, y and x by `dilation`; 0: not at all.
    dilation_nm : float, optional
        Instead of `dilation`, a radius in nm.
    min_segment_voxels : int
        Smaller segments are no nodes.
    exclude_segments : iterable of int
        Segments that are no neurons.
    split_disconnected : bool
        Split segments into their 26-connected components first.
    min_split_fraction : float
        Share of its segment that a split component needs to become a segment of its own.
    partner_rule : {"all-pairs", "top-pair", "partners", "pre-post"}
        Which contacts of a synapse are links. "partners" and "pre-post" are directed: "partners" takes CREMI
        annotations or tables of points (:func:`connectograph.read_points`) as truth and prediction, "pre-post" masks:
        a pair of volumes (presynaptic, postsynaptic sites), or one volume with odd ids presynaptic and even ids
        postsynaptic; sites that touch within the dilation are partners.
    min_contact_voxels : int
        Voxels that a contact needs to become a link.
    predicted_form : {"labels", "mask", "heatmap"}, optional
        What the prediction holds, if it is not to be judged from its values.
    threshold : float, optional
        Of a heat map, in stored units.
    min_synapse_voxels : int
        Smaller predicted synapses are left out; the truth is never filtered by size.
    contactome : bool
        Also list all contacts between segments.
    axes : {"zyx", "xyz"}
        Order in which the files store the axes.
    voxel_size : tuple of 3 floats, optional
        (z, y, x) in nm, instead of the files' own.
    point_resolution : tuple of 3 floats, optional
        (z, y, x) in nm: unit of the positions in tables of points that do not say it.
    workers : int, optional
        Threads; by default the CPUs this process may use.
    progress : callable, optional
        Called with the number of voxels of each finished block.

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        If an input cannot be read, or the inputs do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> segmentation = Volume(np.array([[[1, 1, 2, 2, 3, 3]]], "uint64"), voxel_size=(40, 4, 4))
    >>> truth = Volume(np.array([[[0, 5, 5, 0, 0, 0]]], "uint64"), voxel_size=(40, 4, 4))
    >>> predicted = Volume(np.array([[[0, 0, 0, 8, 8, 0]]], "uint64"), voxel_size=(40, 4, 4))
    >>> evaluate(segmentation, truth=truth, predicted=predicted).edges
    EdgeScore(tp=0, fp=1, fn=1)
    """
    settings = Settings(
        dilation, dilation_nm, min_segment_voxels, tuple(exclude_segments), split_disconnected, min_split_fraction,
        partner_rule, min_contact_voxels, predicted_form, threshold, min_synapse_voxels, contactome,
    ).checked()  # fmt: skip
    if settings.partner_rule in DIRECTED_RULES:
        from connectograph.evaluation.directed import evaluate_sources

        refuse_directed(predicted_segmentation)
        sources = {"segmentation": segmentation, "truth": truth, "predicted": predicted, "raw": raw}
        reading = {"axes": axes, "voxel_size": voxel_size, "point_resolution": point_resolution}
        return evaluate_sources(sources, settings, reading, workers=workers, progress=progress)
    volumes = read_inputs(segmentation, truth, predicted, raw, predicted_segmentation, axes=axes, voxel_size=voxel_size)
    given = {"segmentation": segmentation, "truth": truth, "predicted": predicted, "raw": raw}
    given["predicted_segmentation"] = predicted_segmentation
    files = {role: volume.name for role, volume in volumes.items() if not isinstance(given[role], Volume)}
    reading = {"axes": axes, "voxel_size": voxel_size}
    return evaluate_volumes(volumes, settings, files, reading, workers=workers, progress=progress)


def read_inputs(
    segmentation: Source,
    truth: Source | None,
    predicted: Source | None,
    raw: Source | None = None,
    predicted_segmentation: Source | None = None,
    *,
    axes: str = "zyx",
    voxel_size: Triple | None = None,
) -> dict[str, Volume]:
    """Open the volumes of an evaluation and check that they lie on the same grid.

    Returns
    -------
    dict of str to Volume
        "segmentation", "truth", and, if given, "predicted", "raw", "predicted_segmentation".

    Raises
    ------
    InputError
        If one cannot be opened, or they do not fit together.
    """
    if predicted_segmentation is not None and predicted is None:
        raise InputError(
            "A predicted segmentation was given without predicted synapses: pass --predicted (predicted=...) too; the "
            "true clefts will do to judge the segmentation alone."
        )
    if truth is None:
        truth = _clefts_beside(segmentation)
    read = partial(read_volume, axes=axes, voxel_size=voxel_size)
    volumes = {"segmentation": read(segmentation, role="segmentation")}
    for role, source in (("truth", truth), ("predicted", predicted), ("raw", raw)):
        if source is not None:
            volumes[role] = read(source, role=role, like=volumes["segmentation"])
            check_same_grid(volumes["segmentation"], volumes[role])
    if predicted_segmentation is not None:
        own = read(predicted_segmentation, role="segmentation", like=volumes["segmentation"])
        check_same_grid(volumes["segmentation"], own)
        volumes["predicted_segmentation"] = own
    return volumes


def evaluate_volumes(
    volumes: dict[str, Volume],
    settings: Settings,
    files: dict[str, str],
    reading: dict[str, Any],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate volumes that are open already.

    Parameters
    ----------
    volumes : dict of str to Volume
        From :func:`read_inputs`.
    settings : Settings
    files : dict of str to str
        The file (``FILE:DATASET``) of each volume that has one.
    reading : dict
        The options that the files were read with, kept for ``connectograph verify``.
    workers, progress
        As in :func:`evaluate`.

    Returns
    -------
    Evaluation
    """
    return next(evaluate_cases([volumes], settings, [files], reading, workers=workers, progress=progress))


def evaluate_cases(
    cases: Sequence[dict[str, Volume]],
    settings: Settings,
    files: Sequence[dict[str, str]],
    reading: dict[str, Any],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Evaluation]:
    """Evaluate several predictions of one truth; what they share is read and scanned once.

    Parameters
    ----------
    cases : sequence of dict
        The volumes of each evaluation, at least one; they differ in "predicted" only.
    settings, reading, workers, progress
        As in :func:`evaluate_volumes`.
    files : sequence of dict
        Of each case.

    Yields
    ------
    Evaluation
        Of each case. All volumes are read before the first: what is wrong with one of them is said by then.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    synapses = _read_synapses(cases, settings, workers, progress)
    survey = _survey(cases[0], synapses, settings, workers, progress)
    predictions: list[SynapseNeighbours | None] = [*survey.predicted] or [None]
    shared = time.perf_counter() - clock
    for volumes, names, predicted in zip(cases, files, predictions, strict=True):
        clock = time.perf_counter()
        evaluation = _conclude(volumes, settings, survey, predicted)
        run = {
            "inputs": describe_files(volumes, names),
            "reading": reading,
            "engine": "threads",
            "workers": workers or default_workers(),
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(shared + time.perf_counter() - clock, 3),
        }
        yield replace(evaluation, run=run)


def _survey(
    volumes: dict[str, Volume],
    synapses: list[Synapses],
    settings: Settings,
    workers: int | None,
    progress: Progress | None,
) -> Survey:
    """Segments, contacts and the neighbours of all synapses, from one pass over each segmentation."""
    segmentation, theirs = volumes["segmentation"], volumes.get("predicted_segmentation")
    offsets = dilation_offsets(settings.dilation, settings.dilation_nm, segmentation.voxel_size)
    pieces = None
    if settings.split_disconnected:
        segmentation, pieces = split_segments(
            segmentation,
            exclude=settings.exclude_segments,
            min_split_fraction=settings.min_split_fraction,
            min_segment_voxels=settings.min_segment_voxels,
            workers=workers,
        )
    here = synapses if theirs is None else synapses[:1]
    scan = scan_segmentation(segmentation, here, offsets, workers=workers, progress=progress)
    segments = select_segments(
        scan.segments if pieces is None else mark_split_off(scan.segments, pieces),
        exclude=settings.exclude_segments,
        min_segment_voxels=settings.min_segment_voxels,
    )
    truth = _evaluate_side("truth", scan.neighbours[0], segments, settings)
    tables = {}
    if settings.contactome:
        tables["contactome"] = find_contacts(
            segmentation,
            dilation=settings.dilation,
            dilation_nm=settings.dilation_nm,
            segments=segments,
            workers=workers,
        )
    if theirs is None:
        return Survey(segments, pieces, tables, truth, scan.neighbours[1:])
    own = read_own_segmentation(
        segmentation, theirs, segments, synapses[1:], offsets, settings=settings, workers=workers, progress=progress
    )
    return Survey(segments, pieces, tables, truth, own.neighbours, own)


def _conclude(
    volumes: dict[str, Volume], settings: Settings, survey: Survey, predicted: SynapseNeighbours | None
) -> Evaluation:
    """One prediction compared with the truth."""
    sides, own = {"truth": survey.truth}, survey.own
    if predicted is not None:
        segments = survey.segments if own is None else own.named
        sides["predicted"] = _evaluate_side("predicted", predicted, segments, settings)
    tables: dict[str, pd.DataFrame] = {"segments": survey.segments}
    for side in sides.values():
        tables.update(side.tables)
    tables.update(survey.tables)
    nodes = survey.segments if own is None else own.nodes
    scores = _score(sides, tables, kept_ids(nodes))
    if own is not None and predicted is not None and scores.edges is not None:
        measures = describe_segmentations(own, predicted, tables, scores.edges.f1)
        errors = explain_own_errors(volumes, settings, own, sides, tables)
        scores.blocks.update({**measures.blocks, **errors.blocks})
        tables |= {**measures.tables, **errors.tables}
    report = _build_report(volumes, settings, sides, tables, survey, scores)
    synapses = {name: side.synapses for name, side in sides.items()}
    return Evaluation(scores.edges, scores.strict, tables, nodes, report, volumes, synapses)


def _clefts_beside(segmentation: Source) -> str:
    """The file of the segmentation, where the truth is looked for when none is named."""
    if isinstance(segmentation, Volume):
        raise InputError("No truth was given: pass truth=..., a path or a Volume of synapse labels.")
    return str(split_path(segmentation)[0])


def _read_synapses(
    cases: Sequence[dict[str, Volume]], settings: Settings, workers: int | None, progress: Progress | None
) -> list[Synapses]:
    """Truth and predictions, read side by side; a prediction waits for the truth's ignore voxels at its end."""
    read = partial(label_synapses, workers=workers, progress=progress)
    truth = cases[0]["truth"]
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(read, truth, form="mask" if truth.dtype.kind == "b" else "labels")]
        for volumes in cases:
            if "predicted" in volumes:
                job = pool.submit(
                    read,
                    volumes["predicted"],
                    form=settings.predicted_form,
                    threshold=settings.threshold,
                    min_synapse_voxels=settings.min_synapse_voxels,
                    ignore=jobs[0],
                )
                jobs.append(job)
        return [job.result() for job in jobs]


def _evaluate_side(name: str, near: SynapseNeighbours, segments: pd.DataFrame, settings: Settings) -> Side:
    """From contacts to edges for one synapse volume."""
    kept = kept_ids(segments)
    contacts = keep_contacts(near.contacts, segments)
    synapses = measure_synapses(near.synapses)
    links = assign_partners(
        contacts, rule=settings.partner_rule, min_contact_voxels=settings.min_contact_voxels, synapses=synapses
    )
    tables = {
        f"synapses_{name}": attach_synapses(synapses, links, near.contacts, near.touches, kept),
        f"synapse_contacts_{name}": contacts,
        f"links_{name}": links,
        f"edges_{name}": build_edges(links),
    }
    return Side(name, near.synapses, tables, len(near.contacts) - len(contacts))


def _score(sides: dict[str, Side], tables: dict[str, pd.DataFrame], nodes: npt.NDArray[np.uint64]) -> Scores:
    """Scores and measures; the tables that come of them are added to `tables`."""
    if "predicted" not in sides:
        measures = leave_out_measures(NO_PREDICTION)
        names = ("edges", "strict", "synapse_matching", "clefts")
        blocks = {key: value for name in names for key, value in content.undefined(name, NO_PREDICTION).items()}
        return Scores(None, None, {**blocks, **leave_out_causes(NO_PREDICTION), **measures.blocks})
    truth, predicted = tables["edges_truth"], tables["edges_predicted"]
    both = align(truth, predicted, nodes=nodes)
    score = compare_edges(both)
    strict = score_strictly(score, sides["truth"], sides["predicted"])
    with ThreadPoolExecutor(1) as beside:  # the distances are compiled code and leave the interpreter to the rest
        distances = beside.submit(measure_distances, *(side.synapses for side in sides.values()))
        measures = measure_connectomes(both, tables)
        matches = match_sides(sides["truth"], sides["predicted"])
        tables |= {"edge_outcomes": describe_outcomes(both, truth, predicted), **measures.tables, **matches.tables}
        errors = explain_errors(tables)
    tables |= errors.tables
    edges = content.describe_edges(score, both, describe_intervals(both))
    blocks = {**edges, "strict": strict.to_dict(), **measures.blocks, **matches.blocks, **errors.blocks}
    return Scores(score, strict, {**blocks, **distances.result()})


def _build_report(
    volumes: dict[str, Volume],
    settings: Settings,
    sides: dict[str, Side],
    tables: dict[str, pd.DataFrame],
    survey: Survey,
    scores: Scores,
) -> dict[str, Any]:
    """What report.json says."""
    own = survey.own
    nodes = survey.segments if own is None else own.nodes
    report = {
        "schema": content.SCHEMA,
        "verdict": "",
        **content.describe_nodes(len(kept_ids(nodes)), tables),
        **scores.blocks,
        "excluded": {
            **count_excluded(sides, tables["segments"], survey.pieces),
            **({} if own is None else own.count_excluded()),
        },
        **content.describe_synapses(tables),
        "worst_errors": content.list_worst_errors(tables, volumes["segmentation"]),
        "settings": {**settings.to_dict(), **MEASURE_SETTINGS},
        "inputs": {**describe_inputs(volumes, sides, tables), **describe_own_inputs(volumes, own)},
        "notices": collect_notices(settings, sides, tables),
    }
    report["verdict"] = write_verdict(report)
    return report
