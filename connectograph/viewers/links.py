"""Links into any viewer that is opened by an address: a template with the place and the ids left open."""

from __future__ import annotations

import math
from collections.abc import Mapping
from string import Formatter
from typing import Any
from urllib.parse import quote, urlsplit

from connectograph.errors import InputError

__all__ = ["check_address", "check_template", "fill_template"]

_VOXELS = ("x", "y", "z")
_LENGTHS = ("x_nm", "y_nm", "z_nm")
_IDS = ("source", "target", "synapse_id")
_FIELDS = (*_VOXELS, *_LENGTHS, *_IDS)


def check_template(template: str) -> str:
    """A template that can be filled, as it is; anything else is an InputError.

    Parameters
    ----------
    template : str
        An address (http or https) with any of {x}, {y}, {z} (voxels), {x_nm}, {y_nm}, {z_nm}, {source}, {target} and
        {synapse_id}; braces that belong to the address are doubled.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If it is no such address, or leaves something else open.

    Examples
    --------
    >>> check_template("javascript:alert({x})")
    Traceback (most recent call last):
    connectograph.errors.InputError: link template 'javascript:alert({x})': expected an address that begins with ...
    """
    where = f"link template {template!r}"
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise InputError(f"{where}: {error}. Double the braces that belong to the address: {{{{ and }}}}.") from None
    check_address(template, "link template")
    if "{" in urlsplit(template).netloc:
        raise InputError(f"{where}: the host must be the same for every error.")
    for _, name, specification, conversion in parts:
        if name is not None and (name not in _FIELDS or specification or conversion):
            raise InputError(f"{where}: {{{name}}} is not known; expected {', '.join(f'{{{f}}}' for f in _FIELDS)}.")
    return template


def check_address(address: str, what: str) -> str:
    """An address that a link may lead to, as it is: http or https, a host, nothing that could end a link.

    Examples
    --------
    >>> check_address("https://webknossos.org/datasets/A", "--url")
    'https://webknossos.org/datasets/A'
    """
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        raise InputError(f"{what} {address!r}: expected an address that begins with https:// (or http://) and a host.")
    if any(ord(letter) <= 32 or letter in "\"'<>\\`\x7f" for letter in address):
        raise InputError(f"{what} {address!r}: it holds spaces, quotes or control characters; write them as %20, %22.")
    return address


def fill_template(template: str, error: Mapping[str, Any]) -> str:
    """The address of one error; empty if something that the template asks for is not known.

    Parameters
    ----------
    template : str
        See :func:`check_template`.
    error : mapping
        A row of :func:`~connectograph.viewers.list_errors`: voxels and lengths as numbers, ids as whole numbers.

    Returns
    -------
    str

    Examples
    --------
    >>> fill_template("https://viewer.org/#{x},{y},{z}?a={source}", {"z": 1.5, "y": 2.0, "x": 3.9, "source": 2**64 - 3})
    'https://viewer.org/#3,2,1?a=18446744073709551613'
    """
    wanted = [name for _, name, *_ in Formatter().parse(check_template(template)) if name is not None]
    values = {name: _write(name, error.get(name)) for name in wanted}
    return template.format(**values) if all(values.values()) else ""


def _write(name: str, value: Any) -> str:
    """A value as it stands in an address; empty if it is not known."""
    if value is None or (name not in _IDS and not math.isfinite(value)):
        return ""
    if name in _IDS:
        return quote(str(int(value)), safe="") if int(value) else ""
    return str(math.floor(value)) if name in _VOXELS else f"{value:.1f}"
