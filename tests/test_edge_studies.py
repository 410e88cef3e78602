"""The study of intervals runs as people run it, and writes what it says."""

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
