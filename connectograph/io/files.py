"""Single files: written at one stroke or not at all, and the same bytes for the same content.

A file is first written beside its final place, brought to the disk, and then renamed; so a reader sees the old file
or the new one, never half of one, whenever the writer dies.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from connectograph.errors import DiskFull, InputError

__all__ = ["digest_store", "dump_json", "redact", "save_npz", "sha256_file", "write_atomic"]

Content = bytes | str | Callable[[BinaryIO], object]

TEMPORARY = ".connectograph-tmp-"
"""Beginning of the name of a file that is being written; one that a killed process left may be removed."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SAFE_INTEGER = 2**53 - 1
_SECRET = (
    r"(?:access|api|auth|private|secret)[-_]?(?:key|token)|(?:access|auth|bearer|refresh|session)?[-_]?token"
    r"|key|password|passwd|pwd|secret|sig|signature|credentials?"
)
_REDACTIONS = [
    (re.compile(r"(\w://)[^\s/@\"']+@"), r"\1***@"),
    (re.compile(r"(\w://[^\s?#\"'<>]+[?#])[^\s\"'<>]+"), r"\1***"),
    (re.compile(r"(?i)\b(bearer|basic)(\s+)[\w.~+/=-]{8,}"), r"\1\2***"),
    (re.compile(rf"(?i)(?<![a-z])({_SECRET})(['\"]?\s*[=:]\s*['\"]?)[^\s/&;,\"']+"), r"\1\2***"),
    (re.compile(rf"(?i)(--(?:\w+-)*(?:{_SECRET}))(\s+)[^\s\"']+"), r"\1\2***"),
    (
        re.compile(r"\b(?:gh[a-z]_\w{20,}|github_pat_\w{20,}|AKIA[0-9A-Z]{16}|hf_\w{20,}|eyJ[\w-]+\.[\w-]+\.[\w-]+)"),
        "***",
    ),
]


def write_atomic(path: str | Path, content: Content) -> None:
    """Write a file so that it is there whole, or not at all.

    Parameters
    ----------
    path : str or Path
        Replaced if it exists; its folder must exist.
    content : bytes, str (written as UTF-8) or callable
        A callable gets the open binary file and writes to it.

    Raises
    ------
    InputError
        If the disk is full, or the folder cannot be written to; what was there before is untouched.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomic(f"{folder}/a.txt", "neuron")
    ...     Path(folder, "a.txt").read_text()
    'neuron'
    """
    target = Path(path)
    temporary = target.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")
    try:
        _write(temporary, content)
        os.replace(temporary, target)
        _sync_folder(target.parent)
    except OSError as error:
        raise explain_write_error(error, target, _size(temporary, content)) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def explain_errors(path: Path, n_bytes: int = 1) -> Iterator[None]:
    """Turn an OSError of the block into what it means to the person who asked for `path` to be written."""
    try:
        yield
    except OSError as error:
        raise explain_write_error(error, path, n_bytes) from error


def explain_write_error(error: OSError, path: Path, n_bytes: int) -> InputError:
    """What a failed attempt to write `n_bytes` or more means to the person who asked for the file."""
    if error.errno in _FULL:
        return DiskFull(
            f"{path}: no room to write it ({error.strerror}): it needs {n_bytes:,} bytes or more and "
            f"{_free_bytes(path.parent):,} are free. Free space or raise the quota, or choose another --out."
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return InputError(f"{path} cannot be written ({error.strerror}): choose a folder you may write to with --out.")
    return InputError(f"{path} cannot be written: {error.strerror or error}.")


def save_npz(path: str | Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays to a compressed .npz whose bytes depend on the arrays alone.

    Parameters
    ----------
    path : str or Path
        Written as by :func:`write_atomic`.
    arrays : mapping of str to array
        In this order; no object arrays.

    Raises
    ------
    InputError
        As :func:`write_atomic`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_npz(f"{folder}/a.npz", {"ids": np.array([2**64 - 3], "uint64")})
    ...     with np.load(f"{folder}/a.npz") as file:
    ...         file["ids"]
    array([18446744073709551613], dtype=uint64)
    """
    write_atomic(path, lambda stream: _write_arrays(stream, arrays))


def dump_json(content: Any) -> str:
    """JSON text: indented, keys in the order given, ending in a newline.

    Parameters
    ----------
    content : dict, list, str, int, float, bool or None
        numpy's numbers are accepted, except uint64: ids are strings in JSON.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a number is NaN or infinite (write None and a reason), or an integer that other readers would round.

    Examples
    --------
    >>> print(dump_json({"f1": None, "n": 3}), end="")
    {
      "f1": null,
      "n": 3
    }
    """
    text = json.dumps(_checked(content, "content"), indent=2, allow_nan=False, ensure_ascii=False)
    # a file name that is not UTF-8 holds lone surrogates: escaped, they are JSON and can be encoded
    return text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n"


def redact(text: str) -> str:
    """The text without credentials: user names and queries of URLs, tokens, keys and passwords become ``***``.

    Parameters
    ----------
    text : str
        A command, path, URL or message.

    Returns
    -------
    str

    Examples
    --------
    >>> redact("reading https://me:pw@host/a.h5?sig=abc&x=1 with token=xyz")
    'reading https://***@host/a.h5?*** with token=***'
    """
    for pattern, replacement in _REDACTIONS:
        text = pattern.sub(replacement, text)
    return text


def sha256_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes; other threads go on meanwhile.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        with open(path, "rb", buffering=0) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def digest_store(path: str | Path) -> tuple[int, str]:
    """Bytes and SHA-256 of a file, or of a folder: of its files' names and digests, in the order of the names.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    n_bytes : int
    sha256 : str

    Raises
    ------
    InputError
        If something in it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomic(f"{folder}/a", "neuron")
    ...     first, (n_bytes, again) = digest_store(folder), digest_store(folder)
    >>> n_bytes, first[1] == again
    (6, True)
    """
    folder = Path(path)
    if not folder.is_dir():
        return folder.stat().st_size, sha256_file(folder)
    files = sorted((file.relative_to(folder).as_posix(), file) for file in folder.rglob("*") if file.is_file())
    listing = hashlib.sha256()
    for name, file in files:
        listing.update(f"{sha256_file(file)}  {name}\n".encode("utf-8", "surrogateescape"))
    return sum(file.stat().st_size for _, file in files), listing.hexdigest()


def _write(path: Path, content: Content) -> None:
    # not tempfile: its files are private (0600), and the rename would keep them so
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with os.fdopen(descriptor, "wb") as stream:
        if callable(content):
            content(stream)
        else:
            stream.write(content.encode() if isinstance(content, str) else content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """Bring a rename to the disk, where the file system has a way to."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _size(temporary: Path, content: Content) -> int:
    """Bytes that a file needs at least: all of them, or as many as were written so far."""
    if not callable(content):
        return len(content)
    with suppress(OSError):
        return temporary.stat().st_size
    return 0


def _free_bytes(folder: Path) -> int:
    try:
        status = os.statvfs(folder)
    except OSError:
        return 0
    return status.f_bavail * status.f_frsize


def _write_arrays(stream: BinaryIO, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))  # numpy writes the time of day
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def _checked(value: Any, place: str) -> Any:
    """Plain Python values, or an error that names the place of one that JSON cannot hold exactly."""
    if isinstance(value, Mapping):
        return {key: _checked(item, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_checked(item, f"{place}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, np.uint64):
        raise ValueError(f"{place} is a uint64, {value}: ids are strings in JSON.")
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, float) and not math.isfinite(plain):
        raise ValueError(f"{place} is {plain}: an undefined number is null, with a reason beside it.")
    if isinstance(plain, int) and abs(plain) > _SAFE_INTEGER:
        raise ValueError(f"{place} is {plain}, beyond 2^53: JSON readers would round it; write a string.")
    return plain
