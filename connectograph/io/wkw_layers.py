"""webKnossos layers in its older format, wkw, read by blocks through the library that webknossos-libs brings along.

A wkw array is a folder of cube files (``z0/y0/x0.wkw``, usually 1024 voxels wide) of blocks of usually 32 voxels, and
counts its axes x, y, z. Where a cube file is missing or not one, the library reads zeros without a word: cube files are
therefore looked at and counted first.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.errors import InputError
from connectograph.io.chunked_grid import Grid, plan_step
from connectograph.io.chunked_place import StoredArray, name_array
from connectograph.io.lazy import open_box
from connectograph.io.sources import is_url
from connectograph.volumes import Block, Shape

__all__ = ["WkwLabels"]

_CUBE = re.compile(r"/z(\d+)/y(\d+)/x(\d+)\.wkw$")
_HEADER_BYTES = 16
_RAW = 1
"""The number that the format gives blocks that are not compressed."""


class WkwLabels:
    """A layer of one magnification, cut to its bounding box; it can be sent to another process.

    Parameters
    ----------
    location : str
        Folder of the dataset.
    array : StoredArray
        From :func:`~connectograph.io.chunked_layers.describe_layer`.
    allow_missing : bool
        Read what lies in cube files that are missing as 0, instead of raising an error.

    Raises
    ------
    InputError
        If the library is not installed, or the layer is not in a folder, damaged or has several channels.

    Examples
    --------
    >>> WkwLabels("s3://bucket/dataset", StoredArray("wkw", "segmentation/1"))
    Traceback (most recent call last):
    connectograph.errors.InputError: s3://bucket/dataset:segmentation/1 is a wkw layer, which is read from a folder ...
    """

    def __init__(self, location: str, array: StoredArray, allow_missing: bool = False) -> None:
        self.location, self.array, self.allow_missing = location, array, allow_missing
        self.path, self.notes = location, array.notes
        self.name = name_array(location, array)
        if is_url(location):
            raise InputError(
                f"{self.name} is a wkw layer, which is read from a folder of this machine only. Copy the dataset, or "
                "have webKnossos export it as zarr3."
            )
        self._folder = os.path.join(location, array.path)
        self._stored = _open_array(self._folder, self.name)
        header = self._stored.header
        self.dtype: np.dtype[Any] = np.dtype(header.voxel_type)
        self._first, self.shape = _bounds(array, self.name)
        side, cube = header.block_len, header.block_len * header.file_len
        start: Shape = (-self._first[0], -self._first[1], -self._first[2])
        self.grid = Grid(self.shape, (side,) * 3, start)
        self._side, self._cubes = cube, self._list_cubes()
        self.block_shape = plan_step((side,) * 3, (cube,) * 3, self.shape, self.dtype.itemsize)
        self.is_sharded, self.fill_value = True, 0

    def __reduce__(self) -> tuple[Any, ...]:
        return WkwLabels, (self.location, self.array, self.allow_missing)

    def blocks(self) -> Iterator[Block]:
        """Groups of whole blocks, of a few MiB."""
        for origin, shape in Grid(self.shape, self.block_shape, self.grid.origin).boxes():
            yield Block(origin, shape, partial(self._read, origin, shape))

    def __getitem__(self, box: tuple[slice, slice, slice]) -> npt.NDArray[Any]:
        return self._read(*open_box(box, self.shape))

    def is_stored(self, origin: Shape, shape: Shape) -> bool | None:
        """Whether all cube files of a box are there (True), none (False), or some (None)."""
        ends = [(a + b, a + b + n) for a, b, n in zip(self._first, origin, shape, strict=True)]
        cubes = [range(start // self._side, -(-stop // self._side)) for start, stop in ends]
        here = sum(all(n in axis for n, axis in zip(cube, cubes, strict=True)) for cube in self._cubes)
        return True if here == math.prod(map(len, cubes)) else None if here else False

    def _list_cubes(self) -> frozenset[Shape]:
        """Numbers (z, y, x) of the cube files that are there; an error if one is not what the header says."""
        kind = Path(self._folder, "header.wkw").read_bytes()
        found = set()
        for path in Path(self._folder).glob("z*/y*/x*.wkw"):
            number = _CUBE.search(path.as_posix())
            if number is None:
                continue
            if not self._is_sound(path, kind):
                raise InputError(
                    f"{self.name} is damaged: {path} is incomplete or no cube of this layer. Copy it again."
                )
            found.add((int(number[1]), int(number[2]), int(number[3])))
        return frozenset(found)

    def _is_sound(self, path: Path, kind: bytes) -> bool:
        with path.open("rb") as file:
            start = file.read(_HEADER_BYTES)
            known = len(start) == _HEADER_BYTES and start[:5] + start[6:8] == kind[:5] + kind[6:8]
            return known and os.fstat(file.fileno()).st_size == self._cube_bytes(file, start)

    def _cube_bytes(self, file: Any, start: bytes) -> int:
        """Size that a cube file must have: its last block ends where its list of blocks says."""
        n_blocks: int = self._stored.header.file_len**3
        if start[5] == _RAW:
            block_bytes: int = self._stored.header.block_len**3 * self.dtype.itemsize
            return int.from_bytes(start[8:16], "little") + n_blocks * block_bytes
        file.seek(_HEADER_BYTES + 8 * (n_blocks - 1))
        last: bytes = file.read(8)
        return int.from_bytes(last, "little")

    def _read(self, origin: Shape, shape: Shape) -> npt.NDArray[Any]:
        if not math.prod(shape):
            return np.empty(shape, self.dtype)
        first = [a + b for a, b in zip(self._first, origin, strict=True)]
        try:
            return self._stored.read(first[::-1], shape[::-1])[0].transpose()  # type: ignore[no-any-return]
        except Exception as error:  # the library's own kind among them
            raise InputError(
                f"{self.name} is damaged: the block at {origin} (z, y, x) cannot be read ({error}). Copy it again "
                "(rsync --partial --checksum)."
            ) from error


def _open_array(folder: str, name: str) -> Any:
    """The library's handle of an array of one channel."""
    try:
        import wkw
    except ImportError:
        raise InputError(
            f"{name} is stored as wkw, which is read through webknossos-libs, which is not installed. Install it: "
            "pip install 'connectograph[webknossos]'"
        ) from None
    try:
        stored = wkw.Dataset.open(folder)
    except Exception as error:  # the library's own kind, or an assertion
        raise InputError(
            f"{name} cannot be opened ({error or 'a damaged header'}). Check {folder}/header.wkw, or copy it again."
        ) from error
    if stored.header.num_channels != 1:
        raise InputError(f"{name} has {stored.header.num_channels} channels; expected one, of labels.")
    return stored


def _bounds(array: StoredArray, name: str) -> tuple[Shape, Shape]:
    """First voxel and shape (z, y, x) of the layer's bounding box; the array itself has no bounds."""
    box = array.box or ()
    if len(box) != 3 or any(not 0 <= start <= stop < 2**32 for start, stop in box):
        raise InputError(
            f"{name} has the bounding box {box or 'none'} (z, y, x); expected one inside 0 to 2^32. Correct it in "
            "datasource-properties.json."
        )
    (z, c), (y, b), (x, a) = box
    return (z, y, x), (c - z, b - y, a - x)
