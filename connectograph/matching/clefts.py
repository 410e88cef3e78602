"""CREMI's cleft statistics: how far the voxels of each side are from the clefts of the other, in nanometres."""

from __future__ import annotations

import math
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from connectograph._notebook import Shown
from connectograph._numbers import explain_missing
from connectograph._program import default_workers
from connectograph.errors import InputError
from connectograph.matching.scores import MatchScore
from connectograph.synapses import Synapses
from connectograph.volumes import check_same_grid

__all__ = ["CleftDistances", "DistanceSummary", "compare_clefts"]

_PIECES = 16  # of a side's runs, shared out among the threads

Distances: TypeAlias = "Future[npt.NDArray[np.float64]]"


@dataclass(frozen=True)
class DistanceSummary(Shown):
    """Distances of one side's voxels to the nearest voxel of the other side.

    Attributes
    ----------
    n_voxels : int
        Synapse voxels of this side; those that the other side holds, too, are at distance 0.
    n_beyond : int
        Those farther than the tolerance; all, if the other side is empty.
    mean, std, median, maximum : float
        In nm, over all voxels; NaN if either side is empty.

    Examples
    --------
    >>> DistanceSummary(n_voxels=0, n_beyond=0).to_dict()["mean_reason"]
    'a side has no synapse voxel'
    """

    n_voxels: int
    n_beyond: int
    mean: float = math.nan
    std: float = math.nan
    median: float = math.nan
    maximum: float = math.nan

    def to_dict(self) -> dict[str, Any]:
        """All numbers; an undefined one is None with its reason beside it."""
        reasons = dict.fromkeys(("mean", "std", "median", "maximum"), "a side has no synapse voxel")
        return explain_missing(vars(self), reasons)


@dataclass(frozen=True)
class CleftDistances(Shown):
    """Distances between predicted and true clefts, both ways.

    Attributes
    ----------
    tolerance_nm : float
    predicted_to_truth, truth_to_predicted : DistanceSummary
        Their means are CREMI's ADGT and ADF, their `n_beyond` its false positives and false negatives.

    Examples
    --------
    >>> near, far = DistanceSummary(10, 2, mean=30.0), DistanceSummary(20, 8, mean=90.0)
    >>> found = CleftDistances(200.0, predicted_to_truth=near, truth_to_predicted=far)
    >>> found.score.f1, found.cremi_score
    (0.6153846153846154, 60.0)
    """

    tolerance_nm: float
    predicted_to_truth: DistanceSummary
    truth_to_predicted: DistanceSummary

    @property
    def score(self) -> MatchScore:
        """Voxels: tp = predicted ones within the tolerance of the truth, fp = those beyond, fn = true ones beyond."""
        found, missed = self.predicted_to_truth, self.truth_to_predicted
        return MatchScore(found.n_voxels - found.n_beyond, found.n_beyond, missed.n_beyond, "cleft voxel")

    @property
    def cremi_score(self) -> float:
        """(ADGT + ADF) / 2 in nm, by which the challenge ranks; NaN if either side is empty."""
        return (self.predicted_to_truth.mean + self.truth_to_predicted.mean) / 2

    def to_dict(self) -> dict[str, Any]:
        """All numbers; an undefined one is None with its reason beside it."""
        missing = {"cremi_score": "a side has no synapse voxel"}
        return {
            "tolerance_nm": self.tolerance_nm,
            **self.score.to_dict(),
            **explain_missing({"cremi_score": self.cremi_score}, missing),
            "predicted_to_truth": self.predicted_to_truth.to_dict(),
            "truth_to_predicted": self.truth_to_predicted.to_dict(),
        }


def compare_clefts(
    truth: Synapses, predicted: Synapses, *, tolerance_nm: float = 200.0, workers: int | None = None
) -> CleftDistances:
    """Cleft statistics of the CREMI challenge.

    Parameters
    ----------
    truth, predicted : Synapses
        On the same grid; the prediction read with ``ignore=truth``, so that what the truth ignores is background in
        both.
    tolerance_nm : float
        Voxels farther than this from the other side are errors.
    workers : int, optional
        Threads.

    Returns
    -------
    CleftDistances

    Raises
    ------
    InputError
        If the grids differ, or the tolerance is negative or not finite.

    Notes
    -----
    For every predicted cleft voxel p, d(p) = min over true cleft voxels t of the Euclidean distance \\|p - t\\| in nm
    between voxel centres, ids ignored, and the other way round [1]_. FP and FN count d > tolerance, ADGT and ADF
    are the means of d over *all* voxels of the prediction and of the truth, F1 = 2TP/(2TP+FP+FN) where TP counts the
    predicted voxels with d <= tolerance. All are what the distance transform of the whole volume gives, but found
    from the runs, nearest rows first, so memory grows with the clefts and not with the volume.

    References
    ----------
    .. [1] J. Funke et al., CREMI: Circuit Reconstruction from Electron Microscopy Images, https://cremi.org/metrics.

    Examples
    --------
    >>> from connectograph.synapses import label_synapses
    >>> from connectograph.volumes import Volume
    >>> truth = label_synapses(Volume(np.array([[[3, 0, 0, 0]], [[0, 0, 0, 0]]]), voxel_size=(40, 4, 4)))
    >>> predicted = label_synapses(Volume(np.array([[[0, 0, 0, 0]], [[8, 0, 0, 8]]]), voxel_size=(40, 4, 4)))
    >>> found = compare_clefts(truth, predicted, tolerance_nm=40)
    >>> found.truth_to_predicted.mean, round(found.predicted_to_truth.maximum, 3), found.score.fp
    (40.0, 41.761, 1)
    """
    check_same_grid(truth, predicted)
    if not 0 <= tolerance_nm < math.inf:
        raise InputError(f"tolerance_nm is {tolerance_nm}; expected 0 or more nanometres.")
    workers = workers or default_workers()
    # each side in one go where that keeps the threads busy: what runs beside them is not asked for the interpreter
    n_pieces = 1 if workers <= 2 else _PIECES
    with ThreadPoolExecutor(workers) as pool:
        found = [
            (own, _begin_distances(own, other, pool, n_pieces))
            for own, other in ((predicted, truth), (truth, predicted))
        ]
        summaries = [_summarise(own, jobs, tolerance_nm) for own, jobs in found]
    return CleftDistances(float(tolerance_nm), *summaries)


def _begin_distances(own: Synapses, other: Synapses, pool: ThreadPoolExecutor, n_pieces: int) -> list[Distances]:
    """Distance (nm) of every voxel, in the order of their linear index, to the nearest of the other side, if any."""
    from connectograph._kernels.distances import index_rows, run_distances

    if len(own.starts) == 0 or len(other.starts) == 0:
        return []
    index = index_rows(other.starts, other.lengths, other.shape)
    grid = index, own.shape, own.voxel_size
    pieces = np.array_split(np.arange(len(own.starts)), n_pieces)
    return [pool.submit(run_distances, own.starts[runs], own.lengths[runs], *grid) for runs in pieces]


def _summarise(own: Synapses, jobs: list[Distances], tolerance_nm: float) -> DistanceSummary:
    n_voxels = int(own.lengths.sum(dtype=np.int64))
    if not jobs:
        return DistanceSummary(n_voxels, n_voxels)
    distance = np.concatenate([job.result() for job in jobs])
    return DistanceSummary(
        n_voxels=n_voxels,
        n_beyond=int((distance > tolerance_nm).sum()),
        mean=float(distance.mean()),
        std=float(distance.std()),
        median=float(np.median(distance)),
        maximum=float(distance.max()),
    )
