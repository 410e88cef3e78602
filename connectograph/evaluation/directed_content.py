"""What a report says of an evaluation of directed synapses besides the score, and its sites as voxels to draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from connectograph.evaluation import content
from connectograph.evaluation.directed_inputs import Inputs, volumes_of
from connectograph.evaluation.directed_sites import DirectedSide, Sites
from connectograph.evaluation.provenance import describe_notices
from connectograph.evaluation.segmentations import OwnSegmentation
from connectograph.evaluation.settings import Settings
from connectograph.evaluation.sides import NO_PREDICTION, list_absent
from connectograph.synapses import Synapses

__all__ = ["count_excluded", "describe_inputs", "list_notices", "merge_ends"]


def count_excluded(
    sides: Mapping[str, DirectedSide], segments: pd.DataFrame, pieces: pd.DataFrame | None
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
    pre, post = (end.voxels.excluded for end in side.sites.ends)
    return int(pre.get(name, 0)) + (0 if pre is post else int(post.get(name, 0)))


def describe_inputs(
    inputs: Inputs, sides: Mapping[str, DirectedSide], segments: pd.DataFrame, own: OwnSegmentation | None
) -> dict[str, Any]:
    """The block "inputs"."""
    blocks: dict[str, Any] = {"segmentation": content.describe_grid(inputs["segmentation"], len(segments))}
    for role, side in sides.items():
        sites = side.sites
        blocks[role] = {
            "form": "masks" if sites.are_masks else "points",
            "n_synapses": len(sites.points),
            "n_pre_sites": sites.pre.n_sites,
            "n_post_sites": sites.post.n_sites,
        }
    if "predicted" not in sides:
        blocks.update(content.undefined("predicted", NO_PREDICTION))
    return {**blocks, **({} if own is None else own.describe_inputs(inputs))}


def list_notices(
    inputs: Inputs, settings: Settings, sides: Mapping[str, DirectedSide], segments: pd.DataFrame
) -> list[str]:
    """What a user should know beside the numbers."""
    said = [notice for side in sides.values() for notice in side.notices]
    return [*describe_notices(volumes_of(inputs)), *said, *list_absent(settings, segments)]


def merge_ends(sites: Sites) -> Synapses:
    """Both ends as one volume to draw: presynaptic sites are 1, postsynaptic ones 2."""
    pre, post = (end.voxels for end in sites.ends)
    starts = np.concatenate([pre.starts, post.starts])
    order = np.argsort(starts, kind="stable")
    ends = np.repeat([0, 1], [len(pre.starts), len(post.starts)])
    return replace(
        pre,
        ids=np.array([1, 2], np.uint64),
        starts=starts[order],
        lengths=np.concatenate([pre.lengths, post.lengths])[order],
        codes=ends[order].astype(np.int64),
        heat=None,
        excluded={},
        notices=(),
    )
