"""What is reported beside the score: blocks of report.json and tables, counted by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from cases import CASES

import connectograph as cg
from connectograph.degrees import score_neurons
from connectograph.degrees.intervals import partner_intervals
from connectograph.degrees.profiles import summarise_profiles
from connectograph.evaluation import measures, verify_run
from connectograph.graphs import align
from connectograph.report import ReportContents
from connectograph.report.pages import build_sections
from connectograph.segments import kept_ids
from connectograph.tables import SCHEMAS, validate_table
from connectograph.uncertainty import edge_intervals, node_jackknife

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BLOCKS = ("weights", "thresholds", "sweep", "baselines", "neurons", "motifs")
VOXEL_SIZE = (40.0, 4.0, 4.0)

SEGMENTATION = [1, 1, 2, 2, 3, 3, 4, 4]
TRUTH = [0, 5, 5, 6, 0, 0, 0, 0]  # 1-2, of two voxels; 2-3, of one
HEAT = [0, 0.9, 0.8, 0, 0, 0.6, 0, 0]  # 1-2 is found; 3-4 is invented
LABELS = [0, 8, 8, 0, 0, 9, 0, 0]


def row(values, dtype):
    return cg.Volume(np.array([[values]], dtype), VOXEL_SIZE)


def evaluate(predicted=HEAT, dtype="f4", **options):
    threshold = 0.5 if dtype == "f4" else None
    volumes = {"truth": row(TRUTH, "u8"), "predicted": row(predicted, dtype)}
    return cg.evaluate(row(SEGMENTATION, "u8"), **volumes, threshold=threshold, **options)


def synapses(kind, edges):
    graph = kind()
    for source, target, n in edges:
        graph.add_edge(source, target, n_synapses=n)
    return graph


def counts_of(block):
    return {name: block[name] for name in ("tp", "fp", "fn")}


# --- every block has its form ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_number_is_there_or_its_reason(case):
    ev = cg.compare_connectomes(*case.graphs(), directed=case.directed)
    json.dumps(ev.report, allow_nan=False)
    assert set(BLOCKS) <= set(ev.report)
    check_reasons(ev.report)
    for name in ("precision", "recall", "f1"):
        interval = ev.report["edges"]["intervals"][name]
        assert interval["value"] == ev.report["edges"][name]
        assert interval["lower"] is None
        assert re.search("fewer than 30|has no edge|has an edge", interval["lower_reason"])
    neurons = validate_table("neurons", ev.tables["neurons"])
    assert list(neurons) == list(SCHEMAS["neurons"])
    total = neurons[neurons["role"] == "total"]
    assert total["segment_id"].tolist() == sorted(ev.truth_graph)
    assert (total["tp"].sum(), total["fp"].sum(), total["fn"].sum()) == (2 * case.tp, 2 * case.fp, 2 * case.fn)


def check_reasons(block):
    """Nothing is null without a reason, but where null is the answer."""
    answers = ("upper", "z_nm", "y_nm", "x_nm", "calibrated")  # an open bin, no position, no threshold finds an edge
    for key, value in block.items() if isinstance(block, dict) else enumerate(block):
        if value is None and key not in answers:
            assert block[f"{key}_reason"], key
        elif isinstance(value, (dict, list)) and key not in answers:
            check_reasons(value)


def test_without_a_prediction_every_block_says_so():
    ev = cg.evaluate(row(SEGMENTATION, "u8"), truth=row(TRUTH, "u8"))
    for name in BLOCKS:
        assert ev.report[name] is None
        assert ev.report[f"{name}_reason"] == "no prediction was given"
    assert not {"neurons", "score_sweep"} & set(ev.tables)


def test_one_neuron_and_none():
    single = nx.Graph()
    single.add_node(7)
    for graph, n in ((single, 1), (nx.Graph(), 0)):
        report = cg.compare_connectomes(graph, graph).report
        json.dumps(report, allow_nan=False)
        assert report["neurons"]["wcc_truth"] == report["neurons"]["n_isolated_both"] == n
        assert report["baselines"]["density_reason"] == "there are fewer than two neurons"
        assert report["motifs"]["census"][0] == {"motif": "empty", "truth": 0, "predicted": 0, "log2_ratio": 0.0}


# --- blocks counted by hand -----------------------------------------------------------------------------------------


def test_weights_thresholds_and_flips_by_hand():
    truth = synapses(nx.DiGraph, [(1, 2, 5), (2, 1, 3), (2, 3, 1), (3, 4, 2)])
    predicted = synapses(nx.DiGraph, [(1, 2, 4), (2, 3, 6), (3, 4, 2), (4, 1, 1)])
    report = cg.compare_connectomes(truth, predicted, directed=True).report
    weights = report["weights"]
    assert (weights["total_truth"], weights["total_predicted"], weights["total_common"]) == (11, 13, 7)
    assert weights["recall"] == weights["intervals"]["recall"]["value"] == 7 / 11
    assert weights["ruzicka"] == weights["intervals"]["ruzicka"]["value"] == 7 / 17
    recall, precision = weights["strata"]
    assert [(part["n_edges"], part["n_correct"]) for part in recall["bins"][:4]] == [(1, 1), (1, 1), (1, 0), (1, 1)]
    assert [part["n_edges"] for part in precision["bins"][:4]] == [1, 1, 1, 1]
    family = {score["k"]: score for score in report["thresholds"]["family"]}
    assert counts_of(family[1]) == {"tp": 3, "fp": 1, "fn": 1}
    # at 5: 1-2 fell from 5 to 4, 2-3 rose from 1 to 6
    assert {key: family[5][key] for key in ("tp", "fn_flipped", "fn_lost", "fp_flipped", "fp_invented")} == {
        "tp": 0, "fn_flipped": 1, "fn_lost": 0, "fp_flipped": 1, "fp_invented": 0,
    }  # fmt: skip
    surface = report["thresholds"]["surface"]
    assert surface["ks"] == [1, 2, 3, 5, 10]
    assert counts_of(surface["scores"][3][2]) == {"tp": 1, "fp": 1, "fn": 0}  # the truth at 5, the prediction at 3


def test_neurons_and_motifs_by_hand():
    truth = synapses(nx.DiGraph, [(1, 2, 1), (2, 1, 1), (2, 3, 1), (1, 3, 1), (5, 6, 1)])
    predicted = synapses(nx.DiGraph, [(1, 2, 1), (2, 3, 1), (1, 3, 1), (3, 4, 1)])
    report = cg.compare_connectomes(truth, predicted, directed=True).report
    neurons = report["neurons"]
    assert (neurons["n_lost"], neurons["n_gained"]) == (2, 1)
    assert (neurons["wcc_truth"], neurons["wcc_predicted"]) == (3, 4)
    assert (neurons["scc_truth"], neurons["scc_predicted"]) == (2, 1)
    assert [row["role"] for row in neurons["scores"]] == ["in", "out", "total"]
    motifs = report["motifs"]
    assert motifs["dyads"]["mutual"] == {"null": 0, "asymmetric": 1, "reversed": 0, "mutual": 0}
    assert (motifs["truth"]["reciprocity"], motifs["predicted"]["reciprocity"]) == (0.4, 0.0)
    counted = {row["motif"]: (row["truth"], row["predicted"]) for row in motifs["census"]}
    assert (counted["120U"], counted["030T"]) == ((1, 0), (0, 1))
    assert len(counted) == 16
    assert motifs["truth"]["n_four_cliques"] is None
    assert "compare_motifs" in motifs["truth"]["n_four_cliques_reason"]


def test_the_sweep_of_a_heat_map_by_hand():
    ev = evaluate()
    sweep = ev.report["sweep"]
    assert (sweep["by"], sweep["n_truth"], sweep["n_candidates"], sweep["average_precision"]) == (
        "score_max",
        2,
        2,
        0.5,
    )
    curve = validate_table("score_sweep", ev.tables["score_sweep"])
    assert curve["threshold"].tolist() == pytest.approx([0.9, 0.6])
    assert curve[["tp", "fp", "fn"]].to_numpy().tolist() == [[1, 0, 1], [1, 1, 1]]
    assert counts_of(sweep["best_f1"]) == {"tp": 1, "fp": 0, "fn": 1}
    assert sweep["at_recall"] is None
    assert sweep["at_recall_reason"] == "no threshold has a recall of 0.95"
    half = sweep["halves"]["best_f1"]
    assert half["axis"] == "x_nm"
    assert half["chosen"]["f1"] == 1.0
    assert counts_of(half["reported"]) == {"tp": 0, "fp": 0, "fn": 1}


def test_labels_are_swept_by_size():
    ev = evaluate(LABELS, "u8")
    assert ev.report["sweep"]["by"] == "n_voxels"
    assert ev.tables["score_sweep"]["threshold"].tolist() == [2.0, 1.0]
    larger = evaluate(LABELS, "u8", min_synapse_voxels=2)
    assert counts_of(larger.report["edges"]) == counts_of(ev.report["sweep"]["best_f1"])


def test_recall_by_the_size_of_synapses():
    strata = {(part["measure"], part["by"]): part for part in evaluate().report["weights"]["strata"]}
    found = strata["recall", "synapse_size"]
    smallest = found["bins"][0]
    assert (smallest["lower"], smallest["n_edges"], smallest["n_correct"]) == (1.0, 1, 0)
    assert sum(part["n_correct"] for part in found["bins"]) == 1
    assert ("recall", "contact_area") not in strata


def test_baselines_of_a_contactome_by_hand():
    report = evaluate(contactome=True).report
    baselines = report["baselines"]
    # three pairs touch, on one face each: 40 nm x 4 nm; two of them are connected
    assert (baselines["n_pairs"], baselines["n_contacts"]) == (6, 3)
    assert counts_of(baselines["all_contacts"]) == {"tp": 2, "fp": 1, "fn": 0}
    assert baselines["area_curve"]["best_f1"]["threshold"] == 160.0
    assert baselines["best_f1"] == 0.8
    assert baselines["skill"] == pytest.approx((0.5 - 0.8) / (1 - 0.8))
    by_area = [part for part in report["weights"]["strata"] if part["by"] == "contact_area"]
    assert [part["measure"] for part in by_area] == ["recall", "precision"]
    assert evaluate().report["baselines"]["all_contacts_reason"] == "no contactome was given"


@pytest.fixture(scope="module")
def phantom_run():
    phantom = cg.synthetic.make_phantom("small", rng=0)
    volumes = {"truth": phantom.truth, "predicted": phantom.predicted}
    return cg.evaluate(phantom.segmentation, **volumes, partner_rule="top-pair", contactome=True)


def test_two_intervals_answer_two_questions(phantom_run):
    """Other neurons and edges like these decide the verdict; these very edges, if it is known who touches whom."""
    edges, tables = phantom_run.report["edges"], phantom_run.tables
    both = align(tables["edges_truth"], tables["edges_predicted"], nodes=kept_ids(tables["segments"]))
    assert edges["intervals"] == edge_intervals(both).to_dict()
    given = edge_intervals(both, candidates=tables["contactome"])
    assert edges["intervals_these_edges"] == given.to_dict()
    assert given.recall.lower == pytest.approx(edges["intervals"]["recall"]["lower"])
    wide = edges["intervals"]["precision"]
    assert given.precision.upper - given.precision.lower < wide["upper"] - wide["lower"]
    assert f"(95 % interval {100 - 100 * wide['upper']:.1f} %" in phantom_run.report["verdict"]
    none = evaluate().report["edges"]
    assert none["intervals_these_edges"] is None
    assert "without a contactome" in none["intervals_these_edges_reason"]


def test_the_summary_says_what_either_interval_answers(phantom_run):
    page = next(
        page
        for page in build_sections(ReportContents(phantom_run.report, None, dict(phantom_run.tables), None))
        if page.key == "summary"
    )
    note = next(element for element in page.elements if getattr(element, "title", "") == "Score").note
    f1 = phantom_run.report["edges"]["intervals_these_edges"]["f1"]
    assert "for neurons like these" in note
    assert f"F1 {f1['lower']:.3f} to {f1['upper']:.3f}" in note


def draw_partners(seed):
    graph = nx.gnp_random_graph(40, 0.3, seed=seed, directed=True)
    return synapses(nx.DiGraph, [(a + 1, b + 1, 1 + (a * b + seed) % 7) for a, b in graph.edges])


def intervals_of_partners(*graphs):
    rows = measures.measure_connectomes(align(*graphs), {}).blocks["neurons"]["overlaps"]
    return {(part["role"], part["k"]): part["intervals"]["mean"] for part in rows}


def test_intervals_of_the_overlap_of_partners():
    """Mean overlap without each neuron, one after another; contracts."""
    truth, predicted = draw_partners(1), draw_partners(2)
    found = intervals_of_partners(truth, predicted)
    means = []
    for neuron in truth:
        rest = [graph.copy() for graph in (truth, predicted)]
        for graph in rest:
            graph.remove_node(neuron)
        means.append({(part.role, part.k): part.mean for part in cg.compare_degrees(*rest).overlaps})
    for key, interval in found.items():
        values = np.array([part[key] for part in means])
        assert interval["standard_error"] == pytest.approx(np.sqrt(39 / 40 * ((values - values.mean()) ** 2).sum()))
        assert interval["lower"] < interval["value"] < interval["upper"]
    swapped = intervals_of_partners(predicted, truth)
    renamed = [nx.relabel_nodes(graph, {node: 2**60 + 3 * node for node in graph}) for graph in (truth, predicted)]
    for other in (swapped, intervals_of_partners(*renamed)):
        assert other.keys() == found.keys()
        for key, interval in found.items():
            assert other[key]["standard_error"] == pytest.approx(interval["standard_error"], rel=1e-9)
    for key, interval in intervals_of_partners(truth, truth).items():
        assert (key, interval["value"], interval["lower_reason"]) == (key, 1, "no interval: the outcomes do not vary")
    for interval in intervals_of_partners(nx.DiGraph(), nx.DiGraph()).values():
        assert interval["value"] is None
        assert interval["lower_reason"].endswith("fewer than 30")


@pytest.mark.parametrize("kind", [nx.DiGraph, nx.Graph])
def test_leaving_out_only_what_matters_is_leaving_out(kind):
    """The same as computing all anew without each of fifty groups, some of which leave a neuron without partners."""
    rng = np.random.default_rng(3)
    sides = []
    for n in (160, 130):
        weights = rng.geometric(0.4, n).tolist()
        pairs = rng.integers(1, 71, (n, 2)).tolist()
        sides.append(synapses(kind, [(a, b, w) for (a, b), w in zip(pairs, weights, strict=True) if a != b]))
    both = align(*sides)

    def measure(part):
        found = {f"{each.role} {each.k}": each.mean for each in cg.compare_degrees(part).overlaps}
        return found | {f"{row['role']} cosine": row["cosine_mean"] for row in summarise_profiles(score_neurons(part))}

    slow, found = node_jackknife(measure, both), partner_intervals(both)
    assert slow.keys() == found.keys()
    for name, interval in found.items():
        assert interval.value == pytest.approx(slow[name].value), name
        assert interval.standard_error == pytest.approx(slow[name].standard_error, rel=1e-9), name


# --- what is too large, and what is drawn ---------------------------------------------------------------------------


def test_too_large_for_triads_still_has_dyads(monkeypatch):
    both = align(*(nx.gnp_random_graph(30, 0.2, seed=seed, directed=True) for seed in (1, 2)))
    whole = measures.measure_connectomes(both, {}).blocks["motifs"]
    monkeypatch.setattr(measures, "_MAX_TRIAD_STEPS", 10)
    block = measures.measure_connectomes(both, {}).blocks["motifs"]
    assert block["dyads"] == whole["dyads"]
    assert block["census"] is block["truth"] is None
    assert "compare_motifs" in block["census_reason"]


def test_random_graphs_are_drawn_for_small_connectomes_and_always_the_same(monkeypatch):
    graphs = [nx.gnp_random_graph(20, 0.3, seed=seed, directed=True) for seed in (1, 2)]
    graphs = [nx.relabel_nodes(graph, {node: node + 1 for node in graph}) for graph in graphs]
    first, second = (cg.compare_connectomes(*graphs, directed=True).report for _ in range(2))
    assert first == second
    nulls = first["motifs"]["null_models"]
    assert (nulls["n"], nulls["keep"], nulls["n_motifs"]) == (10, "degrees+reciprocity", 13)
    assert first["settings"]["null_seed"] == 0
    assert "compare_to_null" in evaluate().report["motifs"]["null_models_reason"]
    monkeypatch.setattr(measures, "_MAX_NULL_PAIRS", 10)
    large = cg.compare_connectomes(*graphs, directed=True).report
    assert large["motifs"]["null_models_reason"].startswith("more than 10 connected pairs")


# --- run directories ------------------------------------------------------------------------------------------------


def test_verifying_covers_the_measures(tmp_path):
    for name, edges in (("truth", [(1, 2, 5), (2, 3, 1)]), ("predicted", [(1, 2, 3)])):
        pd.DataFrame(edges, columns=["source", "target", "n_synapses"]).to_csv(tmp_path / f"{name}.csv", index=False)
    run = cg.compare_connectomes(tmp_path / "truth.csv", tmp_path / "predicted.csv").write(
        tmp_path / "run", reports=False
    )
    assert verify_run(run) == []
    file = run / "tables" / "neurons.parquet"
    pd.read_parquet(file).assign(tp=9).to_parquet(file)
    report = json.loads((run / "report.json").read_text())
    report["thresholds"]["family"][1]["tp"] = 7
    (run / "report.json").write_text(json.dumps(report))
    differences = "\n".join(verify_run(run))
    assert "tables/neurons.parquet: differs" in differences
    assert "report.json: thresholds" in differences


# --- real data ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not (DATA / "synful_calyx").is_dir(), reason="needs the calyx data beside the repository")
def test_the_calyx_of_the_fly():
    folder = DATA / "synful_calyx"
    ev = cg.compare_connectomes(folder / "truth_counts.csv", folder / "predicted_counts.csv", directed=True)
    edges = ev.report["edges"]
    assert [round(edges[name], 4) for name in ("precision", "recall", "f1")] == [0.9034, 0.9789, 0.9396]
    family = {score["k"]: score["f1"] for score in ev.report["thresholds"]["family"]}
    assert round(family[1], 4) == 0.9396
    assert round(family[5], 3) == 0.974
    interval = edges["intervals"]["f1"]
    assert interval["lower"] < edges["f1"] < interval["upper"]
    assert ev.report["motifs"]["truth"]["reciprocity"] == 0.0, "projection neurons to Kenyon cells, never back"
    assert len(ev.tables["neurons"]) == 3 * 666


@pytest.mark.skipif(not (DATA / "larva_left_right").is_dir(), reason="needs the larva data beside the repository")
def test_two_hemispheres_of_the_larva(tmp_path):
    folder = DATA / "larva_left_right"
    nodes = pd.read_csv(folder / "left_nodes.csv")[["neuron_id", "pair"]]
    nodes.to_csv(tmp_path / "match.csv", index=False)
    sides = (folder / "left_edges.csv", folder / "right_edges.csv")
    ev = cg.compare_connectomes(*sides, directed=True, match=tmp_path / "match.csv")
    report = ev.report
    # networkx on the same matched neurons
    left, right = (nx.from_pandas_edgelist(table, create_using=nx.DiGraph) for table in map(pd.read_csv, sides))
    pairs = dict(nodes.itertuples(index=False))
    common = {(a, b) for a, b in left.edges if a != b and right.has_edge(pairs[a], pairs[b])}
    assert report["edges"]["tp"] == len(common)
    assert report["motifs"]["truth"]["reciprocity"] == pytest.approx(nx.reciprocity(left), abs=1e-3)
    assert report["motifs"]["null_models"]["n_preserved"] == 13, "what is frequent on the left is so on the right"
    assert 0.4 < report["edges"]["f1"] < 0.6
