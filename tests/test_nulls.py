"""Random graphs: what they keep, that they are random, and what they say about findings."""

from __future__ import annotations

import json
import math
from collections import Counter
from itertools import permutations, product
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectograph.errors import InputError
from connectograph.graphs import align, edges_of
from connectograph.motifs import CONNECTED, compare_to_null, count_triads, count_triples, randomise
from connectograph.tables import make_table

KEEPS = ("degrees", "degrees+reciprocity")
LARVA = Path(__file__).resolve().parents[2] / "shared" / "data" / "larva_left_right"


def random_graph(n, density, seed, directed=True, mutual=0.2):
    rng = np.random.default_rng(seed)
    matrix = rng.random((n, n)) < density
    matrix |= matrix.T & (rng.random((n, n)) < mutual)
    np.fill_diagonal(matrix, False)
    graph = nx.from_numpy_array(matrix, create_using=nx.DiGraph if directed else nx.Graph)
    return nx.relabel_nodes(graph, {i: 2**63 + 5 * i for i in range(n)})


def touching(pairs):
    pairs = sorted({(min(pair), max(pair)) for pair in pairs if len({*pair}) == 2})
    a, b = zip(*pairs, strict=True)
    return make_table(
        "contactome",
        {"segment_a": a, "segment_b": b, "n_voxels": [1] * len(a), "n_faces": [1] * len(a), "area_nm2": [1.0] * len(a)},
    )


def pairs_in(table):
    return list(zip(table["source"].tolist(), table["target"].tolist(), strict=True))


def partners(pairs):
    """In, out and mutual number of every neuron."""
    known = set(pairs)
    mutual = Counter(a for a, b in known if (b, a) in known)
    return Counter(a for a, _ in pairs), Counter(b for _, b in pairs), mutual


def graph_from(table, directed=True):
    return nx.from_pandas_edgelist(table, "source", "target", create_using=nx.DiGraph if directed else nx.Graph)


def seeded(seed=0):
    return np.random.default_rng(seed)


# ------------------------------------------------------------------------------------------------------ invariants
@pytest.mark.parametrize("with_contacts", [False, True])
@pytest.mark.parametrize("keep", KEEPS)
def test_two_hundred_random_graphs_keep_what_they_promise(keep, with_contacts):
    graph = random_graph(25, 0.12, 0)
    nodes, rng = list(graph), seeded(1)
    wide = [(a, b) for a in nodes for b in nodes if rng.random() < 0.35]
    contacts = touching([*graph.edges, *wide]) if with_contacts else None
    allowed = set(zip(contacts["segment_a"], contacts["segment_b"], strict=True)) if with_contacts else None
    into, out, mutual = partners(list(graph.edges))
    seen = set()
    for null in randomise(graph, keep=keep, contactome=contacts, rng=seeded(2), n=200):
        pairs = pairs_in(null.edges)
        assert len(set(pairs)) == len(pairs) == graph.number_of_edges()
        assert all(a != b for a, b in pairs)
        found = partners(pairs)
        assert found[:2] == (into, out)
        assert found[2] == mutual or keep == "degrees"
        assert allowed is None or {(min(pair), max(pair)) for pair in pairs} <= allowed
        assert null.overlap == len(set(pairs) & set(graph.edges)) / len(pairs) or keep != "degrees"
        assert null.plateau
        assert 0 < null.n_accepted < null.n_proposed <= 1024 * len(pairs)
        seen.add(frozenset(pairs))
    assert len(seen) == 200


@pytest.mark.parametrize("keep", KEEPS)
def test_two_hundred_undirected_random_graphs_keep_degrees(keep):
    graph = random_graph(25, 0.15, 3, directed=False)
    for null in randomise(graph, keep=keep, rng=seeded(), n=200):
        pairs = pairs_in(null.edges)
        assert all(a < b for a, b in pairs)
        assert len(set(pairs)) == len(pairs)
        assert dict(graph_from(null.edges, directed=False).degree) == {v: d for v, d in graph.degree if d}
        original = {(min(pair), max(pair)) for pair in graph.edges}
        assert null.overlap == len(set(pairs) & original) / len(pairs)


@given(
    st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=20),
    st.booleans(),
    st.sampled_from(KEEPS),
    st.integers(0, 2**32),
)
@settings(max_examples=60)
def test_any_small_graph_keeps_its_degrees(pairs, directed, keep, seed):
    graph = (nx.DiGraph if directed else nx.Graph)(pairs)
    plain = [pair for pair in graph.edges if pair[0] != pair[1]]
    (null,) = randomise(graph, keep=keep, rng=seeded(seed))
    found = pairs_in(null.edges)
    if directed:
        assert partners(found)[:2] == partners(plain)[:2]
        assert keep == "degrees" or partners(found)[2] == partners(plain)[2]
    else:
        assert Counter(v for pair in found for v in pair) == Counter(v for pair in plain for v in pair)
    assert null.plateau


def test_switching_all_arrows_alike_breaks_mutual_pairs():
    """Degrees alone: nearly no mutual pair survives, which turns into feed-forward loops."""
    graph = random_graph(300, 0.01, 4, mutual=0.4)
    alike, layered = (next(randomise(graph, keep=keep, rng=seeded())).edges for keep in KEEPS)
    reciprocity = [nx.overall_reciprocity(g) for g in (graph, graph_from(alike), graph_from(layered))]
    assert reciprocity[0] == reciprocity[2] > 0.25
    assert reciprocity[1] < 0.05


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        (nx.DiGraph(), 1),
        (nx.DiGraph([(1, 2)]), 1),
        (nx.DiGraph([(0, leaf) for leaf in range(1, 9)]), 1),
        (nx.complete_graph(6, nx.DiGraph), 1),
        (nx.Graph([(1, 2), (2, 3), (1, 3)]), 1),
    ],
    ids=["empty", "one_edge", "star", "complete", "triangle"],
)
def test_a_graph_without_an_alternative_stays_as_it_is(graph, expected):
    (null,) = randomise(graph, rng=seeded())
    assert (null.overlap, null.n_accepted, null.plateau) == (expected, 0, True)
    assert pairs_in(null.edges) == sorted(graph.edges)


def test_pairs_that_do_not_touch_are_never_linked():
    """1 -> 2 and 3 -> 4 can be crossed only where 1 touches 4 and 3 touches 2."""
    graph = nx.DiGraph([(1, 2), (3, 4)])
    free = {tuple(pairs_in(null.edges)) for null in randomise(graph, rng=seeded(), n=20)}
    assert free == {((1, 2), (3, 4)), ((1, 4), (3, 2))}
    half = touching([(1, 2), (3, 4), (1, 4)])
    assert {null.overlap for null in randomise(graph, contactome=half, rng=seeded(), n=20)} == {1}
    # the contactome may know more neurons than the graph, and fewer pairs
    crossed = touching([(1, 4), (2, 3), (8, 9), (1, 9)])
    assert {null.overlap for null in randomise(graph, contactome=crossed, rng=seeded(), n=20)} == {0, 1}


def test_switches_are_looked_for_among_neurons_that_touch():
    """Where neurons touch only their neighbours, two links drawn anywhere could hardly ever be switched."""
    n, rng = 3000, seeded(3)
    near = [(i, (i + step) % n) for i in range(n) for step in range(1, 13)]
    linked = [pair if rng.random() < 0.5 else pair[::-1] for pair in near if rng.random() < 0.25]
    linked += [pair[::-1] for pair in linked if rng.random() < 0.2]
    (null,) = randomise(nx.DiGraph(linked), contactome=touching(near), rng=seeded())
    assert null.plateau
    assert null.n_accepted > 4 * len(linked)
    assert null.n_accepted > 0.01 * null.n_proposed
    assert 0.1 < null.overlap < 0.5  # few graphs fit


# -------------------------------------------------------------------------------------------------------- randomness
def all_graphs_like(graph, keep, allowed):
    """Every graph with the same degrees (and mutual pairs) on allowed pairs, by trying all."""
    wanted = partners(list(graph.edges))
    arrows = [arrow for arrow in permutations(graph, 2) if {*arrow} in allowed]
    found = set()
    for choice in product([False, True], repeat=len(arrows)):
        if sum(choice) == graph.number_of_edges():
            pairs = [arrow for arrow, taken in zip(arrows, choice, strict=True) if taken]
            got = partners(pairs)
            if got[:2] == wanted[:2] and (keep == "degrees" or got[2] == wanted[2]):
                found.add(frozenset(pairs))
    return found


@pytest.mark.parametrize(
    ("edges", "forbidden"),
    [
        ([(0, 1), (1, 0), (2, 3), (1, 2), (3, 0)], None),
        ([(0, 1), (1, 2), (2, 0), (3, 1)], None),
        ([(0, 1), (1, 0), (2, 3), (3, 2), (0, 4), (3, 4)], [{0, 3}]),
        ([(4, 2), (0, 2), (0, 1), (3, 0), (1, 4), (2, 0)], [{3, 4}, {1, 2}]),
    ],
    ids=["mixed", "ring", "mutual_in_contactome", "uneven_in_contactome"],
)
@pytest.mark.parametrize("keep", KEEPS)
def test_all_possible_graphs_are_equally_frequent(keep, edges, forbidden):
    graph = nx.DiGraph(edges)
    allowed = [{*pair} for pair in permutations(graph, 2) if {*pair} not in (forbidden or [])]
    possible = all_graphs_like(graph, keep, allowed)
    assert len(possible) > 1
    n = 150 * len(possible)
    contacts = touching(allowed) if forbidden else None
    nulls = randomise(graph, keep=keep, contactome=contacts, rng=seeded(5), n=n)
    seen = Counter(frozenset(pairs_in(null.edges)) for null in nulls)
    assert set(seen) == possible
    chi2 = sum((count - 150) ** 2 / 150 for count in seen.values())
    freedom = len(possible) - 1
    assert chi2 < freedom + 4 * math.sqrt(2 * freedom)


def test_randomness_comes_from_rng_alone_and_graphs_do_not_depend_on_their_number():
    graph = random_graph(20, 0.2, 6)
    first, again = ([null.edges for null in randomise(graph, rng=seeded(7), n=n)] for n in (3, 5))
    for left, right in zip(first, again, strict=False):
        pd.testing.assert_frame_equal(left, right)
    other = next(randomise(graph, rng=seeded(8))).edges
    assert pairs_in(other) != pairs_in(first[0])
    assert pairs_in(first[0]) != pairs_in(first[1])


def test_inputs_are_not_changed_and_tables_are_taken():
    graph = random_graph(20, 0.2, 9)
    table = edges_of(graph)
    copy = table.copy(deep=True)
    (from_table,) = randomise(table, rng=seeded(), directed=True)
    (from_graph,) = randomise(graph, rng=seeded())
    pd.testing.assert_frame_equal(from_table.edges, from_graph.edges)
    pd.testing.assert_frame_equal(table, copy)
    assert from_table.edges.dtypes.equals(table.dtypes)
    assert from_table.edges["n_synapses"].eq(1).all()


def test_mistakes_are_named_at_once():
    graph = nx.DiGraph([(1, 2)])
    with pytest.raises(InputError, match="keep is 'weights'; expected 'degrees' or"):
        randomise(graph, keep="weights", rng=seeded())
    with pytest.raises(InputError, match="n is 0 random graphs"):
        randomise(graph, rng=seeded(), n=0)
    with pytest.raises(InputError, match="contactome table lacks the column 'segment_a'"):
        randomise(graph, rng=seeded(), contactome=edges_of(graph))
    with pytest.raises(InputError, match="keep is 'none'"):
        compare_to_null(graph, graph, keep="none", rng=seeded())
    with pytest.raises(InputError, match="tolerance is -1"):
        compare_to_null(graph, graph, tolerance=-1, rng=seeded())
    with pytest.raises(InputError, match="directed and the other is not"):
        compare_to_null(graph, graph.to_undirected(), rng=seeded())


# ---------------------------------------------------------------------------------------------------------- findings
def loops(n, arrows):
    return nx.DiGraph([(3 * i + a, 3 * i + b) for i in range(n) for a, b in arrows])


FORWARD, ROUND = [(0, 1), (1, 2), (0, 2)], [(0, 1), (1, 2), (2, 0)]


def test_counts_against_random_graphs_are_those_counted_one_by_one():
    truth, predicted = random_graph(20, 0.15, 10), random_graph(20, 0.15, 11)
    found = compare_to_null(truth, predicted, rng=seeded(1), n=12)
    table = found.motifs.set_index("motif")
    assert table.index.tolist() == list(CONNECTED)
    for side, graph in (("truth", truth), ("predicted", predicted)):
        census = count_triads(graph)
        nulls = [count_triads(null.edges) for null in randomise(graph, rng=seeded(1), n=12)]
        for motif in CONNECTED:
            counts = [null[motif] for null in nulls]
            mean, sd = np.mean(counts), np.std(counts, ddof=1)
            row = table.loc[motif]
            assert row[f"count_{side}"] == census[motif]
            assert (row[f"null_mean_{side}"], row[f"null_sd_{side}"]) == pytest.approx((mean, sd))
            z = (census[motif] - mean) / sd if sd else math.nan
            ratio = census[motif] / mean if mean else math.nan
            assert (row[f"z_{side}"], row[f"ratio_{side}"]) == pytest.approx((z, ratio), nan_ok=True)
            log2 = math.log2((census[motif] + 0.5) / (mean + 0.5))
            assert row[f"log2_ratio_{side}"] == pytest.approx(log2)
            finding = "more" if log2 > 0.5 else "less" if log2 < -0.5 else "chance"
            assert row[f"finding_{side}"] == finding
    assert (table["delta"] == table["log2_ratio_predicted"] - table["log2_ratio_truth"]).all()
    assert (table["preserved"] == (table["finding_truth"] == table["finding_predicted"])).all()
    assert found.n_preserved == table["preserved"].sum()


def test_equal_graphs_have_equal_findings_and_swapping_turns_the_difference_round():
    truth, predicted = random_graph(20, 0.15, 12), random_graph(20, 0.15, 13)
    same = compare_to_null(truth, truth, rng=seeded(2), n=10)
    assert same.n_preserved == len(CONNECTED)
    assert (same.motifs["delta"] == 0).all()
    there, back = (compare_to_null(*both, rng=seeded(2), n=10) for both in ((truth, predicted), (predicted, truth)))
    assert there.motifs["delta"].tolist() == (-back.motifs["delta"]).tolist()
    assert there.motifs["z_truth"].equals(back.motifs["z_predicted"].rename("z_truth"))
    assert (there.overlap_truth, there.n_unmixed) == (back.overlap_predicted, 0)


def test_findings_that_survive_and_findings_that_do_not():
    truth = loops(20, FORWARD)
    survives = compare_to_null(truth, loops(15, FORWARD), rng=seeded(), n=20).motifs.set_index("motif")
    assert survives.loc["030T", ["finding_truth", "finding_predicted"]].tolist() == ["more", "more"]
    lost = compare_to_null(truth, loops(20, ROUND), rng=seeded(), n=20).motifs.set_index("motif")
    assert lost.loc["030T", ["finding_truth", "finding_predicted"]].tolist() == ["more", "chance"]
    assert not lost.loc["030T", "preserved"]
    assert lost.loc["030C", "delta"] > 2


def test_z_grows_with_the_graph_and_the_ratio_does_not_say_more_of_a_copy():
    once, four_times = (
        compare_to_null(g, g, rng=seeded(), n=30).motifs for g in (loops(15, FORWARD), loops(60, FORWARD))
    )
    rows = [table.set_index("motif").loc["030T"] for table in (once, four_times)]
    assert rows[0]["null_mean_truth"] == pytest.approx(rows[1]["null_mean_truth"], abs=1)  # chance finds about one
    assert rows[1]["z_truth"] > 2 * rows[0]["z_truth"]
    assert rows[0]["finding_truth"] == rows[1]["finding_truth"] == "more"


def test_undirected_graphs_have_two_connected_motifs():
    triangles = nx.disjoint_union_all([nx.complete_graph(3)] * 12)
    path = nx.path_graph(36)
    found = compare_to_null(triangles, path, rng=seeded(), n=10).motifs.set_index("motif")
    assert found.index.tolist() == ["wedge", "triangle"]
    assert found.loc["triangle", "finding_truth"] == "more" != found.loc["triangle", "finding_predicted"]
    assert found.loc["triangle", "count_truth"] == count_triples(triangles)["triangle"] == 12


def test_the_null_decides_the_sign():
    """Chains of mutual pairs look many against degrees alone, not against random graphs with as many mutual pairs."""
    graph = random_graph(60, 0.03, 14, mutual=0.5)
    alike, layered = (compare_to_null(graph, graph, keep=keep, rng=seeded(), n=30) for keep in KEEPS)
    motif = "201"
    assert alike.motifs.set_index("motif").loc[motif, "finding_truth"] == "more"
    assert layered.motifs.set_index("motif").loc[motif, "finding_truth"] == "chance"
    assert (alike.keep, layered.keep) == KEEPS


def test_alignments_and_contactomes_are_taken():
    truth, predicted = random_graph(20, 0.15, 15), random_graph(20, 0.15, 16)
    both = align(edges_of(truth), edges_of(predicted), directed=True)
    contacts = touching(permutations(truth, 2))
    free, everywhere = (compare_to_null(both, contactome=c, rng=seeded(), n=5) for c in (None, contacts))
    # all touch: nothing is forbidden
    assert free.motifs["null_mean_truth"].tolist() == pytest.approx(
        everywhere.motifs["null_mean_truth"].tolist(), abs=4
    )
    assert (free.in_contactome, everywhere.in_contactome) == (False, True)


@pytest.mark.parametrize("directed", [True, False])
def test_dictionaries_are_json_and_explain_what_is_missing(directed):
    kind = nx.DiGraph if directed else nx.Graph
    for truth in (kind(), kind([(1, 2)]), nx.complete_graph(5, kind), random_graph(12, 0.3, 1, directed)):
        for n in (1, 2):
            result = compare_to_null(truth, truth, rng=seeded(), n=n).to_dict()
            json.dumps(result, allow_nan=False)
            assert "z grows" in result["z_warning"]
            assert result["n_motifs"] == result["n_preserved"] == (13 if directed else 2)
            for row in result["motifs"]:
                missing = {name for name, value in row.items() if value is None}
                assert missing == {name.removesuffix("_reason") for name in row if name.endswith("_reason")}
                assert (row["null_sd_truth"] is None) == (n == 1)


@pytest.mark.skipif(not LARVA.exists(), reason="needs the larva connectomes of the shared data")
def test_feed_forward_loops_of_a_real_connectome():
    table = pd.read_csv(LARVA / "left_edges.csv")
    graph = nx.DiGraph(list(zip(table["source"].tolist(), table["target"].tolist(), strict=True)))
    found = {
        keep: compare_to_null(graph, graph, keep=keep, rng=seeded(), n=4).motifs.set_index("motif") for keep in KEEPS
    }
    assert found["degrees+reciprocity"].loc["030T", "finding_truth"] == "more"
    alike, layered = (found[keep].loc["300", "log2_ratio_truth"] for keep in KEEPS)
    assert alike > layered + 2  # without reciprocity mutual triads seem far more than they are
    nulls = randomise(graph, rng=seeded(), n=2)
    assert all(null.plateau and null.overlap < 0.2 for null in nulls)
