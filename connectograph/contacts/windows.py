"""A segmentation as rows of runs: read in any blocks, handed out in windows of planes for the contactome.

Runs along x are a few hundredths of the voxels, so that what waits for its neighbours takes little memory: two
windows of planes if the blocks come in order of z, all runs of the volume if they do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from connectograph.blocks import as_label_block, default_workers, iterate_blocks
from connectograph.volumes import Block, Shape, Volume

if TYPE_CHECKING:
    from connectograph._kernels.contactome import Rows

__all__ = ["Window", "map_windows"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Window:
    """Consecutive planes: `rows` of them, of which `first` to `last` are this window's, and the others lie around."""

    rows: Rows
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class _Piece:
    """A block as rows of runs (see :func:`connectograph._kernels.contactome.find_rows`)."""

    origin: Shape
    shape: Shape
    ends: npt.NDArray[np.int64]
    runs: npt.NDArray[np.int64]


def map_windows(
    function: Callable[[Window, int, int], T],
    segmentation: Volume,
    reach: int,
    *,
    kept: npt.NDArray[np.uint64] | None = None,
    workers: int | None = None,
) -> Iterator[tuple[int, list[T]]]:
    """Run a function over windows of planes that together cover a volume, in threads.

    Parameters
    ----------
    function : callable
        ``function(window, top, bottom)`` for the rows `top` to `bottom` of the window's planes.
    segmentation : Volume
        Each block is read once.
    reach : int
        Planes needed around a window.
    kept : (N,) array of uint64, optional
        Other ids become background.
    workers : int, optional
        Threads.

    Yields
    ------
    first : int
        First plane of a window; windows come in order of z.
    results : list
        What `function` returned, in order of the rows.
    """
    from connectograph._kernels.contactome import TILE_Y, TILE_Z

    count = workers or default_workers()
    depth, height, width = segmentation.shape
    tops = range(0, height, TILE_Y * max(1, -(-height // (TILE_Y * 4 * count))))
    bottoms = [*tops[1:], height]
    read = partial(_read_piece, segmentation.name or "the segmentation", kept)
    blocks, pieces, first = _iterate_blocks(segmentation), list[_Piece](), 0
    missing = np.full(depth, height * width)  # voxels of each plane that were not read yet
    with ThreadPoolExecutor(count) as pool:
        for batch in iter(lambda: list(islice(blocks, 16 * count)), []):
            pieces += pool.map(read, batch)
            for (z, _, _), (n_z, n_y, n_x), _ in batch:
                missing[z : z + n_z] -= n_y * n_x
            complete = int(np.append(missing > 0, True).argmax())
            while first < depth and complete >= min(first + TILE_Z + reach, depth):
                last = min(first + TILE_Z, depth)
                window = _join_pieces(pieces, segmentation.shape, first, last, reach)
                yield first, list(pool.map(partial(function, window), tops, bottoms))
                first = last
                pieces = [piece for piece in pieces if piece.origin[0] + piece.shape[0] > first - reach]


def _iterate_blocks(segmentation: Volume) -> Iterator[Block]:
    """A volume's own blocks; of an array, whole rows."""
    from connectograph._kernels.contactome import TILE_Z

    if 0 in segmentation.shape:
        return iter(())
    if not isinstance(segmentation.labels, np.ndarray):
        return segmentation.labels.blocks()
    width = segmentation.shape[2]
    return iterate_blocks(segmentation.labels, shape=(TILE_Z, -(-(1 << 20) // (TILE_Z * width)), width))


def _read_piece(where: str, kept: npt.NDArray[np.uint64] | None, block: Block) -> _Piece:
    from connectograph._kernels.contactome import find_rows

    labels = as_label_block(block.read(), block.origin, where)
    ends, runs = find_rows(labels.reshape(-1), labels.shape[2])
    if kept is not None:
        runs[~np.isin(runs[:, 1].view(np.uint64), kept), 1] = 0
    return _Piece(block.origin, block.shape, ends, runs)


def _join_pieces(pieces: list[_Piece], shape: Shape, first: int, last: int, reach: int) -> Window:
    """Planes `first` to `last` and those within reach."""
    from connectograph._kernels.contactome import Rows, place_rows

    start, stop = max(0, first - reach), min(last + reach, shape[0])
    used = [piece for piece in pieces if piece.origin[0] < stop and piece.origin[0] + piece.shape[0] > start]
    used.sort(key=lambda piece: piece.origin[2])
    planes = [(max(p.origin[0], start), min(p.origin[0] + p.shape[0], stop)) for p in used]
    n_runs = np.ones((stop - start, shape[1]), np.int64)  # one closes the row
    for (z0, z1), piece in zip(planes, used, strict=True):
        (z, y, _), (n_z, n_y, _) = piece.origin, piece.shape
        lengths = np.diff(piece.ends, prepend=0).reshape(n_z, n_y)
        n_runs[z0 - start : z1 - start, y : y + n_y] += lengths[z0 - z : z1 - z]
    begins = np.append(0, np.cumsum(n_runs))
    runs = np.empty((begins[-1], 2), np.int64)
    runs[begins[1:] - 1] = shape[2], 0
    cursors = begins[:-1].reshape(n_runs.shape).copy()
    for (z0, z1), piece in zip(planes, used, strict=True):
        (z, y, x), n_y = piece.origin, piece.shape[1]
        place_rows(piece.ends, piece.runs, z0 - z, x, cursors[z0 - start : z1 - start, y : y + n_y], runs)
    return Window(Rows(begins, runs, stop - start, *shape[1:]), first - start, last - start)
