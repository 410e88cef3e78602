"""Volumes in Zarr, N5, precomputed and webKnossos stores, read in groups of whole chunks through tensorstore.

A chunk that a store lacks is legally the fill value, and just as well a copy that was broken off: it is an error unless
allowed, and then counted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError
from connectograph.io.chunked_grid import Grid, plan_step
from connectograph.io.chunked_metadata import find_array
from connectograph.io.chunked_place import StoredArray, name_array
from connectograph.io.files import redact
from connectograph.io.lazy import make_box, open_box, refuse_dtype
from connectograph.io.sources import check_memory, is_url
from connectograph.io.stores import explain, import_tensorstore, open_store, shorten, store_context, store_reader
from connectograph.io.wkw_layers import WkwLabels
from connectograph.volumes import Block, Shape

__all__ = ["ChunkedLabels", "check_chunks", "open_chunked"]

_PRECOMPUTED_CHUNK = re.compile(rb"/?\d+-\d+_\d+-\d+_\d+-\d+$")

_ORDINARY_BYTES = 2**40
_ORDINARY_RATIO = 100_000
"""A volume may be larger than its stored chunks, up to 1 TiB or this many times."""


class ChunkedLabels:
    """A three-dimensional array in a store, whose chunks are read by whichever thread asks for them.

    It can be sent to another process, which opens the store itself.

    Parameters
    ----------
    location : str
        Folder or URL of the store.
    array : StoredArray
        From :func:`~connectograph.io.chunked_metadata.find_array`.
    allow_missing : bool
        Read chunks that are not stored as the fill value, instead of raising an error.

    Raises
    ------
    InputError
        If the array is not three-dimensional, not numbers, or cannot be opened.

    Examples
    --------
    >>> import tempfile, tensorstore
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{folder}/a.zarr/"}}
    ...     store = tensorstore.open(spec, create=True, dtype="uint64", shape=(2, 3, 4)).result()
    ...     store.write(7).result()
    ...     labels = ChunkedLabels(f"{folder}/a.zarr", StoredArray("zarr3", ""))
    ...     labels.shape, [int(block.read().sum()) for block in labels.blocks()]
    ((2, 3, 4), [168])
    """

    def __init__(self, location: str, array: StoredArray, allow_missing: bool = False) -> None:
        self.location, self.array, self.allow_missing = location, array, allow_missing
        self.path: str | None = None if is_url(location) else location
        self.name = name_array(location, array)
        self._view, self.notes = _open_view(location, array, allow_missing, self.name)
        z, y, x = self._view.domain.shape
        self.shape: Shape = (int(z), int(y), int(x))
        self.dtype = _dtype_of(self._view, self.name)
        layout = self._view.chunk_layout
        self.is_sharded = layout.read_chunk.shape != layout.write_chunk.shape
        self.grid = Grid(self.shape, layout.read_chunk.shape, layout.grid_origin)
        check_memory(3 * math.prod(self.grid.chunk) * self.dtype.itemsize, f"A chunk of {self.name}")
        self.block_shape = plan_step(self.grid.chunk, layout.write_chunk.shape, self.shape, self.dtype.itemsize)

    def __reduce__(self) -> tuple[Any, ...]:
        return ChunkedLabels, (self.location, self.array, self.allow_missing)

    @property
    def fill_value(self) -> Any:
        """What a chunk holds that is not stored."""
        value = self._view.fill_value
        return self.dtype.type(0) if value is None else np.asarray(value).item()

    def blocks(self) -> Iterator[Block]:
        """Groups of whole chunks, of a few MiB, or single chunks that are larger."""
        for origin, shape in Grid(self.shape, self.block_shape, self.grid.origin).boxes():
            yield Block(origin, shape, partial(self._read, origin, shape))

    def __getitem__(self, box: tuple[slice, slice, slice]) -> npt.NDArray[Any]:
        return self._read(*open_box(box, self.shape))

    def is_stored(self, origin: Shape, shape: Shape) -> bool | None:
        """Whether all chunks of a box are stored (True), none (False), or some (None)."""
        part = self._view[make_box(origin, shape)]
        found = part.storage_statistics(query_not_stored=True, query_fully_stored=True).result()
        return True if found.fully_stored else False if found.not_stored else None

    def _read(self, origin: Shape, shape: Shape) -> npt.NDArray[Any]:
        try:
            return np.asarray(self._view[make_box(origin, shape)].read(order="C").result(), self.dtype)
        except (ValueError, OSError, RuntimeError) as error:
            if "NOT_FOUND" in str(error) and "is missing" in str(error):
                what = f"at least one of its chunks, in the block at {origin} (z, y, x), is missing ({shorten(error)})"
                raise InputError(_explain_missing(self.name, what)) from error
            why = explain(error, "It is damaged: copy it again (rsync --partial --checksum), or write it anew.")
            raise InputError(f"{self.name}: the block at {origin} (z, y, x) cannot be read {why}") from error


def open_chunked(
    location: str, dataset: str | None, role: str | None, *, allow_missing_chunks: bool = False
) -> tuple[ChunkedLabels | WkwLabels, StoredArray, tuple[str, ...]]:
    """A volume in a store, its chunks counted.

    Parameters
    ----------
    location : str
        Folder or URL.
    dataset : str or None
    role : str or None
        As in :func:`~connectograph.io.volumes.read_volume`.
    allow_missing_chunks : bool
        Read chunks that are not stored as the fill value, and say how many there are.

    Returns
    -------
    labels : ChunkedLabels or WkwLabels
    array : StoredArray
        With its place.
    notices : tuple of str
        What must be said beside any result: chunks that are missing.

    Raises
    ------
    InputError
        If there is no such volume, it is unsafe or damaged, or lacks chunks.
    """
    folder = None if is_url(location) else location
    array = find_array(store_reader(location), dataset, role, redact(location), folder)
    labels = (WkwLabels if array.driver == "wkw" else ChunkedLabels)(location, array, allow_missing_chunks)
    return labels, array, check_chunks(labels)


def check_chunks(labels: ChunkedLabels | WkwLabels) -> tuple[str, ...]:
    """Count the chunks that are missing; an error if there are any, or a notice if they are allowed.

    Parameters
    ----------
    labels : ChunkedLabels or WkwLabels

    Returns
    -------
    tuple of str
        Empty if all are there.

    Raises
    ------
    InputError
        If chunks are missing and not allowed, or so many that the volume's size cannot be right.
    """
    total = math.prod(labels.grid.counts)
    try:
        missing = _count_all_missing(labels) if total else 0
    except NotImplementedError:  # sharded precomputed volumes, and stores that cannot be listed
        return ("chunks that are missing could not be counted, and were read as 0",) if labels.allow_missing else ()
    except (ValueError, OSError, RuntimeError) as error:
        raise InputError(f"{labels.name}: its chunks cannot be listed {explain(error)}") from error
    if not missing:
        return ()
    share = f"{missing:,} of {total:,} chunks are missing ({100 * missing / total:.3g} %)"
    if not labels.allow_missing:
        raise InputError(_explain_missing(labels.name, share))
    declared = math.prod(labels.shape) * labels.dtype.itemsize
    stored = (total - missing) * math.prod(labels.grid.chunk) * labels.dtype.itemsize
    if declared > max(_ORDINARY_BYTES, _ORDINARY_RATIO * stored):
        raise InputError(
            f"{labels.name} declares shape {labels.shape}, {declared:,} bytes, but {share}. It is damaged or made to "
            "exhaust memory; write it again with its real shape."
        )
    return (f"{share} and were read as {labels.fill_value}",)


def _explain_missing(name: str, what: str) -> str:
    return (
        f"{name}: {what}. A copy that was broken off reads as background. Copy it again (rsync --partial --checksum); "
        "or, if it was written without its empty chunks, pass --allow-missing-chunks (allow_missing_chunks=True)."
    )


def _count_all_missing(labels: ChunkedLabels | WkwLabels) -> int:
    """Chunks that are not stored; those of precomputed volumes are files by name, tensorstore does not tell."""
    scale = labels.array.scale_key
    if scale is None:
        return _count_missing(labels, (0, 0, 0), labels.grid.counts)
    if labels.is_sharded:
        raise NotImplementedError
    keys = open_store(labels.location, scale).list().result()
    return math.prod(labels.grid.counts) - sum(_PRECOMPUTED_CHUNK.match(key) is not None for key in keys)


def _count_missing(labels: ChunkedLabels | WkwLabels, start: Shape, stop: Shape) -> int:
    """Chunks that are not stored, found by halving: a whole volume, or a half that lacks all, is one question."""
    stored = labels.is_stored(*labels.grid.box(start, stop))
    extent = [b - a for a, b in zip(start, stop, strict=True)]
    if stored is not None or math.prod(extent) == 1:
        return 0 if stored else math.prod(extent)
    axis = extent.index(max(extent))
    half = start[axis] + extent[axis] // 2
    low, high = list(stop), list(start)
    low[axis] = high[axis] = half
    return _count_missing(labels, start, (low[0], low[1], low[2])) + _count_missing(
        labels, (high[0], high[1], high[2]), stop
    )


def _open_view(location: str, array: StoredArray, allow_missing: bool, name: str) -> tuple[Any, tuple[str, ...]]:
    """tensorstore's array turned to (z, y, x), without axes of one element, from index 0."""
    ts = import_tensorstore()
    spec = {
        "driver": array.driver,
        "kvstore": open_store(location, array.path).spec().to_json(),
        "context": {"cache_pool": {"total_bytes_limit": 0}, **store_context()},
        "fill_missing_data_reads": allow_missing,
        **({} if array.scale_key is None else {"scale_metadata": {"key": array.scale_key}}),
    }
    try:
        store = ts.open(spec, read=True, open=True).result()
    except (ValueError, OSError, RuntimeError) as error:
        why = explain(error, "Check its metadata, or write it anew.")
        raise InputError(f"{name} cannot be opened {why}") from error
    store = store[ts.d[:].translate_to[0]]
    dimensions, notes = _choose_axes(tuple(store.domain.shape), array.axes, name)
    store = store[tuple(slice(None) if axis in dimensions else 0 for axis in range(store.ndim))]
    kept = sorted(dimensions)
    view = store.transpose([kept.index(axis) for axis in dimensions])
    if array.box is not None:
        view = view[_clip(array.box, view.domain.shape, name)][ts.d[:].translate_to[0]]
    return view, (*array.notes, *notes)


def _choose_axes(shape: tuple[int, ...], axes: tuple[str, ...], name: str) -> tuple[list[int], tuple[str, ...]]:
    """Which axes of an array are z, y and x; all others must have one element."""
    notes: tuple[str, ...] = ()
    if axes and len(axes) == len(shape):
        dimensions = [axes.index(axis) for axis in "zyx"]
    else:
        dimensions = list(range(len(shape)))[-3:]
        if len(shape) < 3:
            raise InputError(f"{name} has shape {shape}; expected three dimensions (z, y, x).")
        if len(shape) > 3:
            notes = (f"the last three axes of shape {shape} are z, y, x",)
    for axis, size in enumerate(shape):
        if axis not in dimensions and size != 1:
            what = axes[axis] if axes else f"number {axis}"
            raise InputError(
                f"{name} has shape {shape}: its axis {what} has {size} elements; expected one volume (z, y, x). Write "
                "the one channel or time point that holds the labels as an array of its own."
            )
    return dimensions, notes


def _clip(box: tuple[tuple[int, int], ...], shape: Sequence[int], name: str) -> tuple[slice, ...]:
    if any(start < 0 or stop > size or start > stop for (start, stop), size in zip(box, shape, strict=True)):
        raise InputError(f"{name}: its bounding box {box} (z, y, x) leaves its array of shape {tuple(shape)}.")
    return tuple(slice(start, stop) for start, stop in box)


def _dtype_of(view: Any, name: str) -> np.dtype[Any]:
    dtype: np.dtype[Any] = np.dtype(view.dtype.numpy_dtype)
    refuse_dtype(dtype, name)
    return dtype
