"""Folders and object stores that hold chunked volumes: where they are, and the small files that describe them.

A store is a folder of this machine or whatever tensorstore's own key-value drivers reach (s3://, gs://, http://), with
the credentials that they find themselves: no specification made here holds any. A server that is silent, or gone, is an
error after a minute or two.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from connectograph.errors import InputError
from connectograph.io.files import redact
from connectograph.io.sources import is_url

__all__ = [
    "explain",
    "explain_store",
    "import_tensorstore",
    "join_path",
    "open_store",
    "read_json",
    "shorten",
    "store_context",
    "store_reader",
]

Reader = Callable[[str], dict[str, Any] | None]
"""The JSON object in the file of a key, or None if there is no such file."""

_DETAILS = re.compile(r" \[(tensorstore_spec|source locations|domain|http_\w+|curl_code)=.*", re.DOTALL)
"""The body of a refusal repeats the key that it refuses."""

_RETRIES = {"max_retries": 5, "initial_delay": "500ms", "max_delay": "8s"}
"""A quarter of a minute; tensorstore's own 32 attempts take a quarter of an hour."""

_SILENCE = {
    "TENSORSTORE_CURL_CONNECT_TIMEOUT_SECONDS": "10",
    "TENSORSTORE_CURL_LOW_SPEED_TIME_SECONDS": "20",
    "TENSORSTORE_CURL_LOW_SPEED_LIMIT_BYTES": "1",
}
"""After how many seconds without a byte an attempt has failed; tensorstore itself waits for ever."""

_ADVICE = {
    re.compile("PERMISSION_DENIED|UNAUTHENTICATED"): "Access is refused: check the credentials and what they allow "
    "(s3://: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; gs://: gcloud auth application-default login).",
    re.compile("CURL error|retry attempts failed|UNAVAILABLE|DEADLINE_EXCEEDED"): "The server does not answer: check "
    "the address (s3:// elsewhere than at Amazon: AWS_ENDPOINT_URL) and the network, and try again.",
}


def import_tensorstore() -> Any:
    """The module tensorstore, or an InputError that says how to install it.

    Examples
    --------
    >>> import_tensorstore().__name__
    'tensorstore'
    """
    for name, seconds in _SILENCE.items():
        os.environ.setdefault(name, seconds)
    try:
        import tensorstore
    except ImportError:
        raise InputError(
            "Zarr, N5, precomputed and webKnossos volumes are read through tensorstore, which is not installed. "
            "Install it: pip install 'connectograph[chunked]'"
        ) from None
    return tensorstore


def open_store(location: str, path: str = "") -> Any:
    """tensorstore's key-value store of a folder.

    Parameters
    ----------
    location : str
        A folder, or a URL.
    path : str
        Inside it.

    Returns
    -------
    tensorstore.KvStore

    Raises
    ------
    InputError
        If tensorstore is missing or does not know such a URL.
    """
    ts = import_tensorstore()
    with explain_store(location):
        spec = _specify(location) if is_url(location) else {"driver": "file", "path": os.path.abspath(location)}
        store = ts.KvStore.open(spec, context=ts.Context(store_context())).result()
        root = store if store.path.endswith("/") else store + "/"
        return root / f"{path}/" if path else root


def store_context() -> dict[str, Any]:
    """How often tensorstore tries again, and where it finds the credentials for s3://.

    Examples
    --------
    >>> store_context()["s3_request_retries"]
    {'max_retries': 5, 'initial_delay': '500ms', 'max_delay': '8s'}
    """
    context: dict[str, Any] = {f"{kind}_request_retries": dict(_RETRIES) for kind in ("s3", "gcs", "http")}
    if os.environ.get("AWS_ACCESS_KEY_ID"):  # taken first in any case, but with complaints that other places are empty
        context["aws_credentials"] = {"type": "environment"}
    return context


def _specify(url: str) -> dict[str, Any]:
    """tensorstore's specification of a URL; s3:// at the server that the standard variables name."""
    spec: dict[str, Any] = import_tensorstore().KvStore.Spec(url).to_json()
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if spec["driver"] != "s3" or not endpoint:
        return spec
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return {**spec, "endpoint": endpoint.rstrip("/"), **({"aws_region": region} if region else {})}


def read_json(store: Any, key: str, where: str) -> dict[str, Any] | None:
    """The JSON object in one file of a store, or None if there is no such file."""
    with explain_store(where):
        found = store.read(key).result()
    if found.state != "value":
        return None
    try:
        content = json.loads(found.value)
    except ValueError as error:
        raise InputError(f"{where}/{key} is damaged: it is no JSON ({error}). Copy the volume again.") from None
    if not isinstance(content, dict):
        raise InputError(f"{where}/{key} is damaged: expected a JSON object. Copy the volume again.")
    return content


def store_reader(location: str) -> Reader:
    """A function that reads the small files of a store, each once.

    Parameters
    ----------
    location : str

    Returns
    -------
    callable
        From a file's path inside the store to its JSON object, or None.
    """
    store, known = open_store(location), {}

    def read(key: str) -> dict[str, Any] | None:
        if key not in known:
            known[key] = read_json(store, key, redact(location))
        return known[key]

    return read


def join_path(where: str, *parts: str) -> str:
    """A path inside a store from parts that its metadata name; one that would leave the store is refused.

    Examples
    --------
    >>> join_path("a.zarr", "labels", "./0")
    'labels/0'
    >>> join_path("a.zarr", "labels", "../../secret")
    Traceback (most recent call last):
    connectograph.errors.InputError: a.zarr is refused: it names '../../secret', which lies outside ...
    """
    steps = [step for part in parts for step in part.split("/") if step not in ("", ".")]
    odd = next((part for part in parts if part.startswith("/") or ".." in part.split("/") or "\0" in part), None)
    if odd is not None:
        raise InputError(
            f"{where} is refused: it names {odd!r}, which lies outside it. Open the folder that holds that volume "
            "itself, if you trust it."
        )
    return "/".join(steps)


@contextmanager
def explain_store(where: str, what: str = "it") -> Iterator[None]:
    """Turn what tensorstore says inside the block into an InputError, without credentials and internals."""
    try:
        yield
    except InputError:
        raise
    except (ValueError, OSError, RuntimeError) as error:
        raise InputError(f"{redact(where)}: {what} cannot be read {explain(error)}") from error


def shorten(error: Exception) -> str:
    """tensorstore's message without the specification that it repeats."""
    return redact(_DETAILS.sub("", str(error)) or type(error).__name__)


def explain(error: Exception, otherwise: str = "") -> str:
    """Why something failed, and what to do if a server refused or did not answer; otherwise, what is said here.

    Examples
    --------
    >>> explain(ValueError("PERMISSION_DENIED: No"))
    '(PERMISSION_DENIED: No). Access is refused: check the credentials and what they allow (s3://: AWS_...'
    >>> explain(ValueError("DATA_LOSS"), "Copy it again.")
    '(DATA_LOSS). Copy it again.'
    """
    advice = next((advice for sign, advice in _ADVICE.items() if sign.search(str(error))), otherwise)
    return f"({shorten(error)}). {advice}".rstrip()
