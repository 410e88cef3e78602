"""Scores at several numbers of synapses."""

from __future__ import annotations

import json
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectograph import InputError, align, compare_connectomes, compare_edges
from connectograph.compare import compare_thresholds, threshold_surface

CALYX = Path(__file__).resolve().parents[2] / "shared" / "data" / "synful_calyx"
weights = st.dictionaries(st.tuples(st.integers(1, 6), st.integers(7, 12)), st.integers(1, 12), max_size=20)


def graph_of(pairs, directed=True):
    graph = nx.DiGraph() if directed else nx.Graph()
    for (a, b), n in pairs.items():
        graph.add_edge(a, b, n_synapses=n)
    return graph


def test_a_lost_synapse_may_flip_an_edge_or_lose_it():
    truth = graph_of({(1, 2): 5, (1, 3): 5, (1, 4): 5, (1, 5): 4, (1, 6): 9})
    predicted = graph_of({(1, 2): 5, (1, 3): 4, (1, 5): 5, (1, 7): 6, (1, 8): 1})
    at_1, at_5 = compare_thresholds(truth, predicted, ks=(5, 1))
    assert (at_1.k, at_1.edges.tp, at_1.edges.fp, at_1.edges.fn) == (1, 3, 2, 2)
    assert (at_1.fn_flipped, at_1.fn_lost, at_1.fp_flipped, at_1.fp_invented) == (0, 2, 0, 2)
    assert (at_5.edges.tp, at_5.edges.fp, at_5.edges.fn) == (1, 2, 3)
    assert (at_5.fn_flipped, at_5.fn_lost, at_5.fp_flipped, at_5.fp_invented) == (1, 2, 1, 1)
    assert at_5.to_dict() == {
        "k": 5, "fn_flipped": 1, "fn_lost": 2, "fp_flipped": 1, "fp_invented": 1,
        "tp": 1, "fp": 2, "fn": 3, "precision": 1 / 3, "recall": 1 / 4, "f1": 2 / 7,
    }  # fmt: skip


@settings(max_examples=40)
@given(weights, weights, st.sets(st.integers(1, 14), max_size=5), st.booleans())
def test_the_family_is_one_comparison_after_another(truth, predicted, ks, directed):
    graphs = [graph_of(pairs, directed) for pairs in (truth, predicted)]
    family = compare_thresholds(*graphs, ks=ks)
    assert [score.k for score in family] == sorted(ks)
    for score in family:
        assert score.edges == compare_edges(*graphs, threshold=score.k)
        pairs = [(truth.get(pair, 0), predicted.get(pair, 0)) for pair in {*truth, *predicted}]
        assert score.fn_flipped == sum(w >= score.k > v > 0 for w, v in pairs)
        assert score.fp_flipped == sum(v >= score.k > w > 0 for w, v in pairs)
        assert score.fn_lost == sum(w >= score.k and v == 0 for w, v in pairs)
        assert score.fp_invented == sum(v >= score.k and w == 0 for w, v in pairs)


@settings(max_examples=40)
@given(weights, weights, st.sets(st.integers(1, 14), min_size=1, max_size=4))
def test_the_surface_is_every_threshold_with_every_other(truth, predicted, ks):
    surface = threshold_surface(graph_of(truth), graph_of(predicted), ks=ks)
    for k, row in zip(surface.ks, surface.scores, strict=True):
        kept = graph_of({pair: 1 for pair, n in truth.items() if n >= k})
        for other, score in zip(surface.ks, row, strict=True):
            assert score == compare_edges(kept, graph_of({pair: 1 for pair, n in predicted.items() if n >= other}))
    diagonal = [surface.scores[i][i] for i in range(len(surface.ks))]
    assert diagonal == [score.edges for score in compare_thresholds(graph_of(truth), graph_of(predicted), ks=ks)]
    mirrored = threshold_surface(graph_of(predicted), graph_of(truth), ks=ks)
    for i, row in enumerate(surface.scores):
        for j, score in enumerate(row):
            other = mirrored.scores[j][i]
            assert (score.tp, score.fp, score.fn) == (other.tp, other.fn, other.fp)
    json.dumps(surface.to_dict(), allow_nan=False)


def test_a_prediction_of_half_the_synapses_is_calibrated_by_half_the_threshold():
    truth = {(1, n): n for n in range(2, 13)}
    surface = threshold_surface(graph_of(truth), graph_of({pair: n // 2 for pair, n in truth.items()}), ks=(1, 2, 4, 8))
    assert surface.calibrate() == {1: 1, 2: 1, 4: 2, 8: 4}
    nothing = threshold_surface(nx.Graph([(1, 2)]), nx.Graph())
    assert set(nothing.calibrate().values()) == {None}


def test_identical_empty_and_complete_graphs():
    complete = nx.complete_graph(5)
    for score in compare_thresholds(complete, complete):
        assert (score.edges.fp, score.edges.fn) == (0, 0)
        assert score.edges.tp == (10 if score.k == 1 else 0)
    empty = [score.to_dict() for score in compare_thresholds(nx.Graph(), nx.Graph())]
    assert all(row["f1"] is None and row["f1_reason"] == "neither graph has an edge" for row in empty)
    assert compare_thresholds(complete, complete, ks=()) == ()
    assert threshold_surface(complete, complete, ks=()).scores == ()


@pytest.mark.parametrize("function", [compare_thresholds, threshold_surface])
def test_thresholds_are_synapses(function):
    with pytest.raises(InputError, match="ks holds the threshold 0"):
        function(nx.Graph(), nx.Graph(), ks=(0, 1))


@pytest.mark.skipif(not CALYX.is_dir(), reason="the calyx connectome is not part of the repository")
def test_calyx_connectome_at_published_thresholds():
    files = (str(CALYX / f"{side}_counts.csv") for side in ("truth", "predicted"))
    tables = compare_connectomes(*files, directed=True).tables
    both = align(tables["edges_truth"], tables["edges_predicted"], directed=True)
    at = {score.k: score.edges for score in compare_thresholds(both)}
    assert [round(value, 4) for value in (at[1].precision, at[1].recall, at[1].f1)] == [0.9034, 0.9789, 0.9396]
    assert round(at[5].f1, 3) == 0.974
    # Buhmann et al. 2021 on a slightly different set of neurons
    published = {1: 0.9405, 2: 0.9839, 3: 0.9847, 5: 0.9747, 10: 0.9171}
    assert all(abs(at[k].f1 - f1) < 0.01 for k, f1 in published.items())


@settings(max_examples=20)
@given(weights, weights)
def test_names_have_no_say_and_inputs_are_not_changed(truth, predicted):
    graphs = [graph_of(pairs) for pairs in (truth, predicted)]
    copies = [graph.copy() for graph in graphs]
    names = {node: 2**64 - 3 - 2**50 * node for node in range(1, 13)}
    renamed = [nx.relabel_nodes(graph, names) for graph in graphs]
    assert compare_thresholds(*renamed) == compare_thresholds(*graphs)
    assert threshold_surface(*renamed).to_dict() == threshold_surface(*graphs).to_dict()
    assert all(nx.utils.graphs_equal(graph, copy) for graph, copy in zip(graphs, copies, strict=True))


def test_swapping_truth_and_prediction_swaps_flips_and_losses():
    graphs = [graph_of({(1, 7): 5, (1, 8): 2, (2, 9): 6}), graph_of({(1, 7): 4, (1, 8): 6, (3, 9): 7})]
    for one, other in zip(compare_thresholds(*graphs), compare_thresholds(*graphs[::-1]), strict=True):
        assert (one.fn_flipped, one.fn_lost) == (other.fp_flipped, other.fp_invented)
        assert (one.edges.tp, one.edges.fp, one.edges.fn) == (other.edges.tp, other.edges.fn, other.edges.fp)
