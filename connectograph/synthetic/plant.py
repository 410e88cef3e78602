"""Synapses planted on the contacts of a segmentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.errors import InputError
from connectograph.synthetic._blobs import Blob, Faces, Site, free_voxels, list_faces, place_blob, read_whole
from connectograph.tables import as_ids
from connectograph.volumes import BACKGROUND, Volume

__all__ = ["Style", "plant_synapses", "settle_blobs"]

ROUNDS = 40
"""Times that a synapse which found no room is tried again in another plane."""

TRIES = 12
"""Faces tried in one plane."""


class Style(NamedTuple):
    """How planted synapses look and whom they join; see :func:`plant_synapses`."""

    radius_nm: tuple[float, float] = (60.0, 160.0)
    thickness_nm: float = 20.0
    polyadic: float = 0.0
    repeats: float = 0.0


def plant_synapses(
    segmentation: Volume,
    *,
    n_synapses: int,
    radius_nm: tuple[float, float] = (60.0, 160.0),
    thickness_nm: float = 20.0,
    polyadic: float = 0.1,
    repeats: float = 0.2,
    rng: int | np.random.Generator = 0,
) -> tuple[Volume, pd.DataFrame]:
    """Plant synaptic clefts: flat blobs on the contact between segments, apart from one another.

    Parameters
    ----------
    segmentation : Volume
        Whose contacts are used. Contacts are where two segments share a face, or are one voxel apart, in a plane.
    n_synapses : int
        Number of clefts.
    radius_nm : tuple of 2 floats
        Smallest and largest radius in nm; small contacts make smaller clefts.
    thickness_nm : float
        Width of the cleft in the plane, across the contact; the middle two voxels are always there.
    polyadic : float
        Share of the clefts (rounded) on which one segment meets two others.
    repeats : float
        How often a cleft is put, if it can be, on a pair that has one already.
    rng : int or numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    clefts : Volume
        uint64 ids with gaps; background 2^64-1 as in CREMI.
    planted : pandas.DataFrame
        One row for each planned pair: `synapse_id, segment_a, segment_b` (a < b), `z_nm, y_nm, x_nm` (mean of the
        cleft's voxels). Each pair is within one voxel of at least one voxel of the cleft; other pairs may touch it too.

    Raises
    ------
    InputError
        If no two segments touch, or there is no room for so many synapses.

    Examples
    --------
    >>> labels = np.ones((4, 30, 30), "uint64")
    >>> labels[:, :, 15:] = 2
    >>> clefts, planted = plant_synapses(Volume(labels, voxel_size=(40, 4, 4)), n_synapses=1, polyadic=0, rng=0)
    >>> planted[["segment_a", "segment_b"]].to_numpy().tolist()
    [[1, 2]]
    """
    rng = np.random.default_rng(rng)
    labels = read_whole(segmentation)
    clefts = np.full(labels.shape, BACKGROUND[1], np.uint64)
    ids = np.cumsum(rng.integers(1, 9, n_synapses)).tolist()
    style = Style(radius_nm, thickness_nm, polyadic, repeats)
    settled = settle_blobs(segmentation, clefts, BACKGROUND[1], ids, style, rng)
    rows = [
        (number, *sorted((site.hub, partner)), *_centre(voxels, segmentation))
        for number, (voxels, site) in settled.items()
        for partner in site.partners
    ]
    return Volume(clefts, segmentation.voxel_size, segmentation.offset, "synthetic clefts"), _planted_table(rows)


def _centre(voxels: Blob, volume: Volume) -> tuple[float, ...]:
    middle = voxels.sum(axis=0) / len(voxels) + 0.5
    return tuple((np.asarray(volume.offset) + middle * volume.voxel_size).tolist())


def _planted_table(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    columns = list(zip(*sorted(rows), strict=True)) or [()] * 6
    ids = ("synapse_id", "segment_a", "segment_b")
    data: dict[str, Any] = {name: as_ids(values) for name, values in zip(ids, columns[:3], strict=True)}
    data |= {name: np.array(values, float) for name, values in zip(("z_nm", "y_nm", "x_nm"), columns[3:], strict=True)}
    return pd.DataFrame(data)


def settle_blobs(
    segmentation: Volume,
    canvas: npt.NDArray[Any],
    background: int,
    values: list[int],
    style: Style,
    rng: np.random.Generator,
) -> dict[int, tuple[Blob, Site]]:
    """Draw a blob of each value on the canvas, where only `background` is; the blobs and their sites by value."""
    labels = read_whole(segmentation)
    polyadic = set(rng.permutation(values)[: round(style.polyadic * len(values))].tolist())
    settled: dict[int, tuple[Blob, Site]] = {}
    used: set[tuple[int, int]] = set()
    for value, sites in _draw_sites(labels, values, settled, used, style, rng):
        radius = rng.uniform(*style.radius_nm)
        for site in sites:
            if not free_voxels(canvas, np.array([site.voxel]), background).all():
                continue
            blob = place_blob(labels, site, radius, style.thickness_nm, segmentation.voxel_size, value in polyadic)
            if blob is not None and free_voxels(canvas, blob[0], background).all():
                canvas[tuple(blob[0].T)] = value
                settled[value] = blob
                used.add((min(site.hub, site.partners[0]), max(site.hub, site.partners[0])))
                break
    if len(settled) < len(values):
        raise InputError(
            f"{segmentation.name or 'segmentation'}: found room for {len(settled)} of {len(values)} synapses on the "
            "contacts between its segments; ask for fewer or smaller ones (radius_nm), or use a larger volume."
        )
    return settled


def _draw_sites(
    labels: npt.NDArray[Any],
    values: list[int],
    settled: dict[int, Any],
    used: set[tuple[int, int]],
    style: Style,
    rng: np.random.Generator,
) -> Iterator[tuple[int, list[Site]]]:
    """Each value that is not settled yet, with some faces of one plane; plane by plane, round by round."""
    for _ in range(ROUNDS):
        waiting = np.array([value for value in values if value not in settled], dtype=np.int64)
        planes = rng.integers(labels.shape[0], size=len(waiting)) if len(labels) else np.empty(0, int)
        for z in np.unique(planes):
            faces = list_faces(labels[z])
            for value in waiting[planes == z].tolist():
                again = _faces_of(faces, used, rng) if rng.random() < style.repeats else faces
                yield value, _some_sites(int(z), again, rng)


def _faces_of(faces: Faces, used: set[tuple[int, int]], rng: np.random.Generator) -> Faces:
    """Some faces between pairs that were used before; all faces if none is found."""
    pairs = np.array(sorted(used), dtype=np.uint64).reshape(-1, 2)
    low, high = np.minimum(faces.a, faces.b), np.maximum(faces.a, faces.b)
    both = np.flatnonzero(np.isin(low, pairs[:, 0]) & np.isin(high, pairs[:, 1]))
    kept = [i for i in rng.permutation(both)[:200] if (int(low[i]), int(high[i])) in used]
    return Faces(faces.y[kept], faces.x[kept], faces.a[kept], faces.b[kept]) if kept else faces


def _some_sites(z: int, faces: Faces, rng: np.random.Generator) -> list[Site]:
    if not len(faces.y):
        return []
    sites = []
    for i in rng.integers(len(faces.y), size=TRIES):
        sides = (int(faces.a[i]), int(faces.b[i]))
        hub, partner = sides if rng.random() < 0.5 else sides[::-1]
        sites.append(Site((z, int(faces.y[i]), int(faces.x[i])), hub, (partner,)))
    return sites
