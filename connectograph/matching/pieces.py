"""Pieces: what a true and a predicted segment share, measured and looked up near synapses in one pass over both.

Conventions: a piece is the voxels of one true and one predicted segment, 0 standing for the background of either side.
Whatever becomes of two segmentations by merging segments or by cutting one along the other, it is made of pieces.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.blocks import ChangedLabels, EngineLike, as_label_block
from connectograph.contacts.synapse_contacts import scan_neighbourhoods
from connectograph.matching.contingency import pair_volumes
from connectograph.synapses import Synapses
from connectograph.tables import make_table
from connectograph.volumes import Shape, Volume, check_same_grid

__all__ = ["Pieces", "scan_pieces"]

_Ids = npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Pieces:
    """The pieces of two segmentations.

    Attributes
    ----------
    overlaps : pandas.DataFrame
        The table "segment_overlaps".
    ids : (N,) array of uint64
        Of the piece of each row, 0 where both sides are background.
    corners : pandas.DataFrame
        `z_min_nm, y_min_nm, x_min_nm` of each row's piece, NaN where both sides are background.
    neighbourhoods : list of DataFrame
        What lies near each synapse volume, under the ids of pieces
        (:func:`~connectograph.contacts.synapse_contacts.scan_neighbourhoods`).
    """

    overlaps: pd.DataFrame
    ids: _Ids
    corners: pd.DataFrame
    neighbourhoods: list[pd.DataFrame]


def scan_pieces(
    truth: Volume,
    predicted: Volume,
    true_ids: _Ids,
    predicted_ids: _Ids,
    synapses: list[Synapses],
    offsets: npt.NDArray[np.int64],
    *,
    workers: int | None = None,
    engine: EngineLike = None,
    progress: Callable[[int], object] | None = None,
) -> Pieces:
    """Count the voxels that segments share, and find the pieces near synapses; each volume is read once.

    Parameters
    ----------
    truth, predicted : Volume
        Segmentations on the same grid.
    true_ids, predicted_ids : arrays of uint64
        All segments of either side, ascending.
    synapses : list of Synapses
        On the same grid.
    offsets : (K, 3) array of int64
        The dilation.
    workers, engine, progress
        As in :func:`connectograph.evaluate`.

    Returns
    -------
    Pieces

    Examples
    --------
    >>> truth = Volume(np.array([[[7, 7, 7, 9, 0]]], "uint64"), voxel_size=(40, 4, 4))
    >>> predicted = Volume(np.array([[[1, 1, 2, 2, 0]]], "uint8"), voxel_size=(40, 4, 4))
    >>> ids = [np.array(each, "uint64") for each in ([7, 9], [1, 2])]
    >>> scan_pieces(truth, predicted, *ids, [], np.zeros((1, 3), "int64")).overlaps.to_dict("list")
    {'true_segment': [0, 7, 7, 9], 'predicted_segment': [0, 1, 2, 2], 'n_voxels': [1, 2, 1, 1]}
    """
    check_same_grid(truth, predicted)
    both = pair_volumes(truth, predicted, workers)
    names = truth.name or "the true segmentation", predicted.name or "the predicted segmentation"
    labels = ChangedLabels(both, np.dtype(np.uint64), partial(_join_labels, names, true_ids, predicted_ids))
    joined = replace(truth, labels=labels, name="both segmentations")
    how: dict[str, Any] = {"workers": workers, "engine": engine, "progress": progress}
    measured, neighbourhoods = scan_neighbourhoods(joined, synapses, offsets, **how)
    ids, counts = (measured[name].to_numpy() for name in ("segment_id", "n_voxels"))
    corners = measured[["z_min_nm", "y_min_nm", "x_min_nm"]]
    background = int(np.prod(truth.shape)) - int(counts.sum())
    if background:
        ids, counts = np.append(np.uint64(0), ids), np.append(background, counts)
        corners = corners.reindex(range(-1, len(corners)))
    one, other = np.divmod(ids, np.uint64(len(predicted_ids) + 1))
    columns = {
        "true_segment": np.append(np.uint64(0), true_ids)[one.astype(np.int64)],
        "predicted_segment": np.append(np.uint64(0), predicted_ids)[other.astype(np.int64)],
        "n_voxels": counts,
    }
    return Pieces(make_table("segment_overlaps", columns), ids, corners.reset_index(drop=True), neighbourhoods)


def _join_labels(
    names: tuple[str, str], true_ids: _Ids, predicted_ids: _Ids, arrays: Any, origin: Shape
) -> npt.NDArray[np.uint64]:
    """A block of two volumes as one whose ids stand for pairs of ids."""
    from connectograph._kernels.pieces import join_blocks

    one, other = (as_label_block(array, origin, name) for array, name in zip(arrays, names, strict=True))
    common = np.promote_types(one.dtype, other.dtype)  # few pairs of types: the kernel is compiled for each
    truth, predicted = (np.require(each, common, ["C", "W"]) for each in (one, other))
    return join_blocks(truth, predicted, true_ids, predicted_ids)
