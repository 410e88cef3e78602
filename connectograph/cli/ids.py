"""Segment ids as people give them on the command line."""

from __future__ import annotations

import os
from pathlib import Path

from connectograph.errors import InputError

__all__ = ["read_ids"]


def read_ids(text: str, option: str = "--exclude-segments") -> list[int]:
    """Segment ids from a comma-separated list, or from a file with one id a line.

    Examples
    --------
    >>> read_ids("3, 18446744073709551613")
    [3, 18446744073709551613]
    """
    ids = _divide(text)
    if all(word.isdecimal() for word in ids):
        return [int(word) for word in ids]
    if not os.path.isfile(text):
        raise InputError(f"{option} {text!r} is neither a list of ids (1,2,3) nor a file with one id a line.")
    try:
        ids = _divide(Path(text).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{option} {text} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise InputError(f"{option} {text} is not text; expected one id a line.") from None
    wrong = [word for word in ids if not word.isdecimal()]
    if wrong:
        raise InputError(f"{option} {text}: {wrong[0]!r} is no segment id; expected whole numbers.")
    return [int(word) for word in ids]


def _divide(text: str) -> list[str]:
    return [word.strip() for word in text.replace("\n", ",").split(",") if word.strip()]
