"""Presynaptic and postsynaptic sites of one side: read, placed in segments, linked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.contacts import dilation_offsets
from connectograph.evaluation.directed_inputs import Inputs
from connectograph.evaluation.settings import Settings
from connectograph.graphs import build_edges
from connectograph.io.points import SynapsePoints
from connectograph.lookup import find_segments_at, voxels_at
from connectograph.partners import attach_points, choose_segments, link_points, pair_sites
from connectograph.runs import expand
from connectograph.segments import kept_ids
from connectograph.synapses import Synapses, label_synapses
from connectograph.volumes import Volume

__all__ = ["DirectedSide", "Sites", "connect_sites", "read_sites", "share_voxels"]

_Ids: TypeAlias = npt.NDArray[np.uint64]

ENDS = ("pre", "post")
_NAMED = 5
"""Ids named in a notice."""


@dataclass(frozen=True, eq=False)
class Sites:
    """The sites of truth or prediction.

    Attributes
    ----------
    points : pandas.DataFrame
        The table "synapse_points".
    pre, post : Synapses
        The sites' voxels by site id; of a point, the voxel it lies in.
    lone : (K,) array of uint64
        Sites without a partner: no synapse.
    are_masks : bool
        Masks instead of points.
    """

    points: pd.DataFrame
    pre: Synapses
    post: Synapses
    lone: _Ids
    are_masks: bool


@dataclass(frozen=True, eq=False)
class DirectedSide:
    """Truth or prediction: sites with their segments, tables, what was counted, what a user should know."""

    sites: Sites
    tables: dict[str, pd.DataFrame]
    excluded: dict[str, int]
    notices: list[str]


def read_sites(role: str, inputs: Inputs, settings: Settings, truth: Sites | None, workers: int | None) -> Sites:
    """The sites of one side, from points or masks; the prediction's masks leave out what the truth ignores."""
    source, segmentation = inputs[role], inputs["segmentation"]
    if isinstance(source, SynapsePoints):
        pre, post = (_place_points(source.table, end, segmentation) for end in ENDS)
        return Sites(source.table, pre, post, source.lone_sites, are_masks=False)
    pre, post = _read_masks(role, inputs, settings, truth, workers)
    offsets = dilation_offsets(settings.dilation, settings.dilation_nm, segmentation.voxel_size)
    points = pair_sites(pre, post, offsets, workers=workers)
    lone = [np.setdiff1d(each.ids, points[f"{end}_site_id"]) for each, end in zip((pre, post), ENDS, strict=True)]
    return Sites(points, pre, post, np.concatenate(lone), are_masks=True)


def connect_sites(
    role: str,
    sites: Sites,
    touches: Iterable[pd.DataFrame],
    segmentation: Volume,
    segments: pd.DataFrame,
    settings: Settings,
    workers: int | None,
) -> DirectedSide:
    """From sites to edges; `touches` says how many voxels of each site of a mask lie in which segment."""
    kept, points = kept_ids(segments), sites.points
    excluded, notices = {f"{role}_lone_sites": len(sites.lone)}, []
    if len(sites.lone):
        notices.append(f"{role}: {len(sites.lone)} sites have no partner and are no synapse: {_name_some(sites.lone)}")
    if sites.are_masks:
        for end, table in zip(ENDS, touches, strict=True):
            chosen = choose_segments(points[f"{end}_site_id"].to_numpy(), table, kept)
            points = points.assign(**{f"{end}_segment": chosen})
    else:
        points, counts, said = _look_up(role, points, segmentation, workers)
        excluded, notices = {**excluded, **counts}, [*notices, *said]
    links = link_points(points, kept, min_contact_voxels=settings.min_contact_voxels)
    known = (points["pre_segment"] > 0) & (points["post_segment"] > 0)
    both = points["pre_segment"].isin(kept) & points["post_segment"].isin(kept)
    tables = {
        f"synapse_points_{role}": points,
        f"synapses_{role}": attach_points(points, links, kept, voxel_volume=segmentation.voxel_volume),
        f"links_{role}": links,
        f"edges_{role}": build_edges(links),
    }
    excluded[f"{role}_pairs_filtered"] = int((known & ~both).sum())
    return DirectedSide(replace(sites, points=points), tables, excluded, notices)


def share_voxels(truth: Sites, predicted: Sites, missing: _Ids, invented: _Ids) -> tuple[int, int]:
    """How many of the synapses named share a site's voxel with one named of the other side."""
    here, there = _voxels_of(truth, missing), _voxels_of(predicted, invented)
    both = here.merge(there, on=["end", "voxel"])
    return both["synapse_id_x"].nunique(), both["synapse_id_y"].nunique()


def _voxels_of(sites: Sites, synapse_ids: _Ids) -> pd.DataFrame:
    """`end, voxel, synapse_id` of the sites of some synapses."""
    points, parts = sites.points[sites.points["synapse_id"].isin(synapse_ids)], []
    for end, voxels in zip(ENDS, (sites.pre, sites.post), strict=True):
        sites_of = points[[f"{end}_site_id", "synapse_id"]].set_axis(["site", "synapse_id"], axis=1)
        owner = np.repeat(voxels.ids[voxels.codes], voxels.lengths)
        table = pd.DataFrame({"site": owner, "voxel": expand(voxels.starts, voxels.lengths)})
        parts.append(table.merge(sites_of, on="site").assign(end=end))
    return pd.concat(parts, ignore_index=True)[["end", "voxel", "synapse_id"]]


def _look_up(
    role: str, points: pd.DataFrame, segmentation: Volume, workers: int | None
) -> tuple[pd.DataFrame, dict[str, int], list[str]]:
    """The segments at both ends; points outside the volume or on background are counted and named."""
    positions = np.concatenate([points[[f"{end}_{axis}_nm" for axis in "zyx"]].to_numpy() for end in ENDS])
    ids, inside = find_segments_at(segmentation, positions, workers=workers)
    counts: dict[str, int] = {}
    notices = []
    given = np.concatenate([points[f"{end}_segment"].to_numpy() for end in ENDS])
    n_other = int(((given != ids) & (given > 0)).sum())
    if n_other:
        notices.append(f"{role}: {n_other} points lie in another segment than the table says; the segmentation counts")
    kinds = {"outside": (~inside, "outside the volume"), "on_background": (inside & (ids == 0), "on background")}
    for key, (chosen, words) in kinds.items():
        for end, rows in zip(ENDS, np.split(chosen, 2), strict=True):
            found = np.unique(points[f"{end}_site_id"].to_numpy()[rows])
            counts[f"{role}_{end}_sites_{key}"] = len(found)
            if len(found):
                notices.append(f"{role}: {len(found)} {end}synaptic points are {words}: sites {_name_some(found)}")
    pre, post = np.split(ids, 2)
    return points.assign(pre_segment=pre, post_segment=post), counts, notices


def _name_some(ids: _Ids) -> str:
    shown = ", ".join(str(site) for site in ids[:_NAMED].tolist())
    return shown if len(ids) <= _NAMED else f"{shown} and {len(ids) - _NAMED} more"


def _place_points(points: pd.DataFrame, end: str, segmentation: Volume) -> Synapses:
    """The voxels that the points of one end lie in; a point outside the volume has none."""
    first = points.drop_duplicates(f"{end}_site_id").sort_values(f"{end}_site_id")
    positions = first[[f"{end}_{axis}_nm" for axis in "zyx"]].to_numpy()
    voxels = voxels_at(segmentation, positions)
    inside = np.flatnonzero(np.all((voxels >= 0) & (voxels < np.array(segmentation.shape)), axis=1))
    _, height, width = segmentation.shape
    starts = (voxels[inside, 0] * height + voxels[inside, 1]) * width + voxels[inside, 2]
    order = np.argsort(starts, kind="stable")
    return Synapses(
        name="",
        form="points",
        shape=segmentation.shape,
        voxel_size=segmentation.voxel_size,
        offset=segmentation.offset,
        ids=first[f"{end}_site_id"].to_numpy(),
        starts=starts[order],
        lengths=np.ones(len(order), np.int32),
        codes=inside[order],
        heat=None,
        ignored=(np.zeros(0, np.int64), np.zeros(0, np.int32)),
        excluded={},
    )


def _read_masks(
    role: str, inputs: Inputs, settings: Settings, truth: Sites | None, workers: int | None
) -> tuple[Synapses, Synapses]:
    """Presynaptic and postsynaptic sites of two volumes, or of one with odd and even ids."""
    how: dict[str, Any] = {"workers": workers}
    if role == "predicted":
        how |= {"threshold": settings.threshold, "min_synapse_voxels": settings.min_synapse_voxels}
        how["form"] = settings.predicted_form
    ignore = (truth.pre, truth.post) if truth is not None else (None, None)
    if f"{role}_post" in inputs:
        volumes = (inputs[role], inputs[f"{role}_post"])
        pre, post = (label_synapses(volume, ignore=mask, **how) for volume, mask in zip(volumes, ignore, strict=True))
        return pre, post
    both = label_synapses(inputs[role], ignore=ignore[0], **{**how, "form": "labels", "threshold": None})
    odd = both.ids % np.uint64(2) == 1
    return _take(both, odd), _take(both, ~odd)


def _take(synapses: Synapses, chosen: npt.NDArray[np.bool_]) -> Synapses:
    """Some of the instances of a volume of labels."""
    stays = chosen[synapses.codes]
    return replace(
        synapses,
        ids=synapses.ids[chosen],
        starts=synapses.starts[stays],
        lengths=synapses.lengths[stays],
        codes=(np.cumsum(chosen) - 1)[synapses.codes[stays]],
    )
