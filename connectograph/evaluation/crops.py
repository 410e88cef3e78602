"""What the volumes look like at the worst errors: small pieces, kept with the run for its report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from connectograph.io.lazy import Box, read_boxes
from connectograph.runs import RunLabels
from connectograph.volumes import BACKGROUND, Shape, Volume

if TYPE_CHECKING:
    from connectograph.evaluation.result import Evaluation

__all__ = ["cut_crops"]

_WIDTH_NM = 1000.0
_MOST_PIXELS = 150
_PLANES = 3
_OTHERS = 8
"""Shades by which segments are told apart that are not part of the error."""


def cut_crops(evaluation: Evaluation) -> dict[str, npt.NDArray[Any]] | None:
    """Three sections around each of the worst errors, thinned out to screen size.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    dict of str to array, or None
        None without volumes or errors. For E errors: "source", "target" (E,) uint64; "origin" (E, 3) int64, the first
        voxel; "step", voxels between pixels in y and x; "segments" (E, Z, Y, X) uint8: 0 background, 1 the source,
        2 the target, from 3 on other segments, by shade; "truth", "predicted" (E, Z, Y, X) bool; "raw" where given.
    """
    volume = evaluation.volumes.get("segmentation")
    errors = [error for error in evaluation.report["worst_errors"] or () if error.get("voxel") is not None]
    if volume is None or not errors:
        return None
    window = _choose_window(volume)
    step = max(1, -(-max(window[1:]) // _MOST_PIXELS))
    origins = [_place_window(error["voxel"], window, volume.shape) for error in errors]
    boxes = [_make_box(origin, window) for origin in origins]
    ids = {end: np.array([int(error[end]) for error in errors], np.uint64) for end in ("source", "target")}
    labels = _read(volume, boxes, step)
    crops = {**ids, "origin": np.array(origins, np.int64), "step": np.array(step)}
    crops["segments"] = np.stack([_shade(*each) for each in zip(labels, ids["source"], ids["target"], strict=True)])
    for role, synapses in evaluation.synapses.items():
        painted = RunLabels(synapses.shape, synapses.starts, synapses.lengths, synapses.ids[synapses.codes])
        masks = [painted[box] != 0 for box in boxes]
        if len(synapses.lengths) and synapses.lengths.max() == 1:
            masks = [_enlarge_points(mask) for mask in masks]
        crops[role] = np.stack([mask[:, ::step, ::step] for mask in masks])
    if "raw" in evaluation.volumes:
        crops["raw"] = np.stack(_read(evaluation.volumes["raw"], boxes, step))
    return crops


def _choose_window(volume: Volume) -> Shape:
    """Voxels of a crop: a few sections, and as many nanometres in y as in x."""
    depth, height, width = volume.shape
    y, x = (max(16, round(_WIDTH_NM / size)) for size in volume.voxel_size[1:])
    return min(_PLANES, depth), min(y, height), min(x, width)


def _place_window(voxel: Sequence[int], window: Shape, shape: Shape) -> list[int]:
    """The first voxel of a window around a voxel, moved into the volume where it would leave it."""
    return [
        int(np.clip(index - side // 2, 0, size - side)) for index, side, size in zip(voxel, window, shape, strict=True)
    ]


def _make_box(origin: Sequence[int], window: Shape) -> Box:
    z, y, x = (slice(start, start + side) for start, side in zip(origin, window, strict=True))
    return z, y, x


def _read(volume: Volume, boxes: Sequence[Box], step: int) -> list[npt.NDArray[Any]]:
    labels = volume.labels
    parts = [labels[box] for box in boxes] if isinstance(labels, np.ndarray) else read_boxes(labels, boxes)
    return [part[:, ::step, ::step] for part in parts]


def _enlarge_points(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Annotated points as discs of a few voxels, so that they can be seen."""
    from scipy.ndimage import binary_dilation, generate_binary_structure

    disc = generate_binary_structure(3, 1)
    disc[[0, 2]] = False
    enlarged: npt.NDArray[np.bool_] = binary_dilation(mask, disc, iterations=3)
    return enlarged


def _shade(labels: npt.NDArray[Any], source: np.uint64, target: np.uint64) -> npt.NDArray[np.uint8]:
    """Codes of segments: 0 background, 1 source, 2 target, else a fixed shade by id."""
    ids = labels.astype(np.uint64)
    spread = ids * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(61)
    codes = (3 + spread % np.uint64(_OTHERS)).astype(np.uint8)
    for code, chosen in enumerate((BACKGROUND, (source,), (target,))):
        codes[np.isin(ids, np.array(chosen, np.uint64))] = code
    return codes
