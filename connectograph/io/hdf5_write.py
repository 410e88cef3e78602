"""Volumes to HDF5: chunks are put together and packed here, and handed to HDF5 one by one.

HDF5's own writing holds chunks back in a cache; when the disk is full it finds out too late, loses them without a word
and brings the process down. A chunk that is handed over packed is on its way to the disk at once, or an error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError
from connectograph.io.hdf5 import Hdf5Labels
from connectograph.io.lazy import overlap, read_pieces
from connectograph.volumes import LazyLabels, Shape

__all__ = ["gather_chunks", "write_hdf5"]

Labels = npt.NDArray[Any] | LazyLabels
Contents = Mapping[str, tuple[Labels, Mapping[str, Any]]]

_CHUNK: Shape = (16, 128, 128)
_LAYER_BYTES = 2**28
"""At most this much is put together at a time, if the volume comes plane by plane."""

_GZIP_LEVEL = 4
_RESERVE_BYTES = 1 << 18


def write_hdf5(path: str, contents: Contents) -> None:
    """Write volumes into a new or existing HDF5 file, block by block, compressed.

    Parameters
    ----------
    path : str
        Datasets of the same names are replaced; a new file is marked as CREMI's file format 0.2.
    contents : mapping of str to (labels, attributes)
        By dataset name: an array or LazyLabels, and the attributes to set.

    Raises
    ------
    InputError
        If a name cannot be that of a dataset in this file.
    OSError
        If there is no room; the file is then of no use.

    Examples
    --------
    >>> import h5py, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_hdf5(f"{folder}/a.h5", {"labels": (np.ones((2, 3, 4), "uint64"), {"resolution": (40, 4, 4)})})
    ...     with h5py.File(f"{folder}/a.h5") as file:
    ...         int(file["labels"][:].sum())
    24
    """
    import h5py

    with h5py.File(path, "a") as file, _room_to_close(path, contents):
        if not file.keys():
            file.attrs["file_format"] = "0.2"
        for name, (labels, attributes) in contents.items():
            dataset = _create_dataset(file, name, labels, path)
            dataset.attrs.update(attributes)
            for origin, chunk in gather_chunks(labels, dataset.chunks):
                dataset.id.write_direct_chunk(origin, _pack(chunk))


def _create_dataset(file: Any, name: str, labels: Labels, path: str) -> Any:
    layout: dict[str, Any] = {}
    if math.prod(labels.shape):
        layout = {"chunks": _choose_chunk(labels), "compression": "gzip", "compression_opts": _GZIP_LEVEL}
    try:
        if name in file:
            del file[name]
        return file.create_dataset(name, shape=labels.shape, dtype=labels.dtype, **layout)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} cannot hold a dataset {name!r} ({error}). Choose another name.") from error


def _choose_chunk(labels: Labels) -> Shape:
    """The chunks of an HDF5 source, else one that suits a volume that comes plane by plane."""
    wanted = _source_chunks(labels)
    if wanted is None:
        depth = _LAYER_BYTES // (labels.shape[1] * labels.shape[2] * labels.dtype.itemsize)
        wanted = (min(_CHUNK[0], max(1, depth)), *_CHUNK[1:])
    z, y, x = (min(pair) for pair in zip(wanted, labels.shape, strict=True))
    return z, y, x


def _source_chunks(labels: Any) -> Shape | None:
    while not isinstance(labels, Hdf5Labels):
        if not hasattr(labels, "labels"):
            return None
        labels = labels.labels
    return labels.stored_chunks


def gather_chunks(labels: Labels, chunk: Shape | None) -> Iterator[tuple[Shape, npt.NDArray[Any]]]:
    """Origin and voxels of each chunk as soon as all its voxels are there; beyond the volume's edge are zeros."""
    if chunk is None:
        return
    unfinished: dict[Shape, tuple[npt.NDArray[Any], int]] = {}
    for start, voxels in read_pieces(labels, chunk):
        for origin in _touched_chunks(start, voxels.shape, chunk):
            array, missing = unfinished.pop(origin) if origin in unfinished else _new_chunk(origin, chunk, labels)
            part = voxels[overlap(start, voxels.shape, origin, chunk)]
            array[overlap(origin, chunk, start, voxels.shape)] = part
            if part.size == missing:
                yield origin, array
            else:
                unfinished[origin] = array, missing - part.size


def _touched_chunks(start: Shape, shape: tuple[int, ...], chunk: Shape) -> Iterator[Shape]:
    ranges = [range(a - a % c, a + n, c) for a, n, c in zip(start, shape, chunk, strict=True)]
    yield from product(*ranges)


def _new_chunk(origin: Shape, chunk: Shape, labels: Labels) -> tuple[npt.NDArray[Any], int]:
    """An empty chunk, and how many voxels of the volume lie in it."""
    inside = math.prod(min(c, size - o) for c, size, o in zip(chunk, labels.shape, origin, strict=True))
    return np.zeros(chunk, labels.dtype), inside


def _pack(chunk: npt.NDArray[Any]) -> bytes:
    import deflate

    return bytes(deflate.zlib_compress(chunk, _GZIP_LEVEL))


@contextmanager
def _room_to_close(path: str, contents: Contents) -> Iterator[None]:
    """Keep room on the disk for what HDF5 writes when it closes the file: a close that fails crashes the process."""
    chunks = sum(math.prod(labels.shape) * labels.dtype.itemsize for labels, _ in contents.values()) >> 16
    reserve = Path(f"{path}.reserve")
    try:
        reserve.write_bytes(bytes(_RESERVE_BYTES + 64 * chunks))
        yield
    finally:
        reserve.unlink(missing_ok=True)
