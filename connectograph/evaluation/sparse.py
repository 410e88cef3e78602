"""An evaluation against a sparse truth: what it is restricted to, and of every measure whether it can be trusted.

Connections are scored between two proofread neurons only, where the truth is complete; so are links, graphs and every
measure made of these. What has a proofread end on one side only is counted, and bounded. See
:mod:`connectograph.compare.sparse`.

Functions: :func:`restrict_to_proofread`, :func:`judge_measures`, :func:`list_proofread`, :func:`keep_among`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.compare import ScoreBounds, SparseScore, bound_scores, compare_sparse
from connectograph.evaluation.content import describe_synapses, undefined
from connectograph.graphs import align
from connectograph.report import write_verdict
from connectograph.segments import kept_ids
from connectograph.tables import as_ids

__all__ = ["SparseTruth", "judge_measures", "keep_among", "list_proofread", "restrict_to_proofread"]

_Ids = npt.NDArray[np.uint64]

_PAIRS = {"contactome": ("segment_a", "segment_b")}
_PAIRS |= {f"{what}_{side}": ("source", "target") for what in ("links", "edges") for side in ("truth", "predicted")}
"""Tables of pairs of segments."""

_SAFE = (
    "edges", "weights", "thresholds", "sweep", "baselines", "neurons", "motifs", "types", "partner_sites", "causes",
    "blame", "fixes", "line_graph", "places",
)  # fmt: skip
_WHY_SAFE = "between proofread neurons every connection is known"
_WHY_BOUNDED = "true connections to a neuron that is not proofread may be missing from the truth"
_UNDEFINED = {
    "strict": "whether a synapse that joins no pair belongs to a proofread neuron is not known",
    "synapse_matching": "synapses of neurons that are not proofread may be missing from the truth",
    "clefts": "synapses of neurons that are not proofread may be missing from the truth",
    "segmentation_matching": "true segments that are not proofread may be split or merged themselves",
}
_WHY_SYNAPSES = "an unmatched synapse is false for certain only if all that it joins is proofread"


@dataclass(frozen=True, eq=False)
class SparseTruth:
    """Two connectomes between the proofread neurons.

    Attributes
    ----------
    tables : dict of str to pandas.DataFrame
        Those of pairs of segments hold pairs of two proofread neurons only; the others are as they were.
    whole : mapping of str to pandas.DataFrame
        All tables before that.
    nodes : pandas.DataFrame or array of uint64
        The proofread neurons that are kept.
    score : SparseScore
    n_listed : int
        Ids that were listed.
    """

    tables: dict[str, pd.DataFrame]
    whole: Mapping[str, pd.DataFrame]
    nodes: Any
    score: SparseScore
    n_listed: int


def list_proofread(proofread: Iterable[int], matches: pd.DataFrame | None = None) -> _Ids:
    """Ids of proofread neurons in the graphs, ascending.

    Parameters
    ----------
    proofread : iterable of int
        True ids.
    matches : pandas.DataFrame, optional
        The table "segment_matches", if the prediction has a segmentation of its own: a predicted segment without a
        match that lies mostly in a proofread neuron is known to be a part of it, so its pairs are known too.

    Returns
    -------
    (N,) array of uint64

    Examples
    --------
    >>> list_proofread([9, 4]).tolist()
    [4, 9]
    """
    ids = np.unique(as_ids(list(proofread), "proofread"))
    if matches is None:
        return ids
    parts = (matches["true_segment"] == 0) & matches["majority_segment"].isin(ids)
    return np.union1d(ids, matches.loc[parts, "segment_id"].to_numpy(np.uint64))


def keep_among(table: pd.DataFrame, ids: _Ids, ends: tuple[str, str] = ("source", "target")) -> pd.DataFrame:
    """Rows of which both ends are among the ids.

    Examples
    --------
    >>> keep_among(pd.DataFrame({"source": [1, 1], "target": [2, 3]}), np.array([1, 3])).values.tolist()
    [[1, 3]]
    """
    inside = table[ends[0]].isin(ids) & table[ends[1]].isin(ids)
    return table[inside].reset_index(drop=True)


def restrict_to_proofread(
    tables: Mapping[str, pd.DataFrame],
    nodes: pd.DataFrame | _Ids,
    proofread: Iterable[int],
    *,
    directed: bool = False,
    matches: pd.DataFrame | None = None,
) -> SparseTruth:
    """Leave only pairs of two proofread neurons, and count what is left out.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        "edges_truth", "edges_predicted", and what else there is.
    nodes : pandas.DataFrame or array of uint64
        The nodes of both graphs: the table "segments", or ids.
    proofread, matches
        As in :func:`list_proofread`.
    directed : bool

    Returns
    -------
    SparseTruth
    """
    listed, known = list_proofread(proofread), list_proofread(proofread, matches)
    kept = kept_ids(nodes) if isinstance(nodes, pd.DataFrame) else nodes
    both = align(tables["edges_truth"], tables["edges_predicted"], nodes=kept, directed=directed)
    among = {name: keep_among(tables[name], known, ends) for name, ends in _PAIRS.items() if name in tables}
    return SparseTruth(
        tables={**tables, **among},
        whole=dict(tables),
        nodes=_keep_nodes(nodes, known),
        score=compare_sparse(both, proofread=known.tolist()),
        n_listed=len(listed),
    )


def _keep_nodes(nodes: pd.DataFrame | _Ids, ids: _Ids) -> pd.DataFrame | _Ids:
    """The part of the nodes that is among the ids."""
    if isinstance(nodes, pd.DataFrame):
        return nodes[nodes["segment_id"].isin(ids)].reset_index(drop=True)
    return np.intersect1d(nodes, ids)


def judge_measures(report: Mapping[str, Any], sparse: SparseTruth) -> dict[str, Any]:
    """A report that says of every measure whether it is safe, bounded or undefined.

    Parameters
    ----------
    report : mapping
        report.json of the restricted tables.
    sparse : SparseTruth

    Returns
    -------
    dict
        With the block "proofread", with what is left out in "excluded", undefined blocks null, and a verdict that
        says so.
    """
    score = sparse.score
    left_out = {
        "truth_connections_not_proofread": score.n_excluded_truth,
        "predicted_connections_not_proofread": score.n_excluded_predicted,
    }
    judged = {
        **report,
        **{
            key: value
            for name, why in _UNDEFINED.items()
            if report.get(name)
            for key, value in undefined(name, why).items()
        },
        "excluded": {**report["excluded"], **left_out},
        "proofread": {"n_listed": sparse.n_listed, **score.to_dict(), "measures": _list_measures(report, sparse)},
    }
    if "synapses_truth" in sparse.whole:
        judged |= describe_synapses(sparse.whole)
    judged["verdict"] = write_verdict(judged)
    return judged


def _list_measures(report: Mapping[str, Any], sparse: SparseTruth) -> list[dict[str, Any]]:
    """Every block that is shown, and scores of what is known in part."""
    score = sparse.score
    rows = [{"measure": name, "validity": "safe", "reason": _WHY_SAFE} for name in _SAFE if report.get(name)]
    for name, bounds in (("precision", score.precision), ("recall", score.recall), ("f1", score.f1)):
        rows.append(_bounded(f"{name}_with_a_proofread_end", bounds, _WHY_BOUNDED))
    if "synapse_matches" in sparse.tables:
        rows.append(_bounded("synapse_precision", _bound_synapses(sparse), _WHY_SYNAPSES))
    undefined_rows = ((name, why) for name, why in _UNDEFINED.items() if report.get(name))
    return rows + [{"measure": name, "validity": "undefined", "reason": why} for name, why in undefined_rows]


def _bounded(measure: str, bounds: ScoreBounds, reason: str) -> dict[str, Any]:
    return {"measure": measure, "validity": "bounded", **bounds.to_dict(), "reason": reason}


def _bound_synapses(sparse: SparseTruth) -> ScoreBounds:
    """Share of true ones among the predicted synapses."""
    matches, links, among = sparse.tables["synapse_matches"], sparse.whole["links_predicted"], sparse.tables
    predicted = matches[matches["synapse_id_predicted"] != 0]
    matched = set(predicted.loc[predicted["synapse_id_truth"] != 0, "synapse_id_predicted"])
    inside = among["links_predicted"]["synapse_id"].value_counts()
    n_links = links["synapse_id"].value_counts()
    closed = set(inside.index[inside == n_links.reindex(inside.index)]) - matched
    n_open = predicted["synapse_id_predicted"].nunique() - len(matched) - len(closed)
    return bound_scores(len(matched), len(closed), 0, n_open=n_open, n_unseen=0)["precision"]
