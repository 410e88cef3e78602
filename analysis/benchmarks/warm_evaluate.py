"""Evaluate a case again in a process that did it before: python warm_evaluate.py FOLDER REPEATS; seconds on stdout."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

from measuring import time_call

import connectograph as cg


def evaluate(folder: Path) -> None:
    """As the command of the cold rows does, without writing."""
    cg.evaluate(str(folder / "case.hdf"), predicted=str(folder / "prediction.xz"), dilation=1)


if __name__ == "__main__":
    case = Path(sys.argv[1])
    evaluate(case)
    print(median(time_call(lambda: evaluate(case)).seconds for _ in range(int(sys.argv[2]))))
