"""Volumes in HDF5, read chunk by chunk in several threads.

Functions: :func:`write_hdf5`. Class: :class:`Hdf5Labels`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError
from connectograph.io.chunks import CorruptChunk, readable_filters, unpack
from connectograph.io.hdf5_access import (
    check_declared_size,
    describe_datasets,
    list_datasets,
    open_hdf5,
    resolve_dataset,
    storage_bytes,
)
from connectograph.io.lazy import (
    PIECE_BYTES,
    Buffers,
    cut_boxes,
    cut_rows,
    make_box,
    open_box,
    read_pieces,
    refuse_dtype,
)
from connectograph.io.sources import check_memory
from connectograph.volumes import Block, LazyLabels, Shape

__all__ = ["Hdf5Labels", "write_hdf5"]

_SMALL_CHUNK = 1 << 16
"""Chunks of fewer bytes are read several at a time."""

_CHUNKS: Shape = (16, 128, 128)
"""Chunks of new datasets: 2 MiB of uint64."""

_CONSTANT_RATIO = 200
_MAX_CONSTANTS = 8
"""How strongly a chunk must be compressed for a look whether it holds one value only, and how many such are kept."""


class Hdf5Labels:
    """A three-dimensional HDF5 dataset whose chunks are read and unpacked by whichever thread asks for them.

    Parameters
    ----------
    path : str
        The file; it stays open as long as the object lives.
    dataset : str
        Name of the dataset.

    Raises
    ------
    InputError
        If there is no such dataset, it is not three-dimensional or not numbers, or its file is damaged or unsafe.

    Examples
    --------
    >>> import h5py, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with h5py.File(f"{folder}/a.h5", "w") as file:
    ...         file["labels"] = np.arange(24, dtype="uint64").reshape(2, 3, 4)
    ...     labels = Hdf5Labels(f"{folder}/a.h5", "labels")
    ...     labels.shape, [block.read().sum() for block in labels.blocks()]
    ((2, 3, 4), [np.uint64(276)])
    """

    def __init__(self, path: str, dataset: str) -> None:
        self.path = path
        self.name = f"{path}:{dataset}"
        file, self.notes = open_hdf5(path)
        found = resolve_dataset(file, dataset, self.name)
        if found is None:
            raise InputError(f"{path} has no dataset {dataset}. {describe_datasets(path, list_datasets(file))}")
        _check(found, self.name, path)
        self._dataset = found
        self._dataset_name = dataset
        self.shape: Shape = found.shape
        self.dtype: np.dtype[Any] = found.dtype
        self.chunks = _plan_blocks(found)
        check_memory(3 * math.prod(self.chunks) * self.dtype.itemsize, f"A chunk of {self.name}")
        self._filters = readable_filters(found) if self.chunks == found.chunks else None
        self._buffers = Buffers()
        self._constants: dict[tuple[int, bytes], npt.NDArray[Any]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Hdf5Labels, (self.path, self._dataset_name)

    @property
    def voxel_size(self) -> Any:
        """The attribute `resolution` (z, y, x; nm), or None."""
        return self._dataset.attrs.get("resolution")

    @property
    def offset(self) -> Any:
        """The attribute `offset` (z, y, x; nm), or None."""
        return self._dataset.attrs.get("offset")

    def blocks(self) -> Iterator[Block]:
        """The chunks; of a dataset that has none, whole planes or rows."""
        for origin, shape in cut_boxes(self.shape, self.chunks):
            yield Block(origin, shape, partial(self._read, origin, shape))

    def __getitem__(self, box: tuple[slice, slice, slice]) -> npt.NDArray[Any]:
        origin, shape = open_box(box, self.shape)
        out = np.empty(shape, self.dtype)
        if out.size:
            self._guard(self._read_into, origin, out)
        return out

    def _read(self, origin: Shape, shape: Shape) -> npt.NDArray[Any]:
        if self._filters is not None:
            return self._guard(self._read_chunk, origin, shape)  # type: ignore[no-any-return]
        out = self._buffers.array("box", shape, self.dtype)
        self._guard(self._read_into, origin, out)
        return out

    def _guard(self, read: Any, origin: Shape, target: Any) -> Any:
        try:
            return read(origin, target)
        except (CorruptChunk, OSError, RuntimeError) as error:
            raise InputError(
                f"{self.name} is damaged: the block at {origin} (z, y, x) cannot be read ({error}). Copy the file "
                "again (rsync --partial --checksum), or write it anew."
            ) from error

    def _read_into(self, origin: Shape, out: npt.NDArray[Any]) -> None:
        self._dataset.read_direct(out, source_sel=make_box(origin, out.shape))

    def _read_chunk(self, origin: Shape, shape: Shape) -> npt.NDArray[Any]:
        stored, size = self._dataset.id, math.prod(shape)
        if stored.get_chunk_info_by_coord(origin).byte_offset is None:
            return self._constant((0, b""), self._dataset.fillvalue)[:size].reshape(shape)
        key = stored.read_direct_chunk(origin)
        full = self._buffers.array("chunk", self.chunks, self.dtype)
        small = len(key[1]) * _CONSTANT_RATIO < full.nbytes
        if small and key in self._constants:
            return self._constants[key][:size].reshape(shape)
        flat = full.reshape(-1)
        unpack(key[0], key[1], self._filters or (), flat, self._buffers)
        if small and (flat == flat[0]).all():
            self._constant(key, flat[0])
        return full if shape == full.shape else self._clip(full, shape)

    def _constant(self, key: tuple[int, bytes], value: Any) -> npt.NDArray[Any]:
        """A chunk of one value, kept for the next chunk that holds the same."""
        known = self._constants.get(key)
        if known is None:
            known = np.full(math.prod(self.chunks), value, self.dtype)
            if len(self._constants) < _MAX_CONSTANTS:
                self._constants[key] = known
        return known

    def _clip(self, full: npt.NDArray[Any], shape: Shape) -> npt.NDArray[Any]:
        """The part of a chunk that lies inside the volume, contiguous."""
        out = self._buffers.array("clipped", shape, self.dtype)
        out[...] = full[: shape[0], : shape[1], : shape[2]]
        return out


def write_hdf5(path: str, contents: Mapping[str, tuple[Any, Mapping[str, Any]]]) -> None:
    """Write volumes into a new or existing HDF5 file, block by block, compressed.

    Parameters
    ----------
    path : str
        Datasets of the same names are replaced; a new file is marked as CREMI's file format 0.2.
    contents : mapping of str to (labels, attributes)
        By dataset name: an array or LazyLabels, and the attributes to set.
    """
    import h5py

    # blocks need not be cut like chunks: the cache holds those that are not yet whole
    cache = {"rdcc_nbytes": 2**29, "rdcc_nslots": 1_000_003, "rdcc_w0": 1.0}
    with h5py.File(path, "a", **cache) as file:
        if not file.keys():
            file.attrs["file_format"] = "0.2"
        for name, (labels, attributes) in contents.items():
            if name in file:
                del file[name]
            _write_dataset(file, name, labels, attributes)


def _write_dataset(file: Any, name: str, labels: npt.NDArray[Any] | LazyLabels, attributes: Mapping[str, Any]) -> None:
    wanted = labels.chunks if isinstance(labels, Hdf5Labels) else _CHUNKS
    z, y, x = (max(1, min(part)) for part in zip(labels.shape, wanted, strict=True))
    layout = {"chunks": (z, y, x), "compression": "gzip"} if math.prod(labels.shape) else {}
    dataset = file.create_dataset(name, shape=labels.shape, dtype=labels.dtype, **layout)
    dataset.attrs.update(attributes)
    for box, voxels in read_pieces(labels, (z, y, x)):
        dataset[box] = np.ascontiguousarray(voxels)


def _check(dataset: Any, where: str, path: str) -> None:
    """Refuse what cannot be a volume, or must not be read."""
    if dataset.shape is None or len(dataset.shape) != 3:
        raise InputError(
            f"{where} has shape {dataset.shape}; expected three dimensions (z, y, x). "
            f"{describe_datasets(path, list_datasets(dataset.file))}"
        )
    refuse_dtype(dataset.dtype, where)
    stored = storage_bytes(dataset, where, os.path.realpath(os.path.dirname(path)))
    check_declared_size(dataset, where, stored)


def _plan_blocks(dataset: Any) -> Shape:
    """The chunks, or several if they are small, or consecutive rows if there are none."""
    itemsize = dataset.dtype.itemsize
    if dataset.chunks is None:
        return cut_rows(dataset.shape, itemsize)
    step = list(dataset.chunks)
    for axis in (2, 1, 0):
        room = PIECE_BYTES // (math.prod(step) * itemsize) if math.prod(dataset.chunks) * itemsize < _SMALL_CHUNK else 1
        step[axis] *= max(1, min(room, -(-dataset.shape[axis] // step[axis])))
    return step[0], step[1], step[2]
