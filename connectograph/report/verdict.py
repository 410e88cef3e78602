"""The verdict: one sentence by rule, with the numbers it rests on and what was left out of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectograph.report.contents import block_of, reason_of
from connectograph.report.exclusions import SIDES, list_single, noun_of
from connectograph.report.wording import count_of, format_interval, format_share, join_words

__all__ = ["write_verdict"]


def write_verdict(report: Mapping[str, Any]) -> str:
    """The verdict sentence, by rule from the numbers of report.json.

    Parameters
    ----------
    report : mapping
        report.json; "edges", "excluded", "synapses" may be None with a reason beside them.

    Returns
    -------
    str
        One sentence without any judgement of taste: what is found, what is false, what was not counted.

    Examples
    --------
    >>> write_verdict({"edges": {"tp": 9, "fp": 3, "fn": 1}, "excluded": {"segments_listed": 0}})
    'Recovers 90.0 % of 10 true connections, but 25.0 % of 12 predicted connections are false; nothing was excluded.'

    Where there are intervals, they stand behind the shares:

    >>> recall = {"lower": 0.96, "upper": 0.985, "level": 0.95}
    >>> edges = {"tp": 98, "fp": 0, "fn": 2, "intervals": {"recall": recall}}
    >>> write_verdict({"edges": edges, "excluded": {}}).split(", ")[0]
    'Recovers 98.0 % (95 % interval 96.0 % to 98.5 %) of 100 true connections'
    """
    edges = report.get("edges")
    finding = _describe_score(edges) if edges else _describe_truth(report)
    sparse = report.get("proofread")
    if sparse:
        finding = _describe_proofread(sparse, finding)
    return f"{finding}; {_describe_exclusions(report)}."


def _describe_proofread(sparse: Mapping[str, Any], finding: str) -> str:
    """Among whom it was scored, and what is known of their other connections."""
    among = f"Among {count_of(sparse['n_neurons'], 'proofread neuron{s}')}: {finding[:1].lower()}{finding[1:]}"
    limits = sparse["bounds"]["precision"]
    if limits["lower"] is None:
        return among
    lower, upper = (f"{100 * limits[name]:.1f} %" for name in ("lower", "upper"))
    return f"{among}; of all their predicted connections between {lower} and {upper} are true"


def _describe_score(edges: Mapping[str, Any]) -> str:
    tp, fp, fn = (int(edges[name]) for name in ("tp", "fp", "fn"))
    found, false = (_limits(edges, name) for name in ("recall", "precision"))
    if not tp + fp + fn:
        return "Neither the truth nor the prediction has a connection, so no score is defined"
    if not tp + fn:
        return f"The truth has no connection, so recall is not defined and {_false_part(tp, fp, false)}"
    if not tp + fp:
        return f"The prediction has no connection, so precision is not defined and {_missed_part(fn)}"
    if not fp and not fn:
        return f"Recovers {_found_part(tp, fn, found)} and predicts no false one"
    joint = "but" if fp and 2 * tp >= tp + fn else "and"
    return f"Recovers {_found_part(tp, fn, found)}, {joint} {_false_part(tp, fp, false)}"


def _limits(edges: Mapping[str, Any], name: str) -> str:
    """The interval of the recall, or of the false share, in brackets; '' where there is none."""
    interval = block_of(edges, "intervals").get(name) or {}
    limits = format_interval(interval, percent=True, rest=name == "precision")
    return f" ({100 * interval['level']:g} % interval {limits})" if limits else ""


def _found_part(tp: int, fn: int, limits: str) -> str:
    total = count_of(tp + fn, "true connection{s}")
    if tp == 0:
        return "not one true connection of 1" if fn == 1 else f"none of {total}"
    if fn == 0:
        return "the only true connection" if tp == 1 else f"all {total}"
    return f"{format_share(tp, tp + fn)}{limits} of {total}"


def _missed_part(fn: int) -> str:
    return "the only true connection is missed" if fn == 1 else f"all {count_of(fn, 'true connection{s}')} are missed"


def _false_part(tp: int, fp: int, limits: str) -> str:
    total = count_of(tp + fp, "predicted connection{s}")
    if fp == 0:
        return f"none of {total} is false" if tp > 1 else "the only predicted connection is true"
    if tp == 0:
        return "the only predicted connection is false" if fp == 1 else f"all {total} are false"
    return f"{format_share(fp, tp + fp)}{limits} of {total} are false"


def _describe_truth(report: Mapping[str, Any]) -> str:
    """What can be said when nothing was compared."""
    synapses, nodes = block_of(report, "synapses"), block_of(report, "nodes")
    sentence = f"Nothing was compared, because {reason_of(report, 'edges')}"
    if synapses.get("n_truth") is None or nodes.get("n_segments") is None:
        return sentence
    held = f"{count_of(synapses['n_truth'], 'synapse{s}')} and {count_of(nodes['n_segments'], 'segment{s}')}"
    return f"{sentence}; the truth holds {held}"


def _describe_exclusions(report: Mapping[str, Any]) -> str:
    excluded = report.get("excluded")
    if excluded is None:
        return f"what was excluded is not known, because {reason_of(report, 'excluded')}"
    parts = [_describe_unattached(excluded, block_of(report, "synapses")), _describe_pairs(excluded)]
    parts.append(_both(excluded, "{}_connections_not_proofread", "connection{s} with an end that is not proofread"))
    parts += [count_of(count, noun_of(key)) for key, count in list_single(excluded).items() if count]
    parts.append(_both(block_of(report, "edges"), "autapses_{}", "autapse{s} (a segment joined with itself)"))
    parts = [part for part in parts if part]
    return f"not counted: {join_words(parts)}" if parts else "nothing was excluded"


def _describe_unattached(excluded: Mapping[str, Any], synapses: Mapping[str, Any]) -> str:
    return _both(excluded, "{}_synapses_unattached", "synapse{s} attached to no pair of segments", synapses)


def _describe_pairs(excluded: Mapping[str, Any]) -> str:
    return _both(excluded, "{}_pairs_filtered", "contact pair{s} with a filtered segment")


def _both(numbers: Mapping[str, Any], key: str, noun: str, totals: Mapping[str, Any] | None = None) -> str:
    """Counts of both sides with one noun: "2 of 120 true and 4 predicted synapses ..."; '' if both are 0."""
    counts = {side: int(numbers.get(key.format(side)) or 0) for side in SIDES}
    parts = []
    for side, adjective in (("truth", "true"), ("predicted", "predicted")):
        total = (totals or {}).get(f"n_{side}")
        of_total = f" of {total:,}" if total else ""
        parts += [f"{counts[side]:,}{of_total} {adjective}"] if counts[side] else []
    single = sum(counts.values()) == 1 and not any((totals or {}).get(f"n_{side}") for side in counts)
    return f"{' and '.join(parts)} {noun.format(s='' if single else 's')}" if parts else ""
