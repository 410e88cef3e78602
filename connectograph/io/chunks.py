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

_PIECE_BYTES = 352 << 10
"""Inflated at once. Pieces of this size stay in the cache and their memory is used again; a whole chunk would be fresh
memory each time, whose page faults cost more than inflating does, and more still with several threads."""


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


def unpack(skipped: int, raw: bytes, filters: tuple[int, ...], out: npt.NDArray[Any], buffers: Buffers) -> None:
    """Undo the filters of one chunk.

    Parameters
    ----------
    skipped : int
        Bit i is set if filter i was not applied to this chunk.
    raw : bytes
        As stored.
    filters : tuple of int
        From :func:`readable_filters`.
    out : (n,) array
        Filled with the chunk's items.
    buffers : Buffers
        For the step between two filters.

    Raises
    ------
    CorruptChunk
        If the bytes are damaged, too many or too few.
    """
    used = [code for index, code in enumerate(filters) if not skipped >> index & 1]
    target = out.view(np.uint8)
    planes = buffers.get("planes", target.size) if SHUFFLE in used else target
    if GZIP in used:
        inflate(raw, planes)
    elif len(raw) != planes.size:
        raise CorruptChunk(f"{len(raw):,} bytes are stored, expected {planes.size:,}")
    else:
        planes[:] = np.frombuffer(raw, np.uint8)
    if SHUFFLE in used:
        from connectograph._kernels.unshuffle import unshuffle

        unshuffle(planes, out)


def inflate(raw: bytes, out: Bytes) -> None:
    """Unpack a zlib stream that fills `out` exactly.

    Parameters
    ----------
    raw : bytes
        With zlib's header and checksum.
    out : (n,) array of uint8
        Filled.

    Raises
    ------
    CorruptChunk
        If the stream is damaged or unpacks to more or fewer bytes; not more than one byte too many is unpacked.

    Examples
    --------
    >>> import zlib
    >>> out = np.zeros(3, "uint8")
    >>> inflate(zlib.compress(b"abc"), out)
    >>> out.tobytes()
    b'abc'
    """
    from zlib_ng import zlib_ng

    stream = zlib_ng.decompressobj()
    filled = 0
    while not stream.eof:
        try:
            piece = stream.decompress(raw, min(_PIECE_BYTES, out.size - filled + 1))
        except zlib_ng.error as error:  # type: ignore[misc]
            raise CorruptChunk(str(error)) from error
        if filled + len(piece) > out.size:
            raise CorruptChunk(f"it unpacks to more than its {out.size:,} bytes")
        if not piece and not stream.eof:
            break
        out[filled : filled + len(piece)] = np.frombuffer(piece, np.uint8)  # unlike memoryview, without the GIL
        filled += len(piece)
        raw = stream.unconsumed_tail
    if filled < out.size or not stream.eof:
        raise CorruptChunk(f"it ends after {filled:,} of {out.size:,} bytes")
