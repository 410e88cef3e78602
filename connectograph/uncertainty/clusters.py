"""Variance summed over neurons, and the interval that follows from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy.typing as npt

from connectograph._numbers import student_quantile
from connectograph.errors import InputError
from connectograph.uncertainty.results import Interval

__all__ = ["MIN_NEURONS", "check_level", "count_neurons", "make_interval", "no_interval", "sum_over_neurons", "too_few"]

MIN_NEURONS = 30
"""Neurons below which no interval is given: a variance from fewer groups is itself too uncertain."""

_ROUNDING = 1e-24  # of a variance, relative to the square of what it is the variance of

_Array: TypeAlias = npt.NDArray[Any]


def check_level(level: float) -> None:
    """Refuse a level that is no share."""
    if not 0 < level < 1:
        raise InputError(f"level is {level}; expected a share between 0 and 1, such as 0.95.")


def sum_over_neurons(sums: Sequence[_Array], squares: float, directed: bool) -> float:
    """Variance of a sum over pairs.

    Parameters
    ----------
    sums : 2 arrays of (N,) float
        Summed influence of the pairs of every neuron, as source and as target.
    squares : float
        Sum of the squared influences: the variance if pairs were independent, and the least there is.
    directed : bool

    Returns
    -------
    float
    """
    as_source, as_target = sums
    if not directed:
        as_either = as_source + as_target
        return max(float(as_either @ as_either) - squares, squares)
    return max(float(as_source @ as_source + as_target @ as_target) - squares, squares)


def count_neurons(seen: Sequence[_Array], directed: bool) -> int:
    """Neurons seen, (N,) bool as source and as target; of directed graphs, in the role that has fewer."""
    as_source, as_target = seen
    if not directed:
        return int((as_source | as_target).sum())
    return int(min(as_source.sum(), as_target.sum()))


def make_interval(
    value: float, variance: float, n_neurons: int, level: float, *, scale: float = 0.0, bounded: bool = False
) -> Interval:
    """Limits around a value.

    Parameters
    ----------
    value, variance : float
    n_neurons : int
        Student's t has one degree of freedom less.
    level : float
    scale : float
        Square of the size of the sums behind the variance, which is rounding if it is far smaller.
    bounded : bool
        The value lies in 0..1: limits are computed on the scale log(value / (1 - value)).

    Returns
    -------
    Interval
    """
    if n_neurons < MIN_NEURONS:
        return no_interval(value, level, n_neurons, too_few(n_neurons))
    if variance <= _ROUNDING * scale:
        return no_interval(value, level, n_neurons, "no interval: the outcomes do not vary")
    error = math.sqrt(variance)
    reach = student_quantile((1 + level) / 2, n_neurons - 1) * error
    limits = value - reach, value + reach
    if bounded:
        middle, reach = math.log(value / (1 - value)), reach / (value * (1 - value))
        limits = _logistic(middle - reach), _logistic(middle + reach)
    return Interval(value, error, *limits, level, n_neurons)


def no_interval(value: float, level: float, n_neurons: int, reason: str) -> Interval:
    """A value alone, with the reason."""
    return Interval(value, math.nan, math.nan, math.nan, level, n_neurons, reason)


def too_few(n_neurons: int) -> str:
    """Why so few neurons give no interval."""
    return f"no interval: {n_neurons} neurons, fewer than {MIN_NEURONS}"


def _logistic(x: float) -> float:
    """1 / (1 + exp(-x)), without overflow."""
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))
