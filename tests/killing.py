"""Runs that are killed with -9 again and again, then resumed: does anything differ from a run left in peace?

    python killing.py FOLDER N_KILLS SEED ENGINE

FOLDER holds seg.hdf (with clefts) and pred.hdf. Every run is a forked process, so that nothing has to be loaded anew.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import signal
import sys
import time
from pathlib import Path

from connectograph.cli import main
from connectograph.io import checkpoints

checkpoints.EVERY_SECONDS = checkpoints.LARGEST_SHARE = 0.0


def command(folder: Path, out: str, *more: str) -> list[str]:
    files = (str(folder / "seg.hdf"), "--predicted", str(folder / "pred.hdf"), "--threshold", "0.5")
    options = ("--contactome", "--split-disconnected", "--min-segment-voxels", "20", "--no-report", "--workers", "2")
    return ["evaluate", *files, *options, "--out", str(folder / out), *more]


def run(arguments: list[str], deadline: float | None = None) -> int:
    """Exit code of a run in a process of its own; the signal as a negative number if it was killed in time."""
    child = os.fork()
    if child == 0:
        code = 4
        with contextlib.redirect_stdout(io.StringIO()):
            code = main(arguments)
        os._exit(code)
    if deadline is not None:
        time.sleep(deadline)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def contents(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != "run.json")
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def try_all(folder: Path, n_kills: int, seed: int, engine: str) -> None:
    """Print how many runs were killed before their end, and how many were taken up again."""
    chance = random.Random(seed)
    with contextlib.redirect_stdout(io.StringIO()):
        main(command(folder, "warm"))  # kernels are loaded here once, for all forks
    start = time.monotonic()
    if run(command(folder, "calm", "--engine", engine)) != 0:
        raise SystemExit("the run left in peace failed")
    seconds = time.monotonic() - start
    expected = contents(folder / "calm")
    killed = kept = 0
    while killed < n_kills:
        out = f"killed-{killed}"
        code = run(command(folder, out, "--engine", engine), chance.uniform(0.0, 0.9) * seconds)
        killed += code == -signal.SIGKILL
        kept += any((folder / out).glob(".connectograph/blocks/*/*.npz"))
        if chance.random() < 0.3:
            run(command(folder, out, "--resume", "--engine", engine), chance.uniform(0.0, 0.9) * seconds)
        again = run(command(folder, out, "--resume", "--engine", chance.choice(["threads", engine])))
        if again != 0 or contents(folder / out) != expected:
            raise SystemExit(f"run {out}: exit code {again}, or other bytes than the run left in peace")
        if (folder / out / ".connectograph").exists():
            raise SystemExit(f"run {out}: what was kept is still there")
        if code == 0:
            seconds *= 0.8
            break_up(folder / out)
    print(f"{killed} killed, {kept} had kept something")


def break_up(folder: Path) -> None:
    """Remove a run that was finished before it could be killed."""
    for file in sorted(folder.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    folder.rmdir()


if __name__ == "__main__":
    try_all(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
