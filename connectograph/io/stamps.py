"""By what an input is known without reading it whole: size and time of its last change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from connectograph.errors import InputError
from connectograph.io.sources import split_path

__all__ = ["refuse_changed", "stamp_files"]


def stamp_files(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Size and modification time of each file; of a folder, of all files in it.

    Parameters
    ----------
    names : iterable of str
        ``FILE:DATASET``; what is no file or folder of this machine, or was made in memory (''), is left out.

    Returns
    -------
    dict
        Name to ``bytes`` and ``modified_ns`` (a string: JSON's numbers are too short).
    """
    stamps = {name: _stamp(Path(split_path(name)[0])) for name in names if name}
    return {name: stamp for name, stamp in stamps.items() if stamp}


def refuse_changed(before: Mapping[str, Mapping[str, Any]]) -> None:
    """An InputError if an input is not as it was when it was stamped."""
    after = stamp_files(before)
    changed = [name for name, stamp in before.items() if after.get(name) != stamp]
    if changed:
        raise InputError(
            f"{changed[0]} was changed while it was read: the result would mix old and new voxels. Wait until whatever "
            "writes it is done, and run again."
        )


def _stamp(path: Path) -> dict[str, Any]:
    try:
        files = [file.stat() for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path.stat()]
    except OSError:
        return {}
    return {
        "bytes": sum(status.st_size for status in files),
        "modified_ns": str(max((status.st_mtime_ns for status in files), default=0)),
    }
