"""Precision, recall and F1 of things that were matched one to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connectograph._notebook import Shown
from connectograph._numbers import CountScore, explain_missing

__all__ = ["MatchScore"]


@dataclass(frozen=True)
class MatchScore(CountScore, Shown):
    """Precision, recall and F1 of a one-to-one matching.

    Attributes
    ----------
    tp, fp, fn : int
        Matches; unmatched in the prediction; unmatched in the truth.
    unit : str
        What is counted: a synapse object is not a link where one synapse has several partners.
    precision, recall, f1 : float
        tp/(tp+fp), tp/(tp+fn), 2tp/(2tp+fp+fn); NaN where the denominator is 0.

    Examples
    --------
    >>> MatchScore(tp=2, fp=1, fn=1).f1
    0.6666666666666666
    """

    unit: str = "synapse"

    def to_dict(self) -> dict[str, Any]:
        """Counts and scores; an undefined score is None with its reason beside it.

        Examples
        --------
        >>> MatchScore(tp=0, fp=2, fn=0).to_dict()["recall_reason"]
        'the truth has no synapse'
        """
        reasons = {
            "precision": f"the prediction has no {self.unit}",
            "recall": f"the truth has no {self.unit}",
            "f1": f"neither side has a {self.unit}",
        }
        return {**vars(self), **explain_missing({name: getattr(self, name) for name in reasons}, reasons)}
