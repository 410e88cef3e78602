"""The surroundings of one error: three sections side by side, with truth, prediction and partners outlined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from connectograph.plots.slices import OUTLINES, encase, outline_mask
from connectograph.plots.style import COLOURS, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["choose_scale", "plot_crop"]

_GAP = 0.03
_SCALES_NM = (5000, 2000, 1000, 500, 200, 100, 50, 20, 10, 5, 2, 1)
_OTHERS = np.linspace(40, 90, 8).astype(np.uint8)
_PARTNERS = {1: "solid", 2: "dotted"}


def choose_scale(width_nm: float) -> int:
    """Length of a scale bar: the largest round number of nanometres within a third of the picture.

    Examples
    --------
    >>> choose_scale(1200.0), choose_scale(90.0)
    (200, 20)
    """
    return next((scale for scale in _SCALES_NM if 3 * scale <= width_nm), _SCALES_NM[-1])


def plot_crop(crop: Mapping[str, Any], *, voxel_size: tuple[float, float, float], ax: Axes | None = None) -> Axes:
    """Draw the sections around an error, the true synapses outlined solid and the predicted ones dashed.

    Parameters
    ----------
    crop : mapping
        "origin" (3,), the first voxel; "step", voxels between pixels; "segments" (Z, Y, X) uint8: 0 background, 1 the
        source, 2 the target, else other segments; "truth", "predicted" (Z, Y, X) bool and "raw" (Z, Y, X) uint8 where
        there are such.
    voxel_size : tuple of 3 floats
        (z, y, x) in nm.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        One image, in nm, with a contour for each side that has synapses there, and a bar whose label is its length.

    Examples
    --------
    >>> crop = {"origin": (4, 0, 0), "step": 1, "segments": np.ones((3, 100, 100), "uint8")}
    >>> ax = plot_crop(crop, voxel_size=(40.0, 4.0, 4.0))
    >>> [text.get_text() for text in ax.texts]
    ['z = 4', 'z = 5', 'z = 6', '100 nm']
    """
    ax = new_axes(ax)
    segments = np.asarray(crop["segments"])
    pixel = np.array(voxel_size[1:]) * int(crop["step"])
    depth, height, width = segments.shape
    gap = max(1, round(_GAP * width))
    canvas = np.stack([_join(layer, gap, 255) for layer in np.moveaxis(_colour(crop), -1, 0)], axis=-1)
    total_nm, height_nm = pixel[1] * canvas.shape[1], pixel[0] * height
    ax.imshow(canvas, extent=(0, total_nm, height_nm, 0), interpolation="nearest", aspect="equal")
    corner = np.zeros(2)
    if "raw" in crop:
        for code, dashes in _PARTNERS.items():
            outline_mask(ax, _join(segments == code, gap, False), pixel, corner, "white", dashes, 0.5)
    for side, (_, dashes) in OUTLINES.items():
        if side in crop:
            mask = _join(np.asarray(crop[side]), gap, False)
            outline_mask(ax, mask, pixel, corner, COLOURS[f"{side}_outline"], dashes, 1.1)
    for index in range(depth):
        place = (pixel[1] * index * (width + gap), -0.02 * height_nm)
        ax.text(*place, f"z = {int(crop['origin'][0]) + index:,}", fontsize=6.5, va="bottom")
    _draw_scale(ax, pixel[1] * width, height_nm)
    ax.set_axis_off()
    return ax


def _join(layer: npt.NDArray[Any], gap: int, fill: Any) -> npt.NDArray[Any]:
    """Sections side by side."""
    spaced = np.pad(layer, ((0, 0), (0, 0), (0, gap)), constant_values=fill)
    return np.concatenate(list(spaced), axis=1)[:, :-gap]


def _colour(crop: Mapping[str, Any]) -> npt.NDArray[np.uint8]:
    """Grey values of the microscope, or labels: the two partners light and medium, all others dark."""
    from matplotlib.colors import to_rgb

    if "raw" in crop:
        return np.repeat(np.asarray(crop["raw"])[..., np.newaxis], 3, axis=-1).astype(np.uint8)
    palette = np.zeros((256, 3), np.uint8)
    palette[3:] = np.resize(_OTHERS, 253)[:, np.newaxis]
    for code, name in ((1, "source"), (2, "target")):
        palette[code] = np.rint(255 * np.array(to_rgb(COLOURS[name])))
    colours: npt.NDArray[np.uint8] = palette[np.asarray(crop["segments"])]
    return colours


def _draw_scale(ax: Axes, width_nm: float, height_nm: float) -> None:
    length, left, low = choose_scale(width_nm), 0.04 * width_nm, 0.95 * height_nm
    ax.plot(
        [left, left + length], [low, low], color="white", linewidth=2.0, solid_capstyle="butt",
        label=f"{length:,} nm", path_effects=encase(4.0),
    )  # fmt: skip
    ax.text(
        left, low - 0.04 * height_nm, f"{length:,} nm", fontsize=6.5, color="white", va="bottom",
        path_effects=encase(1.5),
    )  # fmt: skip
