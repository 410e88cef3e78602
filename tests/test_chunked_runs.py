"""Chunked copies of a volume in evaluations: the same bytes as from HDF5, missing chunks said, runs verified."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import chunked
import numpy as np
import pytest

import connectograph as cg
from connectograph.cli import main
from connectograph.evaluation import verify_run

HERE = Path(__file__).resolve().parent / "golden"
ROLES = ("segmentation", "truth", "predicted")
Run = Callable[..., tuple[int, str, str]]
SETTINGS = {"min_segment_voxels": 50, "contactome": True, "predicted_form": "mask"}


@pytest.fixture(scope="module")
def phantom() -> dict[str, cg.Volume]:
    segmentation = cg.read_volume(HERE / "phantom_a.hdf", role="segmentation")
    sources = {"truth": HERE / "phantom_a.hdf", "predicted": HERE / "phantom_a_pred.xz"}
    volumes = {"segmentation": segmentation}
    volumes |= {role: cg.read_volume(source, role=role, like=segmentation) for role, source in sources.items()}
    return {
        role: cg.Volume(np.asarray(volume.labels[:, :, :]), volume.voxel_size, volume.offset)
        for role, volume in volumes.items()
    }


def write_npy(volume: cg.Volume, path: Path) -> str:
    cg.write_volume(f"{path}.npy", volume)
    return f"{path}.npy"


def write_zarr(volume: cg.Volume, path: Path) -> str:
    cg.write_volume(f"{path}.zarr", volume)
    return f"{path}.zarr"


COPIES: dict[str, Callable[[cg.Volume, Path], str]] = {**chunked.WRITERS, "npy": write_npy, "our zarr": write_zarr}


def files_of(folder: Path) -> dict[str, bytes]:
    found = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    return {name: file.read_bytes() for name, file in found.items() if name != "run.json"}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The run from HDF5."""
    folder = tmp_path_factory.mktemp("hdf") / "run"
    ev = cg.evaluate(HERE / "phantom_a.hdf", predicted=HERE / "phantom_a_pred.xz", **SETTINGS)
    ev.write(folder, reports=False)
    return files_of(folder)


@pytest.mark.parametrize("form", COPIES)
def test_every_format_gives_the_same_bytes(
    tmp_path: Path, phantom: dict[str, cg.Volume], expected: dict[str, bytes], form: str
) -> None:
    files = {role: COPIES[form](volume, tmp_path / role) for role, volume in phantom.items()}
    place = {"voxel_size": (40, 4, 4)} if form == "npy" else {}
    ev = cg.evaluate(files["segmentation"], truth=files["truth"], predicted=files["predicted"], **SETTINGS, **place)
    ev.write(tmp_path / "run", reports=False)
    assert files_of(tmp_path / "run") == expected
    inputs = json.loads((tmp_path / "run/run.json").read_bytes())["inputs"]
    assert all(len(inputs[role]["sha256"]) == 64 for role in ROLES)
    assert all(inputs[role]["bytes"] > 0 for role in ROLES)
    if form == "webknossos":
        assert verify_run(tmp_path / "run") == []


@pytest.fixture
def small(two_neurons: dict[str, np.ndarray], tmp_path: Path) -> dict[str, str]:
    """Two neurons and their synapse as Zarr stores, each of one file a chunk."""
    volumes = {role: cg.Volume(array, (40, 4, 4)) for role, array in two_neurons.items()}
    return {role: chunked.zarr2(volume, tmp_path / f"{role}.zarr") for role, volume in volumes.items()}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command in the folder of the test: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        return main([str(word) for word in words]), *capsys.readouterr()

    return call


def test_pitfall_f08_missing_chunks_are_refused_or_said_beside_the_score(
    run: Run, tmp_path: Path, small: dict[str, str]
) -> None:
    for file in Path(small["predicted"], "0").glob("0.*"):
        file.unlink()
    order = ["evaluate", small["segmentation"], "--truth", small["truth"], "--predicted", small["predicted"]]
    code, _, err = run(*order)
    assert code == 2
    assert "1 of 1 chunks are missing (100 %)" in err
    assert "--allow-missing-chunks" in err
    code, out, err = run(*order, "--allow-missing-chunks", "--out", "run")
    notice = "predicted: 1 of 1 chunks are missing (100 %) and were read as 0"
    assert code == 0, err
    assert f"note: {notice}" in out
    report = json.loads((tmp_path / "run/report.json").read_bytes())
    assert notice in report["notices"]
    assert "chunks are missing" in (tmp_path / "run/report.html").read_text()
    record = json.loads((tmp_path / "run/run.json").read_bytes())
    assert record["reading"]["allow_missing_chunks"] is True
    assert verify_run(tmp_path / "run") == []


def test_a_store_of_one_array_is_not_its_own_truth(small: dict[str, str]) -> None:
    with pytest.raises(cg.InputError, match="has no volume volumes/labels/clefts"):
        cg.evaluate(small["segmentation"])


def test_a_store_in_the_layout_of_cremi_needs_no_dataset(tmp_path: Path, two_neurons: dict[str, np.ndarray]) -> None:
    names = {"segmentation": "neuron_ids", "truth": "clefts"}
    for role, name in names.items():
        cg.write_volume(f"{tmp_path}/a.zarr:volumes/labels/{name}", cg.Volume(two_neurons[role], (40, 4, 4)))
    assert len(cg.evaluate(tmp_path / "a.zarr").tables["synapses_truth"]) == 1


def test_a_changed_store_is_named(tmp_path: Path, small: dict[str, str]) -> None:
    files = {"truth": small["truth"], "predicted": small["predicted"]}
    cg.evaluate(small["segmentation"], **files).write(tmp_path / "run", reports=False)
    os.replace(small["truth"], f"{small['truth']}.old")
    changed = cg.Volume(np.zeros((3, 8, 8), "u8"), (40, 4, 4))
    chunked.zarr2(changed, Path(small["truth"]))
    assert any("the truth has changed since the run" in line for line in verify_run(tmp_path / "run"))


def test_pitfall_f26_a_chunk_that_changes_while_it_is_read(small: dict[str, str]) -> None:
    chunk = next(Path(small["segmentation"], "0").glob("0.*"))
    files = {"truth": small["truth"], "predicted": small["predicted"]}
    with pytest.raises(cg.InputError, match="was changed while it was read"):
        cg.evaluate(small["segmentation"], **files, progress=lambda voxels: chunk.touch())


def test_check_shows_the_card_of_every_format(run: Run, tmp_path: Path) -> None:
    volume = cg.Volume(np.arange(6 * 9 * 20, dtype="u8").reshape(6, 9, 20), (40, 8, 4), (80, 16, 12))
    paths = [writer(volume, tmp_path / f"{k}") for k, writer in enumerate(chunked.WRITERS.values())]
    code, out, err = run("check", *paths)
    assert code == 0, err
    assert out.count("shape 6×9×20 (z, y, x), voxel size 40×8×4 nm, offset 80, 16, 12 nm") == len(paths)
    assert out.count("1,079 ids other than background") == len(paths)


def test_commands_write_stores(run: Run, tmp_path: Path, small: dict[str, str]) -> None:
    segmentation = small["segmentation"]
    assert run("convert", segmentation, "a.zarr")[0] == 0
    assert run("convert", "a.zarr", "b.hdf")[0] == 0
    assert run("convert", "b.hdf", "c.zarr:labels/seg")[0] == 0
    assert run("clean", segmentation, "--out", "d.zarr")[0] == 0
    assert run("contacts", segmentation, "--out", "e.zarr")[0] == 0
    expected = cg.read_volume(segmentation)
    for name in ("a.zarr", "b.hdf", "c.zarr:labels/seg", "d.zarr"):
        found = cg.read_volume(f"{tmp_path}/{name}")
        assert (found.voxel_size, found.offset) == (expected.voxel_size, expected.offset)
        np.testing.assert_array_equal(found.labels[:, :, :], expected.labels[:, :, :])
    assert cg.read_volume(tmp_path / "e.zarr").labels[:, :, :].any()
    code, _, err = run("convert", segmentation, "a.zarr")
    assert (code, "--overwrite" in err) == (2, True)
