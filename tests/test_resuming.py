"""Runs that survive: killed, interrupted, out of disk, out of luck; then resumed to the same bytes, or refused."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import connectograph as cg
from connectograph.cli import main
from connectograph.evaluation.resuming import describe_task, open_resumable
from connectograph.io import checkpoints
from connectograph.io.checkpoints import Checkpoints
from connectograph.volumes import Volume

ZYX = (40.0, 4.0, 4.0)
TESTS = Path(__file__).parent


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A segmentation of many chunks, with clefts, and a heat map."""
    folder, rng = tmp_path_factory.mktemp("inputs"), np.random.default_rng(5)
    cells = rng.integers(1, 40, (24, 8, 8)).repeat(2, 0).repeat(8, 1).repeat(8, 2).astype("u8")
    heat = rng.random((24, 16, 16)).astype("f4").repeat(2, 0).repeat(4, 1).repeat(4, 2) ** 4
    clefts = np.where(heat > 0.6, cells + 100, 0).astype("u8")
    cg.write_volume(folder / "seg.hdf", Volume(cells, ZYX))
    cg.write_volume(folder / "seg.hdf", Volume(clefts, ZYX), dataset="volumes/labels/clefts")
    cg.write_volume(folder / "pred.hdf", Volume(heat, ZYX), dataset="heat")
    return folder


@pytest.fixture(autouse=True)
def _often_and_not_for_ever(monkeypatch):
    """Everything is kept at once, and no test hangs."""
    monkeypatch.setattr(checkpoints, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(checkpoints, "LARGEST_SHARE", 0.0)

    def give_up(number, frame):
        raise TimeoutError("a test of resuming hung")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(200)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def _hear_interrupts():
    """Whoever started the tests in the background may have had them ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def call(inputs, tmp_path, capsys):
    """Exit code and messages of an evaluation into a folder."""

    def evaluate(*more, out="run", threshold="0.5", segmentation=inputs / "seg.hdf"):
        files = (segmentation, "--predicted", inputs / "pred.hdf", "--threshold", threshold, "--out", tmp_path / out)
        code = main(["evaluate", *map(str, files), "--no-report", "--contactome", *more])
        return code, capsys.readouterr().err

    return evaluate


def contents(folder):
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != "run.json")
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def stop_at(monkeypatch, n_saves, how):
    """Let something happen when the n-th partial result was saved."""
    save, count = Checkpoints.save, iter(range(1, 10_000))

    def spoil(self, *arguments):
        save(self, *arguments)
        if next(count) == n_saves:
            how()

    monkeypatch.setattr(Checkpoints, "save", spoil)


# --- partial results --------------------------------------------------------------------------------------------------


def test_partial_results_are_chained_from_the_first_and_what_is_damaged_ends_the_chain(tmp_path):
    store = Checkpoints(tmp_path)
    for first, last in ((0, 2), (2, 5), (7, 9)):
        store.save("truth", first, last, (np.array([2**64 - 3], "u8"), np.zeros((0, 3), "i8")))
    parts, n_done = store.load("truth")
    assert (len(parts), n_done) == (2, 5)
    assert parts[0][0].tolist() == [2**64 - 3]
    assert parts[0][1].shape == (0, 3)
    (second,) = tmp_path.glob("truth/*2-*5.npz")
    second.write_bytes(second.read_bytes()[:-30])
    assert Checkpoints(tmp_path).load("truth")[1] == 2
    assert Checkpoints(tmp_path).load("other") == ([], 0)


def test_pickles_among_partial_results_are_not_run(tmp_path):
    (tmp_path / "truth").mkdir()
    np.savez(tmp_path / "truth" / "000000000000-000000000003.npz", a=np.array([print], dtype=object))
    assert Checkpoints(tmp_path).load("truth") == ([], 0)


# --- the same bytes ---------------------------------------------------------------------------------------------------


def kill_and_resume(inputs, tmp_path, n_kills, seed, engine, timeout):
    for name in ("seg.hdf", "pred.hdf"):
        os.link(inputs / name, tmp_path / name)
    command = [sys.executable, TESTS / "killing.py", tmp_path, str(n_kills), str(seed), engine]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_pitfall_F19_killed_at_random_moments_and_resumed(inputs, tmp_path):
    said = kill_and_resume(inputs, tmp_path, 3, 1, "threads", 180)
    assert said.startswith("3 killed, ")


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["threads", "processes"])
def test_pitfall_F19_killed_at_twenty_random_moments_and_resumed(inputs, tmp_path, engine):
    signal.alarm(0)
    said = kill_and_resume(inputs, tmp_path, 20, 2, engine, 900)
    assert said.startswith("20 killed, ")
    assert not said.startswith("20 killed, 0 ")


@pytest.mark.parametrize("n_saves", [1, 2, 4])
def test_interrupted_by_a_person_or_a_batch_system(call, tmp_path, monkeypatch, n_saves):
    assert call(out="calm")[0] == 0
    number = signal.SIGTERM if n_saves == 2 else signal.SIGINT
    with monkeypatch.context() as patch:
        stop_at(patch, n_saves, lambda: signal.raise_signal(number))
        code, said = call()
    assert code == 3
    assert said == (
        f"connectograph: Interrupted. The run in {tmp_path / 'run'} is not finished; what it has found so far is kept "
        "there. Give the same command with --resume to go on, or with --overwrite to start again.\n"
    )
    assert list(tmp_path.glob("run/.connectograph/blocks/*/*.npz"))
    assert call("--workers", "1")[0] == 2, "neither replaced nor mixed"
    assert call("--resume", "--workers", "1")[0] == 0
    assert contents(tmp_path / "run") == contents(tmp_path / "calm")


def test_finished_work_is_not_done_again(call, tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("connectograph.contacts.find_contacts", fail)
        assert call()[0] == 3
    with monkeypatch.context() as patch:
        patch.setattr("connectograph.contacts.synapse_contacts._BlockScan.__call__", fail)
        patch.setattr("connectograph.synapses.labelling._extract_heat", fail)
        assert call("--resume")[0] == 0
    code, _ = call("--resume", "--fail-under", "1")
    assert code == 1, "finished: judged again, not computed again"


def test_resuming_where_nothing_was_begun_starts(call, tmp_path):
    assert call("--resume")[0] == 0
    assert call("--overwrite")[0] == 0
    assert call("--overwrite", "--resume")[0] == 2


# --- directed synapses ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def directed(inputs):
    """Points and masks of both sides, and a predicted segmentation, beside the segmentation."""
    rng = np.random.default_rng(8)
    cells = cg.read_volume(inputs / "seg.hdf", role="segmentation").labels[(slice(None),) * 3]
    cg.write_volume(inputs / "own.hdf", Volume(np.where(rng.random(cells.shape) < 0.1, 0, cells // 2 + 1), ZYX))
    columns = [f"{end}_{axis}_nm" for end in ("pre", "post") for axis in "zyx"]
    for role in ("truth", "predicted"):
        points = rng.random((80, 6)) * (np.array(cells.shape * 2) * (ZYX * 2))
        pd.DataFrame(points, columns=columns).to_csv(inputs / f"{role}.csv", index=False)
        for end in ("pre", "post"):
            mask = (rng.random(cells.shape) < 0.01).astype("u1")
            cg.write_volume(inputs / f"{role}-{end}.hdf", Volume(mask, ZYX))
    return inputs


@pytest.fixture
def call_directed(directed, tmp_path, capsys):
    """Exit code and messages of an evaluation of directed synapses into a folder."""

    def evaluate(rule, *more, own=True, out="run"):
        sides = []
        for role in ("truth", "predicted"):
            if rule == "partners":
                sides += [f"--{role}", directed / f"{role}.csv"]
            else:
                sides += [f"--{role}", directed / f"{role}-pre.hdf", f"--{role}-post", directed / f"{role}-post.hdf"]
        sides += ["--predicted-segmentation", directed / "own.hdf"] if own else []
        command = ["evaluate", directed / "seg.hdf", *sides, "--partner-rule", rule, "--out", tmp_path / out]
        code = main([*map(str, command), "--no-report", "--split-disconnected", *more])
        return code, capsys.readouterr().err

    return evaluate


@pytest.mark.parametrize(
    ("rule", "own"), [("partners", False), ("partners", True), ("pre-post", False), ("pre-post", True)]
)
def test_directed_runs_go_on_with_what_they_have_found(call_directed, tmp_path, monkeypatch, rule, own):
    save, saved = Checkpoints.save, []
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", lambda self, *arguments: (saved.append(1), save(self, *arguments)))
        assert call_directed(rule, own=own, out="calm")[0] == 0
    assert len(saved) > 1
    for n_saves in (1, len(saved)):
        with monkeypatch.context() as patch:
            stop_at(patch, n_saves, lambda: signal.raise_signal(signal.SIGINT))
            code, said = call_directed(rule, own=own, out=f"run-{n_saves}")
        assert (code, "--resume to go on" in said) == (3, True)
        assert list(tmp_path.glob(f"run-{n_saves}/.connectograph/blocks/*/*.npz"))
        assert call_directed(rule, "--resume", "--workers", "1", own=own, out=f"run-{n_saves}")[0] == 0
        assert contents(tmp_path / f"run-{n_saves}") == contents(tmp_path / "calm")


def test_directed_work_that_is_finished_is_not_done_again(call_directed, monkeypatch, capsys):
    def fail(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("connectograph.evaluation.directed_survey.connect_sites", fail)
        assert call_directed("pre-post")[0] == 3
    with monkeypatch.context() as patch:
        patch.setattr("connectograph.contacts.synapse_contacts._BlockScan.__call__", fail)
        assert call_directed("pre-post", "--resume")[0] == 0
        code, said = call_directed("pre-post", "--resume", "--fail-under", "1")
        assert (code, said) == (1, "")
        code, said = call_directed("pre-post")
        assert (code, "already holds a run" in said) == (2, True)


def test_an_interrupted_study_says_what_is_kept_and_goes_on(directed, tmp_path, monkeypatch, capsys):
    from connectograph.evaluation import study_folder

    predicted = [str(directed / f"{role}.csv") for role in ("predicted", "truth")]
    out = tmp_path / "study"
    command = ["evaluate", str(directed / "seg.hdf"), "--truth", predicted[1], "--predicted", *predicted]
    command += ["--partner-rule", "partners", "--no-report", "--out", str(out)]
    write, seen = study_folder.write_evaluation, []

    def stop_at_second(*arguments, **options):
        seen.append(1)
        if len(seen) == 2:
            signal.raise_signal(signal.SIGTERM)
        return write(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(study_folder, "write_evaluation", stop_at_second)
        assert main(command) == 3
    said = capsys.readouterr().err
    assert f"Interrupted. The study in {out} is not finished; predictions whose run is finished are kept." in said
    first = contents(out / "predicted")
    assert main([*command, "--resume"]) == 0
    assert "not computed again: predicted\n" in capsys.readouterr().out
    assert contents(out / "predicted") == first
    assert main([*command[:-1], str(tmp_path / "calm")]) == 0
    assert contents(out) == contents(tmp_path / "calm")


def test_other_directed_settings_or_points_are_refused_by_name(call_directed, directed, monkeypatch):
    with monkeypatch.context() as patch:
        stop_at(patch, 2, lambda: signal.raise_signal(signal.SIGTERM))
        assert call_directed("partners")[0] == 3
    code, said = call_directed("partners", "--resume", "--min-segment-voxels", "9", "--point-resolution", "1,1,1")
    assert (code, "settings min_segment_voxels was 0 and is 9" in said) == (2, True)
    assert "reading point_resolution was null and is [1.0, 1.0, 1.0]" in said
    code, said = call_directed("partners", "--resume", own=False)
    assert (code, "inputs predicted_segmentation was" in said) == (2, True)
    here = (directed / "truth.csv").stat()
    os.utime(directed / "truth.csv", ns=(here.st_atime_ns, here.st_mtime_ns + 1_000_000_000))
    code, said = call_directed("partners", "--resume")
    assert (code, "inputs truth modified_ns was" in said) == (2, True)
    os.utime(directed / "truth.csv", ns=(here.st_atime_ns, here.st_mtime_ns))
    assert call_directed("partners", "--resume")[0] == 0


# --- refused ----------------------------------------------------------------------------------------------------------


def interrupt(call, monkeypatch):
    with monkeypatch.context() as patch:
        stop_at(patch, 2, lambda: signal.raise_signal(signal.SIGINT))
        assert call()[0] == 3


def test_pitfall_F26_other_settings_or_inputs_are_refused_by_name(call, inputs, tmp_path, monkeypatch):
    interrupt(call, monkeypatch)
    code, said = call("--resume", "--dilation", "2", threshold="0.4")
    assert code == 2
    assert "settings dilation was 1 and is 2; settings threshold was 0.5 and is 0.4. Pass --overwrite" in said
    here = (inputs / "seg.hdf").stat()
    os.utime(inputs / "seg.hdf", ns=(here.st_atime_ns, here.st_mtime_ns + 1_000_000_000))
    code, said = call("--resume")
    assert (code, "inputs segmentation modified_ns was" in said) == (2, True)
    os.utime(inputs / "seg.hdf", ns=(here.st_atime_ns, here.st_mtime_ns))
    assert call("--resume")[0] == 0


def test_pitfall_F26_an_input_that_changes_while_it_is_read_is_noticed(call, inputs, tmp_path, monkeypatch):
    here = (inputs / "pred.hdf").stat()
    touch = lambda: os.utime(inputs / "pred.hdf", ns=(here.st_atime_ns, here.st_mtime_ns + 5))  # noqa: E731
    with monkeypatch.context() as patch:
        stop_at(patch, 3, touch)
        code, said = call()
    assert (code, "pred.hdf:heat was changed while it was read" in said) == (2, True)
    assert not (tmp_path / "run" / "report.json").exists()
    os.utime(inputs / "pred.hdf", ns=(here.st_atime_ns, here.st_mtime_ns))


def test_a_wrong_input_leaves_no_folder(call, inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "EVERY_SECONDS", 5.0)
    cells = np.full((3, 4, 5), -1, "i8")
    cg.write_volume(tmp_path / "bad.hdf", Volume(cells, ZYX))
    cg.write_volume(tmp_path / "bad.hdf", Volume(np.ones((3, 4, 5), "u8"), ZYX), dataset="volumes/labels/clefts")
    code = main(["evaluate", str(tmp_path / "bad.hdf"), "--out", str(tmp_path / "run")])
    assert (code, (tmp_path / "run").exists()) == (2, False)


def test_two_runs_in_one_folder_are_kept_apart_and_a_dead_one_is_not(call, tmp_path, monkeypatch):
    seen = []
    with monkeypatch.context() as patch:
        stop_at(patch, 2, lambda: seen.append(call("--resume")))
        assert call()[0] == 0
    code, said = seen[0]
    assert (code, f"in use by another run (process {os.getpid()}" in said) == (2, True)
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    dead.wait()
    holder = {"host": os.uname().nodename, "pid": dead.pid, "started": "1", "job": "", "token": "a"}
    os.symlink(json.dumps(holder), tmp_path / "run" / ".connectograph.lock")
    assert call("--overwrite")[0] == 0


# --- the surroundings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("while_saving", [True, False])
def test_a_full_disk_leaves_a_run_that_can_be_resumed(call, tmp_path, monkeypatch, while_saving):
    from connectograph.io import files

    write, written, room = files._write, [], 10_000

    def write_until_full(path, content):
        if len(written) >= room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(files, "_write", write_until_full)
        assert call(out="calm")[0] == 0
        room = 4 if while_saving else len(written) - 5
        written.clear()
        code, said = call()
    assert code == 3
    assert "no room to write it (No space left on device)" in said
    assert "--resume to go on" in said
    assert call("--resume")[0] == 0
    assert contents(tmp_path / "run") == contents(tmp_path / "calm")


def test_a_block_that_cannot_be_read_leaves_a_run_that_can_be_resumed(call, tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("connectograph.contacts.synapse_contacts._BlockScan.__call__", fail)
        code, said = call()
    assert code == 3
    assert "seg.hdf:volumes/labels/neuron_ids failed 3 times: OSError: [Errno 5] Input/output error. The run" in said
    assert call("--resume")[0] == 0


def test_a_small_run_writes_no_partial_results(call, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "EVERY_SECONDS", 5.0)
    saved = []
    monkeypatch.setattr(Checkpoints, "save", lambda self, *arguments: saved.append(arguments))
    assert call()[0] == 0
    assert saved == []


def test_pitfall_F28_a_million_single_voxels(tmp_path):
    noise = np.zeros((100, 200, 200), bool)
    noise[::2, ::2, ::2] = True
    noise = np.concatenate([noise, noise, noise, noise])  # 2^2 x 500,000 components of one voxel
    start = time.monotonic()
    synapses = cg.label_synapses(Volume(noise, ZYX))
    assert len(synapses) == 2_000_000
    assert time.monotonic() - start < 60
    assert "2,000,000 synapses: probably noise; raise the threshold or min_synapse_voxels" in synapses.notices


def test_pitfall_F31_credentials_are_in_no_file_of_a_run(tmp_path):
    task = describe_task({"segmentation": "https://me:hunter2@host/a?sig=abcdef"}, {}, {})
    with open_resumable(tmp_path / "run", task, overwrite=False, resume=False) as (run, _):
        kept = (run.scratch / "task.json").read_text()
    assert ("hunter2" in kept, "abcdef" in kept) == (False, False)


def test_threads_that_wait_do_not_delay_an_interruption(call, monkeypatch):
    """The second of two predictions is not read to its end after Ctrl-C."""
    begun = threading.active_count()
    interrupt(call, monkeypatch)
    assert threading.active_count() <= begun + 1
