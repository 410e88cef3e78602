"""Why connections are wrong and what to fix first, as blocks of report.json and tables.

Conventions: pure; an undefined number or block is None with its reason beside it; ids are strings.

Functions: :func:`explain_errors`, :func:`leave_out_causes`, :func:`match_by_place`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._numbers import divide, explain_missing
from connectograph.attribution import (
    OwnSegmentation,
    SegmentPieces,
    attribute_edges,
    attribute_links,
    blame_causes,
    blame_links,
    compare_line_graphs,
    count_causes,
    rank_fixes,
)
from connectograph.evaluation.content import undefined
from connectograph.evaluation.measures import Measures
from connectograph.matching import compare_partner_sites
from connectograph.tables import make_table

__all__ = ["MOST_FIXES", "explain_errors", "leave_out_causes", "match_by_place"]

MOST_FIXES = 1000
"""Fixes in the table."""

_FIRST = 20
"""Fixes in report.json."""
_GOALS = (0.8, 0.9, 0.95, 0.99, 1.0)
"""Values of F1 for which the number of fixes is given."""
_AXES = ("z_nm", "y_nm", "x_nm")
_BLOCKS = ("causes", "blame", "fixes", "line_graph")
_WHY = dict.fromkeys(("f1_lost", "f1", "gain"), "the truth has no edge")


def leave_out_causes(reason: str) -> dict[str, Any]:
    """All blocks null, with the reason.

    Examples
    --------
    >>> leave_out_causes("no prediction was given")["fixes_reason"]
    'no prediction was given'
    """
    return {key: value for name in _BLOCKS for key, value in undefined(name, reason).items()}


def explain_errors(
    tables: Mapping[str, pd.DataFrame],
    *,
    segmentation: OwnSegmentation | None = None,
    truth_in_predicted: pd.DataFrame | None = None,
    pieces: SegmentPieces | None = None,
) -> Measures:
    """Attribute every wrong link and edge, split the loss, and rank what to fix.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        "links_truth", "links_predicted", "synapse_matches", "edge_outcomes".
    segmentation : OwnSegmentation, optional
        If the prediction was linked in a segmentation of its own.
    truth_in_predicted : pandas.DataFrame, optional
        Then also the table "links" of the true synapses in the predicted segmentation.
    pieces : SegmentPieces, optional
        Then also what it takes to rank merges and splits of segments.

    Returns
    -------
    Measures
        Blocks "causes", "blame", "fixes", "line_graph"; tables "edge_outcomes" with `cause`, "link_outcomes", "fixes".

    Examples
    --------
    >>> from connectograph.tables import empty_table
    >>> names = {"links_truth": "links", "links_predicted": "links"}
    >>> nothing = {name: empty_table(names.get(name, name))
    ...            for name in (*names, "synapse_matches", "edge_outcomes")}
    >>> explain_errors(nothing).blocks["causes"]["n"]
    0
    """
    truth, predicted, matches = (tables[name] for name in ("links_truth", "links_predicted", "synapse_matches"))
    links = attribute_links(truth, predicted, matches, segmentation=segmentation)
    edges = attribute_edges(tables["edge_outcomes"], links)
    all_links = {"truth": truth, "predicted": predicted}
    if segmentation is not None and truth_in_predicted is not None:
        all_links |= {"predicted_in_truth": segmentation.links, "truth_in_predicted": truth_in_predicted}
    fixes = rank_fixes(truth, predicted, matches, pieces=pieces, most=MOST_FIXES)
    blocks = {
        "causes": _describe_causes(edges, links),
        "blame": blame_links(all_links, matches).to_dict(),
        "fixes": {**_describe_fixes(edges, fixes), **_explain_kinds(segmentation, pieces)},
        "line_graph": compare_line_graphs(truth, predicted, matches).to_dict(),
    }
    return Measures(blocks, {"edge_outcomes": edges, "link_outcomes": links, "fixes": fixes})


def match_by_place(truth: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    """Match synapses of two sites by the point between these, whatever segments they join.

    Parameters
    ----------
    truth, predicted : pandas.DataFrame
        The tables "synapse_points".

    Returns
    -------
    pandas.DataFrame
        `synapse_id_truth`, `synapse_id_predicted` (0: none), `n_voxels_truth`, `n_voxels_predicted` and the place, as
        in the table "synapse_matches"; matched at least total distance, up to that of CREMI's partner score.

    Examples
    --------
    >>> from connectograph.tables import empty_table
    >>> len(match_by_place(empty_table("synapse_points"), empty_table("synapse_points")))
    0
    """
    found = compare_partner_sites(_place_between(truth), _place_between(predicted)).cremi
    own = np.append(found.rows_truth, np.setdiff1d(np.arange(len(truth)), found.rows_truth))
    alone = np.setdiff1d(np.arange(len(predicted)), found.rows_predicted)
    # one more row, of zeros, for the position -1
    rows = {
        "truth": np.append(own, np.full(len(alone), -1)),
        "predicted": np.concatenate([found.rows_predicted, np.full(len(own) - len(found.rows_truth), -1), alone]),
    }
    points = {"truth": truth, "predicted": predicted}

    def pick(side: str, name: str) -> npt.NDArray[Any]:
        values = points[side][name].to_numpy()
        found_there: npt.NDArray[Any] = np.append(values, np.zeros(1, values.dtype))[rows[side]]
        return found_there

    columns = {f"{name}_{side}": pick(side, name) for name in ("synapse_id", "n_voxels") for side in rows}
    places = {axis: np.where(rows["truth"] < 0, pick("predicted", axis), pick("truth", axis)) for axis in _AXES}
    return pd.DataFrame({**columns, **places})


def _place_between(points: pd.DataFrame) -> pd.DataFrame:
    """The table "partner_sites" with both sites at the point between them, in the order of the rows."""
    middle = {axis: (points[f"pre_{axis}"] + points[f"post_{axis}"]).to_numpy() / 2 for axis in _AXES}
    number, same = np.arange(1, len(points) + 1), np.ones(len(points), np.int64)
    ids = {"pre_site_id": number, "post_site_id": number, "source": same, "target": same + 1}
    sites = {f"{end}_{axis}": values for end in ("pre", "post") for axis, values in middle.items()}
    return make_table("partner_sites", {**ids, **sites})


def _describe_causes(edges: pd.DataFrame, links: pd.DataFrame) -> dict[str, Any]:
    """Wrong edges by outcome and cause with the F1 that each costs, and wrong links."""
    blame = blame_causes(edges)
    wrong = edges[edges["outcome"] != "tp"]
    rows = []
    for name, lost in blame.parts.items():
        outcome, cause = name.split(" ")
        n = int(((wrong["outcome"] == outcome) & (wrong["cause"] == cause)).sum())
        rows.append({"outcome": outcome, "cause": cause, "n": n, **explain_missing({"f1_lost": lost}, _WHY)})
    return {
        "n": len(wrong),
        **explain_missing({"f1_lost": blame.loss}, _WHY),
        "edges": rows,
        "links": count_causes(links),
    }


def _describe_fixes(edges: pd.DataFrame, fixes: pd.DataFrame) -> dict[str, Any]:
    """How many fixes it takes to a number of goals, and the first of them."""
    counts = edges["outcome"].value_counts()
    tp, errors = int(counts.get("tp", 0)), len(edges) - int(counts.get("tp", 0))
    reached = [(goal, int((fixes["f1"] < goal).sum()) + 1) for goal in _GOALS if (fixes["f1"] >= goal).any()]
    return {
        **explain_missing({"f1": divide(2 * tp, 2 * tp + errors)}, {"f1": "neither graph has an edge"}),
        "n_listed": len(fixes),
        "most": MOST_FIXES,
        "to_reach": [{"f1": goal, "n_fixes": n} for goal, n in reached],
        "end": _describe_end(edges, fixes),
        "first": [_describe_fix(row) for row in fixes.head(_FIRST).to_dict("records")],
    }


def _describe_end(edges: pd.DataFrame, fixes: pd.DataFrame) -> dict[str, Any]:
    """Wrong edges that the fixes leave, and why they end there."""
    if len(fixes):
        left = {name: int(fixes[name].iloc[-1]) for name in ("fp", "fn")}
    else:
        left = {name: int((edges["outcome"] == name).sum()) for name in ("fp", "fn")}
    if not any(left.values()):
        return {**left, "why": "all_mended"}
    return {**left, "why": "capped" if len(fixes) == MOST_FIXES else "no_single_fix_gains"}


def _explain_kinds(segmentation: OwnSegmentation | None, pieces: SegmentPieces | None) -> dict[str, Any]:
    """Which fixes of a predicted segmentation are ranked; nothing if there is none."""
    if segmentation is None:
        return {}
    if pieces is not None:
        return {"segment_fixes": True}
    reason = "the partners of directed synapses are looked up at their sites, not at contacts of pieces of segments"
    return undefined("segment_fixes", reason)


def _describe_fix(row: Mapping[Any, Any]) -> dict[str, Any]:
    synapses, segments = (
        ("synapse_id_truth", "synapse_id_predicted"),
        ("true_segment", "predicted_segment", "into_segment"),
    )
    ids = (*synapses, *segments, "source", "target")
    counts = ("step", "n_links", "tp", "fp", "fn")
    return {
        "kind": str(row["kind"]),
        **{name: str(int(row[name])) for name in ids},
        **{name: int(row[name]) for name in counts},
        **explain_missing({name: float(row[name]) for name in ("gain", "f1")}, _WHY),
        **{axis: float(row[axis]) for axis in ("z_nm", "y_nm", "x_nm")},
    }
