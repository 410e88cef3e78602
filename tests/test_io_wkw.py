"""webKnossos datasets in its older format, written by webknossos-libs itself."""

from __future__ import annotations

import copy
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import connectograph as cg
from connectograph.errors import InputError
from connectograph.evaluation import verify_run
from connectograph.io import read_volume

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    wk = pytest.importorskip(
        "webknossos",
        reason="the extra webknossos is not installed: it wants an older networkx than the library's own tests",
    )

HERE = Path(__file__).resolve().parent / "golden"
SIZE, START = (40.0, 8.0, 4.0), (5, 3, 10)
SHAPE = (40, 50, 70)
SHARD, CHUNK = 64, 32

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:webknossos")


def make_labels() -> np.ndarray:
    labels = np.arange(np.prod(SHAPE), dtype="u8").reshape(SHAPE)
    labels[0, 0, :2], labels[-1, -1, -1] = (2**64 - 1, 2**53 + 1), 2**64 - 3
    return labels


def write_wkw(
    folder: Path, labels: np.ndarray, start: tuple[int, ...] = START, *, mag: str = "1-1-1", compress: bool = True
) -> Path:
    """A dataset of one layer, by the library of webKnossos; it counts x, y, z."""
    dataset = wk.Dataset(folder, voxel_size=SIZE[::-1])
    extent = np.multiply(labels.shape[::-1], [int(factor) for factor in mag.split("-")])
    box = wk.BoundingBox(start[::-1], extent.tolist())
    layer = dataset.add_layer(
        "segmentation", "segmentation", data_format="wkw", dtype=labels.dtype, largest_segment_id=9, bounding_box=box
    )
    stored = layer.add_mag(mag, compress=compress, chunk_shape=CHUNK, shard_shape=SHARD)
    stored.write(labels.transpose(), absolute_offset=start[::-1], allow_unaligned=True)
    return folder


def edit_layer(folder: Path, **changes: Any) -> None:
    file = folder / "datasource-properties.json"
    properties = json.loads(file.read_bytes())
    properties["dataLayers"][0] |= changes
    file.write_text(json.dumps(properties))


def cubes_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("segmentation/1/z*/y*/x*.wkw"))


def gathered(labels: Any) -> np.ndarray:
    """The blocks, which must be disjoint and cover the volume."""
    out, count = np.zeros(labels.shape, labels.dtype), np.zeros(labels.shape, int)
    for block in labels.blocks():
        box = tuple(slice(o, o + n) for o, n in zip(block.origin, block.shape, strict=True))
        out[box] = block.read()
        count[box] += 1
    assert (count == 1).all()
    return out


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("dtype", ["u8", "u2"])
def test_axes_voxel_size_and_offset(tmp_path: Path, compress: bool, dtype: str) -> None:
    labels = make_labels().astype(dtype)
    volume = read_volume(write_wkw(tmp_path / "a", labels, compress=compress))
    assert (volume.shape, volume.dtype, volume.voxel_size) == (SHAPE, labels.dtype, SIZE)
    assert volume.offset == tuple(np.multiply(START, SIZE))
    assert volume.notices == ()
    np.testing.assert_array_equal(gathered(volume.labels), labels)
    np.testing.assert_array_equal(gathered(copy.copy(volume.labels)), labels)
    part = (slice(3, 9), slice(0, 20), slice(7, None))
    np.testing.assert_array_equal(volume.labels[part], labels[part])
    assert volume.labels[3:3, :, :].shape == (0, 50, 70)


def test_blocks_are_those_of_the_file(tmp_path: Path) -> None:
    """Whole blocks of the file, so that none is unpacked twice."""
    labels = read_volume(write_wkw(tmp_path / "a", make_labels())).labels
    for block in labels.blocks():
        for start, origin, size, end in zip(START, block.origin, block.shape, SHAPE, strict=True):
            assert (origin + start) % CHUNK == 0 or origin == 0
            assert (origin + size + start) % CHUNK == 0 or origin + size == end


def test_a_magnification_and_a_dataset_of_old_metadata(tmp_path: Path) -> None:
    folder = write_wkw(tmp_path / "a", make_labels(), (4, 4, 4), mag="2-2-1")
    with pytest.raises(InputError, match=r"no magnification 1\. It has: 2-2-1"):
        read_volume(folder)
    volume = read_volume(f"{folder}:segmentation/2-2-1")
    assert volume.voxel_size == (40.0, 16.0, 8.0)
    edit_layer(folder, mags=None, wkwResolutions=[{"resolution": [2, 2, 1], "cubeLength": SHARD}])
    old = read_volume(f"{folder}:segmentation/2-2-1")
    np.testing.assert_array_equal(whole := np.asarray(old.labels[:, :, :]), volume.labels[:, :, :])
    assert whole.any()


def test_missing_cubes_are_counted_and_refused_unless_allowed(tmp_path: Path) -> None:
    labels = make_labels() + np.uint64(1)
    folder = write_wkw(tmp_path / "a", labels)
    assert len(cubes_of(folder)) == 2
    cubes_of(folder)[1].unlink()  # x 64 to 79: a third of the blocks of 32
    with pytest.raises(InputError, match=r"4 of 12 chunks are missing .*--allow-missing-chunks"):
        read_volume(folder)
    found = read_volume(folder, allow_missing_chunks=True)
    (notice,) = found.notices
    assert notice == "4 of 12 chunks are missing (33.3 %) and were read as 0"
    labels[:, :, 64 - START[2] :] = 0
    np.testing.assert_array_equal(gathered(found.labels), labels)


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("n_bytes", [0, 10, 40, 5000, -1])
def test_a_cube_cut_short_is_refused_though_the_library_reads_zeros(
    tmp_path: Path, compress: bool, n_bytes: int
) -> None:
    folder = write_wkw(tmp_path / "a", make_labels(), compress=compress)
    file = cubes_of(folder)[0]
    content = file.read_bytes()
    file.write_bytes(content[:n_bytes])
    with pytest.raises(InputError, match=r"is damaged: .*x0.wkw is incomplete or no cube of this layer. Copy it again"):
        read_volume(folder)
    file.write_bytes(b"NOT" + content[3:])
    with pytest.raises(InputError, match="no cube of this layer"):
        read_volume(folder)


def test_a_block_that_cannot_be_unpacked_is_named(tmp_path: Path) -> None:
    folder = write_wkw(tmp_path / "a", make_labels())
    file = cubes_of(folder)[0]
    content = bytearray(file.read_bytes())
    content[200:400] = b"\xff" * 200
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"is damaged: the block at \(0, 0, 0\) .* cannot be read"):
        gathered(read_volume(folder).labels)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"boundingBox": None}, "has the bounding box none"),
        ({"boundingBox": {"topLeft": [-1, 0, 0], "width": 5, "height": 5, "depth": 5}}, "expected one inside 0 to"),
        ({"boundingBox": {"topLeft": [0, 0, 0], "width": 2**33, "height": 5, "depth": 5}}, "expected one inside 0 to"),
        ({"boundingBox": {"topLeft": [0, 0, 0], "width": 2**31, "height": 2**31, "depth": 9}}, "chunks are missing"),
        ({"mags": [{"mag": [1, 1, 1], "path": "../../a"}]}, "lies outside it"),
        ({"mags": [{"mag": [1, 1, 1], "path": "segmentation/7"}]}, "cannot be opened .*header.wkw"),
    ],
)
def test_metadata_that_cannot_be_right(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    folder = write_wkw(tmp_path / "a", make_labels())
    edit_layer(folder, **change)
    with pytest.raises(InputError, match=words):
        read_volume(folder)


@pytest.mark.parametrize(
    "damage", [b"", b"WKW", b"WKW\x01\x15\x03\x04\x09" + bytes(8), b"WKW\x01\x15\x03\x04\x10" + bytes(8)]
)
def test_a_header_that_cannot_be_right(tmp_path: Path, damage: bytes) -> None:
    folder = write_wkw(tmp_path / "a", make_labels())
    (folder / "segmentation/1/header.wkw").write_bytes(damage)
    with pytest.raises(InputError, match=r"header\.wkw, or copy it again|has 2 channels"):
        read_volume(folder)


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_wkw(tmp_path / "a", make_labels())
    monkeypatch.setitem(sys.modules, "wkw", None)
    with pytest.raises(InputError, match=r"pip install 'connectograph\[webknossos\]'"):
        read_volume(folder)


def test_an_evaluation_gives_the_same_bytes_on_any_engine_and_is_verified(tmp_path: Path) -> None:
    roles = {"segmentation": "phantom_a.hdf", "truth": "phantom_a.hdf", "predicted": "phantom_a_pred.xz"}
    like = read_volume(HERE / "phantom_a.hdf", role="segmentation")
    files: dict[str, Any] = {}
    for role, name in roles.items():
        labels = np.asarray(read_volume(HERE / name, role=role, like=like).labels[:, :, :])
        dataset = wk.Dataset(tmp_path / role, voxel_size=like.voxel_size[::-1])
        box = wk.BoundingBox((0, 0, 0), labels.shape[::-1])
        layer = dataset.add_layer(role, "segmentation", data_format="wkw", dtype=labels.dtype, bounding_box=box)
        stored = layer.add_mag(1, compress=True, chunk_shape=CHUNK, shard_shape=SHARD)
        stored.write(labels.transpose(), absolute_offset=(0, 0, 0), allow_unaligned=True)
        files[role] = tmp_path / role
    expected = cg.evaluate(HERE / "phantom_a.hdf", predicted=HERE / "phantom_a_pred.xz", predicted_form="mask")
    for engine in ("threads", "processes"):
        ev = cg.evaluate(
            files["segmentation"], truth=files["truth"], predicted=files["predicted"], predicted_form="mask",
            engine=engine, workers=2,
        )  # fmt: skip
        ev.write(tmp_path / f"run-{engine}", reports=False)
        assert json.dumps(ev.report) == json.dumps(expected.report)
        assert verify_run(tmp_path / f"run-{engine}") == []
