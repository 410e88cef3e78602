"""p-values adjusted for the number of predictions."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import connectograph as cg
from connectograph.evaluation.ranking import adjust_holm


def test_counted_by_hand():
    assert adjust_holm([]) == []
    assert adjust_holm([0.5]) == [0.5]
    assert adjust_holm([0.02, 0.9, 0.02, 0.6]) == [0.08, 1.0, 0.08, 1.0]


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), max_size=6), st.randoms())
def test_adjusted_by_closed_testing(values, random):
    """Holm's is Bonferroni's test of every set of hypotheses that holds the one in question."""
    sets = [chosen for n in range(1, len(values) + 1) for chosen in combinations(range(len(values)), n)]
    expected = [
        min(1, max(len(chosen) * min(values[k] for k in chosen) for chosen in sets if i in chosen))
        for i in range(len(values))
    ]
    before = list(values)
    assert adjust_holm(values) == pytest.approx(expected)
    assert values == before
    order = random.sample(range(len(values)), len(values))
    assert adjust_holm([values[k] for k in order]) == pytest.approx([expected[k] for k in order])


def test_a_study_shows_them_beside_the_raw_ones():
    truth = nx.gnp_random_graph(60, 0.2, seed=1)
    others = []
    for k in (5, 6, 7):
        others.append(truth.copy())
        others[-1].remove_edges_from(list(truth.edges)[::k])
    rows = cg.compare_many(truth, others).report["ranking"]
    differences = [row["difference"]["f1"] for row in rows if row["difference"]]
    raw = sorted(found["p_value"] for found in differences)
    adjusted = sorted(found["p_value_holm"] for found in differences)
    assert adjusted == pytest.approx([min(1, 2 * raw[0]), max(min(1, 2 * raw[0]), raw[1])])


def test_without_a_p_value_there_is_a_reason():
    truth = nx.path_graph([1, 2, 3, 4])
    worse = cg.compare_many(truth, [nx.path_graph([1, 2]), truth]).report["ranking"][1]["difference"]["f1"]
    assert worse["p_value_holm"] is None
    assert worse["p_value_holm_reason"] == worse["p_value_reason"]
