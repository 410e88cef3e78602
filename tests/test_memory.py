"""A budget of memory is kept, measured in processes of their own, and changes no byte of the result."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import chunked
import h5py
import numpy as np
import pytest

import connectograph as cg
from connectograph.blocks import fold_blocks, open_engine, plan_memory
from connectograph.matching.contingency import count_overlaps

SHAPE = (32, 512, 768)
CHUNK = (32, 512, 512)
"""64 MiB: far more than is read at once where the file leaves the choice."""

ROLES = ("segmentation", "truth", "predicted")


@pytest.fixture(scope="module")
def volumes() -> dict[str, cg.Volume]:
    """Bricks, and synapses on them."""
    z, y, x = np.ogrid[:32, :512, :768]
    truth, predicted = np.zeros(SHAPE, "u4"), np.zeros(SHAPE, "u4")
    for k, (b, a) in enumerate(np.random.default_rng(0).integers(4, 490, (60, 2))):
        truth[4:8, b : b + 9, a : a + 9] = k + 1
        predicted[5:9, b : b + 9, a + 2 : a + 13] = k + 1
    labels = (((z // 8) * 1000 + (y // 48) * 20 + x // 40 + 1).astype("u8"), truth, predicted)
    return {role: cg.Volume(array, (40.0, 4.0, 4.0)) for role, array in zip(ROLES, labels, strict=True)}


@pytest.fixture(scope="module")
def copies(volumes: dict[str, cg.Volume], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Files of each form; gzip 0 is the worst case: as many bytes packed as unpacked."""
    folder = tmp_path_factory.mktemp("copies")
    grid = {"name": "regular", "configuration": {"chunk_shape": CHUNK}}
    codecs = [{"name": "bytes", "configuration": {"endian": "little"}}]
    with h5py.File(folder / "all.h5", "w") as file:
        for role, volume in volumes.items():
            file.create_dataset(role, data=volume.labels, chunks=CHUNK, compression="gzip", compression_opts=0)
    for role, volume in volumes.items():
        chunked.zarr3(volume, folder / f"{role}.zarr", chunk_grid=grid, codecs=codecs)
        np.save(folder / f"{role}.npy", volume.labels)
    return {
        "h5": [f"{folder}/all.h5:{role}" for role in ROLES],
        "zarr": [f"{folder}/{role}.zarr" for role in ROLES],
        "npy": [f"{folder}/{role}.npy" for role in ROLES],
    }


def files_of(folder: Path) -> dict[str, bytes]:
    found = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    return {name: file.read_bytes() for name, file in found.items() if name != "run.json"}


@pytest.fixture(scope="module")
def expected(volumes: dict[str, cg.Volume], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The run on arrays, without a budget."""
    folder = tmp_path_factory.mktemp("expected") / "run"
    cg.evaluate(**volumes, contactome=True).write(folder, reports=False)
    return files_of(folder)


RUN = """
import json, sys
import connectograph as cg
files, budget, workers, out = json.loads(sys.argv[1])
ev = cg.evaluate(files[0], truth=files[1], predicted=files[2], contactome=True, voxel_size=(40, 4, 4),
                 max_memory=budget, workers=workers)
ev.write(out, reports=False)
# of this program alone: a process inherits the peak that getrusage knows of whoever starts it
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) >> 10)
"""


def run(*case: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN, json.dumps(case)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(("form", "more"), [("h5", (0,)), ("zarr", (0, 160)), ("npy", (0,))])
def test_pitfall_F20_budgets_are_kept_and_change_no_byte(tmp_path, copies, expected, form, more):
    segmentation, truth, predicted = copies[form]
    with pytest.raises(cg.InputError, match="--max-memory 200 MiB is too little") as refused:
        cg.evaluate(segmentation, truth=truth, predicted=predicted, voxel_size=(40, 4, 4), max_memory="200MiB")
    smallest = int(re.search(r"Pass --max-memory (\d+)MiB or more", str(refused.value))[1])
    for budget in (smallest + room for room in more):
        done = run(copies[form], f"{budget}MiB", 2, str(tmp_path / str(budget)))
        assert done.returncode == 0, done.stderr
        assert 100 < int(done.stdout) <= budget
        assert files_of(tmp_path / str(budget)) == expected


def test_parts_are_tried_before_workers_are_given_up(copies):
    volume = cg.read_volume(copies["h5"][0], voxel_size=(40, 4, 4))
    plans = [plan_memory([volume], 4, "threads", f"{budget}MiB") for budget in (700, 1000, 1300, 1500, 2000)]
    assert [plan.workers for plan in plans] == sorted(plan.workers for plan in plans)
    assert all(plan.n_bytes <= budget << 20 for plan, budget in zip(plans, (700, 1000, 1300, 1500, 2000), strict=True))
    assert (plans[-1].workers, plans[-1].block_bytes) == (4, None)
    cut = plans[0]
    assert (cut.workers, cut.block_bytes) == (1, 4 << 20)
    assert str(cut) == "about 0.7 GiB at most, tables not counted, with workers: 1, on 4 MiB of a block at a time"


def total(array, origin):
    arrays = array if isinstance(array, tuple) else (array,)
    return (np.array([[arrays[0].size, *(each.sum() for each in arrays), max(each.nbytes for each in arrays)]]),)


def merge(parts):
    rows = np.concatenate([part[0] for part in parts])
    return (np.append(rows[:, :-1].sum(0), rows[:, -1].max())[None],)


@pytest.mark.parametrize("most", [1 << 12, 1 << 20, 3_000_001])
def test_parts_of_blocks_add_up_to_the_volume(copies, volumes, most):
    volume = cg.read_volume(copies["zarr"][0])
    with open_engine("threads", 2, block_bytes=most) as engine:
        (found,) = fold_blocks(total, merge, volume, engine=engine)
    labels = volumes["segmentation"].labels
    assert found[0, :2].tolist() == [labels.size, labels.sum()]
    assert most // 2 < found[0, 2] <= most


def test_pairs_of_blocks_are_worked_on_in_parts_too(volumes):
    pair = count_overlaps(volumes["segmentation"], volumes["truth"])
    with open_engine("threads", 2, block_bytes=5000) as engine:
        assert count_overlaps(volumes["segmentation"], volumes["truth"], engine=engine).equals(pair)
