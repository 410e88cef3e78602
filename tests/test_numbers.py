"""Small numbers and components against the packages that they replace."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from connectograph import _components
from connectograph._components import label_components
from connectograph._numbers import spearman, student_quantile


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 29, 30, 131, 9999, 10_000])
@pytest.mark.parametrize("share", [0.5, 0.2, 0.9, 0.975, 0.9995])
def test_quantiles_of_student_are_those_of_scipy(share, freedom):
    assert student_quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-9, abs=1e-12)


@given(st.lists(st.tuples(st.integers(-3, 40), st.sampled_from([0.5, 1.0, 2.5, -1e300])), min_size=2, max_size=30))
def test_rank_correlations_are_those_of_scipy(rows):
    left, right = (np.array(column) for column in zip(*rows, strict=True))
    if len(set(left.tolist())) > 1 and len(set(right.tolist())) > 1:
        expected = stats.spearmanr(left, right).statistic
        assert spearman(left, right) == pytest.approx(expected, abs=1e-12)
        assert spearman(np.abs(left), right) == pytest.approx(spearman(np.abs(left) * 1.0, right), nan_ok=True)
    else:
        assert np.isnan(spearman(left, right))


@pytest.mark.parametrize("piece", [3, 2**18])
@given(pairs=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=20))
def test_components_are_those_of_networkx(piece, pairs):
    graph = nx.Graph()
    graph.add_nodes_from(range(12))
    graph.add_edges_from(pairs)
    source, target = np.array(pairs, np.int64).reshape(-1, 2).T
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_components, "_PIECE", piece)
        label = label_components(12, source, target)
    assert all(label[node] == min(component) for component in nx.connected_components(graph) for node in component)


def test_a_long_path_is_one_component():
    order = np.random.default_rng(0).permutation(100_000)
    assert not label_components(100_000, order[:-1], order[1:]).any()
