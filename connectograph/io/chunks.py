"""Chunks of HDF5 datasets, unpacked outside HDF5: it unpacks one at a time, slowly, whatever the number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.io.lazy import Buffers

__all__ = ["CorruptChunk", "inflate", "readable_filters", "unpack"]

Bytes = npt.NDArray[np.uint8]

GZIP, SHUFFLE = 1, 2
"""Numbers that HDF5 gives these filters."""


class CorruptChunk(ValueError):
    """The stored bytes are not what the file's description of them says."""


def readable_filters(dataset: Any) -> tuple[int, ...] | None:
    """The filters of a chunked dataset in the order of writing, or None if its chunks are better left to HDF5.

    Parameters
    ----------
    dataset : h5py.Dataset

    Returns
    -------
    tuple of int or None
        (), (GZIP,), (SHUFFLE,) or (SHUFFLE, GZIP).
    """
    import h5py

    if dataset.chunks is None or dataset.dtype.kind not in "iuf":
        return None
    if dataset.id.get_type() != h5py.h5t.py_create(dataset.dtype):
        return None  # e.g. 12 bits in 16: HDF5 converts them
    plist = dataset.id.get_create_plist()
    filters = [plist.get_filter(index) for index in range(plist.get_nfilters())]
    codes = tuple(code for code, *_ in filters)
    if codes not in ((), (GZIP,), (SHUFFLE,), (SHUFFLE, GZIP)):
        return None
    if SHUFFLE in codes and filters[0][2][:1] != (dataset.dtype.itemsize,):
        return None
    return codes


def unpack(
    skipped: int, raw: bytes, filters: tuple[int, ...], items: tuple[int, np.dtype[Any]], buffers: Buffers
) -> npt.NDArray[Any]:
    """Undo the filters of one chunk.

    Parameters
    ----------
    skipped : int
        Bit i is set if filter i was not applied to this chunk.
    raw : bytes
        As stored.
    filters : tuple of int
        From :func:`readable_filters`.
    items : tuple of int and dtype
        Number and type of the chunk's items.
    buffers : Buffers
        For the step between two filters.

    Returns
    -------
    (n,) array of the type
        The chunk's items; writable, valid until the thread unpacks its next chunk.

    Raises
    ------
    CorruptChunk
        If the bytes are damaged, too many or too few.
    """
    n_bytes = items[0] * items[1].itemsize
    used = [code for index, code in enumerate(filters) if not skipped >> index & 1]
    if GZIP in used:
        out = inflate(raw, n_bytes)
    elif len(raw) == n_bytes:
        out = np.frombuffer(bytearray(raw), np.uint8)
    else:
        raise CorruptChunk(f"{len(raw):,} bytes are stored, expected {n_bytes:,}")
    return (_join_planes(out, items[1], buffers) if SHUFFLE in used else out).view(items[1])


def inflate(raw: bytes, n_bytes: int) -> Bytes:
    """Unpack a zlib stream of known size, without the GIL and never into more memory than that.

    Parameters
    ----------
    raw : bytes
        With zlib's header and checksum.
    n_bytes : int

    Returns
    -------
    (n_bytes,) array of uint8
        Writable.

    Raises
    ------
    CorruptChunk
        If the stream is damaged or unpacks to more or fewer bytes.

    Examples
    --------
    >>> import zlib
    >>> inflate(zlib.compress(b"abc"), 3).tobytes()
    b'abc'
    """
    import deflate

    try:
        out: Bytes = np.frombuffer(deflate.zlib_decompress(raw, n_bytes), np.uint8)
    except deflate.DeflateError:
        raise CorruptChunk(_explain(raw, n_bytes)) from None
    if out.size < n_bytes:
        raise CorruptChunk(_explain(raw, n_bytes))
    return out


def _join_planes(planes: Bytes, dtype: np.dtype[Any], buffers: Buffers) -> Bytes:
    from connectograph._kernels.unshuffle import unshuffle

    out = buffers.get("items", planes.size)
    unshuffle(planes, out.view(dtype))
    return out


def _explain(raw: bytes, n_bytes: int) -> str:
    """What is wrong with a stream, found with a slower decoder that can tell; unpacks one byte too many at most."""
    import zlib

    stream = zlib.decompressobj()
    try:
        found = len(stream.decompress(raw, n_bytes + 1))
    except zlib.error as error:
        return str(error)
    if found > n_bytes:
        return f"it unpacks to more than its {n_bytes:,} bytes"
    return f"it ends after {found:,} of {n_bytes:,} bytes"
