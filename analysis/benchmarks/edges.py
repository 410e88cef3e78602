"""Two connectomes of 15 million edges each: aligned, scored, with intervals over neurons; against one outer merge.

    python analysis/benchmarks/edges.py [--quick] [--out DIR]

Ours is ``align``, ``compare_edges`` and ``edge_intervals``; the baseline is ``pandas.merge(how="outer")`` of the same
tables, which gives no score yet. Either runs in a process of its own, which reads the tables (source, target,
n_synapses), warms up on a few rows, and then takes its time; the peak memory is that of the whole process, tables and
interpreter included. Tables are sorted by (source, target), as all tables of the library are, or shuffled. Prints the
rows; with --out also writes edges.csv, edges.pdf and edges.json (provenance).
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from measuring import Cost, Row, alternate, make_row, script

SEED = 7
FULL, QUICK = 15_000_000, 200_000
NODES_PER_EDGE = 130_000 / 15_000_000
COLUMNS = ("source", "target", "n_synapses")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0 whether or not targets are met: a busy machine is no failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small tables, without targets: shows that all runs")
    parser.add_argument("--out", type=Path, metavar="DIR")
    parser.add_argument("--task", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.task:
        name, folder = options.task
        print(json.dumps(TASKS[name](Path(folder))))
        return 0
    rows = list(edge_rows(QUICK if options.quick else FULL, repeats=1 if options.quick else 3))
    for row in rows:
        print(f"{row.job:34} {row.value:8.2f} {row.measure:14} target {row.target}  {row.ours}  {row.baseline}")
    if options.out:
        write_results(options.out, rows)
    return 0


def edge_rows(n_edges: int, repeats: int) -> Iterator[Row]:
    """Times and peak memory, of sorted and of shuffled tables."""
    full = n_edges == FULL
    for order, target in (("sorted", 4.0), ("shuffled", None)):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "settings.json").write_text(json.dumps({"n_edges": n_edges, "order": order}))
            run_task("make", folder)
            runs: dict[str, Callable[[], Cost]] = {
                name: partial(time_task, name, folder) for name in ("ours", "baseline")
            }
            costs = alternate(runs, repeats)
        job, size = f"edge comparison, {order}", f"{n_edges:,} x {n_edges:,} edges"
        for measure, bound in (("times faster", target), ("peak MiB", 2560.0)):
            yield make_row(job, "pandas outer merge", size, measure, bound if full else None, costs, repeats)


def run_task(name: str, folder: str) -> dict[str, Any]:
    """What a task says, run in a process of its own: its memory must not be inherited."""
    command = [str(part) for part in script("edges.py", "--task", name, folder)]
    result: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return result


def time_task(name: str, folder: str) -> Cost:
    """Cost of a task; its answer must be the one that was written by whoever ran first."""
    result = run_task(name, folder)
    known = Path(folder) / "answer.json"
    if known.exists() and json.loads(known.read_text()) != result["answer"]:
        raise SystemExit(f"{name} finds {result['answer']}, the other {known.read_text()}")
    known.write_text(json.dumps(result["answer"]))
    return Cost(result["seconds"], result["peak_mib"])


def make_tables(folder: Path) -> dict[str, Any]:
    """Truth and prediction that share five sixths of their edges; some neurons have far more than others."""
    import numpy as np

    settings = json.loads((folder / "settings.json").read_text())
    n_edges = settings["n_edges"]
    n_nodes = max(100, int(n_edges * NODES_PER_EDGE))
    rng = np.random.default_rng(SEED)
    ids = np.sort(rng.choice(2**50, n_nodes, replace=False).astype(np.uint64))
    share = np.cumsum(rng.lognormal(0, 1, n_nodes))
    keys = np.empty(0, np.int64)
    while len(keys) < n_edges * 6 // 5:
        draws = np.searchsorted(share, rng.random((2, n_edges // 2)) * share[-1])
        keys = np.sort(np.concatenate([keys, (draws[0] * n_nodes + draws[1])[draws[0] != draws[1]]]))
        keys = keys[np.append(True, keys[1:] != keys[:-1])]
    for name in ("truth", "predicted"):
        chosen = rng.choice(len(keys), n_edges, replace=False)
        source, target = np.divmod(keys[chosen if settings["order"] == "shuffled" else np.sort(chosen)], n_nodes)
        columns = (ids[source], ids[target], rng.geometric(0.4, n_edges))
        np.savez(folder / f"{name}.npz", **dict(zip(COLUMNS, columns, strict=True)))
    return {}


def compare_tables(folder: Path) -> dict[str, Any]:
    """The library."""
    import connectograph as cg
    from connectograph.uncertainty import edge_intervals

    def job(truth: Any, predicted: Any) -> dict[str, int]:
        both = cg.align(truth, predicted, directed=True)
        score = cg.compare_edges(both)
        edge_intervals(both)
        return {"tp": score.tp, "fp": score.fp, "fn": score.fn}

    return time_job(job, folder)


def merge_tables(folder: Path) -> dict[str, Any]:
    """pandas; the counts are made after the clock has stopped."""

    def job(truth: Any, predicted: Any) -> Any:
        return truth.merge(predicted, on=["source", "target"], how="outer", suffixes=("_truth", "_predicted"))

    result = time_job(job, folder)
    merged = result["answer"]
    in_truth, in_predicted = (merged[f"n_synapses_{side}"].notna() for side in ("truth", "predicted"))
    tp = int((in_truth & in_predicted).sum())
    result["answer"] = {"tp": tp, "fp": int(in_predicted.sum()) - tp, "fn": int(in_truth.sum()) - tp}
    return result


def time_job(job: Callable[[Any, Any], Any], folder: Path) -> dict[str, Any]:
    """Read the tables, warm up, run; seconds, peak memory of this process so far, and the answer."""
    import numpy as np
    import pandas as pd

    tables = []
    for name in ("truth", "predicted"):
        with np.load(folder / f"{name}.npz") as columns:
            tables.append(pd.DataFrame({column: columns[column] for column in COLUMNS}, copy=False))
    job(*(table.head(1000) for table in tables))
    start = time.perf_counter()
    answer = job(*tables)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return {"seconds": seconds, "peak_mib": peak, "answer": answer}


def write_results(folder: Path, rows: Sequence[Row]) -> None:
    """CSV, figure and provenance."""
    from importlib.metadata import version

    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "edges.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ["job", "size", "measure", "value", "target", "ours_s", "baseline_s", "ours_mib", "baseline_mib"]
        )
        for row in rows:
            seconds, peaks = zip(*((cost.seconds, cost.peak_mib) for cost in (row.ours, row.baseline)), strict=True)
            writer.writerow([row.job, row.size, row.measure, row.value, row.target, *seconds, *peaks])
    figure = Figure(figsize=(6, 2.4), layout="constrained")
    axes = figure.add_subplot()
    faster = [row for row in rows if row.measure == "times faster"]
    axes.barh([row.job for row in faster], [row.value for row in faster])
    axes.axvline(4, color="black", linewidth=1)
    axes.set(xlabel="times faster than pandas (line: the target)")
    figure.savefig(folder / "edges.pdf", metadata={"CreationDate": None})
    versions = {name: version(name) for name in ("connectograph", "numpy", "pandas", "numba")}
    provenance = {
        "seed": SEED,
        "python": platform.python_version(),
        "system": platform.platform(),
        "versions": versions,
    }
    (folder / "edges.json").write_text(json.dumps(provenance, indent=2) + "\n")


TASKS = {"make": make_tables, "ours": compare_tables, "baseline": merge_tables}

if __name__ == "__main__":
    raise SystemExit(main())
