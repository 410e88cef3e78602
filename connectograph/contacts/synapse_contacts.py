"""Synapse contacts: which pairs of segments each synapse joins."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.blocks import as_label_block, default_workers, map_blocks
from connectograph.contacts.dilation import dilation_offsets
from connectograph.segments import Measures, kept_ids, merge_measures, segments_table
from connectograph.synapses import Synapses, positions
from connectograph.tables import make_table
from connectograph.volumes import Shape, Volume, check_same_grid

__all__ = ["Scan", "SynapseNeighbours", "find_synapse_contacts", "keep_contacts", "scan_segmentation"]


@dataclass(frozen=True, eq=False)
class SynapseNeighbours:
    """What lies within the dilation of one synapse volume's voxels, before any filter.

    Attributes
    ----------
    synapses : Synapses
    contacts : pandas.DataFrame
        The table "synapse_contacts" over all segments, kept or not.
    touches : pandas.DataFrame
        `synapse_id, segment_id`: every segment found at any voxel of the synapse.
    """

    synapses: Synapses
    contacts: pd.DataFrame
    touches: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Scan:
    """One pass over a segmentation: its segments, and the neighbours of each synapse volume."""

    segments: pd.DataFrame
    neighbours: list[SynapseNeighbours]


def find_synapse_contacts(
    segmentation: Volume,
    synapses: Synapses,
    *,
    dilation: int | None = 1,
    dilation_nm: float | None = None,
    segments: pd.DataFrame | None = None,
    workers: int | None = None,
) -> pd.DataFrame:
    """Pairs of segments that each synapse contacts.

    Parameters
    ----------
    segmentation : Volume
        Labels, read once, block by block.
    synapses : Synapses
        From :func:`~connectograph.synapses.label_synapses`, on the same grid.
    dilation : int, optional
        In voxels; see :func:`~connectograph.contacts.dilation_offsets`.
    dilation_nm : float, optional
        Instead of `dilation`, a radius in nm.
    segments : pandas.DataFrame, optional
        The table "segments"; contacts with a segment that it does not keep are left out.
    workers : int, optional
        Threads.

    Returns
    -------
    pandas.DataFrame
        The table "synapse_contacts". `n_voxels` is the number of voxels v of the synapse with both segments in N(v),
        the segments within the dilation of v: ``|s ∩ dilate(a) ∩ dilate(b)|``. The position is the mean of these
        voxels, in nm.

    Raises
    ------
    InputError
        If the grids differ or the dilation is none.

    Examples
    --------
    >>> from connectograph.synapses import label_synapses
    >>> segmentation = Volume(np.array([[[1, 1, 1, 2, 2, 2]]], "uint8"), voxel_size=(40, 4, 4))
    >>> cleft = Volume(np.array([[[0, 0, 9, 9, 0, 0]]], "uint8"), voxel_size=(40, 4, 4))
    >>> contacts = find_synapse_contacts(segmentation, label_synapses(cleft))
    >>> contacts[["segment_a", "segment_b", "n_voxels"]].to_dict("list")
    {'segment_a': [1], 'segment_b': [2], 'n_voxels': [2]}
    """
    if dilation_nm is not None:
        dilation = None
    offsets = dilation_offsets(dilation, dilation_nm, segmentation.voxel_size)
    contacts = scan_segmentation(segmentation, [synapses], offsets, workers=workers).neighbours[0].contacts
    return contacts if segments is None else keep_contacts(contacts, segments)


def keep_contacts(contacts: pd.DataFrame, segments: pd.DataFrame) -> pd.DataFrame:
    """The rows whose two segments are both kept."""
    kept = kept_ids(segments)
    both = np.isin(contacts["segment_a"], kept) & np.isin(contacts["segment_b"], kept)
    return contacts[both].reset_index(drop=True)


def scan_segmentation(
    segmentation: Volume,
    synapses: list[Synapses],
    offsets: npt.NDArray[np.int64],
    *,
    workers: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Scan:
    """Measure all segments and gather the neighbours of all synapses in one pass over a segmentation.

    Parameters
    ----------
    segmentation : Volume
    synapses : list of Synapses
        On the same grid.
    offsets : (K, 3) array of int64
        The dilation, symmetric about 0.
    workers : int, optional
        Threads.
    progress : callable, optional
        Called with the number of voxels of each finished block.

    Returns
    -------
    Scan

    Notes
    -----
    Each block is read once and needs no halo: it reports what it holds of the neighbourhood of the synapse voxels in
    and near it, and voxels seen by several blocks are closed at the end. All sums are of integers, so the result does
    not depend on the blocks or their order.
    """
    from connectograph._kernels.neighbours import gather_block
    from connectograph._kernels.segments import measure_block

    for each in synapses:
        check_same_grid(segmentation, _grid(each))
    where = segmentation.name or "the segmentation"
    shape = np.array(segmentation.shape)

    def scan(array: npt.NDArray[Any], origin: Shape) -> tuple[Measures, list[Any]]:
        block = as_label_block(array, origin, where)
        gathered = [
            gather_block(block, np.array(origin), shape, s.starts, s.lengths, s.codes, offsets) for s in synapses
        ]
        return measure_block(block, *origin), gathered

    parts = list(map_blocks(scan, segmentation, workers=workers, progress=progress))
    measures = merge_measures([part[0] for part in parts])
    segments = segments_table(measures, segmentation.voxel_size, segmentation.offset)
    with ThreadPoolExecutor(workers or default_workers()) as pool:
        gathered = [[part[1][k] for part in parts] for k in range(len(synapses))]
        neighbours = list(pool.map(partial(_close, segmentation, len(offsets)), synapses, gathered))
    return Scan(segments, neighbours)


def _grid(synapses: Synapses) -> Volume:
    """A volume without memory that stands for the synapses' grid."""
    voxels = np.broadcast_to(np.uint8(0), synapses.shape)
    return Volume(voxels, synapses.voxel_size, synapses.offset, synapses.name)


def _close(segmentation: Volume, max_found: int, synapses: Synapses, parts: list[Any]) -> SynapseNeighbours:
    """Sum the records of all blocks, close the voxels that several blocks saw, and name the columns."""
    from connectograph._kernels.hashing import sum_by_key
    from connectograph._kernels.neighbours import close_voxels

    loose = _stack([part[2] for part in parts], np.empty((0, 3), np.uint64))
    closed = close_voxels(loose, *segmentation.shape[1:], max_found)
    keys = _stack([part[0] for part in parts] + [closed[0]], np.empty((0, 3), np.uint64))
    sums = _stack([part[1] for part in parts] + [closed[1]], np.empty((0, 4), np.int64))
    keys, sums = sum_by_key(keys, sums)
    ids = synapses.ids[keys[:, 0].astype(np.int64)]
    pair = keys[:, 1] != keys[:, 2]
    contacts = make_table(
        "synapse_contacts",
        {
            "synapse_id": ids[pair],
            "segment_a": keys[pair, 1],
            "segment_b": keys[pair, 2],
            "n_voxels": sums[pair, 0],
            **positions(sums[pair, 1:].T, sums[pair, 0], segmentation.voxel_size, segmentation.offset),
        },
    )
    touches = pd.DataFrame({"synapse_id": ids[~pair], "segment_id": keys[~pair, 1]})
    return SynapseNeighbours(synapses, contacts, touches)


def _stack(arrays: list[npt.NDArray[Any]], empty: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.concatenate([empty, *arrays])
