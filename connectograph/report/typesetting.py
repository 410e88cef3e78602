"""Text as lines of a known width, measured with the fonts that the PDF embeds."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from connectograph.plots.style import FONT_PROPERTIES

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties

__all__ = ["clip_text", "font_of", "measure_text", "replace_missing", "wrap_text"]

_BREAKS = re.compile(r"\s+|(?<=[/_\-.,:=])(?=[^\W\d])")
_UNIT = 100.0


@lru_cache(maxsize=8)
def font_of(name: str) -> FontProperties:
    """The font "body", "bold" or "mono", of no size."""
    from matplotlib.font_manager import FontProperties

    properties: dict[str, Any] = FONT_PROPERTIES[name]
    return FontProperties(**properties)


def measure_text(text: str, size: float, font: str = "body") -> float:
    """Width in points of one line.

    Examples
    --------
    >>> round(measure_text("0" * 10, 10.0, "mono"), 1)
    60.2
    """
    return sum(_advance(character, font) for character in text) * size


def wrap_text(text: str, width: float, size: float, font: str = "body") -> list[str]:
    """Lines no wider than `width` points; words longer than a line are cut, after a slash or dash where there is one.

    Examples
    --------
    >>> wrap_text("one two three", 50.0, 10.0)
    ['one two', 'three']
    """
    lines = [""]
    for gap, word in _split_words(text):
        if lines[-1] and measure_text(lines[-1] + gap + word, size, font) > width:
            lines.append("")
            gap = ""
        pieces = _cut_word(lines[-1] + gap + word if lines[-1] else word, width, size, font)
        lines[-1:] = pieces
    return lines


def clip_text(text: str, width: float, size: float, font: str = "body") -> str:
    """One line no wider than `width` points, shortened with an ellipsis; for page headers only."""
    if measure_text(text, size, font) <= width:
        return text
    while text and measure_text(f"{text}…", size, font) > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def replace_missing(text: str) -> str:
    """Text with the replacement character where the fonts of the PDF have no glyph.

    Examples
    --------
    >>> replace_missing("Größe \\u6a21") == "Größe \\ufffd"
    True
    """
    return "".join(character if _has_glyph(character) else "\ufffd" for character in text)


def _split_words(text: str) -> list[tuple[str, str]]:
    """Words with the white space before them; a percent sign stays with its number."""
    words, gap, start = [], "", 0
    for match in _BREAKS.finditer(text):
        if text[match.end() : match.end() + 1] == "%":
            continue
        words.append((gap, text[start : match.start()]))
        gap, start = match.group(), match.end()
    return [*words, (gap, text[start:])]


def _cut_word(word: str, width: float, size: float, font: str) -> list[str]:
    """A line that may be too long, in pieces that are not."""
    pieces, used = [""], 0.0
    for character in word:
        advance = _advance(character, font) * size
        if pieces[-1] and used + advance > width + 1e-6:
            pieces.append("")
            used = 0.0
        pieces[-1] += character
        used += advance
    return pieces


@lru_cache(maxsize=4096)
def _advance(character: str, font: str) -> float:
    """Width of a character at size 1, between two others, so that white space counts in full."""
    from matplotlib.textpath import text_to_path

    properties = font_of(font).copy()
    properties.set_size(_UNIT)
    with_it, without = (
        text_to_path.get_text_width_height_descent(text, properties, False)[0] for text in (f"|{character}|", "||")
    )
    return float(with_it - without) / _UNIT


@lru_cache(maxsize=4096)
def _has_glyph(character: str) -> bool:
    from matplotlib.font_manager import findfont, get_font

    return all(get_font(findfont(font_of(name))).get_char_index(ord(character)) > 0 for name in FONT_PROPERTIES)
