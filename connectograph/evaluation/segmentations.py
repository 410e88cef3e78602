"""A prediction in a segmentation of its own: read under the names of the true segments, and what the two differ in.

The truth's graph is made in the true segmentation, the prediction's in the predicted one. Predicted segments are
matched one to one with kept true ones by the voxels they share and take their ids; a predicted segment without a match
stays a node of the prediction, under an id that no true segment has. The size limit and the splitting of disconnected
segments hold on both sides. Excluded ids are those of true segments; a predicted segment most of which lies in an
excluded one is excluded with it.

Functions: :func:`read_own_segmentation`, :func:`describe_segmentations`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._numbers import explain_missing
from connectograph.blocks import EngineLike, open_engine
from connectograph.compare import compare_edges
from connectograph.contacts import scan_segmentation
from connectograph.contacts.synapse_contacts import SynapseNeighbours
from connectograph.evaluation.content import describe_grid, undefined
from connectograph.evaluation.measures import Measures
from connectograph.evaluation.settings import Settings
from connectograph.graphs import align, build_edges
from connectograph.io.skeletons import Skeleton
from connectograph.matching import (
    SegmentMatch,
    compare_segmentations,
    count_terminals,
    match_segments,
    score_terminals,
)
from connectograph.matching.pieces import Pieces, scan_pieces
from connectograph.matching.skeletons import RunLength, measure_run_length
from connectograph.segments import kept_ids, mark_split_off, select_segments, split_segments
from connectograph.synapses import Synapses
from connectograph.tables import make_table
from connectograph.volumes import IGNORE, Volume

__all__ = [
    "OwnSegmentation",
    "describe_segmentations",
    "read_own_segmentation",
]

_Ids = npt.NDArray[np.uint64]

N_LARGEST, N_PARTS = 12, 4
"""Splits and merges listed in the report, and parts named of each."""


@dataclass(frozen=True, eq=False)
class OwnSegmentation:
    """A predicted segmentation and what its segments stand for.

    Attributes
    ----------
    segments : pandas.DataFrame
        The table "segments" of the prediction, in its own ids.
    names : (N,) array of uint64
        The id of each in the graphs.
    n_voxels_dropped : int
        Voxels that splitting turned to background.
    nodes : pandas.DataFrame
        The nodes of both graphs: the true segments, then predicted ones without a match.
    matches : pandas.DataFrame
        The table "segment_matches".
    match : SegmentMatch
    majority : SegmentMatch
    pieces : Pieces
        What the segments of both sides share, and what of it is near the synapses.
    neighbours : list of SynapseNeighbours
        Of the truth's synapses and of each prediction's, under the ids of the graphs.
    run_length : RunLength, optional
        Of the segments as they are split, none left out.
    """

    segments: pd.DataFrame
    names: _Ids
    n_voxels_dropped: int
    nodes: pd.DataFrame
    matches: pd.DataFrame
    match: SegmentMatch
    majority: SegmentMatch
    pieces: Pieces
    neighbours: list[SynapseNeighbours]
    run_length: RunLength | None = None

    @property
    def overlaps(self) -> pd.DataFrame:
        """The table "segment_overlaps"."""
        return self.pieces.overlaps

    @property
    def named(self) -> pd.DataFrame:
        """The table "segments" under the ids of the graphs."""
        return self.segments.assign(segment_id=self.names).sort_values("segment_id", ignore_index=True)

    def restore(self, ids: _Ids) -> _Ids:
        """The ids of segments as stored, from those in the graphs."""
        return _rename(ids, *_order(self.names, self.segments["segment_id"]))

    def count_excluded(self) -> dict[str, int]:
        """What is left out of the prediction, for the block "excluded"."""
        status = self.segments["status"]
        return {
            "predicted_segments_excluded": int((status == "excluded").sum()),
            "predicted_segments_below_size": int((status == "below_size").sum()),
            "predicted_split_voxels_to_background": self.n_voxels_dropped,
        }

    def describe_inputs(self, volumes: Mapping[str, Volume]) -> dict[str, Any]:
        """The predicted segmentation, for the block "inputs"."""
        return {"predicted_segmentation": describe_grid(volumes["predicted_segmentation"], len(self.segments))}


def read_own_segmentation(
    truth: Volume,
    predicted: Volume,
    segments: pd.DataFrame,
    synapses: list[Synapses],
    offsets: npt.NDArray[np.int64],
    *,
    settings: Settings,
    skeletons: Sequence[Skeleton] | None = None,
    workers: int | None = None,
    engine: EngineLike = None,
    progress: Callable[[int], object] | None = None,
) -> OwnSegmentation:
    """Scan a predicted segmentation, match its segments, and name what its synapses touch like the truth.

    Parameters
    ----------
    truth : Volume
        The true segmentation, split if the settings say so.
    predicted : Volume
    segments : pandas.DataFrame
        The table "segments" of the truth, with what is kept.
    synapses : list of Synapses
        Of the truth and of each prediction.
    offsets : (K, 3) array of int64
        The dilation.
    settings : Settings
    skeletons : sequence of Skeleton, optional
        True neurons, for the run length.
    workers, engine, progress
        As in :func:`connectograph.evaluate`.

    Returns
    -------
    OwnSegmentation
    """
    pieces = None
    with open_engine(engine, workers) as opened:
        if settings.split_disconnected:
            predicted, pieces = split_segments(
                predicted,
                min_split_fraction=settings.min_split_fraction,
                min_segment_voxels=settings.min_segment_voxels,
                engine=opened.at("predicted-split"),
            )
        at = opened.at("predicted-segmentation")
        scan = scan_segmentation(predicted, synapses, offsets, engine=at, progress=progress)
        ids = segments["segment_id"].to_numpy(), scan.segments["segment_id"].to_numpy()
        shared = scan_pieces(truth, predicted, *ids, synapses, offsets, engine=opened.at("overlaps"), progress=progress)
        workers = opened.runner.workers
    overlaps = shared.overlaps
    measured = scan.segments if pieces is None else mark_split_off(scan.segments, pieces)
    own = select_segments(
        measured,
        exclude=_follow_excluded(overlaps, segments),
        min_segment_voxels=settings.min_segment_voxels,
    )
    kept = {"truth": kept_ids(segments), "predicted": kept_ids(own)}
    match, majority = (match_segments(overlaps, rule=rule, **kept) for rule in ("one-to-one", "majority"))
    names = _name_segments(match, segments, own)
    alone = own.assign(segment_id=names)[~np.isin(names, segments["segment_id"])]
    return OwnSegmentation(
        segments=own,
        names=names,
        n_voxels_dropped=0 if pieces is None else int(pieces.loc[pieces["segment_id"] == 0, "n_voxels"].sum()),
        nodes=pd.concat([segments, alone], ignore_index=True),
        matches=_tabulate_matches(match, majority, overlaps, own, names),
        match=match,
        majority=majority,
        pieces=shared,
        neighbours=[_rename_neighbours(near, own["segment_id"].to_numpy(), names) for near in scan.neighbours],
        run_length=None if skeletons is None else measure_run_length(predicted, skeletons, workers=workers),
    )


def _follow_excluded(overlaps: pd.DataFrame, segments: pd.DataFrame) -> _Ids:
    """Predicted segments most of whose segmented voxels lie in a true segment that is excluded by id."""
    excluded = segments.loc[segments["status"] == "excluded", "segment_id"]
    everywhere = match_segments(overlaps, rule="majority").table
    followed: _Ids = everywhere.loc[everywhere["true_segment"].isin(excluded), "predicted_segment"].to_numpy()
    return followed


def _name_segments(match: SegmentMatch, segments: pd.DataFrame, own: pd.DataFrame) -> _Ids:
    """An id for each predicted segment: that of its match, else one after all true ones.

    Those without a match are numbered by falling size, then by place, so that their own ids do not matter; and after
    the others, so that no merge or split changes the order of the rest.
    """
    old, true = own["segment_id"].to_numpy(), segments["segment_id"].to_numpy()
    ids = np.zeros(len(old), np.uint64)
    ids[np.searchsorted(old, match.table["predicted_segment"])] = match.table["true_segment"]
    corner = [own[f"{axis}_min_nm"].to_numpy() for axis in "xyz"]
    order = np.lexsort([*corner, -own["n_voxels"].to_numpy()])
    waiting = order[ids[order] == 0]
    first = int(true.max()) + 1 if len(true) else 1
    if first + len(waiting) + len(true) > IGNORE:  # no room above: the smallest that are free
        first = 1
    numbers = np.uint64(first) + np.arange(len(waiting) + len(true), dtype=np.uint64)
    ids[waiting] = np.setdiff1d(numbers, true)[: len(waiting)]
    return ids


def _rename(values: Any, old: _Ids, new: _Ids) -> _Ids:
    """Each id by its name; 0 stays 0. `old` ascends."""
    given = np.asarray(values)
    place = np.minimum(np.searchsorted(old, given), max(0, len(old) - 1))
    renamed: _Ids = np.where(given == 0, np.uint64(0), new[place]) if len(old) else given
    return renamed


def _rename_neighbours(near: SynapseNeighbours, old: _Ids, new: _Ids) -> SynapseNeighbours:
    """What lies near the synapses, under other ids; the smaller of a pair stays first."""
    a, b = (_rename(near.contacts[end], old, new) for end in ("segment_a", "segment_b"))
    columns: dict[str, Any] = {str(name): near.contacts[name] for name in near.contacts}
    columns |= {"segment_a": np.minimum(a, b), "segment_b": np.maximum(a, b)}
    touches = near.touches.assign(segment_id=_rename(near.touches["segment_id"], old, new))
    return replace(near, contacts=make_table("synapse_contacts", columns), touches=touches)


def _tabulate_matches(
    match: SegmentMatch, majority: SegmentMatch, overlaps: pd.DataFrame, own: pd.DataFrame, ids: _Ids
) -> pd.DataFrame:
    """The table "segment_matches": all kept segments of either side, matched or not."""
    kept = np.isin(own["segment_id"], kept_ids(own))
    predicted = np.concatenate([np.zeros(len(match.unmatched_truth), np.uint64), own["segment_id"].to_numpy()[kept]])
    named = np.concatenate([match.unmatched_truth, ids[kept]])
    pairs, best = match.table.set_index("predicted_segment"), majority.table.set_index("predicted_segment")
    true = np.where(predicted == 0, named, _look_up(pairs["true_segment"], predicted))
    shared = _look_up(pairs["n_shared"], predicted)
    both = overlaps[(overlaps["true_segment"] != 0) & (overlaps["predicted_segment"] != 0)]
    sums = {side: overlaps.groupby(side)["n_voxels"].sum() for side in ("true_segment", "predicted_segment")}
    counts = {side: both.groupby(side).size() for side in sums}
    n_truth = np.where(true == 0, 0, _look_up(sums["true_segment"], true))
    n_predicted = np.where(predicted == 0, 0, _look_up(sums["predicted_segment"], predicted))
    inside = np.maximum(1, _look_up(both.groupby("predicted_segment")["n_voxels"].sum(), predicted))
    return make_table(
        "segment_matches",
        {
            "true_segment": true,
            "predicted_segment": predicted,
            "segment_id": named,
            "majority_segment": _look_up(best["true_segment"], predicted),
            "n_voxels_truth": n_truth,
            "n_voxels_predicted": n_predicted,
            "n_voxels_shared": shared,
            "iou": shared / np.maximum(1, n_truth + n_predicted - shared),
            "n_overlaps_truth": _look_up(counts["true_segment"], true),
            "n_overlaps_predicted": _look_up(counts["predicted_segment"], predicted),
            "purity": _look_up(best["n_shared"], predicted) / inside,
        },
    )


def _look_up(values: pd.Series[Any], ids: _Ids) -> npt.NDArray[Any]:
    """Values by id, 0 where there is none; ids that are values stay whole numbers."""
    known, found = values.index.to_numpy(np.uint64), values.to_numpy()
    order = np.argsort(known)
    at = np.minimum(np.searchsorted(known, ids, sorter=order), max(0, len(known) - 1))
    if not len(known):
        return np.zeros(len(ids), found.dtype)
    return np.where(known[order[at]] == ids, found[order[at]], found.dtype.type(0))


def describe_segmentations(
    own: OwnSegmentation, touches: pd.DataFrame, tables: Mapping[str, pd.DataFrame], f1: float
) -> Measures:
    """What the two segmentations differ in, and what that does to the connections.

    Parameters
    ----------
    own : OwnSegmentation
    touches : pandas.DataFrame
        `synapse_id`, `segment_id`: what lies within reach of the prediction's synapses, under the ids of the graphs.
    tables : mapping of str to pandas.DataFrame
        Of the evaluation: links, edges, "synapse_matches".
    f1 : float
        Of the edges, with segments matched one to one.

    Returns
    -------
    Measures
        The block "segmentation_matching"; the tables "segment_matches", "segment_overlaps", "segment_terminals",
        "neuron_integrity", "segments_predicted".
    """
    old, names = own.segments["segment_id"].to_numpy(), own.names
    terminals = count_terminals(
        tables["links_truth"],
        tables["links_predicted"],
        matches=tables["synapse_matches"],
        touches=touches[touches["segment_id"].isin(kept_ids(own.named))],
        overlaps=own.overlaps.assign(predicted_segment=_rename(own.overlaps["predicted_segment"], old, names)),
    )
    columns = {str(name): terminals[name].to_numpy() for name in terminals}
    columns["predicted_segment"] = own.restore(columns["predicted_segment"])
    terminals = make_table("segment_terminals", columns)
    integrity = score_terminals(terminals)
    block = {
        **own.match.to_dict(),
        **compare_segmentations(own.overlaps).to_dict(),
        "majority": _score_majority(own, tables, f1),
        "nri": integrity.to_dict(),
        **_describe_run_length(own.run_length),
        "largest_splits": _list_largest(own, "true_segment", "predicted_segment"),
        "largest_merges": _list_largest(own, "predicted_segment", "true_segment"),
    }
    added = {
        "segments_predicted": own.segments,
        "segment_overlaps": own.overlaps,
        "segment_matches": own.matches,
        "segment_terminals": terminals,
        "neuron_integrity": integrity.table,
    }
    return Measures({"segmentation_matching": block}, added)


def _describe_run_length(found: RunLength | None) -> dict[str, Any]:
    return undefined("run_length", "no skeletons were given") if found is None else {"run_length": found.to_dict()}


def _order(old: Any, new: Any) -> tuple[_Ids, _Ids]:
    """Names by ascending old id, without 0."""
    before, after = np.asarray(old, np.uint64), np.asarray(new, np.uint64)
    order = np.argsort(before)
    order = order[before[order] != 0]
    return before[order], after[order]


def _score_majority(own: OwnSegmentation, tables: Mapping[str, pd.DataFrame], f1: float) -> dict[str, Any]:
    """Edges if every predicted segment counted as the true one that it overlaps most."""
    rows = own.matches[own.matches["predicted_segment"] != 0]
    main = np.where(rows["majority_segment"] == 0, rows["segment_id"], rows["majority_segment"])
    names = _order(rows["segment_id"], main)
    links = tables["links_predicted"]
    ends = [_rename(links[end], *names) for end in ("source", "target")]
    if not links["directed"].any():
        ends = [np.minimum(*ends), np.maximum(*ends)]
    edges = build_edges(links.assign(source=ends[0], target=ends[1]))
    directed = bool(tables["links_truth"]["directed"].any() or links["directed"].any())
    score = compare_edges(align(tables["edges_truth"], edges, nodes=kept_ids(own.nodes), directed=directed))
    reason = {"f1_difference": "an F1 is not defined"}
    return {**score.to_dict(), **explain_missing({"f1_difference": score.f1 - f1}, reason)}


def _list_largest(own: OwnSegmentation, whole: str, part: str) -> list[dict[str, Any]]:
    """Segments with most voxels beyond their largest part, and their largest parts; by place in the other side."""
    kept = np.isin(own.overlaps["true_segment"], kept_ids(own.nodes))
    kept &= np.isin(own.overlaps["predicted_segment"], kept_ids(own.segments))
    parts = own.overlaps[kept].sort_values([whole, "n_voxels", part], ascending=[True, False, True])
    groups = parts.groupby(whole)["n_voxels"]
    beyond = groups.sum() - groups.first()
    ranked = beyond[beyond > 0].sort_values(ascending=False, kind="stable").head(N_LARGEST)
    return [_describe_parts(parts[parts[whole] == number], whole, part) for number in ranked.index]


def _describe_parts(rows: pd.DataFrame, whole: str, part: str) -> dict[str, Any]:
    named = rows.head(N_PARTS)
    voxels = rows["n_voxels"]
    return {
        "segment": str(int(rows[whole].iloc[0])),
        "n_voxels": int(voxels.sum()),
        "n_voxels_beyond_largest": int(voxels.sum() - voxels.iloc[0]),
        "n_parts": len(rows),
        "parts": [
            {"segment": str(int(number)), "n_voxels": int(count)}
            for number, count in zip(named[part], named["n_voxels"], strict=True)
        ],
    }
