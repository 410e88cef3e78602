"""Volumes in .npy, .npz and TIFF files.

Functions: :func:`read_npy`, :func:`read_npz`, :func:`read_tiff`, :func:`write_npy`, :func:`write_npz`,
:func:`write_tiff`. None of these formats says how large a voxel is.
"""

from __future__ import annotations

import math
import os
import shutil
import zipfile
import zlib
from pathlib import Path
from struct import unpack
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError
from connectograph.io.lazy import cut_rows, make_box, read_pieces, refuse_dtype, turn
from connectograph.io.npy import NpyLabels
from connectograph.io.sources import check_file, check_memory, describe_start, read_start
from connectograph.volumes import LazyLabels

__all__ = ["read_header", "read_npy", "read_npz", "read_tiff", "write_npy", "write_npz", "write_tiff"]

Header = tuple[tuple[int, ...], bool, np.dtype[Any]]
"""Shape, whether in Fortran order, and type."""


def read_npy(path: str) -> npt.NDArray[Any] | LazyLabels:
    """A .npy array, read piece by piece; one that is empty or not three-dimensional as an array.

    Parameters
    ----------
    path : str

    Returns
    -------
    array or LazyLabels

    Raises
    ------
    InputError
        If it is not a .npy file, incomplete, or an array of Python objects, which only a pickle could restore.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_npy(f"{folder}/a.npy", np.full((1, 1, 2), 2**64 - 3, "uint64"))
    ...     read_npy(f"{folder}/a.npy")[:, :, :].tolist()
    [[[18446744073709551613, 18446744073709551613]]]
    """
    size = check_file(path)
    with open(path, "rb") as file:
        shape, fortran, dtype = read_header(file, path)
        refuse_dtype(dtype, path)
        start = file.tell()
    expected = start + math.prod(shape) * dtype.itemsize
    if size != expected:
        raise InputError(
            f"{path} has {size:,} bytes, but its header (shape {shape}, {dtype}) asks for {expected:,}: it is "
            "incomplete or damaged. Copy it again (rsync --partial --checksum)."
        )
    if not math.prod(shape) or len(shape) != 3:
        return np.broadcast_to(np.zeros((), dtype), shape)  # of no three dimensions: refused by whoever asked
    if fortran:
        return turn(NpyLabels(path, (shape[2], shape[1], shape[0]), dtype, start), (2, 1, 0))
    return NpyLabels(path, (shape[0], shape[1], shape[2]), dtype, start)


def read_npz(path: str, name: str | None) -> tuple[npt.NDArray[Any], str]:
    """One array of a .npz archive, whole.

    Parameters
    ----------
    path : str
    name : str or None
        Needed if the archive holds several three-dimensional arrays.

    Returns
    -------
    array : array
    name : str

    Raises
    ------
    InputError
        If there is no such array, or a choice; if it is damaged, holds Python objects or would not fit into memory.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_npz(f"{folder}/a.npz", np.full((1, 1, 2), 7, "uint64"))
    ...     read_npz(f"{folder}/a.npz", None)
    (array([[[7, 7]]], dtype=uint64), 'labels')
    """
    check_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            found = {
                entry.filename.removesuffix(".npy"): entry
                for entry in archive.infolist()
                if entry.filename.endswith(".npy")
            }
            headers = {key: _read_entry_header(archive, entry, path) for key, entry in found.items()}
            chosen = _choose(headers, name, path)
            return _read_entry(archive, found[chosen], headers[chosen], f"{path}:{chosen}"), chosen
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise InputError(
            f"{path} is not a sound .npz archive ({error}): {describe_start(read_start(path))}. Copy it again."
        ) from error


def read_tiff(path: str) -> npt.NDArray[Any]:
    """The image stack in a TIFF file, whole.

    Parameters
    ----------
    path : str

    Returns
    -------
    (Z, Y, X) array

    Raises
    ------
    InputError
        If it is damaged, incomplete, in colour, holds several stacks, or would not fit into memory.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_tiff(f"{folder}/a.tif", np.full((3, 1, 2), 7, "uint16"))
    ...     read_tiff(f"{folder}/a.tif").shape
    (3, 1, 2)
    """
    import tifffile

    size = check_file(path)
    try:
        with tifffile.TiffFile(path) as file:
            stack = _only_stack(file, path)
            refuse_dtype(stack.dtype, path)
            check_memory(2 * math.prod(stack.shape) * stack.dtype.itemsize, path)
            _check_complete(file, stack, path, size)
            return np.asarray(stack.asarray())
    except InputError:
        raise
    except Exception as error:  # of many kinds, from a damaged file
        raise InputError(f"{path} cannot be read as TIFF ({error}): {describe_start(read_start(path))}.") from error


def write_npy(path: str, labels: npt.NDArray[Any] | LazyLabels) -> None:
    """Write a .npy array, block by block.

    Parameters
    ----------
    path : str
    labels : (Z, Y, X) array or LazyLabels
    """
    file = np.lib.format.open_memmap(path, mode="w+", dtype=labels.dtype, shape=tuple(labels.shape))
    _fill(file, labels)


def write_npz(path: str, labels: npt.NDArray[Any] | LazyLabels) -> None:
    """Write a compressed .npz archive with the array `labels`, block by block by way of a .npy file beside it.

    Parameters
    ----------
    path : str
    labels : (Z, Y, X) array or LazyLabels
    """
    plain = f"{path}.npy"
    try:
        write_npy(plain, labels)
        entry = zipfile.ZipInfo("labels.npy", date_time=(1980, 1, 1, 0, 0, 0))  # not the time of day: same bytes
        entry.compress_type = zipfile.ZIP_DEFLATED
        with (
            open(plain, "rb") as source,
            zipfile.ZipFile(path, "w") as archive,
            archive.open(entry, "w", force_zip64=True) as member,
        ):
            shutil.copyfileobj(source, member, 1 << 20)
    finally:
        Path(plain).unlink(missing_ok=True)


def write_tiff(path: str, labels: npt.NDArray[Any] | LazyLabels) -> None:
    """Write a TIFF stack, uncompressed, block by block; three planes stay three planes, not red, green and blue.

    Parameters
    ----------
    path : str
    labels : (Z, Y, X) array or LazyLabels

    Raises
    ------
    InputError
        If the volume is boolean or has no voxels, for which TIFF has no form.
    """
    import tifffile

    if not math.prod(labels.shape) or labels.dtype.kind == "b":
        raise InputError(f"a TIFF cannot hold a volume without voxels, or of type bool: write {path} as HDF5 or .npy.")
    file = tifffile.memmap(path, shape=tuple(labels.shape), dtype=labels.dtype, photometric="minisblack")
    _fill(file, labels)


def read_header(file: Any, where: str) -> Header:
    """Header of a .npy stream, which is then at the first byte of the array.

    Parameters
    ----------
    file : binary stream
    where : str
        For the message.

    Returns
    -------
    shape : tuple of int
    fortran_order : bool
    dtype : numpy.dtype

    Raises
    ------
    InputError
        If it is no such header.
    """
    start = file.read(6)
    if start != b"\x93NUMPY":
        raise InputError(f"{where} is not a .npy array: {describe_start(start)}.")
    try:
        major = file.read(2)[0]
        read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except (ValueError, IndexError, TypeError) as error:
        raise InputError(f"{where} has a damaged .npy header ({error}). Copy the file again.") from error
    return shape, fortran, dtype


def _read_entry_header(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: str) -> Header:
    with archive.open(entry) as member:
        return read_header(member, f"{path}:{entry.filename}")


def _choose(headers: dict[str, Header], name: str | None, path: str) -> str:
    volumes = [key for key, (shape, *_) in headers.items() if len(shape) == 3]
    if name in headers or (name is None and len(volumes) == 1):
        return name or volumes[0]
    listed = ", ".join(f"{key} {shape} {dtype}" for key, (shape, _, dtype) in headers.items()) or "nothing"
    wanted = f"no array {name}" if name else f"{len(volumes)} three-dimensional arrays"
    example = (volumes or ["NAME"])[0]
    raise InputError(f"{path} has {wanted}. It holds: {listed}. Name one as FILE:ARRAY, e.g. {path}:{example}.")


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, header: Header, where: str) -> npt.NDArray[Any]:
    shape, _, dtype = header
    refuse_dtype(dtype, where)
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes > entry.file_size:
        raise InputError(
            f"{where} declares shape {shape}, {n_bytes:,} bytes, but {entry.file_size:,} bytes are stored: it is "
            "damaged. Copy the file again."
        )
    check_memory(n_bytes, where)
    with archive.open(entry) as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def _only_stack(file: Any, path: str) -> Any:
    if len(file.series) != 1:
        raise InputError(f"{path} holds {len(file.series)} image stacks; expected one. Save the labels alone.")
    stack = file.series[0]
    if stack.axes.endswith("S"):
        raise InputError(
            f"{path} is a colour image of shape {stack.shape} ({stack.axes}); expected one number per voxel. Save the "
            "labels as integers, with tifffile.imwrite(path, labels, photometric='minisblack')."
        )
    return stack


def _check_complete(file: Any, stack: Any, path: str, size: int) -> None:
    """Refuse a stack whose planes are not all in the file: tifffile leaves them out, or reads them as zeros."""
    if stack.dataoffset is not None:
        needed = stack.dataoffset + math.prod(stack.shape) * stack.dtype.itemsize
    else:
        ends = [sum(part) for page in stack.pages for part in zip(page.dataoffsets, page.databytecounts, strict=True)]
        needed = max([*ends, _next_page(file)])
    if needed > size:
        raise InputError(
            f"{path} is incomplete: {size:,} of at least {needed:,} bytes. Copy it again (rsync --partial --checksum)."
        )


def _next_page(file: Any) -> int:
    """Where the page after the last one that was found should be; 0 if there is none."""
    form, handle, offset = file.tiff, file.filehandle, file.pages[-1].offset
    handle.seek(offset)
    (n_tags,) = unpack(form.tagnoformat, handle.read(form.tagnosize))
    handle.seek(offset + form.tagnosize + n_tags * form.tagsize)
    return int(unpack(form.offsetformat, handle.read(form.offsetsize))[0])


def _fill(file: np.memmap[Any, Any], labels: npt.NDArray[Any] | LazyLabels) -> None:
    """Copy the voxels into a mapped file whose room on the disk is taken first: a full disk would kill the process."""
    if hasattr(os, "posix_fallocate"):
        with open(str(file.filename), "r+b") as target:
            os.posix_fallocate(target.fileno(), 0, os.fstat(target.fileno()).st_size)
    for origin, voxels in read_pieces(labels, cut_rows(labels.shape, file.itemsize)):
        file[make_box(origin, voxels.shape)] = voxels
    file.flush()
