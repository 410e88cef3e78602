"""Skeletons in an evaluation: the run length of the predicted segmentation, from Python and from files."""

from __future__ import annotations

import json

import numpy as np
import pytest

import connectograph as cg
from connectograph.cli import main
from connectograph.evaluation import verify_run
from connectograph.evaluation.study import evaluate_many


@pytest.fixture(scope="module")
def phantom():
    return cg.synthetic.make_phantom("small", rng=0)


@pytest.fixture(scope="module")
def wrong(phantom):
    return cg.synthetic.segment_errors.plant_errors(phantom.segmentation, splits=15, merges=5, rng=0)[0]


@pytest.fixture(scope="module")
def traced(phantom, tmp_path_factory):
    """A folder of neurons, each followed through the first of its voxels in every section."""
    folder = tmp_path_factory.mktemp("swc")
    labels, size = np.asarray(phantom.segmentation.labels), phantom.segmentation.voxel_size
    for segment in np.setdiff1d(labels, [0, 2**64 - 1, 2**64 - 2, 2**64 - 3])[:40]:
        sections = [np.argwhere(plane == segment)[:1] for plane in labels]
        voxels = np.array([(z, *found[0]) for z, found in enumerate(sections) if len(found)])
        nm = (voxels + 0.5) * size + phantom.segmentation.offset
        lines = [f"{n} 2 {x} {y} {z} 1 {n - 1 or -1}" for n, (z, y, x) in enumerate(nm, 1)]
        (folder / f"{segment}.swc").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def files(phantom, wrong, tmp_path_factory):
    """The command line of one evaluation."""
    folder = tmp_path_factory.mktemp("volumes")
    for name, segmentation, clefts in (
        ("truth", phantom.segmentation, phantom.truth),
        ("own", wrong, phantom.predicted),
    ):
        cg.write_volume(folder / f"{name}.hdf", segmentation, dataset="volumes/labels/neuron_ids")
        cg.write_volume(folder / f"{name}.hdf", clefts, dataset="volumes/labels/clefts")
    own = str(folder / "own.hdf")
    return ["evaluate", str(folder / "truth.hdf"), "--predicted", own, "--predicted-segmentation", own]


def evaluate(phantom, segmentation, **options):
    given = {"truth": phantom.truth, "predicted": phantom.predicted, "predicted_segmentation": segmentation}
    return cg.evaluate(phantom.segmentation, **given, **options)


def test_the_truth_runs_through_and_errors_break_it(phantom, wrong, traced):
    skeletons = cg.read_skeletons(traced, units="nm")
    perfect = evaluate(phantom, phantom.segmentation, skeletons=traced, swc_units="nm")
    block = perfect.report["segmentation_matching"]["run_length"]
    assert (block["n_skeletons"], block["normalised"], block["right_nm"]) == (40, 1.0, block["total_nm"])
    again = evaluate(phantom, wrong, skeletons=skeletons).report["segmentation_matching"]["run_length"]
    assert again == cg.measure_run_length(wrong, skeletons).to_dict()
    assert again["split_nm"] > 0
    assert 0 < again["normalised"] < 1


def test_without_skeletons_all_else_is_the_same(phantom, wrong, traced):
    plain, ev = evaluate(phantom, wrong), evaluate(phantom, wrong, skeletons=traced, swc_units="nm")
    block = plain.report["segmentation_matching"]
    assert (block["run_length"], block["run_length_reason"]) == (None, "no skeletons were given")
    assert "skeletons" not in plain.run["inputs"]
    kept = {key: value for key, value in block.items() if not key.startswith("run_length")}
    other = ev.report["segmentation_matching"]
    assert kept == {key: value for key, value in other.items() if key != "run_length"}
    assert {**plain.report, "segmentation_matching": 0} == {**ev.report, "segmentation_matching": 0}
    assert all(table.equals(ev.tables[name]) for name, table in plain.tables.items())


def test_split_segments_are_judged_as_split():
    """Segment 1 lies in two places, each in a skeleton of its own: one merge, which splitting ends."""
    truth = cg.Volume(np.array([[[1, 1, 0, 0, 2, 2]]], "u8"), (10, 10, 10))
    merged = cg.Volume(np.array([[[1, 1, 0, 0, 1, 1]]], "u8"), (10, 10, 10))
    clefts = cg.Volume(np.zeros((1, 1, 6), "u8"), (10, 10, 10))
    lines = [np.array([(5.0, 5.0, x), (5.0, 5.0, x + 10)]) for x in (5.0, 45.0)]
    skeletons = [cg.io.skeletons.Skeleton("", line, np.array([-1, 0])) for line in lines]
    given = {"truth": clefts, "predicted": clefts, "predicted_segmentation": merged, "skeletons": skeletons}
    for split, erl in ((False, 0.0), (True, 10.0)):
        ev = cg.evaluate(truth, **given, split_disconnected=split)
        assert ev.report["segmentation_matching"]["run_length"]["erl_nm"] == erl


def test_command_line_verify_and_page(files, traced, wrong, tmp_path, capsys):
    out = tmp_path / "run"
    assert main([*files, "--skeletons", str(traced), "--swc-units", "nm", "--out", str(out)]) == 0
    block = json.loads((out / "report.json").read_bytes())["segmentation_matching"]["run_length"]
    assert block == cg.measure_run_length(wrong, cg.read_skeletons(traced, units="nm")).to_dict()
    assert f"expected run length  {block['erl_nm']:,.0f} nm of" in capsys.readouterr().out
    entry = json.loads((out / "run.json").read_bytes())["inputs"]["skeletons"]
    assert (entry["path"], entry["units"], len(entry["sha256"])) == (str(traced), "nm", 64)
    assert "Traced along 40 skeletons" in (out / "report.html").read_text()
    assert verify_run(out) == []


def test_another_unit_is_recomputed_and_other_skeletons_are_noticed(files, traced, tmp_path):
    file, out = tmp_path / "neuron.swc", tmp_path / "run"
    file.write_text(next(iter(sorted(traced.glob("*.swc")))).read_text())
    command = [*files, "--no-report", "--skeletons", str(file), "--swc-units", "40,4,4", "--out", str(out)]
    assert main(command) == 0
    assert verify_run(out) == []
    assert main([*command, "--resume"]) == 0
    with file.open("a") as end:
        end.write("10000 2 0 0 0 1 1\n")
    differences = verify_run(out)
    assert any("neuron.swc" in line and "another SHA-256" in line for line in differences)
    assert any("run_length" in line for line in differences)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "SWC does not say its unit: pass --swc-units"),
        (["--swc-units", "0,4,4"], "unit of the skeletons"),
        (["--swc-units", "nm", "--proofread", "1,2"], "leave out --proofread"),
    ],
)
def test_what_does_not_fit_is_said(files, traced, tmp_path, capsys, options, words):
    assert main([*files, "--skeletons", str(traced), *options, "--out", str(tmp_path / "run")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_bad_file_and_lonely_options_are_refused(files, phantom, traced, tmp_path, capsys):
    bad = tmp_path / "bad.swc"
    bad.write_text("1 0 0 0 0 1 7\n")
    assert main([*files, "--skeletons", str(bad), "--swc-units", "nm"]) == 2
    assert "parent 7 is no node" in capsys.readouterr().err
    assert main([*files[:4], "--skeletons", str(traced), "--swc-units", "nm"]) == 2
    assert "pass --predicted-segmentation" in capsys.readouterr().err
    assert main([*files, "--swc-units", "nm"]) == 2
    assert "without skeletons" in capsys.readouterr().err
    with pytest.raises(cg.InputError, match="pass --predicted-segmentation"):
        evaluate(phantom, None, skeletons=traced, swc_units="nm")


def test_a_study_passes_them_on(phantom, wrong, files, traced, tmp_path):
    own, out = files[-1], tmp_path / "study"
    given = {"predicted_segmentation": own, "skeletons": traced}
    evaluate_many(files[1], None, [own], **given, swc_units="nm", directory=out, reports=False)
    record = json.loads((out / "own" / "run.json").read_bytes())
    assert record["inputs"]["skeletons"]["units"] == "nm"
    block = json.loads((out / "own" / "report.json").read_bytes())["segmentation_matching"]["run_length"]
    assert block["n_skeletons"] == 40
    assert verify_run(out / "own") == []
    with pytest.raises(cg.InputError, match="study of other inputs or settings"):
        evaluate_many(files[1], None, [own], **given, swc_units="um", directory=out, reports=False)
    command = [*files[:4], files[1], *files[4:], "--skeletons", str(traced), "--swc-units", "nm", "--no-report"]
    assert main([*command, "--out", str(tmp_path / "several")]) == 0
    assert verify_run(tmp_path / "several" / "own") == []
