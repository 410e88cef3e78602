"""The record of a finished run, ``run.json``: its files with size and SHA-256, and whether they are as written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from connectograph.errors import InputError
from connectograph.io.files import sha256_file

__all__ = ["RECORD", "SCHEMA", "check_names", "describe_file", "locate_file", "read_run", "verify_manifest"]

SCHEMA = "connectograph.run/1"
RECORD = "run.json"

_PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*")


def read_run(path: str | Path) -> dict[str, Any]:
    """The content of a directory's ``run.json``.

    Parameters
    ----------
    path : str or Path
        The run directory.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If the directory holds no finished run.
    """
    file = Path(path) / RECORD
    try:
        record = json.loads(file.read_bytes())
    except OSError as error:
        raise InputError(f"{path} holds no finished run: {file} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise InputError(f"{file} is not JSON ({error}): the run must be made again.") from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA or not isinstance(record.get("files"), dict):
        raise InputError(f"{file} is not the record of a connectograph run (schema {SCHEMA!r} with 'files').")
    check_names(Path(path), record["files"])
    return record


def verify_manifest(path: str | Path) -> dict[str, str]:
    """Files of a run that are not as they were written.

    Parameters
    ----------
    path : str or Path
        The run directory.

    Returns
    -------
    dict of str to str
        File name to what is wrong with it; empty if all are intact.

    Raises
    ------
    InputError
        If the directory holds no finished run.
    """
    folder = Path(path)
    verdicts = {name: _compare(folder / name, expected) for name, expected in read_run(folder)["files"].items()}
    return {name: verdict for name, verdict in verdicts.items() if verdict}


def _compare(file: Path, expected: Any) -> str:
    if not file.is_file():
        return "missing"
    found = describe_file(file)
    if found == expected:
        return ""
    return f"changed: {found['size']:,} bytes, sha256 {found['sha256']}; expected {expected}"


def describe_file(file: Path) -> dict[str, Any]:
    """What the record says of one file."""
    digest = sha256_file(file)
    return {"size": file.stat().st_size, "sha256": digest}


def locate_file(folder: Path, name: str) -> Path:
    """A file inside the folder, whatever the name or a symbolic link says."""
    target = folder / name if _NAME.fullmatch(name) else folder
    if target == folder or not target.parent.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{folder}: {name!r} is no name of a file inside a run directory.")
    return target


def check_names(folder: Path, names: Iterable[Any]) -> frozenset[str]:
    """Names of files that a record or journal lists; one that leads out of the folder is refused."""
    for name in names:
        locate_file(folder, str(name))
    return frozenset(map(str, names))
