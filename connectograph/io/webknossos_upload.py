"""A webKnossos dataset to a server, through webknossos-libs, with the user's own token."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from connectograph.errors import InputError
from connectograph.io.files import redact
from connectograph.io.sources import is_url

__all__ = ["upload_webknossos"]


def upload_webknossos(folder: str | Path, *, server: str, token: str, name: str) -> str:
    """Upload a dataset.

    Parameters
    ----------
    folder : str or Path
        From :func:`~connectograph.io.viewer_layers.write_webknossos`.
    server : str
        Such as ``https://webknossos.org``.
    token : str
        The user's own, from the server's page "Auth Token".
    name : str
        Of the dataset there.

    Returns
    -------
    str
        The dataset's address.

    Raises
    ------
    InputError
        If webknossos-libs is not installed, there is no token, or the server refuses.

    Examples
    --------
    >>> upload_webknossos("dataset", server="https://webknossos.org", token="", name="A")
    Traceback (most recent call last):
    connectograph.errors.InputError: An upload to https://webknossos.org needs your own token: ...
    """
    if not is_url(server) or not server.startswith(("https://", "http://")):
        raise InputError(f"--server is {redact(server)!r}; expected an address such as https://webknossos.org.")
    if not token:
        raise InputError(
            f"An upload to {server} needs your own token: copy it from {server.rstrip('/')}/auth/token and set it as "
            "the environment variable WK_TOKEN."
        )
    webknossos = _import_webknossos()
    try:
        with webknossos.webknossos_context(server.rstrip("/"), token):
            return str(webknossos.Dataset.open(str(folder)).upload(new_dataset_name=name).url)
    except Exception as error:  # the library raises whatever its parts do
        said = redact(str(error)).replace(token, "***") or type(error).__name__
        raise InputError(
            f"{server} did not take the dataset {name!r}: {said}. The dataset is in {folder}; check address and token."
        ) from None


def _import_webknossos() -> Any:
    """The module webknossos, or an InputError that says how to install it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about readers of pictures that it could use
            import webknossos
    except ImportError:
        raise InputError(
            "Uploading needs webknossos-libs, which is not installed: pip install 'connectograph[webknossos]'. The "
            "dataset can also be uploaded in the browser, as a zip file."
        ) from None
    return webknossos
