"""A segmentation judged by skeletons of true neurons: how far one can trace without an error.

Functions: :func:`measure_run_length` (looks the skeletons up in a volume), :func:`score_run_length` (pure).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph._numbers import divide, explain_missing
from connectograph.errors import InputError
from connectograph.io.skeletons import Skeleton
from connectograph.lookup import find_segments_at
from connectograph.volumes import Volume

__all__ = ["RunLength", "measure_run_length", "score_run_length"]

_Ids = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class RunLength:
    """Expected run length of a segmentation.

    Attributes
    ----------
    n_skeletons : int
    erl_nm : float
        Expected length of the error-free run in which a random point of the skeletons lies; NaN without any length.
    best_nm : float
        The same of a segmentation without errors.
    total_nm, right_nm, split_nm, merged_nm, omitted_nm : float
        Length of all skeletons, and of edges within one segment of one skeleton, between two segments, within a
        segment that touches several skeletons, and with an end in no segment.

    Examples
    --------
    A skeleton of 10 nm in two runs of 6 and 3 nm, split between them: 6 * 6 / 10 + 3 * 3 / 10 is expected of 10:

    >>> found = RunLength(1, 4.5, 10.0, total_nm=10.0, right_nm=9.0, split_nm=1.0, merged_nm=0.0, omitted_nm=0.0)
    >>> found.normalised, found.to_dict()["erl_nm"]
    (0.45, 4.5)
    """

    n_skeletons: int
    erl_nm: float
    best_nm: float
    total_nm: float
    right_nm: float
    split_nm: float
    merged_nm: float
    omitted_nm: float

    @property
    def normalised(self) -> float:
        """`erl_nm` as a share of `best_nm`."""
        return divide(self.erl_nm, self.best_nm)

    def to_dict(self) -> dict[str, Any]:
        """All numbers; an undefined one is None with its reason."""
        values = {**asdict(self), "normalised": self.normalised}
        return explain_missing(values, dict.fromkeys(values, "the skeletons have no length"))


def measure_run_length(segmentation: Volume, skeletons: Sequence[Skeleton], *, workers: int | None = None) -> RunLength:
    """Expected run length of a segmentation, from skeletons of true neurons.

    Parameters
    ----------
    segmentation : Volume
    skeletons : sequence of Skeleton
        From :func:`~connectograph.io.skeletons.read_skeletons`; nodes outside the volume are in no segment.
    workers : int, optional
        Threads.

    Returns
    -------
    RunLength

    Examples
    --------
    >>> volume = Volume(np.array([[[1, 1, 2, 2]]], "uint8"), voxel_size=(10, 10, 10))
    >>> line = np.array([(5.0, 5.0, x) for x in (5, 15, 25, 35)])
    >>> found = measure_run_length(volume, [Skeleton("a", line, np.array([-1, 0, 1, 2]))])
    >>> found.split_nm, round(found.erl_nm, 3)
    (10.0, 6.667)
    """
    places = [skeleton.nodes for skeleton in skeletons]
    ids, _ = find_segments_at(segmentation, np.concatenate([np.zeros((0, 3)), *places]), workers=workers)
    ends = np.cumsum([len(nodes) for nodes in places])[:-1]
    return score_run_length(skeletons, np.split(ids, ends) if places else [])


def score_run_length(skeletons: Sequence[Skeleton], segments: Sequence[_Ids]) -> RunLength:
    """Expected run length, given the segment of every node.

    Parameters
    ----------
    skeletons : sequence of Skeleton
    segments : sequence of (N,) arrays of uint64
        For each skeleton the segment at each node; 0: none.

    Returns
    -------
    RunLength

    Raises
    ------
    InputError
        If a skeleton and its segments differ in length.

    Notes
    -----
    ERL = sum_s (L_s / L) sum_g l_sg^2 / L_s, with L_s the length of skeleton s, L that of all, and l_sg the length of
    its edges with both ends in segment g; a segment that touches two skeletons or more counts 0 [1]_. O(nodes log
    nodes).

    References
    ----------
    .. [1] M. Januszewski et al., High-precision automated reconstruction of neurons with flood-filling networks,
       Nature Methods 15, 2018; merges and splits as in funlib.evaluate.

    Examples
    --------
    >>> line = Skeleton("a", np.array([(0.0, 0, 0), (0, 0, 30), (0, 0, 40)]), np.array([-1, 0, 1]))
    >>> score_run_length([line], [np.array([7, 7, 9], "uint64")]).erl_nm
    22.5
    """
    if [len(each.nodes) for each in skeletons] != [len(ids) for ids in segments]:
        raise InputError("Skeletons and segments differ in length; expected one segment id for each node.")
    touched = np.concatenate([np.zeros(0, np.uint64), *(np.unique(ids) for ids in segments)])
    values, counts = np.unique(touched, return_counts=True)
    merged = values[counts > 1]
    lengths = dict.fromkeys(("right", "split", "merged", "omitted"), 0.0)
    total, squares, best = 0.0, 0.0, 0.0
    for skeleton, ids in zip(skeletons, segments, strict=True):
        child = np.flatnonzero(skeleton.parents >= 0)
        parent = skeleton.parents[child]
        length = np.linalg.norm(skeleton.nodes[child] - skeleton.nodes[parent], axis=1)
        a, b = ids[child], ids[parent]
        kinds = np.select([(a == 0) | (b == 0), a != b, np.isin(a, merged)], ["omitted", "split", "merged"], "right")
        for name in lengths:
            lengths[name] += float(length[kinds == name].sum())
        _, place = np.unique(a[kinds == "right"], return_inverse=True)
        squares += float((np.bincount(place, length[kinds == "right"]) ** 2).sum())
        total, best = total + float(length.sum()), best + float(length.sum()) ** 2
    sums = {f"{name}_nm": value for name, value in lengths.items()}
    return RunLength(len(skeletons), divide(squares, total), divide(best, total), total, **sums)
