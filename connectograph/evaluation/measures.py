"""What one score hides, as blocks of report.json and tables: weights, thresholds, sweeps, baselines, neurons, motifs.

Conventions: pure; blocks are plain dictionaries, an undefined number or block is None with its reason beside it; the
same bytes for any number of workers, because the only randomness, that of random graphs, has a fixed seed.

Functions: :func:`measure_connectomes`, :func:`leave_out_measures`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._numbers import explain_missing
from connectograph.compare import (
    compare_baselines,
    compare_thresholds,
    compare_weights,
    spread_contacts,
    sweep_scores,
    threshold_surface,
)
from connectograph.compare.operating import choose_operating_points
from connectograph.degrees import compare_degrees, compare_neighbours, compare_paths, score_neurons, summarise_scores
from connectograph.degrees.intervals import partner_intervals
from connectograph.degrees.profiles import summarise_profiles
from connectograph.evaluation.content import undefined
from connectograph.graphs import AlignedEdges
from connectograph.motifs import compare_dyads, compare_motifs, compare_to_null, ratio_intervals
from connectograph.uncertainty import edge_intervals, ratio_interval

__all__ = ["MEASURE_SETTINGS", "Measures", "describe_intervals", "leave_out_measures", "measure_connectomes"]

_KS = (1, 2, 3, 5, 10)
_LEVEL, _RECALL = 0.95, 0.95
_N_NULLS, _NULL_SEED = 10, 0
_MAX_NULL_PAIRS = 50_000
"""Connected pairs up to which random graphs are drawn (some seconds)."""
_MAX_TRIAD_STEPS = 2 * 10**9
"""Sum over connected pairs of the smaller degree up to which triads are counted (some ten seconds)."""

MEASURE_SETTINGS = {
    "edge_thresholds": list(_KS),
    "interval_level": _LEVEL,
    "least_recall": _RECALL,
    "null_models": _N_NULLS,
    "null_seed": _NULL_SEED,
}
"""What decides these blocks besides the connectomes: part of the settings in report.json."""

_NO_PROFILE = "no neuron has a partner, or none has partners of different weight in both graphs"
_NO_CANDIDATES = "without a contactome nobody knows which other pairs might have been called connections"
_NULLS_BY_HAND = "connectograph.motifs.compare_to_null(truth, predicted, rng=...) compares with random graphs"


@dataclass(frozen=True, eq=False)
class Measures:
    """Blocks of report.json by key, and tables by name."""

    blocks: dict[str, Any]
    tables: dict[str, pd.DataFrame]


def leave_out_measures(reason: str) -> Measures:
    """All blocks null, with the reason.

    Examples
    --------
    >>> leave_out_measures("no prediction was given").blocks["weights_reason"]
    'no prediction was given'
    """
    names = ("weights", "thresholds", "sweep", "baselines", "neurons", "motifs")
    return Measures({key: value for name in names for key, value in undefined(name, reason).items()}, {})


def measure_connectomes(
    both: AlignedEdges, tables: Mapping[str, pd.DataFrame], *, draw_nulls: bool = False
) -> Measures:
    """Everything that is reported of two connectomes beside the score of their edges.

    Parameters
    ----------
    both : AlignedEdges
    tables : mapping of str to pandas.DataFrame
        "contactome", "links_truth", "links_predicted", "synapses_truth", "synapses_predicted", as far as there are any.
    draw_nulls : bool
        Whether motifs are compared with random graphs, if the connectomes are small enough.

    Returns
    -------
    Measures
        Blocks "weights", "thresholds", "sweep", "baselines", "neurons", "motifs"; tables "neurons" and, if synapses are
        known, "score_sweep".

    Examples
    --------
    >>> import networkx as nx
    >>> from connectograph.graphs import align
    >>> measures = measure_connectomes(align(nx.Graph([(1, 2), (2, 3)]), nx.Graph([(1, 2)])), {})
    >>> measures.blocks["weights"]["ruzicka"], measures.blocks["neurons"]["n_lost"], len(measures.tables["neurons"])
    (0.5, 1, 3)
    """
    scores = score_neurons(both)
    sweep, curve = _describe_sweep(tables)
    contactome = tables.get("contactome")
    blocks = {
        "weights": _describe_weights(both, tables),
        "thresholds": _describe_thresholds(both),
        **sweep,
        "baselines": compare_baselines(both, contactome=contactome).to_dict(),
        "neurons": _describe_neurons(both, scores),
        "motifs": {**_describe_motifs(both), **_describe_nulls(both, draw_nulls)},
    }
    return Measures(blocks, {"neurons": scores, **curve})


def describe_intervals(both: AlignedEdges, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Intervals of precision, recall and F1: for neurons and edges like these; with a contactome, also for these."""
    blocks = {"intervals": edge_intervals(both, level=_LEVEL).to_dict()}
    if "contactome" not in tables:
        return {**blocks, **undefined("intervals_these_edges", _NO_CANDIDATES)}
    given = edge_intervals(both, level=_LEVEL, candidates=tables["contactome"])
    return {**blocks, "intervals_these_edges": given.to_dict()}


def _describe_weights(both: AlignedEdges, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Agreement of weights, recall and precision in bins, and intervals of what are ratios of sums over pairs."""
    area = spread_contacts(both, tables["contactome"]) if "contactome" in tables else None
    size = _find_sizes(both, tables) if "links_truth" in tables else None
    common, either = np.minimum(both.truth, both.predicted), np.maximum(both.truth, both.predicted)
    ratios = {"precision": both.predicted, "recall": both.truth, "ruzicka": either}
    intervals = {
        name: ratio_interval(common, whole, both.source, both.target, both.directed, level=_LEVEL).to_dict()
        for name, whole in ratios.items()
    }
    return {**compare_weights(both, contact_area=area, synapse_size=size).to_dict(), "intervals": intervals}


def _describe_neurons(both: AlignedEdges, scores: pd.DataFrame) -> dict[str, Any]:
    """Scores and weights of single neurons, degrees, partners, neighbours, paths; intervals of two of these."""
    profiles = [explain_missing(row, dict.fromkeys(row, _NO_PROFILE)) for row in summarise_profiles(scores)]
    block = {
        "scores": _rows_of(summarise_scores(scores)),
        **compare_degrees(both).to_dict(),
        "profiles": profiles,
        "neighbours": compare_neighbours(both).to_dict(),
        "paths": compare_paths(both).to_dict(),
    }
    found = partner_intervals(both, level=_LEVEL)
    for row in block["overlaps"]:
        row["intervals"] = {"mean": found[f"{row['role']} {row['k']}"].to_dict()}
    for row in profiles:
        row["intervals"] = {"cosine_mean": found[f"{row['role']} cosine"].to_dict()}
    return block


def _find_sizes(both: AlignedEdges, tables: Mapping[str, pd.DataFrame]) -> npt.NDArray[np.float64]:
    """Voxels of the largest true synapse of each pair; NaN where the truth has none."""
    links, synapses = tables["links_truth"], tables["synapses_truth"]
    source, target = (np.searchsorted(both.nodes, links[end].to_numpy()) for end in ("source", "target"))
    n_voxels = synapses["n_voxels"].to_numpy()[np.searchsorted(synapses["synapse_id"], links["synapse_id"])]
    apart = source != target
    pairs = np.searchsorted(both.source << 32 | both.target, (source << 32 | target)[apart])
    largest = np.zeros(len(both.source), np.int64)
    np.maximum.at(largest, pairs, n_voxels[apart])
    return np.where(largest > 0, largest.astype(float), np.nan)


def _describe_thresholds(both: AlignedEdges) -> dict[str, Any]:
    """Scores at every number of synapses that makes an edge, the same on both sides and all combinations."""
    family = [
        {**score.to_dict(), "intervals": edge_intervals(both, threshold=score.k, level=_LEVEL).to_dict()}
        for score in compare_thresholds(both, ks=_KS)
    ]
    return {"family": family, "surface": threshold_surface(both, ks=_KS).to_dict()}


def _describe_sweep(tables: Mapping[str, pd.DataFrame]) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Scores over all thresholds of the synapses' score, or of their size where they have none; and the curve."""
    if "links_predicted" not in tables:
        return undefined("sweep", "connectomes were compared without their synapses"), {}
    by, links = _score_links(tables)
    curve = sweep_scores(tables["links_truth"], links)
    point = curve.at_recall(_RECALL)
    never = f"no threshold has a recall of {_RECALL}"
    choices = choose_operating_points(tables["links_truth"], links, (None, _RECALL))
    block = {
        "by": by,
        **curve.to_dict(),
        **({"at_recall": point.to_dict()} if point else undefined("at_recall", never)),
        "halves": {name: choice.to_dict() for name, choice in zip(("best_f1", "at_recall"), choices, strict=True)},
    }
    return {"sweep": block}, {"score_sweep": curve.to_table()}


def _score_links(tables: Mapping[str, pd.DataFrame]) -> tuple[str, pd.DataFrame]:
    """What predicted synapses are ranked by, and their links with it as the score."""
    links, synapses = tables["links_predicted"], tables["synapses_predicted"]
    if len(links) and links["score"].notna().all():
        return "score_max", links
    place = np.searchsorted(synapses["synapse_id"], links["synapse_id"])
    return "n_voxels", links.assign(score=synapses["n_voxels"].to_numpy(float)[place])


def _describe_motifs(both: AlignedEdges) -> dict[str, Any]:
    """Dyads of any connectome; triads and clustering where they can be counted in seconds."""
    degree = np.bincount(both.source, minlength=len(both.nodes)) + np.bincount(both.target, minlength=len(both.nodes))
    steps = int(np.minimum(degree[both.source], degree[both.target]).sum())
    if steps <= _MAX_TRIAD_STEPS:
        block = compare_motifs(both, quick=True).to_dict()
        intervals = ratio_intervals(both, level=_LEVEL)
        block["ratios"]["intervals"] = {name: interval.to_dict() for name, interval in intervals.items()}
        return block
    dyads = compare_dyads(both)
    reason = f"counting would take {steps} steps; connectograph.compare_motifs(truth, predicted) does it"
    names = ("truth", "predicted", "ratios", "log2_ratios", "census", "betweenness_spearman")
    return {
        "directed": both.directed,
        "n_nodes": len(both.nodes),
        "dyads": {state: {name: int(row[name]) for name in row.index} for state, row in dyads.iterrows()},
        **{key: value for name in names for key, value in undefined(name, reason).items()},
    }


def _describe_nulls(both: AlignedEdges, draw_nulls: bool) -> dict[str, Any]:
    """Motifs against random graphs, in small connectomes."""
    if not draw_nulls:
        return undefined("null_models", f"not part of an evaluation of volumes; {_NULLS_BY_HAND}")
    if len(both.source) > _MAX_NULL_PAIRS:
        return undefined("null_models", f"more than {_MAX_NULL_PAIRS} connected pairs; {_NULLS_BY_HAND}")
    rng = np.random.default_rng(_NULL_SEED)
    return {"null_models": compare_to_null(both, rng=rng, n=_N_NULLS).to_dict()}


def _rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table of numbers that are undefined where no neuron has an edge."""
    reasons = dict.fromkeys(map(str, table.columns), "no neuron has an edge, or a synapse in the truth")
    rows = table.astype(object).to_dict("records")
    return [explain_missing({str(name): value for name, value in row.items()}, reasons) for row in rows]
