"""Run directories and the writing of files: faults at every step, two processes, killed processes."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectograph.errors import InputError
from connectograph.io import files, locks, runs
from connectograph.io.runs import (
    dump_json,
    finish_run,
    open_run,
    place_file,
    read_run,
    redact,
    revise_run,
    save_npz,
    sha256_file,
    verify_manifest,
    write_atomic,
)

ROOT = Path(__file__).resolve().parents[1]


def make_run(folder: Path, names: tuple[str, ...] = ("report.json", "tables/edges_truth.csv"), **options: Any) -> None:
    """A small run, as evaluate makes them."""
    with open_run(folder, **options) as run:
        for name in names:
            write_atomic(place_file(run, name), f"content of {name}\n")
        finish_run(run, {"command": "connectograph evaluate"})


def list_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


# --- run directories


def test_run_record_lists_files_with_size_and_sha256(tmp_path: Path) -> None:
    make_run(tmp_path / "a" / "b", identity="i1")
    record = read_run(tmp_path / "a" / "b")
    content = b"content of report.json\n"
    assert list(record) == ["schema", "command", "identity", "files"]
    assert record["files"]["report.json"] == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert list_files(tmp_path / "a" / "b") == {"report.json", "tables/edges_truth.csv", "run.json"}
    assert verify_manifest(tmp_path / "a" / "b") == {}


def test_manifest_names_changed_and_missing_files(tmp_path: Path) -> None:
    make_run(tmp_path)
    (tmp_path / "report.json").write_text("content of report.jsoN\n")
    (tmp_path / "tables/edges_truth.csv").unlink()
    verdicts = verify_manifest(tmp_path)
    assert verdicts["tables/edges_truth.csv"] == "missing"
    assert verdicts["report.json"].startswith("changed: 23 bytes, sha256 ")


def test_second_run_is_refused_and_overwrite_replaces_only_ours(tmp_path: Path) -> None:
    make_run(tmp_path, ("report.json", "tables/old.csv"))
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "tables" / "mine.csv").write_text("mine")
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(InputError, match=r"already holds a run: pass --overwrite .* --resume"):
        make_run(tmp_path)
    assert (tmp_path / "run.json").read_bytes() == before
    make_run(tmp_path, ("report.json", "tables/new.csv"), overwrite=True)
    assert list_files(tmp_path) == {"report.json", "tables/new.csv", "run.json", "notes.txt", "tables/mine.csv"}
    assert (tmp_path / "tables" / "mine.csv").read_text() == "mine"


def test_pitfall_S15(tmp_path: Path) -> None:
    """A second run without a prediction finds nothing of the first run's prediction."""
    make_run(tmp_path, ("report.json", "tables/edges_predicted.parquet"))
    with open_run(tmp_path, overwrite=True):
        assert not (tmp_path / "tables/edges_predicted.parquet").exists()
        assert not (tmp_path / "run.json").exists()


def test_pitfall_S16(tmp_path: Path) -> None:
    """Folders of others in the output directory survive, whatever they are called."""
    theirs = [tmp_path / name / "a.xz" for name in ("truth_crops", "truth_overlaps", "tables", "graphs")]
    for file in theirs:
        file.parent.mkdir()
        file.write_text("mine")
    make_run(tmp_path)
    make_run(tmp_path, overwrite=True)
    assert [file.read_text() for file in theirs] == ["mine"] * 4


@pytest.mark.parametrize("name", ["report.json", "report.pdf", "study.json"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_foreign_file_of_our_name_is_refused_at_once(tmp_path: Path, name: str, overwrite: bool) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=f"holds {name}, not from a run here: choose another --out"):
        make_run(tmp_path, overwrite=overwrite)
    assert list_files(tmp_path) == {name}


def test_foreign_file_in_our_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/edges_truth.csv").write_text("mine")
    with pytest.raises(InputError, match="is not a file of this run and is not replaced"):
        make_run(tmp_path)
    (tmp_path / "report.json").unlink()
    os.symlink("nowhere", tmp_path / "tables/b.csv")  # a dangling link is a file of theirs, too
    with open_run(tmp_path) as run, pytest.raises(InputError, match="not replaced"):
        place_file(run, "tables/b.csv")


def test_foreign_run_json_is_refused(tmp_path: Path) -> None:
    for content in ("{}", '{"schema": "other/1", "files": {}}', "no json", '{"schema": "connectograph.run/1"}'):
        (tmp_path / "run.json").write_text(content)
        with pytest.raises(InputError, match=r"run\.json is not"):
            make_run(tmp_path, overwrite=True)
        assert (tmp_path / "run.json").read_text() == content


def test_overwrite_and_resume_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exclude each other"):
        make_run(tmp_path, overwrite=True, resume=True)


def test_out_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    for path in (tmp_path / "a", tmp_path / "a" / "b"):
        with pytest.raises(InputError, match=r"is a file|cannot be written: Not a directory"):
            make_run(path)


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "a/../../x", "", ".", "..", ".hidden", "a\0b", "a//b", "x" * 300, "a b", "tables/", 'x"'],
)
def test_file_names_stay_inside_and_plain(tmp_path: Path, name: str) -> None:
    with open_run(tmp_path / "run") as run, pytest.raises(InputError, match="is no name of a file"):
        place_file(run, name)


def test_link_out_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").mkdir()
    os.symlink(tmp_path / "elsewhere", tmp_path / "run" / "tables")
    with pytest.raises(InputError, match="is no name of a file inside"):
        make_run(tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
    (tmp_path / "run").mkdir()
    os.symlink(tmp_path / "elsewhere", tmp_path / "run" / ".connectograph")
    with pytest.raises(InputError, match="symbolic link"):
        make_run(tmp_path / "run")


def test_manifest_that_names_files_elsewhere_deletes_nothing(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.json").write_text(json.dumps({"schema": "connectograph.run/1", "files": {"../precious": {}}}))
    with pytest.raises(InputError, match="is no name of a file"):
        make_run(tmp_path / "run", overwrite=True)
    assert (tmp_path / "precious").read_text() == "mine"


def test_unfinished_run_is_resumed_or_replaced(tmp_path: Path) -> None:
    with open_run(tmp_path, identity="i") as run:
        write_atomic(place_file(run, "tables/a.csv"), "half of the job")
        write_atomic(run.scratch / "block_0.npz", b"finished block")
    with pytest.raises(InputError, match="already holds an unfinished run"):
        make_run(tmp_path)
    with pytest.raises(InputError, match="other inputs or settings"):
        make_run(tmp_path, resume=True, identity="j")
    with open_run(tmp_path, resume=True, identity="i") as run:
        assert (run.scratch / "block_0.npz").read_bytes() == b"finished block"
        write_atomic(place_file(run, "tables/a.csv"), "whole")
        finish_run(run, {})
    assert list_files(tmp_path) == {"tables/a.csv", "run.json"}
    with open_run(tmp_path, resume=True, identity="i") as run:
        assert run.earlier == {"tables/a.csv", "run.json"}


def test_overwrite_clears_an_unfinished_run(tmp_path: Path) -> None:
    with open_run(tmp_path) as run:
        write_atomic(place_file(run, "tables/a.csv"), "a")
        (run.scratch / "blocks").mkdir()
        write_atomic(run.scratch / "blocks/0.npz", b"")
        write_atomic(run.scratch / "0.npz", b"")
    make_run(tmp_path, ("report.json",), overwrite=True)
    assert list_files(tmp_path) == {"report.json", "run.json"}


def test_run_that_stopped_before_its_first_file_leaves_no_trace_that_matters(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), open_run(tmp_path):
        raise ZeroDivisionError
    make_run(tmp_path)
    with pytest.raises(InputError, match="holds no finished run"):
        read_run(tmp_path / "tables")


def test_journal_of_a_dying_process(tmp_path: Path) -> None:
    with open_run(tmp_path, identity="i") as run:
        place_file(run, "report.json").write_text("")
    with open(tmp_path / ".connectograph/journal", "a") as stream:
        stream.write('"tables/ed')  # died within the line
    make_run(tmp_path, overwrite=True)
    with open_run(tmp_path / "b"):
        (tmp_path / "b/.connectograph/journal").write_text("no json\n")
    with pytest.raises(InputError, match="is not what a run left"):
        make_run(tmp_path / "b")


def test_file_placed_twice_is_one_file(tmp_path: Path) -> None:
    with open_run(tmp_path) as run:
        for content in ("first", "second"):
            write_atomic(place_file(run, "report.json"), content)
        finish_run(run, {})
    assert (tmp_path / "report.json").read_text() == "second"
    assert verify_manifest(tmp_path) == {}


def test_placed_file_that_was_never_written_is_an_error(tmp_path: Path) -> None:
    with open_run(tmp_path) as run:
        place_file(run, "report.json")
        with pytest.raises(InputError, match=r"report\.json cannot be read"):
            finish_run(run, {})


def test_room_is_checked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"needs about 1,000,000,000,000,000,000 bytes and [\d,]+ are free"):
        make_run(tmp_path, needed_bytes=10**18)
    real = os.statvfs(tmp_path)
    values = list(real[:10])
    values[5], values[7] = 1000, 12  # f_files, f_favail
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(values))
    with pytest.raises(InputError, match=r"room for 12 \(inodes\)"):
        make_run(tmp_path)
    assert list_files(tmp_path) == set()


def test_credentials_do_not_reach_the_record(tmp_path: Path) -> None:
    with open_run(tmp_path) as run:
        finish_run(run, {"inputs": [{"path": "https://me:pw@host/a.h5?sig=SECRET"}], "n": 3})
    text = (tmp_path / "run.json").read_text()
    assert "SECRET" not in text
    assert "pw" not in text
    assert read_run(tmp_path)["inputs"][0]["path"] == "https://***@host/a.h5?***"


def test_finished_run_is_revised(tmp_path: Path) -> None:
    make_run(tmp_path, identity="i")
    (tmp_path / "report.pdf").write_text("mine")
    with revise_run(tmp_path) as run:
        write_atomic(place_file(run, "report.json"), "new")
        write_atomic(place_file(run, "figures/new.svg"), "new")
        with pytest.raises(InputError, match="not replaced"):
            place_file(run, "report.pdf")
    assert verify_manifest(tmp_path) == {}
    record = read_run(tmp_path)
    assert record["identity"] == "i"
    assert sorted(record["files"]) == ["figures/new.svg", "report.json", "tables/edges_truth.csv"]
    with pytest.raises(InputError, match="holds no finished run"), revise_run(tmp_path / "b"):
        pass


# --- read-only folders, no HOME (F23)


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Permissions do not bind root: be nobody for a while."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_read_only_directory_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o555)
        with as_ordinary_user():
            with pytest.raises(InputError, match=r"cannot be written \(Permission denied\): choose a folder"):
                make_run(Path(name))
            with pytest.raises(InputError, match=r"cannot be written \(Perm"):
                make_run(Path(name, "new"))
            with pytest.raises(InputError, match="cannot be written"):
                write_atomic(Path(name, "a"), b"")
        assert list_files(Path(name)) == set()


def test_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    make_run(tmp_path)


# --- locks


def test_directory_in_use_is_refused_and_free_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    with open_run(tmp_path), pytest.raises(InputError, match=rf"in use .*process {os.getpid()} on .*SLURM job 4711"):
        make_run(tmp_path, overwrite=True)
    make_run(tmp_path)


def write_lock(path: Path, **changes: Any) -> None:
    me = {"host": os.uname().nodename, "pid": os.getpid(), "started": "", "job": "", "token": "ab12"}
    path.unlink(missing_ok=True)
    path.symlink_to(json.dumps({**me, **changes}))


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_stale_lock_is_taken_over(tmp_path: Path) -> None:
    write_lock(tmp_path / ".connectograph.lock", pid=dead_pid())
    make_run(tmp_path)
    assert list_files(tmp_path) == {"report.json", "tables/edges_truth.csv", "run.json"}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not tell when a process started")
def test_process_number_used_anew_does_not_keep_the_lock(tmp_path: Path) -> None:
    write_lock(tmp_path / ".connectograph.lock", pid=os.getpid(), started="1")
    make_run(tmp_path)


def test_dead_claim_on_a_dead_lock_is_taken_over(tmp_path: Path) -> None:
    write_lock(tmp_path / ".connectograph.lock", pid=dead_pid(), token="a")
    write_lock(tmp_path / ".connectograph.lock.a", pid=dead_pid(), token="b")
    make_run(tmp_path)
    assert list_files(tmp_path) == {"report.json", "tables/edges_truth.csv", "run.json"}


@pytest.mark.parametrize("changes", [{"host": "elsewhere"}, {"pid": 1}, {"pid": -1}, {"token": "../x"}, {"more": 1}])
def test_lock_that_may_be_held_is_respected(tmp_path: Path, changes: dict[str, Any]) -> None:
    write_lock(tmp_path / ".connectograph.lock", **changes)
    with pytest.raises(InputError, match=r"remove .*\.connectograph\.lock|remove it"):
        make_run(tmp_path)
    assert list_files(tmp_path) == {".connectograph.lock"}


def test_lock_of_another_users_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, sign: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    write_lock(tmp_path / ".connectograph.lock", pid=dead_pid())
    with pytest.raises(InputError, match="in use"):
        make_run(tmp_path)


def test_lock_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Any, target: Any) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "symlink", refuse)
    with open_run(tmp_path), pytest.raises(InputError, match="in use"):
        make_run(tmp_path)
    make_run(tmp_path)


def test_lock_that_vanishes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, lock = locks._read, tmp_path / ".connectograph.lock"

    def vanish(path: Path) -> str | None:
        monkeypatch.setattr(locks, "_read", real)
        lock.unlink()
        return real(path)

    write_lock(lock)
    monkeypatch.setattr(locks, "_read", vanish)
    make_run(tmp_path)


def test_of_two_that_saw_a_dead_lock_the_second_leaves_the_new_one_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / ".connectograph.lock"
    write_lock(lock, pid=dead_pid(), token="a")
    real = locks._may_live

    def overtake(holder: Any) -> bool:
        live = real(holder)
        if holder.token == "a":
            write_lock(lock, token="b")  # another process was quicker
        return live

    monkeypatch.setattr(locks, "_may_live", overtake)
    with pytest.raises(InputError, match="in use"):
        make_run(tmp_path)
    assert json.loads(os.readlink(lock))["token"] == "b"


def test_start_time_where_the_system_does_not_tell() -> None:
    assert locks._start_time(2**30) == ""


def test_lock_of_a_successor_is_left_alone(tmp_path: Path) -> None:
    with open_run(tmp_path):
        write_lock(tmp_path / ".connectograph.lock", token="other")
    assert (tmp_path / ".connectograph.lock").is_symlink()


CONTENDER = """
import sys
from connectograph.errors import InputError
from connectograph.io.runs import open_run
for line in sys.stdin:
    try:
        with open_run(line.strip()):
            print("won", flush=True)
            sys.stdin.readline()
    except InputError as error:
        print("lost" if "in use" in str(error) else error, flush=True)
        sys.stdin.readline()
"""


@contextmanager
def started(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process that runs the code; killed at the end if it still lives."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def tell(process: subprocess.Popen[str], line: str) -> None:
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def test_of_two_processes_exactly_one_gets_the_directory(tmp_path: Path) -> None:
    gone = dead_pid()
    with started(CONTENDER) as one, started(CONTENDER) as other:
        for number in range(40):
            folder = tmp_path / str(number)
            if number % 2:
                folder.mkdir()
                write_lock(folder / ".connectograph.lock", pid=gone)
            for process in (one, other):
                tell(process, str(folder))
            assert sorted(process.stdout.readline().strip() for process in (one, other)) == ["lost", "won"], number
            for process in (one, other):
                tell(process, "")


# --- killed processes (F19)

WRITER = """
import sys
from connectograph.io.runs import finish_run, open_run, place_file, write_atomic
size = 400_000
print("ready", flush=True)
while True:
    with open_run(sys.argv[1], overwrite=True) as run:
        for letter in "abc":
            def write(stream):
                for _ in range(100):
                    stream.write(letter.encode() * (size // 100))
            write_atomic(place_file(run, f"tables/{letter}.csv"), write)
        finish_run(run, {})
"""


def test_killed_writer_leaves_no_half_file_and_the_next_run_works(tmp_path: Path) -> None:
    chance = random.Random(0)
    for _ in range(8):
        with started(WRITER, str(tmp_path)) as process:
            process.stdout.readline()
            time.sleep(chance.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
        for letter in "abc":
            file = tmp_path / "tables" / f"{letter}.csv"
            assert not file.exists() or file.read_bytes() == letter.encode() * 400_000
        if (tmp_path / "run.json").exists():
            assert verify_manifest(tmp_path) == {}
        make_run(tmp_path, overwrite=True)
        assert list_files(tmp_path) == {"report.json", "tables/edges_truth.csv", "run.json"}


# --- faults at the n-th call (F22)

CALLS = ("open", "fdopen", "fsync", "replace", "symlink", "mkdir", "unlink")


@contextmanager
def failing(n: int, code: int, calls: tuple[str, ...] = CALLS) -> Iterator[list[int]]:
    """The n-th call (from 1) of any of these functions of os fails; yields the number of calls so far."""
    count = [0]

    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            count[0] += 1
            if count[0] == n:
                raise OSError(code, os.strerror(code))
            return real(*arguments, **options)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in calls:
            patch.setattr(os, name, wrap(getattr(os, name)))
        yield count


def refusal(action: Callable[[], None]) -> str:
    """Message of the InputError that the action ends in; '' if it succeeds. Any other error is a fault of ours."""
    try:
        action()
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("overwrite", [False, True])
def test_run_survives_a_fault_at_every_call(tmp_path: Path, code: int, overwrite: bool) -> None:
    n, done = 0, False
    while not done:
        n += 1
        folder = tmp_path / str(n)
        folder.mkdir()
        (folder / "notes.txt").write_text("mine")
        if overwrite:
            make_run(folder, ("report.json", "tables/old.csv"))
        with failing(n, code) as count:
            message = refusal(lambda folder=folder: make_run(folder, overwrite=overwrite))
        done = count[0] < n
        assert not message or os.strerror(code) in message
        assert not message or "no room" in message or code == errno.EIO
        for file in (folder / "report.json", folder / "tables/edges_truth.csv"):
            assert not file.exists() or file.read_text() == f"content of {file.relative_to(folder)}\n"
        # a lock that could not be removed looks like that of a living process: this one
        (folder / ".connectograph.lock").unlink(missing_ok=True)
        make_run(folder, overwrite=True)
        assert {file for file in list_files(folder) if not file.startswith(".connectograph-tmp")} == {
            "notes.txt",
            "report.json",
            "tables/edges_truth.csv",
            "run.json",
        }
    assert n > 20


def test_atomic_write_survives_a_fault_at_every_call(tmp_path: Path) -> None:
    target, n, done = tmp_path / "a.csv", 0, False
    target.write_text("old")
    while not done:
        n += 1
        with failing(n, errno.ENOSPC, ("open", "fdopen", "fsync", "replace")) as count:
            message = refusal(lambda: write_atomic(target, "new"))
        done = count[0] < n
        assert not message or "it needs 3 bytes or more and" in message
        assert list_files(tmp_path) == {"a.csv"}
        assert target.read_text() in ("old", "new")
    assert n == 7
    assert target.read_text() == "new"


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """What a full disk or an exhausted quota does: writing beyond `size` bytes fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_disk_full_at_every_size(tmp_path: Path) -> None:
    def write(stream: Any) -> None:
        for _ in range(10):
            stream.write(b"x" * 10_000)
            stream.flush()

    target = tmp_path / "a"
    for size in range(0, 100_001, 5_000):
        with file_size_limit(size):
            if size < 100_000:
                with pytest.raises(InputError, match=rf"no room to write it .* it needs {size:,} bytes or more"):
                    write_atomic(target, write)
                assert list_files(tmp_path) == set()
            else:
                write_atomic(target, write)
    assert target.stat().st_size == 100_000


def test_error_of_the_callback_leaves_nothing(tmp_path: Path) -> None:
    def write(stream: Any) -> None:
        stream.write(b"half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_atomic(tmp_path / "a", write)
    assert list_files(tmp_path) == set()


def test_written_files_have_ordinary_permissions(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        write_atomic(tmp_path / "a", b"")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


def test_folder_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        write_atomic(tmp_path / "no" / "a", lambda stream: stream.write(b""))
    assert files._free_bytes(tmp_path / "no") == 0


def test_file_system_without_folder_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync

    def sync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "no")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    write_atomic(tmp_path / "a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"


# --- JSON, npz, hashes, credentials


def test_json_keeps_order_and_plain_numbers() -> None:
    content = {"b": np.int64(3), "a": [np.float64(0.1), None, True, "µm"], "c": {"d": (1, np.bool_(False))}}
    text = dump_json(content)
    assert json.loads(text) == {"b": 3, "a": [0.1, None, True, "µm"], "c": {"d": [1, False]}}
    assert text.startswith('{\n  "b": 3,\n  "a"')
    assert "µm" in text
    assert text.endswith("}\n")
    json.loads(dump_json({"name": os.fsdecode(b"\xff.h5")}).encode())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "content.x is nan: an undefined number is null"),
        (np.float32("inf"), "content.x is inf"),
        (np.uint64(3), "content.x is a uint64, 3: ids are strings"),
        (2**53, "beyond 2\\^53"),
        ([0, float("nan")], r"content\.x\[1\] is nan"),
    ],
)
def test_json_refuses_what_it_cannot_hold(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dump_json({"x": value})


def test_npz_is_the_same_bytes_at_any_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = {"ids": np.array([2**64 - 3], np.uint64), "empty": np.zeros((0, 3)), "order": np.asfortranarray(np.eye(3))}
    save_npz(tmp_path / "a.npz", arrays)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    save_npz(tmp_path / "b.npz", arrays)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "b.npz") as back:
        assert all((back[name] == array).all() and back[name].dtype == array.dtype for name, array in arrays.items())
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
    with pytest.raises(ValueError, match="Object arrays"):
        save_npz(tmp_path / "c.npz", {"a": np.array([None])})
    assert not (tmp_path / "c.npz").exists()


def test_sha256(tmp_path: Path) -> None:
    content = np.random.default_rng(0).bytes(3_000_001)
    (tmp_path / "a").write_bytes(content)
    assert sha256_file(tmp_path / "a") == hashlib.sha256(content).hexdigest()
    with pytest.raises(InputError, match="cannot be read: No such file"):
        sha256_file(tmp_path / "b")


@pytest.mark.parametrize(
    "text",
    [
        "https://host/a.zarr?sv=2020&sig=HUSH%3D",
        "s3://KEYID:HUSH@bucket/a",
        "precomputed://https://storage.example/x?X-Amz-Signature=HUSH",
        "connectograph evaluate a.h5 --webknossos-token HUSH",
        "--token=HUSH",
        "Authorization: Bearer HUSHHUSH.x",
        "password: HUSH",
        "AWS_SECRET_ACCESS_KEY=HUSH",
        '{"token": "HUSH"}',
        "/data/token=HUSH/a.h5",
        "ghp_HUSHHUSHHUSHHUSHHUSHHUSHHUSH",
        "https://host/app#token=HUSH",
    ],
)
def test_credentials_are_blotted_out(text: str) -> None:
    assert "HUSH" not in redact(text)
    assert "***" in redact(text)


@given(st.text(alphabet="abcXYZ0189/._- :,", max_size=60))
def test_text_without_credentials_is_kept(text: str) -> None:
    assert redact(text) == text or "***" in redact(text)


@pytest.mark.parametrize("text", ["/data/keys/monkey=3.h5", "sample_A.hdf:/volumes/labels/clefts", "https://host/a.h5"])
def test_ordinary_paths_are_kept(text: str) -> None:
    assert redact(text) == text


def test_names_are_where_they_are_looked_for() -> None:
    assert all(hasattr(runs, name) for name in runs.__all__)
