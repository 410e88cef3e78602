"""Synapses: from instance labels, masks and heat maps to instances; their sizes, places and scores.

Conventions: synapse voxels are kept as runs along x (linear index of the first voxel, length), never as a dense
volume, so memory grows with the synapses and not with the volume. Ids are those of the labels, or, for masks and
heat maps, the 26-connected components numbered from 1 by their smallest linear voxel index.

Functions: :func:`label_synapses`, :func:`measure_synapses`, :func:`find_shared`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.blocks import Engine, EngineLike, Part, fold_blocks, open_engine
from connectograph.errors import InputError
from connectograph.runs import concatenate_parts, contains, expand, find_runs, join_touching, read_runs
from connectograph.tables import make_table
from connectograph.volumes import IGNORE, Shape, Triple, Volume

__all__ = ["FORMS", "Synapses", "find_shared", "label_synapses", "measure_synapses"]

FORMS = ("labels", "mask", "heatmap")
"""What a synapse volume may be said to hold."""

Progress = Callable[[int], object]
Region = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]
"""Voxels as runs without labels: starts, lengths."""

Ignore: TypeAlias = "Synapses | Future[Synapses] | None"


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


def label_synapses(
    volume: Volume,
    *,
    form: str | None = None,
    threshold: float | None = None,
    min_synapse_voxels: int = 1,
    ignore: Synapses | Future[Synapses] | None = None,
    workers: int | None = None,
    engine: EngineLike = None,
    progress: Progress | None = None,
) -> Synapses:
    """Synapse instances of a volume of labels, a mask or a heat map.

    Parameters
    ----------
    volume : Volume
        Instance labels, a mask, or a heat map.
    form : {"labels", "mask", "heatmap"}, optional
        What `volume` holds. By default it is judged: a threshold means a heat map; booleans, only 1 or only 255 a
        mask; any other whole numbers instance labels.
    threshold : float, optional
        Of a heat map, in its stored units; a voxel belongs to a synapse at or above it.
    min_synapse_voxels : int
        Smaller synapses are left out and counted.
    ignore : Synapses, or a Future of them, optional
        The truth: voxels where it holds the ignore value belong to no synapse. A future is waited for once the
        volume was read, so that both can be read side by side.
    workers, engine
        As in :func:`connectograph.evaluate`.
    progress : callable, optional
        Called with the number of voxels of each finished block.

    Returns
    -------
    Synapses

    Raises
    ------
    InputError
        If the form and threshold do not fit together, a label is negative or fractional, or all heat is NaN.

    Examples
    --------
    >>> labels = np.zeros((1, 2, 6), "uint8")
    >>> labels[0, 0, :2], labels[0, 1, 4:] = 7, 9
    >>> synapses = label_synapses(Volume(labels, voxel_size=(40, 4, 4)))
    >>> synapses.form, synapses.ids.tolist()
    ('labels', [7, 9])
    >>> heat = np.array([[[0.9, 0.8, 0.1, 0.2, 0.1, 0.7]]])
    >>> label_synapses(Volume(heat, voxel_size=(40, 4, 4)), threshold=0.5).ids.tolist()
    [1, 2]
    """
    with open_engine(engine, workers) as opened:
        if _is_heat(volume, form, threshold):
            synapses = _from_heat(volume, float(threshold or 0.0), ignore, opened, progress)
        else:
            synapses = _from_labels(volume, form, ignore, opened, progress)
    return _drop_small(synapses, min_synapse_voxels)


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


def _is_heat(volume: Volume, form: str | None, threshold: float | None) -> bool:
    """Whether to threshold, after refusing what does not fit together."""
    where = volume.name or "the volume"
    if form not in (None, *FORMS):
        raise InputError(f"form is {form!r}; expected one of {', '.join(FORMS)}.")
    if threshold is not None and not np.isfinite(threshold):
        raise InputError(f"threshold is {threshold}; expected a finite number in the heat map's stored units.")
    if form == "heatmap" and threshold is None:
        raise InputError(f"{where} is a heat map, which has no synapses without a threshold: pass --threshold T.")
    if form in ("labels", "mask") and threshold is not None:
        raise InputError(
            f"{where} is said to hold {form}, but a threshold is given too: drop --threshold "
            "or pass --predicted-form heatmap."
        )
    return threshold is not None


def _from_labels(
    volume: Volume, form: str | None, ignore: Ignore, engine: Engine, progress: Progress | None
) -> Synapses:
    starts, lengths, labels = read_runs(volume, engine=engine, progress=progress)
    width = volume.shape[2]
    real = labels != IGNORE
    ignored = (starts[~real], lengths[~real])
    starts, lengths, labels = starts[real], lengths[real], labels[real]
    ids = np.unique(labels)
    judged = form or _judge(ids, volume.dtype)
    notices = _notices(volume, ids, lengths, judged)
    excluded = {"ignored_voxels": int(ignored[1].sum(dtype=np.int64))}
    if judged == "mask":
        labels = np.zeros_like(labels)
        starts, lengths, labels = join_touching(starts, lengths, labels, width)
    if ignore is not None:
        starts, lengths, labels, _ = _subtract(volume, starts, lengths, labels, ignore)
    if judged == "mask":
        return _components(volume, judged, starts, lengths, None, ignored, excluded, notices)
    kept, codes = np.unique(labels, return_inverse=True)
    excluded["ignored_synapses"] = len(ids) - len(kept)
    return _synapses(volume, judged, kept, starts, lengths, codes, None, ignored, excluded, notices)


def _from_heat(volume: Volume, threshold: float, ignore: Ignore, engine: Engine, progress: Progress | None) -> Synapses:
    width = volume.shape[2]
    dtype = volume.dtype.newbyteorder("=")
    if dtype.kind not in "buif" or dtype.itemsize > 8:
        raise InputError(f"{volume.name or 'the volume'} has type {dtype}; a heat map holds numbers.")
    limit = dtype.type(threshold) if dtype.kind == "f" else threshold
    extract = partial(_extract_heat, dtype, limit, volume.shape)
    merge = partial(_merge_heat, dtype, width)
    starts, lengths, heat, missed = fold_blocks(extract, merge, volume, engine=engine, progress=progress)
    missing, labels = int(missed.sum()), np.zeros(len(starts), np.uint64)
    notices = _notices_of_heat(volume, missing)
    if ignore is not None:
        starts, lengths, labels, inside = _subtract(volume, starts, lengths, labels, ignore)
        heat = heat[inside]
    nothing = (np.empty(0, np.int64), np.empty(0, np.int32))
    return _components(volume, "heatmap", starts, lengths, heat, nothing, {"nan_voxels": missing}, notices)


def _extract_heat(dtype: np.dtype[Any], limit: Any, shape: Shape, array: npt.NDArray[Any], origin: Shape) -> Part:
    block = np.ascontiguousarray(array, dtype)
    hot = block >= limit
    starts, lengths, _ = find_runs(hot.view(np.uint8), origin, *shape[1:])
    missing = np.count_nonzero(np.isnan(block)) if dtype.kind == "f" else 0
    return starts, lengths, block[hot], np.array([missing], np.int64)


def _merge_heat(dtype: np.dtype[Any], width: int, parts: list[Part]) -> Part:
    starts, lengths = concatenate_parts(parts, 0, np.int64), concatenate_parts(parts, 1, np.int32)
    heat = concatenate_parts(parts, 2, dtype)[_voxel_order(starts, lengths)]
    starts, lengths, _ = join_touching(starts, lengths, np.zeros(len(starts), np.uint64), width)
    return starts, lengths, heat, concatenate_parts(parts, 3, np.int64).sum(keepdims=True)


def _notices_of_heat(volume: Volume, missing: int) -> tuple[str, ...]:
    """What to say of undefined voxels; all of them are refused."""
    total = int(np.prod(volume.shape))
    if total and missing == total:
        raise InputError(
            f"{volume.name or 'the heat map'}: all {total:,} voxels are NaN; nothing was predicted. Check the export."
        )
    if not missing:
        return ()
    return (f"{missing:,} of {total:,} voxels ({missing / total:.2%}) are NaN and count as below the threshold",)


def _components(
    volume: Volume, form: str, starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int32],
    heat: npt.NDArray[Any] | None, ignored: Region, excluded: dict[str, int], notices: tuple[str, ...],
) -> Synapses:  # fmt: skip
    """Number the 26-connected components of a mask's runs by their first voxel."""
    from connectograph._kernels.runs import join_runs

    first, codes = np.unique(
        join_runs(starts, lengths, np.zeros(len(starts), np.uint64), *volume.shape[1:]), return_inverse=True
    )
    ids = np.arange(1, len(first) + 1, dtype=np.uint64)
    return _synapses(volume, form, ids, starts, lengths, codes, heat, ignored, excluded, notices)


def _synapses(
    volume: Volume, form: str, ids: npt.NDArray[np.uint64], starts: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int32], codes: npt.NDArray[np.int64], heat: npt.NDArray[Any] | None,
    ignored: Region, excluded: dict[str, int], notices: tuple[str, ...],
) -> Synapses:  # fmt: skip
    counts = {
        "ignored_voxels": 0,
        "ignored_synapses": 0,
        "nan_voxels": 0,
        "synapses_below_size": 0,
        **excluded,
    }
    if len(ids) > 1_000_000:
        notices = (
            *notices,
            f"{len(ids):,} synapses: probably noise; raise the threshold or min_synapse_voxels",
        )
    return Synapses(
        volume.name, form, volume.shape, volume.voxel_size, volume.offset,
        ids, starts, lengths, codes.astype(np.int64), heat, ignored, counts, notices,
    )  # fmt: skip


def _judge(ids: npt.NDArray[np.uint64], dtype: np.dtype[Any]) -> str:
    """The form of a volume from its ids (DESIGN: judged on the ids other than background)."""
    if len(ids) == 0:
        return "none"
    return "mask" if dtype.kind == "b" or ids.tolist() in ([1], [255]) else "labels"


def _notices(volume: Volume, ids: npt.NDArray[np.uint64], lengths: npt.NDArray[np.int32], form: str) -> tuple[str, ...]:
    """What is unusual about a label volume: floats, values that look like heat, more synapse than background."""
    notices = []
    if volume.dtype.kind == "f" and len(ids):
        notices.append(f"stored as {volume.dtype}; its whole numbers were read as {form}")
    if form == "labels" and volume.dtype.itemsize == 1 and len(ids) > 100:
        notices.append(f"{len(ids)} different 8-bit values: if this is a heat map, pass --threshold T")
    share = int(lengths.sum(dtype=np.int64)) / max(1, int(np.prod(volume.shape)))
    if share > 0.5:
        notices.append(f"synapses cover {share:.0%} of the volume: is the background another value than 0 or 2^64-1?")
    return tuple(notices)


def _voxel_order(starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Order that brings per-voxel values of unsorted runs into the order of the sorted runs."""
    order = np.argsort(starts, kind="stable")
    begins = np.cumsum(lengths, dtype=np.int64) - lengths
    return expand(begins[order], lengths[order])


def _subtract(
    volume: Volume,
    starts: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int32],
    labels: npt.NDArray[np.uint64],
    ignore: Synapses | Future[Synapses],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
    """The runs without the voxels that the truth ignores, and which of their voxels stay."""
    truth = ignore.result() if isinstance(ignore, Future) else ignore
    if truth.shape != volume.shape:
        raise InputError(
            f"{volume.name or 'the volume'} has shape {volume.shape} but the truth {truth.shape} (z, y, x)."
        )
    if len(truth.ignored[0]) == 0:
        return starts, lengths, labels, np.ones(int(lengths.sum(dtype=np.int64)), bool)
    voxels = expand(starts, lengths)
    inside = ~contains(*truth.ignored, voxels)
    kept_labels = np.repeat(labels, lengths)[inside]
    joined = join_touching(voxels[inside], np.ones(int(inside.sum()), np.int32), kept_labels, volume.shape[2])
    return *joined, inside


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


def _drop_small(synapses: Synapses, min_synapse_voxels: int) -> Synapses:
    if min_synapse_voxels <= 1:
        return synapses
    n_voxels = np.zeros(len(synapses), np.int64)
    np.add.at(n_voxels, synapses.codes, synapses.lengths)
    large = n_voxels >= min_synapse_voxels
    stays = large[synapses.codes]
    return replace(
        synapses,
        ids=synapses.ids[large],
        starts=synapses.starts[stays],
        lengths=synapses.lengths[stays],
        codes=(np.cumsum(large) - 1)[synapses.codes[stays]],
        heat=None if synapses.heat is None else synapses.heat[np.repeat(stays, synapses.lengths)],
        excluded={**synapses.excluded, "synapses_below_size": int((~large).sum())},
    )


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
