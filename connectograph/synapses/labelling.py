"""Instance labels, masks and heat maps into synapse instances."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from connectograph.blocks import Engine, EngineLike, Part, fold_blocks, open_engine
from connectograph.errors import InputError
from connectograph.runs import concatenate_parts, contains, expand, find_runs, join_touching, read_runs
from connectograph.synapses.instances import Region, Synapses
from connectograph.volumes import IGNORE, Shape, Volume

__all__ = ["FORMS", "label_synapses"]

FORMS = ("labels", "mask", "heatmap")
"""What a synapse volume may be said to hold."""

Progress = Callable[[int], object]

Ignore: TypeAlias = "Synapses | Future[Synapses] | None"


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
