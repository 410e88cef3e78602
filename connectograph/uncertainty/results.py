"""Numbers with their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connectograph._notebook import Shown
from connectograph._numbers import explain_missing

__all__ = ["Difference", "EdgeIntervals", "Interval", "PairedTest"]


@dataclass(frozen=True)
class Interval(Shown):
    """A number with its confidence interval.

    Attributes
    ----------
    value : float
    standard_error : float
        NaN where there is no interval.
    lower, upper : float
        Limits; NaN where there is no interval.
    level : float
        Share of cases in which such an interval holds the true value.
    n_neurons : int
        Independent groups behind it; of directed graphs, in the role that has fewer.
    reason : str
        Why there is no interval, or no value; '' if there is.

    Examples
    --------
    >>> found = Interval(0.9, 0.02, 0.85, 0.94, 0.95, n_neurons=131)
    >>> f"{found.value} ({found.lower} to {found.upper})"
    '0.9 (0.85 to 0.94)'
    """

    value: float
    standard_error: float
    lower: float
    upper: float
    level: float
    n_neurons: int
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """All numbers; an undefined one is None with its reason beside it.

        Examples
        --------
        >>> nan = float("nan")
        >>> Interval(0.5, nan, nan, nan, 0.95, 2, "no interval: 2 neurons").to_dict()["lower_reason"]
        'no interval: 2 neurons'
        """
        values = {name: value for name, value in vars(self).items() if name != "reason"}
        return explain_missing(values, dict.fromkeys(values, self.reason))


@dataclass(frozen=True)
class EdgeIntervals(Shown):
    """Intervals of edge precision, recall and F1.

    Attributes
    ----------
    precision, recall, f1 : Interval

    Examples
    --------
    >>> same = Interval(0.9, 0.02, 0.85, 0.94, 0.95, n_neurons=131)
    >>> EdgeIntervals(same, same, same).to_dict()["f1"]["lower"]
    0.85
    """

    precision: Interval
    recall: Interval
    f1: Interval

    def to_dict(self) -> dict[str, Any]:
        """The three intervals by name."""
        return {name: interval.to_dict() for name, interval in vars(self).items()}


@dataclass(frozen=True)
class Difference(Shown):
    """Score of prediction a minus that of prediction b.

    Attributes
    ----------
    interval : Interval
        Of the difference.
    statistic : float
        Difference / standard error.
    p_value : float
        Two-sided, of the hypothesis that both are equally good.

    Examples
    --------
    >>> gain = Difference(Interval(0.04, 0.02, 0.0005, 0.0795, 0.95, n_neurons=131), statistic=2.0, p_value=0.048)
    >>> gain.to_dict()["p_value"]
    0.048
    """

    interval: Interval
    statistic: float
    p_value: float

    def to_dict(self) -> dict[str, Any]:
        """All numbers; an undefined one is None with its reason beside it."""
        values = {"statistic": self.statistic, "p_value": self.p_value}
        return {**self.interval.to_dict(), **explain_missing(values, dict.fromkeys(values, self.interval.reason))}


@dataclass(frozen=True)
class PairedTest(Shown):
    """Two predictions of the same truth: differences of their scores.

    Attributes
    ----------
    precision, recall, f1 : Difference
        Of prediction a minus prediction b.

    Examples
    --------
    >>> gain = Difference(Interval(0.04, 0.02, 0.0005, 0.0795, 0.95, n_neurons=131), statistic=2.0, p_value=0.048)
    >>> PairedTest(gain, gain, gain).to_dict()["recall"]["value"]
    0.04
    """

    precision: Difference
    recall: Difference
    f1: Difference

    def to_dict(self) -> dict[str, Any]:
        """The three differences by name."""
        return {name: difference.to_dict() for name, difference in vars(self).items()}
