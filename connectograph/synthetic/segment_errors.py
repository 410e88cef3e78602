"""Planted mistakes of a segmentation: neurons cut in two and neurons run together."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.errors import InputError
from connectograph.synthetic._blobs import list_faces, read_whole
from connectograph.tables import as_ids
from connectograph.volumes import BACKGROUND, Volume

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
        One row for each mistake: `error` (split, merge), `segment_id` (keeps its id), `other_id` (the new id of the half
        split off; the id that was merged away), `n_voxels` (that changed id). No segment is in two mistakes.

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
    ids, sizes = _count_ids(labels)
    pairs = _draw_pairs(labels, merges, rng)
    taken = {number for pair in pairs for number in pair}
    large = [int(number) for number, size in zip(ids, sizes, strict=True) if size > 1 and int(number) not in taken]
    if len(large) < splits:
        raise InputError(f"Only {len(large)} segments of two or more voxels are left for {splits} splits; ask for fewer.")
    cut = sorted(int(number) for number in rng.permutation(np.array(large, np.uint64))[:splits])
    rows = [("split", *row) for row in _split(labels, cut, ids, segmentation.voxel_size)]
    rows += [("merge", *pair, int(sizes[ids == pair[1]][0])) for pair in pairs]
    for kept, gone in pairs:
        labels[labels == gone] = kept
    return Volume(labels, segmentation.voxel_size, segmentation.offset, "synthetic mistakes"), _error_table(rows)
