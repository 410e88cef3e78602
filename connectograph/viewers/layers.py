"""What viewers show besides the inputs: ids with one background, and the voxels of the errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.blocks import as_label_block, iterate_blocks
from connectograph.runs import RunLabels
from connectograph.synapses import Synapses
from connectograph.volumes import BACKGROUND, IGNORE, Block, LazyLabels, Shape

__all__ = ["ErrorLabels", "IdLabels", "PictureLabels", "mark_errors", "paint_synapses"]

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class IdLabels:
    """Labels of any stored type as uint64, every background 0 (a :class:`~connectograph.volumes.LazyLabels`)."""

    labels: npt.NDArray[Any] | LazyLabels
    name: str = ""

    @property
    def shape(self) -> Shape:
        z, y, x = self.labels.shape
        return z, y, x

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint64)

    def blocks(self) -> Iterator[Block]:
        for block in iterate_blocks(self.labels):
            yield Block(block.origin, block.shape, partial(self._read, block))

    def __getitem__(self, box: Box) -> npt.NDArray[Any]:
        return self._convert(self.labels[box], (0, 0, 0))

    def _read(self, block: Block) -> npt.NDArray[Any]:
        return self._convert(block.read(), block.origin)

    def _convert(self, array: npt.NDArray[Any], origin: Shape) -> npt.NDArray[Any]:
        ids = as_label_block(array, origin, self.name).astype(np.uint64)
        ids[(ids == BACKGROUND[1]) | (ids == IGNORE)] = 0
        return ids


@dataclass(frozen=True, eq=False)
class PictureLabels:
    """Grey values of any type as one that viewers show: uint8, uint16 or float32."""

    labels: npt.NDArray[Any] | LazyLabels

    @property
    def shape(self) -> Shape:
        z, y, x = self.labels.shape
        return z, y, x

    @property
    def dtype(self) -> np.dtype[Any]:
        kind = np.dtype(self.labels.dtype).newbyteorder("=")
        return kind if kind in (np.uint8, np.uint16) else np.dtype(np.float32)

    def blocks(self) -> Iterator[Block]:
        for block in iterate_blocks(self.labels):
            yield Block(block.origin, block.shape, partial(self._read, block))

    def __getitem__(self, box: Box) -> npt.NDArray[Any]:
        return self.labels[box].astype(self.dtype)

    def _read(self, block: Block) -> npt.NDArray[Any]:
        return block.read().astype(self.dtype)


@dataclass(frozen=True, eq=False)
class ErrorLabels:
    """Voxels of synapses behind errors: 1 missed (fn), 2 false (fp), 3 both."""

    missed: RunLabels
    false: RunLabels

    @property
    def shape(self) -> Shape:
        return self.missed.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint64)

    def blocks(self) -> Iterator[Block]:
        for missed, false in zip(self.missed.blocks(), self.false.blocks(), strict=True):
            yield Block(missed.origin, missed.shape, partial(self._read, missed, false))

    def __getitem__(self, box: Box) -> npt.NDArray[Any]:
        return _mix(self.missed[box], self.false[box])

    def _read(self, missed: Block, false: Block) -> npt.NDArray[Any]:
        return _mix(missed.read(), false.read())


def _mix(missed: npt.NDArray[Any], false: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    return (missed > 0).astype(np.uint64) + np.uint64(2) * (false > 0)


def paint_synapses(synapses: Synapses, chosen: npt.NDArray[np.uint64] | None = None) -> RunLabels:
    """Synapses as a volume of their ids.

    Parameters
    ----------
    synapses : Synapses
    chosen : array of uint64, optional
        Ids of those to paint; by default all.

    Examples
    --------
    >>> from connectograph.synapses import label_synapses
    >>> from connectograph.volumes import Volume
    >>> synapses = label_synapses(Volume(np.array([[[0, 7, 7, 9]]]), voxel_size=(40, 4, 4)))
    >>> paint_synapses(synapses, np.array([9], "uint64"))[:, :, :].tolist()
    [[[0, 0, 0, 9]]]
    """
    ids = synapses.ids[synapses.codes]
    keep = np.ones(len(ids), np.bool_) if chosen is None else np.isin(ids, chosen)
    return RunLabels(synapses.shape, synapses.starts[keep], synapses.lengths[keep], ids[keep])


def mark_errors(truth: Synapses, predicted: Synapses, tables: Any) -> ErrorLabels:
    """The voxels of true synapses with a missed connection, and of predicted ones with a false one.

    Parameters
    ----------
    truth, predicted : Synapses
    tables : mapping of str to DataFrame
        Of the evaluation: ``edge_outcomes``, ``links_truth``, ``links_predicted``.
    """
    outcomes = tables["edge_outcomes"]
    chosen = [
        _synapses_of(tables[f"links_{side}"], outcomes[outcomes["outcome"] == kind])
        for kind, side in (("fn", "truth"), ("fp", "predicted"))
    ]
    return ErrorLabels(paint_synapses(truth, chosen[0]), paint_synapses(predicted, chosen[1]))


def _synapses_of(links: pd.DataFrame, edges: pd.DataFrame) -> npt.NDArray[np.uint64]:
    """Synapses with a link in one of these connections."""
    wanted = pd.MultiIndex.from_frame(edges[["source", "target"]])
    inside = pd.MultiIndex.from_frame(links[["source", "target"]]).isin(wanted)
    return np.unique(links["synapse_id"].to_numpy(np.uint64)[inside])
