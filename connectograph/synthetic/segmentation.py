"""Neuropil made by rule: neurites that wander through a volume and fill it.

A neurite is a chain of nodes with a radius, walked in a slowly turning direction; chain lengths and radii are
heavy-tailed. A voxel belongs to the neurite of the node with the smallest power distance |p - n|² - r², after the
positions were bent by a smooth field, so that borders are curved. Planes are filled one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError
from connectograph.volumes import Shape, Triple, Volume

__all__ = ["make_segmentation"]

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Array = npt.NDArray[Any]
Ids = npt.NDArray[np.uint64]

WAVES = 24
"""Plane waves in the field that bends the neurites."""


class _Nodes(NamedTuple):
    """Nodes of all neurites, sorted by the cubic cells they lie in; positions in nm from `corner`."""

    places: Floats  # (N, 4): z, y, x, radius
    owners: Ints
    starts: npt.NDArray[np.int64]
    cell: float
    corner: Doubles


def make_segmentation(
    shape: Shape,
    *,
    n_segments: int,
    voxel_size: Triple = (40.0, 4.0, 4.0),
    membrane: int = 0,
    warp: float = 1.0,
    big_ids: bool = False,
    rng: int | np.random.Generator = 0,
) -> Volume:
    """Dense segmentation that looks like neuropil: curved, elongated segments of very different sizes.

    Parameters
    ----------
    shape : tuple of 3 ints
        Voxels along (z, y, x).
    n_segments : int
        Number of segments, each of at least one voxel.
    voxel_size : tuple of 3 floats
        Size of a voxel (z, y, x) in nm.
    membrane : {0, 1}
        Width in voxels of the unlabelled membrane (0) between the segments of a plane; 0: every voxel is labelled.
    warp : float
        How strongly borders are bent; 0: straight facets.
    big_ids : bool
        Give every fourth segment an id above 2^53, which a float could not hold.
    rng : int or numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    Volume
        uint64 ids, neither consecutive nor in the order of the segments' places.

    Raises
    ------
    InputError
        If there are more segments than voxels, or `membrane` is neither 0 nor 1.

    Examples
    --------
    >>> volume = make_segmentation((6, 60, 60), n_segments=12, rng=1)
    >>> len(np.unique(volume.labels)), volume.dtype
    (12, dtype('uint64'))
    """
    rng = np.random.default_rng(rng)
    _check_request(shape, n_segments, membrane)
    ids = _draw_ids(n_segments, big_ids, rng)
    labels = np.zeros(shape, np.uint64)
    if n_segments:
        sizes = np.zeros(n_segments, np.int64)
        for plane, owners in zip(labels, _own_planes(shape, n_segments, voxel_size, warp, rng), strict=True):
            np.take(ids, owners, out=plane, mode="clip")
            sizes += np.bincount(owners.ravel(), minlength=n_segments)
            if membrane:
                edge = _membrane(owners)
                plane[edge] = 0
                sizes -= np.bincount(owners[edge], minlength=n_segments)
        _seat_missing(labels, ids, sizes, rng)
    return Volume(labels, voxel_size=voxel_size, name="synthetic segmentation")


def _check_request(shape: Shape, n_segments: int, membrane: int) -> None:
    if membrane not in (0, 1):
        raise InputError(f"membrane is {membrane!r}; expected 0 (every voxel labelled) or 1 (one voxel wide).")
    room = math.prod(shape)
    if not 0 <= n_segments <= room:
        raise InputError(
            f"{n_segments} segments asked for in a volume of {tuple(shape)} voxels; expected 0 to {room}: "
            "ask for fewer segments or a larger volume."
        )


def _draw_ids(n_segments: int, big_ids: bool, rng: np.random.Generator) -> Ids:
    """Distinct ids with gaps, in random order."""
    ids = np.cumsum(rng.integers(1, 500, n_segments, dtype=np.uint64), dtype=np.uint64)
    if big_ids:
        ids[::4] += np.uint64(2**62 + 1)
    return rng.permutation(ids)


def _own_planes(
    shape: Shape, n_segments: int, voxel_size: Triple, warp: float, rng: np.random.Generator
) -> Iterator[Ints]:
    """For each plane, the neurite (0 .. n_segments - 1) that owns each voxel; the array is used again."""
    from connectograph._kernels.tessellation import TILE, own_plane

    extent = np.multiply(shape, voxel_size)
    spacing = float((extent.prod() / n_segments) ** (1 / 3))
    nodes = _grow_neurites(extent, n_segments, spacing, rng)
    z = (np.arange(shape[0]) + 0.5) * voxel_size[0]
    y, x = (np.arange(-(-n // TILE) + 1) * (TILE * size) for n, size in zip(shape[1:], voxel_size[1:], strict=True))
    owners = np.empty(shape[1:], np.int64)
    for height, corners in zip(z, _bend(z, y, x, spacing, warp, rng), strict=True):
        corners -= nodes.corner[1:, None, None]
        own_plane(
            height - nodes.corner[0], corners.astype(np.float32),
            nodes.places, nodes.owners, nodes.starts, nodes.cell, owners,
        )  # fmt: skip
        yield owners


def _grow_neurites(extent: Doubles, n_segments: int, spacing: float, rng: np.random.Generator) -> _Nodes:
    """Walk all neurites at once; `spacing` is the cube root of the volume per neurite."""
    lengths = np.clip(rng.lognormal(np.log(7), 0.9, n_segments), 1, 60).astype(np.int64)
    steps = int(lengths.max())
    start = rng.random((n_segments, 1, 3)) * extent
    heading = rng.normal(size=(n_segments, 1, 3)) * (1.3, 1.0, 1.0)
    turns = rng.normal(scale=0.3, size=(n_segments, steps, 3)).cumsum(axis=1)
    direction = heading + turns
    direction /= np.linalg.norm(direction, axis=2, keepdims=True)
    path = start + (direction.cumsum(axis=1) - direction[:, :1]) * (0.3 * spacing)
    calibre = np.clip(rng.lognormal(np.log(0.25), 0.5, n_segments), 0.1, None) * spacing
    wobble = np.exp(rng.normal(scale=0.15, size=(n_segments, steps)))
    radius = np.minimum(calibre[:, None] * wobble, 0.8 * spacing)
    margin = 1.5 * spacing
    near = ((path > -margin) & (path < extent + margin)).all(axis=2) & (np.arange(steps) < lengths[:, None])
    owners = np.nonzero(near)[0].astype(np.int64)
    places = np.concatenate([path[near] + margin, radius[near][:, None]], axis=1)
    return _sort_by_cell(places, owners, extent + 2 * margin, 0.8 * spacing, np.full(3, -margin))


def _sort_by_cell(places: Doubles, owners: Ints, extent: Doubles, cell: float, corner: Doubles) -> _Nodes:
    """Order the nodes by the cells of a grid over `extent`."""
    grid = tuple((extent // cell).astype(np.int64) + 1)
    index = np.ravel_multi_index(tuple((places[:, :3] // cell).astype(np.int64).T), grid)
    order = np.argsort(index, kind="stable")
    first = np.searchsorted(index[order], np.arange(math.prod(grid) + 1)).astype(np.int64)
    starts = np.empty((*grid[:2], grid[2] + 1), np.int64)
    starts[:, :, :-1] = first[:-1].reshape(grid)
    starts[:, :, -1] = first[grid[2] :: grid[2]].reshape(grid[:2])
    return _Nodes(places[order].astype(np.float32), owners[order], starts, cell, corner)


def _bend(z: Array, y: Array, x: Array, spacing: float, warp: float, rng: np.random.Generator) -> Iterator[Doubles]:
    """Bent positions (y, x) of a grid of points, plane by plane: a sum of plane waves, by products of their factors."""
    lengths = spacing * rng.uniform(0.6, 3.0, WAVES)
    heading = rng.normal(size=(WAVES, 3))
    waves = 2 * np.pi * heading / np.linalg.norm(heading, axis=1, keepdims=True) / lengths[:, None]
    size = rng.normal(scale=warp * 0.12 / math.sqrt(WAVES), size=(2, WAVES)) * lengths
    phase = rng.uniform(0, 2 * np.pi, (2, WAVES))
    along_y, along_x = np.exp(1j * np.outer(y, waves[:, 1])), np.exp(1j * np.outer(waves[:, 2], x))
    straight = np.stack(np.meshgrid(y, x, indexing="ij"))
    for height in z:
        turn = size * np.exp(1j * (waves[:, 0] * height + phase))
        yield straight + np.einsum("yw,aw,wx->ayx", along_y, turn, along_x).real


def _membrane(owners: Ints) -> npt.NDArray[np.bool_]:
    """Voxels of a plane whose lower or right neighbour belongs to another neurite."""
    edge = np.zeros(owners.shape, bool)
    edge[:-1] |= owners[:-1] != owners[1:]
    edge[:, :-1] |= owners[:, :-1] != owners[:, 1:]
    return edge


def _seat_missing(labels: Ids, ids: Ids, sizes: npt.NDArray[np.int64], rng: np.random.Generator) -> None:
    """Give every neurite that was crowded out one voxel of a larger one or of a membrane, so that each id occurs."""
    row_of = {int(value): row for row, value in enumerate(ids)}
    for row in np.flatnonzero(sizes == 0):
        while sizes[row] == 0:
            voxel = tuple(rng.integers(labels.shape))
            host = row_of.get(int(labels[voxel]))
            if host is None or sizes[host] > 1:
                if host is not None:
                    sizes[host] -= 1
                sizes[row] = 1
                labels[voxel] = ids[row]
