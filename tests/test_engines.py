"""Engines: the same bytes from threads, processes and Dask; whatever dies is noticed, tried again, and named."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import blockwork
import numpy as np
import pytest
from blockwork import Cut, add_up, merge
from hypothesis import given, settings
from hypothesis import strategies as st
from lazy import cut_boxes
from scenes import scenes

import connectograph as cg
from connectograph.blocks import Engine, fold_blocks, map_blocks, open_engine, parse_size, plan_memory, runners
from connectograph.blocks.runners import OwnThreadRunner
from connectograph.errors import BlockFailed
from connectograph.io.files import dump_json
from connectograph.io.lazy import PIECE_BYTES
from connectograph.volumes import Volume

ZYX = (40.0, 4.0, 4.0)
NAMES = ("own thread", "threads", "processes", "dask")


@pytest.fixture(scope="module")
def opened():
    """Every engine, with two workers where it has any, open for all tests."""
    with open_engine("processes", 2) as processes, open_engine("dask", 2) as dask, open_engine("threads", 2) as threads:
        own = Engine(OwnThreadRunner())
        yield {"own thread": own, "threads": threads, "processes": processes, "dask": dask}


@pytest.fixture(autouse=True)
def _hard_limit():
    """No test of this file may hang."""

    def give_up(number, frame):
        raise TimeoutError("a test of engines hung")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(100)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def unit_boxes(shape):
    return [tuple(slice(i, i + 1) for i in place) for place in np.ndindex(shape)]


def volume_of(n_blocks: int) -> Volume:
    labels = np.arange(n_blocks, dtype="u8").reshape(n_blocks, 1, 1)
    return Volume(Cut(labels, unit_boxes(labels.shape)), ZYX, name="cells.h5:labels")


def bytes_of(ev):
    """report.json and all tables as what is written of them."""
    tables = {name: table.to_csv(index=False).encode() for name, table in ev.tables.items()}
    return {"report.json": dump_json(ev.report).encode(), **tables}


# --- the same bytes ---------------------------------------------------------------------------------------------------


def evaluate_cut(scene, boxes, engine):
    volumes = {
        role: Volume(Cut(array, boxes(array.shape)), scene.voxel_size, scene.offset)
        for role, array in (
            ("segmentation", scene.segmentation),
            ("truth", scene.truth),
            ("predicted", scene.predicted),
        )
    }
    segmentation = volumes.pop("segmentation")
    return bytes_of(cg.evaluate(segmentation, **volumes, contactome=True, engine=engine, **scene.options))


@settings(max_examples=settings.default.max_examples // 3)
@given(scenes(), st.integers(0, 2**32), st.sampled_from(NAMES))
def test_neither_blocks_nor_engines_change_a_byte(opened, scene, seed, name):
    """Boxes of any shape, those of one voxel too, on any engine, against one block on one thread."""
    whole = evaluate_cut(scene, lambda shape: [tuple(slice(0, size) for size in shape)], None)
    random = Random(seed)
    cut = unit_boxes if seed % 4 == 0 else lambda shape: cut_boxes(shape, random)
    assert evaluate_cut(scene, cut, opened[name]) == whole


def test_components_that_cross_corners_are_whole_on_every_engine(opened):
    labels = np.zeros((4, 4, 4), "u1")
    labels[0, 0, 0] = labels[1, 1, 1] = labels[2, 2, 2] = labels[3, 3, 3] = 1
    halves = [tuple(slice(2 * i, 2 * i + 2) for i in place) for place in np.ndindex(2, 2, 2)]
    for engine in opened.values():
        for boxes in (halves, unit_boxes(labels.shape)):
            found = cg.label_synapses(Volume(Cut(labels, boxes), ZYX), form="mask", engine=engine)
            assert (found.ids.tolist(), len(found.starts)) == ([1], 4)
            split, pieces = cg.split_segments(Volume(Cut(labels, boxes), ZYX), engine=engine)
            assert len(pieces) == 0
            assert cg.measure_segments(split, engine=engine)["n_voxels"].tolist() == [4]


@pytest.mark.parametrize("workers", [1, 2])
def test_files_are_read_by_the_workers_themselves(opened, workers, tmp_path):
    rng = np.random.default_rng(3)
    labels = rng.integers(1, 9, (40, 12, 13)).repeat(3, 1).repeat(3, 2).astype("u8")
    clefts = np.where(rng.random(labels.shape) < 0.2, 7, 0).astype("u8")
    cg.write_volume(tmp_path / "a.hdf", Volume(labels, ZYX))
    cg.write_volume(tmp_path / "a.hdf", Volume(clefts, ZYX), dataset="volumes/labels/clefts")
    expected = bytes_of(cg.evaluate(tmp_path / "a.hdf", predicted=tmp_path / "a.hdf", contactome=True, workers=1))
    for engine in (f"threads {workers}", *(NAMES[2:] if workers == 2 else ())):
        chosen = opened.get(engine, "threads")
        ev = cg.evaluate(
            tmp_path / "a.hdf", predicted=tmp_path / "a.hdf", contactome=True, engine=chosen, workers=workers
        )
        assert bytes_of(ev) == expected
        assert ev.run["engine"] == engine.split()[0]


@dataclass(frozen=True)
class NoLabels:
    """Nothing to read."""

    shape = (0, 3, 4)
    dtype = np.dtype("u8")

    def blocks(self):
        return iter(())


@pytest.mark.parametrize("name", NAMES)
def test_no_voxels_at_all(opened, name):
    volume = Volume(NoLabels(), ZYX)
    assert len(cg.measure_segments(volume, engine=opened[name])) == 0
    assert len(cg.find_contacts(volume, engine=opened[name])) == 0


def test_results_are_shortened_once_planes_are_complete(opened):
    seen = []
    labels = np.ones((6, 2, 2), "u1")
    fold_blocks(
        add_up, merge, Volume(Cut(labels, unit_boxes(labels.shape)), ZYX), engine=opened["threads"],
        settle=lambda part, planes: seen.append((int(part[0][0]), planes)) or part,
    )  # fmt: skip
    assert seen[-1] == (24, 6)


# --- what goes wrong --------------------------------------------------------------------------------------------------


def fold(function, volume, engine, workers=2):
    with open_engine(engine, workers) as each:
        return int(fold_blocks(function, merge, volume, engine=each)[0].sum())


@pytest.mark.parametrize("engine", NAMES[2:])
def test_pitfall_F21_a_worker_that_is_killed_changes_nothing(engine, tmp_path):
    assert fold(partial(blockwork.die_once, str(tmp_path / "flag")), volume_of(40), engine) == sum(range(40))
    assert (tmp_path / "flag").exists()


def test_pitfall_F21_a_dask_worker_killed_from_outside_costs_nothing(tmp_path):
    from distributed import Client, LocalCluster

    rng = np.random.default_rng(0)
    labels = rng.integers(1, 20, (60, 10, 10)).astype("u8")
    boxes = [(slice(z, z + 1), slice(0, 10), slice(0, 10)) for z in range(60)]
    volume = Volume(Cut(labels, boxes), ZYX)
    expected = cg.measure_segments(volume, workers=1)
    local = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs="CRITICAL")
    with local as cluster, Client(cluster) as client:
        client.wait_for_workers(2)
        victim = min(client.run(os.getpid).values())
        killer = threading.Timer(0.2, os.kill, (victim, signal.SIGKILL))
        killer.start()
        found = [cg.measure_segments(volume, engine=client) for _ in range(3)]
        killer.join()
    assert all(each.equals(expected) for each in found)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("killed", "killed by SIGKILL.*memory"),
        ("exit", "exit code 9"),
        ("segfault", "SIGSEGV"),
        ("unreadable", "Input/out"),
    ],
)
def test_pitfall_F21_a_poisoned_block_is_named_with_the_reason(how, words):
    """Out of the five blocks that are sent together."""
    with pytest.raises(BlockFailed, match=rf"block at \(3, 0, 0\).*cells.h5:labels failed 3 times: .*{words}"):
        fold(partial(blockwork.die_at, (3, 0, 0), how), volume_of(40), "processes")


def test_pitfall_F21_a_block_that_kills_dask_workers_is_named_with_the_reason():
    import dask

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),  # one worker an attempt is enough
        pytest.raises(BlockFailed, match=r"block at \(3, 0, 0\).*failed 3 times: .*lost with several Dask workers"),
    ):
        fold(partial(blockwork.die_at, (3, 0, 0), "killed"), volume_of(8), "dask")


def test_pitfall_F21_a_worker_that_sleeps_is_noticed(monkeypatch):
    monkeypatch.setattr(runners, "PATIENCE_SECONDS", 3.0)
    with pytest.raises(BlockFailed, match=r"block at \(1, 0, 0\).*no answer within 3 s"):
        fold(partial(blockwork.die_at, (1, 0, 0), "asleep"), volume_of(2), "processes", workers=1)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_wrong_with_the_input_is_said_as_ever(opened, name):
    with pytest.raises(cg.InputError, match=r"^a label is negative$"):
        list(fold_blocks(partial(blockwork.die_at, (1, 0, 0), "input"), merge, volume_of(3), engine=opened[name]))
    with pytest.raises(cg.InputError, match=r"negative ids: 1 .* -5 at voxel \(0, 0, 1\)"):
        cg.measure_segments(Volume(np.array([[[1, -5]]]), ZYX), engine=opened[name])


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_of_ours_names_the_block_and_is_no_reason_to_resume(opened, name):
    with pytest.raises(RuntimeError, match=r"block at \(1, 0, 0\).*ZeroDivisionError: a fault of ours") as caught:
        fold_blocks(partial(blockwork.die_at, (1, 0, 0), "fault"), merge, volume_of(3), engine=opened[name])
    assert not isinstance(caught.value, BlockFailed)


@pytest.mark.parametrize("name", NAMES)
def test_a_block_that_fails_twice_is_read_at_the_third_attempt(opened, name, tmp_path):
    function = partial(blockwork.fail_twice, str(tmp_path))
    assert int(fold_blocks(function, merge, volume_of(1), engine=opened[name])[0].sum()) == 0
    assert len(list(tmp_path.iterdir())) == 2


def test_results_of_every_engine_come_in_block_order(opened):
    for engine in opened.values():
        found = [int(part[0][0]) for part in map_blocks(add_up, volume_of(9), engine=engine)]
        assert found == list(range(9))


def test_workers_do_not_outlive_a_parent_that_is_killed(tmp_path):
    import subprocess

    script = tmp_path / "parent.py"
    script.write_text(
        "import os, sys\n"
        "from connectograph.blocks import open_engine\n"
        "from connectograph.blocks.processes import ProcessRunner\n"
        "if __name__ == '__main__':\n"
        "    with open_engine('processes', 1) as engine:\n"
        "        print(engine.runner._pool.submit(os.getpid).result(), flush=True)\n"
        "        os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    child = int(done.stdout)
    for _ in range(100):
        try:
            os.kill(child, 0)
            state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.1)
    raise AssertionError("the worker is still there")


# --- choosing ---------------------------------------------------------------------------------------------------------


def test_engines_that_are_not_there_are_refused_with_the_way_out(monkeypatch):
    volume = volume_of(2)
    with pytest.raises(
        cg.InputError, match=r"engine is 'clouds'; expected one of threads, processes, dask, or dask:tcp"
    ):
        cg.measure_segments(volume, engine="clouds")
    with pytest.raises(cg.InputError, match=r"engine is int; expected a name or a distributed.Client"):
        cg.measure_segments(volume, engine=3)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(cg.InputError, match=r"pip install 'connectograph\[dask\]'"):
        cg.measure_segments(volume, engine="dask")


def test_a_scheduler_that_does_not_answer_is_named():
    with pytest.raises(cg.InputError, match=r"No Dask scheduler answers at 'nonsense:"):
        cg.measure_segments(volume_of(2), engine="dask:nonsense://127.0.0.1:1")


@pytest.mark.parametrize(
    ("text", "n_bytes"), [("2GiB", 2**31), ("500MB", 500_000_000), ("1048576", 2**20), ("1.5 KiB", 1536), ("3b", 3)]
)
def test_sizes_of_memory(text, n_bytes):
    assert parse_size(text) == n_bytes


@pytest.mark.parametrize("text", ["", "much", "-1GB", "1 GB/s", "1e9"])
def test_what_is_no_size_of_memory(text):
    with pytest.raises(cg.InputError, match="no size of memory; expected a number and a unit"):
        parse_size(text)


def test_what_waits_for_many_workers_is_counted():
    volume = Volume(Cut(np.broadcast_to(np.uint8(1), (2048, 2048, 2048)), [(slice(0, 1),) * 3]), ZYX)
    few, many = (plan_memory([volume], workers, "threads", "100GiB").n_bytes for workers in (2, 64))
    assert many - few > runners.AHEAD_TASKS * 62 * PIECE_BYTES


def test_pitfall_F20_a_budget_is_kept_by_fewer_workers_or_refused_with_what_would_do():
    huge = Volume(Cut(np.broadcast_to(np.uint64(1), (2048, 2048, 2048)), [(slice(0, 256),) * 3] * 2), ZYX, name="big")
    free = plan_memory([huge], 8, "threads", "100GiB")
    assert free.workers == 8
    tight = plan_memory([huge], 8, "threads", "2GiB")
    assert (tight.workers < 8, tight.n_bytes <= 2**31) == (True, True)
    assert plan_memory([huge], 8, "processes", "4GiB").workers <= plan_memory([huge], 8, "threads", "4GiB").workers
    with pytest.raises(cg.InputError, match=r"--max-memory 100 MiB is too little: .*128 MiB of big") as caught:
        plan_memory([huge], 8, "threads", "100MiB")
    enough = re.search(r"Pass --max-memory (\w+) or more", str(caught.value))
    assert plan_memory([huge], 8, "threads", enough[1]).workers == 1
    with pytest.raises(cg.InputError, match="--max-memory 10 MiB is too little"):
        cg.evaluate(
            Volume(np.ones((1, 1, 1), "u1"), ZYX), truth=Volume(np.ones((1, 1, 1), "u1"), ZYX), max_memory="10MiB"
        )
