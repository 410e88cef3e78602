"""The contactome: which segments touch, over what area, and in how many voxels they overlap when dilated.

Functions: :func:`find_contacts`, :func:`mark_contacts`, :func:`mark_synapse_overlaps`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.blocks import EngineLike, Part, open_engine
from connectograph.contacts.dilation import dilation_offsets
from connectograph.contacts.synapse_contacts import keep_contacts
from connectograph.contacts.windows import Window, fold_windows, map_windows
from connectograph.io.lazy import read_box
from connectograph.runs import RunLabels
from connectograph.segments import kept_ids
from connectograph.synapses import Synapses
from connectograph.tables import make_table
from connectograph.volumes import Block, LazyLabels, Shape, Volume, check_same_grid

if TYPE_CHECKING:
    from connectograph._kernels.contactome import Stencil

__all__ = ["find_contacts", "mark_contacts", "mark_synapse_overlaps"]

Offsets = npt.NDArray[np.int64]
Sums = Part
"""Pairs (n, 2), a < b, and for each: faces along z, y and x, voxels in both dilations (n, 4)."""


def find_contacts(
    segmentation: Volume,
    *,
    dilation: int | None = 1,
    dilation_nm: float | None = None,
    segments: pd.DataFrame | None = None,
    workers: int | None = None,
    engine: EngineLike = None,
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
    workers, engine
        As in :func:`connectograph.evaluate`.

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
    with open_engine(engine, workers) as opened:
        pairs, sums = fold_windows(partial(_count_pairs, stencil), _merge_sums, segmentation, stencil, engine=opened)
    z, y, x = segmentation.voxel_size
    columns = {
        "segment_a": pairs[:, 0],
        "segment_b": pairs[:, 1],
        "n_voxels": sums[:, 3],
        "n_faces": sums[:, :3].sum(axis=1),
        # not a matrix product: its rounding may depend on the place of a row
        "area_nm2": sums[:, 0] * (y * x) + sums[:, 1] * (z * x) + sums[:, 2] * (z * y),
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
    engine: EngineLike = None,
) -> Volume:
    """Mask of the voxels that lie in the overlap of two or more dilated segments.

    Parameters
    ----------
    segmentation, dilation, dilation_nm, segments, workers, engine
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
    return replace(segmentation, labels=_ContactLabels(segmentation, stencil, kept, None, workers, engine))


def mark_synapse_overlaps(
    segmentation: Volume,
    synapses: Synapses,
    *,
    dilation: int | None = 1,
    dilation_nm: float | None = None,
    segments: pd.DataFrame | None = None,
    workers: int | None = None,
    engine: EngineLike = None,
) -> Volume:
    """The voxels of each synapse that lie in the overlap of two or more dilated segments.

    Parameters
    ----------
    segmentation, dilation, dilation_nm, segments, workers, engine
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
    return replace(segmentation, labels=_ContactLabels(segmentation, stencil, kept, labels, workers, engine))


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
    engine: EngineLike

    @property
    def shape(self) -> Shape:
        return self.segmentation.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8) if self.painted is None else self.painted.dtype

    def blocks(self) -> Iterator[Block]:
        mark = partial(_mark, self.stencil, self.shape[2])
        with open_engine(self.engine, self.workers) as engine:
            windows = map_windows(mark, self.segmentation, self.stencil, engine=engine, kept=self.kept)
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


def _mark(stencil: Stencil, width: int, window: Window, top: int, bottom: int) -> npt.NDArray[np.uint8]:
    """1 where two or more segments are within reach, in the rows of a window."""
    marks = np.zeros((window.last - window.first, bottom - top, width), np.uint8)
    _count(window, stencil, top, bottom, marks)
    return marks


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
    reach_z, reach_y, reach_x = (max(1, int(axis.max())) for axis in (z, y, x))
    n_words = 1 + reach_x // 16  # margins take half of a window at most
    return Stencil(np.array(steps), 2 + n_powers, reach_z, reach_y, reach_x, n_words)


# --- counting --------------------------------------------------------------------------------------------------------


def _count(
    window: Window, stencil: Stencil, top: int, bottom: int, marks: npt.NDArray[np.uint8]
) -> npt.NDArray[np.int64]:
    """Rows of the kernel, with as much scratch as it needs."""
    from connectograph._kernels.contactome import count_contacts, make_tile

    complete, n_members = False, 16
    while not complete:
        n_members *= 2
        tile = make_tile(stencil, n_members)
        found, complete = count_contacts(window.rows, stencil, window.first, window.last, top, bottom, tile, marks)
    return found  # type: ignore[no-any-return]


def _count_pairs(stencil: Stencil, window: Window, top: int, bottom: int) -> Sums:
    """Sums for each pair from rows of the kernel, whose ids are the bits of uint64."""
    from connectograph._kernels.hashing import sum_by_key

    found = _count(window, stencil, top, bottom, np.empty((0, 0, 0), np.uint8))
    pairs = np.sort(found[:, :2].copy().view(np.uint64), axis=1)
    return sum_by_key(pairs, found[:, 2:].copy())  # type: ignore[no-any-return]


def _merge_sums(parts: list[Part]) -> Part:
    from connectograph._kernels.hashing import sum_by_key

    nothing = (np.empty((0, 2), np.uint64), np.empty((0, 4), np.int64))
    return sum_by_key(*(np.concatenate(column) for column in zip(nothing, *parts, strict=True)))  # type: ignore[no-any-return]
