"""Processes that help a command."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

import pytest

import connectograph as cg
from connectograph._program import begin_program, default_workers, start_helper


def test_a_helper_is_of_this_package_whatever_lies_in_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "connectograph").mkdir()
    for name in ("__init__.py", "__main__.py"):
        (tmp_path / "connectograph" / name).write_text("raise SystemExit('another connectograph')")
    monkeypatch.chdir(tmp_path)
    with start_helper("connectograph", "--version", answers=True) as helper:
        said, _ = helper.communicate()
    assert (helper.returncode, said.decode().split()) == (0, ["connectograph", cg.__version__])


def test_a_program_looks_for_garbage_seldom(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # which it would set for good
    before = gc.get_threshold(), sys.getswitchinterval()
    try:
        begin_program()
        assert gc.get_threshold()[0] == 1_000_000
        assert sys.getswitchinterval() < before[1]
    finally:
        gc.set_threshold(*before[0])
        sys.setswitchinterval(before[1])


@pytest.mark.parametrize(("given", "then"), [(None, "1"), ("3", "3")])
def test_numpy_starts_no_threads_beside_a_program(given, then):
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    environment |= {} if given is None else {"OPENBLAS_NUM_THREADS": given}
    code = """if True:
        import os, sys
        import connectograph.cli
        before = "numpy" in sys.modules
        connectograph.cli.begin_program()
        print(before, os.environ["OPENBLAS_NUM_THREADS"])
    """
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", then]


@pytest.mark.parametrize(
    ("granted", "most"), [("1", 1), ("0", 1), ("100000", 100_000), ("many", 100_000), ("", 100_000)]
)
def test_no_more_workers_than_slurm_granted(monkeypatch, granted, most):
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", granted)
    assert 1 <= default_workers() <= most
