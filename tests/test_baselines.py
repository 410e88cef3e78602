"""Predictors that know no synapse."""

from __future__ import annotations

import json
import math
from itertools import combinations, permutations

import networkx as nx
import numpy as np
import pytest
from cases import CASES
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, matthews_corrcoef

from connectograph import SchemaError, align, compare_edges
from connectograph.compare import compare_baselines, spread_contacts
from connectograph.tables import empty_table, make_table

NODES = range(1, 7)
pairs = st.sets(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)).filter(lambda p: p[0] != p[1]), max_size=20)
touching = st.dictionaries(st.sampled_from(list(combinations(NODES, 2))), st.integers(0, 4), max_size=15)


def contactome_of(areas):
    a, b = zip(*areas, strict=True) if areas else ((), ())
    n = len(areas)
    return make_table(
        "contactome",
        {"segment_a": list(a), "segment_b": list(b), "n_voxels": [1] * n, "n_faces": [1] * n,
         "area_nm2": [float(area) for area in areas.values()]},
    )  # fmt: skip


def graph_of(edges, directed=True, nodes=NODES):
    graph = nx.DiGraph() if directed else nx.Graph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(edges)
    return graph


def test_counted_by_hand():
    contacts = contactome_of({(1, 2): 9, (1, 3): 7, (2, 3): 7, (3, 4): 2, (4, 5): 0})
    truth, predicted = graph_of([(1, 2), (2, 3), (5, 6)], False), graph_of([(1, 2), (3, 4), (1, 6)], False)
    baseline = compare_baselines(truth, predicted, contactome=contacts)
    assert (baseline.n_pairs, baseline.n_contacts) == (15, 4)
    assert baseline.density == 3 / 15
    on, every = baseline.on_contacts, baseline.all_contacts
    assert (on.tp, on.fp, on.fn) == (1, 1, 1)
    assert (every.tp, every.fp, every.fn) == (2, 2, 1)
    assert baseline.informedness == 1 / 2 - 1 / 2
    curve = baseline.area_curve
    assert (curve.thresholds.tolist(), curve.tp.tolist(), curve.fp.tolist()) == ([9, 7, 2], [1, 2, 2], [0, 1, 2])
    assert math.isclose(curve.average_precision, (1 * 1 + 2 / 3 * 1) / 3)
    assert math.isclose(baseline.best_f1, 2 / 3)
    assert math.isclose(baseline.skill, (1 / 3 - 2 / 3) / (1 / 3))
    assert math.isclose(baseline.mcc, (1 * 10 - 2 * 2) / math.sqrt(3 * 3 * 12 * 12))


def test_contacts_run_both_ways_in_directed_graphs():
    contacts = contactome_of({(1, 2): 9, (1, 3): 4})
    baseline = compare_baselines(graph_of([(2, 1), (1, 3)]), graph_of([(1, 2)]), contactome=contacts)
    assert (baseline.n_pairs, baseline.n_contacts) == (30, 4)
    assert (baseline.all_contacts.tp, baseline.all_contacts.fp) == (2, 2)
    assert (baseline.area_curve.tp.tolist(), baseline.area_curve.fp.tolist()) == ([1, 2], [1, 2])


@settings(max_examples=40)
@given(pairs, pairs, touching, st.booleans())
def test_slow_and_obvious(true, found, areas, directed):
    truth, predicted = graph_of(true, directed), graph_of(found, directed)
    universe = list(permutations(NODES, 2) if directed else combinations(NODES, 2))
    area = {pair: areas.get(pair, areas.get(pair[::-1], 0)) for pair in universe}
    baseline = compare_baselines(truth, predicted, contactome=contactome_of(areas))
    is_edge, is_found = ([graph.has_edge(*pair) for pair in universe] for graph in (truth, predicted))
    touch = [pair for pair in universe if area[pair] > 0]
    assert baseline.density == sum(is_edge) / len(universe)
    assert baseline.n_contacts == len(touch)
    assert baseline.all_contacts == compare_edges(truth, graph_of(touch, directed))
    inside = [graph_of([pair for pair in touch if graph.has_edge(*pair)], directed) for graph in (truth, predicted)]
    assert baseline.on_contacts == compare_edges(*inside)
    if 0 < sum(is_edge) < len(universe) and 0 < sum(is_found) < len(universe):
        assert math.isclose(baseline.mcc, matthews_corrcoef(is_edge, is_found), abs_tol=1e-12)
    else:
        assert math.isnan(baseline.mcc)
    if touch and any(truth.has_edge(*pair) for pair in touch):
        expected = average_precision_score([truth.has_edge(*pair) for pair in touch], [area[pair] for pair in touch])
        reached = baseline.all_contacts.recall
        assert math.isclose(baseline.area_curve.average_precision, expected * reached)
    json.dumps(baseline.to_dict(), allow_nan=False)


@settings(max_examples=40)
@given(pairs, pairs, touching)
def test_names_of_neurons_do_not_matter(true, found, areas):
    names = dict(zip(NODES, [2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 4, 2**64 - 3], strict=True))
    renamed = {(names[a], names[b]): area for (a, b), area in areas.items()}
    graphs = [graph_of(edges) for edges in (true, found)]
    others = [nx.relabel_nodes(graph, names) for graph in graphs]
    one = compare_baselines(*graphs, contactome=contactome_of(areas)).to_dict()
    assert one == compare_baselines(*others, contactome=contactome_of(renamed)).to_dict()


def test_as_many_edges_drawn_at_random_score_the_density():
    rng = np.random.default_rng(0)
    n, m = 60, 700
    universe = list(permutations(range(1, n + 1), 2))

    def random():
        return graph_of([universe[i] for i in rng.permutation(len(universe))[:m].tolist()], nodes=range(1, n + 1))

    truth = random()
    scores = [compare_edges(truth, random()).f1 for _ in range(50)]
    density = compare_baselines(truth, truth).density
    assert density == m / (n * (n - 1))
    assert abs(np.mean(scores) - density) < 4 * np.std(scores) / math.sqrt(50)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_named_cases_without_a_contactome(case):
    truth, predicted = case.graphs()
    baseline = compare_baselines(truth, predicted)
    n = len({*truth, *predicted})
    assert baseline.edges == compare_edges(truth, predicted)
    assert baseline.n_pairs == n * (n - 1) // (1 if case.directed else 2)
    values = baseline.to_dict()
    assert values["informedness_reason"] == values["area_curve_reason"] == "no contactome was given"
    if case.tp + case.fn and baseline.density < 1:
        assert math.isclose(values["skill"], (baseline.edges.f1 - baseline.density) / (1 - baseline.density))
    else:
        assert values["skill"] is None
    json.dumps(values, allow_nan=False)


def test_identical_graphs_are_perfect():
    truth = graph_of([(1, 2), (2, 3)])
    baseline = compare_baselines(truth, truth, contactome=contactome_of({(1, 2): 3, (2, 3): 2, (4, 5): 9}))
    assert (baseline.skill, baseline.mcc, baseline.informedness) == (1, 1, 1)


def test_a_threshold_of_synapses_holds_for_truth_and_prediction():
    truth = nx.Graph([(1, 2, {"n_synapses": 5}), (2, 3, {"n_synapses": 1})])
    contacts = contactome_of({(1, 2): 3, (2, 3): 5})
    baseline = compare_baselines(truth, nx.Graph([(1, 2)]), contactome=contacts, threshold=2)
    assert (baseline.edges.fn, baseline.all_contacts.tp, baseline.all_contacts.fp) == (1, 1, 1)
    assert baseline.area_curve.tp.tolist() == [0, 1]


def test_areas_are_spread_over_the_pairs():
    both = align(graph_of([(2, 1), (5, 6)]), graph_of([(1, 2), (3, 1)]))
    areas = spread_contacts(both, contactome_of({(1, 2): 9, (1, 3): 4, (2, 9): 1, (5, 6): 0}))
    found = dict(
        zip(zip(both.nodes[both.source].tolist(), both.nodes[both.target].tolist(), strict=True), areas, strict=True)
    )
    assert found == {(1, 2): 9, (2, 1): 9, (3, 1): 4, (5, 6): 0}
    assert spread_contacts(both, empty_table("contactome")).tolist() == [0] * 4


def test_contacts_of_segments_that_are_no_nodes_are_left_out():
    baseline = compare_baselines(graph_of([(1, 2)]), graph_of([]), contactome=contactome_of({(1, 2): 9, (1, 99): 50}))
    assert baseline.n_contacts == 2


@pytest.mark.parametrize("rows", [[0, 0], [1]], ids=["twice", "larger id first"])
def test_a_contactome_names_a_pair_once_with_the_smaller_id_first(rows):
    table = contactome_of({(1, 2): 9, (2, 3): 4})
    wrong = table.iloc[rows].assign(segment_a=np.array([1, 1] if len(rows) > 1 else [4], "u8"))
    with pytest.raises(SchemaError, match="twice, or not with the smaller id first"):
        compare_baselines(graph_of([(1, 2)]), graph_of([]), contactome=wrong)


def test_swapping_keeps_what_is_symmetric():
    truth, predicted = graph_of([(1, 2), (2, 3), (5, 6)]), graph_of([(1, 2), (3, 4), (1, 6), (6, 1)])
    contacts = contactome_of({(1, 2): 9, (1, 3): 7, (2, 3): 7, (3, 4): 2})
    found, swapped = (
        compare_baselines(*pair, contactome=contacts) for pair in ((truth, predicted), (predicted, truth))
    )
    assert math.isclose(found.mcc, swapped.mcc)
    assert (found.n_pairs, found.n_contacts) == (swapped.n_pairs, swapped.n_contacts)
    for one, other in ((found.edges, swapped.edges), (found.on_contacts, swapped.on_contacts)):
        assert (one.tp, one.fp, one.fn) == (other.tp, other.fn, other.fp)


def test_complete_contacts_are_the_density():
    whole = graph_of(list(combinations(NODES, 2)), False)
    contacts = contactome_of(dict.fromkeys(combinations(NODES, 2), 1))
    truth = graph_of([(1, 2), (2, 3), (5, 6)], False)
    baseline = compare_baselines(truth, whole, contactome=contacts)
    assert (baseline.density, baseline.all_contacts.precision, baseline.all_contacts.recall) == (0.2, 0.2, 1.0)
    assert (baseline.informedness, baseline.skill) == (0.0, 0.0)


def test_inputs_are_not_changed():
    truth, predicted = graph_of([(1, 2), (2, 3)]), graph_of([(1, 2), (3, 4)])
    contacts = contactome_of({(1, 2): 9, (3, 4): 7})
    before = truth.copy(), predicted.copy(), contacts.copy()
    compare_baselines(truth, predicted, contactome=contacts)
    assert nx.utils.graphs_equal(truth, before[0])
    assert nx.utils.graphs_equal(predicted, before[1])
    assert contacts.equals(before[2])
