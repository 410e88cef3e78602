"""An evaluation on disk that survives being ended: its directory is locked, its finished work kept, and taken up."""

from __future__ import annotations

import hashlib
import json
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connectograph._version import __version__
from connectograph.errors import BlockFailed, DiskFull, InputError, RunStopped
from connectograph.io.checkpoints import Checkpoints
from connectograph.io.files import dump_json, redact, write_atomic
from connectograph.io.runs import Run, abandon_run, open_run, read_run
from connectograph.io.stamps import stamp_files

__all__ = ["describe_task", "explain_stops", "open_resumable", "recall_finished"]

_TASK, _BLOCKS = "task.json", "blocks"
_GO_ON = "Give the same command with --resume to go on, or with --overwrite to start again."


def describe_task(files: Mapping[str, str], settings: Mapping[str, Any], reading: Mapping[str, Any]) -> dict[str, Any]:
    """All that decides what an evaluation finds: inputs (by size and time of change), settings, version.

    Parameters
    ----------
    files : mapping of str to str
        Role to ``FILE:DATASET``.
    settings, reading : mapping
        JSON forms.

    Returns
    -------
    dict
    """
    inputs = {role: {"path": redact(name), **stamp_files([name]).get(name, {})} for role, name in files.items() if name}
    content = {"inputs": inputs, "settings": settings, "reading": reading, "version": __version__}
    task: dict[str, Any] = json.loads(dump_json(content))
    return task


@contextmanager
def open_resumable(
    folder: Path, task: Mapping[str, Any], *, overwrite: bool, resume: bool
) -> Iterator[tuple[Run, Checkpoints]]:
    """A run directory, open for one evaluation; what it finishes is kept if it is ended early.

    Parameters
    ----------
    folder : Path
    task : mapping
        From :func:`describe_task`.
    overwrite, resume : bool
        As in :func:`connectograph.io.runs.open_run`.

    Yields
    ------
    run : Run
    checkpoints : Checkpoints

    Raises
    ------
    InputError
        If the directory holds another run, or was begun with other inputs or settings.
    RunStopped
        If the block is ended by a signal, a full disk or a lost worker; the message says how to go on.
    """
    if resume:
        _refuse_other(folder, task)
    existed = folder.is_dir()
    with open_run(folder, overwrite=overwrite, resume=resume, identity=_identify(task)) as run:
        try:
            with explain_stops(
                f"The run in {folder} is not finished; what it has found so far is kept there. {_GO_ON}"
            ):
                write_atomic(run.scratch / _TASK, dump_json(task))
                yield run, Checkpoints(run.scratch / _BLOCKS)
        except InputError:
            if not run.files and not (run.scratch / _BLOCKS).is_dir() and not resume:
                abandon_run(run, existed=existed)
            raise


@contextmanager
def explain_stops(advice: str) -> Iterator[None]:
    """Let a signal, a full disk or a lost worker end the block with a message that says what is kept.

    Parameters
    ----------
    advice : str
        What is kept, and how to go on.

    Raises
    ------
    RunStopped
        If the block is ended so.

    Examples
    --------
    >>> with explain_stops("The same command goes on."):
    ...     raise BlockFailed("block 3 failed 3 times.")
    Traceback (most recent call last):
    connectograph.errors.RunStopped: block 3 failed 3 times. The same command goes on.
    """
    try:
        with _raise_on_termination():
            yield
    except (KeyboardInterrupt, BlockFailed, DiskFull) as error:
        reason = "Interrupted" if isinstance(error, KeyboardInterrupt) else str(error).rstrip(".")
        raise RunStopped(f"{reason}. {advice}") from error


def recall_finished(folder: Path, task: Mapping[str, Any]) -> dict[str, Any] | None:
    """report.json of the very same evaluation in a folder, if it was finished."""
    swept = not (folder / ".connectograph").exists()  # else it was killed between its record and its last step
    if not swept or not (folder / "run.json").is_file() or read_run(folder).get("identity") != _identify(task):
        return None
    report: dict[str, Any] = json.loads((folder / "report.json").read_bytes())
    return report


def _identify(task: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(task, sort_keys=True).encode()).hexdigest()


def _refuse_other(folder: Path, task: Mapping[str, Any]) -> None:
    """Say what differs between an unfinished run in a folder and the one that is to go on with it."""
    try:
        there = json.loads((folder / ".connectograph" / _TASK).read_bytes())
    except (OSError, ValueError):
        return
    if isinstance(there, dict) and there != task:
        raise InputError(
            f"{folder} was begun with other inputs or settings: {'; '.join(_list_differences(there, task))}. Pass "
            "--overwrite to start again, or choose another --out."
        )


def _list_differences(there: Any, here: Any, where: str = "") -> list[str]:
    if isinstance(there, dict) and isinstance(here, dict):
        keys = sorted({*there, *here})
        return [line for key in keys for line in _list_differences(there.get(key), here.get(key), f"{where} {key}")]
    return [] if there == here else [f"{where.strip()} was {json.dumps(there)} and is {json.dumps(here)}"]


@contextmanager
def _raise_on_termination() -> Iterator[None]:
    """Let SIGTERM, which batch systems send before they kill, end the block as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
