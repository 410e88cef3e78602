"""A sparse truth: pairs by proofread ends, bounds that hold and are reached, and the whole way through the tool."""

from __future__ import annotations

import math
from itertools import combinations, permutations, product

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import connectograph as cg
from connectograph.compare import bound_scores, compare_edges, compare_sparse

SCORES = ("precision", "recall", "f1")


def graph_of(pairs, nodes, directed=False):
    graph = nx.DiGraph(pairs) if directed else nx.Graph(pairs)
    graph.add_nodes_from(nodes)
    return graph


@pytest.fixture(scope="module")
def by_hand():
    """Six neurons, 1 to 3 proofread.

    Both ends: 1-2 found, 1-3 missed, 2-3 false. One end: 1-4 found, 2-4 missed, 3-4 and 3-5 open, the other five pairs
    unseen. No end: 4-5 in both, 5-6 predicted.
    """
    truth = graph_of([(1, 2), (1, 3), (1, 4), (2, 4), (4, 5)], range(1, 7))
    predicted = graph_of([(1, 2), (2, 3), (1, 4), (3, 4), (3, 5), (4, 5), (5, 6)], range(1, 7))
    return truth, predicted


def test_counted_by_hand(by_hand):
    score = compare_sparse(*by_hand, proofread=[1, 2, 3])
    assert (score.known.tp, score.known.fp, score.known.fn) == (1, 1, 1)
    assert (score.found, score.missed, score.n_open, score.n_unseen) == (1, 1, 2, 5)
    assert (score.n_unscored_truth, score.n_unscored_predicted) == (1, 2)
    assert (score.n_excluded_truth, score.n_excluded_predicted) == (3, 5)
    assert (score.precision.lower, score.precision.upper) == (2 / 5, 4 / 5)
    assert (score.recall.lower, score.recall.upper) == (2 / 9, 4 / 6)
    assert (score.f1.lower, score.f1.upper) == (4 / (4 + 3 + 2 + 5), 8 / 11)


def test_all_proofread_is_the_ordinary_score(by_hand):
    score = compare_sparse(*by_hand, proofread=range(1, 7))
    plain = compare_edges(*by_hand)
    assert score.known == plain
    assert all(getattr(score, name).lower == getattr(score, name).upper == getattr(plain, name) for name in SCORES)
    assert score.n_excluded_truth == score.n_excluded_predicted == 0


def test_nobody_proofread_is_no_score(by_hand):
    score = compare_sparse(*by_hand, proofread=[])
    assert score.known.n_truth == score.known.n_predicted == 0
    assert math.isnan(score.precision.lower)
    assert score.to_dict()["bounds"]["f1"]["lower_reason"] == "no pair with a proofread end can be connected"


def completions(truth, predicted, proofread):
    """Every truth that holds the annotated connections and agrees on pairs of two proofread neurons."""
    pairs = (permutations if truth.is_directed() else combinations)(sorted(truth), 2)
    free = [p for p in pairs if len(proofread & set(p)) == 1 and not truth.has_edge(*p)]
    for chosen in product([False, True], repeat=len(free)):
        graph = truth.copy()
        graph.add_edges_from(p for p, there in zip(free, chosen, strict=True) if there)
        yield graph


def touching(graph, proofread):
    """The part of a graph with a proofread end."""
    return graph_of([p for p in graph.edges if proofread & set(p)], graph, graph.is_directed())


@st.composite
def small_graphs(draw):
    directed = draw(st.booleans())
    nodes = range(1, draw(st.integers(1, 3 if directed else 5)) + 1)
    pairs = list((permutations if directed else combinations)(nodes, 2))
    sides = [
        graph_of([p for p in pairs if draw(st.booleans())], nodes, directed)
        for _ in range(2)
    ]  # fmt: skip
    return *sides, {n for n in nodes if draw(st.booleans())}


@given(small_graphs())
def test_bounds_hold_and_are_reached_over_every_completion(case):
    truth, predicted, proofread = case
    score = compare_sparse(truth, predicted, proofread=proofread)
    scored = touching(predicted, proofread)
    found = [compare_edges(touching(t, proofread), scored) for t in completions(truth, predicted, proofread)]
    for name in SCORES:
        values = [v for each in found if not math.isnan(v := getattr(each, name))]
        bounds = getattr(score, name)
        if values:
            assert (bounds.lower, bounds.upper) == (min(values), max(values))
        else:
            assert math.isnan(bounds.lower)
            assert math.isnan(bounds.upper)


@given(small_graphs())
def test_known_pairs_are_those_among_proofread_neurons(case):
    truth, predicted, proofread = case
    score = compare_sparse(truth, predicted, proofread=proofread)
    assert score.known == compare_edges(truth.subgraph(proofread), predicted.subgraph(proofread))


@given(small_graphs(), st.data())
def test_proofreading_more_never_widens_what_is_open(case, data):
    truth, predicted, proofread = case
    more = proofread | data.draw(st.sets(st.sampled_from(sorted(truth))))
    before, after = (compare_sparse(truth, predicted, proofread=ids) for ids in (proofread, more))
    assert after.n_unscored_predicted <= before.n_unscored_predicted
    assert after.known.n_predicted >= before.known.n_predicted


def test_negative_counts_are_refused():
    with pytest.raises(cg.InputError, match="expected 0 or more"):
        bound_scores(1, 0, 0, n_open=-1, n_unseen=0)
