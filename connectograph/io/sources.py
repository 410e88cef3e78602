"""What can be said of a file before it is read: where it is, what it seems to be, whether it fits into memory."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from connectograph.errors import InputError

__all__ = ["available_memory", "check_file", "check_memory", "describe_start", "read_start", "split_path"]

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_HOLDS_DATASETS = re.compile(r"\.(hdf5?|h5|he5|npz)$", re.IGNORECASE)

_SIGNATURES = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"\xfd7zXZ\x00": "an xz file",
    b"\x93NUMPY": "a .npy array",
    b"PK\x03\x04": "a zip or .npz archive",
    b"II*\x00": "a TIFF",
    b"MM\x00*": "a TIFF",
    b"II+\x00": "a TIFF",
    b"\x1f\x8b": "a gzip file",
    b"\x89PNG": "a PNG image",
}


def split_path(source: str | os.PathLike[str]) -> tuple[str, str | None]:
    """Path and dataset of ``FILE:DATASET``; file names and Windows drives may hold colons themselves.

    Parameters
    ----------
    source : str or path
        The split is at the colon before which a file exists or, if there is none such, a name ends like HDF5 or .npz.

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
    text = os.fspath(source)
    first = 2 if _DRIVE.match(text) else 0
    colons = [first + match.start() for match in re.finditer(":", text[first:])]
    if _exists(text):
        return text, None
    for good in (_exists, _HOLDS_DATASETS.search):
        for colon in reversed(colons):
            if good(text[:colon]):
                return text[:colon], text[colon + 1 :].strip("/") or None
    return text, None


def check_file(path: str) -> int:
    """Size of a file that can be read and is not empty; anything else is an InputError that says what it is.

    Examples
    --------
    >>> check_file("sample_A.hdf")
    Traceback (most recent call last):
    connectograph.errors.InputError: sample_A.hdf does not exist...
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        raise InputError(f"{path} does not exist{_suggest(path)}.") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder; expected a volume file (HDF5, .xz, .npy, .npz or TIFF).") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path!r} cannot be read: {reason}. Check the path and its permissions.") from None
    if not size:
        raise InputError(f"{path} is empty (0 bytes): a failed download or an interrupted copy? Fetch it again.")
    return size


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
    for signature, name in _SIGNATURES.items():
        if start.startswith(signature):
            return f"it starts like {name}"
    text = start[:16].decode("latin-1")
    shown = repr(text if text.isprintable() else start[:16])
    return f"it starts with {shown}" + (" (a web page: a failed download?)" if text.lstrip().startswith("<") else "")


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
