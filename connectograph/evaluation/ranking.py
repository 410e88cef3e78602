"""Predictions of one truth, ranked: what study.json says.

Conventions: pure; the same entries give the same content in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from connectograph.evaluation.content import undefined
from connectograph.evaluation.result import Evaluation
from connectograph.uncertainty import paired_test

__all__ = ["SCHEMA", "Entry", "enter_evaluation", "rank_entries"]

SCHEMA = "connectograph.study/1"
"""Version of study.json; keys never change their meaning within it."""

_SCORES = ("tp", "fp", "fn", "precision", "recall", "f1")


@dataclass(frozen=True, eq=False)
class Entry:
    """One prediction: its name, its report.json and the edges of both sides."""

    name: str
    report: dict[str, Any]
    truth: pd.DataFrame
    predicted: pd.DataFrame


def enter_evaluation(name: str, evaluation: Evaluation) -> Entry:
    """What a ranking needs of an evaluation."""
    truth, predicted = (evaluation.tables[f"edges_{side}"] for side in ("truth", "predicted"))
    return Entry(name, evaluation.report, truth, predicted)


def rank_entries(entries: Sequence[Entry]) -> dict[str, Any]:
    """Predictions of one truth by falling F1, each compared with the best.

    Parameters
    ----------
    entries : sequence of Entry
        Of the same truth and settings.

    Returns
    -------
    dict
        "ranking": rows with `rank` (equal F1, equal rank; an undefined F1 comes last), `name`, counts and scores of
        the edges with their intervals, and "difference": precision, recall and F1 minus those of the best, from
        :func:`~connectograph.uncertainty.paired_test`, each p-value with `p_value_holm` beside it, adjusted for the
        number of predictions; and what all of them share.

    Examples
    --------
    >>> import networkx as nx
    >>> from connectograph.evaluation.comparison import compare_cases
    >>> truth = nx.path_graph([1, 2, 3, 4])
    >>> cases = compare_cases(truth, [nx.path_graph([1, 2]), truth])
    >>> study = rank_entries([enter_evaluation(name, each) for name, each in zip("ab", cases)])
    >>> [(row["rank"], row["name"], row["f1"]) for row in study["ranking"]]
    [(1, 'b', 1.0), (2, 'a', 0.5)]
    """
    ordered = sorted(entries, key=lambda entry: (-_f1_of(entry), entry.name))
    best = ordered[0]
    scores = [_f1_of(entry) for entry in ordered]
    rows = [
        {"rank": scores.index(score) + 1, **_describe_entry(entry), **_compare_with_best(entry, best)}
        for entry, score in zip(ordered, scores, strict=True)
    ]
    _adjust_differences(rows)
    return {
        "schema": SCHEMA,
        "verdict": _write_verdict(rows),
        "runs": sorted(entry.name for entry in entries),
        "ranking": rows,
        "settings": best.report["settings"],
        "inputs": {role: block for role, block in best.report["inputs"].items() if role != "predicted"},
    }


def _f1_of(entry: Entry) -> float:
    """F1; below any other where it is undefined."""
    f1 = entry.report["edges"]["f1"]
    return -1.0 if f1 is None else float(f1)


def _describe_entry(entry: Entry) -> dict[str, Any]:
    """Name and scores, undefined ones with their reason."""
    edges = entry.report["edges"]
    reasons = {key: value for key, value in edges.items() if key.endswith("_reason")}
    scores = {name: edges[name] for name in _SCORES}
    return {"name": entry.name, **scores, **reasons, "intervals": edges["intervals"]}


def _compare_with_best(entry: Entry, best: Entry) -> dict[str, Any]:
    """The block "difference"."""
    if entry is best:
        return undefined("difference", "it is the best itself")
    directed = bool(best.report["edges"]["directed"])
    test = paired_test(best.truth, entry.predicted, best.predicted, directed=directed)
    return {"difference": test.to_dict()}


def _adjust_differences(rows: Sequence[dict[str, Any]]) -> None:
    """Add `p_value_holm` to the differences in every score."""
    for score in ("precision", "recall", "f1"):
        tested = [row["difference"][score] for row in rows if row["difference"] is not None]
        for found in tested:
            if found["p_value"] is None:
                found |= undefined("p_value_holm", found["p_value_reason"])
        known = [found for found in tested if found["p_value"] is not None]
        for found, adjusted in zip(known, adjust_holm([found["p_value"] for found in known]), strict=True):
            found["p_value_holm"] = adjusted


def adjust_holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number: max over smaller ones of min(1, (m - rank) p), ranks from 0 [1]_.

    References
    ----------
    .. [1] S. Holm, Scand. J. Stat. 6 (1979) 65.

    Examples
    --------
    >>> adjust_holm([0.04, 0.01, 0.03])
    [0.06, 0.03, 0.06]
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, k in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[k]))
        adjusted[k] = largest
    return adjusted


def _write_verdict(rows: Sequence[dict[str, Any]]) -> str:
    """One sentence by rule: which is the best, and how many cannot be told from it."""
    best, others = rows[0], rows[1:]
    if best["f1"] is None:
        return f"None of {len(rows)} predictions has a defined F1: {best['f1_reason']}."
    if not others:
        return f"{best['name']} is the only prediction."
    lower = sum(_is_lower(row) for row in others)
    untested = sum(row["difference"]["f1"]["lower"] is None for row in others)
    doubt = f", {untested} cannot be compared with an interval" if untested else ""
    told = f"of the other {len(others)}, {lower} {'is' if lower == 1 else 'are'} lower by the whole interval"
    return f"{best['name']} has the highest F1 of {len(rows)} predictions; {told}{doubt}."


def _is_lower(row: dict[str, Any]) -> bool:
    """Whether the whole interval of the difference in F1 lies below 0."""
    upper = row["difference"]["f1"]["upper"]
    return upper is not None and upper < 0
