"""Parts of a loss: the axioms of Shapley values, and counterfactual connectomes by hand."""

from __future__ import annotations

import itertools
import math

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from linked import find_outcomes, linked, make_links, make_matches

import connectograph as cg
from connectograph.attribution import attribute_edges, attribute_links, blame_causes, blame_links, shapley_values
from connectograph.errors import InputError

GAMES = st.integers(0, 4).flatmap(
    lambda n: st.lists(st.floats(-10, 10, allow_subnormal=False), min_size=2**n, max_size=2**n)
)


def slow_shapley(values):
    """Mean marginal contribution over all orders."""
    n = len(values).bit_length() - 1
    parts = np.zeros(n)
    for order in itertools.permutations(range(n)):
        inside = 0
        for player in order:
            parts[player] += values[inside | 1 << player] - values[inside]
            inside |= 1 << player
    return parts / math.factorial(n)


@given(GAMES)
def test_against_all_orders(values):
    assert shapley_values(values) == pytest.approx(slow_shapley(values), abs=1e-12)


@given(GAMES)
def test_efficiency(values):
    assert math.fsum(shapley_values(values)) == pytest.approx(values[-1] - values[0], abs=1e-12)


@given(st.lists(st.floats(-10, 10), min_size=4, max_size=4))
def test_symmetry_and_dummy(values):
    n = 3
    size = [bin(k).count("1") for k in range(2**n)]
    assert len(set(np.round(shapley_values([values[s] for s in size]), 9))) == 1
    without_last = [values[k & 3] for k in range(2**n)]
    assert shapley_values(without_last)[2] == 0


def test_sizes_of_games():
    assert shapley_values([3.0]).tolist() == []
    for wrong in ([], [1.0, 2.0, 3.0]):
        with pytest.raises(InputError, match=r"expected 2\*\*n"):
            shapley_values(wrong)


def test_by_hand():
    """One missed synapse, one invented, one with a wrong partner: 4 graphs on paper."""
    truth = make_links([(1, 4, 5), (2, 4, 6), (3, 5, 6)])
    predicted = make_links([(9, 4, 5), (8, 5, 7), (7, 6, 7)])
    matches = make_matches([(1, 9), (2, 8), (3, 0), (0, 7)])
    blame = blame_links({"truth": truth, "predicted": predicted}, matches)
    values = {"": 2 / 6, "synapses": 4 / 6, "partners": 4 / 6, "synapses+partners": 1.0}
    assert blame.values == pytest.approx(values)
    assert blame.parts == pytest.approx({"synapses": 1 / 3, "partners": 1 / 3})


def test_a_split_neuron_is_the_segmentation_alone():
    truth, predicted = make_links([(1, 4, 5)]), make_links([(9, 5, 40)])
    tables = {
        "truth": truth,
        "predicted": predicted,
        "predicted_in_truth": make_links([(9, 4, 5)]),
        "truth_in_predicted": make_links([(1, 5, 40)]),
    }
    blame = blame_links(tables, make_matches([(1, 9)]))
    assert blame.parts == {"synapses": 0.0, "partners": 0.0, "segmentation": 1.0}


@given(linked(segmentations=2), st.booleans())
def test_parts_add_up_to_the_loss(case, two):
    names = ("truth", "predicted", *(("predicted_in_truth", "truth_in_predicted") if two else ()))
    tables = {name: case.tables[name] for name in names}
    blame = blame_links(tables, case.matches)
    outcomes = find_outcomes(case.tables["truth"], case.tables["predicted"], directed=case.directed)
    counts = outcomes["outcome"].value_counts()
    assume(counts.get("tp", 0) + counts.get("fn", 0) > 0)
    f1 = cg.score_counts(*(counts.get(name, 0) for name in ("tp", "fp", "fn"))).f1
    assert blame.perfect == 1
    assert blame.actual == pytest.approx(f1, abs=1e-15)
    assert math.fsum(blame.parts.values()) == pytest.approx(blame.loss, abs=1e-12)
    assert blame.to_dict()["loss"] == blame.loss


@given(linked(segmentations=2))
def test_any_measure_of_edge_tables(case):
    def f1(truth, predicted):
        return cg.compare_edges(cg.align(truth, predicted, directed=case.directed)).f1

    plain, called = blame_links(case.tables, case.matches), blame_links(case.tables, case.matches, measure=f1)
    assert list(plain.values.values()) == pytest.approx(list(called.values.values()), nan_ok=True)

    def count(truth, predicted):
        return len(truth) - abs(len(truth) - len(predicted))

    counted = blame_links(case.tables, case.matches, measure=count)
    assert math.fsum(counted.parts.values()) == pytest.approx(counted.loss, abs=1e-12)


@given(linked())
def test_causes_share_the_loss(case):
    truth, predicted, matches = case.sides
    outcomes = find_outcomes(truth, predicted, directed=case.directed)
    blame = blame_causes(attribute_edges(outcomes, attribute_links(truth, predicted, matches)))
    wrong = outcomes["outcome"] != "tp"
    if not wrong.any():
        assert blame.parts == {}
    elif (outcomes["outcome"] != "fp").any():
        assert math.fsum(blame.parts.values()) == pytest.approx(blame.loss, abs=1e-12)
        assert all(part > 0 for part in blame.parts.values())


def test_undefined_is_said():
    blame = blame_links({"truth": make_links([]), "predicted": make_links([(1, 4, 5)])}, make_matches([(0, 1)]))
    found = blame.to_dict()
    assert found["loss"] is None
    assert "the truth has no edge" in found["loss_reason"]
    assert found["parts"]["synapses"] is None


def test_tables_are_named():
    with pytest.raises(InputError, match="expected truth, predicted"):
        blame_links({"truth": make_links([])}, make_matches([]))


def test_nothing_is_blamed_on_a_perfect_prediction():
    graph = nx.gnp_random_graph(8, 0.5, seed=1)
    rows = [(k + 1, a + 1, b + 1) for k, (a, b) in enumerate(graph.edges)]
    links = make_links(rows)
    blame = blame_links({"truth": links, "predicted": links}, make_matches([(row[0], row[0]) for row in rows]))
    assert (blame.loss, blame.parts) == (0.0, {"synapses": 0.0, "partners": 0.0})
    assert isinstance(links, pd.DataFrame)
