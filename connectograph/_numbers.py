"""Small numbers: ratios that may be undefined, ranks, and dictionaries that say why a number is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["CountScore", "divide", "explain_missing", "log2_ratio", "spearman", "student_quantile"]


def divide(part: float, whole: float) -> float:
    """part / whole; NaN if that is 0/0 or x/0.

    Examples
    --------
    >>> divide(1, 4), divide(1, 0)
    (0.25, nan)
    """
    return part / whole if whole else math.nan


@dataclass(frozen=True)
class CountScore:
    """Precision, recall and F1 from counts: what every score of things found, invented and missed has in common."""

    tp: int
    fp: int
    fn: int

    @property
    def precision(self) -> float:
        return divide(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        return divide(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        return divide(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def n_truth(self) -> int:
        """All of the truth."""
        return self.tp + self.fn

    @property
    def n_predicted(self) -> int:
        """All of the prediction."""
        return self.tp + self.fp


def log2_ratio(predicted: float, truth: float) -> float:
    """log2((predicted + 0.5) / (truth + 0.5)): 0 if equal, +1 if twice as many; defined for counts of 0 too.

    Examples
    --------
    >>> log2_ratio(3.5, 1.5)
    1.0
    """
    return math.log2(predicted + 0.5) - math.log2(truth + 0.5)


def spearman(truth: npt.NDArray[Any], predicted: npt.NDArray[Any]) -> float:
    """Spearman's rank correlation with average ranks for ties; NaN if a side has fewer than two different values.

    Examples
    --------
    >>> spearman(np.array([1, 2, 3]), np.array([10, 30, 20]))
    0.5
    """
    left, right = _centred_ranks(truth), _centred_ranks(predicted)
    return divide(float(left @ right), math.sqrt(float(left @ left) * float(right @ right)))


def student_quantile(share: float, freedom: int) -> float:
    """Quantile of Student's t distribution, without the seconds that a statistics package takes to load.

    Parameters
    ----------
    share : float
        Between 0 and 1.
    freedom : int
        Degrees of freedom, 2 or more.

    Returns
    -------
    float

    Notes
    -----
    Newton's method on the finite sums for the distribution function, from the quantile of the normal distribution
    (Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, 26.7.3 to 26.7.5).

    Examples
    --------
    >>> round(student_quantile(0.975, 10), 6)
    2.228139
    """
    z = NormalDist().inv_cdf(share)
    found = z + (z**3 + z) / (4 * freedom)
    scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - math.log(freedom * math.pi) / 2
    for _ in range(20):
        density = math.exp(scale - (freedom + 1) / 2 * math.log1p(found**2 / freedom))
        step = (_student_share(found, freedom) - share) / density
        found -= step
        if abs(step) < 1e-13 * max(1.0, abs(found)):
            break
    return found


def explain_missing(values: Mapping[str, Any], reasons: Mapping[str, str]) -> dict[str, Any]:
    """The values, each NaN as None with ``<name>_reason`` beside it.

    Examples
    --------
    >>> explain_missing({"n": 0, "ratio": float("nan")}, {"ratio": "no edge"})
    {'n': 0, 'ratio': None, 'ratio_reason': 'no edge'}
    """
    result: dict[str, Any] = {}
    for name, value in values.items():
        missing = isinstance(value, float) and math.isnan(value)
        result[name] = None if missing else value
        if missing:
            result[f"{name}_reason"] = reasons[name]
    return result


def _centred_ranks(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Average ranks for ties, minus their mean; small whole numbers are counted instead of sorted."""
    if values.dtype.kind in "iu" and len(values) and values.min() >= 0 and values.max() < 2 * len(values):
        place, count = values, np.bincount(values)
    else:
        _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    of_value = np.cumsum(count) - (count - 1) / 2 - (len(values) + 1) / 2
    ranks: npt.NDArray[np.float64] = of_value[place]
    return ranks


def _student_share(value: float, freedom: int) -> float:
    """Share of Student's t distribution below a value."""
    angle = math.atan(value / math.sqrt(freedom))
    odd = freedom % 2
    steps = np.arange(1 + odd, freedom - 1, 2)
    terms = np.cumprod(np.append(1.0, math.cos(angle) ** 2 * steps / (steps + 1)))
    if not odd:
        return (1 + math.sin(angle) * float(terms.sum())) / 2
    rest = math.sin(angle) * math.cos(angle) * float(terms.sum()) if freedom > 1 else 0.0
    return 0.5 + (angle + rest) / math.pi
