"""Planted mistakes of a segmentation: neurons cut in two and neurons run together."""

from __future__ import annotations

from itertools import count as count_up
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.errors import InputError
from connectograph.synthetic._blobs import Blob, list_blobs, list_faces, read_whole
from connectograph.tables import as_ids
from connectograph.volumes import IGNORE, Triple, Volume

__all__ = ["plant_errors"]


def plant_errors(
    segmentation: Volume, *, splits: int = 0, merges: int = 0, rng: int | np.random.Generator = 0
) -> tuple[Volume, pd.DataFrame]:
    """A copy of a segmentation in which some neurons are split and some touching ones merged.

    Parameters
    ----------
    segmentation : Volume
        Not changed.
    splits : int
        Neurons cut in two halves, across their longest extent; the half that ends farther along the axis gets a new id.
    merges : int
        Pairs of segments that touch in a plane; the second takes the id of the first.
    rng : int or numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    Volume
        Same shape and type.
    pandas.DataFrame
        One row for each mistake: `error` (split, merge), `segment_id` (keeps its id), `other_id` (the new id of the
        half split off; the id that was merged away), `n_voxels` (that changed id). No segment is in two mistakes.

    Raises
    ------
    InputError
        If there are too few segments for so many mistakes.

    Examples
    --------
    >>> labels = np.repeat(np.array([3, 3, 3, 3, 8, 8], "uint64"), 4).reshape(1, 6, 4)
    >>> wrong, errors = plant_errors(Volume(labels, voxel_size=(40, 4, 4)), merges=1, rng=0)
    >>> errors.to_numpy().tolist()
    [['merge', 3, 8, 8]]
    """
    rng = np.random.default_rng(rng)
    labels = read_whole(segmentation).copy()
    pairs = _draw_pairs(labels, merges, rng)
    cut = _draw_others(labels, {number for pair in pairs for number in pair}, splits, rng)
    new_ids = _unused_ids(labels, splits)
    blobs = list_blobs(labels, only=[*cut, *(gone for _, gone in pairs)])
    rows = []
    for number, new_id in zip(cut, new_ids, strict=True):
        half = _far_half(blobs[number], segmentation.voxel_size)
        labels[tuple(half.T)] = new_id
        rows.append(("split", number, new_id, len(half)))
    for kept, gone in pairs:
        labels[tuple(blobs[gone].T)] = kept
        rows.append(("merge", kept, gone, len(blobs[gone])))
    return Volume(labels, segmentation.voxel_size, segmentation.offset, "synthetic mistakes"), _error_table(rows)


def _draw_pairs(labels: npt.NDArray[Any], count: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Pairs of touching segments, the smaller id first, none in two pairs; one from each plane in turn."""
    pairs: list[tuple[int, int]] = []
    while len(pairs) < count:
        before = len(pairs)
        for z in rng.permutation(len(labels)):
            if len(pairs) < count:
                pairs += _draw_pair(labels[z], [number for pair in pairs for number in pair], rng)
        if len(pairs) == before:
            raise InputError(f"Only {before} of {count} pairs of touching segments could be merged; ask for fewer.")
    return pairs


def _draw_pair(plane: npt.NDArray[Any], taken: list[int], rng: np.random.Generator) -> list[tuple[int, int]]:
    """One pair of segments that touch in a plane and are not taken, or none."""
    faces = list_faces(plane)
    used = np.array(taken, np.uint64)
    free = np.flatnonzero(~np.isin(faces.a, used) & ~np.isin(faces.b, used))
    if not free.size:
        return []
    i = rng.choice(free)
    low, high = sorted((int(faces.a[i]), int(faces.b[i])))
    return [(low, high)]


def _draw_others(labels: npt.NDArray[Any], taken: set[int], count: int, rng: np.random.Generator) -> list[int]:
    """Segments that can be split and are not taken, in the order of their ids."""
    import fastremap

    ids, sizes = fastremap.unique(labels, return_counts=True)
    others = [number for number in ids[sizes > 1].tolist() if number not in taken and 0 < number < IGNORE]
    if len(others) < count:
        raise InputError(
            f"Only {len(others)} segments of two or more voxels are left for {count} splits; ask for fewer."
        )
    return sorted(others[i] for i in rng.permutation(len(others))[:count])


def _unused_ids(labels: npt.NDArray[Any], count: int) -> list[int]:
    """The smallest ids that no voxel has."""
    import fastremap

    used = set(fastremap.unique(labels).tolist())
    return list(islice((number for number in count_up(1) if number not in used), count))


def _far_half(voxels: Blob, voxel_size: Triple) -> Blob:
    """The voxels beyond the middle of the longest extent; neither half is empty."""
    axis = int((np.ptp(voxels, axis=0) * np.asarray(voxel_size)).argmax())
    along = voxels[:, axis]
    middle = np.median(along)
    return voxels[along > middle] if along.max() > middle else voxels[along == middle]


def _error_table(rows: list[tuple[str, int, int, int]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "error": pd.Series([row[0] for row in rows], dtype="str"),
            "segment_id": as_ids([row[1] for row in rows]),
            "other_id": as_ids([row[2] for row in rows]),
            "n_voxels": np.array([row[3] for row in rows], np.int64),
        }
    )
