"""Is it fast enough? Every row compares the library with a baseline in one run, by ratios of medians.

    python analysis/benchmarks/run.py [--quick] [--data DIR] [--out DIR] [--only GROUP]

Prints a table; with --out also writes benchmarks.csv, benchmarks.pdf and benchmarks.json (provenance).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from commands import compare_rows, evaluate_rows, import_rows
from edges import edge_rows
from measuring import Row, read_rows, run_command, script
from scale import Tiling, scale_rows

PACKAGES = (
    "connectograph",
    "numpy",
    "scipy",
    "pandas",
    "h5py",
    "numba",
    "connected-components-3d",
    "scikit-image",
    "networkx",
    "deflate",
)


@dataclass(frozen=True)
class Case:
    """How large everything is, and how often it is done; of graphs, "neurons,edges"."""

    shape: str
    n_segments: int
    n_synapses: int
    n_planes: int
    n_oracle: int
    circuit: str
    brain: str
    n_swaps: int
    n_edges: int
    repeats: int
    scale: tuple[Tiling, Tiling]


FULL = Case(
    "125,1250,1250", 9_000, 600, n_planes=64, n_oracle=40,
    circuit="5000,20000", brain="130000,2700000", n_swaps=2_000, n_edges=15_000_000, repeats=3,
    scale=(Tiling("128,640,640", "1,2,2", 2250, 150), Tiling("128,640,640", "10,2,2", 2250, 150)),
)  # fmt: skip
QUICK = Case(
    "26,314,314", 250, 60, n_planes=8, n_oracle=6,
    circuit="300,1500", brain="2000,20000", n_swaps=100, n_edges=200_000, repeats=1,
    scale=(Tiling("32,160,160", "1,2,2", 40, 8), Tiling("32,160,160", "10,2,2", 40, 8)),
)  # fmt: skip
GROUPS = ("imports", "commands", "voxels", "edges", "motifs", "scale")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmarks; 0 whether or not targets are met: a busy machine is no failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small case, without targets: shows that all runs")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the generated files here, and find them again")
    parser.add_argument("--out", type=Path, metavar="DIR")
    parser.add_argument("--only", choices=GROUPS, metavar="GROUP", help=f"of {', '.join(GROUPS)}")
    options = parser.parse_args(argv)
    case = QUICK if options.quick else FULL
    start = describe_machine()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.data or Path(temporary)).resolve() / case.shape.replace(",", "x")
        rows = []
        for row in measure(case, folder, options.only):
            rows.append(replace(row, target=None) if options.quick else row)
            print(format_row(rows[-1]), flush=True)
    if options.out:
        write_results(options.out, rows, {**start, "case": asdict(case)})
    return 0


def measure(case: Case, folder: Path, only: str | None) -> Iterator[Row]:
    """All rows, or those of one group."""
    counts = (str(case.repeats), str(case.n_planes), str(case.n_oracle))
    groups: dict[str, Callable[[], Iterator[Row]]] = {
        "imports": lambda: import_rows(max(case.repeats, 3)),
        "commands": lambda: evaluate_rows(keep_phantom(folder, case), case.shape.replace(",", "x"), case.repeats),
        "voxels": lambda: read_rows("voxels.py", keep_phantom(folder, case), *counts),
        "edges": lambda: chain(edge_rows(case.n_edges, case.repeats), compare_rows(case.brain, case.repeats)),
        "motifs": lambda: read_rows("triads.py", case.circuit, case.brain, str(case.n_swaps), str(case.repeats)),
        "scale": lambda: scale_rows(folder, *case.scale),
    }
    for name in GROUPS:
        if only in (None, name):
            yield from groups[name]()


def keep_phantom(folder: Path, case: Case) -> Path:
    """The folder, with the phantom's files."""
    if not (folder / "prediction.xz").exists():
        run_command(*script("phantom_files.py", folder, case.shape, str(case.n_segments), str(case.n_synapses)))
    return folder


def format_row(row: Row) -> str:
    """One line for the terminal."""
    verdict = {None: "", True: "met", False: "MISSED"}[row.met]
    sign = ">=" if row.measure == "times faster" else "<="
    target = "" if row.target is None else f"{sign} {row.target:g}"
    times = f"{row.ours.seconds:.3f} s, baseline {row.baseline.seconds:.3f} s"
    return f"{row.job:36} {row.value:9.3f} {row.measure:16} {target:8} {verdict:7} ({times}; {row.against}; {row.size})"


def describe_machine() -> dict[str, Any]:
    """When and where, and how busy it was."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "versions": {name: version(name) for name in PACKAGES},
    }


def write_results(folder: Path, rows: list[Row], provenance: dict[str, Any]) -> None:
    """CSV, figure and provenance."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "benchmarks.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ["job", "against", "size", "measure", "value", "target", "met", "ours_s", "baseline_s", "ours_mib",
             "baseline_mib", "repeats", "note"]
        )  # fmt: skip
        for row in rows:
            seconds, peaks = zip(*((cost.seconds, cost.peak_mib) for cost in (row.ours, row.baseline)), strict=True)
            writer.writerow(
                [row.job, row.against, row.size, row.measure, row.value, row.target, row.met, *seconds, *peaks,
                 row.repeats, row.note]
            )  # fmt: skip
    (folder / "benchmarks.json").write_text(json.dumps(provenance, indent=2) + "\n")
    draw(rows, folder / "benchmarks.pdf")


def draw(rows: list[Row], path: Path) -> None:
    """How far each row is on the good side of its target (1: just met)."""
    from matplotlib.figure import Figure

    judged = [row for row in rows if row.target is not None]
    margins = [
        row.value / row.target if row.measure == "times faster" else row.target / row.value
        for row in judged
        if row.target
    ]
    figure = Figure(figsize=(8, 1.5 + 0.3 * len(judged)), layout="constrained")
    axes = figure.add_subplot()
    axes.barh([row.job for row in judged], margins, color=["C0" if row.met else "C3" for row in judged])
    axes.axvline(1, color="black", linewidth=1)
    axes.set(xscale="log", xlabel="margin to the target (1: just met, more is better)")
    axes.invert_yaxis()
    figure.savefig(path, metadata={"CreationDate": None})


if __name__ == "__main__":
    raise SystemExit(main())
