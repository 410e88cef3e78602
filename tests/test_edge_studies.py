"""The studies run as people run them, and write what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ANALYSIS = Path(__file__).resolve().parents[1] / "analysis"


def run(script, folder):
    done = subprocess.run(
        [sys.executable, ANALYSIS / script, "--quick", "--out", folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    name = Path(script).stem
    assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    assert "numpy" in json.loads((folder / f"{name}.json").read_text())["versions"]
    return pd.read_csv(folder / f"{name}.csv"), done.stdout


@pytest.mark.slow
def test_coverage_of_intervals(tmp_path):
    table, printed = run("interval_coverage.py", tmp_path)
    assert set(table["score"]) == {"precision", "recall", "f1"}
    assert set(table["spread"]) == {0.0, 1.0}
    assert table["coverage"].between(0.7, 1).all()
    assert all(name in printed for name in table.columns)


@pytest.mark.slow
def test_which_measure_sees_which_error(tmp_path):
    table, printed = run("metric_sensitivity.py", tmp_path)
    assert table.groupby("error")["measure"].nunique().eq(18).all()
    f1 = table[table["measure"] == "F1"]
    assert f1["mean"].between(0.78, 0.92).all(), "all errors at the same F1"
    lost = table[table["error"].str.startswith("lose") & (table["measure"] == "precision")]
    assert lost["mean"].eq(1).all(), "what is lost makes no false edge"
    panel = pd.read_csv(tmp_path / "metric_sensitivity_panel.csv").set_index("measure")
    assert panel.loc[["precision", "recall", "F1"], "separated_precision_recall"].eq(0).all()
    assert panel["panel"].max() >= 1
    assert all(measure in printed for measure in panel.index)


@pytest.mark.slow
def test_from_which_rate_on_errors_are_seen(tmp_path):
    table, printed = run("dose_response.py", tmp_path)
    assert len(table) == 20, "ten kinds of errors at two rates"
    assert table.filter(like="stands: ").stack().between(0, 1).all()
    limits = pd.read_csv(tmp_path / "dose_response_limits.csv").set_index(["error", "measure"])
    assert limits.loc[("lose any", "recall"), "detection_limit"] == 0.08, "at the smallest rate that was tried"
    assert limits["detection_limit"].xs("precision", level="measure").filter(like="lose").isna().all()
    assert limits.loc[("lose any", "recall"), "monotony"] < -0.8
    conclusions = pd.read_csv(tmp_path / "dose_response_conclusions.csv")
    assert (conclusions.groupby("conclusion").size() == 18).all(), "the choice, and all measures but the same thing"
    chosen = conclusions[conclusions["measure"] != "the one chosen"].groupby("conclusion")["times_chosen"].sum()
    assert chosen.eq(120).all(), "three of ten kinds of errors held out"
    assert all(conclusion in printed for conclusion in chosen.index)


@pytest.mark.slow
def test_what_dilation_size_and_rule_change(tmp_path):
    table, printed = run("dilation_and_size.py", tmp_path)
    assert len(table) == 8, "two dilations, two sizes, two rules"
    edges = table.pivot_table("truth_edges", ["dilation", "min_segment_voxels"], "partner_rule")
    assert (edges["top-pair"] <= edges["all-pairs"]).all(), "one pair a synapse, and not all"
    assert printed.count("phantom") == 4, "the base, and each setting changed alone"


@pytest.mark.slow
def test_how_time_and_memory_grow(tmp_path):
    table, printed = run("scaling.py", tmp_path)
    measured = table[table["kind"] == "measured"].set_index(["volume", "engine", "workers"])
    assert set(measured.index.get_level_values("engine")) == {"threads", "processes", "dask"}
    small, large = (measured.loc[(volume, "threads", 2)] for volume in ("32x320x320", "320x320x320"))
    assert (large[["voxels", "n_segments", "n_synapses"]] == 10 * small[["voxels", "n_segments", "n_synapses"]]).all()
    assert measured["peak_mib"].between(50, 1331).all()
    paper = table[table["kind"] == "on paper"]
    assert (paper["voxels"] * [640, 2560]).tolist() == [1e18, 1e18]
    assert paper["n_synapses"].iloc[0] == pytest.approx(1e18 / 640 * 32 / small["voxels"], rel=1e-4)
    assert "1 mm3" in printed
