"""The contactome: which segments touch, over what area, and in how many voxels they overlap when dilated.

Functions: :func:`find_contacts`, :func:`mark_contacts`, :func:`mark_synapse_overlaps`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.blocks import as_label_block, default_workers, iterate_blocks
from connectograph.contacts.dilation import dilation_offsets
from connectograph.contacts.synapse_contacts import keep_contacts
from connectograph.io.lazy import read_box
from connectograph.runs import RunLabels
from connectograph.segments import kept_ids
from connectograph.synapses import Synapses
from connectograph.tables import make_table
from connectograph.volumes import Block, LazyLabels, Shape, Volume, check_same_grid

if TYPE_CHECKING:
    from connectograph._kernels.contactome import Rows, Stencil

__all__ = ["find_contacts", "mark_contacts", "mark_synapse_overlaps"]

Offsets = npt.NDArray[np.int64]
Sums = tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]
"""Pairs (n, 2), a < b, and for each: faces along z, y and x, voxels in both dilations (n, 4)."""


def find_contacts(
    segmentation: Volume,
    *,
    dilation: int | None = 1,
    dilation_nm: float | None = None,
    segments: pd.DataFrame | None = None,
    workers: int | None = None,
) -> pd.DataFrame:
    """All pairs of segments that share a face or overlap when dilated.

    Parameters
    ----------
    segmentation : Volume
        Labels; read once, block by block.
    dilation : int, optional
        In voxels; see :func:`~connectograph.contacts.dilation_offsets`.
    dilation_nm : float, optional
        Instead of `dilation`, a radius in nm.
    segments : pandas.DataFrame, optional
        The table "segments"; pairs with a segment that it does not keep are left out.
    workers : int, optional
        Threads.

    Returns
    -------
    pandas.DataFrame
        The table "contactome". `n_voxels` is the number of voxels v with both segments in N(v), the segments within
        the dilation of v: ``|dilate(a) ∩ dilate(b)|``. `n_faces` is the number of voxel faces between the two and
        `area_nm2` their area; neither depends on the dilation.

    Raises
    ------
    InputError
        If the dilation is none, or a label is negative or fractional.

    Examples
    --------
    >>> volume = Volume(np.array([[[1, 1, 1, 2, 2, 2]]], "uint8"), voxel_size=(40, 4, 5))
    >>> find_contacts(volume).to_dict("records")
    [{'segment_a': 1, 'segment_b': 2, 'n_voxels': 2, 'n_faces': 1, 'area_nm2': 160.0}]
    """
    stencil = _make_stencil(segmentation, dilation, dilation_nm)
    nowhere = np.empty((0, 0, 0), np.uint8)

    def count(window: _Window, top: int, bottom: int) -> Sums:
        return _sum_rows(_count(window, stencil, top, bottom, nowhere))

    pairs, sums = _sum_parts(part for _, parts in _map_windows(segmentation, stencil, count, workers) for part in parts)
    z, y, x = segmentation.voxel_size
    columns = {
        "segment_a": pairs[:, 0],
        "segment_b": pairs[:, 1],
        "n_voxels": sums[:, 3],
        "n_faces": sums[:, :3].sum(axis=1),
        "area_nm2": sums[:, :3] @ np.array([y * x, z * x, z * y]),
    }
    contacts = make_table("contactome", columns)
    return contacts if segments is None else keep_contacts(contacts, segments)


def mark_contacts(
    segmentation: Volume,
    *,
    dilation: int | None = 1,
    dilation_nm: float | None = None,
    segments: pd.DataFrame | None = None,
    workers: int | None = None,
) -> Volume:
    """Mask of the voxels that lie in the overlap of two or more dilated segments.

    Parameters
    ----------
    segmentation, dilation, dilation_nm, segments, workers
        As in :func:`find_contacts`; segments that are not kept count as background.

    Returns
    -------
    Volume
        1 in the overlap, 0 elsewhere; computed piece by piece when it is read.

    Examples
    --------
    >>> volume = Volume(np.array([[[1, 1, 1, 2, 2, 2]]], "uint8"), voxel_size=(40, 4, 4))
    >>> mark_contacts(volume).labels[:, :, :].tolist()
    [[[0, 0, 1, 1, 0, 0]]]
    """
    stencil = _make_stencil(segmentation, dilation, dilation_nm)
    kept = None if segments is None else kept_ids(segments)
    return replace(segmentation, labels=_ContactLabels(segmentation, stencil, kept, None, workers))


def mark_synapse_overlaps(
    segmentation: Volume,
    synapses: Synapses,
    *,
    dilation: int | None = 1,
    dilation_nm: float | None = None,
    segments: pd.DataFrame | None = None,
    workers: int | None = None,
) -> Volume:
    """The voxels of each synapse that lie in the overlap of two or more dilated segments.

    Parameters
    ----------
    segmentation, dilation, dilation_nm, segments, workers
        As in :func:`mark_contacts`.
    synapses : Synapses
        From :func:`~connectograph.synapses.label_synapses`, on the same grid.

    Returns
    -------
    Volume
        The synapse's id there, 0 elsewhere; computed piece by piece when it is read.

    Raises
    ------
    InputError
        If the grids differ.

    Examples
    --------
    >>> from connectograph.synapses import label_synapses
    >>> segmentation = Volume(np.array([[[1, 1, 1, 2, 2, 2]]], "uint8"), voxel_size=(40, 4, 4))
    >>> cleft = Volume(np.array([[[9, 9, 9, 0, 0, 0]]], "uint8"), voxel_size=(40, 4, 4))
    >>> mark_synapse_overlaps(segmentation, label_synapses(cleft)).labels[:, :, :].tolist()
    [[[0, 0, 9, 0, 0, 0]]]
    """
    labels = RunLabels(synapses.shape, synapses.starts, synapses.lengths, synapses.ids[synapses.codes])
    check_same_grid(segmentation, Volume(labels, synapses.voxel_size, synapses.offset, synapses.name))
    stencil = _make_stencil(segmentation, dilation, dilation_nm)
    kept = None if segments is None else kept_ids(segments)
    return replace(segmentation, labels=_ContactLabels(segmentation, stencil, kept, labels, workers))


@dataclass(frozen=True, eq=False)
class _ContactLabels:
    """What is painted where dilated segments overlap (a :class:`~connectograph.volumes.LazyLabels`).

    Attributes
    ----------
    painted : LazyLabels or None
        Shown in the overlap; 1 if none.
    """

    segmentation: Volume
    stencil: Stencil
    kept: npt.NDArray[np.uint64] | None
    painted: LazyLabels | None
    workers: int | None

    @property
    def shape(self) -> Shape:
        return self.segmentation.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8) if self.painted is None else self.painted.dtype

    def blocks(self) -> Iterator[Block]:
        def mark(window: _Window, top: int, bottom: int) -> npt.NDArray[np.uint8]:
            marks = np.zeros((window.last - window.first, *self.shape[1:]), np.uint8)
            _count(window, self.stencil, top, bottom, marks)
            return marks[:, top:bottom]

        windows = _map_windows(self.segmentation, self.stencil, mark, self.workers, self.kept)
        for plane, parts in windows:
            marks = np.concatenate(parts, axis=1)
            yield Block((plane, 0, 0), marks.shape, partial(self._paint, plane, marks))

    def __getitem__(self, box: tuple[slice, slice, slice]) -> npt.NDArray[Any]:
        return read_box(self, box)

    def _paint(self, plane: int, marks: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        if self.painted is None:
            return marks
        labels = self.painted[plane : plane + len(marks), :, :]
        return np.where(marks, labels, labels.dtype.type(0))


# --- the dilation ---------------------------------------------------------------------------------------------------


def _make_stencil(segmentation: Volume, dilation: int | None, dilation_nm: float | None) -> Stencil:
    if dilation_nm is not None:
        dilation = None
    return plan_stencil(dilation_offsets(dilation, dilation_nm, segmentation.voxel_size))


def plan_stencil(offsets: Offsets) -> Stencil:
    """A set of offsets as stretches along x, each covered by two of a power of two.

    Examples
    --------
    >>> plan_stencil(np.array([[0, 0, -1], [0, 0, 0], [0, 0, 1]])).steps.tolist()
    [[0, 1, 0, 0, 1], [0, 3, 0, 0, 0], [0, 3, 0, 0, 1], [3, 2, 0, 0, -1], [3, 2, 0, 0, 0]]
    """
    from connectograph._kernels.contactome import GROWN, NEXT, VOXELS, Stencil

    z, y, x = offsets[np.lexsort(offsets.T[::-1])].T
    first = np.ones(len(x), bool)
    first[1:] = (z[1:] != z[:-1]) | (y[1:] != y[:-1]) | (x[1:] != x[:-1] + 1)
    begin = np.flatnonzero(first)
    length = np.diff(np.append(begin, len(x))).tolist()
    n_powers = max(length).bit_length()
    layers = [VOXELS, *range(3, 2 + n_powers)]  # layer k covers 2**k voxels
    steps = [(VOXELS, NEXT, 0, 0, 1)]
    for k in range(1, n_powers):
        steps += [(layers[k - 1], layers[k], 0, 0, dx) for dx in (0, 2 ** (k - 1))]
    for dz, dy, dx, size in zip(z[begin].tolist(), y[begin].tolist(), x[begin].tolist(), length, strict=True):
        k = size.bit_length() - 1
        steps += [(layers[k], GROWN, dz, dy, shift) for shift in sorted({dx, dx + size - 2**k})]
    reach = [max(1, int(axis.max())) for axis in (z, y, x)]
    # half of a window or more is left to count
    return Stencil(np.array(steps), 2 + n_powers, *reach, 1 + reach[2] // 16)


# --- the volume as rows of runs -------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Piece:
    """A block as rows of runs (see :func:`connectograph._kernels.contactome.find_rows`)."""

    origin: Shape
    shape: Shape
    ends: npt.NDArray[np.int64]
    runs: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Window:
    """Planes `first` to `last` (counted within `rows`) to count, and those around."""

    rows: Rows
    first: int
    last: int


def _map_windows(
    segmentation: Volume,
    stencil: Stencil,
    function: Callable[[_Window, int, int], Any],
    workers: int | None,
    kept: npt.NDArray[np.uint64] | None = None,
) -> Iterator[tuple[int, list[Any]]]:
    """Run ``function(window, top, bottom)`` over a volume in threads.

    Yields, for windows of planes from first to last, the first plane and the results for all rows in order.
    """
    from connectograph._kernels.contactome import TILE_Y, TILE_Z

    count = workers or default_workers()
    depth, height, width = segmentation.shape
    # an array's blocks have whole rows; blocks in any other order or shape are as well, but cost more memory
    shape = (TILE_Z, max(1, (1 << 20) // (TILE_Z * max(width, 1))), max(width, 1))
    blocks = iterate_blocks(segmentation.labels, shape=shape if isinstance(segmentation.labels, np.ndarray) else None)
    band = TILE_Y * max(1, -(-height // (TILE_Y * 4 * count)))
    tops = range(0, height, band)
    pieces: list[_Piece] = []
    missing = np.full(depth, height * width)
    done = 0
    with ThreadPoolExecutor(count) as pool:
        while done < depth and height and width:
            for piece in pool.map(partial(_read_piece, segmentation.name, kept), islice(blocks, 16 * count)):
                pieces.append(piece)
                missing[piece.origin[0] : piece.origin[0] + piece.shape[0]] -= piece.shape[1] * piece.shape[2]
            read = int(np.append(missing, 1).argmax())
            while done < depth and (read == depth or read - done >= TILE_Z + stencil.reach_z):
                last = min(done + TILE_Z, depth)
                window = _join_rows(pieces, segmentation.shape, done, last, stencil.reach_z)
                yield done, list(pool.map(lambda top: function(window, top, min(top + band, height)), tops))
                done = last
                pieces = [p for p in pieces if p.origin[0] + p.shape[0] > done - stencil.reach_z]


def _count(
    window: _Window, stencil: Stencil, top: int, bottom: int, marks: npt.NDArray[np.uint8]
) -> npt.NDArray[np.int64]:
    """Rows of the kernel, with as much scratch as it needs."""
    from connectograph._kernels.contactome import count_contacts, make_tile

    complete, n_members = False, 16
    while not complete:
        n_members *= 2
        tile = make_tile(stencil, n_members)
        found, complete = count_contacts(
            window.rows, stencil, window.first, window.last, top, bottom, tile, marks
        )
    return found  # type: ignore[no-any-return]


def _read_piece(name: str, kept: npt.NDArray[np.uint64] | None, block: Block) -> _Piece:
    from connectograph._kernels.contactome import find_rows

    ends, runs = find_rows(as_label_block(block.read(), block.origin, name or "the segmentation"))
    if kept is not None:
        runs[~np.isin(runs[:, 1].view(np.uint64), kept), 1] = 0
    return _Piece(block.origin, block.shape, ends, runs)


def _join_rows(pieces: list[_Piece], shape: Shape, first: int, last: int, reach: int) -> _Window:
    """Planes `first` to `last` and those within reach, put together from pieces."""
    from connectograph._kernels.contactome import Rows, place_rows

    start, stop = max(0, first - reach), min(last + reach, shape[0])
    used = [
        (piece, max(piece.origin[0], start), min(piece.origin[0] + piece.shape[0], stop))
        for piece in sorted(pieces, key=lambda piece: piece.origin[2])
    ]
    n_runs = np.ones((stop - start, shape[1]), np.int64)  # one closes the row
    for piece, here, there in used:
        (z, y, _), (n_z, n_y, _) = piece.origin, piece.shape
        if here < there:
            n_runs[here - start : there - start, y : y + n_y] += np.diff(piece.ends, prepend=0).reshape(n_z, n_y)[here - z : there - z]
    begins = np.append(0, np.cumsum(n_runs))
    runs = np.empty((begins[-1], 2), np.int64)
    runs[begins[1:] - 1] = shape[2], 0
    cursors = begins[:-1].copy()
    for piece, here, there in used:
        (z, y, x), n_y = piece.origin, piece.shape[1]
        for plane in range(here, there):
            place_rows(piece.ends, piece.runs, (plane - z) * n_y, n_y, x, (plane - start) * shape[1] + y, cursors, runs)
    return _Window(Rows(begins, runs, stop - start, shape[1], shape[2]), first - start, last - start)


# --- sums -----------------------------------------------------------------------------------------------------------


def _sum_rows(found: npt.NDArray[np.int64]) -> Sums:
    """Sums for each pair from rows of the kernel, whose ids are the bits of uint64."""
    from connectograph._kernels.hashing import sum_by_key

    pairs = np.sort(found[:, :2].copy().view(np.uint64), axis=1)
    return sum_by_key(pairs, found[:, 2:].copy())  # type: ignore[no-any-return]


def _sum_parts(parts: Iterable[Sums]) -> Sums:
    """Sum as parts come in, so that memory grows with the pairs and not with the parts."""
    from connectograph._kernels.hashing import sum_by_key

    held: list[Sums] = [(np.empty((0, 2), np.uint64), np.empty((0, 4), np.int64))]

    def merge() -> Sums:
        return sum_by_key(*(np.concatenate(column) for column in zip(*held, strict=True)))  # type: ignore[no-any-return]

    limit = rows = 1 << 18
    for part in parts:
        held.append(part)
        rows -= len(part[0])
        if rows < 0:
            held = [merge()]
            limit = rows = max(limit, 2 * len(held[0][0]))
    return merge()
