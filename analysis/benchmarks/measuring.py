"""Times and peak memories of commands and calls, and the rows they make. Only the standard library is used here.

The process that starts the commands stays small: on Linux, a command inherits the peak memory of whoever starts it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

__all__ = ["Cost", "Row", "alternate", "make_row", "read_rows", "run_command", "script", "time_call"]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


@dataclass(frozen=True)
class Cost:
    """What a run took; peak memory and processor time are None where they were not measured."""

    seconds: float
    peak_mib: float | None = None
    cpu_seconds: float | None = None


@dataclass(frozen=True)
class Row:
    """One comparison. `measure` says what `value` is; `target` bounds it: above for "times faster", else below."""

    job: str
    against: str
    size: str
    measure: str
    value: float
    target: float | None
    ours: Cost
    baseline: Cost
    repeats: int
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.measure == "times faster" else self.value <= self.target


def make_row(
    job: str, against: str, size: str, measure: str, target: float | None, costs: Mapping[str, Cost], repeats: int,
    note: str = "",
) -> Row:  # fmt: skip
    """Row from the costs of "ours" and "baseline"."""
    ours, baseline = costs["ours"], costs["baseline"]
    value = {
        "ours / baseline": ours.seconds / baseline.seconds,
        "times faster": baseline.seconds / ours.seconds,
        "seconds": ours.seconds,
        "peak MiB": ours.peak_mib or 0.0,
    }[measure]
    return Row(job, against, size, measure, value, target, ours, baseline, repeats, note)


def alternate(runs: Mapping[str, Callable[[], Cost]], repeats: int) -> dict[str, Cost]:
    """Run all in turn, `repeats` times; of each the median time and the largest peak."""
    costs: dict[str, list[Cost]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            costs[name].append(run())
    return {
        name: Cost(median(c.seconds for c in done), max((c.peak_mib for c in done if c.peak_mib), default=None))
        for name, done in costs.items()
    }


def time_call(function: Callable[[], Any]) -> Cost:
    """Time of a call in this process."""
    start = time.perf_counter()
    function()
    return Cost(time.perf_counter() - start)


def run_command(*command: str | Path) -> Cost:
    """Time and peak memory of a fresh process, whole; its output is thrown away unless it fails.

    It may keep its bytecode as users' processes do, else every one would compile its modules anew.
    """
    keeping = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen([*map(str, command)], stdout=output, stderr=output, cwd=ROOT, env=keeping)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{output.read().decode(errors='replace')}")
    peak = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return Cost(seconds, peak, usage.ru_utime + usage.ru_stime)


def script(name: str, *arguments: str | Path) -> Sequence[str | Path]:
    """Command that runs a file of this folder."""
    return [sys.executable, HERE / name, *arguments]


def read_rows(name: str, *arguments: str | Path) -> Iterator[Row]:
    """Rows that a file of this folder prints as JSON, in a process of its own, so that this one stays small."""
    command = [*map(str, script(name, *arguments))]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    for row in json.loads(output.stdout):
        yield Row(**{**row, "ours": Cost(**row["ours"]), "baseline": Cost(**row["baseline"])})
