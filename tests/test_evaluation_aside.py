"""Synapse volumes read by a second process: the same numbers, and what happens where there is none."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager

import numpy as np
import pytest

import connectograph as cg
from connectograph import _program
from connectograph._program import start_helper
from connectograph.cli import ahead, main
from connectograph.cli.parser import build_parser
from connectograph.evaluation import aside
from connectograph.io import read_volume
from connectograph.runs import RunsAhead, read_runs

HERE = {"axes": "zyx", "allow_missing_chunks": False}


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("case")
    phantom = cg.synthetic.make_phantom("small", rng=3)
    for name, volume in (("neuron_ids", phantom.segmentation), ("clefts", phantom.truth)):
        cg.write_volume(folder / "case.hdf", volume, dataset=f"volumes/labels/{name}")
    cg.write_volume(folder / "predicted.hdf", phantom.predicted)
    return folder


@pytest.fixture
def always(monkeypatch):
    monkeypatch.setattr(ahead, "default_workers", lambda: 2)
    monkeypatch.setattr(ahead, "_LEAST_BYTES", 0)
    monkeypatch.setattr(aside, "_LEAST_VOXELS", 0)


@pytest.fixture
def started(monkeypatch):
    processes = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: processes.append(popen(*a, **k)) or processes[-1])
    return processes


def evaluate(case, out, *options, segmentation="case.hdf"):
    files = map(str, (case / segmentation, "--predicted", case / "predicted.hdf", "--out", out))
    return main(["evaluate", *files, "--no-report", "--workers", "2", *options])


def content(run):
    return {file.name: file.read_bytes() for file in [run / "report.json", *sorted((run / "tables").iterdir())]}


@contextmanager
def reading(case, *roles):
    """The volumes of these roles, being read by another process, and as they are read here."""
    names = {"truth": "case.hdf", "predicted": "predicted.hdf"}
    volumes = {role: read_volume(case / names[role], role=role) for role in roles}
    with start_helper("connectograph.evaluation.aside", answers=True) as process:
        try:
            yield aside.read_runs_aside(process, volumes, HERE), volumes
        finally:
            process.kill()


@pytest.mark.parametrize("segmentation", ["case.hdf", "case.hdf:volumes/labels/neuron_ids"])
def test_a_command_gives_the_same_bytes(case, tmp_path, always, started, monkeypatch, segmentation):
    assert evaluate(case, tmp_path / "aside", segmentation=segmentation) == 0
    assert [process.returncode for process in started] == [0]
    monkeypatch.setattr(ahead, "default_workers", lambda: 1)
    assert evaluate(case, tmp_path / "alone") == 0
    assert len(started) == 1
    assert content(tmp_path / "aside") == content(tmp_path / "alone")


@pytest.mark.parametrize("roles", [("truth", "predicted"), ("predicted",), ("truth",)])
def test_runs_are_those_that_are_read_here(case, always, roles):
    with reading(case, *roles) as (volumes, as_read):
        for role in roles:
            voxels = []
            assert isinstance(volumes[role].labels, RunsAhead)
            found = read_runs(volumes[role], progress=voxels.append)
            assert np.array_equal(volumes[role].labels[:, :2, :3], as_read[role].labels[:, :2, :3])
            for ours, theirs in zip(found, read_runs(as_read[role]), strict=True):
                assert ours.dtype == theirs.dtype
                assert np.array_equal(ours, theirs)
            assert sum(voxels) == np.prod(as_read[role].shape)


def test_a_process_that_fails_is_done_without(case, always, monkeypatch):
    monkeypatch.setattr(_program.sys, "executable", "false")
    with reading(case, "predicted") as (volumes, as_read):
        found = read_runs(volumes["predicted"])
    assert all(np.array_equal(*pair) for pair in zip(found, read_runs(as_read["predicted"]), strict=True))


@pytest.mark.parametrize("role", ["truth", "predicted"])
def test_what_is_wrong_with_the_labels_is_said_as_ever(case, tmp_path, always, capsys, role):
    like = read_volume(case / "predicted.hdf", role="predicted")
    labels = np.zeros(like.shape, np.int16)
    labels[1, 2, 3] = -7
    cg.write_volume(tmp_path / "bad.hdf", cg.Volume(labels, voxel_size=like.voxel_size), dataset="labels")
    given = {"truth": case / "case.hdf:volumes/labels/clefts", "predicted": case / "predicted.hdf"}
    given[role] = tmp_path / "bad.hdf:labels"
    files = [str(case / "case.hdf"), *(str(x) for role, path in given.items() for x in (f"--{role}", path))]
    assert main(["evaluate", *files, "--out", str(tmp_path / "run")]) == 2
    assert "-7" in capsys.readouterr().err
    assert not (tmp_path / "run" / "report.json").exists()


def test_a_command_that_fails_ends_the_process(case, always, started):
    assert main(["evaluate", str(case / "case.hdf"), "--predicted", str(case / "nothing.hdf")]) == 2
    assert [process.returncode is not None for process in started] == [True]


def test_small_files_start_no_process(case, tmp_path, started):
    assert evaluate(case, tmp_path / "run") == 0
    assert started == []


def test_small_volumes_are_left_to_the_command(case, tmp_path, always, monkeypatch):
    monkeypatch.setattr(aside, "_LEAST_VOXELS", 50_000_000)
    with reading(case, "truth", "predicted") as (volumes, as_read):
        assert volumes == as_read
    assert evaluate(case, tmp_path / "run") == 0


def test_a_heat_map_is_left_to_the_command(case, tmp_path, always, started):
    assert evaluate(case, tmp_path / "aside", "--threshold", "1") == 0
    assert [process.returncode for process in started] == [0]  # it has read the truth
    assert evaluate(case, tmp_path / "alone", "--threshold", "1", "--max-memory", "4GiB") == 0
    assert content(tmp_path / "aside") == content(tmp_path / "alone")


@pytest.mark.parametrize(
    "option",
    [("--workers", "1"), ("--max-memory", "4GiB"), ("--engine", "processes"), ("--resume",)],
    ids=lambda option: option[0],
)
def test_options_that_speak_against_another_process(case, always, option):
    call = ["evaluate", str(case / "case.hdf"), "--predicted", str(case / "predicted.hdf")]
    with ahead.reader_ahead(build_parser().parse_args(call)) as process:
        assert process is not None
    assert process.returncode is not None
    with ahead.reader_ahead(build_parser().parse_args([*call, *option])) as process:
        assert process is None


def test_where_a_process_may_pay(tmp_path):
    (tmp_path / "small.hdf").write_bytes(b"123")
    (tmp_path / "store.zarr").mkdir()
    sizes = {"small.hdf": 3, "small.hdf:a/b": 3, "store.zarr": np.inf, "store.zarr:1": np.inf, "nothing.hdf": 0}
    assert {name: ahead._size(str(tmp_path / name)) for name in sizes} == sizes
    assert ahead._size("s3://bucket/store.zarr") == 0
