"""Sets of voxels on contact faces: found, grown, kept apart from one another.

A blob is an (N, 3) int64 array of voxel indices (z, y, x) without repeats, sorted. Blobs on one canvas never touch,
not even at a corner, so that the connected components of their union are the blobs again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from connectograph.volumes import IGNORE, Triple, Volume

__all__ = [
    "IN_PLANE_CROSS", "Blob", "Faces", "Site", "free_voxels", "join_near", "list_blobs", "list_faces", "place_blob",
    "read_whole", "spread", "unique_voxels",
]  # fmt: skip

Array = npt.NDArray[Any]
Blob = npt.NDArray[np.int64]

IN_PLANE_CROSS = np.array([(0, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1)])

MIN_VOXELS = 8
"""Smaller sheets are no synapse."""


class Faces(NamedTuple):
    """Places in one plane where two segments meet: voxel (y, x) and the two ids."""

    y: npt.NDArray[np.int64]
    x: npt.NDArray[np.int64]
    a: npt.NDArray[np.uint64]
    b: npt.NDArray[np.uint64]


class Site(NamedTuple):
    """Where a synapse is to go: a face's voxel, the segment on one side and those on the other."""

    voxel: tuple[int, int, int]
    hub: int
    partners: tuple[int, ...]


def read_whole(volume: Volume) -> Array:
    """All voxels of a volume in memory."""
    if isinstance(volume.labels, np.ndarray):
        return volume.labels
    return volume.labels[slice(None), slice(None), slice(None)]


def list_faces(plane: Array) -> Faces:
    """Where two segments share a face in a plane, or are one unlabelled voxel apart."""
    found = [np.empty((4, 0), np.uint64)]
    empty = _is_background(plane)
    for turned in (False, True):
        lines, blank = (plane.T, empty.T) if turned else (plane, empty)
        for gap in (1, 2):
            a, b = lines[:, :-gap], lines[:, gap:]
            meet = (a != b) & ~blank[:, :-gap] & ~blank[:, gap:]
            if gap == 2:
                meet &= blank[:, 1:-1]
            j, i = np.nonzero(meet)
            y, x = (i + gap - 1, j) if turned else (j, i + gap - 1)
            found.append(np.stack([part.astype(np.uint64) for part in (y, x, a[j, i], b[j, i])]))
    y, x, a, b = np.concatenate(found, axis=1)
    return Faces(y.astype(np.int64), x.astype(np.int64), a, b)


def _is_background(ids: Array) -> npt.NDArray[np.bool_]:
    """Background, and CREMI's ignore value."""
    empty: npt.NDArray[np.bool_] = (ids == 0) | (ids.astype(np.uint64, copy=False) >= np.uint64(IGNORE))
    return empty


def place_blob(
    labels: Array, site: Site, radius: float, thickness: float, voxel_size: Triple, polyadic: bool
) -> tuple[Blob, Site] | None:
    """Flat blob on the contact of a site's segments, and the site with the partners it really has; None if too small.

    Every voxel of the sheet in its middle is within one voxel of the hub and of a partner, and none is within one
    voxel of any further segment.
    """
    half = np.ceil(radius / np.asarray(voxel_size)).astype(int) + 1
    low = np.maximum(np.subtract(site.voxel, half), 0)
    box = tuple(slice(a, c + h + 1) for a, c, h in zip(low, site.voxel, half, strict=True))
    part, centre = labels[box], np.subtract(site.voxel, low)
    steps = [(np.arange(n) - c) * s for n, c, s in zip(part.shape, centre, voxel_size, strict=True)]
    ball = steps[0][:, None, None] ** 2 + steps[1][:, None] ** 2 + steps[2] ** 2 <= radius**2
    near_hub = _dilated(part == site.hub) & ball
    if polyadic:
        third = _third_partner(part, near_hub, site)
        if third is None:
            return None
        site = site._replace(partners=(*site.partners, third))
    strangers = ~np.isin(part, [site.hub, *site.partners]) & ~_is_background(part)
    free = ball & ~_dilated(strangers)  # a voxel beside a further segment would join that one too
    if not (near_hub & free)[tuple(centre)]:
        return None
    sheet = _component_at(near_hub & _dilated(np.isin(part, site.partners)) & free, centre)
    if sheet.sum() < MIN_VOXELS or not all((sheet & _dilated(part == p)).any() for p in site.partners):
        return None
    voxels = np.argwhere(_thickened(sheet, thickness / voxel_size[2]) & free) + low
    return voxels, site


def _dilated(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """A mask and its six face neighbours."""
    wide = mask.copy()
    for axis in range(3):
        a, b = np.moveaxis(wide, axis, 0), np.moveaxis(mask, axis, 0)
        a[:-1] |= b[1:]
        a[1:] |= b[:-1]
    return wide


def _third_partner(part: Array, near_hub: npt.NDArray[np.bool_], site: Site) -> int | None:
    """Another segment at the hub's surface: the one with most voxels there."""
    ids, counts = np.unique(part[near_hub], return_counts=True)
    other = ~_is_background(ids) & ~np.isin(ids, [site.hub, *site.partners])
    return int(ids[other][counts[other].argmax()]) if other.any() else None


def _component_at(mask: npt.NDArray[np.bool_], voxel: Array) -> npt.NDArray[np.bool_]:
    """The 26-connected component of a mask that holds a voxel."""
    from scipy import ndimage

    numbers, _ = ndimage.label(mask, np.ones((3, 3, 3)))
    wanted = numbers[tuple(voxel)]
    component: npt.NDArray[np.bool_] = np.asarray((numbers == wanted) & mask)
    return component


def _thickened(sheet: npt.NDArray[np.bool_], width: float) -> npt.NDArray[np.bool_]:
    """A sheet, two voxels thick, widened in the plane to about `width` voxels."""
    from scipy import ndimage

    rounds = round((width - 2) / 2)
    if rounds < 1:
        return sheet
    diamond = ndimage.generate_binary_structure(2, 1)[None]
    thick: npt.NDArray[np.bool_] = ndimage.binary_dilation(sheet, diamond, rounds)
    return thick


def spread(voxels: Blob, offsets: Array, shape: tuple[int, ...]) -> Blob:
    """The voxels at every offset from those of a blob, inside the volume, without repeats."""
    moved = (voxels[:, None] + offsets).reshape(-1, 3)
    return unique_voxels(moved[((moved >= 0) & (moved < shape)).all(axis=1)], shape)


def unique_voxels(voxels: Blob, shape: tuple[int, ...]) -> Blob:
    """Sorted, without repeats."""
    flat = np.unique(np.ravel_multi_index(tuple(voxels.T), shape))
    return np.stack(np.unravel_index(flat, shape), axis=1)


def free_voxels(canvas: Array, voxels: Blob, *mine: int) -> npt.NDArray[np.bool_]:
    """Which voxels have nothing in their 26-neighbourhood on the canvas but the values given."""
    from scipy import ndimage

    low = np.maximum(voxels.min(axis=0) - 1, 0)
    box = tuple(slice(a, b + 2) for a, b in zip(low, voxels.max(axis=0), strict=True))
    busy = ~np.isin(canvas[box], mine)
    crowded: npt.NDArray[np.bool_] = ndimage.maximum_filter(busy, 3, mode="constant") if busy.any() else busy
    free: npt.NDArray[np.bool_] = ~crowded[tuple((voxels - low).T)]
    return free


def join_near(chosen: npt.NDArray[np.int64], voxels: Blob) -> Blob:
    """The chosen voxels of a blob that are 26-connected with the first of them."""
    low = voxels.min(axis=0)
    mask = np.zeros(voxels.max(axis=0) - low + 1, bool)
    mask[tuple((voxels[chosen] - low).T)] = True
    joined: Blob = np.argwhere(_component_at(mask, voxels[chosen[0]] - low)) + low
    return joined


def list_blobs(labels: Array, *, only: list[int] | None = None) -> dict[int, Blob]:
    """Voxels of each id (or of those named), in the order of the ids; background and ignore are none."""
    places, ids = [np.empty((0, 3), np.int64)], [np.empty(0, np.uint64)]
    for z, plane in enumerate(labels):
        chosen = ~_is_background(plane) if only is None else np.isin(plane, np.array(only, labels.dtype))
        y, x = np.nonzero(chosen)
        places.append(np.stack([np.full_like(y, z), y, x], axis=1))
        ids.append(plane[y, x].astype(np.uint64))
    voxels, values = np.concatenate(places), np.concatenate(ids)
    order = np.argsort(values, kind="stable")
    names, first = np.unique(values[order], return_index=True)
    return dict(zip(names.tolist(), np.split(voxels[order], first)[1:], strict=True))
