"""Directed synapses evaluated: annotated points (rule "partners"), presynaptic and postsynaptic masks ("pre-post").

Both become the table "synapse_points" (each pair of sites is one synapse), then links and edges from the presynaptic
to the postsynaptic segment; everything after that is as for undirected synapses.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from connectograph.blocks import default_workers
from connectograph.compare import EdgeScore, compare_edges, score_counts
from connectograph.compare.edges import describe_outcomes
from connectograph.contacts import find_contacts, scan_segmentation
from connectograph.evaluation import content
from connectograph.evaluation.attribution import explain_errors, leave_out_causes, match_by_place
from connectograph.evaluation.directed_inputs import Inputs, describe_sources, read_directed
from connectograph.evaluation.directed_sites import DirectedSide, Sites, connect_sites, read_sites, share_voxels
from connectograph.evaluation.measures import (
    MEASURE_SETTINGS,
    describe_intervals,
    leave_out_measures,
    measure_connectomes,
)
from connectograph.evaluation.places import describe_places
from connectograph.evaluation.result import Evaluation
from connectograph.evaluation.settings import Settings
from connectograph.evaluation.sides import NO_PREDICTION
from connectograph.evaluation.sparse import judge_measures, keep_among, list_proofread, restrict_to_proofread
from connectograph.graphs import align
from connectograph.matching import compare_partner_sites
from connectograph.report import write_verdict
from connectograph.segments import kept_ids, mark_split_off, select_segments, split_segments
from connectograph.synapses import Synapses
from connectograph.tables import SCHEMAS, make_table
from connectograph.volumes import Triple, Volume

__all__ = ["evaluate_directed", "evaluate_sources", "tabulate_sites"]

_NO_OVERLAP = "directed synapses are pairs of sites: see partner_sites"


def evaluate_sources(
    sources: Mapping[str, Any],
    settings: Settings,
    reading: Mapping[str, Any],
    *,
    inputs: Inputs | None = None,
    workers: int | None = None,
    progress: Any = None,
) -> Evaluation:
    """Read and evaluate directed synapses, and note how it was done.

    Parameters
    ----------
    sources : mapping
        "segmentation", "truth" and, if given, "predicted", "raw"; as :func:`connectograph.evaluate` takes them.
    settings : Settings
    reading : mapping
        "axes", "voxel_size", "point_resolution": kept for ``connectograph verify``.
    inputs : dict, optional
        What :func:`~connectograph.evaluation.directed_inputs.read_directed` made of the sources, if it was called.
    workers, progress
        As in :func:`connectograph.evaluate`.

    Returns
    -------
    Evaluation
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    if inputs is None:
        given = {"truth": None, "predicted": None, **sources}
        inputs = read_directed(**given, partner_rule=settings.partner_rule, **reading)
    evaluation = evaluate_directed(inputs, settings, workers=workers, progress=progress)
    run = {
        "inputs": describe_sources(inputs, sources),
        "reading": dict(reading),
        "engine": "threads",
        "workers": workers or default_workers(),
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - clock, 3),
    }
    return replace(evaluation, run=run)


def evaluate_directed(
    inputs: Inputs, settings: Settings, *, workers: int | None = None, progress: Any = None
) -> Evaluation:
    """Evaluate directed synapses.

    Parameters
    ----------
    inputs : dict of str to Volume or SynapsePoints
        From :func:`~connectograph.evaluation.directed_inputs.read_directed`.
    settings : Settings
        With the partner rule "partners" or "pre-post".
    workers, progress
        As in :func:`connectograph.evaluate`.

    Returns
    -------
    Evaluation
        `directed`: its graphs are DiGraphs.
    """
    segmentation, pieces = inputs["segmentation"], None
    if settings.split_disconnected:
        segmentation, pieces = split_segments(
            segmentation,
            exclude=settings.exclude_segments,
            min_split_fraction=settings.min_split_fraction,
            min_segment_voxels=settings.min_segment_voxels,
            workers=workers,
        )
    sites: dict[str, Sites] = {}
    for role in ("truth", "predicted"):
        if role in inputs:
            sites[role] = read_sites(role, inputs, settings, sites.get("truth"), workers)
    masks = [mask for side in sites.values() if side.are_masks for mask in (side.pre, side.post)]
    scan = scan_segmentation(segmentation, masks, np.zeros((1, 3), np.int64), workers=workers, progress=progress)
    segments = select_segments(
        scan.segments if pieces is None else mark_split_off(scan.segments, pieces),
        exclude=settings.exclude_segments,
        min_segment_voxels=settings.min_segment_voxels,
    )
    found = iter(near.touches for near in scan.neighbours)
    sides = {}
    for role, side in sites.items():
        touches = [next(found), next(found)] if side.are_masks else []
        sides[role] = connect_sites(role, side, touches, segmentation, segments, settings, workers)
    tables = {"segments": segments, **{name: table for side in sides.values() for name, table in side.tables.items()}}
    if settings.contactome:
        how: dict[str, Any] = {"dilation": settings.dilation, "dilation_nm": settings.dilation_nm}
        tables["contactome"] = find_contacts(segmentation, segments=segments, workers=workers, **how)
    return _conclude(inputs, settings, sides, tables, pieces)


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


def _conclude(
    inputs: Inputs,
    settings: Settings,
    sides: dict[str, DirectedSide],
    tables: dict[str, pd.DataFrame],
    pieces: pd.DataFrame | None,
) -> Evaluation:
    """Scores, report and Evaluation."""
    segments, segmentation = tables["segments"], inputs["segmentation"]
    nodes, sparse = segments, None
    if settings.proofread is not None and "predicted" in sides:
        sparse = restrict_to_proofread(tables, segments, settings.proofread, directed=True)
        tables, nodes = sparse.tables, sparse.nodes
    edges, strict, blocks = _score(sides, tables, segmentation, nodes, settings.proofread)
    report = {
        "schema": content.SCHEMA,
        "verdict": "",
        **content.describe_nodes(len(kept_ids(nodes)), tables),
        **blocks,
        "excluded": _count_excluded(sides, segments, pieces),
        **content.describe_synapses(tables),
        **describe_places(tables, segmentation),
        "worst_errors": content.list_worst_errors(tables, segmentation),
        "settings": {**settings.to_dict(), **MEASURE_SETTINGS},
        "inputs": _describe_inputs(segmentation, sides, segments),
        "notices": [notice for side in sides.values() for notice in side.notices],
    }
    report["verdict"] = write_verdict(report)
    report = report if sparse is None else judge_measures(report, sparse)
    volumes = {role: each for role, each in inputs.items() if isinstance(each, Volume)}
    drawn = {role: _merge_ends(side.sites) for role, side in sides.items()}
    strict = strict if report["strict"] else None
    return Evaluation(edges, strict, tables, nodes, report, volumes, drawn, directed=True)


def _score(
    sides: dict[str, DirectedSide],
    tables: dict[str, pd.DataFrame],
    segmentation: Volume,
    nodes: pd.DataFrame,
    proofread: tuple[int, ...] | None,
) -> tuple[EdgeScore | None, EdgeScore | None, dict[str, Any]]:
    """Edge score, strict score and blocks of report.json; the tables that come of them are added to `tables`."""
    if "predicted" not in sides:
        names = ("edges", "strict", "synapse_matching", "partner_sites")
        blocks = {key: value for name in names for key, value in content.undefined(name, NO_PREDICTION).items()}
        blocks |= {**leave_out_causes(NO_PREDICTION), **leave_out_measures(NO_PREDICTION).blocks}
        return None, None, blocks
    edges = tables["edges_truth"], tables["edges_predicted"]
    both = align(*edges, nodes=kept_ids(nodes), directed=True)
    score = compare_edges(both)
    strict = _score_strictly(score, sides["truth"], sides["predicted"])
    measures = measure_connectomes(both, tables)
    tables |= {"edge_outcomes": describe_outcomes(both, *edges), **measures.tables}
    points = [sides[role].sites.points for role in ("truth", "predicted")]
    errors = explain_errors({**tables, "synapse_matches": match_by_place(*points)})
    tables |= errors.tables
    blocks = {
        **content.describe_edges(score, both, describe_intervals(both)),
        "strict": strict.to_dict(),
        **measures.blocks,
        **errors.blocks,
        **content.undefined("synapse_matching", _NO_OVERLAP),
        **_compare_sites(points, segmentation, proofread),
    }
    return score, strict, blocks


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


def _count_excluded(
    sides: dict[str, DirectedSide], segments: pd.DataFrame, pieces: pd.DataFrame | None
) -> dict[str, Any]:
    """Everything that was left out of the score, counted."""
    lost = 0 if pieces is None else int(pieces.loc[pieces["segment_id"] == 0, "n_voxels"].sum())
    counts: dict[str, Any] = {
        "segments_listed": int((segments["status"] == "excluded").sum()),
        "segments_below_size": int((segments["status"] == "below_size").sum()),
        "split_voxels_to_background": lost,
    }
    for role in ("truth", "predicted"):
        side = sides.get(role)
        table = side.tables[f"synapses_{role}"] if side else None
        counts[f"{role}_synapses_unattached"] = None if table is None else int((~table["attached"]).sum())
        counts[f"{role}_unattached_reasons"] = None if table is None else content.count_reasons(table)
        counts |= side.excluded if side else {f"{role}_pairs_filtered": None}
    counts["ignored_voxels"] = _sum_excluded(sides["truth"], "ignored_voxels")
    for key, name in (
        ("ignored_synapses", "ignored_synapses"),
        ("predicted_synapses_below_size", "synapses_below_size"),
        ("nan_voxels", "nan_voxels"),
    ):
        counts[key] = _sum_excluded(sides["predicted"], name) if "predicted" in sides else None
    if "predicted" not in sides:
        counts["predicted_reason"] = NO_PREDICTION
    return counts


def _sum_excluded(side: DirectedSide, name: str) -> int:
    """What was left out of the presynaptic and of the postsynaptic sites (one volume with both: counted once)."""
    pre, post = side.sites.pre.excluded, side.sites.post.excluded
    return int(pre.get(name, 0)) + (0 if pre is post else int(post.get(name, 0)))


def _describe_inputs(segmentation: Volume, sides: dict[str, DirectedSide], segments: pd.DataFrame) -> dict[str, Any]:
    """The block "inputs"."""
    blocks: dict[str, Any] = {"segmentation": content.describe_grid(segmentation, len(segments))}
    for role, side in sides.items():
        sites = side.sites
        blocks[role] = {
            "form": "masks" if sites.are_masks else "points",
            "n_synapses": len(sites.points),
            "n_pre_sites": len(sites.pre.ids),
            "n_post_sites": len(sites.post.ids),
        }
    if "predicted" not in sides:
        blocks.update(content.undefined("predicted", NO_PREDICTION))
    return blocks


def _merge_ends(sites: Sites) -> Synapses:
    """Both ends as one volume to draw: presynaptic sites are 1, postsynaptic ones 2."""
    starts = np.concatenate([sites.pre.starts, sites.post.starts])
    order = np.argsort(starts, kind="stable")
    ends = np.repeat([0, 1], [len(sites.pre.starts), len(sites.post.starts)])
    return Synapses(
        name=sites.pre.name,
        form=sites.pre.form,
        shape=sites.pre.shape,
        voxel_size=sites.pre.voxel_size,
        offset=sites.pre.offset,
        ids=np.array([1, 2], np.uint64),
        starts=starts[order],
        lengths=np.concatenate([sites.pre.lengths, sites.post.lengths])[order],
        codes=ends[order].astype(np.int64),
        heat=None,
        ignored=sites.pre.ignored,
        excluded={},
    )
