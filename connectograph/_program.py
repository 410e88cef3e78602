"""Processes that do one thing and end, the command and those that help it, and the cores that they may use.

Nothing that takes long to import is imported here.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from subprocess import Popen

__all__ = ["begin_program", "default_workers", "start_helper"]


def begin_program() -> None:
    """Look for garbage seldom, let threads take turns often, and have numpy start none of its own.

    A process that ends soon need not look for garbage among all that it imports and compiles, which takes a tenth of
    its time; threads that inflate while others import should not wait five times as long for their turn; and the
    threads that OpenBLAS starts when numpy is imported wait for matrices by keeping the cores busy. Nothing here
    multiplies large ones. A number of threads that is set already stands, and helpers inherit it.
    """
    gc.set_threshold(1_000_000, 20, 100)
    sys.setswitchinterval(0.001)  # seconds
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def default_workers() -> int:
    """Number of workers to use: the CPUs this process may run on, and no more than SLURM granted.

    Examples
    --------
    >>> default_workers() >= 1
    True
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    granted = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return max(1, min(allowed, int(granted)) if granted.isdecimal() else allowed)


def start_helper(module: str, *arguments: str, answers: bool = False) -> Popen[bytes]:
    """Run a module of this very package in another process, whatever lies in the working directory.

    Parameters
    ----------
    module : str
    *arguments : str
    answers : bool
        Whether it is asked through its stdin and answers through its stdout; else both lead nowhere, like its stderr.

    Returns
    -------
    subprocess.Popen
    """
    import subprocess

    here = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    stream = subprocess.PIPE if answers else subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=stream,
        stdout=stream,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"},
    )
