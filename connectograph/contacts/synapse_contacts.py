"""Synapse contacts: which pairs of segments each synapse joins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.blocks import EngineLike, Part, as_label_block, fold_blocks, open_engine
from connectograph.contacts.dilation import dilation_offsets
from connectograph.segments import kept_ids, merge_measures, segments_table
from connectograph.synapses import Synapses, positions
from connectograph.tables import make_table
from connectograph.volumes import Shape, Volume, check_same_grid

__all__ = [
    "Scan",
    "SynapseNeighbours",
    "find_synapse_contacts",
    "keep_contacts",
    "scan_neighbourhoods",
    "scan_segmentation",
]


@dataclass(frozen=True, eq=False)
class SynapseNeighbours:
    """What lies within the dilation of one synapse volume's voxels, before any filter.

    Attributes
    ----------
    synapses : Synapses
    contacts : pandas.DataFrame
        The table "synapse_contacts" over all segments, kept or not.
    touches : pandas.DataFrame
        `synapse_id, segment_id, n_voxels, z_nm, y_nm, x_nm`: every segment found at any voxel of the synapse, the
        number of these voxels and their mean position.
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
    engine: EngineLike = None,
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
    workers, engine
        As in :func:`connectograph.evaluate`.

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
    contacts = (
        scan_segmentation(segmentation, [synapses], offsets, workers=workers, engine=engine).neighbours[0].contacts
    )
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
    engine: EngineLike = None,
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
    workers, engine
        As in :func:`connectograph.evaluate`.
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
    segments, found = _fold_scans(
        segmentation, synapses, offsets, voxelwise=False, workers=workers, engine=engine, progress=progress
    )
    sides = zip(synapses, found, strict=True)
    return Scan(segments, [_tabulate(segmentation, each, *records) for each, records in sides])


def scan_neighbourhoods(
    segmentation: Volume,
    synapses: list[Synapses],
    offsets: npt.NDArray[np.int64],
    *,
    workers: int | None = None,
    engine: EngineLike = None,
    progress: Callable[[int], object] | None = None,
) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Measure all segments, and list which of them lie together within the dilation of synapse voxels.

    Contacts say how many voxels two segments share. What they would share if segments were merged or cut takes the
    segments of every voxel.

    Parameters
    ----------
    segmentation, synapses, offsets, workers, engine, progress
        As in :func:`scan_segmentation`.

    Returns
    -------
    segments : pandas.DataFrame
        The table "segments".
    neighbourhoods : list of DataFrame
        Of each synapse volume: `synapse_id`, `voxel`, `segment_id`, `n_voxels`. Rows of one `voxel` (linear index) are
        the segments in its neighbourhood N(v), the same in `n_voxels` voxels of the synapse from this one on.

    Examples
    --------
    >>> from connectograph.synapses import label_synapses
    >>> segmentation = Volume(np.array([[[1, 1, 1, 2, 2, 2]]], "uint8"), voxel_size=(40, 4, 4))
    >>> cleft = Volume(np.array([[[0, 9, 9, 9, 0, 0]]], "uint8"), voxel_size=(40, 4, 4))
    >>> steps = np.array([[0, 0, -1], [0, 0, 0], [0, 0, 1]])
    >>> scan_neighbourhoods(segmentation, [label_synapses(cleft)], steps)[1][0].to_dict("list")
    {'synapse_id': [9, 9, 9], 'voxel': [1, 2, 2], 'segment_id': [1, 1, 2], 'n_voxels': [1, 2, 2]}
    """
    segments, found = _fold_scans(
        segmentation, synapses, offsets, voxelwise=True, workers=workers, engine=engine, progress=progress
    )
    tables = []
    for each, (keys, sums) in zip(synapses, found, strict=True):
        columns = {"synapse_id": each.ids[keys[:, 0].astype(np.int64)], "voxel": keys[:, 1].astype(np.int64)}
        tables.append(pd.DataFrame({**columns, "segment_id": keys[:, 2], "n_voxels": sums[:, 0]}))
    return segments, tables


def _fold_scans(
    segmentation: Volume,
    synapses: list[Synapses],
    offsets: npt.NDArray[np.int64],
    *,
    voxelwise: bool,
    workers: int | None,
    engine: EngineLike,
    progress: Callable[[int], object] | None,
) -> tuple[pd.DataFrame, list[Part]]:
    """The table "segments", and the records of each synapse volume: keys and sums, every key once."""
    from connectograph._kernels.hashing import sum_by_key

    for each in synapses:
        check_same_grid(segmentation, _grid(each))
    runs = tuple((each.starts, each.lengths, each.codes) for each in synapses)
    scan = _BlockScan(segmentation.name or "the segmentation", segmentation.shape, runs, offsets, voxelwise)
    merge = partial(_merge_scans, len(synapses))
    settle = partial(_close_planes, segmentation.shape, offsets, voxelwise)
    with open_engine(engine, workers) as opened:
        found = fold_blocks(scan, merge, segmentation, engine=opened, settle=settle, progress=progress)
    segments = segments_table(found[:2], segmentation.voxel_size, segmentation.offset)
    return segments, [sum_by_key(*found[k : k + 2]) for k in _sides(found)]


@dataclass(frozen=True, eq=False)
class _BlockScan:
    """Measures of a block's segments, then for each synapse volume keys, sums and open voxels (see the kernel)."""

    where: str
    shape: Shape
    runs: tuple[Part, ...]
    offsets: npt.NDArray[np.int64]
    voxelwise: bool

    def __call__(self, array: npt.NDArray[Any], origin: Shape) -> Part:
        from connectograph._kernels.neighbours import gather_block
        from connectograph._kernels.segments import measure_block

        block = as_label_block(array, origin, self.where)
        gather = partial(gather_block, block, origin, self.shape, voxelwise=self.voxelwise)
        found: list[Part] = [gather(s, n, c, self.offsets) for s, n, c in self.runs]
        return sum(found, measure_block(block, *origin))

    def near(self, first_plane: int, last_plane: int) -> _BlockScan:
        """The same with only the runs of synapses that blocks of some planes can see."""
        reach, plane = int(self.offsets[:, 0].max()), self.shape[1] * self.shape[2]
        limits = np.array([first_plane - reach, last_plane + reach]) * plane
        cuts = [slice(*np.searchsorted(starts, limits)) for starts, *_ in self.runs]
        runs = tuple(tuple(array[cut] for array in each) for each, cut in zip(self.runs, cuts, strict=True))
        return replace(self, runs=runs)


def _sides(part: Part) -> range:
    """Where the arrays of each synapse volume begin."""
    return range(2, len(part), 3)


def _merge_scans(n_sides: int, parts: list[Part]) -> Part:
    """One result of several; equal keys are summed, open voxels listed."""
    from connectograph._kernels.hashing import sum_by_key

    merged = merge_measures([part[:2] for part in parts])
    nothing = (np.empty((0, 3), np.uint64), np.empty((0, 4), np.int64), np.empty((0, 3), np.uint64))
    for k in range(2, 2 + 3 * n_sides, 3):
        keys, sums, loose = (np.concatenate([nothing[i], *(part[k + i] for part in parts)]) for i in range(3))
        merged += (*sum_by_key(keys, sums), loose)
    return merged


def _close_planes(shape: Shape, offsets: npt.NDArray[np.int64], voxelwise: bool, part: Part, n_planes: int) -> Part:
    """Turn open voxels into records where all blocks around them were seen: those of the first planes."""
    from connectograph._kernels.neighbours import close_voxels

    reach = int(offsets[:, 0].max()) if n_planes < shape[0] else 0
    limit = max(0, n_planes - reach) * shape[1] * shape[2]
    closed = [part[:2]]
    for k in _sides(part):
        keys, sums, loose = part[k : k + 3]
        complete = loose[:, 0] < np.uint64(limit)
        ready = loose[complete]
        found = _list_stretches(ready) if voxelwise else close_voxels(ready, *shape[1:], len(offsets))
        closed.append((np.concatenate([keys, found[0]]), np.concatenate([sums, found[1]]), loose[~complete]))
    return sum(closed, ())


def _list_stretches(open_voxels: npt.NDArray[np.uint64]) -> Part:
    """Keys (synapse code, voxel, segment) and sums (voxels, 0, 0, 0) of stretches with the same segments near."""
    if not len(open_voxels):
        return np.empty((0, 3), np.uint64), np.empty((0, 4), np.int64)
    rows = open_voxels[np.lexsort((open_voxels[:, 2], open_voxels[:, 0]))]
    rows = rows[np.append(True, (rows[1:] != rows[:-1]).any(axis=1))]
    voxel, first, size = np.unique(rows[:, 0], return_index=True, return_counts=True)
    before = np.repeat(np.append(0, size[:-1]), size)  # the same place in the list of the voxel before
    alike = (rows[:, 1:] == rows[np.arange(len(rows)) - before, 1:]).all(axis=1)
    goes_on = np.logical_and.reduceat(alike, first)
    goes_on &= (size == np.append(0, size[:-1])) & (voxel == np.append(0, voxel[:-1] + np.uint64(1)))
    begins = np.flatnonzero(~goes_on)
    chosen = np.repeat(~goes_on, size)
    sums = np.zeros((int(chosen.sum()), 4), np.int64)
    sums[:, 0] = np.repeat(np.diff(np.append(begins, len(voxel))), size[begins])
    return rows[chosen][:, [1, 0, 2]], sums


def _grid(synapses: Synapses) -> Volume:
    """A volume without memory that stands for the synapses' grid."""
    voxels = np.broadcast_to(np.uint8(0), synapses.shape)
    return Volume(voxels, synapses.voxel_size, synapses.offset, synapses.name)


def _tabulate(
    segmentation: Volume, synapses: Synapses, keys: npt.NDArray[np.uint64], sums: npt.NDArray[np.int64]
) -> SynapseNeighbours:
    """Name the columns of what was found near the synapses of one volume."""
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
    single, place = sums[~pair], (segmentation.voxel_size, segmentation.offset)
    near = {"n_voxels": single[:, 0], **positions(single[:, 1:].T, single[:, 0], *place)}
    touches = pd.DataFrame({"synapse_id": ids[~pair], "segment_id": keys[~pair, 1], **near})
    return SynapseNeighbours(synapses, contacts, touches)
