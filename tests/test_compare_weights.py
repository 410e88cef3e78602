"""Agreement of weights."""

from __future__ import annotations

import json
import math
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from cases import CASES
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import braycurtis
from scipy.stats import spearmanr

from connectograph import InputError, align, compare_connectomes, edges_of
from connectograph.compare import compare_weights

CALYX = Path(__file__).resolve().parents[2] / "shared" / "data" / "synful_calyx"
weights = st.dictionaries(st.tuples(st.integers(1, 6), st.integers(7, 12)), st.integers(1, 60), max_size=20)
SCORES = ("ruzicka", "precision", "recall", "f1", "count_ratio", "spearman", "concordance")


def graph_of(pairs, directed=True):
    graph = nx.DiGraph() if directed else nx.Graph()
    for (a, b), n in pairs.items():
        graph.add_edge(a, b, n_synapses=n)
    return graph


def by_hand(truth, predicted):
    """Both weights of every pair of either graph."""
    pairs = sorted({*truth, *predicted})
    return np.array([[side.get(pair, 0) for pair in pairs] for side in (truth, predicted)], float).reshape(2, -1)


def test_counted_by_hand():
    score = compare_weights(graph_of({(1, 2): 6, (2, 3): 1}), graph_of({(1, 2): 4, (1, 3): 5}))
    assert (score.n_pairs, score.total_truth, score.total_predicted, score.total_common) == (3, 7, 9, 4)
    assert (score.ruzicka, score.precision, score.recall, score.f1) == (4 / 12, 4 / 9, 4 / 7, 8 / 16)
    assert score.count_ratio == 9 / 7
    x, y = np.log([7, 1, 2]), np.log([5, 6, 1])
    covariance = ((x - x.mean()) * (y - y.mean())).mean()
    assert math.isclose(score.concordance, 2 * covariance / (x.var() + y.var() + (x.mean() - y.mean()) ** 2))


@settings(max_examples=40)
@given(weights, weights)
def test_other_programs_find_the_same(truth, predicted):
    score = compare_weights(graph_of(truth), graph_of(predicted))
    left, right = by_hand(truth, predicted)
    total = left.sum() + right.sum()
    assert math.isclose(score.f1, 1 - braycurtis(left, right)) if total else math.isnan(score.f1)
    if total:
        assert math.isclose(score.ruzicka, np.minimum(left, right).sum() / np.maximum(left, right).sum())
    if len(np.unique(left)) > 1 and len(np.unique(right)) > 1:
        assert math.isclose(score.spearman, spearmanr(left, right).statistic, abs_tol=1e-12)
    else:
        assert math.isnan(score.spearman)


@settings(max_examples=40)
@given(weights, weights, st.booleans())
def test_contracts(truth, predicted, directed):
    graphs = [graph_of(pairs, directed) for pairs in (truth, predicted)]
    score, swapped = compare_weights(*graphs), compare_weights(*graphs[::-1])
    names = {node: 2**64 - 3 - node for node in range(1, 13)}
    renamed = compare_weights(*(nx.relabel_nodes(graph, names) for graph in graphs))
    same = compare_weights(graphs[0], graphs[0])
    for name in SCORES:
        assert np.isclose(getattr(score, name), getattr(renamed, name), equal_nan=True, rtol=1e-12)
    for one, other in (("precision", "recall"), ("ruzicka", "ruzicka"), ("spearman", "spearman"), ("f1", "f1")):
        assert np.isclose(getattr(score, one), getattr(swapped, other), equal_nan=True)
    expected = [1.0] * 5 if truth else [math.nan] * 5
    assert np.array_equal([getattr(same, name) for name in SCORES[:5]], expected, equal_nan=True)
    json.dumps(score.to_dict(), allow_nan=False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_named_cases(case):
    truth, predicted = case.graphs()
    before = [sorted(graph.edges(data=True)) for graph in (truth, predicted)]
    score = compare_weights(truth, predicted)
    assert score == compare_weights(align(truth, predicted))
    if not case.directed:
        assert score == compare_weights(edges_of(truth), edges_of(predicted))
    assert score.n_pairs == case.tp + case.fp + case.fn
    for strata, n_edges in zip(score.strata, (case.tp + case.fn, case.tp + case.fp), strict=True):
        assert sum(part.n_edges for part in strata.bins) == n_edges
        assert sum(part.n_correct for part in strata.bins) == case.tp
    assert [sorted(graph.edges(data=True)) for graph in (truth, predicted)] == before


def test_undefined_numbers_have_their_reason():
    empty = compare_weights(nx.Graph(), nx.Graph()).to_dict()
    assert all(empty[name] is None and empty[f"{name}_reason"] for name in SCORES)
    equal = compare_weights(nx.Graph([(1, 2), (2, 3)]), nx.Graph([(1, 2), (2, 3)])).to_dict()
    assert equal["spearman_reason"] == "a graph has fewer than two different weights"
    assert equal["concordance_reason"] == "all weights are equal"
    assert equal["ruzicka"] == 1
    assert equal["strata"][0]["bins"][1]["share_reason"] == "the bin holds no edge"


def test_bins_of_weights():
    truth = {(1, n): weight for n, weight in enumerate((1, 2, 3, 4, 5, 9, 10, 19, 20, 49, 50, 10**6), 2)}
    predicted = {pair: 1 for pair, weight in truth.items() if weight % 2}
    recall, precision = compare_weights(graph_of(truth), graph_of(predicted)).strata
    assert (recall.measure, recall.by, precision.by) == ("recall", "truth_weight", "predicted_weight")
    assert [(part.lower, part.n_edges, part.n_correct) for part in recall.bins] == [
        (1, 1, 1), (2, 1, 0), (3, 2, 1), (5, 2, 2), (10, 2, 1), (20, 2, 1), (50, 2, 0)
    ]  # fmt: skip
    assert [part.n_edges for part in precision.bins] == [6, 0, 0, 0, 0, 0, 0]
    assert recall.bins[-1].to_dict() == {"lower": 50.0, "upper": None, "n_edges": 2, "n_correct": 0, "share": 0.0}


def test_bins_of_what_is_known_of_the_pairs():
    truth = {(1, n): 1 for n in range(2, 12)}
    both = align(graph_of(truth), graph_of({(1, n): 1 for n in range(7, 14)}))
    area = np.arange(1.0, 13.0)
    area[[0, 11]] = np.nan
    score = compare_weights(both, contact_area=area, synapse_size=area)
    assert [(s.measure, s.by) for s in score.strata[2:]] == [
        ("recall", "contact_area"), ("precision", "contact_area"), ("recall", "synapse_size")
    ]  # fmt: skip
    recall, precision = score.strata[2:4]
    assert [part.lower for part in recall.bins] == pytest.approx([2, 3.8, 5.6, 7.4, 9.2])
    assert [(part.n_edges, part.n_correct) for part in recall.bins] == [(2, 0), (2, 0), (2, 2), (2, 2), (1, 1)]
    assert (recall.n_unknown, precision.n_unknown) == (1, 1)
    assert sum(part.n_edges for part in precision.bins) == 6
    json.dumps(score.to_dict(), allow_nan=False)
    unknown = compare_weights(both, contact_area=np.full(12, np.nan)).strata[2]
    assert (unknown.bins, unknown.n_unknown) == ((), 10)


def test_areas_have_one_entry_for_each_pair():
    with pytest.raises(InputError, match=r"contact_area has shape \(3,\); expected one entry for each of 1 pairs"):
        compare_weights(nx.Graph([(1, 2)]), nx.Graph(), contact_area=[1, 2, 3])


@pytest.mark.skipif(not CALYX.is_dir(), reason="the calyx connectome is not part of the repository")
def test_calyx_connectome():
    files = (str(CALYX / f"{side}_counts.csv") for side in ("truth", "predicted"))
    tables = compare_connectomes(*files, directed=True).tables
    score = compare_weights(align(tables["edges_truth"], tables["edges_predicted"], directed=True))
    left, right = (np.loadtxt(CALYX / f"{side}_counts.csv", delimiter=",") for side in ("truth", "predicted"))
    assert (score.total_truth, score.total_predicted) == (left.sum(), right.sum())
    assert math.isclose(score.ruzicka, np.minimum(left, right).sum() / np.maximum(left, right).sum())
    either = (left > 0) | (right > 0)
    assert math.isclose(score.spearman, spearmanr(left[either], right[either]).statistic)
