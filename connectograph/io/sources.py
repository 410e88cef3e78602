"""What can be said of a file before it is read: where it is, what it seems to be, whether it fits into memory."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import unquote

from connectograph.errors import InputError

__all__ = [
    "available_memory",
    "check_file",
    "check_memory",
    "describe_start",
    "format_of",
    "format_within",
    "is_store",
    "is_url",
    "read_start",
    "split_path",
    "strip_file_url",
]

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_HOLDS_DATASETS = re.compile(r"\.(hdf5?|h5|he5|npz|zarr|n5|precomputed)(/|\?.*)?$", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_FILE_URL = re.compile(r"file://(localhost)?(?=/)", re.IGNORECASE)

_ENDS = {
    "HDF5": (".hdf", ".hdf5", ".h5", ".he5"),
    "a pickle": (".xz", ".lzma", ".pkl", ".pickle"),
    ".npy": (".npy",),
    ".npz": (".npz",),
    "TIFF": (".tif", ".tiff"),
    "Zarr": (".zarr",),
}
"""How the names of files of a format end."""

_STARTS = {
    b"\x89HDF\r\n\x1a\n": "HDF5",
    b"\xfd7zXZ\x00": "a pickle",
    b"\x93NUMPY": ".npy",
    b"PK\x03\x04": ".npz",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "TIFF",
    b"MM\x00+": "TIFF",
}
"""How such files begin; a pickle is known by its packing only."""


def split_path(source: str | os.PathLike[str]) -> tuple[str, str | None]:
    """Path and dataset of ``FILE:DATASET``; file names and Windows drives may hold colons themselves.

    Parameters
    ----------
    source : str or path
        The split is at the colon before which a file exists or, if there is none such, a name ends like HDF5, .npz,
        .zarr, .n5 or .precomputed. ``file://`` URLs become paths.

    Returns
    -------
    path : str
        As given.
    dataset : str or None
        Without leading slashes; None if none was named.

    Examples
    --------
    >>> split_path("sample_A.hdf:/volumes/raw"), split_path(r"C:\\data\\sample_A.hdf")
    (('sample_A.hdf', 'volumes/raw'), ('C:\\\\data\\\\sample_A.hdf', None))
    """
    text = strip_file_url(os.fspath(source))
    scheme = _SCHEME.match(text)
    first = scheme.end() if scheme else 2 if _DRIVE.match(text) else 0
    colons = [first + match.start() for match in re.finditer(":", text[first:])]
    if not scheme and _exists(text):
        return text, None
    for good in (_HOLDS_DATASETS.search,) if scheme else (_exists, _HOLDS_DATASETS.search):
        for colon in reversed(colons):
            if good(text[:colon]):
                return text[:colon], text[colon + 1 :].strip("/") or None
    return text, None


def is_store(path: str) -> bool:
    """Whether a path names a folder or an object store, as chunked volumes are kept in, and not a file."""
    return is_url(path) or os.path.isdir(path)


def is_url(path: str) -> bool:
    """Whether a path names an object store, not a file of this machine.

    Examples
    --------
    >>> is_url("s3://bucket/seg.zarr"), is_url("file:///data/seg.zarr"), is_url("C:/data/seg.zarr")
    (True, False, False)
    """
    return bool(_SCHEME.match(path)) and not _FILE_URL.match(path)


def strip_file_url(path: str) -> str:
    """The path in a ``file://`` URL; anything else as it is.

    Examples
    --------
    >>> strip_file_url("file:///data/my%20seg.zarr"), strip_file_url("seg.zarr")
    ('/data/my seg.zarr', 'seg.zarr')
    """
    found = _FILE_URL.match(path)
    return unquote(path[found.end() :]) if found else path


def check_file(path: str) -> int:
    """Size of a file that can be read and is not empty; anything else is an InputError that says what it is.

    Examples
    --------
    >>> check_file("sample_A.hdf")
    Traceback (most recent call last):
    connectograph.errors.InputError: sample_A.hdf does not exist...
    """
    try:
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode):
            open(path, "rb").close()  # may it be read?
    except FileNotFoundError:
        shown = path or "'' (an empty name)"
        raise InputError(f"{shown} does not exist{_suggest(path)}.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path!r} cannot be read: {reason}. Check the path and its permissions.") from None
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "no ordinary file"
        raise InputError(f"{path} is {what}; expected a volume file (HDF5, .xz, .npy, .npz or TIFF).")
    if not status.st_size:
        raise InputError(f"{path} is empty (0 bytes): a failed download or an interrupted copy? Fetch it again.")
    return status.st_size


def read_start(path: str) -> bytes:
    """The first bytes of a file, by which its format is known."""
    with open(path, "rb") as file:
        return file.read(64)


def describe_start(start: bytes) -> str:
    """What a file seems to be, judged by its first bytes.

    Examples
    --------
    >>> describe_start(b"<!DOCTYPE html><html>")
    "it starts with '<!DOCTYPE html><' (a web page: a failed download?)"
    """
    form = next((form for signature, form in _STARTS.items() if start.startswith(signature)), None)
    if form:
        return f"it starts like {'an xz file' if form == 'a pickle' else form}"
    text = start[:16].decode("latin-1")
    shown = repr(text if text.isascii() and text.isprintable() else start[:16])
    return f"it starts with {shown}" + (" (a web page: a failed download?)" if text.lstrip().startswith("<") else "")


def format_of(path: str) -> str | None:
    """The format that a file name stands for: "HDF5", "a pickle", ".npy", ".npz" or "TIFF".

    Examples
    --------
    >>> format_of("sample_A.HDF"), format_of("notes.txt")
    ('HDF5', None)
    """
    end = os.path.splitext(path)[1].lower()
    return next((form for form, ends in _ENDS.items() if end in ends), None)


def format_within(path: str) -> str:
    """The format by which a file begins; an InputError if it is none of these."""
    start = read_start(path)
    for signature, form in _STARTS.items():
        if start.startswith(signature):
            return form
    ends = ", ".join(end for ends in _ENDS.values() for end in ends)
    raise InputError(f"{path} is of no known format: {describe_start(start)}. Known by their names are {ends}.")


def check_memory(n_bytes: int, where: str) -> None:
    """Refuse to unpack what the memory cannot hold.

    Parameters
    ----------
    n_bytes : int
        Bytes that will be needed at once.
    where : str
        ``file:dataset``, for the message.

    Examples
    --------
    >>> check_memory(8 * 2**60, "labels.npz:seg")
    Traceback (most recent call last):
    connectograph.errors.InputError: labels.npz:seg needs 9,223,372,036,854,775,808 bytes of memory, ...
    """
    available = available_memory()
    if available is not None and n_bytes > available:
        raise InputError(
            f"{where} needs {n_bytes:,} bytes of memory, but {available:,} are available. If its size is right, store "
            "it as chunked HDF5, which is read piece by piece; if not, the file is damaged or made to exhaust memory."
        )


def available_memory() -> int | None:
    """Bytes that this process may still take (free memory, container limit, address space); None if unknown."""
    limits = [limit for limit in (_free_memory(), _container_room(), _address_room()) if limit is not None]
    return max(0, min(limits)) if limits else None


def _free_memory() -> int | None:
    with suppress(OSError, ValueError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
    return None


def _container_room() -> int | None:
    folder = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError):  # no such files, or the limit is the word "max"
        return int((folder / "memory.max").read_text()) - int((folder / "memory.current").read_text())
    return None


def _address_room() -> int | None:
    with suppress(ImportError, OSError, ValueError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            return limit - used
    return None


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # too long, or a NUL inside
        return False


def _suggest(path: str) -> str:
    folder = Path(path).parent
    with suppress(OSError, ValueError):
        near = get_close_matches(Path(path).name, os.listdir(folder), n=1)
        return f"; there is {folder / near[0]}" if near else ""
    return ""
