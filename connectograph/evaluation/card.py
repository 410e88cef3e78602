"""The report card: is a predicted connectome good enough for a purpose, by limits that the user sets?

A card is a TOML file of purposes, each with measures of report.json and their limits; ``templates/card.toml`` is the
default and explains the form. The verdict is pass, fail or inconclusive by the interval, never by the point.

Functions: :func:`judge_report`, :func:`read_card`, :func:`recall_card`, :func:`add_card`.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

from connectograph._numbers import explain_missing
from connectograph.errors import InputError
from connectograph.evaluation.result import Evaluation

__all__ = ["Card", "add_card", "judge_report", "read_card", "recall_card"]

Limits: TypeAlias = dict[str, float]
Card: TypeAlias = dict[str, dict[str, Limits]]
"""Purpose to measure to limits, "at_least" and "at_most"."""

_LIMITS = ("at_least", "at_most")
_BLOCKS = (
    "nodes", "edges", "strict", "excluded", "synapses",
    "weights", "thresholds", "sweep", "baselines", "neurons", "motifs", "types",
)  # fmt: skip
_PART = re.compile(r"(\w+)(?:\[(\w+=[^\],=]+(?:,\w+=[^\],=]+)*)\])?")
_NO_INTERVAL = "report.json has no interval of it"


@dataclass(frozen=True)
class _Found:
    """A number of report.json with its interval, or why there is none; NaN for what is missing."""

    value: float = math.nan
    lower: float = math.nan
    upper: float = math.nan
    reason: str = ""


def judge_report(report: Mapping[str, Any], *, card: str | Path | Card | None = None) -> dict[str, Any]:
    """Judge a report by a report card.

    Parameters
    ----------
    report : mapping
        report.json, such as ``evaluation.report``.
    card : path or dict, optional
        A TOML file, or its content: purpose to measure to ``{"at_least": number, "at_most": number}``. By default the
        card that comes with connectograph.

    Returns
    -------
    dict
        "purposes": for each `purpose` its `verdict` and `measures`: `measure`, limits, `value`, `lower`, `upper` and
        the `verdict`: "pass" if the whole interval keeps the limits, "fail" if the whole interval breaks one of them,
        otherwise "inconclusive" with `verdict_reason`. A purpose fails if a measure fails and passes if all pass.

    Raises
    ------
    InputError
        If the card cannot be read, or a part of it is no purpose, measure or limit.

    Examples
    --------
    >>> edges = {"recall": 0.9, "intervals": {"recall": {"lower": 0.85, "upper": 0.94}}}
    >>> for least in (0.8, 0.9, 0.95):
    ...     card = {"pathway existence": {"edges.recall": {"at_least": least}}}
    ...     print(judge_report({"edges": edges}, card=card)["purposes"][0]["verdict"])
    pass
    inconclusive
    fail
    """
    checked = _check_card(card, "card") if isinstance(card, dict) else read_card(card)
    return {"purposes": [_judge_purpose(report, purpose, measures) for purpose, measures in checked.items()]}


def read_card(path: str | Path | None = None) -> Card:
    """The purposes of a TOML file, checked; without a path those of the default card.

    Raises
    ------
    InputError
        If the file cannot be read, is no TOML, or a part of it is no purpose, measure or limit.

    Examples
    --------
    >>> list(read_card())
    ['pathway existence', 'partner ranking', 'motif science', 'simulation', 'proofreading']
    """
    where = "the default card" if path is None else str(path)
    source = resources.files("connectograph") / "templates" / "card.toml" if path is None else Path(path)
    try:
        content = tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{where} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # neither text nor TOML
        raise InputError(f"{where} is no report card in TOML: {error}.") from error
    return _check_card(content, where)


def add_card(evaluation: Evaluation, card: Card) -> Evaluation:
    """The evaluation with the block "card" in its report."""
    return replace(evaluation, report={**evaluation.report, "card": judge_report(evaluation.report, card=card)})


def recall_card(block: Mapping[str, Any]) -> Card:
    """The card behind the block "card" of a report.json.

    Examples
    --------
    >>> recall_card(judge_report({}, card={"counting": {"nodes.n_segments": {"at_least": 3}}}))
    {'counting': {'nodes.n_segments': {'at_least': 3.0}}}
    """
    return {
        judged["purpose"]: {
            found["measure"]: {name: found[name] for name in _LIMITS if name in found} for found in judged["measures"]
        }
        for judged in block["purposes"]
    }


def _check_card(content: Mapping[str, Any], where: str) -> Card:
    """A card whose every part was looked at."""
    if not content:
        raise InputError(f'{where} holds no purpose; expected tables such as ["pathway existence"].')
    return {purpose: _check_purpose(measures, f"{where}, {purpose!r}") for purpose, measures in content.items()}


def _check_purpose(measures: Any, where: str) -> dict[str, Limits]:
    if not isinstance(measures, dict) or not measures:
        raise InputError(f'{where} holds no measures; expected lines such as "edges.recall" = {{ at_least = 0.9 }}.')
    return {measure: _check_measure(measure, limits, where) for measure, limits in measures.items()}


def _check_measure(measure: str, limits: Any, where: str) -> Limits:
    if not re.fullmatch(rf"{_PART.pattern}(\.{_PART.pattern})+", measure) or measure.split(".")[0] not in _BLOCKS:
        raise InputError(
            f"{where}: {measure!r} is no measure; expected a number of report.json, such as edges.recall or "
            f"thresholds.family[k=5].recall, in one of the blocks {', '.join(_BLOCKS)}. A name with dots needs quotes."
        )
    numbers = isinstance(limits, dict) and all(type(limit) in (int, float) for limit in limits.values())
    if not numbers or not limits or not set(limits) <= set(_LIMITS) or not all(map(math.isfinite, limits.values())):
        raise InputError(
            f"{where}: {measure!r} has the limits {limits!r}; expected {{ at_least = number }}, at_most, or both."
        )
    if limits.get("at_least", -math.inf) > limits.get("at_most", math.inf):
        raise InputError(
            f"{where}: {measure!r} is to be at least {limits['at_least']} and at most {limits['at_most']}."
        )
    return {name: float(limits[name]) for name in _LIMITS if name in limits}


def _judge_purpose(report: Mapping[str, Any], purpose: str, measures: Mapping[str, Limits]) -> dict[str, Any]:
    judged = [_judge_measure(report, measure, limits) for measure, limits in measures.items()]
    verdicts = {each["verdict"] for each in judged}
    verdict = "fail" if "fail" in verdicts else "pass" if verdicts == {"pass"} else "inconclusive"
    return {"purpose": purpose, "verdict": verdict, "measures": judged}


def _judge_measure(report: Mapping[str, Any], measure: str, limits: Limits) -> dict[str, Any]:
    """One measure with its limits, interval and verdict."""
    found = _find(report, measure)
    numbers = {name: getattr(found, name) for name in ("value", "lower", "upper")}
    known = explain_missing(numbers, dict.fromkeys(numbers, found.reason))
    return {"measure": measure, **limits, **known, **_judge(found, limits)}


def _judge(found: _Found, limits: Limits) -> dict[str, str]:
    """The verdict, and why it is none."""
    least, most = limits.get("at_least", -math.inf), limits.get("at_most", math.inf)
    if math.isnan(found.lower) or math.isnan(found.upper):
        return {"verdict": "inconclusive", "verdict_reason": found.reason}
    if least <= found.lower and found.upper <= most:
        return {"verdict": "pass"}
    if found.upper < least or most < found.lower:
        return {"verdict": "fail"}
    return {"verdict": "inconclusive", "verdict_reason": "the interval holds a limit"}


def _find(report: Mapping[str, Any], measure: str) -> _Found:
    """The number that a measure names, and its interval: its own, or the one in the "intervals" beside it."""
    block: Any = report
    for key, chosen in _PART.findall(measure):
        beside, name = block, key
        if not isinstance(block, Mapping) or key not in block:
            return _Found(reason=f"report.json has no {measure!r}")
        block = block[key]
        if chosen and block is not None:
            block = _choose(block, chosen)
        if block is None:
            return _Found(reason=str(beside.get(f"{key}_reason") or f"report.json has no {measure!r}"))
    interval = block if isinstance(block, Mapping) else (beside.get("intervals") or {}).get(name) or {}
    value: Any = interval.get("value") if isinstance(block, Mapping) else block
    if type(value) not in (int, float):
        return _Found(reason=f"{measure!r} is no number in report.json")
    lower, upper = interval.get("lower"), interval.get("upper")
    if lower is None or upper is None:
        return _Found(float(value), reason=str(interval.get("lower_reason") or _NO_INTERVAL))
    return _Found(float(value), float(lower), float(upper))


def _choose(items: Any, chosen: str) -> Any:
    """The item of a list that has the given keys; None if there is none."""
    if not isinstance(items, list):
        return None
    wanted = dict(pair.split("=") for pair in chosen.split(","))
    rows = (item for item in items if isinstance(item, Mapping))
    return next((row for row in rows if all(str(row.get(key)) == value for key, value in wanted.items())), None)
