"""A reader of pickles that knows numpy arrays and nothing else.

It takes the instructions one by one from Python's own unpickler written in Python, but only those in which numpy's
arrays are written; the names that these call are stand-ins of this module. Long byte strings are left in the stream
for the caller.
"""

from __future__ import annotations

import pickle
import pickletools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError
from connectograph.io.layouts import Layout, make_layout
from connectograph.io.sources import check_memory, describe_start
from connectograph.io.streams import Stream

__all__ = ["ArrayUnpickler"]

_MAX_STEPS = 1000
"""Instructions in a file; an array needs fewer than a hundred."""

_SHORT_BYTES = 1 << 16
"""Longer byte strings are left in the stream, longer text is accepted only as the voxels of protocols 0 to 2."""

_ALLOWED = [
    "PROTO", "GLOBAL", "STACK_GLOBAL", "REDUCE", "MARK", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "NONE",
    "NEWTRUE", "NEWFALSE", "INT", "LONG1", "BININT", "BININT1", "BININT2", "UNICODE", "SHORT_BINUNICODE",
    "SHORT_BINBYTES", "PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET", "MEMOIZE",
]  # fmt: skip
"""Instructions that are carried out as usual."""

_MODULES = {"posix": "os", "nt": "os", "__builtin__": "builtins"}
"""Names under which people know what a pickle calls otherwise."""


class _LongBytes(Exception):
    """The next bytes of the stream are a long byte string; it stands for that string on the stack too."""

    def __init__(self, size: int) -> None:
        self.size = size


class _End(Exception):
    """The pickle is read."""


class _NotAnArray(Exception):
    """The pickle is sound, but what it describes is no array of numbers."""


class _Type:
    """Stand-in for numpy.dtype."""

    def __init__(self, code: Any, align: Any = False, copy: Any = False) -> None:
        if not re.fullmatch("b1|[iu][1248]|f[248]", str(code)):
            what = "Python objects" if str(code).startswith("O") else f"items of type {code!r}"
            raise _NotAnArray(f"it holds {what}; expected an array of integers, booleans or real numbers")
        self.dtype = np.dtype(str(code))

    def set_state(self, state: Any) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stand-in for numpy.ndarray: arguments of :func:`make_layout`, and the bytes."""

    def __init__(self) -> None:
        self.described: tuple[Any, ...] = ((), np.dtype("u1"), "C")
        self.data: Any = None

    def set_state(self, state: Any) -> None:
        _, shape, kind, fortran, self.data = state
        self.described = (shape, kind.dtype, "F" if fortran else "C")


def _reconstruct(kind: Any, shape: Any, code: Any) -> _Array:
    return _Array()


def _from_buffer(data: Any, kind: _Type, shape: Any, order: Any, axis_order: Any = None) -> _Array:
    array = _Array()
    array.described = (shape, kind.dtype, order, axis_order)
    array.data = data
    return array


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise _NotAnArray(f"it holds text in the encoding {encoding!r}; expected bytes")
    check_memory(2 * len(text), "The text of a pickled array")
    return text.encode("latin-1")


_STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    ("_codecs", "encode"): _encode,
}
"""What a pickle may call, and what is called in its stead."""


class ArrayUnpickler(pickle._Unpickler):
    """Reads a pickle up to its long byte string, and from there to its end.

    Parameters
    ----------
    stream : Stream
        At the first byte of the pickle.
    where : str
        The file's name, for messages.
    """

    def __init__(self, stream: Stream, where: str) -> None:
        super().__init__(stream)
        self._stream = stream
        self._where = where
        self._result: Any = None
        self._steps = 0
        self.read = stream.read
        self.proto = 0
        self.metastack: list[list[Any]] = []
        self.stack: list[Any] = []
        self.append = self.stack.append

    def run(self) -> int | None:
        """Go on to the next long byte string, and say how long it is; None at the end of the pickle."""
        try:
            while True:
                self._step()
        except _End:
            self._stream.expect_end()
            return None
        except _LongBytes as found:
            self.append(found)
            return found.size
        except _NotAnArray as error:
            raise self._refuse(str(error)) from error
        except InputError:
            raise
        except Exception as error:  # whatever a damaged program runs into
            raise self._refuse(f"it is no sound pickle of an array ({type(error).__name__}: {error})") from error

    def known_layout(self) -> Layout | None:
        """The layout, if it is known before the voxels are read (protocols 0 to 4)."""
        for part in (self.stack, *self.metastack[-1:]):
            if len(part) >= 4 and part[0] == 1 and isinstance(part[2], _Type):
                return make_layout(part[1], part[2].dtype, "F" if part[3] else "C", where=self._where)
        return None

    def finish(self) -> Layout:
        """Read what follows the long byte string, and return the layout of the array that it belongs to."""
        if self.run() is not None or not isinstance(self._array().data, _LongBytes):
            raise self._refuse("it holds more than one array")
        return make_layout(*self._array().described, where=self._where)

    def array(self) -> npt.NDArray[Any]:
        """The array of a pickle that had no long byte string."""
        data, layout = self._array().data, make_layout(*self._array().described, where=self._where)
        if not isinstance(data, (bytes, bytearray)) or len(data) != layout.n_bytes:
            raise self._refuse(f"the bytes stored do not fill an array of shape {layout.shape} and type {layout.dtype}")
        return np.frombuffer(bytearray(data), layout.dtype).reshape(layout.shape).transpose(layout.axes)

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name; any other name is refused, and nothing is ever imported."""
        if (module, name) not in _STAND_INS:
            raise self._refuse(f"the file asks to call {_MODULES.get(module, module)}.{name}")
        return _STAND_INS[module, name]

    def readline(self) -> bytes:
        """The next line of the stream."""
        return self._stream.readline(self._text_limit())

    def _step(self) -> None:
        code = self.read(1)[0]
        self._steps += 1
        if code not in _INSTRUCTIONS or self._steps > _MAX_STEPS:
            raise self._refuse_step(code)
        _INSTRUCTIONS[code](self)

    def _refuse_step(self, code: int) -> InputError:
        if self._steps == 1:
            start = bytes([code]) + self._stream.peek(31)
            return InputError(f"{self._where} is no pickle of a numpy array: {describe_start(start)}.")
        names = {op.code: op.name for op in pickletools.opcodes}
        name = names.get(chr(code), f"byte {code}")
        return self._refuse(f"its instruction {self._steps:,} is {name}, which no plain numpy array needs")

    def _refuse(self, reason: str) -> InputError:
        return InputError(
            f"{self._where} is refused: {reason}. Only a plain numpy array is read from a pickle. Where the file was "
            "made, save the labels with numpy.save or as HDF5."
        )

    def _array(self) -> _Array:
        if not isinstance(self._result, _Array):
            raise self._refuse("it holds no numpy array")
        return self._result

    def _text_limit(self) -> int:
        """How long a text may be: the voxels of protocols 0 to 2 take up to six characters a byte."""
        layout = self.known_layout()
        if layout is None or 6 * layout.n_bytes < _SHORT_BYTES:
            return _SHORT_BYTES
        check_memory(9 * layout.n_bytes, f"{self._where}, a pickle in protocol 0 to 2,")
        return 6 * layout.n_bytes + 1

    def _load_frame(self) -> None:
        self.read(8)  # frames only say what may be read at once, and one may hold the whole array

    def _load_bytes(self, length: int = 4) -> None:
        size = int.from_bytes(self.read(length), "little")
        if size > _SHORT_BYTES:
            raise _LongBytes(size)
        self.append(self.read(size))

    def _load_more_bytes(self) -> None:
        self._load_bytes(8)

    def _load_text(self) -> None:
        size = int.from_bytes(self.read(4), "little")
        if size > self._text_limit():
            raise self._refuse(f"it holds a text of {size:,} bytes")
        self.append(str(self.read(size), "utf-8", "surrogatepass"))

    def _load_build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], (_Array, _Type)):
            raise self._refuse("it sets the state of something that is no array")
        self.stack[-1].set_state(state)

    def _load_stop(self) -> None:
        self._result = self.stack.pop()
        raise _End


_INSTRUCTIONS: dict[int, Callable[[Any], None]] = {
    code: pickle._Unpickler.dispatch[code] for code in (getattr(pickle, name)[0] for name in _ALLOWED)
} | {
    pickle.BINBYTES[0]: ArrayUnpickler._load_bytes,
    pickle.BINBYTES8[0]: ArrayUnpickler._load_more_bytes,
    pickle.BINUNICODE[0]: ArrayUnpickler._load_text,
    pickle.BUILD[0]: ArrayUnpickler._load_build,
    pickle.BYTEARRAY8[0]: ArrayUnpickler._load_more_bytes,
    pickle.FRAME[0]: ArrayUnpickler._load_frame,
    pickle.STOP[0]: ArrayUnpickler._load_stop,
}
"""What a pickle may do, and how it is done."""
