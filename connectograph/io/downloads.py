"""Public volumes from the network: whole and checked under their name, or not there at all.

What has arrived lies beside the final name, as ``NAME.part``, until it is complete; a download that broke off goes on
from there. The checksum of what arrived is kept in ``NAME.sha256``, as ``sha256sum --check`` reads it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from connectograph.errors import DiskFull, InputError, RunStopped
from connectograph.io.files import explain_errors, redact, sha256_file, write_atomic
from connectograph.io.locks import hold_lock
from connectograph.io.sources import describe_start, format_of, read_start

if TYPE_CHECKING:
    import requests

__all__ = ["CREMI_URL", "Progress", "download_cremi", "download_file"]

Progress = Callable[[int, int | None], object]
"""Called with the bytes that are there and those that there will be (None: the server does not say)."""

CREMI_URL = "https://cremi.org/static/data"
"""Where the challenge publishes its volumes."""

_CREMI_SHA256 = {
    "A": "4c563d1b78acb2bcfb3ea958b6fe1533422f7f4a19f3e05b600bfa11430b510d",
    "B": "887e85521e00deead18c94a21ad71f278d88a5214c7edeed943130a1f4bb48b8",
    "C": "2874496f224d222ebc29d0e4753e8c458093e1d37bc53acd1b69b19ed1ae7052",
}
"""Of the files without padding, as torch-em (MIT) records them; none is published for the padded ones."""

_HDF5 = b"\x89HDF\r\n\x1a\n"
_PIECE = 1 << 16
_TIMEOUTS = (20.0, 60.0)
"""Seconds until a server is reached, and between two of its signs of life."""

_PAUSES = (1.0, 5.0)
"""Seconds before another attempt after a broken connection."""


def download_cremi(
    sample: str,
    *,
    out: str | os.PathLike[str] = ".",
    padded: bool = False,
    mirror: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Fetch a sample of the CREMI challenge: raw data, neurons, clefts and annotated partners of a fly's brain.

    Parameters
    ----------
    sample : str
        "A", "B" or "C": 125 x 1250 x 1250 voxels of 40 x 4 x 4 nm each.
    out : path, optional
        Folder to write to, made if it is not there.
    padded : bool, optional
        The file in which the raw data reach beyond the labels on all sides.
    mirror : str, optional
        Address of a folder that holds copies of the files, instead of :data:`CREMI_URL`.
    progress : callable, optional
        Called as ``progress(done, total)``, in bytes; `total` is None if the server does not say.

    Returns
    -------
    Path
        The file; beside it ``NAME.sha256``. A file that is there is checked and not fetched again.

    Raises
    ------
    InputError
        If there is no such sample, the server cannot be reached or refuses, there is no room, or what arrived, or lay
        there, is not what was published.
    RunStopped
        If the connection broke off: the same call goes on from what has arrived.

    Notes
    -----
    Proxies and certificates are those of the environment (``HTTPS_PROXY``, ``NO_PROXY``, ``REQUESTS_CA_BUNDLE``).
    Data: https://cremi.org.

    Examples
    --------
    >>> download_cremi("D")
    Traceback (most recent call last):
    connectograph.errors.InputError: There is no CREMI sample 'D'; expected A, B or C.
    """
    if sample not in _CREMI_SHA256:
        raise InputError(f"There is no CREMI sample {sample!r}; expected A, B or C.")
    name = f"sample_{sample}_{'padded_' if padded else ''}20160501.hdf"
    url = f"{(mirror or CREMI_URL).rstrip('/')}/{name}"
    return download_file(url, Path(out) / name, sha256=None if padded else _CREMI_SHA256[sample], progress=progress)


def download_file(
    url: str, path: str | os.PathLike[str], *, sha256: str | None = None, progress: Progress | None = None
) -> Path:
    """Fetch a file; one that is there already is checked and not fetched again.

    Parameters
    ----------
    url : str
        http or https.
    path : path
        Where to put it; the folder is made if it is not there.
    sha256 : str, optional
        What the file must have, 64 hexadecimal digits. If it is not known, that of what arrived is recorded, and a
        later call checks the file against that.
    progress : callable, optional
        As in :func:`download_cremi`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError, RunStopped
        As :func:`download_cremi`.

    Examples
    --------
    >>> download_file("sample_A.hdf", "a.hdf")
    Traceback (most recent call last):
    connectograph.errors.InputError: sample_A.hdf is no address to download from; expected http:// or https://.
    """
    if not url.lower().startswith(("http://", "https://")):
        raise InputError(f"{url} is no address to download from; expected http:// or https://.")
    path = Path(path)
    record = _beside(path, ".sha256")
    with explain_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with hold_lock(path.with_name(f".{path.name}.lock")):
        expected = sha256 or _recall(record)
        if not path.exists():
            _fetch(url, path, expected, progress or (lambda done, total: None))
        digest = sha256_file(path)
        if expected not in (None, digest):
            raise InputError(
                f"{path} is there already, but is not the published file: its SHA-256 is {digest}, expected "
                f"{expected}. Move it away, or name another --out."
            )
        write_atomic(record, f"{digest}  {path.name}\n")
    return path


def _recall(record: Path) -> str | None:
    """The checksum that was recorded when the file came."""
    return record.read_text().split()[0] if record.exists() else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _fetch(url: str, path: Path, sha256: str | None, progress: Progress) -> None:
    """Put the whole, checked file under its name."""
    import pooch

    part = _beside(path, ".part")
    _complete(url, part, progress)
    _refuse_other_content(url, part)
    pooch.get_logger().setLevel("WARNING")  # what it says is said by us
    try:
        pooch.retrieve(
            url, sha256, fname=path.name, path=path.parent, downloader=lambda _, target, __: os.replace(part, target)
        )
    except ValueError as error:
        raise InputError(
            f"{redact(url)}: {error} Call again; if it stays so, the copy is not the published file: name another "
            "--mirror URL."
        ) from None
    _beside(part, ".version").unlink(missing_ok=True)


def _refuse_other_content(url: str, part: Path) -> None:
    """A page that says "log in first" also arrives without an error."""
    start = read_start(str(part))
    if format_of(part.stem) == "HDF5" and not start.startswith(_HDF5):
        part.unlink()
        raise InputError(
            f"{redact(url)}: what arrived is no HDF5 file; {describe_start(start)}. Open the address in a browser: a "
            "network may ask you to log in first; or name another --mirror URL."
        )


def _complete(url: str, part: Path, progress: Progress) -> None:
    """Fetch what the part lacks; a broken connection is taken up again a few times."""
    import requests

    for pause in (*_PAUSES, None):
        try:
            _continue(url, part, progress)
            return
        except requests.RequestException as error:
            if pause is None or not _size(part):
                raise _explain(error, url, part) from error
            time.sleep(pause)
        except OSError as error:
            with explain_errors(part, _PIECE):
                raise error


def _continue(url: str, part: Path, progress: Progress) -> None:
    """One request, for what comes after the bytes that are there."""
    import requests

    version, have = _beside(part, ".version"), _size(part)
    known = version.read_text() if version.exists() else ""
    headers = {"Accept-Encoding": "identity"}
    if have and known:  # the server sends the rest only if the file is still the same one
        headers |= {"Range": f"bytes={have}-", "If-Range": known}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUTS) as answer:
        if answer.status_code == 416:  # nothing is left to send, or these bytes are not of this file
            if answer.headers.get("Content-Range") != f"bytes */{have}":
                part.unlink()
                _continue(url, part, progress)
            return
        _refuse_status(answer, url)
        start = have if answer.status_code == 206 else 0
        length = answer.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        _refuse_space(part, (total or 0) - start)
        with open(part, "ab" if start else "wb") as stream:
            write_atomic(version, _version_of(answer))
            for piece in answer.iter_content(_PIECE):
                stream.write(piece)
                start += len(piece)
                progress(start, total)
            stream.flush()
            os.fsync(stream.fileno())
    if total is not None and start < total:
        raise requests.ConnectionError("the server closed the connection")


def _version_of(answer: requests.Response) -> str:
    """What tells this version of the file from another, for a later ``If-Range``; a weak tag would not do."""
    tag, date = (str(answer.headers.get(name, "")) for name in ("ETag", "Last-Modified"))
    return tag if tag and not tag.startswith("W/") else date


def _refuse_status(answer: requests.Response, url: str) -> None:
    """Say what a refusal means; what may pass (busy, out of order) is an error that is tried again."""
    if 400 <= answer.status_code < 500 and answer.status_code not in (408, 429):
        raise InputError(
            f"{redact(url)}: the server answers {answer.status_code} {answer.reason}. Is the address right? Name a "
            "folder that holds the file with --mirror URL, or fetch it by hand: see https://cremi.org/data/."
        )
    answer.raise_for_status()


def _refuse_space(part: Path, n_bytes: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if n_bytes > free:
        raise DiskFull(
            f"{part.parent} has no room: {n_bytes:,} bytes are to come and {free:,} are free. Free space, or name "
            "another --out."
        )


def _explain(error: requests.RequestException, url: str, part: Path) -> InputError | RunStopped:
    """What a failed request means: to be called again where something has arrived, else something to mend."""
    have, reason = _size(part), _reason(error)
    if have:
        return RunStopped(
            f"{redact(url)}: {reason}. {have:,} bytes have arrived and are kept in {part}: the same call goes on from "
            "there."
        )
    return InputError(
        f"{redact(url)}: {reason}. Check the network; behind a proxy set HTTPS_PROXY; or name a folder that holds the "
        f"file with --mirror URL; or fetch it by hand into {part.parent} and call again, to have it checked."
    )


def _reason(error: requests.RequestException) -> str:
    from requests import exceptions

    if isinstance(error, exceptions.HTTPError):
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, exceptions.ProxyError):
        return "the proxy cannot be reached or lets nothing through"
    if isinstance(error, exceptions.SSLError):
        return "the certificate of the server is not accepted (REQUESTS_CA_BUNDLE names others)"
    if isinstance(error, exceptions.Timeout):
        return "the server does not answer"
    if isinstance(error, exceptions.ChunkedEncodingError) or not isinstance(error, exceptions.ConnectionError):
        return "the connection broke off"
    return "there is no connection, or it broke off"
