"""Two connectomes of 15 million edges each: aligned, scored, with intervals over neurons; against one outer merge.

    python edges.py TASK FOLDER

Ours is ``align``, ``compare_edges`` and ``edge_intervals``; the baseline is ``pandas.merge(how="outer")`` of the same
tables, which gives no score yet. Either runs in a process of its own, which reads the tables (source, target,
n_synapses), warms up on a few rows, and then takes its time; the peak memory is that of the whole process, tables and
interpreter included. Tables are sorted by (source, target), as all tables of the library are, or shuffled. A task
prints what it found as JSON.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from measuring import Cost, Row, alternate, make_row, script

SEED = 7
NODES_PER_EDGE = 130_000 / 15_000_000
COLUMNS = ("source", "target", "n_synapses")


def edge_rows(n_edges: int, repeats: int) -> Iterator[Row]:
    """Times and peak memory, of sorted and of shuffled tables."""
    for order, target in (("sorted", 4.0), ("shuffled", None)):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "settings.json").write_text(json.dumps({"n_edges": n_edges, "order": order}))
            run_task("make", folder)
            runs: dict[str, Callable[[], Cost]] = {
                name: partial(time_task, name, folder) for name in ("ours", "baseline")
            }
            costs = alternate(runs, repeats)
        job, size = f"edge comparison, {order}", f"{n_edges:,} x {n_edges:,} edges"
        for suffix, measure, bound in (("", "times faster", target), (", memory", "peak MiB", 2560.0)):
            yield make_row(job + suffix, "pandas outer merge", size, measure, bound, costs, repeats)


def run_task(name: str, folder: str) -> dict[str, Any]:
    """What a task says, run in a process of its own: its memory must not be inherited."""
    command = [str(part) for part in script("edges.py", name, folder)]
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


TASKS = {"make": make_tables, "ours": compare_tables, "baseline": merge_tables}

if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](Path(sys.argv[2]))))
