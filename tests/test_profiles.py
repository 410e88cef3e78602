"""Rows of weights, neighbours by connectivity, and paths."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from connectograph import align, edges_of
from connectograph.degrees import compare_neighbours, compare_paths, neighbours, paths, score_neurons
from connectograph.degrees.intervals import partner_intervals
from connectograph.degrees.profiles import summarise_profiles

NAN = math.nan
weights = st.dictionaries(st.tuples(st.integers(1, 8), st.integers(1, 8)), st.integers(1, 6), max_size=25)
pairs_of_graphs = st.tuples(st.booleans(), weights, weights)
NAMES = {i: 2**60 + 7 * i for i in range(10)}


def graph_of(edges, directed=False, nodes=()):
    graph = nx.DiGraph() if directed else nx.Graph()
    graph.add_nodes_from(nodes)
    for (a, b), n in edges.items():
        graph.add_edge(a, b, n_synapses=n)
    return graph


def sides_of(case, nodes=(1, 9)):
    directed, *edges = case
    return [graph_of(side, directed, nodes) for side in edges]


def partners_of(graph, node, role):
    """Synapses of a neuron with each partner, autapses left out."""
    found = {}
    for a, b, n in graph.edges(data="n_synapses"):
        ends = [(a, b), (b, a)] if not graph.is_directed() or role == "total" else [(a, b) if role == "out" else (b, a)]
        for own, partner in ends:
            if own == node != partner:
                found[partner] = found.get(partner, 0) + n
    return found


def profile_of(graph, node):
    """Its vector: outgoing and incoming connections apart."""
    if not graph.is_directed():
        return partners_of(graph, node, "total")
    return {(role, p): n for role in ("in", "out") for p, n in partners_of(graph, node, role).items()}


def cosine_of(left, right):
    both = {key: (left.get(key, 0), right.get(key, 0)) for key in {*left, *right}}
    if not both:
        return NAN
    x, y = np.array(list(both.values()), float).T
    return float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y))) if x.any() and y.any() else 0.0


def spearman_of(left, right):
    both = [(left.get(key, 0), right.get(key, 0)) for key in {*left, *right}]
    x, y = zip(*both, strict=True) if both else ((), ())
    return np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1] if len({*x}) > 1 and len({*y}) > 1 else NAN


# ------------------------------------------------------------------------------------------------ rows of weights
@given(pairs_of_graphs)
def test_profiles_are_those_of_scipy(case):
    truth, predicted = sides_of(case)
    scores = score_neurons(truth, predicted)
    for row in scores.itertuples():
        left, right = (partners_of(graph, row.segment_id, row.role) for graph in (truth, predicted))
        assert row.cosine == pytest.approx(cosine_of(left, right), nan_ok=True)
        assert row.spearman == pytest.approx(spearman_of(left, right), nan_ok=True, abs=1e-12)
    both = align(truth, predicted)
    for found in summarise_profiles(scores):
        part = scores[scores["role"] == found["role"]]
        assert found["n_cosine"] == part["cosine"].notna().sum()
        assert found["cosine_mean"] == pytest.approx(part["cosine"].mean(), nan_ok=True)
        assert found["spearman_median"] == pytest.approx(part["spearman"].median(), nan_ok=True)
        assert found["cosine_p10"] == pytest.approx(part["cosine"].quantile(0.1), nan_ok=True)
        mean = partner_intervals(both)[f"{found['role']} cosine"].value
        assert mean == pytest.approx(found["cosine_mean"], nan_ok=True)


def test_profiles_by_hand():
    truth = graph_of({(1, 2): 3, (1, 3): 4, (1, 4): 1}, directed=True)
    predicted = graph_of({(1, 2): 4, (1, 3): 3}, directed=True)
    found = score_neurons(truth, predicted).set_index(["segment_id", "role"])
    # (3, 4, 1) . (4, 3, 0) = 24; squared lengths 26 and 25; ranks 2, 3, 1 and 3, 2, 1
    assert found.loc[(1, "out"), "cosine"] == pytest.approx(24 / math.sqrt(26 * 25))
    assert found.loc[(1, "out"), "spearman"] == pytest.approx(0.5)
    assert found.loc[(4, "in"), "cosine"] == 0.0  # its only partner is lost
    assert math.isnan(found.loc[(1, "in"), "cosine"])
    assert math.isnan(found.loc[(2, "in"), "spearman"])


def test_scaled_weights_are_the_same_profile():
    truth = graph_of({(1, leaf): leaf for leaf in range(2, 9)})
    tripled = graph_of({(1, leaf): 3 * leaf for leaf in range(2, 9)})
    first = score_neurons(truth, tripled).iloc[0]
    assert (first["cosine"], first["spearman"]) == pytest.approx((1, 1))
    huge = graph_of({(1, leaf): 2**40 + leaf for leaf in range(2, 9)})
    assert score_neurons(truth, huge).iloc[0]["spearman"] == pytest.approx(1)


def test_cosines_see_weights_that_edges_do_not():
    truth = graph_of({(1, leaf): 1 if leaf % 2 else 9 for leaf in range(2, 12)})
    turned = graph_of({(1, leaf): 9 if leaf % 2 else 1 for leaf in range(2, 12)})
    first = score_neurons(truth, turned).iloc[0]
    assert first["f1"] == 1
    assert first["cosine"] == pytest.approx(90 / 410)
    assert first["spearman"] == pytest.approx(-1)


# ------------------------------------------------------------------------------------------------------ neighbours
def nearest(graph, node, nodes, k):
    """Shares of the k nearest others, those that tie for the last place dividing what is left."""
    own, found = profile_of(graph, node), {}
    for other in nodes:
        near = round(cosine_of(own, profile_of(graph, other)), 9) if other != node else 0
        if near > 0:
            found[other] = near
    shares, left = {}, k
    for value in sorted({*found.values()}, reverse=True):
        tied = [other for other, near in found.items() if near == value]
        shares |= dict.fromkeys(tied, min(left, len(tied)) / len(tied))
        left -= min(left, len(tied))
    return shares


@given(pairs_of_graphs)
def test_neighbours_are_those_of_a_slow_program(case):
    truth, predicted = sides_of(case)
    found, values = compare_neighbours(truth, predicted), []
    nodes = sorted({*truth, *predicted})
    for node in nodes:
        shares = [nearest(graph, node, nodes, found.k) for graph in (truth, predicted)]
        if most := max(sum(side.values()) for side in shares):
            common = sum(min(share, shares[1].get(other, 0)) for other, share in shares[0].items())
            values.append(common / most)
    connected = {v for v in nodes if any(profile_of(graph, v) for graph in (truth, predicted))}
    assert (found.n_neurons, found.n_compared, found.exact) == (len(connected), len(values), True)
    assert found.mean == pytest.approx(np.mean(values) if values else NAN, nan_ok=True)
    assert found.median == pytest.approx(np.median(values) if values else NAN, nan_ok=True)


def test_neighbours_agree_with_scikit_learn():
    from sklearn.metrics.pairwise import cosine_similarity

    matrices = [np.random.default_rng(seed).poisson(3, (40, 40)) * ~np.eye(40, dtype=bool) for seed in (1, 2)]
    sides = [nx.from_numpy_array(m, create_using=nx.DiGraph, edge_attr="n_synapses") for m in matrices]
    shared = []
    near = [cosine_similarity(np.hstack([m, m.T])) - 9 * np.eye(40) for m in matrices]
    for left, right in zip(*near, strict=True):
        shared.append(len({*np.argsort(left)[-5:]} & {*np.argsort(right)[-5:]}) / 5)
    assert compare_neighbours(*sides).mean == pytest.approx(np.mean(shared))


def test_where_there_are_too_many_some_neurons_are_asked(monkeypatch):
    truth = nx.gnp_random_graph(200, 0.1, seed=1, directed=True)
    predicted = truth.edge_subgraph(list(truth.edges)[::2])
    whole = compare_neighbours(truth, predicted)
    monkeypatch.setattr(neighbours, "_MAX_STEPS", 80_000)
    part = compare_neighbours(truth, predicted)
    assert (whole.exact, whole.n_asked, part.exact) == (True, 200, False)
    assert 40 < part.n_asked < 120
    assert part == compare_neighbours(truth, predicted)
    assert part.mean == pytest.approx(whole.mean, abs=0.06)


# ----------------------------------------------------------------------------------------------------------- paths
def walk(graph, n_neurons):
    """Reachability and mean length by networkx."""
    steps = [d for _, ends in nx.all_pairs_shortest_path_length(graph) for d in ends.values() if d]
    pairs = n_neurons * (n_neurons - 1)
    return len(steps) / pairs if pairs else NAN, np.mean(steps) if steps else NAN


@given(pairs_of_graphs)
def test_paths_are_those_of_networkx(case):
    truth, predicted = sides_of(case)
    found = compare_paths(truth, predicted)
    n = len({v for graph in (truth, predicted) for a, b in graph.edges for v in (a, b) if a != b})
    expected = [walk(graph, n) for graph in (truth, predicted)]
    assert (found.n_neurons, found.n_sources) == (n, n)
    assert (found.reachability_truth, found.length_truth) == pytest.approx(expected[0], nan_ok=True)
    assert (found.reachability_predicted, found.length_predicted) == pytest.approx(expected[1], nan_ok=True)


@pytest.mark.parametrize("directed", [False, True])
def test_paths_of_more_than_a_word_of_sources(directed):
    sides = [nx.gnp_random_graph(300, 0.008, seed=seed, directed=directed) for seed in (1, 2)]
    sides.append(nx.path_graph(300, create_using=nx.DiGraph if directed else nx.Graph))
    for graph in sides:
        found = compare_paths(graph, sides[-1])  # the chain connects all
        assert (found.reachability_truth, found.length_truth) == pytest.approx(walk(graph, 300))
        assert (found.reachability_predicted, found.length_predicted) == pytest.approx(walk(sides[-1], 300))


def test_paths_by_hand():
    truth = nx.DiGraph([(1, 2), (2, 3), (3, 1), (3, 4)])
    predicted = nx.DiGraph([(1, 2), (2, 3), (3, 4)])
    found = compare_paths(truth, predicted)
    # 1, 2, 3 reach the three others, 4 none: 1+2+3, 1+2+2, 1+1+2; without 3 -> 1: 1+2+3, 1+2, 1
    assert (found.reachability_truth, found.length_truth) == (9 / 12, 15 / 9)
    assert (found.reachability_predicted, found.length_predicted) == (6 / 12, 10 / 6)
    assert (found.reachability_ratio, found.length_ratio) == pytest.approx((6 / 9, 1))


def test_beyond_the_limit_some_neurons_are_sources(monkeypatch):
    sides = [nx.gnp_random_graph(400, 0.01, seed=seed, directed=True) for seed in (1, 2)]
    whole = compare_paths(*sides)
    monkeypatch.setattr(paths, "_MAX_EXACT", 300)
    part = compare_paths(*sides)
    assert (whole.exact, part.exact, part.n_sources) == (True, False, 200)
    assert part == compare_paths(*sides)
    assert part.length_truth == pytest.approx(whole.length_truth, rel=0.05)
    assert part.reachability_predicted == pytest.approx(whole.reachability_predicted, rel=0.1)


# -------------------------------------------------------------------------------------------------------- contract
@given(st.booleans(), weights)
def test_a_graph_agrees_with_itself(directed, edges):
    graph = graph_of(edges, directed)
    scores = score_neurons(graph, graph)
    for name in ("cosine", "spearman"):
        known = scores[name].dropna()
        assert known.tolist() == pytest.approx([1.0] * len(known))
    assert compare_neighbours(graph, graph).mean in (pytest.approx(1), pytest.approx(NAN, nan_ok=True))
    found = compare_paths(graph, graph)
    for ratio in (found.reachability_ratio, found.length_ratio):
        assert ratio == (1 if found.n_neurons else pytest.approx(NAN, nan_ok=True))


@given(pairs_of_graphs)
def test_swapping_and_renaming(case):
    truth, predicted = sides_of(case)
    renamed = [nx.relabel_nodes(graph, NAMES) for graph in (truth, predicted)]
    for other, same in (((predicted, truth), False), (renamed, True)):
        left, right = score_neurons(truth, predicted), score_neurons(*other)
        np.testing.assert_allclose(left[["cosine", "spearman"]], right[["cosine", "spearman"]], atol=1e-12)
        assert compare_neighbours(truth, predicted).to_dict() == pytest.approx(compare_neighbours(*other).to_dict())
        one, two = compare_paths(truth, predicted), compare_paths(*other)
        there = (one.reachability_truth, one.length_truth, one.reachability_predicted, one.length_predicted)
        here = (two.reachability_truth, two.length_truth, two.reachability_predicted, two.length_predicted)
        assert here == pytest.approx(there if same else there[2:] + there[:2], nan_ok=True)


@pytest.mark.parametrize("directed", [False, True])
def test_empty_and_complete_graphs(directed):
    kind = nx.DiGraph if directed else nx.Graph
    for nothing in (kind(), nx.empty_graph(3, create_using=kind)):
        assert compare_neighbours(nothing, nothing).to_dict()["mean_reason"] == "no two neurons share a partner"
        found = compare_paths(nothing, nothing).to_dict()
        assert (found["n_neurons"], found["exact"]) == (0, True)
        assert found["length_truth_reason"] == "the truth has no edge"
        assert found["reachability_ratio_reason"] == "the truth has no edge"
    whole = nx.complete_graph(12, create_using=kind)
    found = compare_paths(whole, whole)
    assert (found.reachability_truth, found.length_truth) == (1, 1)
    assert compare_neighbours(whole, whole).mean == pytest.approx(1)
    lost = compare_paths(whole, nx.empty_graph(12, create_using=kind))
    assert (lost.reachability_predicted, lost.reachability_ratio) == (0, 0)
    assert math.isnan(lost.length_ratio)


def test_inputs_are_not_changed_and_may_be_read_only():
    truth, predicted = (graph_of({(1, 2): 3, (2, n): 1, (n, 1): 2}, True) for n in (3, 4))
    tables = edges_of(truth), edges_of(predicted)
    copies = [table.copy(deep=True) for table in tables]
    both = align(*tables, directed=True)
    for array in (both.nodes, both.source, both.target, both.truth, both.predicted):
        array.flags.writeable = False
    assert compare_paths(both) == compare_paths(truth, predicted)
    assert compare_neighbours(both) == compare_neighbours(truth, predicted)
    for table, copy in zip(tables, copies, strict=True):
        pd.testing.assert_frame_equal(table, copy)
    before = truth.copy()
    compare_neighbours(truth, predicted)
    compare_paths(truth, predicted)
    assert nx.utils.graphs_equal(truth, before)


def test_neurons_without_any_edge_change_nothing():
    sides = graph_of({(1, 2): 3, (2, 3): 1}), graph_of({(1, 2): 2})
    many = align(*sides, nodes=range(100, 5000))
    assert compare_paths(many) == compare_paths(*sides)
    assert compare_neighbours(many) == compare_neighbours(*sides)
    few, profiles = (summarise_profiles(score_neurons(both)) for both in (align(*sides), many))
    assert few == profiles
