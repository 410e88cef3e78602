"""What viewers show besides the inputs: ids with one background, and the voxels of the errors."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.blocks import ChangedLabels, PairedLabels, as_label_block
from connectograph.runs import RunLabels
from connectograph.synapses import Synapses
from connectograph.volumes import BACKGROUND, IGNORE, LazyLabels, Shape

__all__ = ["mark_errors", "paint_synapses", "show_ids", "show_picture"]


def show_ids(labels: npt.NDArray[Any] | LazyLabels, name: str = "") -> ChangedLabels:
    """Labels of any stored type as uint64, every background 0.

    Examples
    --------
    >>> show_ids(np.array([[[7, 0, 2**64 - 1, 2**64 - 2]]], "uint64"))[:, :, :].tolist()
    [[[7, 0, 0, 0]]]
    """
    return ChangedLabels(labels, np.dtype(np.uint64), partial(_clear_background, name))


def show_picture(labels: npt.NDArray[Any] | LazyLabels) -> ChangedLabels:
    """Grey values of any type as one that viewers show: uint8, uint16 or float32.

    Examples
    --------
    >>> show_picture(np.array([[[0.5, 1.0]]])).dtype
    dtype('float32')
    """
    kind = np.dtype(labels.dtype).newbyteorder("=")
    dtype = kind if kind in (np.uint8, np.uint16) else np.dtype(np.float32)
    return ChangedLabels(labels, dtype, lambda voxels, _: voxels.astype(dtype))


def _clear_background(name: str, array: npt.NDArray[Any], origin: Shape) -> npt.NDArray[np.uint64]:
    ids = as_label_block(array, origin, name).astype(np.uint64)
    ids[(ids == BACKGROUND[1]) | (ids == IGNORE)] = 0
    return ids


def _mix(sides: tuple[npt.NDArray[Any], npt.NDArray[Any]], origin: Shape) -> npt.NDArray[np.uint64]:
    missed, false = sides
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


def mark_errors(truth: Synapses, predicted: Synapses, tables: Any) -> ChangedLabels:
    """The voxels of synapses behind errors: 1 of a true one with a missed connection, 2 of a false one, 3 of both.

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
    painted = PairedLabels(paint_synapses(truth, chosen[0]), paint_synapses(predicted, chosen[1]))
    return ChangedLabels(painted, np.dtype(np.uint64), _mix)


def _synapses_of(links: pd.DataFrame, edges: pd.DataFrame) -> npt.NDArray[np.uint64]:
    """Synapses with a link in one of these connections."""
    wanted = pd.MultiIndex.from_frame(edges[["source", "target"]])
    inside = pd.MultiIndex.from_frame(links[["source", "target"]]).isin(wanted)
    return np.unique(links["synapse_id"].to_numpy(np.uint64)[inside])
