"""Directed synapses: the same answer from annotations, tables and masks; direction counts; nothing is dropped."""

from __future__ import annotations

import json

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import connectograph as cg
from connectograph import Annotations, InputError, Volume, evaluate, write_annotations, write_volume
from connectograph.cli import directed, main
from connectograph.evaluation import verify_run
from connectograph.partners import DIRECTED_RULES, attach_points, choose_segments, link_points
from connectograph.tables import SCHEMAS, validate_table

SIZE, OFFSET = (40.0, 5.0, 4.0), (100.0, 0.0, -8.0)
SEGMENTS = np.zeros((2, 8, 12), "u8")
for k in range(4):
    SEGMENTS[:, :, 3 * k : 3 * k + 3] = (10, 20, 30, 2**64 - 5)[k]
SEGMENTS[:, 7] = 0
SEG = Volume(SEGMENTS, SIZE, OFFSET)

# presynaptic voxel, postsynaptic voxel: 10 -> 20 and 10 -> 30 of one site, 20 -> 10, 30 -> huge, an autapse of 20
PAIRS = [((0, 1, 2), (0, 1, 3)), ((0, 1, 2), (0, 2, 6)), ((0, 4, 3), (0, 4, 2)), ((1, 1, 8), (1, 1, 9)),
         ((1, 4, 4), (1, 4, 5))]  # fmt: skip
EDGES = {(10, 20), (10, 30), (20, 10), (30, 2**64 - 5)}


def place(voxel):
    return tuple((np.array(voxel) + 0.5) * SIZE + OFFSET)


def table_of(pairs):
    rows = [
        {f"{end}_{axis}_nm": at for end, voxel in zip(("pre", "post"), pair, strict=True)
         for axis, at in zip("zyx", place(voxel), strict=True)}
        for pair in pairs
    ]  # fmt: skip
    columns = [f"{end}_{axis}_nm" for end in ("pre", "post") for axis in "zyx"]
    return pd.DataFrame(rows, columns=columns, dtype=float)


def annotations_of(pairs, offset=(60.0, 0.0, 3.0)):
    """One presynaptic site for all pairs of the same presynaptic voxel."""
    pre = {voxel: 101 + k for k, voxel in enumerate(dict.fromkeys(pair[0] for pair in pairs))}
    post = [201 + k for k in range(len(pairs))]
    at = [place(voxel) for voxel in (*pre, *(pair[1] for pair in pairs))]
    return Annotations(
        [*pre.values(), *post],
        ["presynaptic_site"] * len(pre) + ["postsynaptic_site"] * len(post),
        np.array(at).reshape(-1, 3) - offset,
        [(pre[pair[0]], site) for pair, site in zip(pairs, post, strict=True)],
        offset,
    )


def masks_of(pairs):
    """Presynaptic and postsynaptic masks that touch where the pair's voxels do not: grown towards each other."""
    pre, post = np.zeros(SEGMENTS.shape, bool), np.zeros(SEGMENTS.shape, bool)
    for a, b in pairs:
        pre[a], post[b] = True, True
    return Volume(pre, SIZE, OFFSET), Volume(post, SIZE, OFFSET)


def edges_of(evaluation, side="truth"):
    edges = evaluation.tables[f"edges_{side}"]
    return set(zip(edges["source"].tolist(), edges["target"].tolist(), strict=True))


def run(truth, predicted=None, rule="partners", **options):
    return evaluate(SEG, truth=truth, predicted=predicted, partner_rule=rule, **options)


def test_directed_edges_of_annotations_by_hand():
    ev = run(annotations_of(PAIRS), annotations_of(PAIRS[:2]))
    assert edges_of(ev) == {*EDGES, (20, 20)}
    assert (ev.edges.tp, ev.edges.fp, ev.edges.fn) == (2, 0, 2)
    links = validate_table("directed_links", ev.tables["links_truth"])
    validate_table("links", links)
    assert links["directed"].all()
    assert links["pre_site_id"].tolist() == [101, 101, 102, 103, 104]
    block = ev.report["edges"]
    assert (block["directed"], block["autapses_truth"], block["n_truth"]) == (True, 1, 4)
    assert isinstance(ev.truth_graph, nx.DiGraph)
    assert ev.truth_graph.number_of_nodes() == 4
    assert ev.report["motifs"]["directed"]
    sites = ev.report["partner_sites"]
    assert [(sites[rule]["tp"], sites[rule]["fn"]) for rule in ("cremi", "max_cardinality")] == [(2, 3)] * 2


def test_polyadic_synapses_are_links_and_no_clique():
    ev = run(annotations_of(PAIRS[:2]))
    assert edges_of(ev) == {(10, 20), (10, 30)}


def test_annotations_tables_and_masks_of_the_same_synapses_agree():
    """The masks touch within 5 voxels of dilation, and no other sites do."""
    pairs = [((0, 1, 2), (0, 1, 3)), ((0, 4, 3), (0, 4, 2)), ((1, 1, 8), (1, 1, 9)), ((1, 4, 4), (1, 4, 5))]
    points = [run(source) for source in (annotations_of(pairs), table_of(pairs))]
    pre, post = masks_of(pairs)
    both = Volume(odd_even(pre.labels, post.labels), SIZE, OFFSET)
    masks = [run(source, rule="pre-post") for source in ((pre, post), both)]
    for ev in (*points, *masks):
        assert edges_of(ev) == {(10, 20), (20, 10), (30, 2**64 - 5), (20, 20)}
        assert ev.tables["edges_truth"]["n_synapses"].tolist() == [1, 1, 1, 1]
        for name in ("z_nm", "y_nm"):
            assert ev.tables["edges_truth"][name].equals(points[0].tables["edges_truth"][name])


def odd_even(pre, post):
    """One volume: the k-th presynaptic site is 2k + 1, the k-th postsynaptic site 2k + 2."""
    labels = np.zeros(pre.shape, "u8")
    for first, mask in ((1, pre), (2, post)):
        labels[mask] = first + 2 * np.arange(mask.sum(), dtype="u8")
    return labels


def test_annotations_tables_and_masks_of_one_phantom_agree(tmp_path):
    """Known direction: the planted links are found from all three, and reversed they are all wrong but undirected."""
    segmentation = cg.synthetic.make_segmentation((12, 120, 120), n_segments=30, rng=5)
    segmentation = Volume(segmentation.labels, SIZE, OFFSET)
    sites, planted = cg.synthetic.plant_sites(segmentation, n_sites=20, rng=6)
    where = [[f"{end}_{axis}_nm" for axis in "zyx"] for end in ("pre", "post")]
    first = planted.drop_duplicates("pre_site_id")
    annotations = Annotations(
        np.concatenate([first["pre_site_id"], planted["post_site_id"]]),
        ["presynaptic_site"] * len(first) + ["postsynaptic_site"] * len(planted),
        np.concatenate([first[where[0]], planted[where[1]]]) - (40.0, 1.0, 0.5),
        planted[["pre_site_id", "post_site_id"]].to_numpy(),
        (40.0, 1.0, 0.5),
    )
    write_annotations(tmp_path / "a.hdf", annotations)
    table = planted.drop(columns=["pre_segment", "post_segment"])
    odd = sites.labels % np.uint64(2) == 1
    pair = tuple(Volume(np.where(mask, sites.labels, 0), SIZE, OFFSET) for mask in (odd, ~odd))
    inputs = [(tmp_path / "a.hdf", "partners"), (table, "partners"), (sites, "pre-post"), (pair, "pre-post")]
    found = [evaluate(segmentation, truth=side, predicted=side, partner_rule=rule) for side, rule in inputs]
    expected = planted.groupby(["pre_segment", "post_segment"]).size()
    for ev in found:
        edges = ev.tables["edges_truth"]
        assert list(zip(edges["source"], edges["target"], strict=True)) == list(expected.index)
        assert edges["n_synapses"].tolist() == expected.tolist()
        links = ev.tables["links_truth"]
        assert links["pre_site_id"].tolist() == planted["pre_site_id"].tolist()
        assert ev.edges.f1 == 1.0
    assert planted["pre_site_id"].duplicated().any()  # some are polyadic
    names = {f"{a}_{axis}_nm": f"{b}_{axis}_nm" for a, b in (("pre", "post"), ("post", "pre")) for axis in "zyx"}
    turned = table.rename(columns=names).drop(columns=["pre_site_id", "post_site_id"])
    ev = evaluate(segmentation, truth=table, predicted=turned, partner_rule="partners")
    assert ev.edges.f1 < 0.5
    assert cg.compare_edges(nx.Graph(ev.truth_graph), nx.Graph(ev.predicted_graph)).f1 == 1.0


def test_masks_are_polyadic_too():
    pre, post = np.zeros(SEGMENTS.shape, "u1"), np.zeros(SEGMENTS.shape, "u1")
    pre[0, 1, 1:6], post[0, 2, 3], post[0, 2, 1], post[1, 6, 10] = 1, 4, 5, 9
    ev = run((Volume(pre, SIZE, OFFSET), Volume(post, SIZE, OFFSET)), rule="pre-post")
    links = ev.tables["links_truth"]
    # three voxels of the presynaptic site are in 20, two in 10
    assert links[["source", "target", "pre_site_id"]].to_numpy().tolist() == [[20, 20, 1], [20, 10, 1]]
    assert ev.report["excluded"]["truth_lone_sites"] == 1
    assert "no partner and are no synapse: 9" in ev.report["notices"][0]
    few = run((Volume(pre, SIZE, OFFSET), Volume(post, SIZE, OFFSET)), rule="pre-post", min_contact_voxels=2)
    assert few.report["excluded"]["truth_unattached_reasons"]["below_contact"] == 2


def test_reversed_synapses_cost_directed_f1_and_not_the_undirected_one():
    pairs = [PAIRS[0], PAIRS[3]]
    turned = [pair[::-1] for pair in pairs]
    ev = run(annotations_of(pairs), annotations_of(turned))
    assert (ev.edges.tp, ev.edges.fp, ev.edges.fn) == (0, 2, 2)
    undirected = [nx.Graph(graph) for graph in (ev.truth_graph, ev.predicted_graph)]
    assert cg.compare_edges(*undirected).f1 == 1.0


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_pairs_of_points_against_plain_indexing(data):
    voxel = st.tuples(st.integers(-1, 2), st.integers(0, 7), st.integers(0, 11))
    pairs = data.draw(st.lists(st.tuples(voxel, voxel), max_size=12))
    least = data.draw(st.sampled_from([0, 43]))
    ev = run(table_of(pairs), table_of([b + a if False else (b, a) for a, b in pairs]), min_segment_voxels=least)
    inside = [all(0 <= z < 2 for z, _, _ in pair) for pair in pairs]
    ids = [tuple(int(SEGMENTS[v]) for v in pair) for pair, here in zip(pairs, inside, strict=True) if here]
    expected = {pair for pair in ids if 0 not in pair} if least == 0 else set()
    assert edges_of(ev) == expected
    assert edges_of(ev, "predicted") == {(b, a) for a, b in expected}
    counts = ev.report["synapses"]
    assert counts["n_truth"] == len(pairs)
    assert sum(counts["pairs_per_synapse_truth"].values()) == len(pairs)
    assert ev.report["excluded"]["truth_synapses_unattached"] == len(pairs) - len([p for p in ids if 0 not in p]) * (
        least == 0
    )


def test_points_outside_and_on_background_are_counted_and_named():
    pairs = [PAIRS[0], ((0, 1, 2), (5, 1, 2)), ((0, 7, 1), (0, 1, 3)), ((-3, 0, 0), (0, 7, 2))]
    ev = run(annotations_of(pairs), annotations_of(pairs))
    excluded, notices = ev.report["excluded"], " ".join(ev.report["notices"])
    assert (excluded["truth_post_sites_outside"], excluded["truth_pre_sites_outside"]) == (1, 1)
    assert (excluded["truth_pre_sites_on_background"], excluded["truth_post_sites_on_background"]) == (1, 1)
    assert "truth: 1 postsynaptic points are outside the volume: sites 202" in notices
    assert excluded["truth_unattached_reasons"] == {
        "below_contact": 0, "partner_filtered": 0, "no_segment": 1, "one_segment": 2, "no_common_voxel": 0,
    }  # fmt: skip
    # each unattached one shares a voxel with one of the other side: no error in the strict score
    assert (ev.strict.fp, ev.strict.fn) == (0, 0)
    alone = run(annotations_of(pairs), annotations_of(PAIRS[:1]))
    assert (alone.strict.fp, alone.strict.fn) == (0, 3)


def test_a_filtered_segment_is_the_reason():
    ev = run(annotations_of(PAIRS), exclude_segments=[30])
    assert ev.report["excluded"]["truth_unattached_reasons"]["partner_filtered"] == 2
    assert ev.report["excluded"]["truth_pairs_filtered"] == 2


def test_segments_of_a_table_give_way_to_the_segmentation():
    wrong = table_of(PAIRS[:1]).assign(pre_segment=np.array([30], "u8"), post_segment=np.array([20], "u8"))
    ev = run(wrong)
    assert edges_of(ev) == {(10, 20)}
    assert "1 points lie in another segment than the table says" in ev.report["notices"][0]
    with pytest.raises(InputError, match=r"no positions in a known unit.*compare --directed"):
        run(wrong[["pre_segment", "post_segment"]])


def test_voxels_of_a_cave_table():
    voxels = pd.DataFrame({"pre_pt_position": [[2, 1, 0]], "post_pt_position": [[3, 1, 0]]})
    segmentation = Volume(SEGMENTS, SIZE)
    how = {"truth": voxels, "partner_rule": "partners"}
    assert edges_of(evaluate(segmentation, point_resolution=SIZE, **how)) == {(10, 20)}
    with pytest.raises(InputError, match="--point-resolution"):
        evaluate(segmentation, **how)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"truth": SEG}, "given as voxels, which do not say who is pre- and who postsynaptic"),
        ({"truth": annotations_of(PAIRS), "min_contact_voxels": 2}, "min_contact_voxels is about voxels"),
        ({"truth": annotations_of(PAIRS), "threshold": 0.5}, "threshold is about voxels"),
        ({"truth": None}, "No truth was given"),
        ({"truth": annotations_of(PAIRS), "partner_rule": "pre-post"}, "pass a pair of volumes"),
        ({"truth": (SEG, Volume(SEGMENTS[:1], SIZE)), "partner_rule": "pre-post"}, "shape"),
    ],
)
def test_inputs_without_direction_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        evaluate(SEG, **{"partner_rule": "partners", **options})


@pytest.mark.parametrize("rule", ["partners", "pre-post"])
def test_several_predictions_are_ranked_like_each_alone(rule):
    some = [PAIRS[0], PAIRS[3]]
    make = annotations_of if rule == "partners" else masks_of
    sides = [make([pair[::-1] for pair in some]), make(some[:1]), make(some)]
    study = cg.evaluate_many(SEG, make(some), sides, partner_rule=rule)
    assert study.table["f1"].tolist() == [1.0, 2 / 3, 0.0]
    assert study.table["name"].tolist() == ["prediction-3", "prediction-2", "prediction"]


def test_empty_points_are_valid():
    ev = run(table_of([]), annotations_of([]))
    assert (ev.edges.tp, ev.edges.fp, ev.edges.fn) == (0, 0, 0)
    assert ev.report["edges"]["f1"] is None
    assert run(table_of([])).report["edges"] is None


def test_rules_on_tables():
    points = cg.read_points(pd.DataFrame({"pre_segment": [7, 7, 9], "post_segment": [7, 9, 7]})).table
    kept = np.array([7], "u8")
    links = link_points(points, kept)
    assert links[["source", "target"]].to_numpy().tolist() == [[7, 7]]
    reasons = attach_points(points, links, kept, voxel_volume=800.0)["unattached_reason"].tolist()
    assert reasons == ["", "partner_filtered", "partner_filtered"]
    touches = pd.DataFrame({"synapse_id": [1, 1, 2], "segment_id": [7, 9, 9], "n_voxels": [1, 8, 1]})
    assert choose_segments(np.array([1, 2, 3], "u8"), touches, kept).tolist() == [7, 9, 0]
    assert choose_segments(np.array([1], "u8"), touches.iloc[:0], kept).tolist() == [0]
    assert directed.RULES == DIRECTED_RULES
    assert set(SCHEMAS["links"]) < set(SCHEMAS["directed_links"])


def write_case(folder):
    write_volume(folder / "a.hdf", SEG)
    write_annotations(folder / "a.hdf", annotations_of(PAIRS))
    table_of(PAIRS[:3]).to_csv(folder / "p.csv", index=False)
    for name, mask in zip(("pre", "post"), masks_of([PAIRS[0], PAIRS[3]]), strict=True):
        write_volume(folder / f"{name}.hdf", Volume(mask.labels.astype("u1"), SIZE, OFFSET))
    return folder


@pytest.mark.parametrize("rule", ["partners", "pre-post"])
def test_command_line_run_and_verify(rule, tmp_path, capsys):
    folder = write_case(tmp_path)
    if rule == "partners":
        sides = ["--predicted", str(folder / "p.csv")]
    else:
        masks = [str(folder / f"{name}.hdf") for name in ("pre", "post")]
        sides = [
            word for side in ("truth", "predicted") for word in (f"--{side}", masks[0], f"--{side}-post", masks[1])
        ]
    out = folder / "run"
    command = ["evaluate", str(folder / "a.hdf"), *sides, "--partner-rule", rule, "--out", str(out), "--no-report"]
    assert main(command) == 0
    report, record = (json.loads((out / name).read_text()) for name in ("report.json", "run.json"))
    assert report["edges"]["recall"] == (0.75 if rule == "partners" else 1.0)
    assert report["settings"]["partner_rule"] == rule
    assert all("sha256" in entry for entry in record["inputs"].values())
    assert ("truth_post" in record["inputs"]) == (rule == "pre-post")
    assert nx.read_graphml(out / "graphs" / "truth.graphml").is_directed()
    assert verify_run(out) == []
    assert "F1" in capsys.readouterr().out


def test_check_shows_annotations_and_tables(tmp_path, capsys):
    folder = write_case(tmp_path)
    assert main(["check", str(folder / "a.hdf"), str(folder / "p.csv")]) == 0
    shown = capsys.readouterr().out
    assert "5 synapses of 4 presynaptic and 5 postsynaptic sites; 0 sites without a partner" in shown
    assert "has positions; plain table" in shown
    assert "shape 2×8×12" in shown


def test_options_of_another_rule_are_refused(tmp_path, capsys):
    folder = write_case(tmp_path)
    assert main(["evaluate", str(folder / "a.hdf"), "--truth-post", str(folder / "post.hdf")]) == 2
    assert "--truth-post names a postsynaptic mask" in capsys.readouterr().err


def test_the_report_shows_the_partner_score():
    from connectograph.report import ReportContents
    from connectograph.report.pages import build_sections

    ev = run(annotations_of(PAIRS), table_of(PAIRS[:2]))
    sections = {
        section.key: section for section in build_sections(ReportContents(ev.report, {}, dict(ev.tables), None))
    }
    lead, table = sections["partner_sites"].elements
    assert "synaptic-partner score of the CREMI challenge" in lead.text
    assert table.rows[0] == ("Matched", "2", "2")
