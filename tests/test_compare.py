"""Scores of one connectome against another."""

from __future__ import annotations

import json
import math

import networkx as nx
import numpy as np
import pytest
from cases import BY_NAME, CASES
from hypothesis import given
from hypothesis import strategies as st

from connectograph import EdgeScore, InputError, align, compare_edges, edges_of, list_edge_outcomes, score_counts

counts = st.integers(0, 10**6)
some_edges = st.dictionaries(st.tuples(st.integers(1, 6), st.integers(1, 6)), st.integers(1, 5), max_size=15)
by_name = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def graph_of(weights, directed):
    graph = nx.DiGraph() if directed else nx.Graph()
    for (a, b), n in weights.items():
        graph.add_edge(a, b, n_synapses=n)
    return graph


@by_name
def test_counts_made_by_hand(case):
    truth, predicted = case.graphs()
    expected = EdgeScore(case.tp, case.fp, case.fn)
    assert compare_edges(truth, predicted) == expected
    assert compare_edges(align(truth, predicted)) == expected
    if not case.directed:
        assert compare_edges(edges_of(truth), edges_of(predicted)) == expected
    assert compare_edges(predicted, truth) == EdgeScore(case.tp, case.fn, case.fp)
    assert compare_edges(truth, truth) == EdgeScore(case.tp + case.fn, 0, 0)


@by_name
def test_outcomes_are_the_score_pair_by_pair(case):
    truth, predicted = case.graphs()
    outcomes = list_edge_outcomes(truth, predicted)
    found = outcomes["outcome"].value_counts()
    assert [found.get(name, 0) for name in ("tp", "fp", "fn")] == [case.tp, case.fp, case.fn]
    for row in outcomes.itertuples():
        assert (row.n_synapses_truth > 0) == truth.has_edge(row.source, row.target) == (row.outcome != "fp")
        assert (row.n_synapses_predicted > 0) == predicted.has_edge(row.source, row.target) == (row.outcome != "fn")
    assert (outcomes["source"] != outcomes["target"]).all()
    assert (outcomes["cause"] == "").all()


@by_name
def test_graphs_given_are_not_changed(case):
    truth, predicted = case.graphs()
    before = [(dict(g.nodes(data=True)), list(g.edges(data=True)), dict(g.graph)) for g in case.graphs()]
    compare_edges(truth, predicted)
    list_edge_outcomes(truth, predicted)
    assert [(dict(g.nodes(data=True)), list(g.edges(data=True)), dict(g.graph)) for g in (truth, predicted)] == before


def test_the_formulas_by_hand():
    score = score_counts(3, 1, 2)
    assert (score.precision, score.recall, score.f1) == (3 / 4, 3 / 5, 6 / 9)
    assert (score.n_truth, score.n_predicted) == (5, 4)
    assert score.to_dict() == {"tp": 3, "fp": 1, "fn": 2, "precision": 0.75, "recall": 0.6, "f1": 6 / 9}


@given(counts, counts, counts)
def test_scores_lie_between_0_and_1_and_f1_between_them(tp, fp, fn):
    score = score_counts(tp, fp, fn)
    if tp:
        low, high = sorted((score.precision, score.recall))
        assert 0 < low <= high <= 1
        assert low * (1 - 1e-12) <= score.f1 <= high * (1 + 1e-12)
        assert math.isclose(score.f1, 2 / (1 / score.precision + 1 / score.recall))
    else:
        assert [v for v in (score.precision, score.recall, score.f1) if not math.isnan(v)] == [0.0] * (
            (fp > 0) + (fn > 0) + (fp + fn > 0)
        )


@pytest.mark.parametrize(
    ("name", "defined"),
    [
        ("empty_truth", {"precision": 0.0, "f1": 0.0}),
        ("empty_predicted", {"recall": 0.0, "f1": 0.0}),
        ("both_empty", {}),
    ],
)
def test_nothing_by_nothing_is_undefined_with_a_reason(name, defined):
    values = compare_edges(*BY_NAME[name].graphs()).to_dict()
    for key in ("precision", "recall", "f1"):
        assert values[key] == defined.get(key)
        assert (f"{key}_reason" in values) == (key not in defined)
    json.dumps(values, allow_nan=False)


@given(some_edges, some_edges, st.booleans(), st.integers(1, 4))
def test_a_threshold_is_the_same_as_dropping_weaker_edges(truth, predicted, directed, threshold):
    graphs = [graph_of(weights, directed) for weights in (truth, predicted)]
    strong = [
        graph_of({pair: n for pair, n in ((e[:2], e[2]["n_synapses"]) for e in g.edges(data=True)) if n >= threshold},
                 directed)
        for g in graphs
    ]  # fmt: skip
    assert compare_edges(*graphs, threshold=threshold) == compare_edges(*strong)


@given(some_edges, some_edges, st.booleans())
def test_losing_a_true_edge_never_raises_recall(truth, predicted, directed):
    before = [graph_of(weights, directed) for weights in (truth, predicted)]
    whole = compare_edges(*before)
    for pair in list(before[1].edges):
        fewer = before[1].copy()
        fewer.remove_edge(*pair)
        part = compare_edges(before[0], fewer)
        assert part.tp <= whole.tp
        assert part.fp <= whole.fp
        assert part.n_truth == whole.n_truth


@given(some_edges, some_edges, st.booleans())
def test_names_of_neurons_do_not_matter(truth, predicted, directed):
    names = dict(zip(range(1, 7), [2**53 + 1, 2**53, 2**64 - 3, 1, 2**63, 2**63 + 1], strict=True))
    graphs = [graph_of(weights, directed) for weights in (truth, predicted)]
    renamed = [nx.relabel_nodes(graph, names) for graph in graphs]
    assert compare_edges(*graphs) == compare_edges(*renamed)


def test_errors_lie_where_their_graph_has_them():
    truth = nx.Graph([(1, 2, {"z_nm": 1.0, "y_nm": 2.0, "x_nm": 3.0}), (2, 3, {"z_nm": 4.0, "y_nm": 5.0, "x_nm": 6.0})])
    predicted = nx.Graph([(1, 2, {"z_nm": 7.0, "y_nm": 7.0, "x_nm": 7.0}), (1, 2**64 - 3, {"z_nm": 8.0, "x_nm": 9.0})])
    table = list_edge_outcomes(truth, predicted)
    assert table["outcome"].tolist() == ["tp", "fp", "fn"]
    assert table["z_nm"].tolist() == [1.0, 8.0, 4.0]
    assert table["target"].tolist() == [2, 2**64 - 3, 3]
    assert np.isnan(table["y_nm"][1])


@pytest.mark.parametrize("wrong", [(-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_counts_are_not_negative(wrong):
    with pytest.raises(InputError, match="expected 0 or more"):
        score_counts(*wrong)


def test_a_threshold_is_at_least_one_synapse():
    with pytest.raises(InputError, match="threshold is 0"):
        compare_edges(nx.Graph(), nx.Graph(), threshold=0)


def test_one_graph_is_not_enough():
    with pytest.raises(TypeError, match="two graphs"):
        compare_edges(nx.Graph())


def test_undirected_scores_are_blind_to_direction():
    """Of 25 arrows 4 are turned round: nothing is wrong without direction, 4 are lost and 4 invented with it."""
    edges = [(a, a + 1) for a in range(1, 26)]
    truth, predicted = nx.DiGraph(edges), nx.DiGraph([*edges[4:], *((b, a) for a, b in edges[:4])])
    assert compare_edges(truth, predicted) == EdgeScore(21, 4, 4)
    assert compare_edges(truth, predicted).f1 == pytest.approx(0.84)
    assert compare_edges(truth.to_undirected(), predicted.to_undirected()).f1 == 1
