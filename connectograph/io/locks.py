"""A lock that one process holds on a folder, and that a dead process does not keep."""

from __future__ import annotations

import errno
import json
import os
import platform
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from connectograph.errors import InputError
from connectograph.io.files import explain_errors

__all__ = ["hold_lock"]

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)


@dataclass(frozen=True)
class _Holder:
    """Who holds a lock: enough to tell whether it still lives, and to find it."""

    host: str
    pid: int
    started: str
    job: str
    token: str


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold a lock file while the block runs; a lock whose process died on this host is taken over.

    Parameters
    ----------
    path : Path
        The lock file, in an existing folder that can be written to.

    Raises
    ------
    InputError
        If another process holds it, or the folder cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, hold_lock(Path(folder, "lock")):
    ...     Path(folder, "lock").is_symlink()
    True
    """
    me = _describe_self()
    with explain_errors(path):
        _acquire(path, me)
    try:
        yield
    finally:
        if _parse(_read(path)) == me:
            with suppress(OSError):  # a lock that stays is dead as soon as this process is
                path.unlink()


def _acquire(path: Path, me: _Holder) -> None:
    while not _create(path, me):
        text = _read(path)
        if text is None:
            continue
        other = _parse(text)
        if other is None or _may_live(other):
            raise InputError(_refusal(path, other))
        _break_stale(path, other)


def _break_stale(path: Path, dead: _Holder) -> None:
    """Remove a dead process's lock. Of several processes that saw it, the one that holds the claim may."""
    with hold_lock(path.with_name(f"{path.name}.{dead.token}")):
        if _parse(_read(path)) == dead:  # else another has removed it, and perhaps taken its place
            path.unlink()


def _create(path: Path, me: _Holder) -> bool:
    """Make the lock with its content; False if there is one."""
    content = json.dumps(asdict(me))
    try:
        try:
            os.symlink(content, path)  # to nowhere: unlike a file, a link comes with its content in one step
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            with open(path, "x") as stream:
                stream.write(content)
    except FileExistsError:
        return False
    return True


def _read(path: Path) -> str | None:
    """Content of a lock; None if it was released meanwhile."""
    try:
        return os.readlink(path) if path.is_symlink() else path.read_text()
    except FileNotFoundError:
        return None


def _parse(text: str | None) -> _Holder | None:
    try:
        holder = _Holder(**json.loads(text or ""))
    except (ValueError, TypeError):
        return None
    sound = type(holder.pid) is int and holder.pid > 0 and str(holder.token).isalnum()
    return holder if sound else None


def _describe_self() -> _Holder:
    pid = os.getpid()
    job = os.environ.get("SLURM_JOB_ID", "")
    return _Holder(platform.node(), pid, _start_time(pid), job, uuid.uuid4().hex)


def _may_live(holder: _Holder) -> bool:
    """False only if the process is certainly gone: it ran on this host, and its number is free or used anew."""
    if holder.host != platform.node():
        return True
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    started = _start_time(holder.pid)
    return "" in (started, holder.started) or started == holder.started


def _start_time(pid: int) -> str:
    """When a process started, in clock ticks since boot; '' where the system does not tell."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _refusal(path: Path, holder: _Holder | None) -> str:
    if holder is None:
        return (
            f"{path.parent} is locked by {path.name}, which cannot be read. If no other run uses the folder, remove it."
        )
    job = f", SLURM job {holder.job}" if holder.job else ""
    return (
        f"{path.parent} is in use by another run (process {holder.pid} on {holder.host}{job}). Wait for it or choose "
        f"another --out; if it is certainly gone, remove {path}."
    )
