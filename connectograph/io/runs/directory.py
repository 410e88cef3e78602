"""Opening, filling, finishing and removing a run directory."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectograph.errors import InputError
from connectograph.io.files import TEMPORARY, dump_json, explain_errors, redact, write_atomic
from connectograph.io.locks import hold_lock
from connectograph.io.runs.record import RECORD, SCHEMA, check_names, describe_file, locate_file, read_run

__all__ = [
    "Run",
    "abandon_run",
    "check_room",
    "finish_run",
    "open_run",
    "place_file",
    "remove_run",
    "revise_run",
]

_LOCK = ".connectograph.lock"
_SCRATCH = ".connectograph"
_OURS = (RECORD, "report.json", "report.pdf", "report.html", "study.json", "study.html")
_NEEDED_FILES = 100


@dataclass(frozen=True, eq=False)
class Run:
    """An open run directory, from :func:`open_run`.

    Parameters
    ----------
    folder : Path
        The run directory.
    identity : str
        Digest of inputs and settings.
    earlier : frozenset of str
        Files of an earlier run here that may be replaced.
    files : list of str
        Files placed so far, by :func:`place_file`.
    """

    folder: Path
    identity: str = ""
    earlier: frozenset[str] = frozenset()
    files: list[str] = field(default_factory=list)

    @property
    def scratch(self) -> Path:
        """Folder for what a resumed run takes up again; removed when the run is finished."""
        return self.folder / _SCRATCH


@dataclass(frozen=True)
class _Found:
    """What a folder holds of an earlier run."""

    files: frozenset[str] = frozenset()
    identity: str | None = None
    finished: bool = False
    unfinished: bool = False


@contextmanager
def open_run(
    path: str | Path, *, overwrite: bool = False, resume: bool = False, identity: str = "", needed_bytes: int = 0
) -> Iterator[Run]:
    """Open a run directory for one process, until the ``with`` block ends.

    Parameters
    ----------
    path : str or Path
        Made if it is not there. A folder with files of others is accepted if none of them has one of our names.
    overwrite : bool
        Remove the files of the earlier run first (those its manifest lists, no others).
    resume : bool
        Go on with an unfinished run of the same `identity`.
    identity : str, optional
        Digest of inputs and settings, kept in the directory.
    needed_bytes : int
        Free space that must be there.

    Yields
    ------
    Run

    Raises
    ------
    InputError
        If the directory is in use, holds a run, cannot be written to, or has too little room.

    Examples
    --------
    >>> import tempfile
    >>> from connectograph.io.runs import verify_manifest
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with open_run(f"{folder}/A") as run:
    ...         write_atomic(place_file(run, "report.json"), dump_json({"f1": 1.0}))
    ...         finish_run(run, {"command": "connectograph demo"})
    ...     sorted(read_run(f"{folder}/A")["files"]), verify_manifest(f"{folder}/A")
    (['report.json'], {})
    """
    if overwrite and resume:
        raise InputError("--overwrite and --resume exclude each other: start again, or go on.")
    folder = _make_folder(Path(path))
    with hold_lock(folder / _LOCK):
        found = _look_into(folder)
        _check_entry(folder, found, overwrite=overwrite, resume=resume, identity=identity)
        check_room(folder, needed_bytes)
        run = Run(folder, identity, found.files)
        with explain_errors(folder):
            _start_journal(run)
            _remove_temporaries(run)
            if not resume:
                _remove_earlier(run)
        yield run


@contextmanager
def revise_run(path: str | Path) -> Iterator[Run]:
    """Open a finished run to write some of its files again; its record stays, its manifest follows.

    Parameters
    ----------
    path : str or Path
        The run directory.

    Yields
    ------
    Run
        Files placed in it replace those of the same name.

    Raises
    ------
    InputError
        If the directory holds no finished run, is in use, or cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> from connectograph.io.runs import verify_manifest
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with open_run(folder) as run:
    ...         write_atomic(place_file(run, "report.html"), "old")
    ...         finish_run(run, {})
    ...     with revise_run(folder) as run:
    ...         write_atomic(place_file(run, "report.html"), "new")
    ...     verify_manifest(folder)
    {}
    """
    folder = Path(path)
    record = read_run(folder)
    with hold_lock(folder / _LOCK):
        run = Run(folder, record.get("identity", ""), frozenset(record["files"]))
        _start_journal(run)
        yield run
        files = {**record["files"], **{name: describe_file(folder / name) for name in run.files}}
        write_atomic(folder / RECORD, dump_json({**record, "files": dict(sorted(files.items()))}))
        with explain_errors(run.scratch):
            shutil.rmtree(run.scratch)


def place_file(run: Run, name: str) -> Path:
    """Where to write one file of a run; its folder is made, and the file enters the manifest.

    Parameters
    ----------
    run : Run
    name : str
        Relative, with ``/``: letters, digits, ``_ . -``. Never made from data.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If a file of that name is there that no run of ours wrote.
    """
    target = locate_file(run.folder, name)
    if os.path.lexists(target) and name not in run.earlier and name not in run.files:
        raise InputError(f"{target} is not a file of this run and is not replaced: move it, or choose another --out.")
    with explain_errors(target):
        if name not in run.files:
            with open(_journal(run.folder), "a") as stream:  # first the name: a file of ours is never unknown
                stream.write(json.dumps(name) + "\n")
            run.files.append(name)
        target.parent.mkdir(parents=True, exist_ok=True)
    return target


def finish_run(run: Run, record: Mapping[str, Any]) -> None:
    """Write ``run.json``, last: the record, and size and SHA-256 of every file of the run.

    Parameters
    ----------
    run : Run
    record : mapping
        How the run was made: command, inputs, versions, times. Credentials in it are blotted out.

    Raises
    ------
    InputError
        If a file that was placed is not there.
    """
    manifest = {name: describe_file(run.folder / name) for name in sorted(run.files)}
    content = {"schema": SCHEMA, **_redacted(record), "identity": run.identity, "files": manifest}
    write_atomic(run.folder / RECORD, dump_json(content))
    with explain_errors(run.scratch):
        shutil.rmtree(run.scratch)


def abandon_run(run: Run, *, existed: bool) -> None:
    """Leave an open run that has written nothing yet: as if it had never begun.

    Parameters
    ----------
    run : Run
    existed : bool
        Whether the folder was there before; it is removed if not.
    """
    shutil.rmtree(run.scratch, ignore_errors=True)
    if not existed:
        (run.folder / _LOCK).unlink(missing_ok=True)
        with suppress(OSError):  # something else was put there meanwhile
            run.folder.rmdir()


def remove_run(path: str | Path) -> None:
    """Remove a run, finished or not: the files that it lists, and the folders that are empty then.

    Parameters
    ----------
    path : str or Path
        The run directory; files of others in it stay.

    Raises
    ------
    InputError
        If the directory is in use, or cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with open_run(f"{folder}/A") as run:
    ...         write_atomic(place_file(run, "report.json"), "{}")
    ...         finish_run(run, {})
    ...     remove_run(f"{folder}/A")
    ...     os.listdir(folder)
    []
    """
    folder = Path(path)
    if not folder.is_dir():
        return
    with hold_lock(folder / _LOCK):
        run = Run(folder, earlier=_look_into(folder).files)
        with explain_errors(folder):
            _remove_temporaries(run)
            _remove_earlier(run)
            shutil.rmtree(run.scratch, ignore_errors=True)
    for each in sorted({folder, *((folder / name).parent for name in run.earlier)}, reverse=True):
        with suppress(OSError):  # not empty: something in it is not ours
            each.rmdir()


def _make_folder(folder: Path) -> Path:
    if folder.is_file():
        raise InputError(f"{folder} is a file; --out names a directory.")
    with explain_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _journal(folder: Path) -> Path:
    return folder / _SCRATCH / "journal"


def _look_into(folder: Path) -> _Found:
    """What is there of an earlier run, finished or not."""
    if (folder / _SCRATCH).is_symlink():
        raise InputError(f"{folder / _SCRATCH} is a symbolic link, not what a run makes: choose another --out.")
    lines = _read_journal(folder)
    identity = lines[0].get("identity") if lines and isinstance(lines[0], dict) else None
    names = check_names(folder, lines[1:])
    if (folder / RECORD).exists():
        record = read_run(folder)
        return _Found(names | {RECORD, *record["files"]}, record.get("identity"), finished=True)
    files = [folder / name for name in names] + _iterate_scratch(folder)
    return _Found(names, identity, unfinished=any(file.exists() for file in files))


def _read_journal(folder: Path) -> list[Any]:
    """Lines of the journal; one that a dying process left unfinished names a file it had not begun."""
    try:
        text = _journal(folder).read_text()
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise InputError(f"{_journal(folder)} is not what a run left there ({error}): choose another --out.") from error


def _check_entry(folder: Path, found: _Found, *, overwrite: bool, resume: bool, identity: str) -> None:
    foreign = [name for name in _OURS if (folder / name).exists() and name not in found.files]
    if foreign:
        raise InputError(f"{folder} holds {', '.join(foreign)}, not from a run here: choose another --out.")
    if (found.finished or found.unfinished) and not (overwrite or resume):
        kind = "a run" if found.finished else "an unfinished run"
        raise InputError(f"{folder} already holds {kind}: pass --overwrite to replace it, --resume to go on with it.")
    if resume and found.identity not in (None, identity):
        raise InputError(
            f"{folder} was begun with other inputs or settings: pass --overwrite, or choose another --out."
        )


def check_room(folder: Path, needed_bytes: int) -> None:
    """An InputError if the file system has no room for so many bytes, or for the files of a run."""
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    if free < needed_bytes:
        raise InputError(
            f"{folder}: the run needs about {needed_bytes:,} bytes and {free:,} are free; choose another --out."
        )
    if status.f_files and status.f_favail < _NEEDED_FILES:
        raise InputError(
            f"{folder}: the run makes up to {_NEEDED_FILES} files and the file system has room for {status.f_favail} "
            "(inodes); remove small files or choose another --out."
        )


def _start_journal(run: Run) -> None:
    _make_folder(run.scratch)
    lines = [{"identity": run.identity}, *sorted(run.earlier)]
    write_atomic(_journal(run.folder), "".join(json.dumps(line) + "\n" for line in lines))


def _remove_temporaries(run: Run) -> None:
    """Remove what a killed process was writing."""
    folders = {run.folder, run.scratch, *((run.folder / name).parent for name in run.earlier)}
    for folder in folders:
        for file in folder.glob(f"{TEMPORARY}*"):
            file.unlink(missing_ok=True)


def _remove_earlier(run: Run) -> None:
    """Remove an earlier run's files, its record first: without it the directory does not pass for finished."""
    for name in sorted(run.earlier, key=lambda name: name != RECORD):
        (run.folder / name).unlink(missing_ok=True)
    for item in _iterate_scratch(run.folder):
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        else:
            item.unlink()


def _iterate_scratch(folder: Path) -> list[Path]:
    """What a run keeps to be resumed, without the journal."""
    return sorted(set((folder / _SCRATCH).glob("*")) - {_journal(folder)})


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _redacted(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redacted(item) for item in value]
    return value
