"""Which true and which predicted segments share voxels, and how many: what every comparison of segmentations rests on.

Conventions: the table "segment_overlaps" has one row for each pair of ids that meet at a voxel. 0 stands for the
background of either side (0, 2^64-1 and 2^64-2 in the volume), so that the counts of all rows add up to the volume.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.blocks import EngineLike, PairedLabels, Part, as_label_block, fold_blocks, open_engine
from connectograph.io.lazy import Turned
from connectograph.io.pickled import XzPickleLabels
from connectograph.runs import RunLabels, read_runs
from connectograph.tables import make_table
from connectograph.volumes import LazyLabels, Shape, Volume, check_same_grid

__all__ = ["count_overlaps", "pair_volumes"]

_Labels = npt.NDArray[Any] | LazyLabels


def count_overlaps(
    truth: Volume,
    predicted: Volume,
    *,
    workers: int | None = None,
    engine: EngineLike = None,
    progress: Callable[[int], object] | None = None,
) -> pd.DataFrame:
    """Voxels that each true segment shares with each predicted one: the contingency table of two segmentations.

    Parameters
    ----------
    truth, predicted : Volume
        Segmentations on the same grid, each read once, block by block. A packed pickle, whose parts cannot be read
        alone, is held as runs (some 28 bytes each).
    workers, engine
        As in :func:`connectograph.evaluate`.
    progress : callable, optional
        Called with the number of voxels of each finished block.

    Returns
    -------
    pandas.DataFrame
        The table "segment_overlaps": `true_segment`, `predicted_segment` (0: background), `n_voxels`.

    Raises
    ------
    InputError
        If the grids differ, or a label is negative or fractional.

    Examples
    --------
    >>> truth = Volume(np.array([[[7, 7, 7, 9, 0]]], "uint64"), voxel_size=(40, 4, 4))
    >>> predicted = Volume(np.array([[[1, 1, 2, 2, 2]]], "uint8"), voxel_size=(40, 4, 4))
    >>> count_overlaps(truth, predicted).to_dict("list")
    {'true_segment': [0, 7, 7, 9], 'predicted_segment': [2, 1, 2, 2], 'n_voxels': [1, 2, 1, 1]}
    """
    check_same_grid(truth, predicted)
    names = truth.name or "the true segmentation", predicted.name or "the predicted segmentation"
    both = replace(truth, labels=pair_volumes(truth, predicted, workers))
    with open_engine(engine, workers) as opened:
        keys, counts = fold_blocks(partial(_count_block, names), _merge_counts, both, engine=opened, progress=progress)
    return make_table(
        "segment_overlaps",
        {"true_segment": keys[:, 0], "predicted_segment": keys[:, 1], "n_voxels": counts[:, 0]},
    )


def _count_block(names: tuple[str, str], arrays: Any, origin: Shape) -> Part:
    """Pairs of ids in a block (n, 2), and their voxels (n, 1)."""
    from connectograph._kernels.contingency import count_block

    one, other = (as_label_block(array, origin, name) for array, name in zip(arrays, names, strict=True))
    common = np.promote_types(one.dtype, other.dtype)  # few pairs of types: the kernel is compiled for each
    return count_block(*(np.require(each, common, ["C", "W"]) for each in (one, other)))


def _merge_counts(parts: list[Part]) -> Part:
    from connectograph._kernels.hashing import sum_by_key

    keys = np.concatenate([np.empty((0, 2), np.uint64), *(part[0] for part in parts)])
    counts = np.concatenate([np.empty((0, 1), np.int64), *(part[1] for part in parts)])
    summed: Part = sum_by_key(keys, counts)
    return summed


def _make_cuttable(volume: Volume, workers: int | None) -> _Labels:
    """The labels, held as runs if they can only be read from their start on."""
    stored = volume.labels.labels if isinstance(volume.labels, Turned) else volume.labels
    if isinstance(stored, XzPickleLabels):
        return RunLabels(volume.shape, *read_runs(volume, workers=workers))
    return volume.labels


def pair_volumes(truth: Volume, predicted: Volume, workers: int | None) -> PairedLabels:
    """Two volumes on the same grid as one that is read block by block."""
    return PairedLabels(_make_cuttable(truth, workers), _make_cuttable(predicted, workers))
