"""Presynaptic and postsynaptic sites of one side: read, placed in segments, linked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.blocks import Engine
from connectograph.contacts import dilation_offsets
from connectograph.evaluation.directed_inputs import Inputs
from connectograph.evaluation.settings import Settings
from connectograph.graphs import build_edges
from connectograph.io.points import SynapsePoints
from connectograph.lookup import voxels_at
from connectograph.partners import attach_points, choose_segments, link_points, pair_sites
from connectograph.runs import expand
from connectograph.segments import kept_ids
from connectograph.synapses import Synapses, label_synapses
from connectograph.volumes import Volume

__all__ = ["ENDS", "DirectedSide", "End", "Sites", "connect_sites", "link_sites", "read_sites", "share_voxels"]

_Ids: TypeAlias = npt.NDArray[np.uint64]

ENDS = ("pre", "post")
_NAMED = 5
"""Ids named in a notice."""


@dataclass(frozen=True, eq=False)
class End:
    """The voxels of the presynaptic or of the postsynaptic sites.

    Attributes
    ----------
    voxels : Synapses
        By site id; of points, every voxel that holds one, by its linear index plus 1.
    places : (N,) array of uint64
        The id in `voxels` of each synapse; 0 of a point outside the volume.
    n_sites : int
    """

    voxels: Synapses
    places: _Ids
    n_sites: int


@dataclass(frozen=True, eq=False)
class Sites:
    """The sites of truth or prediction.

    Attributes
    ----------
    points : pandas.DataFrame
        The table "synapse_points".
    pre, post : End
    lone : (K,) array of uint64
        Sites without a partner: no synapse.
    are_masks : bool
        Masks instead of points.
    """

    points: pd.DataFrame
    pre: End
    post: End
    lone: _Ids
    are_masks: bool

    @property
    def ends(self) -> tuple[End, End]:
        """Presynaptic, postsynaptic."""
        return self.pre, self.post

    def place(self, touches: Sequence[pd.DataFrame], kept: _Ids) -> pd.DataFrame:
        """The table "synapse_points" with the segments at both ends, from what each end's voxels touch."""
        found = {
            f"{name}_segment": choose_segments(end.places, table, kept)
            for name, end, table in zip(ENDS, self.ends, touches, strict=True)
        }
        return self.points.assign(**found)


@dataclass(frozen=True, eq=False)
class DirectedSide:
    """Truth or prediction: sites with their segments, tables, what was counted, what a user should know."""

    sites: Sites
    tables: dict[str, pd.DataFrame]
    excluded: dict[str, int]
    notices: list[str]


def read_sites(role: str, inputs: Inputs, settings: Settings, truth: Sites | None, engine: Engine) -> Sites:
    """The sites of one side, from points or masks; the prediction's masks leave out what the truth ignores."""
    source, segmentation = inputs[role], inputs["segmentation"]
    if isinstance(source, SynapsePoints):
        pre, post = (_place_points(source.table, end, segmentation) for end in ENDS)
        return Sites(source.table, pre, post, source.lone_sites, are_masks=False)
    masks = _read_masks(role, inputs, settings, truth, engine)
    offsets = dilation_offsets(settings.dilation, settings.dilation_nm, segmentation.voxel_size)
    points = pair_sites(*masks, offsets, engine=engine.at(f"{role}-pairs"))
    of_synapse = [points[f"{end}_site_id"].to_numpy() for end in ENDS]
    lone = [np.setdiff1d(mask.ids, ids) for mask, ids in zip(masks, of_synapse, strict=True)]
    pre, post = (End(mask, ids, len(mask)) for mask, ids in zip(masks, of_synapse, strict=True))
    return Sites(points, pre, post, np.concatenate(lone), are_masks=True)


def connect_sites(
    role: str,
    sites: Sites,
    touches: Sequence[pd.DataFrame],
    segments: pd.DataFrame,
    settings: Settings,
    stored: Callable[[_Ids], _Ids] = lambda ids: ids,
) -> DirectedSide:
    """From sites to edges.

    Parameters
    ----------
    role : {"truth", "predicted"}
    sites : Sites
    touches : sequence of 2 DataFrames
        `synapse_id, segment_id, n_voxels`: how many voxels of each end's sites lie in which segment.
    segments : pandas.DataFrame
        The table "segments", under the same ids.
    settings : Settings
    stored : callable, optional
        From these ids to those in the volume, if they are not the same.

    Returns
    -------
    DirectedSide
    """
    points, links = link_sites(sites, touches, segments, settings)
    kept = kept_ids(segments)
    excluded, notices = {f"{role}_lone_sites": len(sites.lone)}, []
    if len(sites.lone):
        notices.append(f"{role}: {len(sites.lone)} sites have no partner and are no synapse: {_name_some(sites.lone)}")
    if sites.are_masks:
        said = dict.fromkeys(notice for end in sites.ends for notice in end.voxels.notices)  # of one volume: once
        notices += [f"{role}: {notice}" for notice in said]
    else:
        counts, named = _count_places(role, sites, points, stored)
        excluded, notices = {**excluded, **counts}, [*notices, *named]
    known = (points["pre_segment"] > 0) & (points["post_segment"] > 0)
    both = points["pre_segment"].isin(kept) & points["post_segment"].isin(kept)
    volume = float(np.prod(sites.pre.voxels.voxel_size))
    tables = {
        f"synapse_points_{role}": points,
        f"synapses_{role}": attach_points(points, links, kept, voxel_volume=volume),
        f"links_{role}": links,
        f"edges_{role}": build_edges(links),
    }
    excluded[f"{role}_pairs_filtered"] = int((known & ~both).sum())
    return DirectedSide(replace(sites, points=points), tables, excluded, notices)


def link_sites(
    sites: Sites, touches: Sequence[pd.DataFrame], segments: pd.DataFrame, settings: Settings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables "synapse_points" and "directed_links" of sites in one segmentation; see :func:`connect_sites`."""
    kept = kept_ids(segments)
    points = sites.place(touches, kept)
    return points, link_points(points, kept, min_contact_voxels=settings.min_contact_voxels)


def share_voxels(truth: Sites, predicted: Sites, missing: _Ids, invented: _Ids) -> tuple[int, int]:
    """How many of the synapses named share a site's voxel with one named of the other side."""
    here, there = _voxels_of(truth, missing), _voxels_of(predicted, invented)
    both = here.merge(there, on=["end", "voxel"])
    return both["synapse_id_x"].nunique(), both["synapse_id_y"].nunique()


def _voxels_of(sites: Sites, synapse_ids: _Ids) -> pd.DataFrame:
    """`end, voxel, synapse_id` of the sites of some synapses."""
    wanted = sites.points["synapse_id"].isin(synapse_ids).to_numpy()
    synapses, parts = sites.points["synapse_id"].to_numpy()[wanted], []
    for name, end in zip(ENDS, sites.ends, strict=True):
        voxels = end.voxels
        owner = np.repeat(voxels.ids[voxels.codes], voxels.lengths)
        table = pd.DataFrame({"place": owner, "voxel": expand(voxels.starts, voxels.lengths)})
        places = pd.DataFrame({"place": end.places[wanted], "synapse_id": synapses})
        parts.append(table.merge(places, on="place").assign(end=name))
    return pd.concat(parts, ignore_index=True)[["end", "voxel", "synapse_id"]]


def _count_places(
    role: str, sites: Sites, points: pd.DataFrame, stored: Callable[[_Ids], _Ids]
) -> tuple[dict[str, int], list[str]]:
    """Points outside the volume, on background, or elsewhere than their table says: counted and named."""
    counts: dict[str, int] = {}
    notices = []
    ids = [points[f"{name}_segment"].to_numpy() for name in ENDS]
    given = [sites.points[f"{name}_segment"].to_numpy() for name in ENDS]
    n_other = sum(int(((said != stored(here)) & (said > 0)).sum()) for said, here in zip(given, ids, strict=True))
    if n_other:
        notices.append(f"{role}: {n_other} points lie in another segment than the table says; the segmentation counts")
    outside = [end.places == 0 for end in sites.ends]
    background = [(end.places > 0) & (here == 0) for end, here in zip(sites.ends, ids, strict=True)]
    kinds = {"outside": (outside, "outside the volume"), "on_background": (background, "on background")}
    for key, (chosen, words) in kinds.items():
        for end, rows in zip(ENDS, chosen, strict=True):
            found = np.unique(points[f"{end}_site_id"].to_numpy()[rows])
            counts[f"{role}_{end}_sites_{key}"] = len(found)
            if len(found):
                notices.append(f"{role}: {len(found)} {end}synaptic points are {words}: sites {_name_some(found)}")
    return counts, notices


def _name_some(ids: _Ids) -> str:
    shown = ", ".join(str(site) for site in ids[:_NAMED].tolist())
    return shown if len(ids) <= _NAMED else f"{shown} and {len(ids) - _NAMED} more"


def _place_points(points: pd.DataFrame, name: str, segmentation: Volume) -> End:
    """The voxels that the points of one end lie in; a point outside the volume has none."""
    voxels = voxels_at(segmentation, points[[f"{name}_{axis}_nm" for axis in "zyx"]].to_numpy())
    inside = np.all((voxels >= 0) & (voxels < np.array(segmentation.shape)), axis=1)
    _, height, width = segmentation.shape
    number = (voxels[:, 0] * height + voxels[:, 1]) * width + voxels[:, 2] + 1
    places = np.where(inside, number, 0).astype(np.uint64)
    ids = np.unique(places[inside])
    found = Synapses(
        name="",
        form="points",
        shape=segmentation.shape,
        voxel_size=segmentation.voxel_size,
        offset=segmentation.offset,
        ids=ids,
        starts=ids.astype(np.int64) - 1,
        lengths=np.ones(len(ids), np.int32),
        codes=np.arange(len(ids)),
        heat=None,
        ignored=(np.zeros(0, np.int64), np.zeros(0, np.int32)),
        excluded={},
    )
    return End(found, places, points[f"{name}_site_id"].nunique())


def _read_masks(
    role: str, inputs: Inputs, settings: Settings, truth: Sites | None, engine: Engine
) -> tuple[Synapses, Synapses]:
    """Presynaptic and postsynaptic sites of two volumes, or of one with odd and even ids."""
    how: dict[str, Any] = {}
    if role != "truth":
        how |= {"threshold": settings.threshold, "min_synapse_voxels": settings.min_synapse_voxels}
        how["form"] = settings.predicted_form
    ignore = (None, None) if truth is None else tuple(end.voxels for end in truth.ends)
    if f"{role}_post" in inputs:
        names = (role, f"{role}_post")
        pre, post = (
            label_synapses(inputs[name], ignore=mask, engine=engine.at(name), **how)
            for name, mask in zip(names, ignore, strict=True)
        )
        return pre, post
    how |= {"form": "labels", "threshold": None}
    both = label_synapses(inputs[role], ignore=ignore[0], engine=engine.at(role), **how)
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
