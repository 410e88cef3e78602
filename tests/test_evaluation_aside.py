"""A prediction read by a second process: the same numbers, and what happens where there is none."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

import connectograph as cg
from connectograph.cli import main
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
    monkeypatch.setattr(aside, "default_workers", lambda: 2)
    monkeypatch.setattr(aside, "_LEAST_VOXELS", 0)


@pytest.fixture
def started(monkeypatch):
    processes = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: processes.append(popen(*a, **k)) or processes[-1])
    return processes


def evaluate(case, out, *options):
    files = map(str, (case / "case.hdf", "--predicted", case / "predicted.hdf", "--out", out))
    return main(["evaluate", *files, "--no-report", "--workers", "2", *options])


def content(run):
    return {file.name: file.read_bytes() for file in [run / "report.json", *sorted((run / "tables").iterdir())]}


def test_a_command_gives_the_same_bytes(case, tmp_path, always, started, monkeypatch):
    assert evaluate(case, tmp_path / "aside") == 0
    assert [process.returncode for process in started] == [0]
    monkeypatch.setattr(aside, "default_workers", lambda: 1)
    assert evaluate(case, tmp_path / "alone") == 0
    assert len(started) == 1
    assert content(tmp_path / "aside") == content(tmp_path / "alone")


def test_runs_are_those_that_are_read_here(case, always):
    predicted = read_volume(case / "predicted.hdf", role="segmentation")
    voxels = []
    with aside.read_runs_aside(predicted, HERE) as volume:
        assert isinstance(volume.labels, RunsAhead)
        found = read_runs(volume, progress=voxels.append)
        assert np.array_equal(volume.labels[:, :2, :3], predicted.labels[:, :2, :3])
    for ours, theirs in zip(found, read_runs(predicted), strict=True):
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs)
    assert sum(voxels) == np.prod(predicted.shape)


def test_a_process_that_fails_is_done_without(case, always, monkeypatch):
    predicted = read_volume(case / "predicted.hdf", role="segmentation")
    monkeypatch.setattr(aside.sys, "executable", "false")
    with aside.read_runs_aside(predicted, HERE) as volume:
        found = read_runs(volume)
    assert all(np.array_equal(*pair) for pair in zip(found, read_runs(predicted), strict=True))


def test_what_is_wrong_with_the_labels_is_said_as_ever(case, tmp_path, always, capsys):
    labels = np.zeros(read_volume(case / "predicted.hdf", role="segmentation").shape, np.int16)
    labels[1, 2, 3] = -7
    cg.write_volume(
        tmp_path / "bad.hdf",
        cg.Volume(labels, voxel_size=read_volume(case / "predicted.hdf", role="segmentation").voxel_size),
    )
    files = map(str, (case / "case.hdf", "--predicted", tmp_path / "bad.hdf", "--out", tmp_path / "run"))
    assert main(["evaluate", *files]) == 2
    assert "-7" in capsys.readouterr().err
    assert not (tmp_path / "run" / "report.json").exists()


def test_small_volumes_start_no_process(case, started):
    with aside.read_runs_aside(read_volume(case / "predicted.hdf", role="segmentation"), HERE) as volume:
        assert not isinstance(volume.labels, RunsAhead)
    assert started == []


def test_a_block_that_fails_ends_the_process(case, always, started):
    with pytest.raises(KeyError), aside.read_runs_aside(read_volume(case / "predicted.hdf", role="segmentation"), HERE):
        raise KeyError
    assert started[0].returncode is not None


@pytest.mark.parametrize("option", [("--workers", "1"), ("--max-memory", "4GiB"), ("--threshold", "1")])
def test_options_that_speak_against_another_process(case, tmp_path, always, started, option):
    assert evaluate(case, tmp_path / "run", *option) == 0
    assert started == []
