"""The whole job: volumes in, Evaluation out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.blocks import EngineLike, open_engine, plan_memory
from connectograph.compare import EdgeScore, compare_edges
from connectograph.compare.edges import describe_outcomes
from connectograph.evaluation import content
from connectograph.evaluation.attribution import explain_errors, leave_out_causes
from connectograph.evaluation.inputs import Source, read_inputs
from connectograph.evaluation.matches import match_sides, measure_distances
from connectograph.evaluation.measures import (
    MEASURE_SETTINGS,
    describe_intervals,
    leave_out_measures,
    measure_connectomes,
)
from connectograph.evaluation.places import describe_places
from connectograph.evaluation.provenance import describe_files, describe_notices
from connectograph.evaluation.result import Evaluation
from connectograph.evaluation.settings import Settings
from connectograph.evaluation.sides import (
    NO_PREDICTION,
    Side,
    collect_notices,
    count_excluded,
    describe_inputs,
    score_strictly,
)
from connectograph.evaluation.skeletons import NO_SKELETONS, GivenSkeletons, SkeletonSource, open_skeletons
from connectograph.evaluation.survey import Survey, evaluate_side, read_synapses, survey_volumes
from connectograph.graphs import align
from connectograph.io.stamps import refuse_changed, stamp_files
from connectograph.partners import DIRECTED_RULES
from connectograph.report import write_verdict
from connectograph.segments import kept_ids
from connectograph.volumes import Triple, Volume

__all__ = ["evaluate"]

Progress = Callable[[int], object]


@dataclass(frozen=True, eq=False)
class Scores:
    """What comparing both sides gave: scores (None without a prediction), and blocks of report.json."""

    edges: EdgeScore | None
    strict: EdgeScore | None
    blocks: dict[str, Any]


def evaluate(
    segmentation: Source,
    *,
    truth: Any = None,
    predicted: Any = None,
    predicted_segmentation: Source | None = None,
    skeletons: SkeletonSource | None = None,
    swc_units: str | Triple | None = None,
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
    proofread: Iterable[int] | None = None,
    axes: str = "zyx",
    voxel_size: Triple | None = None,
    allow_missing_chunks: bool = False,
    point_resolution: Triple | None = None,
    workers: int | None = None,
    engine: EngineLike = "threads",
    max_memory: int | str | None = None,
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
    skeletons : path or sequence of Skeleton, optional
        True neurons, an SWC file or a folder of them, by whose expected run length `predicted_segmentation` is judged.
    swc_units : {"nm", "um"} or tuple of 3 floats, optional
        Unit of the positions in SWC files, which do not say it; for voxels their size (z, y, x) in nm.
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
    proofread : iterable of int, optional
        The true segments that are proofread, if not all are: connections between two of them are scored, what has one
        such end is bounded, and the report says of every measure whether it is safe, bounded or undefined (see
        :func:`connectograph.compare_sparse`).
    axes : {"zyx", "xyz"}
        Order in which the files store the axes.
    voxel_size : tuple of 3 floats, optional
        (z, y, x) in nm, instead of the files' own.
    allow_missing_chunks : bool
        Read chunks that Zarr, N5 or precomputed volumes lack as background, and count them among the notices; without
        it they are an error.
    point_resolution : tuple of 3 floats, optional
        (z, y, x) in nm: unit of the positions in tables of points that do not say it.
    workers : int, optional
        By default the CPUs this process may use, or those that SLURM granted.
    engine : str or distributed.Client
        Who works on the blocks: "threads", "processes", "dask" (a cluster on this machine), "dask:tcp://HOST:PORT" or
        a client. The result is the same to the byte.
    max_memory : int or str, optional
        Bytes, or a size like "2GiB", tables not counted: fewer workers are used if it takes that to keep within.
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
        None if proofread is None else tuple(proofread),
    ).checked()  # fmt: skip
    named = {"predicted_segmentation": predicted_segmentation, "proofread": proofread}
    traced = open_skeletons(skeletons, swc_units, **named)
    reading: dict[str, Any] = {"axes": axes, "voxel_size": voxel_size, "allow_missing_chunks": allow_missing_chunks}
    if settings.partner_rule in DIRECTED_RULES:
        from connectograph.evaluation.directed import evaluate_directed
        from connectograph.evaluation.directed_inputs import read_directed, volumes_of

        sources = {"segmentation": segmentation, "truth": truth, "predicted": predicted, "raw": raw}
        sources["predicted_segmentation"] = predicted_segmentation
        reading["point_resolution"] = point_resolution
        inputs = read_directed(**sources, partner_rule=settings.partner_rule, **reading)
        plan = plan_memory(volumes_of(inputs).values(), workers, engine, max_memory)
        with open_engine(engine, plan.workers, **plan.limits) as opened:
            how: dict[str, Any] = {"skeletons": traced, "engine": opened, "progress": progress}
            return next(evaluate_directed([inputs], settings, [sources], reading, **how))
    volumes = read_inputs(segmentation, truth, predicted, raw, predicted_segmentation, **reading)
    given = {"segmentation": segmentation, "truth": truth, "predicted": predicted, "raw": raw}
    given["predicted_segmentation"] = predicted_segmentation
    files = {role: volume.name for role, volume in volumes.items() if not isinstance(given[role], Volume)}
    plan = plan_memory(volumes.values(), workers, engine, max_memory)
    with open_engine(engine, plan.workers, **plan.limits) as opened:
        return evaluate_volumes(volumes, settings, files, reading, skeletons=traced, engine=opened, progress=progress)


def evaluate_volumes(
    volumes: dict[str, Volume],
    settings: Settings,
    files: dict[str, str],
    reading: dict[str, Any],
    *,
    skeletons: GivenSkeletons = NO_SKELETONS,
    workers: int | None = None,
    engine: EngineLike = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate volumes that are open already.

    Parameters
    ----------
    volumes : dict of str to Volume
        From :func:`~connectograph.evaluation.inputs.read_inputs`.
    settings : Settings
    files : dict of str to str
        The file (``FILE:DATASET``) of each volume that has one.
    reading : dict
        The options that the files were read with, kept for ``connectograph verify``.
    skeletons : GivenSkeletons
        From :func:`~connectograph.evaluation.skeletons.open_skeletons`.
    workers, engine, progress
        As in :func:`evaluate`; an engine that is open stays open.

    Returns
    -------
    Evaluation
    """
    how: dict[str, Any] = {"skeletons": skeletons, "workers": workers, "engine": engine, "progress": progress}
    return next(evaluate_cases([volumes], settings, [files], reading, **how))


def evaluate_cases(
    cases: Sequence[dict[str, Volume]],
    settings: Settings,
    files: Sequence[dict[str, str]],
    reading: dict[str, Any],
    *,
    skeletons: GivenSkeletons = NO_SKELETONS,
    workers: int | None = None,
    engine: EngineLike = None,
    progress: Progress | None = None,
) -> Iterator[Evaluation]:
    """Evaluate several predictions of one truth; what they share is read and scanned once.

    Parameters
    ----------
    cases : sequence of dict
        The volumes of each evaluation, at least one; they differ in "predicted" only.
    settings, reading, skeletons, workers, engine, progress
        As in :func:`evaluate_volumes`.
    files : sequence of dict
        Of each case.

    Yields
    ------
    Evaluation
        Of each case. All volumes are read before the first: what is wrong with one of them is said by then.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    stamps = stamp_files({name for names in (*files, skeletons.files) for name in names.values()})
    with open_engine(engine, workers) as opened:
        synapses = read_synapses(cases, settings, opened, progress)
        survey = survey_volumes(cases[0], synapses, settings, opened, progress, skeletons.skeletons)
    refuse_changed(stamps)
    shared = time.perf_counter() - clock
    with ThreadPoolExecutor(1) as beside:
        # compiled code, which leaves the interpreter to the rest
        measure = partial(measure_distances, synapses[0], workers=min(2, opened.runner.workers))
        distances = [beside.submit(measure, each) for each in synapses[1:]]
        for place, (volumes, names) in enumerate(zip(cases, files, strict=True)):
            clock = time.perf_counter()
            evaluation = _conclude(volumes, settings, survey, place, distances)
            run = {
                "inputs": {**describe_files(volumes, names), **skeletons.inputs},
                "reading": reading,
                "engine": opened.runner.name,
                "workers": opened.runner.workers,
                "started": started.isoformat(timespec="seconds"),
                "seconds": round(shared + time.perf_counter() - clock, 3),
            }
            yield replace(evaluation, run=run)


def _conclude(
    volumes: dict[str, Volume],
    settings: Settings,
    survey: Survey,
    place: int,
    distances: Sequence[Future[dict[str, Any]]],
) -> Evaluation:
    """One prediction compared with the truth."""
    sides, own = {"truth": survey.truth}, survey.own
    if survey.predicted:
        segments = survey.segments if own is None else own.named
        sides["predicted"] = evaluate_side("predicted", survey.predicted[place], segments, settings)
    tables: dict[str, pd.DataFrame] = {"segments": survey.segments}
    for side in sides.values():
        tables.update(side.tables)
    tables.update(survey.tables)
    nodes, sparse = survey.segments if own is None else own.nodes, None
    if settings.proofread is not None and survey.predicted:
        from connectograph.evaluation.sparse import restrict_to_proofread

        matches = None if own is None else own.matches
        sparse = restrict_to_proofread(tables, nodes, settings.proofread, matches=matches)
        tables, nodes = sparse.tables, sparse.nodes
    counterparts = {}
    if own is not None:
        from connectograph.evaluation.attribution_own import find_counterparts

        counterparts = find_counterparts(own, place, survey.in_truth[place], survey.segments, settings)
    scores = _score(sides, tables, kept_ids(nodes), counterparts)
    if survey.predicted:
        scores.blocks.update(distances[place].result())
    if own is not None and scores.edges is not None:
        from connectograph.evaluation.segmentations import describe_segmentations

        measures = describe_segmentations(own, survey.predicted[place].touches, tables, scores.edges.f1)
        scores.blocks.update(measures.blocks)
        tables |= measures.tables
    report = _build_report(volumes, settings, sides, tables, survey, scores, len(kept_ids(nodes)))
    if sparse is not None:
        from connectograph.evaluation.sparse import judge_measures

        report = judge_measures(report, sparse)
    synapses = {name: side.synapses for name, side in sides.items()}
    strict = scores.strict if report["strict"] else None
    scored = {**volumes, "segmentation": survey.segmentation}
    return Evaluation(scores.edges, strict, tables, nodes, report, scored, synapses)


def _score(
    sides: dict[str, Side],
    tables: dict[str, pd.DataFrame],
    nodes: npt.NDArray[np.uint64],
    counterparts: Mapping[str, Any],
) -> Scores:
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
    measures = measure_connectomes(both, tables)
    matches = match_sides(sides["truth"], sides["predicted"])
    tables |= {"edge_outcomes": describe_outcomes(both, truth, predicted), **measures.tables, **matches.tables}
    errors = explain_errors(tables, **counterparts)
    tables |= errors.tables
    edges = content.describe_edges(score, both, describe_intervals(both, tables))
    blocks = {**edges, "strict": strict.to_dict(), **measures.blocks, **matches.blocks, **errors.blocks}
    return Scores(score, strict, blocks)


def _build_report(
    volumes: dict[str, Volume],
    settings: Settings,
    sides: dict[str, Side],
    tables: dict[str, pd.DataFrame],
    survey: Survey,
    scores: Scores,
    n_nodes: int,
) -> dict[str, Any]:
    """What report.json says."""
    own = survey.own
    report = {
        "schema": content.SCHEMA,
        "verdict": "",
        **content.describe_nodes(n_nodes, tables),
        **scores.blocks,
        "excluded": {
            **count_excluded(sides, tables["segments"], survey.pieces),
            **({} if own is None else own.count_excluded()),
        },
        **content.describe_synapses(tables),
        **describe_places(tables, volumes["segmentation"]),
        "worst_errors": content.list_worst_errors(tables, volumes["segmentation"]),
        "settings": {**settings.to_dict(), **MEASURE_SETTINGS},
        "inputs": {**describe_inputs(volumes, sides, tables), **({} if own is None else own.describe_inputs(volumes))},
        "notices": [*describe_notices(volumes), *collect_notices(settings, sides, tables)],
    }
    report["verdict"] = write_verdict(report)
    return report
