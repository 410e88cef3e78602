"""Segments: their sizes and places, which of them are kept as nodes, and the split of those in several pieces.

Conventions: 0, 2^64-1 and 2^64-2 are background. Filtering is a keep-list on ids (the column `status`), never a
changed copy of the volume.

Functions: :func:`measure_segments`, :func:`select_segments`, :func:`split_segments`, :func:`kept_ids`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.blocks import ChangedLabels, EngineLike, Part, as_label_block, fold_blocks, open_engine
from connectograph.errors import InputError
from connectograph.runs import RunLabels, read_runs
from connectograph.tables import as_ids, make_table, validate_table
from connectograph.volumes import IGNORE, Shape, Triple, Volume

__all__ = ["clean_segments", "kept_ids", "mark_split_off", "measure_segments", "select_segments", "split_segments"]

Measures = Part
"""Ids (n,), and for each: voxels, index sums (z, y, x), first and last index (z, y, x) as (n, 10) int64."""


def measure_segments(segmentation: Volume, *, workers: int | None = None, engine: EngineLike = None) -> pd.DataFrame:
    """Size, volume, centroid and bounding box of every segment.

    Parameters
    ----------
    segmentation : Volume
        Labels; read once, block by block.
    workers, engine
        As in :func:`connectograph.evaluate`.

    Returns
    -------
    pandas.DataFrame
        The table "segments": `n_voxels`; `volume_nm3`; centroid `z_nm, y_nm, x_nm` (mean of the voxels' positions);
        bounding box `z_min_nm` .. `x_max_nm` (outer voxel faces); `status` is "kept" for all.

    Raises
    ------
    InputError
        If a label is negative or fractional.

    Examples
    --------
    >>> labels = np.zeros((2, 1, 4), "uint32")
    >>> labels[:, 0, 1:3] = 7
    >>> measured = measure_segments(Volume(labels, voxel_size=(40, 4, 4)))
    >>> measured[["segment_id", "n_voxels", "x_min_nm"]].to_dict("list")
    {'segment_id': [7], 'n_voxels': [4], 'x_min_nm': [4.0]}
    """
    measure = partial(_measure_block, segmentation.name or "the segmentation")
    with open_engine(engine, workers) as opened:
        measures = fold_blocks(measure, merge_measures, segmentation, engine=opened)
    return segments_table(measures, segmentation.voxel_size, segmentation.offset)


def _measure_block(where: str, array: npt.NDArray[Any], origin: Shape) -> Measures:
    from connectograph._kernels.segments import measure_block

    return measure_block(as_label_block(array, origin, where), *origin)


def select_segments(
    segments: pd.DataFrame | Volume, *, exclude: Iterable[int] = (), min_segment_voxels: int = 0
) -> pd.DataFrame:
    """Decide which segments are kept: not excluded by id, and of at least `min_segment_voxels` voxels.

    Parameters
    ----------
    segments : pandas.DataFrame or Volume
        The table "segments", or a segmentation to measure first.
    exclude : iterable of int
        Segment ids that are no neurons (glia, vessels). An id that does not occur changes nothing.
    min_segment_voxels : int
        A segment of exactly this size is kept.

    Returns
    -------
    pandas.DataFrame
        A copy with `status` "kept", "excluded" or "below_size"; "split_off" (kept, made by a split) stays.

    Raises
    ------
    InputError
        If `min_segment_voxels` is negative or an id is none.

    Examples
    --------
    >>> labels = np.array([[[1, 1, 1, 2, 3, 3]]], "uint8")
    >>> chosen = select_segments(Volume(labels, voxel_size=(40, 4, 4)), exclude=[3], min_segment_voxels=2)
    >>> dict(zip(chosen["segment_id"].tolist(), chosen["status"]))
    {1: 'kept', 2: 'below_size', 3: 'excluded'}
    """
    if min_segment_voxels < 0:
        raise InputError(f"min_segment_voxels is {min_segment_voxels}; expected 0 or more.")
    table = (
        measure_segments(segments) if isinstance(segments, Volume) else validate_table("segments", segments)
    ).copy()
    status = table["status"].to_numpy(dtype=object)
    status[table["n_voxels"].to_numpy() < min_segment_voxels] = "below_size"
    listed = np.isin(table["segment_id"].to_numpy(), as_ids(exclude, "excluded segments"))
    status[listed & (status != "split_off")] = "excluded"  # excluding came before the split that made new ids
    table["status"] = pd.Series(status, index=table.index, dtype="str")
    return table


def split_segments(
    segmentation: Volume,
    *,
    exclude: Iterable[int] = (),
    min_split_fraction: float = 0.1,
    min_segment_voxels: int = 0,
    workers: int | None = None,
    engine: EngineLike = None,
    progress: Callable[[int], object] | None = None,
) -> tuple[Volume, pd.DataFrame]:
    """Split segments into their 26-connected components.

    Parameters
    ----------
    segmentation : Volume
    exclude : iterable of int
        Segments that stay whole.
    min_split_fraction : float
        Share of the segment's voxels that a component needs to become a segment of its own.
    min_segment_voxels : int
        Voxels that it needs.
    workers, engine
        As in :func:`connectograph.evaluate`.
    progress : callable, optional
        Called with the number of voxels of each finished block.

    Returns
    -------
    split : Volume
        The largest component keeps the id (ties: the first voxel); another becomes a new segment or background. New
        ids are the smallest unused ones, ordered by old id, then falling size, then first voxel.
    pieces : pandas.DataFrame
        `segment_id` (0: background now), `split_from`, `n_voxels` of every component that lost its id.

    Raises
    ------
    InputError
        If the fraction is not within 0 and 1.

    Notes
    -----
    Components are joined from runs along x (some 28 bytes each), never from a second dense volume.

    Examples
    --------
    >>> labels = np.array([[[7, 7, 7, 0, 7, 7]]], "uint64")
    >>> split, pieces = split_segments(Volume(labels, voxel_size=(40, 4, 4)))
    >>> split.labels[:, :, :].tolist(), pieces.to_dict("list")
    ([[[7, 7, 7, 0, 1, 1]]], {'segment_id': [1], 'split_from': [7], 'n_voxels': [2]})
    """
    from connectograph._kernels.runs import join_runs

    if not 0 <= min_split_fraction <= 1:
        raise InputError(f"min_split_fraction is {min_split_fraction}; expected 0 to 1.")
    starts, lengths, labels = read_runs(segmentation, workers=workers, engine=engine, progress=progress)
    real = labels != IGNORE
    starts, lengths, labels = starts[real], lengths[real], labels[real]
    first, component = np.unique(join_runs(starts, lengths, labels, *segmentation.shape[1:]), return_inverse=True)
    size = np.zeros(len(first), np.int64)
    np.add.at(size, component, lengths)
    old = labels[first]
    new = _name_components(old, size, as_ids(exclude, "exclude"), min_split_fraction, min_segment_voxels)
    lost = new != old
    pieces = pd.DataFrame({"segment_id": new[lost], "split_from": old[lost], "n_voxels": size[lost]})
    pieces = pieces.sort_values(["split_from", "n_voxels"], ascending=[True, False], kind="stable", ignore_index=True)
    return replace(segmentation, labels=RunLabels(segmentation.shape, starts, lengths, new[component])), pieces


def clean_segments(segmentation: Volume, segments: pd.DataFrame) -> Volume:
    """The segmentation with background in place of every segment that is not kept.

    Parameters
    ----------
    segmentation : Volume
    segments : pandas.DataFrame
        The table "segments" of it, from :func:`select_segments`.

    Returns
    -------
    Volume
        Read and filtered block by block when it is used.

    Examples
    --------
    >>> volume = Volume(np.array([[[4, 4, 2]]]), voxel_size=(40, 4, 4))
    >>> clean_segments(volume, select_segments(volume, min_segment_voxels=2)).labels[:, :, :].tolist()
    [[[4, 4, 0]]]
    """
    where = segmentation.name or "the segmentation"
    mask = partial(_mask, kept_ids(segments), where)
    return replace(segmentation, labels=ChangedLabels(segmentation.labels, np.dtype(np.uint64), mask))


def _mask(kept: npt.NDArray[np.uint64], where: str, array: npt.NDArray[Any], origin: Shape) -> npt.NDArray[Any]:
    """A block's voxels, background in place of ids that are not kept."""
    import fastremap

    ids = as_label_block(array, origin, where).astype(np.uint64)  # a copy: masked in place
    masked: npt.NDArray[Any] = fastremap.mask_except(ids, kept.tolist(), in_place=True)
    return masked


def mark_split_off(segments: pd.DataFrame, pieces: pd.DataFrame) -> pd.DataFrame:
    """A copy of the table "segments" in which the new segments of a split have the status "split_off".

    Examples
    --------
    >>> split, pieces = split_segments(Volume(np.array([[[7, 7, 0, 7]]]), voxel_size=(40, 4, 4)))
    >>> mark_split_off(measure_segments(split), pieces)["status"].tolist()
    ['split_off', 'kept']
    """
    status = segments["status"].mask(segments["segment_id"].isin(pieces["segment_id"]), "split_off")
    return segments.assign(status=status)


def _name_components(
    old: npt.NDArray[np.uint64],
    size: npt.NDArray[np.int64],
    exclude: npt.NDArray[np.uint64],
    min_split_fraction: float,
    min_segment_voxels: int,
) -> npt.NDArray[np.uint64]:
    """The id of every component (in order of its first voxel): the old one, a new one, or 0."""
    order = np.lexsort((np.arange(len(old)), -size, old))
    ids, first, inverse = np.unique(old[order], return_index=True, return_inverse=True)
    total = np.zeros(len(ids), np.int64)
    np.add.at(total, inverse, size[order])
    keeps = np.zeros(len(old), bool)
    keeps[first] = True
    keeps |= np.isin(old[order], exclude)
    # divided, not multiplied: 0.07 * 100 is a little more than 7
    large = (size[order] / total[inverse] >= min_split_fraction) & (size[order] >= min_segment_voxels)
    fresh = ~keeps & large
    named = np.where(keeps, old[order], np.uint64(0))
    named[fresh] = _smallest_unused(ids, int(fresh.sum()))
    result = np.empty_like(old)
    result[order] = named
    return result


def _smallest_unused(used: npt.NDArray[np.uint64], count: int) -> npt.NDArray[np.uint64]:
    """The smallest `count` ids from 1 that are not in `used`."""
    candidates = np.arange(1, count + len(used) + 1, dtype=np.uint64)
    return np.setdiff1d(candidates, used)[:count]


def kept_ids(segments: pd.DataFrame) -> npt.NDArray[np.uint64]:
    """Ids of the kept segments (the nodes), ascending.

    Examples
    --------
    >>> kept_ids(select_segments(Volume(np.array([[[4, 4, 2]]]), voxel_size=(1, 1, 1)), min_segment_voxels=2))
    array([4], dtype=uint64)
    """
    ids: npt.NDArray[np.uint64] = segments.loc[segments["status"].isin(["kept", "split_off"]), "segment_id"].to_numpy()
    return np.sort(ids)


def merge_measures(parts: list[Measures]) -> Measures:
    """Measures of whole segments from those of blocks."""
    ids = np.concatenate([part[0] for part in parts]) if parts else np.empty(0, np.uint64)
    rows = np.concatenate([part[1] for part in parts]) if parts else np.empty((0, 10), np.int64)
    order = np.argsort(ids, kind="stable")
    ids, rows = ids[order], rows[order]
    unique, first = np.unique(ids, return_index=True)
    if len(unique) == 0:
        return unique, rows
    merged = [
        np.add.reduceat(rows[:, :4], first),
        np.minimum.reduceat(rows[:, 4:7], first),
        np.maximum.reduceat(rows[:, 7:], first),
    ]
    return unique, np.concatenate(merged, axis=1)


def segments_table(measures: Measures, voxel_size: Triple, offset: Triple) -> pd.DataFrame:
    """The table "segments" from measures in voxels."""
    ids, rows = measures
    n_voxels = rows[:, 0]
    columns: dict[str, Any] = {
        "segment_id": ids,
        "n_voxels": n_voxels,
        "volume_nm3": n_voxels * float(np.prod(voxel_size)),
    }
    for k, (axis, size, start) in enumerate(zip("zyx", voxel_size, offset, strict=True)):
        columns[f"{axis}_nm"] = start + (rows[:, 1 + k] / n_voxels + 0.5) * size
        columns[f"{axis}_min_nm"] = start + rows[:, 4 + k] * size
        columns[f"{axis}_max_nm"] = start + (rows[:, 7 + k] + 1) * size
    columns["status"] = ["kept"] * len(ids)
    return make_table("segments", columns)
