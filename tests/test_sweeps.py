"""Scores over all thresholds."""

from __future__ import annotations

import json
import math

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_curve

from connectograph import InputError, SchemaError, build_edges, build_graph, compare_edges
from connectograph.compare import choose_operating_point, rank_edges, sweep_scores
from connectograph.tables import empty_table, make_table

ids = st.integers(1, 4)
rows = st.lists(
    st.tuples(st.integers(1, 8), ids, ids, st.sampled_from([0.1, 0.2, 0.5, 0.5, 0.9]), st.integers(0, 100)), max_size=14
)


def links_of(found, directed=True):
    """The table from (synapse, source, target, score, x)."""
    if not directed:
        found = [(s, min(a, b), max(a, b), *rest) for s, a, b, *rest in found]
    synapse, source, target, score, x = (list(column) for column in zip(*found, strict=True)) if found else [[]] * 5
    n = len(found)
    return make_table(
        "links",
        {"synapse_id": synapse, "source": source, "target": target, "directed": [directed] * n, "n_voxels": [1] * n,
         "score": score, "z_nm": [0.0] * n, "y_nm": [0.0] * n, "x_nm": [float(value) for value in x]},
    )  # fmt: skip


def graph_of(links, directed=True):
    return build_graph(build_edges(links), range(1, 5), directed=directed)


@settings(max_examples=25)
@given(rows, rows, st.integers(1, 3), st.booleans())
def test_the_curve_is_one_comparison_after_another(true, predicted, k, directed):
    truth, links = links_of(true, directed), links_of(predicted, directed)
    curve = sweep_scores(truth, links, k=k)
    for threshold in (0.1, 0.3, 0.5, 1.0):
        strong = graph_of(links[links["score"] >= threshold], directed)
        assert curve.at_threshold(threshold) == compare_edges(graph_of(truth, directed), strong, threshold=k)
    assert (np.diff(curve.thresholds) < 0).all()
    for other in (graph_of(truth, directed), build_edges(truth)):
        assert sweep_scores(other, links, k=k, directed=directed).to_dict() == curve.to_dict()
    json.dumps(curve.to_dict(), allow_nan=False)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30))
def test_scikit_learn_agrees_where_every_edge_is_a_candidate(ranked):
    scores, is_edge = (list(column) for column in zip(*ranked, strict=True))
    curve = rank_edges(scores, is_edge, sum(is_edge))
    if not any(is_edge):
        assert curve.to_dict()["average_precision_reason"] == "the truth has no edge"
        return
    assert math.isclose(curve.average_precision, average_precision_score(is_edge, scores))
    precision, recall, thresholds = precision_recall_curve(is_edge, scores)
    assert np.allclose(curve.thresholds, thresholds[::-1])
    assert np.allclose(curve.precision, precision[-2::-1])
    assert np.allclose(curve.recall, recall[-2::-1])


def test_average_precision_with_edges_that_are_no_candidates():
    """60 true and 40 false candidates, 100 edges never proposed: 0.369, not 0.869 or 0.985."""
    is_edge = np.repeat([True, False, True, False], [55, 13, 5, 27])
    scores = np.linspace(1, 0.5, 100)
    right = rank_edges(scores, is_edge, 160).average_precision
    omitted = average_precision_score(is_edge, scores)
    appended = average_precision_score(np.append(is_edge, [True] * 100), np.append(scores, [-1.0] * 100))
    assert [round(value, 3) for value in (appended, omitted, right)] == [0.869, 0.985, 0.369]
    assert math.isclose(right, omitted * 60 / 160)
    assert math.isclose(appended, right + 100 / 160 * 160 / 200)


def test_the_kth_largest_score_decides():
    links = links_of([(1, 1, 2, 0.9, 0), (2, 1, 2, 0.6, 0), (3, 1, 2, 0.3, 0), (4, 1, 3, 0.8, 0), (5, 1, 3, 0.7, 0)])
    truth = links_of([(1, 1, 2, 0, 0), (2, 1, 2, 0, 0)])
    for k, thresholds, tp, fp in (
        (1, [0.9, 0.8], [1, 1], [0, 1]),
        (2, [0.7, 0.6], [0, 1], [1, 1]),
        (3, [0.3], [0], [1]),
    ):
        curve = sweep_scores(truth, links, k=k)
        assert (curve.thresholds.tolist(), curve.tp.tolist(), curve.fp.tolist()) == (thresholds, tp, fp)
        assert curve.n_truth == (1 if k < 3 else 0)


def test_a_synapse_counts_once_for_a_pair_and_autapses_not_at_all():
    links = links_of([(1, 1, 2, 0.9, 0), (1, 1, 2, 0.8, 0), (2, 3, 3, 1.0, 0), (1, 1, 3, 0.9, 0)])
    curve = sweep_scores(links_of([(1, 1, 2, 0, 0)]), links)
    assert (curve.thresholds.tolist(), curve.tp.tolist(), curve.fp.tolist()) == ([0.9], [1], [1])
    assert len(sweep_scores(nx.DiGraph([(1, 2)]), links, k=2).thresholds) == 0


def test_ids_are_exact():
    links = links_of([(1, 2**53, 2**64 - 3, 0.9, 0), (2, 2**53 + 1, 2**64 - 3, 0.5, 0)])
    curve = sweep_scores(nx.DiGraph([(2**53 + 1, 2**64 - 3)]), links)
    assert (curve.tp.tolist(), curve.fp.tolist()) == ([0, 1], [1, 1])


def test_operating_points():
    curve = rank_edges([0.9, 0.8, 0.7, 0.6, 0.5], [True, False, True, True, False], 4)
    best = curve.at_best_f1()
    assert (best.threshold, best.edges.tp, best.edges.fp, best.edges.fn) == (0.6, 3, 1, 1)
    assert curve.at_recall(0.25).threshold == 0.9
    assert curve.at_recall(0.5).threshold == 0.6  # precision 3/4, not the 2/3 at the first threshold that is enough
    assert curve.at_recall(0.76) is None
    tie = rank_edges([0.9, 0.8, 0.8, 0.7], [True, True, True, False], 3)
    assert (tie.at_recall(0.1).threshold, tie.at_recall(0.1).edges.recall) == (0.8, 1)
    assert curve.to_table().columns.tolist() == ["threshold", "tp", "fp", "fn", "precision", "recall", "f1"]
    assert curve.to_table()["f1"].max() == best.edges.f1


def test_nothing_predicted_and_nothing_true():
    none = sweep_scores(nx.DiGraph([(1, 2)]), empty_table("links"))
    assert none.to_dict() == {
        "n_truth": 1, "n_candidates": 0, "average_precision": 0.0, "best_f1": None,
        "best_f1_reason": "the prediction has no candidate",
    }  # fmt: skip
    assert none.at_threshold(0.5) == compare_edges(nx.DiGraph([(1, 2)]), nx.DiGraph())
    assert none.at_recall(0) is None
    invented = sweep_scores(nx.DiGraph(), links_of([(1, 1, 2, 0.5, 0)]))
    assert invented.to_dict()["average_precision"] is None
    assert np.isnan(invented.recall).all()
    assert invented.at_recall(0.0) is None


def test_the_threshold_is_chosen_in_one_half_and_reported_in_the_other():
    true = [(1, 1, 2, 0, 10), (2, 1, 3, 0, 20), (3, 2, 3, 0, 80), (4, 1, 2, 0, 90)]
    found = [(1, 1, 2, 0.9, 11), (2, 1, 3, 0.6, 21), (3, 3, 1, 0.4, 30), (4, 2, 3, 0.7, 81), (5, 1, 2, 0.5, 91),
             (6, 4, 1, 0.8, 70)]  # fmt: skip
    for truth in (links_of(true), build_edges(links_of(true[:3])), graph_of(links_of(true[:3]))):
        choice = choose_operating_point(truth, links_of(found))
        assert choice.axis == "x_nm"
        assert choice.chosen.threshold == (0.6 if isinstance(truth, pd.DataFrame) and len(truth) == 4 else 0.9)
    choice = choose_operating_point(links_of(true), links_of(found))
    assert (choice.cut_nm, choice.chosen.edges.f1) == (50, 1)
    assert (choice.reported.tp, choice.reported.fp, choice.reported.fn) == (1, 1, 1)
    assert choose_operating_point(links_of(true), links_of(found), recall=0.5).chosen.threshold == 0.6
    json.dumps(choice.to_dict(), allow_nan=False)


def test_a_choice_that_cannot_be_made_says_why():
    true, found = links_of([(1, 1, 2, 0, 10), (2, 1, 3, 0, 20)]), links_of([(1, 1, 2, 0.9, 90)])
    assert choose_operating_point(true, found).to_dict() == {
        "axis": "x_nm", "cut_nm": 15.0, "chosen": None, "chosen_reason": "the half that chooses has no candidate",
        "reported": None, "reported_reason": "the half that chooses has no candidate",
    }  # fmt: skip
    unreached = choose_operating_point(true, links_of([(1, 1, 3, 0.9, 0)]), recall=0.9)
    assert unreached.reason == "the half that chooses has no threshold of recall 0.9"
    nothing = choose_operating_point(empty_table("links"), found).to_dict()
    assert (nothing["cut_nm"], nothing["cut_nm_reason"]) == (None, "the truth has no edge")


def test_calls_that_make_no_sense_are_refused():
    links = links_of([(1, 1, 2, 0.9, 0), (2, 1, 3, 0.8, 0)])
    with pytest.raises(InputError, match="k is 0"):
        sweep_scores(links, links, k=0)
    with pytest.raises(InputError, match="1 of 2 links have none"):
        sweep_scores(links, links.assign(score=[0.9, np.nan]))
    with pytest.raises(InputError, match="directed"):
        sweep_scores(nx.Graph([(1, 2)]), links)
    with pytest.raises(InputError, match="directed"):
        sweep_scores(links_of([(1, 1, 2, 0.9, 0)], directed=False), links)
    with pytest.raises(InputError, match="directed"):
        choose_operating_point(links, links, directed=False)
    with pytest.raises(SchemaError, match="source > target"):
        sweep_scores(nx.Graph(), links_of([(1, 2, 1, 0.9, 0)]).assign(directed=False))
    with pytest.raises(SchemaError, match="lacks the column 'score'"):
        sweep_scores(links, links.drop(columns="score"))
    with pytest.raises(InputError, match="truth: 1 of 1 rows have no position"):
        choose_operating_point(nx.DiGraph([(1, 2)]), links)


@pytest.mark.parametrize(
    ("scores", "is_edge", "n_truth"), [([0.5], [True, False], 1), ([np.nan], [True], 1), ([0.5, 0.4], [True, True], 1)]
)
def test_a_ranking_fits_together(scores, is_edge, n_truth):
    with pytest.raises(InputError, match="expected as many scores as outcomes"):
        rank_edges(scores, is_edge, n_truth)


def test_inputs_are_not_changed():
    truth, links = links_of([(1, 1, 2, 0.5, 3)]), links_of([(1, 1, 2, 0.5, 3), (2, 1, 3, 0.4, 4)])
    before = truth.copy(), links.copy()
    sweep_scores(truth, links)
    choose_operating_point(truth, links)
    assert truth.equals(before[0])
    assert links.equals(before[1])


@settings(max_examples=20)
@given(rows, rows, st.permutations([3, 2**53 + 1, 2**63, 2**64 - 3]))
def test_names_have_no_say(true, predicted, names):
    known = dict(zip(range(1, 5), names, strict=True))

    def renamed(found):
        return [(s, known[a], known[b], *rest) for s, a, b, *rest in found]

    found = sweep_scores(links_of(true), links_of(predicted))
    assert sweep_scores(links_of(renamed(true)), links_of(renamed(predicted))).to_dict() == found.to_dict()


@given(rows)
def test_a_prediction_equal_to_the_truth_ranks_perfectly(found):
    curve = sweep_scores(links_of(found), links_of(found))
    if any(a != b for _, a, b, *_ in found):
        assert curve.average_precision == pytest.approx(1)
        assert curve.at_best_f1().edges.f1 == 1
    else:
        assert math.isnan(curve.average_precision)
