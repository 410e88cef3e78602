"""Motifs: censuses, pairs, clustering, cycles, cliques and centralities against slow and obvious programs."""

from __future__ import annotations

import json
import math
from itertools import combinations, permutations
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectograph.errors import InputError
from connectograph.graphs import align, edges_of
from connectograph.motifs import (
    CLOSED,
    CONNECTED,
    TRIADS,
    TRIPLES,
    centrality,
    compare_dyads,
    compare_motifs,
    count_triads,
    count_triples,
    measure_centrality,
    measure_motifs,
    profile,
)
from connectograph.motifs.census import census_of
from connectograph.motifs.dyads import Dyads

LARVA = Path(__file__).resolve().parents[2] / "shared" / "data" / "larva_left_right"
# networkx.triadic_census of networkx 3.6.1, half a minute each
LARVA_CENSUS = {
    "left": (
        403946458, 31184221, 4424777, 259781, 259999, 440846, 115943, 110045,
        57005, 3342, 18212, 9801, 21345, 8535, 10084, 4190,
    ),
    "right": (
        400853100, 33651182, 4804727, 314982, 305772, 518417, 133307, 131883,
        72092, 3958, 21547, 11898, 24952, 10270, 11920, 4577,
    ),
}  # fmt: skip
REVERSED = {"021D": "021U", "111D": "111U", "120D": "120U"} | {"021U": "021D", "111U": "111D", "120U": "120D"}
DRAWN = {
    "003": "",
    "012": "A>B",
    "102": "A=B",
    "021D": "B>A B>C",
    "021U": "A>B C>B",
    "021C": "A>B B>C",
    "111D": "A=B C>B",
    "111U": "A=B B>C",
    "030T": "A>B B>C A>C",
    "030C": "A>B B>C C>A",
    "201": "A=B B=C",
    "120D": "B>A B>C A=C",
    "120U": "A>B C>B A=C",
    "120C": "A>B B>C A=C",
    "210": "A>B B=C A=C",
    "300": "A=B B=C A=C",
}


@st.composite
def graphs(draw, directed=True, most=9):
    """A graph with isolated neurons and autapses, ids in any order."""
    ids = draw(st.lists(st.integers(0, 2**64 - 3), min_size=0, max_size=most, unique=True))
    pairs = st.tuples(st.sampled_from(ids), st.sampled_from(ids)) if ids else st.nothing()
    graph = nx.DiGraph() if directed else nx.Graph()
    graph.add_nodes_from(ids)
    graph.add_edges_from(draw(st.lists(pairs, max_size=4 * most)) if ids else [])
    return graph


def random_graph(n, density, seed, directed=True, mutual=0.2):
    """A random graph in which a share of the arrows is answered."""
    rng = np.random.default_rng(seed)
    matrix = rng.random((n, n)) < density
    matrix |= matrix.T & (rng.random((n, n)) < mutual)
    np.fill_diagonal(matrix, False)
    return nx.from_numpy_array(matrix, create_using=nx.DiGraph if directed else nx.Graph)


def draw_triad(text):
    graph = nx.DiGraph()
    graph.add_nodes_from([1, 2, 3])
    for a, kind, b in text.split():
        ends = ["ABC".index(a) + 1, "ABC".index(b) + 1]
        graph.add_edges_from([ends, ends[::-1]] if kind == "=" else [ends])
    return graph


def without_autapses(graph):
    copy = graph.copy()
    copy.remove_edges_from(list(nx.selfloop_edges(graph)))
    return copy


def count_by_matrices(edges, n):
    """The census by sparse matrix products (formulae of the documentation, written a second time)."""
    from scipy.sparse import coo_array

    a = coo_array((np.ones(len(edges), np.int64), edges.T), shape=(n, n)).tocsr()
    mutual = a.multiply(a.T).tocsr()
    c = (a - mutual).tocsr()
    m, o, i = (np.asarray(x).ravel() for x in (mutual.sum(1), c.sum(1), c.sum(0)))

    def total(left, right, mask):
        return int((left @ right).multiply(mask).sum())

    k = {
        "300": total(mutual, mutual, mutual) // 6,
        "210": total(mutual, mutual, c),
        "120D": total(c.T, c, mutual) // 2,
        "120U": total(c, c.T, mutual) // 2,
        "120C": total(c, c, mutual),
        "030T": total(c, c, c),
        "030C": total(c, c, c.T) // 3,
    }
    k["021D"] = int((o * (o - 1)).sum()) // 2 - k["030T"] - k["120D"]
    k["021U"] = int((i * (i - 1)).sum()) // 2 - k["030T"] - k["120U"]
    k["021C"] = int((i * o).sum()) - k["030T"] - 3 * k["030C"] - k["120C"]
    k["111D"] = int((m * i).sum()) - 2 * k["120D"] - k["120C"] - k["210"]
    k["111U"] = int((m * o).sum()) - 2 * k["120U"] - k["120C"] - k["210"]
    k["201"] = int((m * (m - 1)).sum()) // 2 - k["210"] - 3 * k["300"]
    k["012"] = int(c.sum()) * (n - 2) - sum(int(kind[1]) * count for kind, count in k.items())
    k["102"] = int(mutual.sum()) // 2 * (n - 2) - sum(int(kind[0]) * k[kind] for kind in k if kind != "012")
    return k | {"003": math.comb(n, 3) - sum(k.values())}


def read_larva(side):
    edges = pd.read_csv(LARVA / f"{side}_edges.csv")
    nodes = pd.read_csv(LARVA / f"{side}_nodes.csv")["neuron_id"].tolist()
    graph = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(zip(edges["source"].tolist(), edges["target"].tolist(), strict=True))
    return graph


needs_larva = pytest.mark.skipif(not LARVA.exists(), reason="needs the larva connectomes of the shared data")


# ------------------------------------------------------------------------------------------------------- censuses
@pytest.mark.parametrize("kind", TRIADS)
def test_each_kind_of_triad_is_the_one_that_is_drawn(kind):
    for names in permutations([1, 2**53 + 1, 2**64 - 3]):  # whatever the ids and the order of the neurons
        graph = nx.relabel_nodes(draw_triad(DRAWN[kind]), dict(zip([1, 2, 3], names, strict=True)))
        assert count_triads(graph) == {**dict.fromkeys(TRIADS, 0), kind: 1}
        assert count_triads(graph.reverse()) == {**dict.fromkeys(TRIADS, 0), REVERSED.get(kind, kind): 1}


@given(graphs())
def test_triads_are_those_of_networkx(graph):
    census = count_triads(graph)
    assert census == nx.triadic_census(without_autapses(graph))
    assert list(census) == list(TRIADS)
    assert sum(census.values()) == math.comb(len(graph), 3)


@pytest.mark.parametrize("seed", range(4))
def test_triads_of_larger_graphs_are_those_of_networkx_and_of_matrices(seed):
    graph = random_graph(60, 0.05 * 2**seed, seed)
    census = count_triads(graph)
    assert census == nx.triadic_census(graph)
    assert census == count_by_matrices(np.array(graph.edges), 60)


@needs_larva
@pytest.mark.parametrize("side", ["left", "right"])
def test_triads_of_a_real_connectome(side):
    graph = read_larva(side)
    census = count_triads(graph)
    assert tuple(census.values()) == LARVA_CENSUS[side]
    number = {node: i for i, node in enumerate(graph)}
    assert census == count_by_matrices(np.array([[number[u], number[v]] for u, v in graph.edges]), len(graph))


@pytest.mark.slow
@needs_larva
@pytest.mark.parametrize("side", ["left", "right"])
def test_triads_of_a_real_connectome_are_those_of_networkx(side):
    graph = read_larva(side)
    assert count_triads(graph) == nx.triadic_census(graph)


@given(graphs(directed=False))
def test_triples_are_those_of_every_three_neurons(graph):
    plain = without_autapses(graph)
    expected = dict.fromkeys(TRIPLES, 0)
    for three in combinations(plain, 3):
        expected[TRIPLES[plain.subgraph(three).number_of_edges()]] += 1
    assert count_triples(graph) == expected
    as_directed = nx.triadic_census(plain.to_directed())
    assert list(expected.values()) == [as_directed[kind] for kind in ("003", "102", "201", "300")]


@given(graphs())
def test_turning_all_arrows_round_swaps_down_and_up(graph):
    census, turned = count_triads(graph), count_triads(graph.reverse())
    assert turned == {kind: census[REVERSED.get(kind, kind)] for kind in TRIADS}


@given(graphs())
def test_feed_forward_loops_inside_other_triads_are_not_counted(graph):
    """Motif queries count loops with further arrows among them too; the sum over the kinds accounts for each."""
    plain, census = without_autapses(graph), count_triads(graph)
    loops = sum(plain.has_edge(v, w) for u in plain for v, w in permutations(plain[u], 2))
    inside = {"030T": 1, "120D": 2, "120U": 2, "120C": 1, "210": 3, "300": 6}
    assert loops == sum(times * census[kind] for kind, times in inside.items())


def test_counts_outgrow_64_bits():
    n, ends = 5_000_000, (np.array([0, 1]), np.array([1, 2]))
    census = census_of(Dyads(n, True, *ends, np.array([3, 1], "uint8")))
    assert sum(census.values()) == math.comb(n, 3) > 2**64
    assert (census["111U"], census["012"], census["102"]) == (1, n - 3, n - 3)
    triples = census_of(Dyads(n, False, *ends, np.array([3, 3], "uint8")))
    assert triples == {"empty": math.comb(n, 3) - 2 * n + 5, "one_edge": 2 * n - 6, "wedge": 1, "triangle": 0}


def test_complete_and_empty_graphs():
    everything = nx.complete_graph(12, nx.DiGraph)
    assert count_triads(everything) == {**dict.fromkeys(TRIADS, 0), "300": 220}
    assert count_triples(everything.to_undirected())["triangle"] == 220
    for n in range(5):
        nothing = nx.empty_graph(n, nx.DiGraph)
        assert count_triads(nothing) == {**dict.fromkeys(TRIADS, 0), "003": math.comb(n, 3)}
        assert count_triples(nothing.to_undirected())["empty"] == math.comb(n, 3)


def test_tables_count_as_graphs_do():
    graph = random_graph(20, 0.2, 0)
    table = edges_of(graph)
    isolated = set(range(20)) - set(table["source"]) - set(table["target"])
    assert count_triads(table, nodes=[*isolated]) == count_triads(graph)
    assert count_triads(table.assign(n_synapses=7), nodes=range(20)) == count_triads(graph)
    undirected = edges_of(graph.to_undirected())
    assert count_triples(undirected, nodes=range(20)) == count_triples(graph.to_undirected())


def test_the_wrong_kind_of_graph_is_refused():
    with pytest.raises(InputError, match=r"undirected .* use count_triples"):
        count_triads(nx.Graph([(1, 2)]))
    with pytest.raises(InputError, match=r"directed; use count_triads, or graph\.to_undirected\(\)"):
        count_triples(nx.DiGraph([(1, 2)]))
    with pytest.raises(InputError, match="The graph is directed, but directed=False"):
        measure_motifs(nx.DiGraph([(1, 2)]), directed=False)
    with pytest.raises(InputError, match="multigraph has several edges for a pair"):
        count_triads(nx.MultiDiGraph([(1, 2), (1, 2)]))
    with pytest.raises(InputError, match="fewer than 1 synapse"):
        count_triads(nx.DiGraph([(1, 2, {"n_synapses": 0})]))
    with pytest.raises(InputError, match=r"nodes: 1\.5 is no id"):
        count_triads(nx.DiGraph([(1.5, 2)]))
    with pytest.raises(InputError, match="directed and the other is not"):
        compare_motifs(nx.DiGraph([(1, 2)]), nx.Graph([(1, 2)]))


# ------------------------------------------------------------------------------------------------------ one graph
@given(graphs())
def test_reciprocity_is_that_of_networkx(graph):
    plain, found = without_autapses(graph), measure_motifs(graph)
    n, edges = len(plain), plain.number_of_edges()
    assert found.n_edges == edges
    assert found.density == pytest.approx(edges / (n * (n - 1)) if n > 1 else math.nan, nan_ok=True)
    if not edges:
        assert math.isnan(found.reciprocity)
        return
    assert found.reciprocity == pytest.approx(nx.overall_reciprocity(plain))
    if found.density < 1:
        assert found.rho == pytest.approx((found.reciprocity - found.density) / (1 - found.density))
    else:
        assert math.isnan(found.rho)


@given(st.booleans().flatmap(lambda directed: graphs(directed)))
def test_clustering_is_that_of_networkx_without_the_zeros_it_invents(graph):
    plain, found = without_autapses(graph), measure_motifs(graph)
    skeleton = plain.to_undirected()
    several = [node for node in skeleton if skeleton.degree(node) > 1]
    expected = [nx.clustering(plain, node) for node in several]
    assert found.clustering == pytest.approx(np.mean(expected) if expected else math.nan, nan_ok=True)
    transitivity = nx.transitivity(skeleton) if several else math.nan
    assert found.transitivity == pytest.approx(transitivity, nan_ok=True)


@settings(max_examples=40)
@given(st.booleans().flatmap(lambda directed: graphs(directed)))
def test_cycles_and_cliques_are_those_of_networkx(graph):
    plain, found = without_autapses(graph), measure_motifs(graph)
    skeleton = plain.to_undirected()
    rounds = [cycle for cycle in nx.simple_cycles(plain, length_bound=3) if len(cycle) == 3]
    assert found.n_three_cycles == len(rounds)
    assert found.n_independent_cycles == len(nx.cycle_basis(skeleton))
    sizes = [len(clique) for clique in nx.enumerate_all_cliques(skeleton)]
    assert (found.n_triangles, found.n_four_cliques) == (sizes.count(3), sizes.count(4))
    assert found.largest_clique == max(sizes, default=0)
    connected = skeleton.subgraph([node for node in skeleton if skeleton.degree(node)])
    maximal = [
        set(some)
        for size in range(2, len(connected) + 1)
        for some in combinations(connected, size)
        if connected.subgraph(some).number_of_edges() == math.comb(size, 2)
        and not any(all(connected.has_edge(node, other) for other in some) for node in connected)
    ]
    assert found.maximal_cliques == {k: sum(len(c) == k for c in maximal) for k in sorted(set(map(len, maximal)))}


def test_four_cliques_of_a_denser_graph():
    graph = random_graph(30, 0.5, 1, directed=False)
    sizes = [len(clique) for clique in nx.enumerate_all_cliques(graph)]
    assert measure_motifs(graph).n_four_cliques == sizes.count(4) > 300


@given(st.booleans().flatmap(lambda directed: graphs(directed)))
def test_centralities_are_those_of_networkx(graph):
    plain, found = without_autapses(graph), measure_centrality(graph)
    assert found["segment_id"].tolist() == sorted(plain)
    assert found["segment_id"].dtype == np.uint64
    for name, measure, least in (
        ("degree", nx.degree_centrality, 2),
        ("betweenness", nx.betweenness_centrality, 3),
    ):
        expected = measure(plain) if len(plain) >= least else dict.fromkeys(plain, math.nan)
        assert found[name].tolist() == pytest.approx([expected[node] for node in sorted(plain)], nan_ok=True)


@pytest.mark.parametrize("directed", [True, False])
def test_betweenness_of_a_larger_graph(directed):
    graph = random_graph(80, 0.06, 3, directed)
    expected = nx.betweenness_centrality(graph)
    assert measure_centrality(graph)["betweenness"].tolist() == pytest.approx([expected[node] for node in range(80)])


def test_what_is_too_large_is_left_out_and_said_so(monkeypatch):
    graph = random_graph(20, 0.3, 2)
    monkeypatch.setattr(centrality, "MAX_PATH_STEPS", 10)
    monkeypatch.setattr(profile, "MAX_CLIQUES", 3)
    result = compare_motifs(graph, graph).to_dict()
    assert result["betweenness_spearman"] is None
    assert "connected neurons times edges exceed" in result["betweenness_spearman_reason"]
    for side in ("truth", "predicted"):
        assert result[side]["largest_clique"] is None
        assert result[side]["maximal_cliques"] is None
        assert "3 maximal cliques" in result[side]["maximal_cliques_reason"]
        assert result[side]["n_four_cliques"] > 0
    monkeypatch.setattr(profile, "MAX_CLIQUE_STEPS", 10)
    without = compare_motifs(graph, graph).to_dict()
    assert without["truth"]["n_four_cliques"] is without["log2_ratios"]["n_four_cliques"] is None
    assert "more than 10 steps" in without["truth"]["n_four_cliques_reason"]
    assert without["log2_ratios"]["n_four_cliques_reason"] == "too many to count"
    monkeypatch.setattr(profile, "MAX_CLIQUES", 10**6)
    monkeypatch.setattr(profile, "MAX_CLIQUE_EDGES", 10)
    assert math.isnan(measure_motifs(graph).largest_clique)


@pytest.mark.parametrize("directed", [True, False])
def test_the_quick_comparison_is_the_whole_one_without_cliques_and_betweenness(directed):
    truth, predicted = (random_graph(20, 0.3, seed, directed) for seed in (2, 3))
    whole, quick = (compare_motifs(truth, predicted, quick=quick).to_dict() for quick in (False, True))
    for block in (quick, quick["truth"], quick["predicted"], quick["log2_ratios"]):
        for name in ("n_four_cliques", "maximal_cliques", "largest_clique", "betweenness_spearman"):
            if name in block:
                assert block.pop(name) is None
                assert "quick comparison" in block.pop(f"{name}_reason")
    for side in ("truth", "predicted"):
        assert quick[side].items() <= whole[side].items()
    for name in ("dyads", "census", "ratios"):
        assert quick[name] == whole[name]


@pytest.mark.parametrize("directed", [True, False])
def test_dyads_alone_are_those_of_the_whole_comparison(directed):
    truth, predicted = (random_graph(20, 0.3, seed, directed) for seed in (4, 5))
    assert compare_dyads(truth, predicted).equals(compare_motifs(truth, predicted).dyads)


# ----------------------------------------------------------------------------------------------------- comparison
@settings(max_examples=40)
@given(graphs(most=7), graphs(most=7))
def test_pairs_and_instances_are_those_of_a_slow_program(truth, predicted):
    found = compare_motifs(truth, predicted)
    nodes = sorted({*truth, *predicted})

    def state(graph, a, b):
        return graph.has_edge(a, b), graph.has_edge(b, a)

    names = {0: "null", 1: "asymmetric", 2: "mutual"}
    table = dict.fromkeys([(t, p) for t in names.values() for p in [*names.values(), "reversed"]], 0)
    for a, b in combinations(nodes, 2):
        left, right = state(truth, a, b), state(predicted, a, b)
        flipped = sum(left) == sum(right) == 1 and left != right
        table[names[sum(left)], "reversed" if flipped else names[sum(right)]] += 1
    assert {key: found.dyads.loc[key] for key in table} == table

    recovered = dict.fromkeys(CLOSED, 0)
    for three in combinations(nodes, 3):
        pairs = [(state(truth, a, b), state(predicted, a, b)) for a, b in combinations(three, 2)]
        if all(any(left) and left == right for left, right in pairs):
            recovered[nx.triad_type(without_autapses(truth).subgraph(three))] += 1
    assert found.recovered == recovered
    census = found.census.set_index("motif")
    assert census.index.tolist() == list(TRIADS)
    for kind in CLOSED:
        row = census.loc[kind]
        assert row["recall"] == pytest.approx(recovered[kind] / row["truth"] if row["truth"] else math.nan, nan_ok=True)
        assert row["precision"] == pytest.approx(
            recovered[kind] / row["predicted"] if row["predicted"] else math.nan, nan_ok=True
        )


@settings(max_examples=40)
@given(st.booleans().flatmap(lambda directed: graphs(directed)))
def test_a_graph_is_equal_to_itself(graph):
    found = compare_motifs(graph, graph)
    assert (found.census["log2_ratio"] == 0).all()
    assert found.census[["precision", "recall"]].isin([1.0, math.nan]).all(axis=None)
    assert np.trace(found.dyads[found.dyads.index]) == math.comb(len(graph), 2)
    assert all(math.isnan(ratio) or ratio == 1 for ratio in found.ratios.values())
    assert set(found.log2_ratios.values()) == {0.0}


@settings(max_examples=40)
@given(st.booleans().flatmap(lambda directed: st.tuples(graphs(directed, 7), graphs(directed, 7))))
def test_swapping_truth_and_prediction_swaps_the_result(both):
    there, back = compare_motifs(*both), compare_motifs(*both[::-1])
    for name in ("counts", "n_edges", "n_four_cliques", "maximal_cliques"):
        assert getattr(there.truth, name) == getattr(back.predicted, name)
    assert there.census["log2_ratio"].tolist() == pytest.approx((-back.census["log2_ratio"]).tolist())
    assert there.census["precision"].tolist() == pytest.approx(back.census["recall"].tolist(), nan_ok=True)
    assert there.recovered == back.recovered
    assert there.betweenness_spearman == pytest.approx(back.betweenness_spearman, nan_ok=True)


@pytest.mark.parametrize("directed", [True, False])
def test_names_and_order_of_neurons_do_not_matter(directed):
    truth, predicted = (random_graph(15, 0.3, seed, directed) for seed in (5, 6))
    names = dict(zip(range(15), [2**63 + int(i) for i in np.random.default_rng(0).permutation(15)], strict=True))
    expected = compare_motifs(truth, predicted).to_dict()
    renamed = [nx.relabel_nodes(graph, names) for graph in (truth, predicted)]
    shuffled = nx.create_empty_copy(renamed[0])
    shuffled.add_edges_from(list(renamed[0].edges)[::-1])
    found = compare_motifs(shuffled, renamed[1]).to_dict()
    assert found.pop("betweenness_spearman") == pytest.approx(expected.pop("betweenness_spearman"))
    for side in ("truth", "predicted"):
        assert found[side].pop("clustering") == pytest.approx(expected[side].pop("clustering"))
    assert found.pop("ratios") == pytest.approx(expected.pop("ratios"))
    assert found == expected


def test_a_shuffled_graph_is_the_same_graph():
    """Some graph distances compare by order of insertion; ours is by neuron."""
    truth = random_graph(30, 0.2, 7)
    shuffled = nx.DiGraph()
    shuffled.add_nodes_from(reversed(list(truth)))
    shuffled.add_edges_from(reversed(list(truth.edges)))
    assert compare_motifs(truth, shuffled).census["recall"].dropna().eq(1).all()


def test_inputs_are_not_changed_and_may_be_read_only():
    truth, predicted = random_graph(10, 0.3, 8), random_graph(10, 0.3, 9)
    tables = edges_of(truth), edges_of(predicted)
    copies = [table.copy(deep=True) for table in tables]
    both = align(*tables, directed=True)
    for array in (both.nodes, both.source, both.target, both.truth, both.predicted):
        array.flags.writeable = False
    first = compare_motifs(both)
    assert first.to_dict() == compare_motifs(both).to_dict()
    for graph in tables:
        count_triads(graph)
        measure_motifs(graph, directed=True)
    for table, copy in zip(tables, copies, strict=True):
        pd.testing.assert_frame_equal(table, copy)
    before = truth.copy()
    compare_motifs(truth, predicted)
    assert nx.utils.graphs_equal(truth, before)


def test_lost_and_invented_triads_cancel_in_counts_but_not_in_instances():
    truth, predicted = nx.DiGraph(), nx.DiGraph()
    for i in range(0, 60, 3):
        loop = [(i, i + 1), (i + 1, i + 2), (i, i + 2)]
        truth.add_edges_from(loop)
        # neurons one further on: as many loops, none of them the same
        predicted.add_edges_from([((u + 1) % 60, (v + 1) % 60) for u, v in loop])
    row = compare_motifs(truth, predicted).census.set_index("motif").loc["030T"]
    assert (row["truth"], row["predicted"], row["log2_ratio"]) == (20, 20, 0)
    assert (row["recovered"], row["precision"], row["recall"]) == (0, 0, 0)


def test_flipped_arrows_show_in_reciprocity_and_in_the_table_of_pairs_alone():
    """Without directions nothing has changed; with them reciprocity and the table of pairs tell."""
    truth = nx.DiGraph([(1, 2), (2, 1), (2, 3), (3, 4), (4, 5)])
    flipped = nx.DiGraph([(1, 2), (2, 1), (2, 3), (4, 3), (4, 5)])
    found = compare_motifs(truth, flipped)
    assert found.dyads.loc["asymmetric", ["asymmetric", "reversed"]].tolist() == [2, 1]
    assert compare_motifs(truth.to_undirected(), flipped.to_undirected()).census["log2_ratio"].eq(0).all()
    half = nx.DiGraph([(1, 2), (2, 3), (3, 4), (4, 5)])
    assert compare_motifs(truth, half).ratios["reciprocity"] == 0
    assert math.isnan(compare_motifs(half, truth).ratios["reciprocity"])


@pytest.mark.parametrize("directed", [True, False])
def test_dictionaries_are_json_and_explain_what_is_missing(directed):
    kind = nx.DiGraph if directed else nx.Graph
    pairs = [kind(), nx.empty_graph(4, kind), kind([(1, 2)]), nx.complete_graph(5, kind)]
    for truth in pairs:
        for predicted in pairs:
            result = compare_motifs(truth, predicted).to_dict()
            json.dumps(result, allow_nan=False)
            for part in (result, result["truth"], result["predicted"], result["ratios"], *result["census"]):
                missing = {name for name, value in part.items() if value is None}
                assert missing == {name.removesuffix("_reason") for name in part if name.endswith("_reason")}
            assert (result["truth"]["reciprocity"] is None) == (not directed or not truth.number_of_edges())


@needs_larva
def test_left_and_right_half_of_a_brain():
    """Mirror neurons paired: a yardstick. Numbers of either half as published with the data set."""
    nodes = pd.read_csv(LARVA / "left_nodes.csv")
    mirror = dict(zip(nodes["neuron_id"], nodes["pair"], strict=True))
    left, right = read_larva("left"), read_larva("right")
    left = nx.relabel_nodes(left, {int(own): int(other) for own, other in mirror.items()})
    found = compare_motifs(left, right)
    assert (found.truth.n_edges, found.predicted.n_edges) == (31202, 33954)
    assert found.truth.reciprocity == pytest.approx(nx.overall_reciprocity(left))
    assert sum(found.truth.counts[kind] for kind in CLOSED) == found.truth.n_triangles
    assert found.truth.largest_clique == found.predicted.largest_clique == 25  # networkx.find_cliques
    assert sum(found.truth.maximal_cliques.values()) == 38076
    number = {node: i for i, node in enumerate(left)}
    agreeing = [(u, v) for u, v in left.edges if right.has_edge(u, v) and left.has_edge(v, u) == right.has_edge(v, u)]
    expected = count_by_matrices(np.array([[number[u], number[v]] for u, v in agreeing]), len(left))
    assert found.recovered == {kind: expected[kind] for kind in CLOSED}
    assert set(CONNECTED) < set(found.census["motif"])
