"""Precision, recall and F1 of things that were matched one to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connectograph._numbers import divide, explain_missing

__all__ = ["MatchScore"]


@dataclass(frozen=True)
class MatchScore:
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

    tp: int
    fp: int
    fn: int
    unit: str = "synapse"

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
