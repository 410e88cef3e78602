"""Synapse instances as runs of voxels: their sizes, places and scores, and which of two volumes share a voxel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.runs import expand
from connectograph.tables import make_table
from connectograph.volumes import Shape, Triple

__all__ = ["Region", "Synapses", "find_shared", "measure_synapses", "positions"]

Region = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]
"""Voxels as runs without labels: starts, lengths."""


@dataclass(frozen=True, eq=False)
class Synapses:
    """Synapse instances of one volume, as runs of voxels along x.

    Attributes
    ----------
    name : str
        Where they come from.
    form : str
        "labels", "mask", "heatmap", or "none" for a volume without any.
    shape, voxel_size, offset
        The grid they lie on, as in :class:`~connectograph.volumes.Volume`.
    ids : (S,) array of uint64
        Synapse ids, ascending.
    starts, lengths, codes : (R,) arrays of int64, int32, int64
        Runs sorted by `starts`: linear index of the first voxel, voxels, position of the synapse in `ids`.
    heat : (V,) array or None
        Value of every voxel of the runs, one run after another (heat maps only).
    ignored : pair of arrays
        Runs of the truth's ignore value.
    excluded : dict of str to int
        What was left out: ``ignored_voxels``, ``ignored_synapses``, ``nan_voxels``, ``synapses_below_size``.
    notices : tuple of str
        What a user should know about how the volume was read.

    Examples
    --------
    >>> from connectograph.synapses import label_synapses
    >>> from connectograph.volumes import Volume
    >>> synapses = label_synapses(Volume(np.array([[[0, 7, 7, 9]]]), voxel_size=(40, 4, 4)))
    >>> synapses.ids.tolist(), synapses.starts.tolist(), synapses.lengths.tolist()
    ([7, 9], [1, 3], [2, 1])
    """

    name: str
    form: str
    shape: Shape
    voxel_size: Triple
    offset: Triple
    ids: npt.NDArray[np.uint64]
    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int32]
    codes: npt.NDArray[np.int64]
    heat: npt.NDArray[Any] | None
    ignored: Region
    excluded: dict[str, int]
    notices: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)


def measure_synapses(synapses: Synapses) -> pd.DataFrame:
    """Size, volume, place and score of each synapse.

    Parameters
    ----------
    synapses : Synapses

    Returns
    -------
    pandas.DataFrame
        The table "synapses": `n_voxels`, `volume_nm3`, mean position (nm), `score_max` and `score_mean` (NaN unless
        the synapses come from a heat map); `attached` is False and `unattached_reason` empty until contacts are
        known.

    Examples
    --------
    >>> from connectograph.synapses import label_synapses
    >>> from connectograph.volumes import Volume
    >>> labels = np.zeros((1, 1, 4), "uint8")
    >>> labels[0, 0, 1:3] = 5
    >>> table = measure_synapses(label_synapses(Volume(labels, voxel_size=(40, 4, 4))))
    >>> table[["n_voxels", "volume_nm3", "x_nm"]].to_dict("list")
    {'n_voxels': [2], 'volume_nm3': [1280.0], 'x_nm': [8.0]}
    """
    count = len(synapses)
    n_voxels, sums = np.zeros(count, np.int64), np.zeros((3, count), np.int64)
    length = synapses.lengths.astype(np.int64)
    _, height, width = synapses.shape
    row, x = np.divmod(synapses.starts, width)
    z, y = np.divmod(row, height)
    np.add.at(n_voxels, synapses.codes, length)
    for axis, index_sum in enumerate((z * length, y * length, x * length + length * (length - 1) // 2)):
        np.add.at(sums[axis], synapses.codes, index_sum)
    score_max, score_mean = _scores(synapses, n_voxels)
    position = positions(sums, n_voxels, synapses.voxel_size, synapses.offset)
    return make_table(
        "synapses",
        {
            "synapse_id": synapses.ids,
            "n_voxels": n_voxels,
            "volume_nm3": n_voxels * float(np.prod(synapses.voxel_size)),
            **position,
            "score_max": score_max,
            "score_mean": score_mean,
            "attached": np.zeros(count, bool),
            "unattached_reason": [""] * count,
        },
    )


def positions(
    index_sums: npt.NDArray[np.int64], n_voxels: npt.NDArray[np.int64], voxel_size: Triple, offset: Triple
) -> dict[str, npt.NDArray[np.float64]]:
    """Mean position in nm from integer index sums, so that the order of blocks cannot change a bit.

    Parameters
    ----------
    index_sums : (3, N) array of int64
        Sums of voxel indices along z, y, x.
    n_voxels : (N,) array of int64
    voxel_size, offset : tuple of 3 floats
        (z, y, x) in nm.

    Returns
    -------
    dict
        ``z_nm``, ``y_nm``, ``x_nm``.

    Examples
    --------
    >>> positions(np.array([[2], [0], [1]]), np.array([2]), (40.0, 4.0, 4.0), (0.0, 0.0, 0.0))["z_nm"]
    array([60.])
    """
    return {
        f"{axis}_nm": start + (total / n_voxels + 0.5) * size
        for axis, total, size, start in zip("zyx", index_sums, voxel_size, offset, strict=True)
    }


def find_shared(
    truth: Synapses,
    predicted: Synapses,
    truth_ids: npt.NDArray[np.uint64],
    predicted_ids: npt.NDArray[np.uint64],
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Those of the given synapses that share a voxel with one of the other side's given synapses.

    Parameters
    ----------
    truth, predicted : Synapses
        On the same grid.
    truth_ids, predicted_ids : arrays of uint64
        The synapses to look at.

    Returns
    -------
    shared_truth, shared_predicted : arrays of uint64

    Examples
    --------
    >>> from connectograph.synapses import label_synapses
    >>> from connectograph.volumes import Volume
    >>> a = label_synapses(Volume(np.array([[[3, 3, 0, 4]]]), voxel_size=(40, 4, 4)))
    >>> b = label_synapses(Volume(np.array([[[0, 8, 8, 0]]]), voxel_size=(40, 4, 4)))
    >>> [ids.tolist() for ids in find_shared(a, b, a.ids, b.ids)]
    [[3], [8]]
    """
    here, here_ids = _voxels_of(truth, truth_ids)
    there, there_ids = _voxels_of(predicted, predicted_ids)
    _, i, j = np.intersect1d(here, there, assume_unique=True, return_indices=True)
    return np.unique(here_ids[i]), np.unique(there_ids[j])


def _voxels_of(synapses: Synapses, ids: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """Linear index and synapse id of every voxel of some synapses."""
    chosen = np.isin(synapses.ids, ids)[synapses.codes]
    lengths = synapses.lengths[chosen]
    owner = np.repeat(synapses.ids[synapses.codes[chosen]], lengths)
    return expand(synapses.starts[chosen], lengths), owner


def _scores(
    synapses: Synapses, n_voxels: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Largest and mean heat inside each synapse; summed in voxel order, so that blocks cannot change a bit."""
    count = len(synapses)
    if synapses.heat is None:
        return np.full(count, np.nan), np.full(count, np.nan)
    heat = synapses.heat
    codes = np.repeat(synapses.codes, synapses.lengths)
    whole = heat.dtype.kind in "bui"
    total = np.zeros(count, np.int64 if whole else np.float64)
    np.add.at(total, codes, heat.astype(total.dtype))
    largest = np.zeros(count, heat.dtype)
    first = np.unique(codes, return_index=True)[1]
    largest[:] = heat[first]
    np.maximum.at(largest, codes, heat)
    return largest.astype(np.float64), (total / n_voxels).astype(np.float64)
