"""What instruments and networks would show of a phantom: a raw image and a heat map."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError
from connectograph.synthetic._blobs import list_faces, read_whole
from connectograph.volumes import BACKGROUND, Volume, check_same_grid

__all__ = ["render_heatmap", "render_raw"]

CYTOPLASM, MEMBRANE, CLEFT = 165.0, 70.0, 35.0
"""Grey values of the raw image before blur and noise."""


def render_heatmap(
    predicted: Volume,
    *,
    invented: Iterable[int] = (),
    threshold: int = 128,
    rng: int | np.random.Generator = 0,
) -> Volume:
    """Heat map of a prediction: at `threshold` and above, exactly the predicted voxels.

    Parameters
    ----------
    predicted : Volume
        Synapse labels; background 0.
    invented : iterable of int
        Labels of the synapses that are not real: they score lower on average.
    threshold : int
        Lowest value inside a synapse, 32 to 192; outside it is lower.
    rng : int or numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    Volume
        uint8; each synapse has its own level, highest in its middle, and a halo that fades away around it.

    Raises
    ------
    InputError
        If the threshold leaves no room above or below.

    Examples
    --------
    >>> labels = np.zeros((1, 20, 20), "uint16")
    >>> labels[0, 5:9, 5:15] = 1
    >>> heat = render_heatmap(Volume(labels, voxel_size=(40, 4, 4)), rng=0)
    >>> bool(((heat.labels >= 128) == (labels == 1)).all())
    True
    """
    if not 32 <= threshold <= 192:
        raise InputError(f"threshold is {threshold!r}; expected 32 to 192, so that values fit on both sides in uint8.")
    rng = np.random.default_rng(rng)
    labels = read_whole(predicted)
    levels = _draw_levels(int(labels.max(initial=0)), list(invented), rng)
    heat = np.empty(labels.shape, np.uint8)
    for plane, out in zip(labels, heat, strict=True):
        out[...] = _heat_plane(plane, levels, threshold, rng)
    return Volume(heat, predicted.voxel_size, predicted.offset, "synthetic heat map")


def _draw_levels(count: int, invented: list[int], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """How far above the threshold each label rises, 0.05 to 1; background 0."""
    levels = rng.normal(0.7, 0.15, count + 1)
    levels[invented] -= 0.35
    levels = np.clip(levels, 0.05, 1.0)
    levels[0] = 0.0
    return levels.astype(np.float32)


def _heat_plane(
    plane: npt.NDArray[Any], levels: npt.NDArray[np.float32], threshold: int, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    from scipy import ndimage

    floor = rng.integers(0, 16, plane.shape, dtype=np.uint8)
    inside = plane != 0
    if not inside.any():
        return floor
    blurred = ndimage.gaussian_filter(inside.astype(np.float32), 2.0)
    above = threshold + (255 - threshold) * levels[plane] * (0.6 + 0.4 * blurred) - floor
    below = floor + (threshold - 32) * np.minimum(1, 2 * blurred)
    heat: npt.NDArray[np.uint8] = np.where(
        inside, np.clip(above, threshold, 255), np.minimum(below, threshold - 1)
    ).astype(np.uint8)
    return heat


def render_raw(segmentation: Volume, truth: Volume, *, rng: int | np.random.Generator = 0) -> Volume:
    """Grey image in the manner of an electron micrograph: dark membranes, darker clefts, noise.

    Parameters
    ----------
    segmentation : Volume
        Segments, each of a slightly different grey.
    truth : Volume
        Synaptic clefts on the same grid.
    rng : int or numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    Volume
        uint8.

    Raises
    ------
    InputError
        If the grids differ.

    Examples
    --------
    >>> labels = np.ones((1, 20, 20), "uint64")
    >>> labels[:, :, 10:] = 2
    >>> volume = Volume(labels, voxel_size=(40, 4, 4))
    >>> raw = render_raw(volume, Volume(labels * 0, voxel_size=(40, 4, 4)), rng=0)
    >>> raw.dtype, bool(raw.labels[0, :, 10].mean() < raw.labels[0, :, 3].mean())
    (dtype('uint8'), True)
    """
    check_same_grid(segmentation, truth)
    rng = np.random.default_rng(rng)
    tints = rng.normal(0, 10, 4096).astype(np.float32)
    raw = np.empty(segmentation.shape, np.uint8)
    for plane, clefts, out in zip(read_whole(segmentation), read_whole(truth), raw, strict=True):
        out[...] = _raw_plane(plane, clefts, tints, rng)
    return Volume(raw, segmentation.voxel_size, segmentation.offset, "synthetic raw image")


def _raw_plane(
    plane: npt.NDArray[Any], clefts: npt.NDArray[Any], tints: npt.NDArray[np.float32], rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    from scipy import ndimage

    grey = CYTOPLASM + tints[plane.astype(np.uint64) % np.uint64(len(tints))]
    faces = list_faces(plane)
    grey[faces.y, faces.x] = MEMBRANE
    grey[np.isin(plane, BACKGROUND)] = MEMBRANE
    grey[~np.isin(clefts, BACKGROUND)] = CLEFT
    texture = ndimage.gaussian_filter(rng.normal(0, 30, plane.shape).astype(np.float32), 1.5)
    grain = rng.normal(0, 9, plane.shape)
    image: npt.NDArray[np.uint8] = np.clip(ndimage.gaussian_filter(grey, 1.0) + texture + grain, 0, 255).astype(
        np.uint8
    )
    return image
