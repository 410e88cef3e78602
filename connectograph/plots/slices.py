"""One plane of the volumes: segments in fixed colours, synapses as outlines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from connectograph.plots.style import COLOURS, RASTER_LIMIT, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["OUTLINES", "colour_labels", "encase", "outline_mask", "plot_slices"]

OUTLINES: dict[str, tuple[str, Any]] = {"truth": ("truth", "solid"), "predicted": ("prediction", (0, (2.4, 1.2)))}
"""Name and dashes of the outline of each side's synapses."""


def colour_labels(labels: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """Colours of segments by a fixed hash of their ids, the same in every picture; background is almost black.

    Parameters
    ----------
    labels : (Y, X) array of uint64
        Segment ids, 0 = background.

    Returns
    -------
    (Y, X, 3) array of uint8

    Examples
    --------
    >>> colour_labels(np.array([[0, 7, 7]], "uint64"))[0].tolist()
    [[16, 18, 22], [116, 168, 101], [116, 168, 101]]
    """
    spread = labels.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    colours = _palette()[(spread >> np.uint64(56)).astype(np.intp)]
    colours[labels == 0] = (16, 18, 22)
    return colours


def plot_slices(
    slices: Mapping[str, Any],
    *,
    voxel_size: tuple[float, float] | None = None,
    offset: tuple[float, float] = (0.0, 0.0),
    ax: Axes | None = None,
) -> Axes:
    """Draw a plane of the segmentation with the true synapses outlined solid and the predicted ones dashed.

    Parameters
    ----------
    slices : mapping
        "segmentation" (Y, X) uint64, "step" (voxels between its pixels), and where there are "truth", "predicted"
        (Y, X) uint64 with 0 = background, "raw" (Y, X) uint8.
    voxel_size : tuple of 2 floats, optional
        (y, x) in nm; axes are then in µm, otherwise in voxels.
    offset : tuple of 2 floats
        (y, x) of the volume's corner in nm.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        One image, and one set of contours for each side that has synapses in the plane.

    Examples
    --------
    >>> labels = np.arange(16, dtype="uint64").reshape(4, 4)
    >>> plot_slices({"segmentation": labels, "step": 2}, voxel_size=(4.0, 4.0)).get_xlabel()
    'x (µm)'
    """
    ax = new_axes(ax)
    step = int(slices.get("step", 1))
    unit = 1.0 if voxel_size is None else 1e-3
    size = np.array([1.0, 1.0] if voxel_size is None else voxel_size) * step * unit
    corner = np.array([0.0, 0.0] if voxel_size is None else offset) * unit
    _draw_segments(ax, slices, size, corner)
    for side, (label, dashes) in OUTLINES.items():
        if side in slices:
            outline_mask(ax, np.asarray(slices[side]) != 0, size, corner, COLOURS[f"{side}_outline"], dashes)
            ax.plot([], [], color=COLOURS[f"{side}_outline"], linestyle=dashes, label=label, path_effects=encase(2.0))
    name = "voxel" if voxel_size is None else "µm"
    ax.set(xlabel=f"x ({name})", ylabel=f"y ({name})")
    return ax


def _palette() -> npt.NDArray[np.uint8]:
    """256 muted colours of medium brightness, on which both outlines stand out."""
    from matplotlib.colors import hsv_to_rgb

    number = np.arange(256)
    hsv = np.stack([number * 0.618034 % 1.0, 0.22 + 0.09 * (number % 3), 0.42 + 0.08 * (number % 4)], axis=1)
    return np.asarray(np.rint(hsv_to_rgb(hsv) * 255), np.uint8)


def _draw_segments(ax: Axes, slices: Mapping[str, Any], size: Any, corner: Any) -> None:
    image = colour_labels(np.asarray(slices["segmentation"]))
    if "raw" in slices:
        raw = np.asarray(slices["raw"])[..., np.newaxis]
        image = (image * 0.35 + raw * 0.65).astype(np.uint8)
    bottom, right = corner + size * image.shape[:2]
    ax.imshow(image, extent=(corner[1], right, bottom, corner[0]), interpolation="nearest", aspect="equal")


def outline_mask(
    ax: Axes,
    mask: npt.NDArray[np.bool_],
    size: npt.NDArray[np.float64],
    corner: npt.NDArray[np.float64],
    colour: str,
    dashes: Any,
    linewidth: float = 1.0,
) -> None:
    """Draw the border of a mask whose pixels have a `size` and whose first pixel starts at `corner`, both (y, x)."""
    if not mask.any():
        return
    from contourpy import contour_generator
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    padded = np.pad(mask, 1).astype(np.float32)
    y, x = (corner[axis] + size[axis] * (np.arange(padded.shape[axis]) - 0.5) for axis in (0, 1))
    found: Any = contour_generator(x, y, padded, line_type="SeparateCode").lines(0.5)
    corners = np.concatenate(found[0])
    path = Path(corners, np.concatenate(found[1]))
    # Axes.contour draws the same line, in twenty times the time
    ax.add_artist(
        PathPatch(
            path, fill=False, edgecolor=colour, linewidth=linewidth, linestyle=dashes, joinstyle="round",
            path_effects=encase(linewidth + 1.0), rasterized=len(corners) > RASTER_LIMIT,
        )
    )  # fmt: skip


def encase(linewidth: float) -> list[Any]:
    """A thin black edge on both sides of a line or around letters."""
    from matplotlib.patheffects import Normal, Stroke

    return [Stroke(linewidth=linewidth, foreground="black"), Normal()]
