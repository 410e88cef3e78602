"""Several predictions: ranked by hand, written, extended without computing again, refused, interrupted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from scenes import scenes

import connectograph as cg
from connectograph.cli import main
from connectograph.evaluation import comparison, render_run, verify_run
from connectograph.evaluation.job import evaluate_cases, evaluate_volumes
from connectograph.evaluation.settings import Settings
from connectograph.evaluation.study_folder import choose_names
from connectograph.io.runs import finish_run, open_run, place_file, read_run, remove_run, verify_manifest, write_atomic
from connectograph.report import render_study
from connectograph.uncertainty import paired_test

TRUTH = "source,target,n_synapses\n1,2,1\n2,3,1\n3,4,1\n4,5,1\n"
PREDICTED = {  # tp, fp, fn against the four edges of the truth
    "good": "source,target,n_synapses\n1,2,1\n2,3,1\n3,4,1\n",  # 3, 0, 1: F1 6/7
    "poor": "source,target,n_synapses\n1,2,1\n1,3,1\n",  # 1, 1, 3: F1 2/6
    "same": "source,target,n_synapses\n2,3,1\n3,4,1\n4,5,5\n",  # 3, 0, 1: F1 6/7
}


@pytest.fixture
def files(tmp_path):
    """The truth and the predictions as edge tables."""
    for name, text in {"truth": TRUTH, **PREDICTED}.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return {name: tmp_path / f"{name}.csv" for name in ("truth", *PREDICTED)}


@pytest.fixture
def compared(monkeypatch):
    """Names of the predictions that were compared, in order."""
    names = []
    compare = comparison._compare

    def count(sides, *others):
        names.append(Path(sides["predicted"].name).stem)
        return compare(sides, *others)

    monkeypatch.setattr(comparison, "_compare", count)
    return names


def study_of(files, names, folder, **options):
    return cg.compare_many(
        files["truth"], [files[name] for name in names], directory=folder, **{"reports": False, **options}
    )


def listed(folder):
    return {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if not path.is_dir()}


def contents(folder):
    """Everything that does not say when and where it was made."""
    return {name: Path(folder, name).read_bytes() for name in listed(folder) if not name.endswith("run.json")}


# --- the ranking ----------------------------------------------------------------------------------------------------


def test_a_ranking_counted_by_hand(files):
    study = cg.compare_many(files["truth"], [files[name] for name in ("poor", "same", "good")])
    rows = [[row[key] for key in ("rank", "name", "tp", "fp", "fn", "f1")] for row in study.report["ranking"]]
    assert rows == [[1, "good", 3, 0, 1, 6 / 7], [1, "same", 3, 0, 1, 6 / 7], [3, "poor", 1, 1, 3, 1 / 3]]
    best, same, poor = study.report["ranking"]
    assert (best["difference"], best["difference_reason"]) == (None, "it is the best itself")
    assert same["difference"]["f1"]["value"] == 0
    assert poor["difference"]["f1"]["value"] == pytest.approx(1 / 3 - 6 / 7)
    assert poor["difference"]["f1"]["p_value"] is None
    assert poor["difference"]["f1"]["p_value_reason"] == "no interval: 5 neurons, fewer than 30"
    assert study.best is best
    assert study.kept == ()


def test_a_prediction_without_a_score_comes_last(files):
    study = cg.compare_many(nx.Graph(), [nx.Graph(), nx.Graph([(1, 2)])])
    assert [(row["rank"], row["f1"]) for row in study.report["ranking"]] == [(1, 0.0), (2, None)]
    assert study.report["ranking"][1]["f1_reason"]
    assert np.isnan(study.table["f1"].iloc[1])
    nothing = cg.compare_many(nx.Graph(), [nx.Graph()])
    assert "None of 1 predictions has a defined F1" in nothing.report["verdict"]


def test_differences_are_those_of_the_paired_test():
    truth = nx.circulant_graph(60, [1, 2, 3])
    predicted = [nx.circulant_graph(60, [1]), nx.circulant_graph(60, [1, 2, 7]), nx.circulant_graph(60, [1, 2])]
    truth, *predicted = (nx.relabel_nodes(graph, lambda node: node + 1) for graph in (truth, *predicted))
    study = cg.compare_many(truth, predicted)
    best, *others = study.report["ranking"]
    assert best["name"] == "prediction-3"
    for row, graph in zip(others, (predicted[1], predicted[0]), strict=True):
        raw = {
            score: {key: value for key, value in found.items() if not key.startswith("p_value_holm")}
            for score, found in row["difference"].items()
        }
        assert raw == paired_test(truth, graph, predicted[2]).to_dict()
    assert study.table["p_value"].isna().tolist() == [row["difference"] is None for row in study.report["ranking"]]
    assert "of the other 2, 2 are lower by the whole interval" in study.report["verdict"]


def test_directed_and_matched_comparisons(tmp_path):
    truth, predicted = nx.DiGraph([(1, 2), (2, 3)]), nx.DiGraph([(10, 20), (30, 20)])
    pairs = pd.DataFrame({"truth": [1, 2, 3], "predicted": [10, 20, 30]}, dtype="uint64")
    study = cg.compare_many(truth, [predicted, truth], directed=True, match=pairs)
    assert [(row["tp"], row["fp"], row["fn"]) for row in study.report["ranking"]] == [(1, 1, 1), (0, 0, 2)]


def test_names_are_those_of_the_files_and_occur_once():
    wanted = ["a/x y.npy", "b/X_Y.h5:set", "", "../-..evil.csv", "x" * 99 + ".csv", "study.json.npy"]
    names = choose_names([{"predicted": path} for path in wanted], taken=["evil", "study.json"])
    assert names == ["x_y", "X_Y-2", "prediction", "evil-2", "x" * 60, "study.json-2"]


# --- evaluations of volumes -----------------------------------------------------------------------------------------


@settings(max_examples=settings.default.max_examples // 3)
@given(scenes())
def test_every_prediction_is_evaluated_as_if_it_were_alone(scene):
    def volume(array):
        return cg.Volume(array, scene.voxel_size, scene.offset)

    shared = {"segmentation": volume(scene.segmentation), "truth": volume(scene.truth)}
    predictions = [scene.predicted, scene.truth, scene.predicted[::-1]]
    cases = [{**shared, "predicted": volume(each)} for each in predictions]
    chosen = Settings(**scene.options).checked()
    for case, ev in zip(cases, evaluate_cases(cases, chosen, [{}] * 3, {}), strict=True):
        alone = evaluate_volumes(case, chosen, {}, {})
        assert ev.report == alone.report
        assert list(ev.tables) == list(alone.tables)
        assert all(table.equals(alone.tables[name]) for name, table in ev.tables.items())


def test_the_segmentation_is_scanned_once(monkeypatch, two_neurons, volume):
    from connectograph.evaluation import survey

    scans = []
    scan = survey.scan_segmentation
    monkeypatch.setattr(
        survey,
        "scan_segmentation",
        lambda seg, synapses, *a, **k: scans.append((seg.shape, len(synapses))) or scan(seg, synapses, *a, **k),
    )
    segmentation, truth, predicted = (volume(array) for array in two_neurons.values())
    study = cg.evaluate_many(segmentation, truth, [predicted, truth, predicted], dilation=2, min_segment_voxels=3)
    assert [n for shape, n in scans if shape == segmentation.shape] == [4]
    assert study.table["f1"].tolist() == [1.0, 1.0, 1.0]
    assert study.report["settings"]["min_segment_voxels"] == 3
    with pytest.raises(TypeError, match="dilatation"):
        cg.evaluate_many(segmentation, truth, [predicted], dilatation=2)
    with pytest.raises(cg.InputError, match="No prediction was given"):
        cg.evaluate_many(segmentation, truth, [])


def test_runs_of_a_study_are_ordinary_runs(two_neurons, volume, tmp_path):
    for name, array in two_neurons.items():
        cg.write_volume(tmp_path / f"{name}.hdf", volume(array), dataset="x")
    segmentation, truth, predicted = (tmp_path / f"{name}.hdf:x" for name in two_neurons)
    shutil.copy(tmp_path / "predicted.hdf", tmp_path / "other.hdf")
    study = cg.evaluate_many(segmentation, truth, [predicted, tmp_path / "other.hdf:x"], directory=tmp_path / "study")
    cg.evaluate(segmentation, truth=truth, predicted=predicted).write(tmp_path / "alone")
    dated = {"report.pdf", "report.html"}
    member, alone = contents(tmp_path / "study/predicted"), contents(tmp_path / "alone")
    assert member.keys() == alone.keys()
    assert [name for name in member if member[name] != alone[name] and name not in dated] == []
    for name in ("predicted", "other"):
        assert verify_run(tmp_path / "study" / name) == []
        assert read_run(tmp_path / "study" / name)["inputs"]["truth"]["sha256"]
    assert verify_manifest(tmp_path / "study") == {}
    assert json.loads((tmp_path / "study/study.json").read_text()) == study.report
    page = (tmp_path / "study/study.html").read_text()
    assert page == render_study(study.report, read_run(tmp_path / "study"))
    assert study.report["verdict"] in page
    assert page.count("<script") == 1  # sorts the table
    for look in (render_run, verify_run):
        with pytest.raises(cg.InputError, match="is a study of several predictions: name one of the runs in it"):
            look(tmp_path / "study")


# --- on disk --------------------------------------------------------------------------------------------------------


def test_a_study_is_extended_without_computing_again(files, compared, tmp_path):
    study_of(files, ["poor", "good"], tmp_path / "study")
    before = {name: (tmp_path / "study" / name).stat().st_mtime_ns for name in listed(tmp_path / "study")}
    moved = tmp_path / "moved.csv"
    files["good"].rename(moved)  # known by its bytes, not by its name
    study = study_of({**files, "good": moved}, ["same", "good"], tmp_path / "study")
    assert compared == ["poor", "good", "same"]
    assert set(study.kept) == {"poor", "good"}
    for name, when in before.items():
        assert "/" not in name or (tmp_path / "study" / name).stat().st_mtime_ns == when
    at_once = study_of({**files, "good": moved}, ["same", "poor"], tmp_path / "at_once")
    assert [row["name"] for row in study.report["ranking"]] == ["good", "same", "poor"]
    assert [row["name"] for row in at_once.report["ranking"]] == ["same", "poor"]
    moved.rename(files["good"])
    study_of(files, ["good", "poor", "same"], tmp_path / "whole")
    assert contents(tmp_path / "whole") == contents(tmp_path / "study")


def test_a_file_that_changed_is_another_prediction(files, compared, tmp_path):
    study_of(files, ["poor"], tmp_path / "study")
    files["poor"].write_text(PREDICTED["good"])
    study = study_of(files, ["poor"], tmp_path / "study")
    assert [(row["name"], row["tp"]) for row in study.report["ranking"]] == [("poor-2", 3), ("poor", 1)]
    assert study_of(files, ["poor"], tmp_path / "study").kept == ("poor", "poor-2")
    assert compared == ["poor", "poor"]


def test_other_inputs_or_settings_are_refused(files, compared, tmp_path):
    study_of(files, ["poor", "good"], tmp_path / "study")
    before = contents(tmp_path / "study")
    compared.clear()
    with pytest.raises(cg.InputError, match=r"settings \(directed is True, there False\): pass --overwrite"):
        study_of(files, ["same"], tmp_path / "study", directed=True)
    files["truth"].write_text(TRUTH + "5,6,1\n")
    with pytest.raises(cg.InputError, match=r"the segmentation, the truth, .* is not the same"):
        study_of(files, ["same"], tmp_path / "study")
    graph = nx.Graph([(1, 2)])
    with pytest.raises(cg.InputError, match="study of other inputs"):
        cg.compare_many(graph, [graph], directory=tmp_path / "study")
    assert (compared, contents(tmp_path / "study")) == ([], before)
    cg.compare_connectomes(graph, graph).write(tmp_path / "alone", reports=False)
    with pytest.raises(cg.InputError, match="alone holds a run, not a study"):
        study_of(files, ["same"], tmp_path / "alone")


def test_what_is_wrong_with_an_input_is_said_before_anything_is_written(files, tmp_path):
    files["same"].write_text("source,target,n_synapses\n0,2,1\n")
    with pytest.raises(cg.InputError, match=r"same\.csv"):
        study_of(files, ["good", "same"], tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_what_is_not_ours_is_not_touched(files, tmp_path):
    folder = tmp_path / "study"
    (folder / "good").mkdir(parents=True)
    (folder / "good/report.json").write_text("mine")
    study = study_of(files, ["good", "poor"], folder)
    assert [row["name"] for row in study.report["ranking"]] == ["good-2", "poor"]
    (folder / "poor/notes.txt").write_text("mine")
    study = study_of(files, ["same"], folder, overwrite=True)
    assert [row["name"] for row in study.report["ranking"]] == ["same"]
    assert {name for name in listed(folder) if not name.startswith("same/")} == {
        "good/report.json", "poor/notes.txt", "study.json", "run.json",
    }  # fmt: skip
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/study.json").write_text('{"runs": ["../study/same"]}')
    for overwrite in (False, True):
        with pytest.raises(cg.InputError, match="choose another --out"):
            study_of(files, ["good"], tmp_path / "foreign", overwrite=overwrite)
    assert (folder / "same/report.json").is_file()


def test_a_run_that_was_replaced_is_no_member_any_more(files, tmp_path):
    study_of(files, ["good", "poor"], tmp_path / "study")
    graph = nx.Graph([(1, 2)])
    cg.compare_connectomes(graph, graph).write(tmp_path / "study/poor", overwrite=True, reports=False)
    before = contents(tmp_path / "study/poor")
    study = study_of(files, ["good", "poor"], tmp_path / "study")
    assert [row["name"] for row in study.report["ranking"]] == ["good", "poor-2"]
    assert contents(tmp_path / "study/poor") == before


@pytest.mark.parametrize("when", ["first", "second", "page"])
def test_an_interrupted_study_goes_on(monkeypatch, files, compared, tmp_path, when):
    from connectograph.evaluation import study_folder, writing

    with monkeypatch.context() as patch:
        if when == "page":
            patch.setattr(study_folder, "rank_entries", interrupt)
        else:
            finish = writing.finish_run
            patch.setattr(
                writing,
                "finish_run",
                lambda run, record: interrupt() if run.folder.name == {"first": "poor", "second": "good"}[when]
                else finish(run, record),
            )  # fmt: skip
        with pytest.raises(KeyboardInterrupt):
            study_of(files, ["poor", "good"], tmp_path / "study")
    assert json.loads((tmp_path / "study/study.json").read_text())["ranking"] is None
    compared.clear()
    with pytest.raises(cg.InputError, match="other inputs or settings"):
        study_of(files, ["poor"], tmp_path / "study", directed=True)
    compared.clear()
    study = study_of(files, ["poor", "good"], tmp_path / "study")
    assert compared == {"first": ["poor", "good"], "second": ["good"], "page": []}[when]
    assert [row["name"] for row in study.report["ranking"]] == ["good", "poor"]
    study_of(files, ["poor", "good"], tmp_path / "whole")
    assert contents(tmp_path / "study") == contents(tmp_path / "whole")


def interrupt(*arguments):
    raise KeyboardInterrupt


def test_removing_a_run_leaves_what_is_not_its_own(tmp_path):
    with open_run(tmp_path / "a") as run:
        for name in ("report.json", "tables/edges_truth.csv", "tables/segments.parquet"):
            write_atomic(place_file(run, name), "x")
        finish_run(run, {})
    (tmp_path / "a/tables/mine.csv").write_text("mine")
    remove_run(tmp_path / "a")
    assert listed(tmp_path) == {"a/tables/mine.csv"}
    remove_run(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


# --- the command line -----------------------------------------------------------------------------------------------


def call(capsys, *words):
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def test_compare_prints_the_ranking_last(capsys, files, tmp_path):
    words = ("compare", files["truth"], files["poor"], files["good"], "--out", tmp_path / "study")
    code, out, err = call(capsys, *words)
    assert (code, err) == (0, "")
    assert [line.split()[:3] for line in out.splitlines()[-3:]] == [
        ["Prediction", "Rank", "F1"], ["good", "1", "0.857"], ["poor", "2", "0.333"]
    ]  # fmt: skip
    assert "note: good, poor: no interval: 5 neurons, fewer than 30\n" in out
    assert f"written: {tmp_path / 'study/study.html'}\n" in out
    assert (tmp_path / "study/good/report.pdf").is_file()
    # one more is enough to extend it
    code, out, _ = call(capsys, "compare", files["truth"], files["same"], "--out", tmp_path / "study", "--no-report")
    assert (code, "not computed again: good, poor\n" in out) == (0, True)
    assert out.splitlines()[-1].split()[0] == "poor"
    assert "same" in (tmp_path / "study/study.html").read_text(), "a page that is there keeps up"


@pytest.mark.parametrize(("least", "code"), [("0.8", 0), ("0.9", 1)])
def test_fail_under_judges_the_best(capsys, files, least, code):
    assert call(capsys, "compare", files["truth"], files["poor"], files["good"], "--fail-under", least)[0] == code


def test_fail_under_without_any_score(capsys, files, tmp_path):
    (tmp_path / "none.csv").write_text("source,target,n_synapses\n")
    words = ("compare", *[tmp_path / "none.csv"] * 3, "--fail-under", "0")
    assert call(capsys, *words)[0] == 1


def test_evaluate_takes_several_predictions(capsys, two_neurons, volume, tmp_path):
    for role, dataset in (("segmentation", "neuron_ids"), ("truth", "clefts")):
        cg.write_volume(tmp_path / "a.hdf", volume(two_neurons[role]), dataset=f"volumes/labels/{dataset}")
    np.save(tmp_path / "hit.npy", two_neurons["predicted"])
    np.save(tmp_path / "miss.npy", np.zeros_like(two_neurons["predicted"]))
    words = ("evaluate", tmp_path / "a.hdf", "--predicted", tmp_path / "miss.npy", tmp_path / "hit.npy")
    code, out, _ = call(capsys, *words, "--out", tmp_path / "study", "--no-report")
    assert code == 0
    assert out.count("shape 3×8×8") == 4, "segmentation, truth and two predictions"
    assert [line.split()[0] for line in out.splitlines()[-2:]] == ["hit", "miss"]
    assert "study.html" not in listed(tmp_path / "study")
    code, out, err = call(capsys, *words, "--out", tmp_path / "study", "--dilation", "2")
    assert (code, "dilation is 2, there 1" in err, err.count("\n")) == (2, True, 1)
    code, out, _ = call(capsys, *words, "--out", tmp_path / "study", "--no-report")
    assert (code, "shape" in out) == (0, False), "nothing was read"
    # one prediction, and a folder that holds no study: an ordinary run
    call(capsys, *words[:4], "--out", tmp_path / "alone", "--no-report")
    assert (tmp_path / "alone/report.json").is_file()
    assert not (tmp_path / "alone/study.json").exists()
