"""Bytes of a file that is packed with xz or not packed at all, from its start to its end, in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connectograph.errors import InputError

__all__ = ["MAX_RATIO", "Stream", "open_stream"]

MAX_RATIO = 20_000
"""xz packs no more than about 7,000 bytes into one."""

_STARTS = (b"\xfd7zXZ\x00", b"\x5d\x00\x00")
"""xz, and the older lzma."""

_INPUT_BYTES = 1 << 16
_AHEAD_BYTES = 1 << 12
_PIECE_BYTES = 1 << 16
"""Unpacked at once: more is put together from pieces by lzma, and has left the cache before it is used."""
_UNPACKING_MEMORY = 1 << 29
"""The dictionary of xz -9 needs 65 MiB; a file may ask for 4 GiB."""


class Stream:
    """Unpacked bytes, read once.

    Parameters
    ----------
    file : binary file
    where : str
        The file's name, for messages.
    """

    def __init__(self, file: Any, where: str) -> None:
        self._file = file
        self._where = where
        start = file.read(6)
        file.seek(0)
        self.packed = start.startswith(_STARTS)
        self._decoder = _new_decoder()
        self._ahead = b""
        self.position = 0

    def peek(self, size: int) -> bytes:
        """The next few bytes, fewer at the end, without taking them."""
        while len(self._ahead) < size:
            more = self._unpack(_AHEAD_BYTES)
            if not more:
                break
            self._ahead += more
        return self._ahead[:size]

    def read(self, size: int) -> bytes:
        """Exactly that many bytes; an InputError if there are fewer."""
        parts = []
        missing = size
        while missing:
            parts.append(self._take(missing))
            missing -= len(parts[-1])
        return b"".join(parts)

    def fill(self, out: memoryview) -> None:
        """As many bytes as `out` holds; an InputError if there are fewer."""
        done = 0
        while done < len(out):
            part = self._take(len(out) - done)
            out[done : done + len(part)] = part
            done += len(part)

    def _take(self, missing: int) -> bytes:
        """The next of so many bytes, at least one; an InputError if there is none."""
        part = self._ahead or self._unpack(_PIECE_BYTES)
        if not part:
            raise InputError(
                f"{self._where} is incomplete: it ends after {self.position:,} unpacked bytes, at least "
                f"{missing:,} before its end. Copy it again (rsync --partial --checksum)."
            )
        taken, self._ahead = part[:missing], part[missing:]
        self.position += len(taken)
        return taken

    def readline(self, limit: int = _INPUT_BYTES) -> bytes:
        """Bytes to the end of the line and including it; an InputError if it is longer than a limit."""
        parts = []
        length = 0
        while length <= limit:
            ahead = self.peek(_AHEAD_BYTES)
            end = ahead.find(b"\n") + 1
            parts.append(self.read(end or max(1, len(ahead))))
            length += len(parts[-1])
            if end:
                return b"".join(parts)
        raise InputError(f"{self._where} is refused: at byte {self.position:,} is a line longer than {limit:,} bytes.")

    def skip(self, size: int) -> None:
        """Read past bytes without keeping them."""
        while size:
            size -= len(self.read(min(size, 1 << 20)))

    def expect_end(self) -> None:
        """An InputError if there are more bytes."""
        if self.peek(1):
            raise InputError(
                f"{self._where} is refused: it goes on after its array, which ends at byte {self.position:,}. Expected "
                "one array and nothing else: save the labels alone."
            )

    def _unpack(self, limit: int) -> bytes:
        """Some bytes, at most `limit`; none at the end."""
        import lzma

        if not self.packed:
            return self._file.read(limit)  # type: ignore[no-any-return]
        try:
            return self._decode(limit)
        except lzma.LZMAError as error:
            if "Memory usage" in str(error):
                raise InputError(
                    f"{self._where} asks for more than {_UNPACKING_MEMORY:,} bytes of memory to be unpacked. Where it "
                    "was made, pack it with at most xz -9."
                ) from error
            raise InputError(
                f"{self._where} is damaged: it cannot be unpacked beyond {self.position:,} bytes ({error}). Copy it "
                "again (rsync --partial --checksum)."
            ) from error

    def _decode(self, limit: int) -> bytes:
        while True:
            if self._decoder.eof and not self._open_next():
                return b""
            packed = self._file.read(_INPUT_BYTES) if self._decoder.needs_input else b""
            if self._decoder.needs_input and not packed:
                raise InputError(
                    f"{self._where} is incomplete: it breaks off after {self.position:,} unpacked bytes. Copy it again "
                    "(rsync --partial --checksum)."
                )
            unpacked: bytes = self._decoder.decompress(packed, limit)
            if unpacked:
                return unpacked

    def _open_next(self) -> bool:
        """Go on to the next of several xz streams in one file, if there is one."""
        rest = self._decoder.unused_data.lstrip(b"\0")
        while not rest:
            more = self._file.read(_INPUT_BYTES)
            if not more:
                return False
            rest = more.lstrip(b"\0")
        self._decoder = _new_decoder()
        self._file.seek(-len(rest), 1)
        return True


@contextmanager
def open_stream(path: str) -> Iterator[Stream]:
    """The unpacked bytes of a file.

    Examples
    --------
    >>> import lzma, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with lzma.open(f"{folder}/a.xz", "w") as file:
    ...         _ = file.write(b"neurons")
    ...     with open_stream(f"{folder}/a.xz") as stream:
    ...         stream.read(6)
    b'neuron'
    """
    with open(path, "rb", buffering=0) as file:
        yield Stream(file, path)


def _new_decoder() -> Any:
    import lzma

    return lzma.LZMADecompressor(memlimit=_UNPACKING_MEMORY)
