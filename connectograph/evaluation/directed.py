"""Directed synapses evaluated: annotated points (rule "partners"), presynaptic and postsynaptic masks ("pre-post").

Both become the table "synapse_points" (each pair of sites is one synapse), then links and edges from the presynaptic
to the postsynaptic segment; everything after that is as for undirected synapses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.blocks import EngineLike, open_engine
from connectograph.compare import EdgeScore, compare_edges, score_counts
from connectograph.compare.edges import describe_outcomes
from connectograph.evaluation import content
from connectograph.evaluation.attribution import explain_errors, leave_out_causes, match_by_place
from connectograph.evaluation.attribution_own import name_counterparts
from connectograph.evaluation.directed_content import count_excluded, describe_inputs, list_notices, merge_ends
from connectograph.evaluation.directed_inputs import Inputs, describe_sources, volumes_of
from connectograph.evaluation.directed_sites import DirectedSide, share_voxels
from connectograph.evaluation.directed_survey import Crossed, DirectedSurvey, list_ends, survey_sites
from connectograph.evaluation.measures import (
    MEASURE_SETTINGS,
    Measures,
    describe_intervals,
    leave_out_measures,
    measure_connectomes,
)
from connectograph.evaluation.places import describe_places
from connectograph.evaluation.result import Evaluation
from connectograph.evaluation.segmentations import OwnSegmentation, describe_segmentations
from connectograph.evaluation.settings import Settings
from connectograph.evaluation.sides import NO_PREDICTION
from connectograph.evaluation.skeletons import NO_SKELETONS, GivenSkeletons
from connectograph.evaluation.sparse import judge_measures, keep_among, list_proofread, restrict_to_proofread
from connectograph.graphs import align
from connectograph.io.stamps import refuse_changed, stamp_files
from connectograph.matching import compare_partner_sites
from connectograph.report import write_verdict
from connectograph.segments import kept_ids
from connectograph.tables import SCHEMAS, make_table
from connectograph.volumes import Triple, Volume

__all__ = ["evaluate_directed", "tabulate_sites"]

_NO_OVERLAP = "directed synapses are pairs of sites: see partner_sites"


def evaluate_directed(
    cases: Sequence[Inputs],
    settings: Settings,
    sources: Sequence[Mapping[str, Any]],
    reading: Mapping[str, Any],
    *,
    skeletons: GivenSkeletons = NO_SKELETONS,
    workers: int | None = None,
    engine: EngineLike = None,
    progress: Callable[[int], object] | None = None,
) -> Iterator[Evaluation]:
    """Evaluate several predictions of directed synapses; what they share is read once.

    Parameters
    ----------
    cases : sequence of dict
        From :func:`~connectograph.evaluation.directed_inputs.read_directed`, at least one; they differ in the
        prediction only.
    settings : Settings
        With the partner rule "partners" or "pre-post".
    sources : sequence of mapping
        What the inputs of each case were made of, by role; as :func:`connectograph.evaluate` takes them.
    reading : mapping
        The options that the files were read with, kept for ``connectograph verify``.
    skeletons : GivenSkeletons
        From :func:`~connectograph.evaluation.skeletons.open_skeletons`.
    workers, engine, progress
        As in :func:`connectograph.evaluate`; an engine that is open stays open.

    Yields
    ------
    Evaluation
        Of each case; `directed`: its graphs are DiGraphs. All inputs are read before the first.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    files = [{**describe_sources(*each), **skeletons.inputs} for each in zip(cases, sources, strict=True)]
    stamps = stamp_files({entry["path"] for each in files for entry in each.values()})
    with open_engine(engine, workers) as opened:
        survey = survey_sites(cases, settings, opened, progress, skeletons.skeletons)
    refuse_changed(stamps)
    shared = time.perf_counter() - clock
    for place, inputs in enumerate(cases):
        clock = time.perf_counter()
        evaluation = _conclude(inputs, settings, survey, place)
        run = {
            "inputs": files[place],
            "reading": dict(reading),
            "engine": opened.runner.name,
            "workers": opened.runner.workers,
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(shared + time.perf_counter() - clock, 3),
        }
        yield replace(evaluation, run=run)


def tabulate_sites(points: pd.DataFrame) -> pd.DataFrame:
    """The table "partner_sites" of synapses whose segments are known: what CREMI's partner score needs.

    Parameters
    ----------
    points : pandas.DataFrame
        The table "synapse_points".

    Returns
    -------
    pandas.DataFrame
    """
    ends = {"pre_segment": "source", "post_segment": "target"}
    named = points.rename(columns=ends)
    return make_table("partner_sites", {name: named[name].to_numpy() for name in SCHEMAS["partner_sites"]})


def _conclude(inputs: Inputs, settings: Settings, survey: DirectedSurvey, place: int) -> Evaluation:
    """One prediction compared with the truth."""
    segments, own, segmentation = survey.segments, survey.own, inputs["segmentation"]
    sides = {"truth": survey.truth}
    if "predicted" in inputs:
        sides["predicted"] = survey.connect(place)
    tables = {"segments": segments, **{name: table for side in sides.values() for name, table in side.tables.items()}}
    tables.update(survey.scans.tables)
    nodes, sparse = segments if own is None else own.nodes, None
    if settings.proofread is not None and "predicted" in sides:
        matches = None if own is None else own.matches
        sparse = restrict_to_proofread(tables, nodes, settings.proofread, directed=True, matches=matches)
        tables, nodes = sparse.tables, sparse.nodes
    edges, strict, blocks = _score(sides, tables, kept_ids(nodes), survey, place, segmentation)
    report = {
        "schema": content.SCHEMA,
        "verdict": "",
        **content.describe_nodes(len(kept_ids(nodes)), tables),
        **blocks,
        "excluded": {
            **count_excluded(sides, segments, survey.scans.pieces),
            **({} if own is None else own.count_excluded()),
        },
        **content.describe_synapses(tables),
        **describe_places(tables, segmentation),
        "worst_errors": content.list_worst_errors(tables, segmentation),
        "settings": {**settings.to_dict(), **MEASURE_SETTINGS},
        "inputs": describe_inputs(inputs, sides, segments, own),
        "notices": list_notices(inputs, settings, sides, segments),
    }
    report["verdict"] = write_verdict(report)
    report = report if sparse is None else judge_measures(report, sparse)
    drawn = {role: merge_ends(side.sites) for role, side in sides.items()}
    strict = strict if report["strict"] else None
    scored = {**volumes_of(inputs), "segmentation": survey.scans.segmentation}
    return Evaluation(edges, strict, tables, nodes, report, scored, drawn, directed=True)


def _score(
    sides: dict[str, DirectedSide],
    tables: dict[str, pd.DataFrame],
    nodes: npt.NDArray[np.uint64],
    survey: DirectedSurvey,
    place: int,
    segmentation: Volume,
) -> tuple[EdgeScore | None, EdgeScore | None, dict[str, Any]]:
    """Edge score, strict score and blocks of report.json; the tables that come of them are added to `tables`."""
    if "predicted" not in sides:
        names = ("edges", "strict", "synapse_matching", "partner_sites")
        blocks = {key: value for name in names for key, value in content.undefined(name, NO_PREDICTION).items()}
        blocks |= {**leave_out_causes(NO_PREDICTION), **leave_out_measures(NO_PREDICTION).blocks}
        return None, None, blocks
    own, settings = survey.own, survey.settings
    edges = tables["edges_truth"], tables["edges_predicted"]
    both = align(*edges, nodes=nodes, directed=True)
    score = compare_edges(both)
    strict = _score_strictly(score, sides["truth"], sides["predicted"])
    measures = measure_connectomes(both, tables)
    tables |= {"edge_outcomes": describe_outcomes(both, *edges), **measures.tables}
    points = [sides[role].sites.points for role in ("truth", "predicted")]
    matched = {**tables, "synapse_matches": match_by_place(*points)}
    crossed = None if own is None else survey.cross(own, place)
    errors = explain_errors(matched, **_find_counterparts(own, crossed, settings))
    compared = _compare_segmentations(own, points[1], matched, score.f1)
    tables |= {**errors.tables, **compared.tables}
    in_truth = points if crossed is None else [points[0], crossed.points]
    blocks = {
        **content.describe_edges(score, both, describe_intervals(both, tables)),
        "strict": strict.to_dict(),
        **measures.blocks,
        **errors.blocks,
        **compared.blocks,
        **content.undefined("synapse_matching", _NO_OVERLAP),
        **_compare_sites(in_truth, segmentation, settings.proofread),
    }
    return score, strict, blocks


def _find_counterparts(own: OwnSegmentation | None, crossed: Crossed | None, settings: Settings) -> dict[str, Any]:
    """What attributing errors takes where the prediction has a segmentation of its own."""
    if own is None or crossed is None:
        return {}
    known = name_counterparts(own, crossed.predicted_in_truth, crossed.truth_in_predicted, settings)
    ends = {"ends": crossed.ends, "omitted": crossed.omitted}
    return {**known, "segmentation": replace(known["segmentation"], **ends)}


def _compare_segmentations(
    own: OwnSegmentation | None, predicted: pd.DataFrame, tables: Mapping[str, pd.DataFrame], f1: float
) -> Measures:
    """What the two segmentations differ in; nothing if there is one."""
    if own is None:
        return Measures({}, {})
    return describe_segmentations(own, list_ends(predicted).drop_duplicates(), tables, f1)


def _score_strictly(score: EdgeScore, truth: DirectedSide, predicted: DirectedSide) -> EdgeScore:
    """Every unattached synapse is an error, too, unless a site shares a voxel with one of the other side."""
    lists = []
    for role, side in (("truth", truth), ("predicted", predicted)):
        synapses = side.tables[f"synapses_{role}"]
        lists.append(synapses.loc[~synapses["attached"], "synapse_id"].to_numpy())
    shared = share_voxels(truth.sites, predicted.sites, *lists)
    return score_counts(score.tp, score.fp + len(lists[1]) - shared[1], score.fn + len(lists[0]) - shared[0])


def _compare_sites(
    points: list[pd.DataFrame], segmentation: Volume, proofread: tuple[int, ...] | None
) -> dict[str, Any]:
    """CREMI's partner score, bit-compatible and with as many matches as possible."""
    truth, predicted = (tabulate_sites(each) for each in points)
    if proofread is not None:
        ids = list_proofread(proofread)
        truth, predicted = (keep_among(sites, ids) for sites in (truth, predicted))
    return {"partner_sites": compare_partner_sites(truth, predicted, bounds_nm=_bounds_of(segmentation)).to_dict()}


def _bounds_of(volume: Volume) -> tuple[Triple, Triple]:
    """Lowest and highest corner in nm."""
    z, y, x = (o + n * s for o, n, s in zip(volume.offset, volume.shape, volume.voxel_size, strict=True))
    return volume.offset, (z, y, x)
