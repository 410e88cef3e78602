"""Volumes in Zarr, N5, precomputed and webKnossos stores: order of the axes, units, places, and what is refused."""

from __future__ import annotations

import json
import os
import pickle
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import chunked
import numpy as np
import pytest
import tensorstore as ts

from connectograph.errors import InputError, MissingVoxelSize
from connectograph.io import convert_volumes, read_volume, write_volume
from connectograph.volumes import Volume

SIZE, OFFSET = (40.0, 8.0, 4.0), (120.0, 16.0, 20.0)


def make_volume(shape: tuple[int, int, int] = (10, 21, 35), dtype: str = "u8") -> Volume:
    array = np.arange(np.prod(shape), dtype="u8").reshape(shape)
    array[0, 0, 0], array[0, 0, 1], array[-1, -1, -1] = 2**64 - 1, 2**53 + 1, 2**64 - 3
    array[:4, :8] = 0  # whole chunks of background
    return Volume(array.astype(dtype), voxel_size=SIZE, offset=OFFSET)


def whole(volume: Volume) -> np.ndarray:
    return np.asarray(volume.labels[:, :, :])


def gathered(volume: Volume) -> np.ndarray:
    """The blocks, which must be disjoint and cover the volume."""
    out, count = np.zeros(volume.shape, volume.dtype), np.zeros(volume.shape, int)
    for block in volume.labels.blocks():
        box = tuple(slice(o, o + n) for o, n in zip(block.origin, block.shape, strict=True))
        voxels = block.read()
        assert voxels.shape == block.shape
        out[box] = voxels
        count[box] += 1
    assert (count == 1).all()
    return out


def check_equal(found: Volume, expected: Volume) -> None:
    assert (found.shape, found.dtype, found.voxel_size, found.offset) == (
        expected.shape, expected.dtype, expected.voxel_size, expected.offset,
    )  # fmt: skip
    np.testing.assert_array_equal(whole(found), expected.labels)
    np.testing.assert_array_equal(gathered(found), expected.labels)
    part = (slice(3, 9), slice(0, 20), slice(7, None))
    np.testing.assert_array_equal(found.labels[part], expected.labels[part])


@pytest.mark.parametrize("form", chunked.WRITERS)
@pytest.mark.parametrize("dtype", ["u8", "u4"])
def test_every_reader_finds_the_volume_and_its_place(tmp_path: Path, form: str, dtype: str) -> None:
    volume = make_volume(dtype=dtype)
    path = chunked.WRITERS[form](volume, tmp_path / "a")
    found = read_volume(path, role="segmentation")
    check_equal(found, volume)
    check_equal(read_volume(found.name), volume)
    check_equal(read_volume(f"file://{path}"), volume)
    again = pickle.loads(pickle.dumps(found.labels))  # noqa: S301 - our own
    np.testing.assert_array_equal(again[:, :, :], volume.labels)


@pytest.mark.parametrize("compressor", ["blosc", "zstd", "gzip", "zlib", "bz2", None])
@pytest.mark.parametrize("separator", [".", "/"])
def test_zarr_v2_codecs_byte_order_and_separators(tmp_path: Path, compressor: str | None, separator: str) -> None:
    volume = make_volume(dtype="u2")
    packed = None if compressor is None else {"id": "bz2" if compressor == "bz2" else compressor}
    options = {"compressor": packed, "dimension_separator": separator, "order": "F", "dtype": ">u2", "fill_value": 7}
    check_equal(read_volume(chunked.zarr2(volume, tmp_path / "a.zarr", **options)), volume)


@pytest.mark.parametrize("codec", ["blosc", "gzip", "zstd", "crc32c", "transpose"])
def test_zarr_v3_codecs(tmp_path: Path, codec: str) -> None:
    volume = make_volume(dtype="i4")
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    settings = {"gzip": {"level": 1}, "transpose": {"order": [2, 0, 1]}, "blosc": {"cname": "lz4"}}.get(codec, {})
    one = {"name": codec, "configuration": settings}
    codecs = [one, little] if codec == "transpose" else [little, one]
    grid = {"name": "regular", "configuration": {"chunk_shape": [5, 8, 9]}}
    path = chunked.zarr3(volume, tmp_path / "a.zarr", codecs=codecs, chunk_grid=grid, fill_value=-1, data_type="int32")
    check_equal(read_volume(path), volume)


@pytest.mark.parametrize("form", ["zarr2", "zarr3"])
@pytest.mark.parametrize(
    ("unit", "factor"), [("micrometer", 1e3), ("millimeter", 1e6), ("angstrom", 0.1), ("meter", 1e9), ("nm", 1)]
)
def test_units_become_nanometres(tmp_path: Path, form: str, unit: str, factor: float) -> None:
    volume = make_volume()
    folder = Path(chunked.WRITERS[form](volume, tmp_path / "a.zarr"))
    put_multiscales(folder, chunked.ngff(volume, "0", unit, factor))
    check_equal(read_volume(folder), volume)


def put_multiscales(folder: Path, multiscales: list[dict[str, Any]]) -> None:
    if (folder / ".zattrs").exists():
        chunked.put_json(folder / ".zattrs", {"multiscales": multiscales})
    else:
        attributes = {"ome": {"version": "0.5", "multiscales": multiscales}}
        chunked.put_json(folder / "zarr.json", {"zarr_format": 3, "node_type": "group", "attributes": attributes})


@pytest.mark.parametrize(("unit", "words"), [("parsec", "is in 'parsec'"), (None, "has no unit")])
def test_an_unknown_unit_is_refused_with_the_fix(tmp_path: Path, unit: str | None, words: str) -> None:
    volume = make_volume()
    folder = Path(chunked.zarr3(volume, tmp_path / "a.zarr"))
    images = chunked.ngff(volume, "0")
    for axis in images[0]["axes"]:
        axis.pop("unit")
        axis.update({} if unit is None else {"unit": unit})
    put_multiscales(folder, images)
    with pytest.raises(MissingVoxelSize, match=f"{words}.*--voxel-size"):
        read_volume(folder)
    with pytest.raises(MissingVoxelSize, match=words):
        convert_volumes([folder], tmp_path / "b.hdf")
    check_equal(read_volume(folder, voxel_size=SIZE, offset=OFFSET), volume)


def test_channels_and_time_points_of_one_element_are_left_out_and_others_refused(tmp_path: Path) -> None:
    volume = make_volume()
    images = chunked.ngff(volume, "0", coordinateTransformations=[{"type": "scale", "scale": [1, 1, 1, 1, 1]}])
    level = images[0]["datasets"][0]["coordinateTransformations"]
    images[0]["axes"] = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}, *images[0]["axes"]]
    level[0]["scale"][:0], level[1]["translation"][:0] = [1, 1], [0, 0]
    for name, channels in (("one", 1), ("two", 2)):
        array = np.stack([np.asarray(volume.labels)] * channels)[None]
        chunked.write_array("zarr", tmp_path / name / "0", array)
        chunked.put_json(tmp_path / name / ".zattrs", {"multiscales": images})
    check_equal(read_volume(tmp_path / "one"), volume)
    with pytest.raises(InputError, match="its axis c has 2 elements"):
        read_volume(tmp_path / "two")


def test_axes_in_another_order_are_turned_by_their_names(tmp_path: Path) -> None:
    volume = make_volume()
    folder = tmp_path / "a.zarr"
    array = np.asarray(volume.labels).transpose(1, 2, 0)
    chunked.write_array("zarr3", folder / "0", array, metadata={"dimension_names": ["y", "x", "z"]})
    images = chunked.ngff(volume, "0")
    images[0]["axes"] = images[0]["axes"][1:] + images[0]["axes"][:1]
    steps = images[0]["datasets"][0]["coordinateTransformations"]
    for step, kind in zip(steps, ("scale", "translation"), strict=True):
        step[kind] = step[kind][1:] + step[kind][:1]
    put_multiscales(folder, images)
    check_equal(read_volume(folder), volume)
    check_equal(read_volume(folder, axes="xyz"), volume)  # what the file says holds
    assert read_volume(f"{folder}:0", voxel_size=SIZE).shape == volume.shape


def test_plain_arrays_have_the_attributes_of_cremi_files(tmp_path: Path) -> None:
    volume = make_volume()
    attributes = {"resolution": list(SIZE), "offset": list(OFFSET)}
    chunked.write_array("zarr", tmp_path / "a.zarr/volumes/labels/neuron_ids", np.asarray(volume.labels))
    chunked.put_json(tmp_path / "a.zarr/volumes/labels/neuron_ids/.zattrs", attributes)
    chunked.write_array("zarr3", tmp_path / "b.zarr", np.asarray(volume.labels), metadata={"attributes": attributes})
    check_equal(read_volume(tmp_path / "a.zarr", role="segmentation"), volume)
    check_equal(read_volume(tmp_path / "b.zarr"), volume)
    turned = read_volume(tmp_path / "b.zarr", axes="xyz", voxel_size=SIZE)
    np.testing.assert_array_equal(whole(turned), np.asarray(volume.labels).transpose())


def test_levels_are_named_like_datasets(tmp_path: Path) -> None:
    volume = make_volume()
    folder = Path(chunked.zarr2(volume, tmp_path / "a.zarr"))
    coarse = Volume(np.asarray(volume.labels)[:, ::2, ::2], (40, 16, 8), OFFSET)
    images, again = chunked.ngff(volume, "0"), chunked.ngff(coarse, "1")
    chunked.write_array("zarr", folder / "1", np.asarray(coarse.labels))
    images[0]["datasets"] += again[0]["datasets"]
    put_multiscales(folder, images)
    check_equal(read_volume(folder), volume)
    check_equal(read_volume(f"{folder}:1"), coarse)
    check_equal(read_volume(folder / "0", voxel_size=SIZE, offset=OFFSET), volume)
    with pytest.raises(InputError, match=r"no volume 7\. It holds: 0, 1"):
        read_volume(f"{folder}:7")


@pytest.mark.parametrize(
    ("group", "own"),
    [
        ({"pixelResolution": {"dimensions": [0.004, 0.008, 0.04], "unit": "um"}}, {"offset": [0, 0, 0]}),
        ({"resolution": [4, 8, 40], "units": ["nm", "nm", "nm"]}, {}),
        ({"resolution": [40, 8, 4], "axes": ["z", "y", "x"]}, {}),
        ({}, {"pixelResolution": [4, 8, 40], "units": ["nm"] * 3}),
        ({}, {"resolution": [2, 4, 40], "downsamplingFactors": [2, 2, 1]}),
    ],
)
def test_n5_resolutions(tmp_path: Path, group: dict[str, Any], own: dict[str, Any]) -> None:
    volume = Volume(make_volume().labels, SIZE)
    folder = Path(chunked.n5(volume, tmp_path / "a.n5"))
    chunked.put_json(folder / "attributes.json", group)
    known = json.loads((folder / "s0/attributes.json").read_bytes())
    chunked.put_json(folder / "s0/attributes.json", {**known, **own})
    check_equal(read_volume(folder), volume)
    check_equal(read_volume(f"{folder}:s0"), volume)


def test_a_list_of_n5_pixels_needs_a_unit(tmp_path: Path) -> None:
    folder = Path(chunked.n5(make_volume(), tmp_path / "a.n5"))
    chunked.put_json(folder / "attributes.json", {"pixelResolution": [4, 8, 40]})
    with pytest.raises(MissingVoxelSize, match="its axis z has no unit"):
        read_volume(folder)


def test_scales_and_layers_are_named(tmp_path: Path) -> None:
    volume = make_volume()
    folder = chunked.precomputed(volume, tmp_path / "a")
    check_equal(read_volume(f"{folder}:4_8_40"), volume)
    with pytest.raises(InputError, match=r"no scale 8_8_40\. Its scales are: 4_8_40"):
        read_volume(f"{folder}:8_8_40")
    folder = chunked.webknossos(volume, tmp_path / "b")
    check_equal(read_volume(f"{folder}:segmentation"), volume)
    wrong = {"axons": "no layer axons. Its layers are: segmentation", "segmentation/2-2-1": "It has: 1-1-1"}
    for name, words in wrong.items():
        with pytest.raises(InputError, match=words):
            read_volume(f"{folder}:{name}")


def test_an_unknown_format_of_webknossos_is_refused_with_the_way_out(tmp_path: Path) -> None:
    folder = Path(chunked.webknossos(make_volume(), tmp_path / "a"))
    properties = json.loads((folder / "datasource-properties.json").read_bytes())
    properties["dataLayers"][0]["dataFormat"] = "neuroglancerPrecomputed"
    chunked.put_json(folder / "datasource-properties.json", properties)
    with pytest.raises(InputError, match=r"read as zarr3, zarr, n5, wkw. Convert it: webknossos copy-dataset --data"):
        read_volume(folder)


def chunks_of(folder: Path) -> list[Path]:
    described = ("zarr.json", ".zattrs", ".zarray", ".zgroup", "attributes.json", "info", "datasource-properties.json")
    return sorted(file for file in folder.rglob("*") if file.is_file() and file.name not in described)


@pytest.mark.parametrize("form", [form for form in chunked.WRITERS if form != "sharded precomputed"])
def test_missing_chunks_are_counted_and_refused_unless_allowed(tmp_path: Path, form: str) -> None:
    volume = make_volume()
    folder = Path(chunked.WRITERS[form](volume, tmp_path / "a"))
    assert len(chunks_of(folder)) == {"zarr3": 8, "webknossos": 48}.get(form, 27)
    chunks_of(folder)[0].unlink()
    lost = {"zarr3": "8 of 27 chunks", "webknossos": "1 of 36 chunks"}.get(form, "1 of 27 chunks")
    with pytest.raises(InputError, match=f"{lost} are missing .*--allow-missing-chunks"):
        read_volume(folder)
    found = read_volume(folder, allow_missing_chunks=True)
    (notice,) = found.notices
    assert notice.startswith(lost)
    assert notice.endswith("were read as 0")
    voxels, expected = whole(found), np.asarray(volume.labels)
    assert ((voxels == expected) | (voxels == 0)).all()
    assert (voxels == expected).any()


@pytest.mark.parametrize("form", ["sharded precomputed"])
def test_chunks_that_cannot_be_counted_are_missed_when_they_are_read(tmp_path: Path, form: str) -> None:
    folder = Path(chunked.WRITERS[form](make_volume(), tmp_path / "a"))
    chunks_of(folder)[0].unlink()
    found = read_volume(folder)
    with pytest.raises(InputError, match=r"at least one of its chunks, in the block at .* is missing"):
        gathered(found)
    found = read_volume(folder, allow_missing_chunks=True)
    assert found.notices == ("chunks that are missing could not be counted, and were read as 0",)
    assert (gathered(found) == 0).any()


def test_the_inner_chunks_of_a_shard_are_counted_too(tmp_path: Path) -> None:
    volume = make_volume()
    folder = Path(chunked.zarr3(volume, tmp_path / "a.zarr"))
    store = ts.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{folder}/0/"}}).result()
    store[4:8, 8:16, 16:32].write(0).result()  # background is not stored unless asked
    with pytest.raises(InputError, match="1 of 27 chunks are missing"):
        read_volume(folder)


def test_a_chunk_cut_short_is_named(tmp_path: Path) -> None:
    folder = Path(chunked.n5(make_volume(), tmp_path / "a.n5"))
    file = chunks_of(folder)[3]
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"the block at \(0, 0, 0\) .* cannot be read .* It is damaged: copy"):
        whole(read_volume(folder))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"filters": [{"id": "vlen-utf8"}, {"id": "pickle"}]}, "packed with 'vlen-utf8'"),
        ({"compressor": {"id": "pickle", "protocol": 5}}, "packed with 'pickle'"),
        ({"dtype": "|O"}, "cannot be opened"),
        ({"dtype": [["a", "<u4"], ["b", "<u4"]]}, "cannot be opened"),
        ({"dtype": "<c16"}, "holds voxels of type complex128"),
        ({"shape": [10, 21]}, "expected three dimensions|cannot be opened"),
    ],
)
def test_pitfall_f02_objects_and_codecs_that_run_code_are_refused(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    chunked.write_array("zarr", tmp_path / "a.zarr", np.asarray(make_volume().labels))
    file = tmp_path / "a.zarr/.zarray"
    chunked.put_json(file, json.loads(file.read_bytes()) | change)
    with pytest.raises(InputError, match=words):
        read_volume(tmp_path / "a.zarr", voxel_size=SIZE)


def test_a_store_that_declares_absurd_sizes_is_refused(tmp_path: Path) -> None:
    metadata = {"chunks": [64, 64, 64], "zarr_format": 2, "shape": [10**6] * 3, "dtype": "<u8", "fill_value": 0}
    chunked.put_json(tmp_path / "a.zarr/.zarray", metadata | {"order": "C", "filters": None, "compressor": None})
    with pytest.raises(InputError, match="chunks are missing"):
        read_volume(tmp_path / "a.zarr", voxel_size=SIZE)
    with pytest.raises(InputError, match="made to exhaust memory"):
        read_volume(tmp_path / "a.zarr", voxel_size=SIZE, allow_missing_chunks=True)
    file = tmp_path / "a.zarr/.zarray"
    chunked.put_json(file, json.loads(file.read_bytes()) | {"chunks": [10**6] * 3})
    with pytest.raises(InputError, match="bytes of memory"):
        read_volume(tmp_path / "a.zarr", voxel_size=SIZE)


@pytest.mark.parametrize("path", ["../../secret", "/etc", "a/../../b"])
def test_metadata_lead_nowhere_else(tmp_path: Path, path: str) -> None:
    volume = make_volume()
    folder = Path(chunked.zarr2(volume, tmp_path / "a.zarr"))
    put_multiscales(folder, chunked.ngff(volume, path))
    with pytest.raises(InputError, match="lies outside it"):
        read_volume(folder)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (".zattrs", "{", "a.zarr/.zattrs is damaged: it is no JSON"),
        (".zattrs", "[]", "expected a JSON object"),
        ("0/.zarray", "{}", "cannot be opened"),
        (".zattrs", '{"multiscales": [{"axes": ["z", "y", "x"], "datasets": []}]}', "lists no datasets"),
        (".zattrs", '{"multiscales": [{"axes": ["z", "y"], "datasets": [{"path": "0"}]}]}', "expected z, y and x"),
    ],
)
def test_damaged_metadata_are_named(tmp_path: Path, name: str, content: str, words: str) -> None:
    folder = Path(chunked.zarr2(make_volume(), tmp_path / "a.zarr"))
    (folder / name).write_text(content)
    with pytest.raises(InputError, match=words):
        read_volume(folder)


def test_a_folder_of_something_else_is_no_volume(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(InputError, match=r"It holds no Zarr array \(.zarray, zarr.json\), N5"):
        read_volume(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        read_volume(tmp_path / "b.zarr")


def test_without_tensorstore_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = chunked.zarr3(make_volume(), tmp_path / "a.zarr")
    monkeypatch.setitem(sys.modules, "tensorstore", None)
    for run in (lambda: read_volume(path), lambda: write_volume(tmp_path / "b.zarr", make_volume())):
        with pytest.raises(InputError, match=r"pip install 'connectograph\[chunked\]'"):
            run()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The folder over HTTP, which cannot be listed."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_object_stores_are_read_through_tensorstore_and_their_credentials_stay_secret(
    tmp_path: Path, server: str
) -> None:
    volume = make_volume()
    folder = Path(chunked.zarr2(volume, tmp_path / "a.zarr"))
    found = read_volume(f"{server}/a.zarr?sig=secret")
    check_equal(found, volume)
    assert found.name == f"{server}/a.zarr?***:0"
    check_equal(read_volume(f"{server}/a.zarr:0"), volume)
    chunks_of(folder)[0].unlink()
    with pytest.raises(InputError, match="is missing") as caught:
        whole(read_volume(f"{server}/a.zarr?sig=secret"))
    assert "secret" not in str(caught.value)
    with pytest.raises(InputError, match=r"is a URL and no volume itself\. Name an array") as caught:
        read_volume(f"{server}/b.zarr?sig=secret")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("dtype", ["u8", ">u4", "i2", "bool", "f4", "f2"])
@pytest.mark.parametrize("shape", [(10, 21, 35), (70, 150, 3), (0, 3, 4), (1, 1, 1)])
def test_written_volumes_come_back(tmp_path: Path, dtype: str, shape: tuple[int, int, int]) -> None:
    array = (np.arange(np.prod(shape)).reshape(shape) % 7).astype(dtype)
    volume = Volume(array, SIZE, OFFSET)
    write_volume(tmp_path / "a.zarr", volume)
    found = read_volume(tmp_path / "a.zarr")
    check_equal(found, Volume(array.astype(found.dtype), SIZE, OFFSET))
    assert found.dtype == array.dtype.newbyteorder("=")
    node = json.loads((tmp_path / "a.zarr/zarr.json").read_bytes())
    (image,) = node["attributes"]["ome"]["multiscales"]
    assert node["attributes"]["ome"]["version"] == "0.5"
    assert image["axes"] == [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    assert image["datasets"] == [
        {
            "path": "0",
            "coordinateTransformations": [
                {"type": "scale", "scale": list(SIZE)},
                {"type": "translation", "translation": list(OFFSET)},
            ],
        }
    ]
    assert os.listdir(tmp_path) == ["a.zarr"]


def test_groups_of_a_store_and_what_is_there_already(tmp_path: Path) -> None:
    volume, other = make_volume(), Volume(np.ones((2, 3, 4), "u1"), SIZE)
    path = tmp_path / "a.zarr"
    write_volume(f"{path}:volumes/labels/neuron_ids", volume)
    write_volume(path, other, dataset="volumes/labels/clefts")
    check_equal(read_volume(path, role="segmentation"), volume)
    check_equal(read_volume(path, role="truth"), other)
    with pytest.raises(InputError, match=r"exists already\. Pass --overwrite"):
        write_volume(f"{path}:volumes/labels/clefts", volume)
    write_volume(f"{path}:volumes/labels/clefts", volume, overwrite=True)
    check_equal(read_volume(path, role="truth"), volume)
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr" / "notes.txt").write_text("keep")
    with pytest.raises(InputError, match="is no Zarr store: it is not touched"):
        write_volume(tmp_path / "mine.zarr", volume, overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["a.zarr", "mine.zarr"]
    with pytest.raises(InputError, match="read from"):
        write_volume(path, read_volume(path, role="truth"), overwrite=True)


def test_what_cannot_be_finished_is_not_begun(tmp_path: Path) -> None:
    folder = Path(chunked.n5(make_volume(), tmp_path / "a.n5"))
    file = chunks_of(folder)[3]
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(InputError, match="is damaged"):
        convert_volumes([folder], tmp_path / "b.zarr")
    assert os.listdir(tmp_path) == ["a.n5"]
    write_volume(tmp_path / "b.zarr", make_volume())
    with pytest.raises(InputError, match="is damaged"):
        convert_volumes([folder], tmp_path / "b.zarr", overwrite=True)
    check_equal(read_volume(tmp_path / "b.zarr"), make_volume())
    assert sorted(os.listdir(tmp_path)) == ["a.n5", "b.zarr"]


def test_small_chunks_are_read_in_groups_and_never_more_than_bounded(tmp_path: Path) -> None:
    array = np.zeros((64, 256, 512), "u8")
    grid = {"name": "regular", "configuration": {"chunk_shape": [16, 64, 64]}}
    chunked.write_array("zarr3", tmp_path / "a.zarr", array, metadata={"chunk_grid": grid})
    blocks = list(read_volume(tmp_path / "a.zarr", voxel_size=SIZE).labels.blocks())
    assert [block.shape for block in blocks] == [(16, 64, 512)] * 16
