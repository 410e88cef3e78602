"""Write volumes of any size whose answers are known: python tiled_phantom.py FOLDER TILE TILES N_SEGMENTS N_SYNAPSES.

One phantom of the shape TILE is repeated TILES (z, y, x) times with ids of its own in each tile, straight into Zarr
(uint64, zstd): ``segmentation.zarr``, ``truth.zarr``, ``predicted.zarr``. Only the tile is ever in memory.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph import Volume, write_volume
from connectograph.synthetic import make_phantom
from connectograph.volumes import Block, Shape

PLANES = 32
"""Read at a time: those of a chunk as it is written."""

STEP = np.uint64(2**33)
"""Between the ids of one tile and the next: they fill more than 32 bits."""


class TiledLabels:
    """A tile repeated along z, y and x (a :class:`~connectograph.volumes.LazyLabels`)."""

    def __init__(self, tile: npt.NDArray[Any], tiles: Shape) -> None:
        self.tile = tile.astype(np.uint64)
        self.is_label = (self.tile > 0) & (self.tile < np.uint64(2**64 - 2))
        self.tiles = tiles
        self.dtype = self.tile.dtype
        z, y, x = (n * size for n, size in zip(tiles, tile.shape, strict=True))
        self.shape: Shape = (z, y, x)

    def blocks(self) -> Iterator[Block]:
        """Some planes of one tile after the other."""
        depth, height, width = self.tile.shape
        for z, j, i in product(range(0, self.shape[0], PLANES), *map(range, self.tiles[1:])):
            k, first = divmod(z, depth)
            number = (k * self.tiles[1] + j) * self.tiles[2] + i
            yield Block((z, j * height, i * width), (PLANES, height, width), partial(self._shift, number, first))

    def __getitem__(self, box: tuple[slice, slice, slice]) -> npt.NDArray[Any]:
        raise NotImplementedError("written block by block only")

    def _shift(self, number: int, first: int) -> npt.NDArray[Any]:
        planes = slice(first, first + PLANES)
        return self.tile[planes] + self.is_label[planes] * (np.uint64(number) * STEP)


def write_tiles(folder: Path, tile: Shape, tiles: Shape, n_segments: int, n_synapses: int) -> None:
    """The three volumes; `tile` has a multiple of PLANES planes."""
    phantom = make_phantom(tile, n_segments=n_segments, n_synapses=n_synapses, rng=0)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("segmentation", "truth", "predicted"):
        volume: Volume = getattr(phantom, name)
        labels = TiledLabels(np.asarray(volume.labels), tiles)
        write_volume(folder / f"{name}.zarr", Volume(labels, volume.voxel_size))


if __name__ == "__main__":
    (z, y, x), (k, j, i) = (map(int, argument.split(",")) for argument in sys.argv[2:4])
    write_tiles(Path(sys.argv[1]), (z, y, x), (k, j, i), int(sys.argv[4]), int(sys.argv[5]))
