"""Directed synapses of a prediction in its own segmentation: every mistake planted by hand is found and named."""

from __future__ import annotations

import json
import math

import h5py
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from test_evaluation_segmentations import assert_perfect, assert_same, relabel

import connectograph as cg
from connectograph import Volume
from connectograph.blocks import open_engine
from connectograph.cli import main
from connectograph.evaluation import verify_run
from connectograph.io.skeletons import Skeleton
from connectograph.report.pages.fixes import describe_end

SIZE, OFFSET = (100.0, 100.0, 100.0), (0.0, 50.0, -200.0)

# neurons 1 to 5 side by side; synapse k lies in row 5k + 2, further from the others than synapses are matched
TRUTH = np.repeat(np.arange(1, 6, dtype="u8"), 6)[None, None, :29].repeat(50, axis=1)
OWN = np.array([0, 11, 12, 13, 14, 12], "u8")[TRUTH]  # 5 is a part of the segment of 2
OWN[:, 15:20, 18:24] = 40  # a piece of 4, where synapse 3 is
SEG, OWN_SEG = Volume(TRUTH, SIZE, OFFSET), Volume(OWN, SIZE, OFFSET)

TRUE_LINKS = {0: (1, 2), 1: (2, 3), 2: (3, 1), 3: (4, 1), 4: (4, 2), 5: (5, 1), 6: (1, 5), 8: (1, 4), 9: (2, 5)}
PREDICTED_LINKS = {**TRUE_LINKS, 2: (1, 3), 7: (3, 2), 8: (1, 3)}
del PREDICTED_LINKS[1]

CAUSES = {
    ("fn", 2, 3): "missed",
    ("fn", 3, 1): "polarity",
    ("fn", 4, 1): "split",
    ("fn", 5, 1): "merge",
    ("fn", 1, 5): "merge",
    ("fn", 2, 5): "merge",  # its prediction is an autapse
    ("fn", 1, 4): "wrong_partner",
    ("fp", 1, 3): "mixed",  # a flipped synapse and one with a wrong partner
    ("fp", 6, 1): "split",
    ("fp", 2, 1): "merge",
    ("fp", 3, 2): "spurious",
}


def place_of(row, neuron, other):
    """Inside a neuron, at the side of another one."""
    x = 6 * neuron - 6 if other < neuron else 6 * neuron - 1
    return (np.array([0, 5 * row + 2, x]) + 0.5) * SIZE + OFFSET


def table_of(links):
    rows = []
    for k, (pre, post) in links.items():
        ends = place_of(k, pre, post), place_of(k, post, pre)
        rows.append([100 + k, *ends[0], *ends[1]])
    columns = [f"{end}_{axis}_nm" for end in ("pre", "post") for axis in "zyx"]
    table = pd.DataFrame(rows, columns=["synapse_id", *columns])
    return table.astype({"synapse_id": "uint64"})


def evaluate(predicted=PREDICTED_LINKS, own=OWN_SEG, truth=TRUE_LINKS, **options):
    sides = {"truth": table_of(truth), "predicted": table_of(predicted)}
    return cg.evaluate(SEG, **sides, predicted_segmentation=own, partner_rule="partners", **options)


@pytest.fixture(scope="module")
def ev():
    return evaluate()


def outcomes_of(ev):
    columns = ("outcome", "source", "target", "cause")
    return {tuple(row[:3]): row[3] for row in zip(*(ev.edge_outcomes[name] for name in columns), strict=True)}


def test_every_planted_mistake_is_found_and_named(ev):
    assert outcomes_of(ev) == {**CAUSES, ("tp", 1, 2): "", ("tp", 4, 2): ""}
    assert (ev.edges.tp, ev.edges.fp, ev.edges.fn) == (2, 4, 7)
    assert ev.strict == ev.edges
    assert ev.report["edges"]["autapses_predicted"] == 1
    assert isinstance(ev.predicted_graph, nx.DiGraph)
    assert sorted(ev.predicted_graph) == sorted(ev.truth_graph) == [1, 2, 3, 4, 5, 6]


def test_causes_and_blame_add_up(ev):
    causes, blame = ev.report["causes"], ev.report["blame"]
    assert sum(row["n"] for row in causes["edges"]) == causes["n"] == ev.edges.fp + ev.edges.fn
    assert math.fsum(row["f1_lost"] for row in causes["edges"]) == pytest.approx(1 - ev.edges.f1, abs=1e-12)
    assert set(blame["parts"]) == {"synapses", "partners", "segmentation"}
    assert math.fsum(blame["parts"].values()) == pytest.approx(blame["loss"], abs=1e-12)
    assert (blame["perfect"], blame["actual"]) == (1.0, ev.edges.f1)
    assert all(part > 0 for part in blame["parts"].values())
    # in the true segmentation 8 pairs are joined, 6 of the 9 true ones among them
    assert blame["values"]["segmentation"] == 12 / 17


def test_merges_and_splits_are_not_ranked_and_the_report_says_why(ev):
    fixes = ev.report["fixes"]
    assert fixes["segment_fixes"] is None
    assert set(ev.tables["fixes"]["kind"]) <= {"add_synapse", "delete_synapse", "swap_partners"}
    why = "the partners of directed synapses are looked up at their sites, not at contacts of pieces of segments"
    assert fixes["segment_fixes_reason"] == why
    assert describe_end(fixes).endswith(f"Merges and splits of segments are not ranked: {why}.")


def test_segments_and_terminals_by_hand(ev):
    matches = ev.tables["segment_matches"]
    names = matches.set_index("predicted_segment")["segment_id"].to_dict()
    assert names == {0: 5, 11: 1, 12: 2, 13: 3, 14: 4, 40: 6}
    assert matches.set_index("segment_id")["majority_segment"].loc[6] == 4
    terminals = ev.tables["segment_terminals"]
    found = {(a, b): n for a, b, n in terminals.astype(object).itertuples(index=False)}
    # rows of 0: invented; columns of 0: lost
    assert found == {(1, 11): 6, (2, 12): 3, (3, 13): 1, (4, 14): 1, (4, 40): 1, (5, 12): 3,
                     (2, 0): 1, (3, 0): 1, (4, 0): 1, (0, 12): 1, (0, 13): 2}  # fmt: skip
    block = ev.report["segmentation_matching"]
    assert block["nri"]["nri"] == pytest.approx(42 / 67)
    assert (block["majority"]["f1"], block["majority"]["f1_difference"]) == (0.4, 0.4 - ev.edges.f1)
    assert block["vi_split"] > 0
    assert block["vi_merge"] > 0
    assert [row["segment"] for row in block["largest_splits"]] == ["4"]
    assert [row["segment"] for row in block["largest_merges"]] == ["12"]


def test_partner_sites_are_judged_in_the_true_segmentation(ev):
    """CREMI's score asks for true segments at both ends: what was split or merged does not matter there."""
    assert ev.report["partner_sites"]["cremi"]["tp"] == 6  # all but 1 (missed), 2 (flipped), 8 (wrong partner)


def test_the_truth_against_itself_is_perfect_and_names_do_not_matter(ev):
    perfect = evaluate(TRUE_LINKS, SEG)
    assert perfect.edges.f1 == 1.0
    assert_perfect(perfect)
    assert_same(perfect, evaluate(TRUE_LINKS, relabel(SEG)))
    assert_same(ev, evaluate(own=relabel(OWN_SEG)))


def test_in_the_true_segmentation_it_is_as_without_one():
    own, plain = evaluate(own=SEG), evaluate(own=None)
    assert own.edges == plain.edges
    for name, table in plain.tables.items():
        assert table.equals(own.tables[name]), name
    assert plain.report["partner_sites"] == own.report["partner_sites"]
    assert "segmentation_matching" not in plain.report


def test_reversed_synapses_cost_the_directed_score_only():
    turned = {k: pair[::-1] for k, pair in TRUE_LINKS.items()}
    ev = evaluate(turned, relabel(SEG))
    assert set(ev.edge_outcomes.loc[ev.edge_outcomes["outcome"] != "tp", "cause"]) == {"polarity"}
    assert ev.edges.f1 < 0.5
    assert cg.compare_edges(nx.Graph(ev.truth_graph), nx.Graph(ev.predicted_graph)).f1 == 1.0
    assert ev.report["blame"]["parts"]["partners"] == ev.report["blame"]["loss"]


def test_points_are_looked_up_in_their_own_segmentation():
    """Background of the prediction, and the ids that its table gives, are those of the predicted segmentation."""
    holed = OWN.copy()
    holed[0, 2, 5] = 0  # the presynaptic point of synapse 0
    ev = evaluate(own=Volume(holed, SIZE, OFFSET))
    excluded = ev.report["excluded"]
    assert (excluded["predicted_pre_sites_on_background"], excluded["truth_pre_sites_on_background"]) == (1, 0)
    assert excluded["predicted_unattached_reasons"]["one_segment"] == 1
    assert (ev.strict.fp, ev.strict.fn) == (ev.edges.fp + 1, ev.edges.fn)
    holed[0, 22, 18] = 0  # that of synapse 4: its neuron has no segment there, and is in nobody else's
    assert outcomes_of(evaluate(own=Volume(holed, SIZE, OFFSET)))["fn", 4, 2] == "split"
    table = table_of(PREDICTED_LINKS)
    ends = {"pre_segment": 0, "post_segment": 1}
    said = [[OWN[0, 5 * k + 2, 6 * n - 6 if o < n else 6 * n - 1] for n, o in ((a, b), (b, a))]
            for k, (a, b) in PREDICTED_LINKS.items()]  # fmt: skip
    right = table.assign(**{name: np.array([row[k] for row in said], "u8") for name, k in ends.items()})
    how = {"truth": table_of(TRUE_LINKS), "predicted_segmentation": OWN_SEG, "partner_rule": "partners"}
    assert not any("the table says" in notice for notice in cg.evaluate(SEG, predicted=right, **how).report["notices"])
    wrong = right.assign(pre_segment=np.full(len(right), 999, "u8"))
    assert "9 points lie in another segment" in " ".join(cg.evaluate(SEG, predicted=wrong, **how).report["notices"])


def test_what_is_excluded_small_or_proofread_is_so_on_both_sides(ev):
    excluded = evaluate(exclude_segments=[3], min_segment_voxels=40)
    status = excluded.tables["segments_predicted"].set_index("segment_id")["status"].to_dict()
    assert status == {11: "kept", 12: "kept", 13: "excluded", 14: "kept", 40: "below_size"}
    assert excluded.report["excluded"]["predicted_segments_excluded"] == 1
    assert excluded.report["excluded"]["predicted_unattached_reasons"]["partner_filtered"] == 4
    assert not {3, 6} & set(excluded.predicted_graph)
    among = evaluate(proofread=[1, 2, 4])
    assert outcomes_of(among) == {
        key: cause for key, cause in outcomes_of(ev).items() if not {3, 5} & set(key)
    }  # the piece of 4 is known to be proofread


def test_annotations_tables_and_masks_agree_in_a_predicted_segmentation(tmp_path):
    segmentation = cg.synthetic.make_segmentation((12, 120, 120), n_segments=30, rng=5)
    wrong, _ = cg.synthetic.segment_errors.plant_errors(segmentation, splits=3, merges=3, rng=2)
    sites, planted = cg.synthetic.plant_sites(segmentation, n_sites=20, rng=6)
    first = planted.drop_duplicates("pre_site_id")
    where = [[f"{end}_{axis}_nm" for axis in "zyx"] for end in ("pre", "post")]
    annotations = cg.Annotations(
        np.concatenate([first["pre_site_id"], planted["post_site_id"]]),
        ["presynaptic_site"] * len(first) + ["postsynaptic_site"] * len(planted),
        np.concatenate([first[where[0]], planted[where[1]]]),
        planted[["pre_site_id", "post_site_id"]].to_numpy(),
        (0.0, 0.0, 0.0),
    )
    cg.write_annotations(tmp_path / "a.hdf", annotations)
    odd = sites.labels % np.uint64(2) == 1
    pair = tuple(Volume(np.where(mask, sites.labels, 0), sites.voxel_size) for mask in (odd, ~odd))
    table = planted.drop(columns=["pre_segment", "post_segment"])
    inputs = [(tmp_path / "a.hdf", "partners"), (table, "partners"), (sites, "pre-post"), (pair, "pre-post")]
    found = [
        cg.evaluate(segmentation, truth=side, predicted=side, predicted_segmentation=wrong, partner_rule=rule)
        for side, rule in inputs
    ]
    # what the planted pairs join in the predicted segmentation, by plain indexing
    at = [np.floor(planted[columns].to_numpy() / segmentation.voxel_size).astype(int) for columns in where]
    ids = [wrong.labels[tuple(place.T)] for place in at]
    names = found[0].tables["segment_matches"].set_index("predicted_segment")["segment_id"]
    expected = pd.DataFrame({end: names.loc[each].to_numpy() for end, each in zip("ab", ids, strict=True)})
    for ev in found:
        edges = ev.tables["edges_predicted"]
        joined = edges.set_index(["source", "target"])["n_synapses"].to_dict()
        assert joined == expected.groupby(["a", "b"]).size().to_dict()
        assert (ev.edges.tp, ev.edges.fp, ev.edges.fn) == (found[0].edges.tp, found[0].edges.fp, found[0].edges.fn)
        assert outcomes_of(ev) == outcomes_of(found[0])
        assert set(ev.edge_outcomes["cause"]) <= {"", "split", "merge", "mixed"}
        assert ev.report["segmentation_matching"] == found[0].report["segmentation_matching"]
    assert 0 < found[0].edges.f1 < 1


def write_case(folder):
    masks = {"truth": {}, "predicted": {}}
    for role, links in (("truth", TRUE_LINKS), ("predicted", PREDICTED_LINKS)):
        table_of(links).to_csv(folder / f"{role}.csv", index=False)
        masks[role] = np.zeros((2, *TRUTH.shape), "u1")
        for k, (pre, post) in links.items():  # those of neighbours touch, the others are lone sites
            for end, (here, there) in enumerate(((pre, post), (post, pre))):
                x = 6 * here - 6 if there < here else 6 * here - 1
                masks[role][end, 0, 5 * k + 2, x] = 1
        for end, name in enumerate(("pre", "post")):
            write_chunks(folder / f"{role}-{name}.hdf", masks[role][end])
    write_chunks(folder / "seg.hdf", TRUTH)
    write_chunks(folder / "own.hdf", OWN)
    return folder


def write_chunks(path, labels):
    with h5py.File(path, "w") as file:
        stored = file.create_dataset("volumes/labels/neuron_ids", data=labels, chunks=(1, 16, 16))
        stored.attrs["resolution"], stored.attrs["offset"] = SIZE, OFFSET


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return write_case(tmp_path_factory.mktemp("case"))


def inputs_of(case, rule):
    """Arguments of evaluate(): paths."""
    shared = {"predicted_segmentation": case / "own.hdf", "partner_rule": rule}
    if rule == "partners":
        return {**shared, "truth": case / "truth.csv", "predicted": case / "predicted.csv"}
    return {
        **shared,
        **{role: (case / f"{role}-pre.hdf", case / f"{role}-post.hdf") for role in ("truth", "predicted")},
    }


def bytes_of(folder):
    files = [folder / "report.json", *sorted((folder / "tables").glob("*.parquet"))]
    return {file.name: file.read_bytes() for file in files}


def test_every_engine_gives_the_same_bytes(case, tmp_path):
    """And so does a second run on the same."""
    expected = {}
    for name in ("threads", "threads again", "processes", "dask"):
        with open_engine(name.split()[0], 2) as opened:
            for rule in ("partners", "pre-post"):
                how = {**inputs_of(case, rule), "split_disconnected": True, "contactome": True}
                ev = cg.evaluate(case / "seg.hdf", engine=opened, **how)
                assert ev.run["engine"] == name.split()[0]
                found = bytes_of(ev.write(tmp_path / f"{name}-{rule}", reports=False))
                assert expected.setdefault(rule, found) == found, (name, rule)


@pytest.mark.parametrize("rule", ["partners", "pre-post"])
def test_command_line_report_and_verify(rule, case, tmp_path, capsys):
    out = tmp_path / "run"
    command = ["evaluate", str(case / "seg.hdf"), "--partner-rule", rule, "--out", str(out), "--engine", "threads"]
    command += ["--predicted-segmentation", str(case / "own.hdf"), "--workers", "1"]
    for role in ("truth", "predicted"):
        if rule == "partners":
            command += [f"--{role}", str(case / f"{role}.csv")]
        else:
            command += [f"--{role}", str(case / f"{role}-pre.hdf"), f"--{role}-post", str(case / f"{role}-post.hdf")]
    assert main([*command, "--no-report"]) == 0
    assert "PREDICTED SEGMENTATION" in capsys.readouterr().out.upper().replace("_", " ")
    record = json.loads((out / "run.json").read_bytes())
    assert record["engine"] == "threads"
    assert record["inputs"]["predicted_segmentation"]["sha256"]
    assert verify_run(out) == []
    if rule == "partners":
        assert outcomes_of_files(out) == {**CAUSES, ("tp", 1, 2): "", ("tp", 4, 2): ""}
        assert main(["report", str(out)]) == 0
        page = (out / "report.html").read_text()
        for words in ("Two segmentations", "Why connections are wrong", "Synaptic partners by place"):
            assert words in page


def outcomes_of_files(out):
    table = pd.read_parquet(out / "tables" / "edge_outcomes.parquet")
    return {tuple(row[:3]): row[3] for row in table[["outcome", "source", "target", "cause"]].itertuples(index=False)}


def test_several_predictions_share_both_segmentations(case, tmp_path, capsys):
    """Ranked like each alone; one that is there already is kept; masks go in pairs."""
    table_of(TRUE_LINKS).to_parquet(case / "perfect.parquet")
    shared = {"predicted_segmentation": case / "own.hdf", "partner_rule": "partners", "directory": tmp_path / "points"}
    predictions = [case / "predicted.csv", case / "perfect.parquet"]
    study = cg.evaluate_many(case / "seg.hdf", case / "truth.csv", predictions, reports=False, **shared)
    alone = [evaluate(), evaluate(TRUE_LINKS)]
    found = study.table.set_index("name")["f1"].to_dict()
    assert found == {"predicted": alone[0].edges.f1, "perfect": alone[1].edges.f1}
    report = json.loads((tmp_path / "points" / "predicted" / "report.json").read_bytes())
    assert report["causes"] == alone[0].report["causes"]
    again = cg.evaluate_many(case / "seg.hdf", case / "truth.csv", predictions, reports=False, **shared)
    assert sorted(again.kept) == ["perfect", "predicted"]
    assert verify_run(tmp_path / "points" / "predicted") == []

    masks = {role: [str(case / f"{role}-{end}.hdf") for end in ("pre", "post")] for role in ("truth", "predicted")}
    out = tmp_path / "masks"
    command = ["evaluate", str(case / "seg.hdf"), "--partner-rule", "pre-post", "--out", str(out), "--no-report"]
    command += ["--truth", masks["truth"][0], "--truth-post", masks["truth"][1]]
    both = [[masks["predicted"][k], masks["truth"][k]] for k in (0, 1)]
    assert main([*command, "--predicted", *both[0], "--predicted-post", *both[1], "--workers", "1"]) == 0
    assert json.loads((out / "study.json").read_bytes())["ranking"][0]["name"] == "truth-pre"
    assert json.loads((out / "truth-pre" / "run.json").read_bytes())["workers"] == 1
    assert json.loads((out / "truth-pre" / "report.json").read_bytes())["edges"]["f1"] == 1.0
    capsys.readouterr()
    assert main([*command, "--predicted", *both[0], "--predicted-post", both[1][0]]) == 2
    assert "2 presynaptic masks and --predicted-post 1 postsynaptic" in capsys.readouterr().err
    # the same presynaptic mask with another postsynaptic one is another prediction
    assert main([*command, "--predicted", masks["truth"][0], "--predicted-post", masks["predicted"][1]]) == 0
    assert len(json.loads((out / "study.json").read_bytes())["ranking"]) == 3


def test_skeletons_judge_the_predicted_segmentation():
    line = Skeleton("1", np.array([[0.0, 100.0, 0.0], [0.0, 4000.0, 0.0]]), np.array([-1, 0]))
    ev = evaluate(skeletons=[line])
    assert ev.report["segmentation_matching"]["run_length"]["n_skeletons"] == 1
    with pytest.raises(cg.InputError, match="Skeletons judge a predicted segmentation"):
        evaluate(own=None, skeletons=[line])


def test_what_does_not_fit_is_refused():
    with pytest.raises(cg.InputError, match="without predicted synapses"):
        cg.evaluate(SEG, truth=table_of({}), predicted_segmentation=OWN_SEG, partner_rule="partners")
    with pytest.raises(cg.InputError, match="shape"):
        evaluate(own=Volume(OWN[:, 1:], SIZE, OFFSET))


def test_nothing_is_valid():
    ev = evaluate({}, OWN_SEG, {})
    assert (ev.edges.tp, ev.edges.fp, ev.edges.fn) == (0, 0, 0)
    assert ev.report["segmentation_matching"]["nri"]["nri"] is None
