"""The benchmarks run as people run them, and write what they say."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parents[1] / "analysis" / "benchmarks" / "run.py"


@pytest.mark.parametrize(
    ("group", "jobs"),
    [
        ("imports", ["import connectograph", "connectograph --help"]),
        pytest.param(
            "voxels",
            [
                "synapse contacts, dilation 1",
                "contactome, faces",
                "contactome, dilation 1",
                "contactome, dilation 0, 2 threads",
                "contactome, dilation 1, 2 threads",
                "components of a mask",
                "components of a mask",
            ],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "edges",
            [
                "edge comparison, sorted",
                "edge comparison, sorted, memory",
                "edge comparison, shuffled",
                "edge comparison, shuffled, memory",
                "compare, all measures",
                "compare, all measures, memory",
            ],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "motifs",
            [
                "triad census of a table",
                "triad census of a DiGraph",
                "triad census",
                "triad census, time",
                "comparison of motifs",
                "random graphs, per switch",
            ],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "scale",
            [
                "evaluate, time per voxel",
                "evaluate, processor time per voxel",
                "evaluate from Zarr, memory",
                "evaluate from Zarr, memory",
                "evaluate, processes",
                "evaluate, dask",
                "evaluate, dask",
            ],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_group_of_rows_is_measured_and_written(group: str, jobs: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, RUN, "--quick", "--only", group, "--out", tmp_path], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "benchmarks.csv").read_text().splitlines()))
    assert [row["job"] for row in rows] == jobs
    assert all(job in done.stdout for job in jobs)
    for row in rows:
        ours, baseline = float(row["ours_s"]), float(row["baseline_s"])
        expected = {
            "times faster": baseline / ours,
            "ours / baseline": ours / baseline,
            "seconds": ours,
            "peak MiB": float(row["ours_mib"] or 0),
        }
        assert float(row["value"]) == pytest.approx(expected[row["measure"]])
        assert row["target"] == "", "a small case is not judged"
    assert "numpy" in json.loads((tmp_path / "benchmarks.json").read_text())["versions"]
    assert (tmp_path / "benchmarks.pdf").read_bytes().startswith(b"%PDF")
