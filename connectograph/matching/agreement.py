"""How far two segmentations agree on which voxels belong together: variation of information and Rand scores.

Conventions: a *split* is one true segment in several predicted ones, a *merge* several true segments in one predicted
one. Only voxels that are in a segment on both sides count; how many others there are stands beside the scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._notebook import Shown
from connectograph._numbers import CountScore, explain_missing
from connectograph.tables import validate_table

__all__ = ["PairScore", "SegmentationAgreement", "compare_segmentations", "count_choices", "sum_alike"]

_Counts: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PairScore(CountScore, Shown):
    """Precision, recall and F1 of pairs of things that are together on both sides, on one, on the other.

    Attributes
    ----------
    tp, fp, fn : int
        Pairs together in both; only in the prediction (merges); only in the truth (splits). Exact, however large.

    Examples
    --------
    >>> PairScore(tp=3, fp=1, fn=0).to_dict()
    {'precision': 0.75, 'recall': 1.0, 'f1': 0.8571428571428571}
    """

    def to_dict(self) -> dict[str, Any]:
        """The scores (the counts may be beyond what JSON holds exactly); an undefined one is None with its reason."""
        reasons = {
            "precision": "no two are together in the prediction",
            "recall": "no two are together in the truth",
            "f1": "no two are together on either side",
        }
        return explain_missing({name: getattr(self, name) for name in reasons}, reasons)


@dataclass(frozen=True)
class SegmentationAgreement(Shown):
    """Variation of information and Rand scores of a segmentation.

    Attributes
    ----------
    n_voxels : int
        Voxels in a segment on both sides, on which the scores rest.
    n_voxels_truth_only, n_voxels_predicted_only : int
        Voxels in a segment on one side and in the background on the other; in no score.
    vi_split, vi_merge : float
        In bits; NaN without a common voxel.
    rand : PairScore
        Pairs of voxels: fp are those that merges bring together, fn those that splits part.

    Examples
    --------
    >>> SegmentationAgreement(8, 0, 0, vi_split=1.0, vi_merge=0.0, rand=PairScore(12, 0, 16)).vi
    1.0
    """

    n_voxels: int
    n_voxels_truth_only: int
    n_voxels_predicted_only: int
    vi_split: float
    vi_merge: float
    rand: PairScore

    @property
    def vi(self) -> float:
        """Variation of information, split + merge, in bits."""
        return self.vi_split + self.vi_merge

    @property
    def adapted_rand_error(self) -> float:
        """1 - F1 of pairs of voxels."""
        return 1 - self.rand.f1

    def to_dict(self) -> dict[str, Any]:
        """All numbers; an undefined one is None with its reason beside it."""
        scores = {
            "vi": self.vi,
            "vi_split": self.vi_split,
            "vi_merge": self.vi_merge,
            "adapted_rand_error": self.adapted_rand_error,
        }
        reason = "no voxel is in a segment on both sides"
        pairs = dict.fromkeys(scores, reason) | {"adapted_rand_error": "no two voxels are together on either side"}
        counts = ("n_voxels", "n_voxels_truth_only", "n_voxels_predicted_only")
        return {
            **{name: getattr(self, name) for name in counts},
            **explain_missing(scores, pairs),
            "rand": self.rand.to_dict(),
        }


def compare_segmentations(overlaps: pd.DataFrame) -> SegmentationAgreement:
    """Variation of information and Rand scores from the contingency table of two segmentations.

    Parameters
    ----------
    overlaps : pandas.DataFrame
        The table "segment_overlaps" of :func:`~connectograph.matching.count_overlaps`.

    Returns
    -------
    SegmentationAgreement

    Raises
    ------
    SchemaError
        If a column is missing or has another type.

    Notes
    -----
    With n_ab the voxels that true segment a and predicted segment b share, n_a and n_b their sums over the other side,
    and n the sum of all (background left out on both sides) [1]_:

    - split = H(predicted given truth) = -Σ n_ab/n log2(n_ab/n_a), merge = H(truth given predicted) =
      -Σ n_ab/n log2(n_ab/n_b), in bits;
    - pairs of voxels: tp = Σ C(n_ab, 2), fp = Σ_b C(n_b, 2) - tp, fn = Σ_a C(n_a, 2) - tp, so that a merge lowers
      precision and a split recall; the adapted Rand error [2]_ is 1 - F1.

    ``skimage.metrics.adapted_rand_error(truth, predicted)`` gives the same error, but calls this recall its precision
    and this precision its recall; its ``variation_of_information(truth, predicted)`` is (split, merge).

    References
    ----------
    .. [1] M. Meila, Journal of Multivariate Analysis 98, 873-895, 2007.
    .. [2] I. Arganda-Carreras et al., Frontiers in Neuroanatomy 9, 142, 2015.

    Examples
    --------
    One neuron of 8 voxels in two halves:

    >>> overlaps = pd.DataFrame({"true_segment": np.array([5, 5], "u8"),
    ...                          "predicted_segment": np.array([1, 2], "u8"), "n_voxels": [4, 4]})
    >>> found = compare_segmentations(overlaps)
    >>> found.vi_split, found.vi_merge, found.rand
    (1.0, 0.0, PairScore(tp=12, fp=0, fn=16))
    """
    validate_table("segment_overlaps", overlaps)
    true, other = overlaps["true_segment"].to_numpy(), overlaps["predicted_segment"].to_numpy()
    voxels = overlaps["n_voxels"].to_numpy()
    both = (true != 0) & (other != 0)
    shared = voxels[both]
    of_true, of_predicted = sum_alike(true[both], shared), sum_alike(other[both], shared)
    tp = count_choices(shared)
    return SegmentationAgreement(
        n_voxels=int(shared.sum()),
        n_voxels_truth_only=int(voxels[(true != 0) & (other == 0)].sum()),
        n_voxels_predicted_only=int(voxels[(true == 0) & (other != 0)].sum()),
        vi_split=_conditional_entropy(shared, of_true[0]),
        vi_merge=_conditional_entropy(shared, of_predicted[0]),
        rand=PairScore(tp, count_choices(of_predicted[1]) - tp, count_choices(of_true[1]) - tp),
    )


def count_choices(counts: _Counts) -> int:
    """Pairs that can be chosen within groups of these sizes: Σ C(n, 2), in whole numbers of any size.

    Examples
    --------
    >>> count_choices(np.array([4, 10**12]))
    499999999999500000000006
    """
    values, times = np.unique(counts, return_counts=True)
    return sum(n * (n - 1) // 2 * k for n, k in zip(values.tolist(), times.tolist(), strict=True))


def sum_alike(ids: npt.NDArray[np.uint64], counts: _Counts) -> tuple[_Counts, _Counts]:
    """The sum over rows of the same id: for each row, and for each id in ascending order."""
    unique, place = np.unique(ids, return_inverse=True)
    sums = np.zeros(len(unique), np.int64)
    np.add.at(sums, place, counts)
    return sums[place], sums


def _conditional_entropy(shared: _Counts, whole: _Counts) -> float:
    """-Σ shared/n log2(shared/whole) in bits; NaN if there is nothing. Added up in an order that ids do not change."""
    if not len(shared):
        return float("nan")
    terms = shared * np.log2(whole / shared)
    return float(np.sort(terms).sum() / shared.sum())
