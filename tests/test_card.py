"""The report card: verdicts by the interval, measures that are missing, cards that are none."""

from __future__ import annotations

import json
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import connectograph as cg
from connectograph.cli import main
from connectograph.evaluation import verify_run
from connectograph.evaluation.card import add_card, read_card, recall_card
from connectograph.report.pages.card import list_purposes

RECALL = {"value": 0.9, "lower": 0.85, "upper": 0.94}
REPORT = {
    "edges": {"recall": 0.9, "f1": 0.8, "n_truth": 20, "intervals": {"recall": RECALL}},
    "thresholds": {
        "ks": [1, 5],
        "family": [
            {"k": 1, "recall": 0.9, "intervals": {"recall": RECALL}},
            {
                "k": 5,
                "recall": 1.0,
                "intervals": {"recall": {"lower": None, "lower_reason": "no interval: 4 neurons, fewer than 30"}},
            },
        ],
    },
    "motifs": {"ratios": {"reciprocity": None, "reciprocity_reason": "the graph is undirected"}},
    "weights": None,
    "weights_reason": "no prediction was given",
}


def judge(measure, report=REPORT, **limits):
    """Verdict on one measure, and its reason."""
    (purpose,) = cg.judge_report(report, card={"any": {measure: limits}})["purposes"]
    (found,) = purpose["measures"]
    assert purpose["verdict"] == found["verdict"]
    return found["verdict"], found.get("verdict_reason")


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [
        ({"at_least": 0.8}, "pass"),
        ({"at_least": 0.85}, "pass"),
        ({"at_least": 0.86}, "inconclusive"),  # although the point, 0.9, is above
        ({"at_least": 0.92}, "inconclusive"),
        ({"at_least": 0.94}, "inconclusive"),
        ({"at_least": 0.95}, "fail"),
        ({"at_most": 0.94}, "pass"),
        ({"at_most": 0.9}, "inconclusive"),
        ({"at_most": 0.84}, "fail"),
        ({"at_least": 0.8, "at_most": 1}, "pass"),
        ({"at_least": 0.8, "at_most": 0.9}, "inconclusive"),
        ({"at_least": 0.1, "at_most": 0.2}, "fail"),
    ],
    ids=str,
)
def test_the_interval_decides(limits, verdict):
    reason = "the interval holds a limit" if verdict == "inconclusive" else None
    assert judge("edges.recall", **limits) == (verdict, reason)
    assert judge("thresholds.family[k=1].recall", **limits) == (verdict, reason)
    assert judge("edges.intervals.recall", **limits) == (verdict, reason)


@pytest.mark.parametrize(
    ("measure", "reason"),
    [
        ("edges.f1", "report.json has no interval of it"),
        ("edges.n_truth", "report.json has no interval of it"),
        ("thresholds.family[k=5].recall", "no interval: 4 neurons, fewer than 30"),
        ("thresholds.family[k=7].recall", "report.json has no 'thresholds.family[k=7].recall'"),
        ("thresholds.family.recall", "report.json has no 'thresholds.family.recall'"),
        ("edges.recal", "report.json has no 'edges.recal'"),
        ("thresholds.ks[k=5].recall", "report.json has no 'thresholds.ks[k=5].recall'"),
        ("edges.recall.more", "report.json has no 'edges.recall.more'"),
        ("edges.recall[k=1].more", "report.json has no 'edges.recall[k=1].more'"),
        ("thresholds.family", "'thresholds.family' is no number in report.json"),
        ("motifs.ratios.reciprocity", "the graph is undirected"),
        ("weights.ruzicka", "no prediction was given"),
    ],
)
def test_without_an_interval_nothing_is_decided(measure, reason):
    assert judge(measure, at_least=0.0) == ("inconclusive", reason)


@given(st.lists(st.sampled_from([0.8, 0.9, 0.95]), min_size=1, max_size=3))
def test_a_purpose_is_as_good_as_its_measures(least):
    names = ("edges.recall", "thresholds.family[k=1].recall", "edges.intervals.recall")
    card = {"any": {name: {"at_least": limit} for name, limit in zip(names, least, strict=False)}}
    (purpose,) = cg.judge_report(REPORT, card=card)["purposes"]
    expected = "fail" if 0.95 in least else "inconclusive" if 0.9 in least else "pass"
    assert purpose["verdict"] == expected
    assert recall_card({"purposes": [purpose]}) == card


def circulant(steps):
    return nx.relabel_nodes(nx.circulant_graph(60, steps), lambda node: node + 1)


@pytest.mark.parametrize("directed", [False, True])
def test_every_measure_of_the_default_card_is_in_a_report(directed):
    truth, predicted = circulant([1, 2, 3]), circulant([1, 2, 4])
    if directed:
        truth, predicted = truth.to_directed(), predicted.to_directed()
    report = cg.compare_connectomes(truth, predicted, directed=directed).report
    purposes = cg.judge_report(report)["purposes"]
    assert [each["purpose"] for each in purposes] == [
        "pathway existence", "partner ranking", "motif science", "simulation", "proofreading",
    ]  # fmt: skip
    reasons = [found.get("verdict_reason", "") for each in purposes for found in each["measures"]]
    assert not [reason for reason in reasons if reason.startswith("report.json has no '")]
    assert purposes[0]["verdict"] == "fail"  # two of three edges are found


@pytest.mark.parametrize("directed", [False, True])
def test_every_purpose_can_pass_and_fail_by_intervals(directed):
    truth = nx.relabel_nodes(nx.gnp_random_graph(120, 0.3, seed=1, directed=directed), lambda node: node + 1)
    edges = list(truth.edges)
    for share, verdict in ((60, "pass"), (2, "fail")):
        predicted = truth.copy()
        predicted.remove_edges_from(edges[::share])
        predicted.add_edges_from((1 + a, 1 + (a + 61) % 120) for a in range(0, 120, 8))
        report = cg.compare_connectomes(weigh(truth), weigh(predicted), directed=directed).report
        purposes = cg.judge_report(report)["purposes"]
        assert {each["verdict"] for each in purposes if each["purpose"] != "proofreading"} == {verdict}
        reasons = [found.get("verdict_reason", "") for each in purposes for found in each["measures"]]
        assert "report.json has no interval of it" not in reasons


def weigh(graph):
    """With synapse numbers from 5 to 11."""
    weighted = graph.copy()
    nx.set_edge_attributes(weighted, {(a, b): 5 + (a * b) % 7 for a, b in graph.edges}, "n_synapses")
    return weighted


def test_a_phantom_and_nothing_at_all_are_judged():
    phantom = cg.synthetic.make_phantom("small", rng=0)
    ev = cg.evaluate(phantom.segmentation, truth=phantom.truth)
    assert {each["verdict"] for each in cg.judge_report(ev.report)["purposes"]} == {"inconclusive"}
    assert cg.judge_report(ev.report)["purposes"][0]["measures"][0]["verdict_reason"] == "no prediction was given"
    both = cg.evaluate(phantom.segmentation, truth=phantom.truth, predicted=phantom.predicted)
    for purpose in cg.judge_report(both.report)["purposes"]:
        assert not any("report.json has no '" in found.get("verdict_reason", "") for found in purpose["measures"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["holds no purpose"]),
        ("[a", ["no report card in TOML", "Expected ']'"]),
        ("b'\xff'", ["no report card in TOML"]),
        ("a = 1", ["'a' holds no measures"]),
        ("[a]", ["'a' holds no measures"]),
        ("[a]\nedges.recall = { at_least = 0.9 }", ["'a': 'edges' is no measure", "needs quotes"]),
        ('[a]\n"edge.recall" = { at_least = 0.9 }', ["'edge.recall' is no measure", "edges, strict"]),
        ('[a]\n"thresholds.family[k].recall" = { at_least = 0.9 }', ["is no measure", "family[k=5]"]),
        ('[a]\n"edges.recall" = 0.9', ["'edges.recall' has the limits 0.9", "{ at_least = number }"]),
        ('[a]\n"edges.recall" = {}', ["has the limits {}"]),
        ('[a]\n"edges.recall" = { least = 0.9 }', ["has the limits {'least': 0.9}"]),
        ('[a]\n"edges.recall" = { at_least = "0.9" }', ["has the limits"]),
        ('[a]\n"edges.recall" = { at_least = true }', ["has the limits"]),
        ('[a]\n"edges.recall" = { at_least = nan }', ["has the limits"]),
        ('[a]\n"edges.recall" = { at_least = 0.9, at_most = 0.8 }', ["at least 0.9 and at most 0.8"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_card_is_one_clear_error(capsys, tmp_path, text, words):
    file = tmp_path / "my card.toml"
    file.write_bytes(text.encode("latin-1"))
    # before anything is read: the truth does not exist
    code = main(["compare", "missing.csv", "missing.csv", "--card", str(file), "--out", str(tmp_path / "run")])
    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1)
    for word in ["my card.toml", *words]:
        assert word in err
    assert not (tmp_path / "run").exists()


def test_a_card_that_is_not_there(capsys, tmp_path):
    assert main(["evaluate", "missing.hdf", "--card", str(tmp_path / "none.toml")]) == 2
    assert "none.toml cannot be read: No such file or directory." in capsys.readouterr().err
    with pytest.raises(cg.InputError, match="card holds no purpose"):
        cg.judge_report(REPORT, card={})


def test_the_command_line_judges_prints_and_writes(capsys, tmp_path):
    (tmp_path / "truth.csv").write_text("source,target\n" + "".join(f"{a},{b}\n" for a, b in circulant([1, 2]).edges))
    (tmp_path / "mine.toml").write_text(
        '["tracing"]\n"edges.recall" = { at_least = 0.3 }\n"edges.precision" = { at_least = 0.9 }\n'
    )
    found = circulant([1])
    found.add_edges_from(circulant([5]).edges)
    (tmp_path / "found.csv").write_text("source,target\n" + "".join(f"{a},{b}\n" for a, b in found.edges))
    words = ["compare", str(tmp_path / "truth.csv"), str(tmp_path / "found.csv"), "--out", str(tmp_path / "run")]
    assert main([*words, "--no-report"]) == 0
    assert "card" not in json.loads((tmp_path / "run/report.json").read_text()), "no verdict that nobody asked for"
    capsys.readouterr()
    assert main([*words, "--overwrite", "--card", str(tmp_path / "mine.toml")]) == 0
    out = capsys.readouterr().out
    assert "fail          tracing\n" in out
    assert "  fail          edges.precision 0.5 (" in out
    assert out.splitlines()[-1].startswith("F1"), "the last four lines stay"
    report = json.loads((tmp_path / "run/report.json").read_text())
    (purpose,) = report["card"]["purposes"]
    assert [found["verdict"] for found in purpose["measures"]] == ["pass", "fail"]
    assert "✗ fail" in (tmp_path / "run/report.html").read_text()
    assert verify_run(tmp_path / "run") == []
    report["card"]["purposes"][0]["measures"][1]["verdict"] = "pass"
    (tmp_path / "run/report.json").write_text(json.dumps(report))
    assert any("card" in difference for difference in verify_run(tmp_path / "run"))


def test_a_study_is_judged_by_one_card(capsys, tmp_path):
    for name, steps in {"truth": [1, 2], "a": [1], "b": [1, 2, 3]}.items():
        rows = "".join(f"{a},{b}\n" for a, b in circulant(steps).edges)
        (tmp_path / f"{name}.csv").write_text(f"source,target\n{rows}")
    truth, a, b = (str(tmp_path / f"{name}.csv") for name in ("truth", "a", "b"))
    words = ["compare", truth, a, b, "--out", str(tmp_path / "study"), "--no-report"]
    assert main([*words, "--card", "default"]) == 0
    for name in "ab":
        assert len(json.loads((tmp_path / f"study/{name}/report.json").read_text())["card"]["purposes"]) == 5
    assert main(words) == 2, "the same study without the card"
    assert "how they are read or judged" in capsys.readouterr().err


def test_the_page_shows_what_decides():
    ev = cg.compare_connectomes(circulant([1, 2]), circulant([1, 2, 3]))
    judged = add_card(ev, {"x": {"edges.precision": {"at_least": 0.9}, "neurons.n_lost": {"at_most": 3}}})
    (table,) = list_purposes(judged.report)
    assert [row[:2] for row in table.rows] == [("x", "✗ fail")]
    assert "edges.precision" in table.rows[0][2]
    assert "n_lost" not in table.rows[0][2]
    assert list_purposes(ev.report) == []
    assert "card" not in ev.report


def test_the_default_card_is_a_file_to_copy(tmp_path):
    text = (Path(cg.__file__).parent / "templates/card.toml").read_text()
    (tmp_path / "copy.toml").write_text(text)
    assert read_card(tmp_path / "copy.toml") == read_card()
