"""Numbers and names as people read them.

Conventions: an undefined number is a word, never ``nan`` or ``None``; rounding never turns a number into 0, 1 or 100 %
that it is not; no exponents; names from outside are shown with their control characters made visible.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

__all__ = [
    "clean_text",
    "count_of",
    "format_bytes",
    "format_count",
    "format_decimal",
    "format_interval",
    "format_number",
    "format_percent",
    "format_position",
    "format_score",
    "format_seconds",
    "format_share",
    "format_value",
    "join_words",
]

MISSING = "not recorded"
_LISTED = 8


def format_count(value: int | None) -> str:
    """A whole number with separators.

    Examples
    --------
    >>> format_count(1234), format_count(None)
    ('1,234', 'not recorded')
    """
    return MISSING if value is None else f"{int(value):,}"


def format_share(part: int, whole: int) -> str:
    """A part of a whole in percent, 0 and 100 only when exact.

    Examples
    --------
    >>> [format_share(part, 10_000) for part in (0, 1, 4436, 9999, 10_000)]
    ['0 %', '< 0.1 %', '44.4 %', '> 99.9 %', '100 %']
    >>> format_share(0, 0)
    'not defined'
    """
    return format_percent(part / whole) if whole else "not defined"


def format_percent(share: float) -> str:
    """A number between 0 and 1 in percent, 0 and 100 only when exact; rounded as :func:`format_score` rounds it.

    Examples
    --------
    >>> format_percent(276 / 320), format_score(276 / 320)
    ('86.3 %', '0.863')
    """
    if share in (0.0, 1.0):
        return f"{100 * share:.0f} %"
    if share < 0.001:
        return "< 0.1 %"
    return "> 99.9 %" if share > 0.999 else f"{100 * float(format_score(share)):.1f} %"


def format_score(score: float | None) -> str:
    """A score between 0 and 1 with three decimals, 0 and 1 only when exact.

    Examples
    --------
    >>> [format_score(score) for score in (0.0, 0.0001, 0.60789, 0.9999, 1.0, None)]
    ['0', '< 0.001', '0.608', '> 0.999', '1', 'not defined']
    """
    if score is None or math.isnan(score):
        return "not defined"
    if score in (0.0, 1.0):
        return f"{score:.0f}"
    if score < 0.001:
        return "< 0.001"
    return "> 0.999" if score > 0.999 else f"{score:.3f}"


def format_interval(interval: Mapping[str, Any] | None, *, percent: bool = False, rest: bool = False) -> str:
    """Limits of a block "intervals"; empty where there are none.

    Parameters
    ----------
    interval : mapping or None
    percent : bool
        As shares in percent instead of scores.
    rest : bool
        Of 1 - value: the false share, say, from the precision.

    Examples
    --------
    >>> interval = {"lower": 0.951, "upper": 0.978}
    >>> format_interval(interval), format_interval(interval, percent=True, rest=True)
    ('0.951 to 0.978', '2.2 % to 4.9 %')
    """
    lower, upper = ((interval or {}).get(end) for end in ("lower", "upper"))
    if lower is None or upper is None:
        return ""
    shares = (1 - upper, 1 - lower) if rest else (lower, upper)
    return " to ".join(map(format_percent if percent else format_score, shares))


def format_decimal(value: float | None, *, digits: int = 2, signed: bool = False) -> str:
    """A number with so many decimals; 0 only when exact.

    Examples
    --------
    >>> [format_decimal(value) for value in (1.284, 0.0, -0.0004, 1234.5, None)]
    ['1.28', '0', '> −0.01', '1,234.50', 'not defined']
    >>> format_decimal(0.5, signed=True), format_decimal(-0.5, signed=True)
    ('+0.50', '−0.50')
    """
    if value is None or not math.isfinite(value):
        return "not defined"
    least = 10.0**-digits
    if value == 0:
        return "0"
    if abs(value) < least:
        return f"< {least:.{digits}f}" if value > 0 else f"> −{least:.{digits}f}"
    return f"{value:{'+' if signed else ''},.{digits}f}".replace("-", "−")


def format_number(value: float | None) -> str:
    """A number with as many of four decimals as it needs.

    Examples
    --------
    >>> [format_number(value) for value in (40.0, 11.24, 1234567.5, 0.00001, None)]
    ['40', '11.24', '1,234,567.5', '< 0.0001', 'not recorded']
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if 0 < abs(value) < 0.0001:
        return "< 0.0001" if value > 0 else "> −0.0001"
    text = f"{value:,.4f}".rstrip("0").rstrip(".")
    return text.replace("-", "−")


def format_position(position: Any) -> str:
    """A place in nm, (z, y, x), to a tenth.

    Examples
    --------
    >>> format_position([1.0, 20000.25, -3.0])
    '1.0, 20000.2, −3.0'
    """
    if any(value is None or not math.isfinite(value) for value in position):
        return MISSING
    return ", ".join(f"{value:.1f}" for value in position).replace("-", "−")


def format_seconds(seconds: float | None) -> str:
    """A duration.

    Examples
    --------
    >>> format_seconds(3.21), format_seconds(4000.0)
    ('3.2 s', '1 h 6 min 40 s')
    """
    if seconds is None:
        return MISSING
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds >= 0.1 else "< 0.1 s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min {rest} s" if hours else f"{minutes} min {rest} s"


def format_bytes(size: int | None) -> str:
    """A size in the largest binary unit below it.

    Examples
    --------
    >>> format_bytes(900), format_bytes(734003200)
    ('900 bytes', '700.0 MiB')
    """
    if size is None:
        return MISSING
    if size < 1024:
        return f"{size} bytes"
    power = min(4, (int(size).bit_length() - 1) // 10)
    return f"{size / 1024**power:,.1f} {('KiB', 'MiB', 'GiB', 'TiB')[power - 1]}"


def format_value(value: Any) -> str:
    """Any value of report.json or run.json that has no format of its own.

    Examples
    --------
    >>> [format_value(value) for value in (None, True, 0.1, [40.0, 4.0], [], {"a": 1})]
    ['not set', 'yes', '0.1', '40, 4', 'none', 'a: 1']
    >>> format_value([str(number) for number in range(100)])
    '0, 1, 2, 3, 4, 5, 6, 7 and 92 more'
    """
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return format_number(value)
    if isinstance(value, dict):
        return ", ".join(f"{clean_text(key)}: {format_value(item)}" for key, item in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        shown = ", ".join(format_value(item) for item in value[:_LISTED])
        rest = len(value) - _LISTED
        return (f"{shown} and {rest:,} more" if rest > 0 else shown) or "none"
    return clean_text(value)


def count_of(count: int, noun: str) -> str:
    """A number with its noun, in the plural where it is not 1.

    Examples
    --------
    >>> count_of(1, "synapse{s} found"), count_of(1200, "synapse{s} found")
    ('1 synapse found', '1,200 synapses found')
    """
    return f"{count:,} {noun.format(s='' if count == 1 else 's')}"


def join_words(words: list[str]) -> str:
    """A list as a phrase.

    Examples
    --------
    >>> join_words(["a", "b"]), join_words(["a", "b and c", "d"])
    ('a and b', 'a, b and c, and d')
    """
    if len(words) < 3 and not any(" and " in word for word in words):
        return " and ".join(words)
    return ", and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def clean_text(text: Any) -> str:
    """Text from outside, safe to show: control and direction marks become visible, secrets in addresses go.

    Examples
    --------
    >>> clean_text("model\\u202egnp.exe")
    'model\\\\u202egnp.exe'
    >>> clean_text("https://me:pass@host/volume?sig=abc")
    'https://[redacted]@host/volume?[redacted]'
    """
    shown = "".join(_show_character(character) for character in " ".join(str(text).split()))
    shown = re.sub(r"(\w+://)[^\s/@]+@", r"\1[redacted]@", shown)
    return re.sub(r"(\w+://[^\s?#]*)[?#]\S+", r"\1?[redacted]", shown)


def _show_character(character: str) -> str:
    bidirectional = character in "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    if bidirectional or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return f"\\u{ord(character):04x}"
    return character
