"""Intervals and paired tests over neurons."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import product
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from connectograph import AlignedEdges, InputError, SchemaError, align, compare_connectomes, compare_edges, edges_of
from connectograph.uncertainty import MIN_NEURONS, edge_intervals, node_jackknife, paired_test, ratio_interval

CALYX = Path(__file__).resolve().parents[2] / "shared" / "data" / "synful_calyx"
N = 40
SCORES = ("precision", "recall", "f1")


def random_graph(seed, *, directed=True, n=N, p=0.2):
    graph = nx.gnp_random_graph(n, p, seed=seed, directed=directed)
    rng = np.random.default_rng(seed)
    nx.set_edge_attributes(graph, {edge: int(rng.integers(1, 6)) for edge in graph.edges}, "n_synapses")
    return nx.relabel_nodes(graph, {node: node + 1 for node in graph})


def sum_sharing(influence, source, target, directed):
    """Sum over pairs of pairs, from the definition: those that share a role (directed) or a neuron."""
    total = sum(r * r for r in influence)
    for i, j in product(range(len(influence)), repeat=2):
        ends, others = (source[i], target[i]), (source[j], target[j])
        shares = ends[0] == others[0] or ends[1] == others[1] if directed else bool(set(ends) & set(others))
        total += influence[i] * influence[j] if i != j and shares else 0
    return total


def slow_variance(influence, source, target, directed):
    """The same, but at least that of independent pairs."""
    return max(sum_sharing(influence, source, target, directed), sum(r * r for r in influence))


def score_parts(both, name, threshold=1):
    """Numerator and denominator of every pair."""
    tp = ((both.truth >= threshold) & (both.predicted >= threshold)).astype(float)
    fp, fn = (both.predicted >= threshold) - tp, (both.truth >= threshold) - tp
    return {"precision": (tp, tp + fp), "recall": (tp, tp + fn), "f1": (2 * tp, 2 * tp + fp + fn)}[name]


@pytest.mark.parametrize("directed", [True, False])
def test_the_variance_is_the_double_sum_over_pairs_that_share_a_neuron(directed):
    both = align(*(random_graph(seed, directed=directed, p=0.1) for seed in (1, 2)))
    a, b = score_parts(both, "recall")
    found = ratio_interval(a, b, both.source, both.target, directed)
    influence = (a - a.sum() / b.sum() * b) / b.sum()
    assert found.value == a.sum() / b.sum()
    assert math.isclose(found.standard_error**2, slow_variance(influence, both.source, both.target, directed))


def test_limits_by_hand():
    both = align(random_graph(1), random_graph(2))
    a, b = score_parts(both, "recall")
    found = ratio_interval(a, b, both.source, both.target, True, level=0.9)
    reach = stats.t.ppf(0.95, found.n_neurons - 1) * found.standard_error / (found.value * (1 - found.value))
    logit = math.log(found.value / (1 - found.value))
    expected = [1 / (1 + math.exp(-(logit + sign * reach))) for sign in (-1, 1)]
    assert np.allclose([found.lower, found.upper], expected, rtol=1e-12)
    ratio = ratio_interval(both.predicted, both.truth, both.source, both.target, True)
    reach = stats.t.ppf(0.975, ratio.n_neurons - 1) * ratio.standard_error
    assert math.isclose(ratio.value, both.predicted.sum() / both.truth.sum())
    assert np.allclose([ratio.lower, ratio.upper], [ratio.value - reach, ratio.value + reach])


@pytest.mark.parametrize(("directed", "threshold"), [(True, 1), (True, 3), (False, 1), (False, 3)])
def test_edge_intervals_allow_for_the_same_edges(directed, threshold):
    """The recall is a ratio like any other; the others are wide enough also where the same pairs are edges again."""
    both = align(*(random_graph(seed, directed=directed, p=0.15) for seed in (3, 4)))
    intervals = edge_intervals(both, threshold=threshold)
    score = compare_edges(both, threshold=threshold)
    is_edge, called = both.truth >= threshold, both.predicted >= threshold
    false = called & ~is_edge
    for name in SCORES:
        found, (a, b) = getattr(intervals, name), score_parts(both, name, threshold)
        plain = ratio_interval(a, b, both.source, both.target, directed)
        influence = (a - a.sum() / b.sum() * b) / b.sum()
        n_others = max(is_edge.sum(), false.sum())
        edges, others = influence[is_edge].sum() ** 2 / is_edge.sum(), influence[false].sum() ** 2 / n_others
        variance = sum_sharing(influence, both.source, both.target, directed) + edges + others
        variance = max(variance, influence @ influence - edges)
        assert (found.value, found.n_neurons) == (getattr(score, name), plain.n_neurons)
        assert math.isclose(found.standard_error, math.sqrt(variance), rel_tol=1e-9)
        assert 0 < found.lower < found.value < found.upper < 1
        if name == "recall":
            assert np.allclose([found.lower, found.upper], [plain.lower, plain.upper], rtol=1e-10)


def test_what_edge_intervals_allow_for_by_hand():
    """Pairs that share no neuron; 30 of 40 edges found, and 10 others: as many, or more, candidates are thought of."""
    edges, decoys = ([(start + 4 * i, start + 1 + 4 * i) for i in range(40)] for start in (1, 3))
    precision = edge_intervals(align(nx.Graph(edges), nx.Graph([*edges[:30], *decoys[:10]]))).precision
    # found edges weigh 1/4 each, invented ones -3/4; of both the sum is 7.5, spread over 40 pairs; of 40 predicted
    variance = 30 / 4**2 + 10 * (3 / 4) ** 2 + 2 * 7.5**2 / 40
    assert precision.value == 0.75
    assert math.isclose(precision.standard_error, math.sqrt(variance) / 40)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.floats(0.15, 0.9), st.booleans())
def test_contracts_of_edge_intervals(seed, p, directed):
    truth, predicted = random_graph(seed, directed=directed, p=0.3), random_graph(seed + 1, directed=directed, p=p)
    intervals = edge_intervals(align(truth, predicted))
    swapped = edge_intervals(align(predicted, truth))
    names = {node: 2**64 - 3 - 7 * node for node in truth}
    renamed = edge_intervals(align(nx.relabel_nodes(truth, names), nx.relabel_nodes(predicted, names)))
    assert swapped.precision.value == intervals.recall.value
    assert swapped.f1.value == intervals.f1.value
    for name in SCORES:
        a, b = getattr(intervals, name), getattr(renamed, name)
        assert (a.value, a.n_neurons) == (b.value, b.n_neurons)
        assert math.isclose(a.standard_error, b.standard_error, rel_tol=1e-9)


def test_neurons_that_fail_as_a_whole_widen_the_interval():
    truth = nx.complete_graph(range(1, N + 1), nx.DiGraph)
    rng = np.random.default_rng(0)
    edges = np.array(truth.edges)
    scattered = nx.DiGraph(map(tuple, edges[rng.permutation(len(edges))[: len(edges) * 3 // 4].tolist()]))
    clustered = nx.DiGraph(map(tuple, edges[edges[:, 0] <= N * 3 // 4]))
    errors = [edge_intervals(align(truth, graph)).recall.standard_error for graph in (scattered, clustered)]
    independent = math.sqrt(0.75 * 0.25 / len(edges))
    assert errors[0] < 1.3 * independent
    assert errors[1] > 4 * independent


def test_a_perfect_score_shows_no_variation():
    graph = random_graph(1)
    intervals = edge_intervals(align(graph, graph)).to_dict()
    for name in SCORES:
        assert intervals[name]["value"] == 1
        assert intervals[name]["lower"] is None
        assert intervals[name]["lower_reason"] == "no interval: the outcomes do not vary"
    both = align(graph, graph)
    thirds = ratio_interval(both.truth / 3, both.truth, both.source, both.target, True)
    assert math.isnan(thirds.standard_error)


def test_few_neurons_give_no_interval_with_the_reason():
    both = align(*(random_graph(seed, n=MIN_NEURONS - 1, p=0.9) for seed in (1, 2)))
    recall = edge_intervals(both).recall
    assert recall.value == compare_edges(both).recall
    assert recall.to_dict()["upper_reason"] == f"no interval: {MIN_NEURONS - 1} neurons, fewer than 30"
    wide = nx.DiGraph([(a, b) for a in range(1, 6) for b in range(10, 100) if (a + b) % 3])
    few = edge_intervals(align(wide, nx.DiGraph(list(wide.edges)[::2]))).recall
    assert few.n_neurons == 5  # presynaptic ones, however many postsynaptic


def test_undefined_scores_have_their_reason():
    intervals = edge_intervals(align(nx.DiGraph(), random_graph(1))).to_dict()
    assert intervals["recall"]["value"] is None
    assert intervals["recall"]["value_reason"] == intervals["recall"]["upper_reason"] == "the truth has no edge"
    assert intervals["precision"]["value"] == 0
    empty = edge_intervals(align(nx.Graph(), nx.Graph())).to_dict()
    assert [empty[name]["value"] for name in SCORES] == [None] * 3
    json.dumps([intervals, empty], allow_nan=False)
    none = ratio_interval([], [], [], [], True)
    assert none.reason == "the denominator is 0"


def test_a_paired_test_compares_influences():
    graphs = [random_graph(seed) for seed in (1, 2, 3)]
    test = paired_test(*graphs)
    nodes = [align(graphs[0], graphs[i], nodes=range(1, N + 1)) for i in (1, 2)]
    for name in SCORES:
        table = []
        for both in nodes:
            a, b = score_parts(both, name)
            r = (a - a.sum() / b.sum() * b) / b.sum()
            table.append(pd.Series(r, pd.MultiIndex.from_arrays([both.source, both.target])))
        difference = table[0].sub(table[1], fill_value=0)
        source, target = (difference.index.get_level_values(i).to_numpy() for i in (0, 1))
        variance = slow_variance(difference.tolist(), source.tolist(), target.tolist(), True)
        found = getattr(test, name)
        scores = [getattr(compare_edges(both), name) for both in nodes]
        assert math.isclose(found.interval.value, scores[0] - scores[1], abs_tol=1e-15)
        assert math.isclose(found.interval.standard_error**2, variance, rel_tol=1e-9)
        assert math.isclose(found.statistic, found.interval.value / math.sqrt(variance), rel_tol=1e-9)
        assert math.isclose(found.p_value, 2 * stats.t.sf(abs(found.statistic), found.interval.n_neurons - 1))


def test_swapped_predictions_swap_the_sign():
    truth, a, b = (random_graph(seed, directed=False) for seed in (1, 2, 3))
    one, other = paired_test(truth, a, b), paired_test(truth, b, a)
    tables = paired_test(*(edges_of(graph) for graph in (truth, a, b)), directed=False)
    for name in SCORES:
        forth, back = getattr(one, name), getattr(other, name)
        assert math.isclose(forth.interval.value, -back.interval.value)
        assert math.isclose(forth.p_value, back.p_value)
        assert math.isclose(forth.p_value, getattr(tables, name).p_value)


def test_names_have_no_say_in_a_paired_test():
    graphs = [random_graph(seed) for seed in (1, 2, 3)]
    names = {node: 2**64 - 3 - 7 * node for node in graphs[0]}
    one, other = paired_test(*graphs), paired_test(*(nx.relabel_nodes(graph, names) for graph in graphs))
    for name in SCORES:
        assert math.isclose(getattr(one, name).p_value, getattr(other, name).p_value, rel_tol=1e-9)


def test_a_prediction_is_not_better_than_itself():
    truth, a = random_graph(1), random_graph(2)
    for name, found in paired_test(truth, a, a).to_dict().items():
        assert found["value"] == 0, name
        assert found["p_value"] is None
        assert found["p_value_reason"] == "no interval: the outcomes do not vary"


def test_a_prediction_that_loses_edges_everywhere_is_worse():
    truth = random_graph(1, p=0.5)
    rng = np.random.default_rng(0)
    kept = [[edge for edge in truth.edges if rng.random() < share] for share in (0.9, 0.6)]
    better, worse = (nx.DiGraph(edges) for edges in kept)
    test = paired_test(truth, better, worse)
    assert test.recall.p_value < 1e-6
    assert test.recall.interval.lower > 0.2
    assert math.isnan(paired_test(truth, better, nx.DiGraph()).precision.p_value)


def test_a_jackknife_of_a_mean_over_neurons_is_its_standard_error():
    """Leaving out one of N nodes without edges: the mean of a node attribute, whose error is known."""
    values = np.random.default_rng(0).random(50)
    none = np.empty(0, np.int64)
    both = AlignedEdges(np.arange(50, dtype=np.uint64), none, none, none, none, True)
    found = node_jackknife(lambda part: {"mean": values[part.nodes.astype(int)].mean()}, both)["mean"]
    assert math.isclose(found.standard_error, values.std(ddof=1) / math.sqrt(50), rel_tol=1e-9)
    assert math.isclose(found.upper - found.value, stats.t.ppf(0.975, 49) * found.standard_error)


def test_a_jackknife_leaves_out_neurons_with_their_edges():
    both = align(random_graph(1), random_graph(2))
    before = [array.copy() for array in (both.nodes, both.source, both.truth)]
    seen = []
    node_jackknife(lambda part: seen.append(part) or {"n": 1.0 * len(part.source)}, both, groups=30)
    assert len(seen) == 31
    for left_out, part in enumerate(seen[1:]):
        gone = both.nodes[left_out::30]
        assert part.nodes.tolist() == sorted(set(both.nodes.tolist()) - set(gone.tolist()))
        ends, others = (np.array([edges.nodes[edges.source], edges.nodes[edges.target]]) for edges in (part, both))
        kept = ~np.isin(others, gone).any(axis=0)
        assert (ends == others[:, kept]).all()
        assert (part.truth == both.truth[kept]).all()
    assert all((a == b).all() for a, b in zip(before, (both.nodes, both.source, both.truth), strict=True))


def test_a_jackknife_agrees_with_the_interval_of_a_ratio():
    both = align(random_graph(5, n=150), random_graph(6, n=150, p=0.5))
    rough = node_jackknife(lambda part: {"recall": compare_edges(part).recall}, both)["recall"]
    exact = edge_intervals(both).recall
    assert rough.value == exact.value
    assert 0.7 < rough.standard_error / exact.standard_error < 1.6


def test_a_jackknife_says_why_it_is_missing():
    both = align(random_graph(1), random_graph(2))
    undefined = node_jackknife(lambda part: {"x": math.nan}, both)["x"]
    assert undefined.to_dict()["value"] is None
    assert "undefined" in undefined.reason
    assert node_jackknife(lambda part: {"x": 3.0}, both)["x"].reason == "no interval: the outcomes do not vary"
    few = align(random_graph(1, n=10), random_graph(2, n=10))
    assert node_jackknife(lambda part: {"x": 1.0}, few)["x"].reason == "no interval: 10 neurons, fewer than 30"


def test_calls_that_make_no_sense_are_refused():
    both = align(random_graph(1), random_graph(2))
    for level in (0, 1, 95):
        with pytest.raises(InputError, match="level"):
            edge_intervals(both, level=level)
    with pytest.raises(InputError, match="threshold is 0"):
        edge_intervals(both, threshold=0)
    with pytest.raises(InputError, match=r"\[1, 2, 2, 2\]"):
        ratio_interval([1], [1, 1], [0, 1], [1, 2], True)
    with pytest.raises(InputError, match="groups is 29"):
        node_jackknife(lambda part: {"x": 1.0}, both, groups=29)
    with pytest.raises(InputError, match="directed"):
        paired_test(random_graph(1), random_graph(2), nx.Graph())


def test_inputs_are_not_changed():
    both = align(random_graph(1), random_graph(2))
    for array in (both.nodes, both.source, both.target, both.truth, both.predicted):
        array.flags.writeable = False
    edge_intervals(both)
    assert replace(both).source is both.source


@pytest.mark.parametrize(("spread", "directed"), [(0.0, True), (1.0, True), (1.0, False)])
def test_intervals_cover_and_tests_keep_their_level(spread, directed):
    """200 detectors on one graph of 80 neurons: 95 % intervals hold the expected recall, 5 % of tests are wrong.

    The bounds are four standard errors wide; taking edges for independent covers in 60 of 100 cases at spread 1.
    """
    rng = np.random.default_rng(7)
    n, runs = 80, 200
    pairs = np.array([(a, b) for a, b in product(range(n), repeat=2) if a != b and (directed or a < b)])
    source, target = pairs[rng.random(len(pairs)) < 0.25].T
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    expected = float((1 / (1 + np.exp(-1 - math.sqrt(2) * spread * nodes))) @ weights / weights.sum())

    def detect():
        u = rng.normal(0, spread, n)
        v = rng.normal(0, spread, n) if directed else u
        return rng.random(len(source)) < 1 / (1 + np.exp(-1 - u[source] - v[target]))

    def table(chosen):
        ends = {name: (end[chosen] + 1).astype("u8") for name, end in (("source", source), ("target", target))}
        return pd.DataFrame(ends).assign(n_synapses=np.ones(int(chosen.sum()), np.int64))

    covered = alarms = 0
    for _ in range(runs):
        found, other = detect(), detect()
        interval = ratio_interval(found, np.ones(len(source)), source, target, directed)
        covered += interval.lower <= expected <= interval.upper
        test = paired_test(table(np.ones(len(source), bool)), table(found), table(other), directed=directed)
        alarms += test.recall.p_value < 0.05
    assert 0.89 <= covered / runs <= 1
    assert alarms / runs <= 0.115


@pytest.mark.skipif(not CALYX.is_dir(), reason="the calyx connectome is not part of the repository")
def test_the_calyx_connectome_has_narrow_intervals():
    files = (str(CALYX / f"{side}_counts.csv") for side in ("truth", "predicted"))
    tables = compare_connectomes(*files, directed=True).tables
    both = align(tables["edges_truth"], tables["edges_predicted"], directed=True)
    intervals = edge_intervals(both)
    assert (round(intervals.precision.value, 4), round(intervals.recall.value, 4)) == (0.9034, 0.9789)
    assert intervals.f1.n_neurons == 131  # projection neurons with an edge; 528 Kenyon cells
    assert 0.93 < intervals.f1.lower < 0.9396 < intervals.f1.upper < 0.95


# --- one fixed graph, with the candidates ---------------------------------------------------------------------------


def contacts_of(pairs):
    a, b = np.array(sorted({(min(pair), max(pair)) for pair in pairs}), np.uint64).reshape(-1, 2).T
    return pd.DataFrame({"segment_a": a, "segment_b": b})


@pytest.mark.parametrize("directed", [True, False])
def test_with_candidates_influences_are_taken_from_their_means(directed):
    both = align(*(random_graph(seed, directed=directed, p=0.1) for seed in (1, 2)))
    known = set(zip(both.source.tolist(), both.target.tolist(), strict=True))
    touching = {(a, b) for a, b in product(range(len(both.nodes)), repeat=2) if a < b and (a + 2 * b) % 7 == 0}
    more = (touching | {(b, a) for a, b in touching} if directed else touching) - known
    ids = both.nodes.tolist()
    contacts = contacts_of([(ids[a], ids[b]) for a, b in touching])
    found, plain = edge_intervals(both, candidates=contacts), edge_intervals(both)
    pairs = list(zip(both.source.tolist(), both.target.tolist(), strict=True)) + sorted(more)
    source, target = zip(*pairs, strict=True)
    is_edge = np.append(both.truth > 0, np.zeros(len(more), bool))
    for name in SCORES:
        a, b = (np.append(part, np.zeros(len(more))) for part in score_parts(both, name))
        influence = (a - a.sum() / b.sum() * b) / b.sum()
        for kind in (is_edge, ~is_edge):
            influence[kind] -= influence[kind].mean()
        interval = getattr(found, name)
        assert math.isclose(interval.standard_error**2, slow_variance(influence, source, target, directed))
        assert (interval.value, interval.n_neurons) == (getattr(plain, name).value, getattr(plain, name).n_neurons)
    assert math.isclose(found.recall.standard_error, plain.recall.standard_error, rel_tol=1e-12)


def test_independent_candidates_by_hand():
    """Pairs that share no neuron: precision varies with what was found and what was invented, each by its share."""
    edges, decoys = ([(start + 4 * i, start + 1 + 4 * i) for i in range(40)] for start in (1, 3))
    both = align(nx.Graph(edges), nx.Graph([*edges[:30], *decoys[:10]]), nodes=range(1, 161))
    precision = edge_intervals(both, candidates=contacts_of([*edges, *decoys])).precision
    assert precision.value == 0.75
    # 40 edges, each found with 3/4, weigh 1/4; 40 decoys, each invented with 1/4, weigh -3/4; of 40 predicted
    variance = 40 * (3 / 16) * (1 / 4) ** 2 + 40 * (3 / 16) * (3 / 4) ** 2
    assert math.isclose(precision.standard_error, math.sqrt(variance) / 40)


def test_contracts_of_candidates():
    truth, predicted = random_graph(1), random_graph(2)
    contacts = contacts_of([(a, b) for a, b in product(range(1, N + 1), repeat=2) if a < b])
    copy = contacts.copy()
    found = edge_intervals(align(truth, predicted), candidates=contacts)
    assert contacts.equals(copy)
    far = pd.concat([contacts, contacts_of([(1, 10**6), (10**6, 10**6 + 1)])])
    shuffled = far.sample(frac=1, random_state=1)
    assert edge_intervals(align(truth, predicted), candidates=shuffled) == found, "order and strangers have no say"
    assert edge_intervals(align(truth, predicted), candidates=pd.concat([contacts, contacts])) == found
    names = {node: 2**64 - 3 - 7 * node for node in truth}
    renamed = [nx.relabel_nodes(graph, names) for graph in (truth, predicted)]
    table = contacts_of([(names[a], names[b]) for a, b in contacts.itertuples(index=False)])
    turned = edge_intervals(align(*renamed), candidates=table)
    for name in SCORES:
        assert math.isclose(getattr(turned, name).standard_error, getattr(found, name).standard_error, rel_tol=1e-9)
    same = edge_intervals(align(truth, truth), candidates=contacts).to_dict()
    assert {same[name]["lower_reason"] for name in SCORES} == {"no interval: the outcomes do not vary"}
    nothing = edge_intervals(align(nx.DiGraph(), nx.DiGraph()), candidates=contacts)
    assert nothing.f1.reason == "neither graph has an edge"
    with pytest.raises(SchemaError, match="segment_b"):
        edge_intervals(align(truth, predicted), candidates=contacts[["segment_a"]])
