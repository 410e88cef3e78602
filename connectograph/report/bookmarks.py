"""Bookmarks and language of a finished PDF, which matplotlib cannot write.

Conventions: they are added as the PDF standard's incremental update, behind bytes that stay as they are: new objects, a
table of their places, and a trailer that points back to the old one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["add_bookmarks"]


def add_bookmarks(pdf: bytes, bookmarks: Sequence[tuple[str, int]]) -> bytes:
    """A PDF with an outline that opens beside its pages, and the language English.

    Parameters
    ----------
    pdf : bytes
        As matplotlib writes it: with a plain table of objects.
    bookmarks : sequence of (str, int)
        Title and page, from 0.

    Returns
    -------
    bytes
    """
    size, root, info, start = _read_trailer(pdf)
    catalogue = re.search(rb"\n%d 0 obj\s*<<(.*?)>>\s*endobj" % root, pdf, re.DOTALL)
    kids = re.search(rb"/Kids \[([^\]]*)\]", pdf)
    if catalogue is None or kids is None:
        raise ValueError("the PDF has no catalogue and pages to add bookmarks to")
    pages = [int(number) for number in re.findall(rb"(\d+) 0 R", kids.group(1))]
    extra = b"/Outlines %d 0 R /PageMode /UseOutlines /Lang (en) /ViewerPreferences << /DisplayDocTitle true >>" % size
    objects = {root: b"<<%s %s >>" % (catalogue.group(1), extra)}
    objects |= _make_outline(bookmarks, pages, size)
    return _append_objects(pdf, objects, b"/Root %d 0 R %s/Prev %d" % (root, info, start))


def _read_trailer(pdf: bytes) -> tuple[int, int, bytes, int]:
    """Number of objects, number of the catalogue, entry of the description, place of the table."""
    trailer = pdf[pdf.rindex(b"trailer") :]
    size, root, start = (re.search(key, trailer) for key in (rb"/Size (\d+)", rb"/Root (\d+)", rb"startxref\s+(\d+)"))
    if size is None or root is None or start is None:
        raise ValueError("the PDF has no plain trailer to add bookmarks to")
    info = re.search(rb"/Info \d+ 0 R ?", trailer)
    return int(size[1]), int(root[1]), info[0] if info else b"", int(start[1])


def _make_outline(bookmarks: Sequence[tuple[str, int]], pages: Sequence[int], first: int) -> dict[int, bytes]:
    """The outline, numbered `first`, and its entries from there on."""
    numbers = [first + 1 + index for index in range(len(bookmarks))]
    ends = b" /First %d 0 R /Last %d 0 R" % (numbers[0], numbers[-1]) if numbers else b""
    objects = {first: b"<< /Type /Outlines /Count %d%s >>" % (len(numbers), ends)}
    for index, (number, (title, page)) in enumerate(zip(numbers, bookmarks, strict=True)):
        before = b" /Prev %d 0 R" % numbers[index - 1] if index else b""
        after = b" /Next %d 0 R" % numbers[index + 1] if index + 1 < len(numbers) else b""
        text = ("\ufeff" + title).encode("utf-16-be").hex().encode()
        place = b"/Parent %d 0 R /Dest [%d 0 R /Fit]" % (first, pages[page])
        objects[number] = b"<< /Title <%s> %s%s%s >>" % (text, place, before, after)
    return objects


def _append_objects(pdf: bytes, objects: dict[int, bytes], trailer: bytes) -> bytes:
    body, table = bytearray(pdf if pdf.endswith(b"\n") else pdf + b"\n"), bytearray(b"xref\n0 1\n0000000000 65535 f \n")
    for number, content in sorted(objects.items()):
        table += b"%d 1\n%010d 00000 n \n" % (number, len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(body)
    body += table + b"trailer\n<< /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n" % (max(objects) + 1, trailer, start)
    return bytes(body)
