"""Rows of whole commands, each in a fresh process: evaluate, compare, their peak memory, importing, --help."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measuring import Cost, Row, alternate, make_row, run_command, script

READING = "h5py [:] of both volumes and lzma of the prediction, one thread, fresh process"
COMMAND = (sys.executable, "-m", "connectograph")


def evaluate_rows(folder: Path, size: str, repeats: int) -> Iterator[Row]:
    """Whole commands against merely reading the files; compiled kernels and the files are in their caches."""
    evaluate_cold(folder, report=True)
    runs = {
        "baseline": lambda: run_command(*script("read_files.py", folder)),
        "ours": lambda: evaluate_cold(folder, report=False),
        "report": lambda: evaluate_cold(folder, report=True),
    }
    costs = alternate(runs, repeats)
    with_report = {**costs, "ours": costs["report"]}
    warm = {**costs, "ours": _evaluate_warm(folder, repeats)}
    yield make_row("evaluate --no-report, cold process", READING, size, "ours / baseline", 0.3, costs, repeats)
    yield make_row("evaluate, warm process", READING, size, "ours / baseline", 0.15, warm, repeats)
    yield make_row("evaluate with PDF and HTML", READING, size, "ours / baseline", 0.8, with_report, repeats)
    yield make_row("evaluate --no-report, memory", "1 GiB", size, "peak MiB", 1024, costs, repeats)
    yield make_row("evaluate with PDF and HTML, memory", "1 GiB", size, "peak MiB", 1024, with_report, repeats)


def evaluate_cold(folder: Path, *, report: bool) -> Cost:
    """The whole command, with everything it writes."""
    with tempfile.TemporaryDirectory() as out:
        return run_command(
            *COMMAND, "evaluate", folder / "case.hdf", "--predicted", folder / "prediction.xz", "--dilation", "1",
            "--out", Path(out) / "run", *([] if report else ["--no-report"]),
        )  # fmt: skip


def _evaluate_warm(folder: Path, repeats: int) -> Cost:
    output = subprocess.run(
        [*map(str, script("warm_evaluate.py", folder, str(repeats)))], check=True, capture_output=True, text=True
    )
    return Cost(float(output.stdout))


def compare_rows(size: str, repeats: int) -> Iterator[Row]:
    """Two connectomes compared by every measure, with intervals, from file to terminal."""
    against = "pandas: both files read and merged, fresh process"
    merge = "import sys, pandas as pd; a, b = map(pd.read_parquet, sys.argv[1:]); "
    merge += "a.merge(b, on=['source', 'target'], how='outer')"
    with tempfile.TemporaryDirectory() as temporary:
        files = [Path(temporary) / f"{name}.parquet" for name in ("truth", "predicted")]
        run_command(*script("connectome_files.py", temporary, size))
        runs = {
            "baseline": lambda: run_command(sys.executable, "-c", merge, *files),
            "ours": lambda: run_command(*COMMAND, "compare", *files, "--directed"),
        }
        costs = alternate(runs, repeats)
    shown = "{:,} neurons, {:,} edges".format(*map(int, size.split(",")))
    yield make_row("compare, all measures", against, shown, "seconds", 60, costs, repeats)
    yield make_row("compare, all measures, memory", against, shown, "peak MiB", 4096, costs, repeats)


def import_rows(repeats: int) -> Iterator[Row]:
    """Start-up, against importing what most scripts of the field import."""
    against = "import numpy, pandas, networkx"
    runs = {
        "baseline": lambda: run_command(sys.executable, "-c", against),
        "import": lambda: run_command(sys.executable, "-c", "import connectograph"),
        "help": lambda: run_command(*COMMAND, "--help"),
    }
    costs = alternate(runs, repeats)
    for job, name in (("import connectograph", "import"), ("connectograph --help", "help")):
        chosen = {**costs, "ours": costs[name]}
        yield make_row(job, against, "", "ours / baseline", None, chosen, repeats)
