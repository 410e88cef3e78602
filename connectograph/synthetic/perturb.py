"""Predictions with a known number of each kind of mistake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.errors import InputError
from connectograph.synthetic._blobs import (
    IN_PLANE_CROSS,
    Blob,
    free_voxels,
    join_near,
    list_blobs,
    read_whole,
    spread,
    unique_voxels,
)
from connectograph.synthetic.plant import Style, settle_blobs
from connectograph.tables import as_ids
from connectograph.volumes import Triple, Volume, check_same_grid

__all__ = ["perturb_synapses"]

TRIES = 20
"""Moves tried for a synapse that is to be shifted, and nearest others for one that is to be merged."""


class _Draft(NamedTuple):
    """A prediction in the making: codes on a canvas, the voxels of each code, and what was done to it.

    Of a merged pair both codes have the voxels of both, and one of them is on the canvas.
    """

    canvas: npt.NDArray[Any]
    blobs: dict[int, Blob]
    change: dict[int, str]
    voxel_size: Triple


Alter = Callable[[_Draft, int, np.random.Generator], Blob | None]


def perturb_synapses(
    segmentation: Volume,
    truth: Volume,
    *,
    missed: int = 0,
    invented: int = 0,
    grown: int = 0,
    shrunk: int = 0,
    shifted: int = 0,
    merged: int = 0,
    rng: int | np.random.Generator = 0,
) -> tuple[Volume, pd.DataFrame]:
    """A predicted synapse volume that differs from the truth in exactly the ways asked for.

    Each true synapse is changed at most once; those left over are predicted as they are. Blobs stay apart, so the
    components of the prediction are its labels, if the truth's synapses are connected and apart.

    Parameters
    ----------
    segmentation : Volume
        On whose contacts synapses are invented.
    truth : Volume
        True synapses as labels.
    missed, grown, shrunk, shifted : int
        True synapses that are left out, widened in the plane, cut down to about half, or moved by a few voxels.
    invented : int
        Predicted synapses on contacts where there is no true one.
    merged : int
        Pairs of true synapses that are joined by a thin bridge into one predicted synapse.
    rng : int or numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    predicted : Volume
        Labels 1 .. n in the order of their first voxels, background 0; uint16, or uint32 if there are more.
    changes : pandas.DataFrame
        One row for each true and each invented synapse: `truth_id` (0: invented), `predicted_id` (0: missed; twice the
        same: merged), `change` (same, missed, grown, shrunk, shifted, merged, invented), `n_voxels_truth`,
        `n_voxels_predicted`.

    Raises
    ------
    InputError
        If the volumes differ in grid, or the truth has too few synapses that can be changed so.

    Examples
    --------
    >>> labels = np.ones((4, 40, 40), "uint64")
    >>> labels[:, :, 20:] = 2
    >>> truth = np.zeros((4, 40, 40), "uint64")
    >>> truth[1:3, 5:9, 19:21] = 7
    >>> volumes = [Volume(array, voxel_size=(40, 4, 4)) for array in (labels, truth)]
    >>> predicted, changes = perturb_synapses(*volumes, grown=1, rng=0)
    >>> changes[["truth_id", "predicted_id", "change", "n_voxels_truth", "n_voxels_predicted"]].to_numpy().tolist()
    [[7, 1, 'grown', 16, 72]]
    """
    check_same_grid(segmentation, truth)
    rng = np.random.default_rng(rng)
    true_blobs = list_blobs(read_whole(truth))
    draft = _copy_truth(true_blobs, truth, invented)
    _invent(draft, segmentation, invented, rng)
    _merge_some(draft, merged, rng)
    alterations: list[tuple[str, int, Alter]] = [
        ("grown", grown, _grow), ("shifted", shifted, _shift), ("shrunk", shrunk, _shrink), ("missed", missed, _miss),
    ]  # fmt: skip
    for change, count, alter in alterations:
        _alter_some(draft, change, count, alter, rng)
    number = _renumber(draft)
    predicted = Volume(draft.canvas, truth.voxel_size, truth.offset, "synthetic prediction")
    return predicted, _list_changes(true_blobs, draft, number)


def _copy_truth(true_blobs: dict[int, Blob], truth: Volume, invented: int) -> _Draft:
    """The truth under the codes 1 .. n, in the order of its ids."""
    canvas = np.zeros(truth.shape, np.uint16 if len(true_blobs) + invented < 2**16 else np.uint32)
    blobs = dict(enumerate(true_blobs.values(), start=1))
    for code, voxels in blobs.items():
        canvas[tuple(voxels.T)] = code
    return _Draft(canvas, blobs, {}, truth.voxel_size)


def _invent(draft: _Draft, segmentation: Volume, count: int, rng: np.random.Generator) -> None:
    codes = [len(draft.blobs) + i for i in range(1, count + 1)]
    for code, (voxels, _) in settle_blobs(segmentation, draft.canvas, 0, codes, Style(), rng).items():
        draft.blobs[code] = voxels
        draft.change[code] = "invented"


def _alter_some(draft: _Draft, change: str, count: int, alter: Alter, rng: np.random.Generator) -> None:
    """Alter `count` synapses that nothing was done to yet, skipping those that cannot be altered so."""
    done = 0
    for code in _untouched(draft, rng):
        voxels = alter(draft, code, rng) if done < count else None
        if voxels is not None:
            _repaint(draft, code, voxels)
            draft.change[code] = change
            done += 1
    _check_done(change, done, count)


def _merge_some(draft: _Draft, count: int, rng: np.random.Generator) -> None:
    """Join `count` pairs of neighbouring synapses."""
    done = 0
    for code in _untouched(draft, rng):
        partner = _find_partner(draft, code, rng) if done < count and code not in draft.change else None
        if partner is not None:
            both = np.concatenate([draft.blobs[code], draft.blobs[partner], _bridge(draft, code, partner)])
            _repaint(draft, code, unique_voxels(both, draft.canvas.shape))
            draft.blobs[partner] = draft.blobs[code]
            draft.change.update({code: "merged", partner: "merged"})
            done += 1
    _check_done("merged", done, count)


def _untouched(draft: _Draft, rng: np.random.Generator) -> list[int]:
    codes = [code for code in draft.blobs if code not in draft.change]
    return [codes[i] for i in rng.permutation(len(codes))]


def _repaint(draft: _Draft, code: int, voxels: Blob) -> None:
    draft.canvas[tuple(draft.blobs[code].T)] = 0
    draft.canvas[tuple(voxels.T)] = code
    draft.blobs[code] = voxels


def _check_done(change: str, done: int, count: int) -> None:
    if done < count:
        raise InputError(
            f"Only {done} of {count} true synapses could be {change}: each is changed once, and has to stay apart from "
            "the others and inside the volume; ask for fewer changes or plant more synapses."
        )


def _grow(draft: _Draft, code: int, rng: np.random.Generator) -> Blob | None:
    """Two voxels wider in the plane, where that stays clear of other synapses."""
    old = voxels = draft.blobs[code]
    for _ in range(2):
        wider = spread(voxels, IN_PLANE_CROSS, draft.canvas.shape)
        mine = draft.canvas[tuple(wider.T)] == code
        voxels = wider[mine | free_voxels(draft.canvas, wider, 0, code)]
    return voxels if len(voxels) > len(old) else None


def _shift(draft: _Draft, code: int, rng: np.random.Generator) -> Blob | None:
    """Three to eight voxels to the side, and up to one plane."""
    for _ in range(TRIES):
        step = np.array([rng.integers(-1, 2), *(rng.integers(3, 9, 2) * rng.choice([-1, 1], 2))])
        voxels: Blob = draft.blobs[code] + step
        inside = ((voxels >= 0) & (voxels < draft.canvas.shape)).all()
        if inside and free_voxels(draft.canvas, voxels, 0, code).all():
            return voxels
    return None


def _shrink(draft: _Draft, code: int, rng: np.random.Generator) -> Blob | None:
    """The half of the voxels nearest the middle, as far as it is connected with it."""
    voxels = draft.blobs[code]
    distance = np.abs(voxels - np.median(voxels, axis=0)).max(axis=1)
    near = np.argsort(distance, kind="stable")[: len(voxels) // 2]
    return join_near(near, voxels) if len(near) else None


def _miss(draft: _Draft, code: int, rng: np.random.Generator) -> Blob | None:
    return np.empty((0, 3), np.int64)


def _find_partner(draft: _Draft, code: int, rng: np.random.Generator) -> int | None:
    """The nearest synapse that nothing was done to and that a clear bridge leads to."""
    others = [other for other in _untouched(draft, rng) if other != code]
    middles = np.array([draft.blobs[other].mean(axis=0) for other in others]).reshape(-1, 3)
    distance = np.linalg.norm((middles - draft.blobs[code].mean(axis=0)) * draft.voxel_size, axis=1)
    for i in np.argsort(distance, kind="stable")[:TRIES]:
        if free_voxels(draft.canvas, _bridge(draft, code, others[i]), 0, code, others[i]).all():
            return int(others[i])
    return None


def _bridge(draft: _Draft, code: int, partner: int) -> Blob:
    """Straight line of voxels between the nearest voxels of two synapses."""
    from scipy.spatial import KDTree

    distance, nearest = KDTree(draft.blobs[partner]).query(draft.blobs[code])
    start = draft.blobs[code][distance.argmin()]
    end = draft.blobs[partner][nearest[distance.argmin()]]
    share = np.linspace(0, 1, int(np.abs(end - start).max()) + 1)[:, None]
    line: Blob = np.rint(start + share * (end - start)).astype(np.int64)
    return line


def _renumber(draft: _Draft) -> dict[int, int]:
    """Number what is on the canvas by first voxels; the number of each code, 0 for a missed one."""
    shown = {code: int(draft.canvas[tuple(voxels[0])]) for code, voxels in draft.blobs.items() if len(voxels)}
    order = sorted(set(shown.values()), key=lambda code: tuple(draft.blobs[code][0]))
    number = {code: i for i, code in enumerate(order, start=1)}
    for code in order:
        draft.canvas[tuple(draft.blobs[code].T)] = number[code]
    return {code: number[shown[code]] if code in shown else 0 for code in draft.blobs}


def _list_changes(true_blobs: dict[int, Blob], draft: _Draft, number: dict[int, int]) -> pd.DataFrame:
    """One row for each code: the true ones in the order of their ids, then the invented ones."""
    names = [*true_blobs, *[0] * (len(number) - len(true_blobs))]
    before = [len(voxels) for voxels in true_blobs.values()]
    return pd.DataFrame(
        {
            "truth_id": as_ids(names),
            "predicted_id": as_ids(list(number.values())),
            "change": pd.Series([draft.change.get(code, "same") for code in number], dtype="str"),
            "n_voxels_truth": np.array(before + [0] * (len(number) - len(before)), np.int64),
            "n_voxels_predicted": np.array([len(draft.blobs[code]) for code in number], np.int64),
        }
    )
