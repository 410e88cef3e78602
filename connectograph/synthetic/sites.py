"""Presynaptic and postsynaptic sites planted on the contacts of a segmentation, with known direction."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.errors import InputError
from connectograph.synthetic._blobs import list_faces, read_whole
from connectograph.tables import make_table
from connectograph.volumes import Volume

__all__ = ["plant_sites"]

_Voxels: TypeAlias = npt.NDArray[np.int64]
_Row: TypeAlias = tuple[int, int, int, int, _Voxels, _Voxels]
"""Sites, segments and a voxel of each, presynaptic first."""

_REACH = 3
"""Sites lie within so many voxels of a chosen face, in its plane; those of two synapses are further apart."""

_ROUNDS = 40
"""Faces tried for each presynaptic site."""


def plant_sites(
    segmentation: Volume, *, n_sites: int, rng: int | np.random.Generator = 0
) -> tuple[Volume, pd.DataFrame]:
    """Plant directed synapses: a presynaptic site and the postsynaptic ones across the contacts around it.

    Parameters
    ----------
    segmentation : Volume
        Whose contacts are used: where two segments share a face in a plane.
    n_sites : int
        Number of presynaptic sites. One at the corner of several segments is polyadic.
    rng : int or numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    sites : Volume
        Odd ids are presynaptic, even ids postsynaptic sites; background 0. With a dilation of 1 exactly the partners
        touch.
    planted : pandas.DataFrame
        The table "synapse_points": one row for each pair of sites, with the segments and a voxel's centre of each.

    Raises
    ------
    InputError
        If there is no room for so many.

    Examples
    --------
    >>> labels = np.ones((2, 12, 30), "uint64")
    >>> labels[:, :, 15:] = 2
    >>> sites, planted = plant_sites(Volume(labels, voxel_size=(40, 4, 4)), n_sites=1, rng=0)
    >>> sorted(planted[["pre_segment", "post_segment"]].iloc[0].tolist())
    [1, 2]
    """
    rng, labels = np.random.default_rng(rng), read_whole(segmentation)
    canvas, rows = np.zeros(labels.shape, np.uint64), list[_Row]()
    for number in range(n_sites):
        found = _find_room(labels, canvas, rng)
        if found is None:
            raise InputError(
                f"{segmentation.name or 'segmentation'}: found room for {number} of {n_sites} presynaptic sites on the "
                "contacts between its segments; ask for fewer, or use a larger volume."
            )
        hub, pre, posts = found
        canvas[tuple(pre.T)] = 2 * number + 1
        for partner, post in posts.items():
            site = 2 * (len(rows) + 1)
            canvas[tuple(post.T)] = site
            rows.append((2 * number + 1, site, hub, partner, pre[0], post[0]))
    return Volume(canvas, segmentation.voxel_size, segmentation.offset, "synthetic sites"), _tabulate(
        rows, segmentation
    )


def _find_room(
    labels: npt.NDArray[np.uint64], canvas: npt.NDArray[np.uint64], rng: np.random.Generator
) -> tuple[int, npt.NDArray[np.int64], dict[int, npt.NDArray[np.int64]]] | None:
    """A presynaptic segment, its voxels and those of each partner, around a face far from all other sites."""
    for _ in range(_ROUNDS if len(labels) else 0):
        z = int(rng.integers(len(labels)))
        faces = list_faces(labels[z])
        if not len(faces.y):
            continue
        face = int(rng.integers(len(faces.y)))
        y, x, hub = int(faces.y[face]), int(faces.x[face]), int((faces.a, faces.b)[int(rng.integers(2))][face])
        room = 3 * _REACH
        around = canvas[max(0, z - 2) : z + 3, max(0, y - room) : y + room + 1, max(0, x - room) : x + room + 1]
        if around.any():
            continue
        found = _cut_sites(labels[z], hub, y, x, z)
        if found is not None:
            return hub, *found
    return None


def _cut_sites(
    plane: npt.NDArray[np.uint64], hub: int, y: int, x: int, z: int
) -> tuple[npt.NDArray[np.int64], dict[int, npt.NDArray[np.int64]]] | None:
    """The hub's voxels beside other segments near (y, x), and those segments' voxels beside them."""
    low = np.maximum((y - _REACH, x - _REACH), 0)
    part = plane[low[0] : y + _REACH + 1, low[1] : x + _REACH + 1]
    pre, beside = np.zeros(part.shape, bool), np.zeros(part.shape, bool)
    for here, there in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        for own, other in ((here, there), (there, here)):
            meet = (part[own] == hub) & (part[other] != hub) & (part[other] != 0)
            pre[own] |= meet
            beside[other] |= meet
    if not pre.any():
        return None
    sites = {int(partner): np.argwhere(beside & (part == partner)) for partner in np.unique(part[beside])}
    place = np.array([z, *low])
    lift = np.array([[0, 1, 0], [0, 0, 1]])
    return np.argwhere(pre) @ lift + place, {partner: voxels @ lift + place for partner, voxels in sites.items()}


def _tabulate(rows: list[_Row], grid: Volume) -> pd.DataFrame:
    columns = list(zip(*rows, strict=True)) or [()] * 6
    ends = [np.array(voxels, float).reshape(-1, 3) for voxels in columns[4:]]
    pre, post = ((voxels + 0.5) * grid.voxel_size + grid.offset for voxels in ends)
    ids = dict(zip(("pre_site_id", "post_site_id", "pre_segment", "post_segment"), columns[:4], strict=True))
    places = {"": (pre + post) / 2, "pre_": pre, "post_": post}
    return make_table(
        "synapse_points",
        {
            "synapse_id": range(1, len(rows) + 1),
            **ids,
            "n_voxels": np.ones(len(rows), np.int64),
            "score": np.full(len(rows), np.nan),
            **{f"{end}{axis}_nm": place[:, k] for end, place in places.items() for k, axis in enumerate("zyx")},
        },
    )
