"""Intervals of motif ratios, against leaving out every neuron and counting anew."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest

import connectograph as cg
from connectograph.motifs import ratio_intervals
from connectograph.uncertainty import node_jackknife


def draw_pair(directed: bool, seed: int = 1, n: int = 50) -> tuple[nx.Graph, nx.Graph]:
    """A random truth and a prediction that lost and gained some edges; two neurons have none."""
    truth = nx.gnp_random_graph(n, 0.2, seed=seed, directed=directed)
    predicted = truth.copy()
    predicted.remove_edges_from(list(truth.edges)[::6])
    predicted.add_edges_from((b, a) if directed else (a, (a + b) % n) for a, b in list(truth.edges)[::9])
    predicted.remove_edges_from(list(nx.selfloop_edges(predicted)))
    for graph in (truth, predicted):
        graph.add_nodes_from([n + 1, n + 2])
    return truth, predicted


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_equal_to_leaving_out_each_neuron(directed, seed):
    truth, predicted = draw_pair(directed, seed)
    found = ratio_intervals(truth, predicted)
    assert set(found) == ({"transitivity", "reciprocity"} if directed else {"transitivity"})
    both = cg.align(*(graph.subgraph(range(50)) for graph in (truth, predicted)))
    expected = node_jackknife(lambda part: cg.compare_motifs(part, quick=True).ratios, both, groups=50)
    for name, interval in found.items():
        for part in ("value", "standard_error", "lower", "upper"):
            assert getattr(interval, part) == pytest.approx(getattr(expected[name], part), rel=1e-9)
        assert interval.n_neurons == 50, "neurons without an edge say nothing"


def test_value_is_the_ratio_that_is_reported():
    truth, predicted = draw_pair(True)
    ratios = cg.compare_motifs(truth, predicted, quick=True).ratios
    for name, interval in ratio_intervals(truth, predicted).items():
        assert interval.value == pytest.approx(ratios[name])
        assert interval.lower < interval.value < interval.upper


def test_the_truth_against_itself_does_not_vary():
    truth, _ = draw_pair(True)
    interval = ratio_intervals(truth, truth)["reciprocity"]
    assert (interval.value, interval.reason) == (1, "no interval: the outcomes do not vary")


def test_new_ids_and_more_unconnected_neurons_change_nothing():
    truth, predicted = draw_pair(True)
    place = dict(zip(truth, np.random.default_rng(3).permutation(len(truth)).tolist(), strict=True))
    moved = [nx.relabel_nodes(graph, place) for graph in (truth, predicted)]
    for name, interval in ratio_intervals(*moved).items():
        assert interval.standard_error == pytest.approx(ratio_intervals(truth, predicted)[name].standard_error)


@pytest.mark.parametrize("graph", [nx.Graph(), nx.path_graph(5), nx.DiGraph([(1, 2)])])
def test_too_few_neurons(graph):
    for interval in ratio_intervals(graph, graph).values():
        assert math.isnan(interval.lower)
        assert interval.reason.endswith("neurons, fewer than 30")


def test_undefined_without_one_neuron():
    one_triangle = nx.path_graph(40)
    one_triangle.add_edge(0, 2)
    interval = ratio_intervals(one_triangle, one_triangle)["transitivity"]
    assert interval.reason == "no interval: undefined, or so without one of the neurons"


def test_a_level_that_is_none():
    with pytest.raises(cg.InputError, match="level is 95"):
        ratio_intervals(nx.Graph(), nx.Graph(), level=95)


def test_counted_by_hand():
    """20 mutual pairs, of which the prediction lost one arrow in every second."""
    truth = nx.DiGraph([pair for a in range(0, 40, 2) for pair in ((a, a + 1), (a + 1, a))])
    predicted = truth.copy()
    predicted.remove_edges_from((a, a + 1) for a in range(0, 40, 4))
    interval = ratio_intervals(truth, predicted)["reciprocity"]
    # 20 of 30 arrows are answered; 18 of 28 without a neuron of a mutual pair, 20 of 29 without one of another
    assert interval.value == pytest.approx(20 / 30)
    apart = (20 / 29 - 18 / 28) / 2  # of each of 40 values from their mean
    assert interval.standard_error == pytest.approx(math.sqrt(39 / 40 * 40 * apart**2))


@pytest.mark.parametrize("directed", [False, True])
def test_swapping_truth_and_prediction_inverts_the_ratios(directed):
    pair = draw_pair(directed)
    found, swapped = ratio_intervals(*pair), ratio_intervals(*pair[::-1])
    assert {name: swapped[name].value for name in found} == pytest.approx({n: 1 / i.value for n, i in found.items()})


@pytest.mark.parametrize("kind", [nx.Graph, nx.DiGraph])
def test_complete_graphs_do_not_vary(kind):
    whole = nx.complete_graph(40, kind)
    for interval in ratio_intervals(whole, whole).values():
        assert (interval.value, interval.reason) == (1, "no interval: the outcomes do not vary")


def test_inputs_are_not_changed_and_may_be_read_only():
    pair = draw_pair(True)
    copies = [graph.copy() for graph in pair]
    found = ratio_intervals(*pair)
    assert all(nx.utils.graphs_equal(graph, copy) for graph, copy in zip(pair, copies, strict=True))
    both = cg.align(*pair)
    for name in ("nodes", "source", "target", "truth", "predicted"):
        getattr(both, name).setflags(write=False)
    assert ratio_intervals(both) == found
