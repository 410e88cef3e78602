"""The command line from outside: exit codes, what is printed, what lies on disk."""

from __future__ import annotations

import json
import lzma
import os
import pickle
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from pypdf import PdfReader

import connectograph as cg
from connectograph.cli import main

GOLDEN = Path(__file__).resolve().parent / "golden"
PHANTOM = (str(GOLDEN / "phantom_a.hdf"), "--predicted", str(GOLDEN / "phantom_a_pred.xz"))
NEVER = re.compile(r"Traceback|KeyError|IndexError|AttributeError|None$|\bnan(?! voxels)\b", re.MULTILINE)
FILES = {
    "adjacency/predicted.npz", "adjacency/predicted.png", "adjacency/predicted_ids.csv", "adjacency/truth.npz",
    "adjacency/truth.png", "adjacency/truth_ids.csv", "graphs/predicted.graphml", "graphs/truth.graphml",
    "report.json", "run.json", "tables/edge_outcomes.csv", "tables/edge_outcomes.parquet",
    "tables/edges_predicted.csv", "tables/edges_predicted.parquet", "tables/edges_truth.csv",
    "tables/fixes.csv", "tables/fixes.parquet", "tables/link_outcomes.parquet",
    "tables/edges_truth.parquet", "tables/links_predicted.parquet", "tables/links_truth.parquet",
    "tables/neurons.parquet", "tables/score_sweep.parquet", "tables/segments.parquet",
    "tables/synapse_contacts_predicted.parquet", "tables/synapse_contacts_truth.parquet",
    "tables/synapse_matches.parquet", "tables/synapses_predicted.parquet", "tables/synapses_truth.parquet",
}  # fmt: skip


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run a command in an empty folder; exit code, stdout, stderr."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    def call(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert not NEVER.search(out + err), out + err
        return code, out, without_log(err)

    return call


def without_log(err):
    """What is on stderr besides the log of the progress."""
    return re.sub(r"^\d\d:\d\d:\d\d .*\n", "", err, flags=re.MULTILINE)


def cremi(path, segmentation, truth=None, **attributes):
    """A CREMI file of arrays."""
    with h5py.File(path, "w") as file:
        for name, array in (("neuron_ids", segmentation), ("clefts", truth)):
            if array is not None:
                file[f"volumes/labels/{name}"] = array
                file[f"volumes/labels/{name}"].attrs.update({"resolution": (40.0, 4.0, 4.0), **attributes})
    return path


@pytest.fixture
def sample(two_neurons, tmp_path):
    """The two neurons as files: a CREMI file, predictions of several kinds."""
    n, c, p = two_neurons.values()
    nothing = np.zeros_like(n)
    far = nothing.copy()
    far[0, 0, 6] = 9
    files = {
        "full": cremi(tmp_path / "full.hdf", n, c),
        "empty": cremi(tmp_path / "empty.hdf", n, nothing),
        "no_truth": cremi(tmp_path / "no_truth.hdf", n),
    }
    arrays = {"same": p * 5, "nothing": nothing, "far": far, "heat": p * 0.9, "negative": -p.astype("i8")}
    arrays.update(short=p[:2], turned=p.transpose(), fractional=p * 1.5)
    for name, array in arrays.items():
        files[name] = tmp_path / f"{name}.npy"
        np.save(files[name], array)
    return files


def listed(folder):
    return {str(file.relative_to(folder)) for file in Path(folder).rglob("*") if file.is_file()}


def closing(out):
    return [line.split(maxsplit=1 if "matrix" not in line else 2) for line in out.splitlines()[-4:]]


# --- evaluate -------------------------------------------------------------------------------------------------------


def test_truth_against_itself_is_perfect_and_nothing_is_excluded(run, sample):
    code, out, err = run("evaluate", sample["full"], "--predicted", sample["full"])
    assert (code, err) == (0, "")
    assert "excluded: 0\n" in out
    assert closing(out) == [
        ["connectivity", "matrix", "2 x 2"],
        ["precision", "1.0000"],
        ["recall", "1.0000"],
        ["F1", "1.0000"],
    ]
    assert listed(".") == set(), "without --out nothing is written"


def test_the_input_card_and_everything_excluded_are_printed(run, sample):
    code, out, _ = run("evaluate", sample["full"], "--predicted", sample["far"], "--min-segment-voxels", "73")
    assert code == 0
    for words in (
        "shape 3×8×8 (z, y, x)",
        "voxel size 40×4×4 nm",
        "uint64",
        "assumed: voxel size 40,4,4 nm taken from",
    ):
        assert words in out
    assert "excluded: segments below size 2\n" in out
    assert "excluded: truth synapses unattached 1 (partner_filtered 1)" in out
    assert "excluded: 0\n" not in out


EMPTY = [
    ("empty", "nothing", {"precision": None, "recall": None, "f1": None}, "Neither"),
    ("empty", "same", {"precision": 0.0, "recall": None, "f1": 0.0}, "The truth has no connection"),
    ("full", "nothing", {"precision": None, "recall": 0.0, "f1": 0.0}, "The prediction has no connection"),
    ("full", "same", {"precision": 1.0, "recall": 1.0, "f1": 1.0}, "Recovers"),
]


@pytest.mark.parametrize(("truth", "predicted", "scores", "verdict"), EMPTY)
def test_empty_sides_on_paper_in_json_and_on_the_screen(run, sample, truth, predicted, scores, verdict):
    code, out, err = run("evaluate", sample[truth], "--predicted", sample[predicted], "--out", "run")
    assert (code, err) == (0, "")
    edges = json.loads(Path("run/report.json").read_text(), parse_constant=pytest.fail)["edges"]
    paper = "".join(page.extract_text() for page in PdfReader("run/report.pdf").pages)
    for (name, value), (_, printed) in zip(scores.items(), closing(out)[1:], strict=True):
        assert edges[name] == value
        assert (f"{name}_reason" in edges) == (value is None)
        assert printed == (f"not defined: {edges[f'{name}_reason']}" if value is None else f"{value:.4f}")
        assert value is not None or edges[f"{name}_reason"] in " ".join(paper.split())
    assert verdict in out
    assert verdict in " ".join(paper.split())


@pytest.mark.parametrize(
    ("predicted", "least", "code"), [("same", "1.0", 0), ("far", "0.01", 1), ("far", "0", 0), ("nothing", "0.5", 1)]
)
def test_fail_under(run, sample, predicted, least, code):
    assert run("evaluate", sample["full"], "--predicted", sample[predicted], "--fail-under", least)[0] == code


def test_fail_under_an_undefined_score_fails(run, sample):
    assert run("evaluate", sample["empty"], "--predicted", sample["nothing"], "--fail-under", "0")[0] == 1
    assert run("evaluate", sample["full"], "--fail-under", "0")[0] == 1


def test_without_a_prediction_the_truth_is_written(run, sample):
    code, out, _ = run("evaluate", sample["full"], "--out", "run", "--no-report")
    assert code == 0
    compared = ("predicted", "outcomes", "neurons", "sweep", "matches", "fixes")
    assert listed("run") == {name for name in FILES if not any(word in name for word in compared)}
    assert closing(out)[1] == ["precision", "not defined: no prediction was given"]


def test_what_a_run_leaves(run, sample):
    command = ("evaluate", sample["full"], "--predicted", sample["same"], "--out", "run", "--no-report")
    assert run(*command, "--contactome")[0] == 0
    assert listed("run") == FILES | {"tables/contactome.parquet"}
    record = json.loads(Path("run/run.json").read_text())
    assert set(record["files"]) == listed("run") - {"run.json"}
    assert record["command"][:2] == ["connectograph", "evaluate"]
    assert record["inputs"]["segmentation"]["sha256"]
    content = Path("run/report.json").read_text()
    assert "full.hdf" not in content
    assert "npy" not in content

    Path("run/mine.txt").write_text("mine")
    code, _, err = run(*command)
    assert (code, "run already holds a run: pass --overwrite" in err) == (2, True)
    assert run(*command, "--overwrite")[0] == 0
    assert listed("run") == FILES | {"mine.txt"}


def test_files_of_any_kind_and_any_number_of_workers_give_the_same_bytes(run, two_neurons, sample, tmp_path):
    n, c, p = two_neurons.values()
    with lzma.open(tmp_path / "p.xz", "w") as stream:
        pickle.dump((p * 5).astype("u2"), stream)
    np.savez(tmp_path / "p.npz", volume=p * 5)
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file.create_dataset("deep/in/here", data=p * 5, chunks=(1, 3, 5), compression="gzip")
        file["deep/in/here"].attrs["resolution"] = (40.0, 4.0, 4.0)
    cremi(tmp_path / "xyz.hdf", n.transpose(), c.transpose())
    np.save(tmp_path / "xyz.npy", np.asfortranarray((p * 5).astype(">u4")).transpose())
    runs = {
        "npy": (sample["full"], "--predicted", sample["same"], "--workers", "1"),
        "xz": (sample["full"], "--predicted", tmp_path / "p.xz", "--workers", "2"),
        "npz": (sample["full"], "--predicted", tmp_path / "p.npz"),
        "hdf": (sample["full"], "--predicted", f"{tmp_path}/p.h5:deep/in/here"),
        "xyz": (tmp_path / "xyz.hdf", "--predicted", tmp_path / "xyz.npy", "--axes", "xyz"),
    }
    for name, words in runs.items():
        assert run("evaluate", *words, "--out", name, "--no-report")[0] == 0
    for file in FILES - {"run.json"}:
        assert len({Path(name, file).read_bytes() for name in runs}) == 1, file


def test_heat_maps_and_forms(run, sample):
    perfect = ["F1", "1.0000"]
    code, out, _ = run("evaluate", sample["full"], "--predicted", sample["heat"], "--threshold", "0.9")
    assert (code, closing(out)[3]) == (0, perfect)
    code, out, _ = run("evaluate", sample["full"], "--predicted", sample["same"], "--predicted-form", "mask")
    assert (code, closing(out)[3]) == (0, perfect)


def test_undefined_heat_is_counted(run, two_neurons, sample, tmp_path):
    heat = np.where(two_neurons["predicted"] == 1, 0.9, 0.1)
    heat[0, 0, :2] = np.nan
    np.save(tmp_path / "gaps.npy", heat)
    code, out, _ = run("evaluate", sample["full"], "--predicted", tmp_path / "gaps.npy", "--threshold", "0.5")
    assert (code, closing(out)[3]) == (0, ["F1", "1.0000"])
    assert "excluded: nan voxels 2\n" in out
    assert "2 of 192 voxels" in out
    np.save(tmp_path / "gaps.npy", np.full_like(heat, np.nan))
    code, _, err = run("evaluate", sample["full"], "--predicted", tmp_path / "gaps.npy", "--threshold", "0.5")
    assert (code, "gaps.npy: all 192 voxels are NaN" in err) == (2, True)


def test_segments_to_exclude_come_from_the_call_or_from_a_file(run, sample):
    Path("glia.txt").write_text("20\n18446744073709551613\n")
    for listed_ids in ("20,18446744073709551613", "glia.txt"):
        code, out, _ = run("evaluate", sample["full"], "--exclude-segments", listed_ids)
        assert (code, closing(out)[0][-1]) == (0, "1 x 1")
        assert "excluded: segments listed 1\n" in out
        assert "18446744073709551613" in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("evaluate", "{no_truth}"), ["no_truth.hdf", "volumes/labels/clefts", "neuron_ids"]),
        (("evaluate", "missing.hdf"), ["missing.hdf does not exist"]),
        (("evaluate", "{full}:volumes/raw"), ["full.hdf", "volumes/raw", "FILE:DATASET"]),
        (("evaluate", "{full}", "--predicted", "{short}"), ["short.npy", "(2, 8, 8)", "(3, 8, 8)", "crop"]),
        (("evaluate", "{full}", "--predicted", "{turned}"), ["turned.npy", "--axes xyz"]),
        (("evaluate", "{full}", "--predicted", "{fractional}"), ["fractional.npy", "1.5", "(1, 3, 3)", "--threshold"]),
        (("evaluate", "{full}", "--predicted", "{negative}"), ["negative.npy", "negative ids: 4", "(1, 3, 3)"]),
        (("evaluate", "{full}", "--predicted", "{heat}"), ["heat.npy", "--threshold"]),
        (("evaluate", "{full}", "--predicted", "{heat}", "--predicted-form", "heatmap"), ["heat.npy", "--threshold"]),
        (("evaluate", "{full}", "--predicted", "{same}", "--partner-rule", "near"), ["'near'", "all-pairs, top-pair"]),
        (("evaluate", "{full}", "--exclude-segments", "a,b"), ["'a,b'", "1,2,3"]),
        (("evaluate", "{full}", "--exclude-segments", "-1"), ["exclude-segments"]),
        (("evaluate", "{full}", "--exclude-segments", "1;" * 300), ["neither a list of ids"]),
        (("evaluate", "{full}", "--exclude-segments", "{same}"), ["same.npy is not text"]),
        (("evaluate", "{full}", "--partner-rule", "pre-post"), ["The truth is missing", "--truth PRE"]),
        (("evaluate", "{full}", "--dilation", "-1"), ["dilation", "0 or more"]),
        (("evaluate", "{full}", "--dilation", "1", "--dilation-nm", "4"), ["not allowed with"]),
        (("evaluate", "{full}", "--dilation", "100000"), ["100,000", "expected a few"]),
        (("evaluate", "{full}", "--dilation-nm", "1e9"), ["250,000,000", "expected a few"]),
        (("evaluate", "{full}", "--fail-under", "NAN"), ["'NAN' is no score", "0 to 1"]),
        (("evaluate", "{full}", "--fail-under", "90"), ["'90' is no score", "0 to 1"]),
        (("evaluate", "{full}", "--voxel-size", "4,4"), ["4,4", "Z,Y,X"]),
        (("evaluate", "{full}", "--voxel-size", "4,4,0"), ["positive"]),
        (("evaluate", "{full}", "--workers", "0"), ["1 or more"]),
        (("evaluate", "{same}", "--truth", "{same}"), ["same.npy", "--voxel-size"]),
        (("evaluate", "{full}", "--out", "{same}"), ["same.npy", "directory"]),
        (("evaluate", "{full}", "--out", "o" * 300), ["--out", "File name too long"]),
        (("evaluate", "{full}", "--out", "a\0b"), ["--out", "null"]),
        (("evaluate", ""), ["empty name"]),
        (("demo", "--out", "{same}"), ["same.npy", "Not a directory"]),
        (("evaluate", "{full}", "--min-segment-voxels", "-3"), ["min_segment_voxels is -3"]),
        (("evaluate",), ["SEG"]),
        (("evaluat",), ["invalid choice"]),
        ((), ["COMMAND"]),
        (("check", "missing.hdf"), ["missing.hdf"]),
        (("clean", "{full}", "--out", "{same}"), ["same.npy", "--overwrite"]),
        (("contacts", "{full}", "--out", "{same}"), ["same.npy", "--overwrite"]),
        (("convert", "{same}", "{heat}"), ["heat.npy", "overwrite"]),
        (("compare", "missing.csv", "missing.csv"), ["missing.csv"]),
        (("report", "nothing"), ["nothing holds no finished run"]),
        (("verify", "nothing"), ["nothing holds no finished run"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_said_in_one_paragraph(run, sample, words, expected):
    code, out, err = run(*(word.format(**sample) for word in words))
    assert code == 2
    for part in expected:
        assert part in err
    assert "\n\n" not in err
    if not err.startswith("usage:"):
        assert err.startswith("connectograph: ")
        assert err.count("\n") == 1
    assert "connectivity" not in out
    assert listed(".") == set()


def damaged(path, sample, kind):
    whole = sample["full"].read_bytes()
    content = {"truncated": whole[: len(whole) // 2], "empty": b"", "web page": b"<!DOCTYPE html><html>404</html>"}
    path.write_bytes(content[kind])
    return path


@pytest.mark.parametrize(("kind", "word"), [("truncated", "incomplete"), ("empty", "empty"), ("web page", "html")])
def test_damaged_files_are_named(run, sample, tmp_path, kind, word):
    code, _, err = run("evaluate", damaged(tmp_path / "bad.hdf", sample, kind))
    assert (code, "bad.hdf" in err, word in err.lower()) == (2, True, True)


def test_a_pickle_that_wants_more_is_refused(run, sample, tmp_path):
    class Payload:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path}/mark",)

    with lzma.open(tmp_path / "p.xz", "w") as stream:
        pickle.dump(Payload(), stream)
    code, _, err = run("evaluate", sample["full"], "--predicted", tmp_path / "p.xz")
    assert (code, "refused" in err, "system" in err, (tmp_path / "mark").exists()) == (2, True, True, False)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 3, "Interrupted"),
        (MemoryError(), 2, "not enough memory"),
        (cg.InputError("what is wrong"), 2, "connectograph: what is wrong"),
        (RuntimeError("ours"), 4, "fault of connectograph"),
    ],
    ids=repr,
)
def test_exit_codes_say_whose_fault_it_is(monkeypatch, capsys, sample, error, code, words):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr("connectograph.evaluation.job.evaluate_volumes", fail)
    assert main(["evaluate", str(sample["full"])]) == code
    err = capsys.readouterr().err
    assert words in err
    assert ("Traceback" in err) == (code == 4)


# --- the other commands ---------------------------------------------------------------------------------------------


def test_demo_and_report_and_verify(run):
    code, out, err = run("demo", "--out", "demo")
    assert (code, err) == (0, "")
    report = json.loads(Path("demo/report.json").read_text())
    paper = " ".join(" ".join(page.extract_text() for page in PdfReader("demo/report.pdf").pages).split())
    assert report["verdict"] in out
    assert report["verdict"] in paper
    for key in ("precision", "recall", "f1"):
        assert f"{report['edges'][key]:.3f}" in paper
    for error in report["worst_errors"]:
        assert error["source"] in paper
        assert error["target"] in paper
    assert Path("demo/report.pdf").stat().st_size < 8 * 2**20

    before = {name: Path("demo", name).read_bytes() for name in ("report.pdf", "report.html", "report.json")}
    assert run("report", "demo")[0] == 0
    assert {name: Path("demo", name).read_bytes() for name in before} == before
    assert run("verify", "demo")[0] == 0
    edges = pd.read_parquet("demo/tables/edges_truth.parquet")
    edges.iloc[1:].to_parquet("demo/tables/edges_truth.parquet")
    code, out, _ = run("verify", "demo")
    assert (code, "tables/edges_truth.parquet" in out) == (1, True)


def test_check_reads_and_never_writes(run, sample):
    code, out, _ = run("check", sample["full"], f"{sample['full']}:volumes/labels/clefts")
    assert (code, listed(".")) == (0, set())
    assert out.count("shape 3×8×8 (z, y, x)") == 2
    assert "2 ids other than background" in out


def test_clean_keeps_what_is_kept(run, sample, tmp_path):
    code, out, _ = run("clean", sample["full"], "--exclude-segments", "20", "--out", "clean.hdf")
    assert code == 0
    cleaned = cg.read_volume("clean.hdf", role="segmentation")
    assert np.unique(cleaned.labels[:, :, :]).tolist() == [0, 10]
    assert "kept        1 segments" in out
    assert cleaned.voxel_size == (40.0, 4.0, 4.0)


def test_contacts_as_a_table_and_as_a_volume(run, sample):
    assert run("contacts", sample["full"], "--out", "c.parquet")[0] == 0
    row = pd.read_parquet("c.parquet").iloc[0].to_dict()
    assert row == {"segment_a": 10, "segment_b": 20, "n_voxels": 48, "n_faces": 24, "area_nm2": 24 * 160.0}
    assert (
        run("contacts", sample["full"], "--synapses", f"{sample['full']}:volumes/labels/clefts", "--out", "s.csv")[0]
        == 0
    )
    assert pd.read_csv("s.csv")["n_voxels"].tolist() == [4]
    assert run("contacts", sample["full"], "--out", "c.hdf")[0] == 0
    assert int(cg.read_volume("c.hdf").labels[:, :, :].sum()) == 48


def test_convert_there_and_back(run, sample):
    words = ("convert", sample["same"], "one.hdf", "--voxel-size", "40,4,4")
    assert run(*words)[0] == 0
    assert run(*words)[0] == 2
    assert run(*words, "--overwrite")[0] == 0
    assert run("convert", "one.hdf", "back.npy")[0] == 0
    assert np.array_equal(np.load("back.npy"), np.load(sample["same"]))
    assert run("convert", sample["same"], sample["far"], "both.hdf", "--voxel-size", "40,4,4")[0] == 0
    assert run("evaluate", "both.hdf", "--predicted", sample["far"])[0] == 0


def test_compare_tables_and_matrices(run, tmp_path):
    large = 2**53 + 1
    Path("t.csv").write_text(f"source,target,n_synapses\n1,2,1\n2,{large},300\n")
    Path("p.csv").write_text(f"source,target,n_synapses\n1,2,1\n2,{large - 1},1\n")
    code, out, _ = run("compare", "t.csv", "p.csv", "--out", "run", "--no-report")
    assert code == 0
    report = json.loads(Path("run/report.json").read_text())
    assert [report["edges"][key] for key in ("tp", "fp", "fn")] == [1, 1, 1]
    assert (report["nodes"]["n_segments"], report["strict"], report["synapses"]) == (4, None, None)
    assert report["strict_reason"]
    assert report["synapses_reason"]
    assert closing(out)[0] == ["connectivity", "matrix", "4 x 4"]
    assert run("compare", "t.csv", "p.csv", "--fail-under", "0.6")[0] == 1
    Path("square.csv").write_text("0,2,0\n1,0,0\n0,0,0\n")
    assert run("compare", "square.csv", "square.csv", "--out", "square", "--no-report")[0] == 0
    assert pd.read_parquet("square/tables/edges_truth.parquet")["n_synapses"].tolist() == [3]


# --- surroundings: as a process of its own --------------------------------------------------------------------------


def process(*words, folder, **environment):
    command = [sys.executable, "-m", "connectograph", *map(str, words)]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, timeout=300, check=False
    )


SURROUNDINGS = [
    {"LC_ALL": "C", "TZ": "UTC"},
    {"LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu", "OMP_NUM_THREADS": "7"},
    {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "SLURM_CPUS_PER_TASK": "1"},
]


def test_language_clock_and_threads_change_no_byte(tmp_path):
    def run(k):
        words = ("evaluate", *PHANTOM, "--out", f"run{k}", "--no-report")
        return process(*words, folder=tmp_path, **SURROUNDINGS[k])

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(run, range(len(SURROUNDINGS))))
    assert [(each.returncode, without_log(each.stderr.decode())) for each in done] == [(0, "")] * len(SURROUNDINGS)
    assert len({tuple(each.stdout.splitlines()[-4:]) for each in done}) == 1
    for file in FILES - {"run.json"}:
        assert len({(tmp_path / f"run{k}" / file).read_bytes() for k in range(len(SURROUNDINGS))}) == 1, file


def test_characters_that_the_terminal_cannot_show_are_escaped(two_neurons, tmp_path):
    """F29: the surroundings are no reason to stop."""
    np.save(tmp_path / "a.npy", two_neurons["predicted"])
    words = ("check", "a.npy", "--voxel-size", "40,4,4")
    done = process(*words, folder=tmp_path, LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"shape 3\xd78\xd78" in done.stdout  # the sign × is not in ASCII


def test_errors_of_a_process(tmp_path):
    done = process("evaluate", "missing.hdf", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"connectograph: missing.hdf does not exist.\n"


def test_a_reader_that_went_away_is_no_fault(tmp_path):
    command = [sys.executable, "-m", "connectograph", "evaluate", *PHANTOM]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.close()
        err = child.stderr.read()
    assert b"Traceback" not in err
    assert child.returncode == 0


def test_started_workers_need_nothing_from_their_parent(two_neurons, tmp_path):
    """Processes that are spawned, not forked, import everything anew."""
    n, c, p = two_neurons.values()
    file = cremi(tmp_path / "full.hdf", n, c)
    np.save(tmp_path / "p.npy", p)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        there = pool.submit(cg.evaluate, file, predicted=tmp_path / "p.npy").result(timeout=300)
    here = cg.evaluate(file, predicted=tmp_path / "p.npy")
    assert there.report == here.report
    assert all(table.equals(here.tables[name]) for name, table in there.tables.items())


def test_check_shows_a_volume_without_voxel_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "a.npy", np.array([[[0, 3, 4]]], np.uint8))
    assert main(["check", str(tmp_path / "a.npy")]) == 0
    shown = capsys.readouterr().out
    assert "voxel size not given (--voxel-size Z,Y,X)" in shown
    assert "2 ids other than background" in shown
