"""Small numbers: ratios that may be undefined, ranks, and dictionaries that say why a number is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

__all__ = ["divide", "explain_missing", "log2_ratio", "spearman"]


def divide(part: float, whole: float) -> float:
    """part / whole; NaN if that is 0/0 or x/0.

    Examples
    --------
    >>> divide(1, 4), divide(1, 0)
    (0.25, nan)
    """
    return part / whole if whole else math.nan


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
    >>> import numpy as np
    >>> import numpy as np
    >>> spearman(np.array([1, 2, 3]), np.array([10, 30, 20]))
    0.5
    """
    from scipy.stats import rankdata

    left, right = (rankdata(side) - (len(side) + 1) / 2 for side in (truth, predicted))
    return divide(float(left @ right), math.sqrt(float(left @ left) * float(right @ right)))


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
