"""A sparse truth: pairs by proofread ends, bounds that hold and are reached, and the whole way through the tool."""

from __future__ import annotations

import json
import math
from itertools import combinations, permutations, product

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import scenes

import connectograph as cg
from connectograph.cli import main
from connectograph.compare import bound_scores, compare_edges, compare_sparse
from connectograph.evaluation import verify_run
from connectograph.io.files import dump_json

SCORES = ("precision", "recall", "f1")


def graph_of(pairs, nodes, directed=False):
    graph = nx.DiGraph(pairs) if directed else nx.Graph(pairs)
    graph.add_nodes_from(nodes)
    return graph


@pytest.fixture(scope="module")
def by_hand():
    """Six neurons, 1 to 3 proofread.

    Both ends: 1-2 found, 1-3 missed, 2-3 false. One end: 1-4 found, 2-4 missed, 3-4 and 3-5 open, the other five pairs
    unseen. No end: 4-5 in both, 5-6 predicted.
    """
    truth = graph_of([(1, 2), (1, 3), (1, 4), (2, 4), (4, 5)], range(1, 7))
    predicted = graph_of([(1, 2), (2, 3), (1, 4), (3, 4), (3, 5), (4, 5), (5, 6)], range(1, 7))
    return truth, predicted


def test_counted_by_hand(by_hand):
    score = compare_sparse(*by_hand, proofread=[1, 2, 3])
    assert (score.known.tp, score.known.fp, score.known.fn) == (1, 1, 1)
    assert (score.found, score.missed, score.n_open, score.n_unseen) == (1, 1, 2, 5)
    assert (score.n_unscored_truth, score.n_unscored_predicted) == (1, 2)
    assert (score.n_excluded_truth, score.n_excluded_predicted) == (3, 5)
    assert (score.precision.lower, score.precision.upper) == (2 / 5, 4 / 5)
    assert (score.recall.lower, score.recall.upper) == (2 / 9, 4 / 6)
    assert (score.f1.lower, score.f1.upper) == (4 / (4 + 3 + 2 + 5), 8 / 11)


def test_all_proofread_is_the_ordinary_score(by_hand):
    score = compare_sparse(*by_hand, proofread=range(1, 7))
    plain = compare_edges(*by_hand)
    assert score.known == plain
    assert all(getattr(score, name).lower == getattr(score, name).upper == getattr(plain, name) for name in SCORES)
    assert score.n_excluded_truth == score.n_excluded_predicted == 0


def test_nobody_proofread_is_no_score(by_hand):
    score = compare_sparse(*by_hand, proofread=[])
    assert score.known.n_truth == score.known.n_predicted == 0
    assert math.isnan(score.precision.lower)
    assert score.to_dict()["bounds"]["f1"]["lower_reason"] == "no pair with a proofread end can be connected"


def completions(truth, predicted, proofread):
    """Every truth that holds the annotated connections and agrees on pairs of two proofread neurons."""
    pairs = (permutations if truth.is_directed() else combinations)(sorted(truth), 2)
    free = [p for p in pairs if len(proofread & set(p)) == 1 and not truth.has_edge(*p)]
    for chosen in product([False, True], repeat=len(free)):
        graph = truth.copy()
        graph.add_edges_from(p for p, there in zip(free, chosen, strict=True) if there)
        yield graph


def touching(graph, proofread):
    """The part of a graph with a proofread end."""
    return graph_of([p for p in graph.edges if proofread & set(p)], graph, graph.is_directed())


@st.composite
def small_graphs(draw):
    directed = draw(st.booleans())
    nodes = range(1, draw(st.integers(1, 3 if directed else 5)) + 1)
    pairs = list((permutations if directed else combinations)(nodes, 2))
    sides = [
        graph_of([p for p in pairs if draw(st.booleans())], nodes, directed)
        for _ in range(2)
    ]  # fmt: skip
    return *sides, {n for n in nodes if draw(st.booleans())}


@given(small_graphs())
def test_bounds_hold_and_are_reached_over_every_completion(case):
    truth, predicted, proofread = case
    score = compare_sparse(truth, predicted, proofread=proofread)
    scored = touching(predicted, proofread)
    found = [compare_edges(touching(t, proofread), scored) for t in completions(truth, predicted, proofread)]
    for name in SCORES:
        values = [v for each in found if not math.isnan(v := getattr(each, name))]
        bounds = getattr(score, name)
        if values:
            assert (bounds.lower, bounds.upper) == (min(values), max(values))
        else:
            assert math.isnan(bounds.lower)
            assert math.isnan(bounds.upper)


@given(small_graphs())
def test_known_pairs_are_those_among_proofread_neurons(case):
    truth, predicted, proofread = case
    score = compare_sparse(truth, predicted, proofread=proofread)
    assert score.known == compare_edges(truth.subgraph(proofread), predicted.subgraph(proofread))


@given(small_graphs(), st.data())
def test_proofreading_more_never_widens_what_is_open(case, data):
    truth, predicted, proofread = case
    more = proofread | data.draw(st.sets(st.sampled_from(sorted(truth))))
    before, after = (compare_sparse(truth, predicted, proofread=ids) for ids in (proofread, more))
    assert after.n_unscored_predicted <= before.n_unscored_predicted
    assert after.known.n_predicted >= before.known.n_predicted


def test_negative_counts_are_refused():
    with pytest.raises(cg.InputError, match="expected 0 or more"):
        bound_scores(1, 0, 0, n_open=-1, n_unseen=0)


@pytest.fixture(scope="module")
def phantom():
    return cg.synthetic.make_phantom("small", rng=0)


def evaluate(phantom, **options):
    return cg.evaluate(phantom.segmentation, truth=phantom.truth, predicted=phantom.predicted, **options)


@pytest.fixture(scope="module")
def sparse(phantom):
    """Every third neuron proofread; and the same without that."""
    whole = evaluate(phantom)
    proofread = sorted(whole.truth_graph)[::3]
    return proofread, whole, evaluate(phantom, proofread=proofread)


def test_an_evaluation_scores_what_is_known(sparse):
    proofread, whole, ev = sparse
    graphs = [graph.subgraph(proofread) for graph in (whole.truth_graph, whole.predicted_graph)]
    assert ev.edges == compare_edges(*graphs)
    for mine, theirs in zip((ev.truth_graph, ev.predicted_graph), graphs, strict=True):
        assert nx.utils.graphs_equal(mine, nx.Graph(theirs)) or (
            dict(mine.nodes(data=True)) == dict(theirs.nodes(data=True))
            and list(map(str, mine.edges(data=True))) == list(map(str, nx.Graph(theirs).edges(data=True)))
        )
    score = compare_sparse(whole.truth_graph, whole.predicted_graph, proofread=proofread)
    block = ev.report["proofread"]
    assert {key: block[key] for key in score.to_dict()} == score.to_dict()
    assert block["n_listed"] == block["n_neurons"] == len(proofread) == ev.report["nodes"]["n_segments"]
    assert ev.report["synapses"] == whole.report["synapses"]
    assert ev.strict is ev.report["strict"] is None


def test_nothing_that_is_left_out_is_silent(sparse):
    _, whole, ev = sparse
    excluded = ev.report["excluded"]
    for side, name in (("truth", "n_truth"), ("predicted", "n_predicted")):
        assert excluded[f"{side}_connections_not_proofread"] == whole.report["edges"][name] - ev.report["edges"][name]
    bounds = ev.report["proofread"]["bounds"]["precision"]
    assert ev.report["verdict"].startswith(f"Among {ev.report['proofread']['n_neurons']} proofread neurons: ")
    assert f"between {100 * bounds['lower']:.1f} % and {100 * bounds['upper']:.1f} % are true" in ev.report["verdict"]
    assert "connections with an end that is not proofread" in ev.report["verdict"]


def test_every_measure_shown_is_safe_bounded_or_undefined(sparse):
    _, whole, ev = sparse
    rows = {row["measure"]: row for row in ev.report["proofread"]["measures"]}
    shown = {key for key, value in whole.report.items() if isinstance(value, dict)}
    assert shown - {"nodes", "excluded", "synapses", "settings", "inputs"} <= set(rows)
    for name, row in rows.items():
        assert row["reason"]
        assert (row["validity"] == "undefined") == (name in ev.report and ev.report[name] is None)
        assert (row["validity"] == "bounded") == ("lower" in row)
    assert rows["edges"]["validity"] == "safe"
    assert ev.report["clefts_reason"] == rows["clefts"]["reason"]
    assert rows["synapse_precision"]["lower"] <= whole.report["synapse_matching"]["precision"]


def test_the_truth_of_the_rest_changes_no_safe_measure(phantom, sparse):
    """Annotations of neurons that are not proofread are erased: the bounds hold what the whole truth says."""
    proofread, whole, ev = sparse
    links = whole.tables["links_truth"]
    known = links["source"].isin(proofread) & links["target"].isin(proofread)
    erased = np.setdiff1d(links["synapse_id"], links.loc[known, "synapse_id"])
    labels = np.asarray(phantom.truth.labels)
    fewer = cg.Volume(np.where(np.isin(labels, erased), 0, labels), phantom.truth.voxel_size)
    other = cg.evaluate(phantom.segmentation, truth=fewer, predicted=phantom.predicted, proofread=proofread)
    for name in ("edges", "weights", "thresholds", "neurons", "motifs"):
        assert ev.report[name] == other.report[name]
    whole_truth = touching(whole.truth_graph, set(proofread))
    scored = compare_edges(whole_truth, touching(whole.predicted_graph, set(proofread)))
    for name in SCORES:
        limits = other.report["proofread"]["bounds"][name]
        assert limits["lower"] <= getattr(scored, name) <= limits["upper"]


def test_all_proofread_changes_no_score(phantom, sparse):
    _, whole, _ = sparse
    ev = evaluate(phantom, proofread=list(whole.truth_graph))
    for key in ("nodes", "edges", "weights", "thresholds", "sweep", "baselines", "neurons", "motifs", "fixes", "blame"):
        assert ev.report[key] == whole.report[key]


def test_without_the_option_nothing_is_said_of_it(sparse):
    _, whole, _ = sparse
    assert "proofread" not in json.dumps(whole.report)


@settings(max_examples=settings.default.max_examples // 4)
@given(scenes(), st.data())
def test_any_scene_with_any_neurons_proofread(scene, data):
    whole = scene.evaluate()
    ids = data.draw(st.sets(st.sampled_from([*whole.truth_graph, 2**40]), min_size=1))
    ev = scene.evaluate(proofread=ids)
    assert json.loads(dump_json(ev.report))["edges"]["tp"] <= whole.edges.tp
    assert set(ev.truth_graph) == ids & set(whole.truth_graph)
    if ids >= set(whole.truth_graph):
        assert ev.edges == whole.edges


def test_command_line_python_and_verify(phantom, sparse, tmp_path, capsys):
    proofread, _, ev = sparse
    names = {}
    for role in ("segmentation", "truth", "predicted"):
        names[role] = str(tmp_path / f"{role}.hdf:/labels")
        cg.write_volume(names[role], getattr(phantom, role))
    (tmp_path / "ids.txt").write_text("\n".join(map(str, proofread)))
    call = ["evaluate", names["segmentation"], "--truth", names["truth"], "--predicted", names["predicted"]]
    call += ["--proofread", str(tmp_path / "ids.txt"), "--out", str(tmp_path / "run")]
    assert main(call) == 0
    printed = capsys.readouterr().out
    assert "excluded: truth connections not proofread" in printed
    assert (tmp_path / "run" / "report.json").read_text() == dump_json(ev.report)
    assert verify_run(tmp_path / "run") == []
    page = (tmp_path / "run" / "report.html").read_text()
    assert "What the proofread neurons can tell" in page


def test_comparing_tables(by_hand, tmp_path, capsys):
    truth, predicted = by_hand
    ev = cg.compare_connectomes(truth, predicted, proofread=[1, 2, 3, 99])
    assert ev.edges == cg.score_counts(1, 1, 1)
    assert (ev.report["proofread"]["n_listed"], ev.report["proofread"]["n_neurons"]) == (4, 3)
    assert ev.report["settings"]["proofread"] == ["1", "2", "3", "99"]
    files = []
    for name, graph in (("truth", truth), ("predicted", predicted)):
        files.append(str(tmp_path / f"{name}.csv"))
        rows = "\n".join(f"{a},{b},1" for a, b in graph.edges)
        (tmp_path / f"{name}.csv").write_text(f"source,target,n_synapses\n{rows}\n")
    call = ["compare", *files, "--proofread", "1,2,3", "--no-report", "--out", str(tmp_path / "run")]
    assert main(call) == 0
    assert "Among 3 proofread neurons: " in capsys.readouterr().out
    assert verify_run(tmp_path / "run") == []
    study = cg.compare_many(truth, [predicted, truth], proofread=[1, 2, 3])
    assert study.table["f1"].tolist() == [1.0, 0.5]
    assert main(["compare", *files, files[0], "--proofread", "1,2,3"]) == 0


@pytest.mark.parametrize(("ids", "words"), [("", "No neuron is listed"), ("one", "--proofread 'one'")])
def test_what_is_wrong_with_the_list_is_said(ids, words, tmp_path, capsys):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("source,target,n_synapses\n1,2,1\n")
    assert main(["compare", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--proofread", ids]) == 2
    assert words in capsys.readouterr().err


def test_a_segmentation_of_its_own(phantom, sparse):
    """The bounds, and parts of a proofread neuron that have no match."""
    proofread, _, ev = sparse
    own = evaluate(phantom, predicted_segmentation=phantom.segmentation, proofread=proofread)
    for key in ("edges", "proofread", "nodes"):
        mine = {k: v for k, v in own.report[key].items() if k != "measures"}
        assert mine == {k: v for k, v in ev.report[key].items() if k != "measures"}
    assert own.report["segmentation_matching"] is None
    assert own.report["blame"]["loss"] == pytest.approx(sum(own.report["blame"]["parts"].values()), abs=1e-12)
    assert own.report["blame"]["actual"] == own.edges.f1
