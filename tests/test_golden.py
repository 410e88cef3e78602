"""Every row that the reference laboratory pipeline printed, through Python and through the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

import connectograph as cg
from connectograph.cli import main

HERE = Path(__file__).resolve().parent / "golden"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "golden"
CASES = [("phantom_a", 1, 50), ("phantom_a", 3, 50), ("phantom_b", 1, 50), ("phantom_b", 3, 50)]
CASES += [("pinky_a", 1, 50), ("pinky_a", 3, 50), ("pinky_a", 8, 500)]


def folder_of(name):
    return HERE if name.startswith("phantom") else SHARED


@pytest.fixture(params=CASES, ids=lambda case: "{}_d{}_t{}".format(*case))
def golden(request):
    """The printed results with the files that they were made from."""
    name, dilation, minimum = request.param
    file = folder_of(name) / f"{name}_d{dilation}_t{minimum}.json"
    if not file.exists():
        pytest.skip(f"{name} is real data that is not part of the repository")
    return {**json.loads(file.read_bytes()), "name": name}


@cache
def evaluate(name, dilation, minimum):
    folder = folder_of(name)
    return cg.evaluate(
        folder / f"{name}.hdf",
        predicted=folder / f"{name}_pred.xz",
        dilation=dilation,
        min_segment_voxels=minimum,
        contactome=True,
    )


def rows(table, *columns):
    return [list(row) for row in zip(*(table[column].tolist() for column in columns), strict=True)]


def check_tables(tables, golden):
    segments = tables["segments"]
    kept = segments.loc[segments["status"] == "kept", "segment_id"].tolist()
    assert kept == sorted(golden["segments"])
    assert len(kept) == golden["n_segments"]
    for side in ("truth", "predicted"):
        found = rows(tables[f"synapse_contacts_{side}"], "synapse_id", "segment_a", "segment_b", "n_voxels")
        assert found == sorted(golden[side])
        assert rows(tables[f"links_{side}"], "synapse_id", "source", "target", "n_voxels") == found
        pairs = sorted({(a, b) for _, a, b, _ in golden[side]})
        assert rows(tables[f"edges_{side}"], "source", "target") == [list(pair) for pair in pairs]
    contactome = tables["contactome"]
    overlapping = contactome[contactome["n_voxels"] > 0]
    assert rows(overlapping, "segment_a", "segment_b", "n_voxels") == sorted(golden["contactome"])


def test_python(golden):
    ev = evaluate(golden["name"], golden["dilation_voxels"], golden["min_segment_voxels"])
    check_tables(ev.tables, golden)
    assert (ev.edges.precision, ev.edges.recall, ev.edges.f1) == (golden["precision"], golden["recall"], golden["f1"])
    assert ev.report["nodes"]["n_segments"] == golden["n_segments"] == len(ev.truth_graph) == len(ev.predicted_graph)


def command_of(golden, out):
    files = folder_of(golden["name"])
    return [
        "evaluate", str(files / f"{golden['name']}.hdf"), "--predicted", str(files / f"{golden['name']}_pred.xz"),
        "--dilation", str(golden["dilation_voxels"]), "--min-segment-voxels", str(golden["min_segment_voxels"]),
        "--contactome", "--no-report", "--out", str(out),
    ]  # fmt: skip


def test_command_line_and_files(golden, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(command_of(golden, out)) == 0
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    check_run(printed.out, out, golden)


def test_command_line_as_a_process(tmp_path):
    golden = {**json.loads((HERE / "phantom_b_d3_t50.json").read_bytes()), "name": "phantom_b"}
    command = [sys.executable, "-m", "connectograph", *command_of(golden, tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    check_run(done.stdout, tmp_path / "run", golden)


def check_run(printed, out, golden):
    """What was printed and what lies on disk."""
    size = golden["n_segments"]
    values = [f"{golden[key]:.4f}" for key in ("precision", "recall", "f1")]
    closing = [line.split() for line in printed.splitlines()[-4:]]
    assert closing == [
        ["connectivity", "matrix", str(size), "x", str(size)],
        *([name, value] for name, value in zip(("precision", "recall", "F1"), values, strict=True)),
    ]
    check_tables({file.stem: pd.read_parquet(file) for file in (out / "tables").glob("*.parquet")}, golden)
    report = json.loads((out / "report.json").read_bytes())
    assert [report["edges"][key] for key in ("precision", "recall", "f1")] == [
        golden[key] for key in ("precision", "recall", "f1")
    ]


def test_the_two_doors_lead_to_the_same_bytes(tmp_path):
    evaluate("phantom_a", 1, 50).write(tmp_path / "a", reports=False)
    again = cg.evaluate(
        HERE / "phantom_a.hdf",
        predicted=cg.read_volume(HERE / "phantom_a_pred.xz", voxel_size=(40, 4, 4)),
        min_segment_voxels=50,
        contactome=True,
        workers=1,
    )
    again.write(tmp_path / "b", reports=False)
    names = sorted(file.relative_to(tmp_path / "a") for file in (tmp_path / "a").rglob("*") if file.is_file())
    assert names == sorted(file.relative_to(tmp_path / "b") for file in (tmp_path / "b").rglob("*") if file.is_file())
    for name in names:
        if name.name != "run.json":
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
