"""Scores of single neurons, degrees, hubs, partners and components."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from connectograph import align, compare_edges, edges_of
from connectograph.degrees import compare_degrees, score_neurons, summarise_scores
from connectograph.errors import InputError

NAN = math.nan
weights = st.dictionaries(st.tuples(st.integers(1, 8), st.integers(1, 8)), st.integers(1, 6), max_size=25)
pairs_of_graphs = st.tuples(st.booleans(), weights, weights)


def graph_of(edges, directed=False, nodes=()):
    graph = nx.DiGraph() if directed else nx.Graph()
    graph.add_nodes_from(nodes)
    for (a, b), n in edges.items():
        graph.add_edge(a, b, n_synapses=n)
    return graph


def star(leaves, weight=1, hub=0):
    return graph_of({(hub, leaf): weight for leaf in leaves})


def strengths_of(graph, node, role):
    """Synapses of a neuron with each partner, autapses left out."""
    found = {}
    for a, b, n in graph.edges(data="n_synapses"):
        ends = [(a, b), (b, a)] if not graph.is_directed() or role == "total" else [(a, b) if role == "out" else (b, a)]
        for own, partner in ends:
            if own == node != partner:
                found[partner] = found.get(partner, 0) + n
    return found


def edges_at(graph, node, role):
    """Edges of a neuron in a role, autapses left out: {pair: synapses}."""
    found = {}
    for a, b, n in graph.edges(data="n_synapses"):
        pair = (a, b) if graph.is_directed() else (min(a, b), max(a, b))
        at_end = {"out": a == node, "in": b == node, "total": node in (a, b)}[role]
        if a != b and at_end:
            found[pair] = n
    return found


def ratio(part, whole):
    return part / whole if whole else NAN


# ---------------------------------------------------------------------------------------------- scores of neurons
@given(pairs_of_graphs)
def test_scores_of_neurons_are_those_of_a_slow_program(case):
    directed, *edges = case
    truth, predicted = (graph_of(side, directed, [1, 9]) for side in edges)
    scores = score_neurons(truth, predicted)
    roles = ["in", "out", "total"] if directed else ["total"]
    nodes = sorted({*truth, *predicted})
    assert scores[["segment_id", "role"]].to_numpy().tolist() == [[node, role] for node in nodes for role in roles]
    for row in scores.itertuples():
        left, right = (edges_at(graph, row.segment_id, row.role) for graph in (truth, predicted))
        tp, fp, fn = len(left.keys() & right), len(right.keys() - left), len(left.keys() - right)
        shared = sum(min(left[pair], right[pair]) for pair in left.keys() & right)
        total, other = sum(left.values()), sum(right.values())
        assert (row.tp, row.fp, row.fn) == (tp, fp, fn)
        assert (row.n_synapses_truth, row.n_synapses_predicted, row.n_synapses_shared) == (total, other, shared)
        expected = [ratio(tp, tp + fp), ratio(tp, tp + fn), ratio(2 * tp, 2 * tp + fp + fn)]
        expected += [ratio(shared, other), ratio(shared, total), ratio(2 * shared, total + other)]
        found = [row.precision, row.recall, row.f1, row.weighted_precision, row.weighted_recall, row.weighted_f1]
        assert found == pytest.approx(expected, nan_ok=True)


@given(pairs_of_graphs)
def test_scores_of_neurons_add_up_to_the_score_of_edges(case):
    directed, *edges = case
    both = align(*(graph_of(side, directed) for side in edges))
    score, sums = compare_edges(both), score_neurons(both).groupby("role")[["tp", "fp", "fn"]].sum()
    times = {"in": 1, "out": 1, "total": 2}
    for role, row in sums.iterrows():
        assert row.tolist() == [times[role] * n for n in (score.tp, score.fp, score.fn)]


def test_scores_have_their_types_also_without_rows():
    for graph in (nx.Graph(), nx.Graph([(2**63, 2**64 - 3)])):
        scores = score_neurons(graph, graph)
        assert scores["segment_id"].dtype == np.uint64
        assert (scores[["tp", "fp", "fn", "n_synapses_shared"]].dtypes == np.int64).all()
        assert (scores[["precision", "weighted_f1"]].dtypes == np.float64).all()
        assert scores["segment_id"].tolist() == sorted(graph)
    assert len(summarise_scores(score_neurons(nx.Graph(), nx.Graph()))) == 0


def test_summary_of_scores():
    truth = graph_of({(1, 2): 6, (3, 4): 2, (5, 6): 1}, nodes=[7])
    predicted = graph_of({(1, 2): 1, (3, 5): 1}, nodes=[7])
    summary = summarise_scores(score_neurons(truth, predicted))
    # F1 of neurons 1..6: 1, 1, 0, 0, 0, 0 with 6, 6, 2, 2, 1, 1 true synapses; 7 has none
    assert summary.to_numpy().tolist() == [["total", 6, 0.0, 0.0, pytest.approx(12 / 18)]]
    nothing = summarise_scores(score_neurons(nx.empty_graph(3), nx.empty_graph(3)))
    assert nothing["n_neurons"].tolist() == [0]
    assert nothing[["median", "p10", "weighted_mean"]].isna().all(axis=None)


# --------------------------------------------------------------------------------------------------------- degrees
@given(pairs_of_graphs)
@settings(max_examples=50)
def test_degrees_are_those_of_slow_programs(case):
    directed, *edges = case
    truth, predicted = (graph_of(side, directed, [1, 9]) for side in edges)
    found = compare_degrees(truth, predicted)
    nodes = sorted({*truth, *predicted})
    connected = [v for v in nodes if edges_at(truth, v, "total") or edges_at(predicted, v, "total")]
    for agreement in found.agreements:
        size = len if agreement.measure == "degree" else lambda edges: sum(edges.values())
        d, e = (np.array([size(edges_at(g, v, agreement.role)) for v in connected]) for g in (truth, predicted))
        assert agreement.n_neurons == len(connected)
        if not connected:
            continue
        logs = [math.log2((y + 0.5) / (x + 0.5)) for x, y in zip(d, e, strict=True)]
        assert agreement.bias == pytest.approx(np.mean(logs))
        assert agreement.bias_sd == pytest.approx(np.std(logs, ddof=1))
        half = (agreement.bias_high - agreement.bias_low) / 2
        assert (half, agreement.bias_high - half) == pytest.approx((1.96 * agreement.bias_sd, agreement.bias))
        kept = (d > 0) & (e > 0)
        line = np.polyfit(np.log(d[kept]), np.log(e[kept]), 1)[0] if len({*d[kept].tolist()}) > 1 else NAN
        assert agreement.slope == pytest.approx(line, nan_ok=True, abs=1e-9)
        several = len({*d.tolist()}) > 1 and len({*e.tolist()}) > 1
        assert agreement.spearman == pytest.approx(stats.spearmanr(d, e).statistic if several else NAN, nan_ok=True)
        expected = stats.wasserstein_distance(d, e) / d.mean() if d.any() else NAN
        assert agreement.wasserstein == pytest.approx(expected, nan_ok=True)
        assert agreement.ks == pytest.approx(stats.ks_2samp(d, e, method="asymp").statistic)
        hubs = [set(np.flatnonzero(x >= sorted(x[x > 0])[-math.ceil(Fraction(int((x > 0).sum()), 10))]))
                if x.any() else set() for x in (d, e)]  # fmt: skip
        assert (agreement.n_hubs_truth, agreement.n_hubs_predicted) == (len(hubs[0]), len(hubs[1]))
        assert agreement.hub_jaccard == pytest.approx(
            ratio(len(hubs[0] & hubs[1]), len(hubs[0] | hubs[1])), nan_ok=True
        )


@given(pairs_of_graphs)
@settings(max_examples=50)
def test_components_and_lost_neurons_are_those_of_networkx(case):
    directed, *edges = case
    truth, predicted = (graph_of(side, directed, [1, 9]) for side in edges)
    nodes = {*truth, *predicted}
    for graph in (truth, predicted):
        graph.add_nodes_from(nodes)
    found = compare_degrees(truth, predicted)
    alone = [{v for v in nodes if not edges_at(graph, v, "total")} for graph in (truth, predicted)]
    assert (found.n_isolated_truth, found.n_isolated_predicted) == tuple(map(len, alone))
    assert found.n_isolated_both == len(alone[0] & alone[1])
    assert (found.n_lost, found.n_gained) == (len(alone[1] - alone[0]), len(alone[0] - alone[1]))
    weak = nx.weakly_connected_components if directed else nx.connected_components
    assert (found.wcc_truth, found.wcc_predicted) == tuple(max(map(len, weak(g))) for g in (truth, predicted))
    if directed:
        strong = tuple(max(map(len, nx.strongly_connected_components(g))) for g in (truth, predicted))
        assert (found.scc_truth, found.scc_predicted) == strong
        assert found.scc_ratio == strong[1] / strong[0]
    else:
        assert found.scc_truth is None
        assert math.isnan(found.scc_ratio)


@given(pairs_of_graphs)
@settings(max_examples=50)
def test_partner_overlap_is_that_of_a_slow_program(case):
    directed, *edges = case
    truth, predicted = (graph_of(side, directed) for side in edges)
    for overlap in compare_degrees(truth, predicted).overlaps:
        values = []
        for node in {*truth, *predicted}:
            shares = [places(strengths_of(graph, node, overlap.role), overlap.k) for graph in (truth, predicted)]
            most = max(sum(share.values()) for share in shares)
            if most:
                common = sum(min(share, shares[1].get(partner, 0)) for partner, share in shares[0].items())
                values.append(float(common / most))
        assert overlap.n_neurons == len(values)
        assert overlap.mean == pytest.approx(np.mean(values) if values else NAN, nan_ok=True)
        assert overlap.median == pytest.approx(np.median(values) if values else NAN, nan_ok=True)


def places(strengths, k):
    """Shares in the k first places, exactly: whoever ties for the last ones gets a part of them."""
    shares, left = {}, k
    for value in sorted({*strengths.values()}, reverse=True):
        tied = [partner for partner, strength in strengths.items() if strength == value]
        shares |= dict.fromkeys(tied, Fraction(min(left, len(tied)), len(tied)))
        left -= min(left, len(tied))
    return shares


def overlap_of(truth, predicted, k, role="total"):
    found = compare_degrees(truth, predicted).overlaps
    return next(overlap for overlap in found if (overlap.role, overlap.k) == (role, k))


def test_ties_for_the_last_place_share_it():
    # neuron 0: partners 1..4 with 9 synapses, 5..8 with 2: four tie for the fifth place
    truth = graph_of({(0, leaf): 9 if leaf < 5 else 2 for leaf in range(1, 9)})
    assert overlap_of(truth, truth, 5).mean == 1
    fewer = graph_of({(0, leaf): 9 if leaf < 5 else 2 for leaf in range(1, 6)})
    # four full places and a quarter of the fifth are common; leaves 1..5 keep their partner, 6..8 lose it
    assert overlap_of(truth, fewer, 5).mean == pytest.approx((4.25 / 5 + 5) / 9)
    assert overlap_of(truth, fewer, 5).n_neurons == 9


def test_order_of_partners_counts_not_their_synapses():
    truth = graph_of({(0, leaf): 10 + leaf for leaf in range(1, 13)}, directed=True)
    scaled = graph_of({(0, leaf): 3 * (10 + leaf) for leaf in range(1, 13)}, directed=True)
    assert overlap_of(truth, scaled, 5, "out").mean == 1
    turned = graph_of({(0, leaf): 30 - leaf for leaf in range(1, 13)}, directed=True)
    assert overlap_of(truth, turned, 5, "out").mean == 0
    assert overlap_of(truth, turned, 10, "out").mean == 8 / 10
    assert overlap_of(truth, turned, 5, "in").mean == 1


def test_partners_of_both_directions_are_added():
    truth = graph_of({(0, 1): 3, (1, 0): 3, **{(0, i): 5 for i in range(2, 7)}}, directed=True)
    reduced = graph_of({(0, 1): 6, **{(0, i): 5 for i in range(2, 7)}}, directed=True)
    # neuron 1 is the strongest partner of 0 by 3 + 3 synapses, and the others share four places
    assert overlap_of(truth, reduced, 5, "total").mean == 1
    assert overlap_of(truth, reduced, 5, "out").mean < 1


# --------------------------------------------------------------------------------------------------- what they say
def test_slope_is_1_if_all_degrees_shrink_alike_and_less_if_hubs_lose_more():
    fans = {hub: [100 * hub + leaf for leaf in range(n)] for hub, n in ((1, 4), (2, 8), (3, 16), (4, 32))}
    truth, half, capped, found_twice = (nx.DiGraph() for _ in range(4))
    for hub, leaves in fans.items():
        truth.add_edges_from(((hub, leaf) for leaf in leaves), n_synapses=1)
        half.add_edges_from((hub, leaf) for leaf in leaves[: len(leaves) // 2])
        capped.add_edges_from((hub, leaf) for leaf in leaves[:4])
        found_twice.add_edges_from(((hub, leaf) for leaf in leaves), n_synapses=2)
    assert compare_degrees(truth, half).agreement("out").slope == pytest.approx(1)
    assert compare_degrees(truth, capped).agreement("out").slope == pytest.approx(0)
    assert compare_degrees(truth, found_twice).agreement("out").bias == 0
    strength = compare_degrees(truth, found_twice).agreement("out", "strength")
    assert (strength.slope, strength.mean_predicted) == pytest.approx((1, 2 * strength.mean_truth))


def test_neurons_without_any_edge_change_nothing_but_their_number():
    truth, predicted = star(range(1, 9)), star(range(1, 5))
    few, many = (compare_degrees(align(truth, predicted, nodes=nodes)).to_dict() for nodes in ([], range(100, 5000)))
    assert (few.pop("n_isolated_both"), many.pop("n_isolated_both")) == (0, 4900)
    for name in ("n_nodes", "n_isolated_truth", "n_isolated_predicted"):
        assert many.pop(name) == few.pop(name) + 4900
    assert many == few


def test_hubs_are_the_top_tenth_and_whoever_ties():
    # 20 neurons have edges: two hubs; three tie
    truth = nx.disjoint_union_all([nx.star_graph(4)] * 3 + [nx.path_graph(2)] * 3)
    same = compare_degrees(truth, truth).agreement()
    assert (same.n_neurons, same.n_hubs_truth, same.hub_jaccard) == (21, 3, 1)
    one_lost = truth.copy()
    one_lost.remove_edges_from(list(truth.edges(0)))
    found = compare_degrees(truth, one_lost).agreement()
    assert (found.n_hubs_predicted, found.hub_jaccard) == (2, 2 / 3)


def test_number_of_hubs_is_not_rounded_through_floats():
    """A tenth of 30 neurons is 3, though 0.1 * 30 is more than 3 in floating point."""
    truth = nx.disjoint_union_all([nx.star_graph(n) for n in (8, 7, 6, 5)])
    assert (len(truth), compare_degrees(truth, truth).agreement().n_hubs_truth) == (30, 3)


def test_flipped_arrows_leave_total_degrees_but_not_in_and_out():
    truth = nx.DiGraph([(0, leaf) for leaf in range(1, 9)])
    found = compare_degrees(truth, truth.reverse())
    assert found.agreement("total").wasserstein == 0
    assert found.agreement("out").bias != 0
    assert found.agreement("out").bias == pytest.approx(-found.agreement("in").bias)
    assert compare_degrees(truth.to_undirected(), truth.reverse().to_undirected()).agreement().ks == 0


# ------------------------------------------------------------------------------------------------------- contract
@given(st.booleans(), weights)
def test_a_graph_agrees_with_itself(directed, edges):
    graph = graph_of(edges, directed)
    found = compare_degrees(graph, graph)
    assert (found.n_lost, found.n_gained) == (0, 0)
    for agreement in found.agreements:
        numbers = (agreement.bias, agreement.ks, agreement.wasserstein)
        assert all(x == 0 or math.isnan(x) for x in numbers)
        assert all(x == pytest.approx(1) or math.isnan(x) for x in (agreement.slope, agreement.spearman))
        assert agreement.hub_jaccard == 1 or not edges or math.isnan(agreement.hub_jaccard)
    assert all(overlap.mean == pytest.approx(1) or overlap.n_neurons == 0 for overlap in found.overlaps)


@given(pairs_of_graphs)
@settings(max_examples=50)
def test_swapping_truth_and_prediction_swaps_the_result(case):
    directed, *edges = case
    truth, predicted = (graph_of(side, directed) for side in edges)
    there, back = compare_degrees(truth, predicted), compare_degrees(predicted, truth)
    assert (there.n_lost, there.wcc_truth, there.scc_truth) == (back.n_gained, back.wcc_predicted, back.scc_predicted)
    for left, right in zip(there.agreements, back.agreements, strict=True):
        assert (left.bias, left.bias_low) == pytest.approx((-right.bias, -right.bias_high), nan_ok=True)
        for name in ("spearman", "ks", "hub_jaccard", "n_neurons"):
            assert getattr(left, name) == pytest.approx(getattr(right, name), nan_ok=True)
        assert (left.mean_truth, left.n_hubs_truth) == pytest.approx(
            (right.mean_predicted, right.n_hubs_predicted), nan_ok=True
        )
    for left, right in zip(there.overlaps, back.overlaps, strict=True):
        assert (left.mean, left.median) == pytest.approx((right.mean, right.median), nan_ok=True)


@given(pairs_of_graphs, st.permutations(range(8)))
@settings(max_examples=50)
def test_names_and_order_of_neurons_do_not_matter(case, order):
    directed, *edges = case
    names = {i + 1: 2**64 - 3 - 2**50 * place for i, place in enumerate(order)}
    graphs = [graph_of(side, directed) for side in edges]
    expected = compare_degrees(*graphs).to_dict()
    found = compare_degrees(*(nx.relabel_nodes(graph, names) for graph in graphs)).to_dict()
    for part in ("agreements", "overlaps"):
        for left, right in zip(found.pop(part), expected.pop(part), strict=True):
            assert left == pytest.approx(right)
    assert found == expected


@pytest.mark.parametrize("directed", [True, False])
def test_dictionaries_are_json_and_explain_what_is_missing(directed):
    kind = nx.DiGraph if directed else nx.Graph
    graphs = [kind(), nx.empty_graph(4, kind), kind([(1, 2)]), nx.complete_graph(5, kind)]
    for truth in graphs:
        for predicted in graphs:
            result = compare_degrees(truth, predicted).to_dict()
            json.dumps(result, allow_nan=False)
            for part in (result, *result["agreements"], *result["overlaps"]):
                missing = {name for name, value in part.items() if value is None}
                assert missing == {name.removesuffix("_reason") for name in part if name.endswith("_reason")}
            assert ("scc_truth_reason" in result) == (not directed)


def test_inputs_are_not_changed_and_may_be_read_only():
    truth, predicted = (graph_of({(1, 2): 3, (2, n): 1, (n, 1): 2}, True) for n in (3, 4))
    tables = edges_of(truth), edges_of(predicted)
    copies = [table.copy(deep=True) for table in tables]
    both = align(*tables, directed=True)
    for array in (both.nodes, both.source, both.target, both.truth, both.predicted):
        array.flags.writeable = False
    assert compare_degrees(both) == compare_degrees(truth, predicted)
    pd.testing.assert_frame_equal(score_neurons(both), score_neurons(truth, predicted))
    for table, copy in zip(tables, copies, strict=True):
        pd.testing.assert_frame_equal(table, copy)
    before = truth.copy()
    score_neurons(truth, predicted)
    assert nx.utils.graphs_equal(truth, before)


def test_mistakes_are_named():
    with pytest.raises(InputError, match="directed and the other is not"):
        compare_degrees(nx.DiGraph([(1, 2)]), nx.Graph([(1, 2)]))
    with pytest.raises(InputError, match=r"no agreement of role 'in' and measure 'degree'; there are .*total"):
        compare_degrees(nx.Graph([(1, 2)]), nx.Graph([(1, 2)])).agreement("in")
