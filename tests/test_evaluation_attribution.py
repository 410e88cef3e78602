"""Causes, blame, fixes and line graphs in every evaluation, and on the pages that show them."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from scenes import scenes

import connectograph as cg
from connectograph.plots import CAUSE_WORDS, plot_causes, plot_fixes
from connectograph.report.contents import ReportContents
from connectograph.report.pages.causes import build_causes
from connectograph.report.pages.fixes import build_fixes, describe_end

SIZE = (40, 4, 4)


@pytest.fixture(scope="module")
def ev():
    """Neurons 1 to 4 in a row; one synapse found, one missed, one displaced, one invented."""
    segmentation = np.repeat(np.array([1, 2, 3, 4], "uint64"), 6)[None, None].repeat(9, axis=1)
    truth, predicted = np.zeros((2, 1, 9, 24), "uint64")
    truth[0, 0, 5:7], predicted[0, 0, 5:7] = 1, 11
    truth[0, 2, 11:13] = 2
    truth[0, 4, 11:17], predicted[0, 4, 15:20] = 3, 13
    predicted[0, 6, 5:7] = 14
    predicted[0, 8, 17:19] = 15
    volumes = (cg.Volume(labels, SIZE) for labels in (segmentation, truth, predicted))
    return cg.evaluate(next(volumes), truth=next(volumes), predicted=next(volumes), dilation=1)


def test_every_wrong_edge_has_its_cause(ev):
    found = ev.edge_outcomes[["source", "target", "outcome", "cause"]].values.tolist()
    assert found == [[1, 2, "tp", ""], [2, 3, "fn", "mixed"], [3, 4, "fp", "mixed"]]
    links = ev.tables["link_outcomes"]
    assert sorted(links["cause"]) == ["", "missed", "spurious", "spurious", "wrong_partner", "wrong_partner"]
    wrong = ev.edge_outcomes["outcome"] != "tp"
    assert (ev.edge_outcomes["cause"] != "").tolist() == wrong.tolist()
    causes = ev.report["causes"]
    assert causes["n"] == wrong.sum() == ev.edges.fp + ev.edges.fn
    assert sum(row["n"] for row in causes["edges"]) == causes["n"]
    assert math.fsum(row["f1_lost"] for row in causes["edges"]) == pytest.approx(1 - ev.edges.f1, abs=1e-12)


def test_blame_and_fixes_are_of_the_score(ev):
    blame, fixes = ev.report["blame"], ev.report["fixes"]
    assert blame["actual"] == ev.edges.f1
    assert math.fsum(blame["parts"].values()) == pytest.approx(blame["loss"], abs=1e-12)
    assert fixes["f1"] == ev.edges.f1
    assert fixes["first"][-1]["f1"] == 1
    assert len(ev.tables["fixes"]) == fixes["n_listed"] == len(fixes["first"])
    assert fixes["to_reach"][-1] == {"f1": 1.0, "n_fixes": fixes["n_listed"]}
    assert all(isinstance(fix["synapse_id_truth"], str) for fix in fixes["first"])


def test_the_end_of_the_curve_is_explained(ev, monkeypatch):
    assert ev.report["fixes"]["end"] == {"fp": 0, "fn": 0, "why": "all_mended"}
    assert describe_end(ev.report["fixes"]) == ""
    monkeypatch.setattr("connectograph.evaluation.attribution.MOST_FIXES", 1)
    capped = cg.evaluate(**{role: ev.volumes[role] for role in ("segmentation", "truth", "predicted")})
    end, last = capped.report["fixes"]["end"], capped.tables["fixes"].iloc[-1]
    assert end == {"fp": last["fp"], "fn": last["fn"], "why": "capped"}
    assert describe_end(capped.report["fixes"]).startswith("The list ends after 1 fixes")


def test_a_curve_that_ends_early_says_what_is_left():
    """A missed synapse beside a fragment of a third neuron: neither the synapse nor the merge gains alone."""
    true, predicted, clefts = np.zeros((3, 1, 8, 18), "uint64")
    true[0, :, :6], true[0, :, 6:12], true[0, :, 12:] = 1, 2, 3
    predicted[...] = true
    predicted[0, :3, 6:12] = 20
    clefts[0, 1, 5:7] = 1
    nothing = np.zeros_like(clefts)
    volumes = [cg.Volume(labels, SIZE) for labels in (true, predicted, clefts, nothing)]
    found = cg.evaluate(volumes[0], truth=volumes[2], predicted=volumes[3], predicted_segmentation=volumes[1])
    fixes = found.report["fixes"]
    assert fixes["segment_fixes"]
    assert fixes["end"] == {"fp": 0, "fn": 1, "why": "no_single_fix_gains"}
    assert "0 false and 1 missed connections are left" in describe_end(fixes)
    assert len(build_fixes(ReportContents(found.report, None, dict(found.tables), None)).elements) == 1


@hypothesis_settings(max_examples=10)
@given(scenes())
def test_any_evaluation_adds_up(scene):
    ev = scene.evaluate()
    assert sum(row["n"] for row in ev.report["causes"]["edges"]) == ev.edges.fp + ev.edges.fn
    outcomes = ev.tables["link_outcomes"]["outcome"]
    assert (outcomes != "fp").sum() == len(ev.tables["links_truth"])
    line = ev.report["line_graph"]
    assert line["n_links_truth"] == len(ev.tables["links_truth"])
    if line["f1"] is not None:
        assert 0 <= line["f1"] <= 1


def test_a_perfect_prediction_has_nothing_to_fix():
    phantom = cg.synthetic.make_phantom("small", rng=1).truth, cg.synthetic.make_phantom("small", rng=1).segmentation
    ev = cg.evaluate(phantom[1], truth=phantom[0], predicted=phantom[0])
    assert ev.report["causes"] == {"n": 0, "f1_lost": 0.0, "edges": [], "links": []}
    assert ev.report["fixes"]["first"] == []
    assert ev.report["line_graph"]["f1"] == 1
    contents = ReportContents(ev.report, None, dict(ev.tables), None)
    assert build_causes(contents).elements[0].text == "No connection is false or missed."
    assert build_fixes(contents).elements[0].text.startswith("There is nothing to fix")


def test_without_synapses_the_reason_is_said():
    report = cg.compare_connectomes(nx.Graph([(1, 2)]), nx.Graph([(1, 3)])).report
    for block in ("causes", "blame", "fixes", "line_graph"):
        assert report[block] is None
        assert "without their synapses" in report[f"{block}_reason"]


def test_files_of_fixes(ev, tmp_path):
    ev.write(tmp_path / "run", reports=False)
    rows = (tmp_path / "run/tables/fixes.csv").read_text().splitlines()
    assert rows[0].split(",") == list(ev.tables["fixes"])
    assert len(rows) == len(ev.tables["fixes"]) + 1
    assert (tmp_path / "run/tables/link_outcomes.parquet").is_file()


def test_pages_show_every_cause_and_fix(ev):
    contents = ReportContents(ev.report, None, dict(ev.tables), None)
    tables = [element for element in build_causes(contents).elements if hasattr(element, "rows")]
    shown = [row[0].lower() for row in tables[0].rows]
    assert shown == [*(word for cause, word in CAUSE_WORDS.items() if cause in set(ev.edge_outcomes["cause"])), "all"]
    fixes = next(element for element in build_fixes(contents).elements if hasattr(element, "rows"))
    assert len(fixes.rows) == len(ev.report["fixes"]["first"])


def test_pictures_hold_the_numbers(ev):
    drawn = plot_causes(ev.report["causes"]["edges"])
    widths = [bar.get_width() for container in drawn.containers for bar in container]
    assert math.fsum(widths) == pytest.approx(ev.report["causes"]["f1_lost"])
    line = plot_fixes(ev.tables["fixes"], start=ev.edges.f1).lines[0]
    assert line.get_ydata().tolist() == [ev.edges.f1, *ev.tables["fixes"]["f1"]]


def test_reversed_synapses_have_polarity():
    segmentation = cg.synthetic.make_segmentation((12, 120, 120), n_segments=30, rng=5)
    _, planted = cg.synthetic.plant_sites(segmentation, n_sites=20, rng=6)
    table = planted.drop(columns=["pre_segment", "post_segment"])
    names = {f"{a}_{axis}_nm": f"{b}_{axis}_nm" for a, b in (("pre", "post"), ("post", "pre")) for axis in "zyx"}
    turned = table.rename(columns=names).drop(columns=["pre_site_id", "post_site_id"])
    ev = cg.evaluate(segmentation, truth=table, predicted=turned, partner_rule="partners")
    assert set(ev.edge_outcomes.loc[ev.edge_outcomes["outcome"] != "tp", "cause"]) == {"polarity"}
    assert ev.report["blame"]["parts"] == {"synapses": 0.0, "partners": ev.report["blame"]["loss"]}
    assert set(ev.tables["fixes"]["kind"]) == {"swap_partners"}


def test_splits_and_merges_are_named():
    """Neuron 2 in two pieces with a synapse at the smaller one; then neuron 4 as a part of the segment of neuron 1."""
    true, predicted, clefts = np.zeros((3, 1, 12, 18), "uint64")
    true[0, :, :6], true[0, :, 6:12], true[0, :, 12:] = 1, 2, 4
    predicted[...] = true
    predicted[0, :4, 6:12] = 20
    clefts[0, 1, 5:7], clefts[0, 8, 5:7], clefts[0, 10, 11:13] = 1, 2, 3
    volumes = [cg.Volume(labels, SIZE) for labels in (true, predicted, clefts)]
    options = {"truth": volumes[2], "predicted": volumes[2]}
    ev = cg.evaluate(volumes[0], predicted_segmentation=volumes[1], **options)
    wrong = ev.edge_outcomes[ev.edge_outcomes["outcome"] != "tp"]
    assert wrong[["outcome", "cause"]].values.tolist() == [["fp", "split"]]
    assert ev.report["blame"]["parts"]["segmentation"] == pytest.approx(1 - ev.edges.f1)
    predicted[...] = true
    predicted[predicted == 4] = 1
    ev = cg.evaluate(volumes[0], predicted_segmentation=volumes[1], **options)
    wrong = ev.edge_outcomes[ev.edge_outcomes["outcome"] != "tp"]
    assert set(wrong["cause"]) == {"merge"}
    assert math.fsum(ev.report["blame"]["parts"].values()) == pytest.approx(ev.report["blame"]["loss"], abs=1e-12)
