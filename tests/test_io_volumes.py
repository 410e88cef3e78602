"""Volumes from and to files: formats, places, names, and what is refused."""

from __future__ import annotations

import errno
import importlib
import lzma
import os
import pickle
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile

from connectograph.errors import InputError
from connectograph.io import convert_volumes, read_volume, split_path, write_volume
from connectograph.io.lazy import Turned, make_box
from connectograph.volumes import Volume

SHARED = Path(__file__).resolve().parents[2] / "shared"
SIZE = (40.0, 4.0, 4.0)
IDS = (0, 2**53 + 1, 2**64 - 3, 2**64 - 1)


def make_volume(shape: tuple[int, int, int] = (3, 40, 50), dtype: str = "u8", **place: Any) -> Volume:
    ids = np.array(IDS, "u8").astype(dtype)
    return Volume(ids[np.random.default_rng(2).integers(0, 4, shape)], voxel_size=SIZE, **place)


def save_cremi(path: Path, volume: Volume, *names: str, **attributes: Any) -> str:
    with h5py.File(path, "w") as file:
        for name in names or ("volumes/labels/neuron_ids",):
            file[name] = np.asarray(volume.labels)
            file[name].attrs.update({"resolution": SIZE} | attributes)
    return str(path)


def whole(volume: Volume) -> np.ndarray:
    return np.asarray(volume.labels[:, :, :])


@pytest.mark.parametrize("ending", [".hdf", ".h5", ".HDF5", ".npy", ".npz", ".tif", ".tiff"])
@pytest.mark.parametrize("dtype", ["u8", ">u8", "u2", "i4", "f4", "bool", "u1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_round_trip(tmp_path: Path, ending: str, dtype: str, order: str) -> None:
    volume = make_volume(dtype=dtype)
    volume = Volume(np.asarray(volume.labels, order=order), voxel_size=SIZE, offset=(80, 0, 4))
    path = str(tmp_path / f"a{ending}")
    if ending.startswith(".tif") and dtype == "bool":
        with pytest.raises(InputError, match="bool"):
            write_volume(path, volume)
        return
    write_volume(path, volume)
    found = read_volume(path, voxel_size=None if ending[1] in "hH" else SIZE)
    np.testing.assert_array_equal(whole(found), whole(volume))
    assert found.dtype.newbyteorder("=") == volume.dtype.newbyteorder("=")
    assert found.voxel_size == SIZE
    if ending[1] in "hH":
        assert found.dtype == volume.dtype
        assert (found.offset, found.assumed) == (volume.offset, ())
        assert found.name == f"{path}:volumes/labels/neuron_ids"
    assert os.listdir(tmp_path) == [f"a{ending}"]


@pytest.mark.parametrize("ending", [".hdf", ".npy", ".npz"])
def test_empty_volume(tmp_path: Path, ending: str) -> None:
    write_volume(tmp_path / f"a{ending}", Volume(np.zeros((0, 3, 4), "u8"), voxel_size=SIZE))
    assert read_volume(tmp_path / f"a{ending}", voxel_size=SIZE).shape == (0, 3, 4)


@pytest.mark.parametrize("ending", [".hdf", ".npy", ".npz", ".tif"])
@pytest.mark.parametrize("source", ["xz", "hdf", "hdf rows", "xz F"])
def test_from_lazy_volumes_and_always_the_same_bytes(tmp_path: Path, ending: str, source: str) -> None:
    volume = make_volume((20, 150, 140))
    path = tmp_path / f"source.{source[:3].strip()}"
    if source.startswith("xz"):
        array = np.asarray(volume.labels, order="F" if source == "xz F" else "C")
        path.write_bytes(lzma.compress(pickle.dumps(array, 5), preset=0))
    else:
        with h5py.File(path, "w") as file:
            chunks = {"chunks": (13, 60, 70), "compression": "gzip"} if source == "hdf" else {}
            file.create_dataset("a", data=volume.labels, **chunks)
    lazy = read_volume(path, voxel_size=SIZE)
    contents = []
    for name in ("one", "two"):
        write_volume(tmp_path / f"{name}{ending}", lazy)
        contents.append((tmp_path / f"{name}{ending}").read_bytes())
        np.testing.assert_array_equal(whole(read_volume(tmp_path / f"{name}{ending}", voxel_size=SIZE)), volume.labels)
    assert contents[0] == contents[1]
    if source == "hdf" and ending == ".hdf":
        with h5py.File(tmp_path / "one.hdf") as file:
            assert file["volumes/labels/neuron_ids"].chunks == (13, 60, 70)


def test_cremi_layout(tmp_path: Path) -> None:
    volume = make_volume(offset=(400, 40, 0))
    write_volume(tmp_path / "a.hdf", volume)
    write_volume(f"{tmp_path}/a.hdf:volumes/raw", volume)
    write_volume(tmp_path / "a.hdf", volume, dataset="volumes/labels/clefts")
    with h5py.File(tmp_path / "a.hdf") as file:
        assert file.attrs["file_format"] == "0.2"
        data = file["volumes/labels/neuron_ids"]
        assert (data.compression, data.chunks) == ("gzip", (3, 40, 50))
        assert data.attrs["resolution"].tolist() == [40, 4, 4]
        assert data.attrs["offset"].tolist() == [400, 40, 0]
        for name in ("volumes/raw", "volumes/labels/clefts"):
            np.testing.assert_array_equal(file[name][:], volume.labels)


def test_roles_find_their_datasets(tmp_path: Path) -> None:
    everything = ("volumes/labels/neuron_ids", "volumes/labels/clefts", "volumes/raw")
    path = save_cremi(tmp_path / "all.hdf", make_volume(), *everything)
    names = {"segmentation": 0, "truth": 1, "predicted": 1, "raw": 2, None: 0}
    for role, index in names.items():
        assert read_volume(path, role=role).name == f"{path}:{everything[index]}"
    other = save_cremi(tmp_path / "other.h5", make_volume(), "main/pred")
    for role in ("predicted", None):
        assert read_volume(other, role=role).name == f"{other}:main/pred"
    for role in ("segmentation", "truth", "raw"):
        with pytest.raises(InputError, match=r"It holds: main/pred \(3, 40, 50\) uint64.*e\.g\. .*other\.h5:main/pred"):
            read_volume(other, role=role)
    two = save_cremi(tmp_path / "two.h5", make_volume(), "a", "b")
    with pytest.raises(InputError, match=r"no dataset volumes/labels/clefts\. It holds: a .*, b .*FILE:DATASET"):
        read_volume(two, role="predicted")
    with h5py.File(tmp_path / "none.h5", "w"):
        pass
    with pytest.raises(InputError, match="It holds no datasets"):
        read_volume(tmp_path / "none.h5")


def test_voxel_size_and_offset(tmp_path: Path) -> None:
    volume = make_volume()
    full = save_cremi(tmp_path / "full.hdf", volume, offset=(400.0, 8.0, 0.0))
    bare = str(tmp_path / "bare.npy")
    write_volume(bare, volume)
    found = read_volume(full)
    assert (found.voxel_size, found.offset, found.assumed) == (SIZE, (400, 8, 0), ())
    no_offset = read_volume(save_cremi(tmp_path / "origin.hdf", volume), like=found)
    assert (no_offset.offset, no_offset.assumed) == ((0, 0, 0), ())
    taken = read_volume(bare, role="predicted", like=found)
    assert (taken.voxel_size, taken.offset) == (SIZE, (400, 8, 0))
    assert taken.assumed == (
        f"voxel size 40,4,4 nm taken from {full}:volumes/labels/neuron_ids",
        f"offset 400,8,0 nm taken from {full}:volumes/labels/neuron_ids",
    )
    given = read_volume(full, voxel_size=(50, 5, 5), offset=(1, 2, 3))
    assert (given.voxel_size, given.offset) == ((50, 5, 5), (1, 2, 3))
    assert given.assumed == (
        "voxel size 50,5,5 nm as given; the file says 40,4,4",
        "offset 1,2,3 nm as given; the file says 400,8,0",
    )
    assert read_volume(bare, voxel_size=SIZE).assumed == ("voxel size 40,4,4 nm as given; the file says nothing",)
    with pytest.raises(InputError, match=r"bare\.npy does not say how large.*--voxel-size Z,Y,X"):
        read_volume(bare, role="segmentation")
    for bad in ("text", (1.0, 2.0), (0.0, 4.0, 4.0), (np.nan, 4.0, 4.0), h5py.Empty("f8")):
        path = save_cremi(tmp_path / f"bad{id(bad)}.hdf", volume, resolution=bad)
        with pytest.raises(InputError, match=r"voxel_size is .*; expected three positive numbers"):
            read_volume(path)


@pytest.mark.parametrize("ending", [".hdf", ".npy", ".xz"])
def test_axes(tmp_path: Path, ending: str) -> None:
    array = make_volume((30, 70, 90)).labels
    path = tmp_path / f"a{ending}"
    if ending == ".xz":
        path.write_bytes(lzma.compress(pickle.dumps(array, 4), preset=0))
    else:
        write_volume(path, Volume(array, voxel_size=SIZE, offset=(1, 2, 3)))
    volume = read_volume(path, axes="xyz", voxel_size=SIZE)
    assert volume.shape == (90, 70, 30)
    assert volume.voxel_size == SIZE
    assert "axes stored as x, y, z" in volume.assumed
    np.testing.assert_array_equal(volume.labels[5:80, 3:, :7], array.T[5:80, 3:, :7])
    if ending != ".npy":
        assert isinstance(volume.labels, Turned)
        for block in volume.labels.blocks():
            box = tuple(slice(o, o + n) for o, n in zip(block.origin, block.shape, strict=True))
            np.testing.assert_array_equal(block.read(), array.T[box])
    with pytest.raises(InputError, match="axes is 'yxz'; expected 'zyx' or 'xyz'"):
        read_volume(path, axes="yxz")
    with pytest.raises(InputError, match="has no step"):
        volume.labels[::2, :, :] if ending != ".npy" else read_volume(path, voxel_size=SIZE).crop(
            slice(0, 4, 2), slice(None), slice(None)
        )


def test_what_is_taken_as_source(tmp_path: Path) -> None:
    volume = make_volume()
    assert read_volume(volume, role="truth", voxel_size=(1, 1, 1)) is volume
    with pytest.raises(TypeError, match=r"found ndarray; a bare array needs Volume\(array, voxel_size=\(z, y, x\)\)"):
        read_volume(volume.labels)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="role is 'neurons'; expected one of segmentation"):
        read_volume("a.hdf", role="neurons")
    with pytest.raises(InputError, match="is a folder"):
        read_volume(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(InputError, match=r"notes\.txt is of no known format: it starts with 'hello'.*\.hdf.*\.tiff"):
        read_volume(tmp_path / "notes.txt")
    write_volume(tmp_path / "a.npy", volume)
    with pytest.raises(InputError, match="has no datasets; found 'x'"):
        read_volume(f"{tmp_path}/a.npy:x")
    for name, ending in (("b", ".npy"), ("c", ".hdf"), ("d", ".npz"), ("e", ".tif")):
        write_volume(tmp_path / f"{name}{ending}", volume)
        os.rename(tmp_path / f"{name}{ending}", tmp_path / name)
        np.testing.assert_array_equal(whole(read_volume(tmp_path / name, voxel_size=SIZE)), volume.labels)
    (tmp_path / "f").write_bytes(lzma.compress(pickle.dumps(volume.labels)))
    np.testing.assert_array_equal(whole(read_volume(tmp_path / "f", voxel_size=SIZE)), volume.labels)


def test_split_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a:b.h5", "a", "x.dat", "both.h5:c"):
        Path(name).touch()
    cases = {
        "seg.hdf": ("seg.hdf", None),
        "seg.hdf:volumes/raw": ("seg.hdf", "volumes/raw"),
        "seg.h5:/labels/": ("seg.h5", "labels"),
        "seg.h5:": ("seg.h5", None),
        "seg.h5:a:b": ("seg.h5", "a:b"),
        "a:b.h5": ("a:b.h5", None),
        "a:b.h5:labels": ("a:b.h5", "labels"),
        "a:c": ("a", "c"),
        "x.dat:labels": ("x.dat", "labels"),
        "both.h5:c": ("both.h5:c", None),
        "new:name.npy": ("new:name.npy", None),
        "arrays.npz:gt": ("arrays.npz", "gt"),
        r"C:\data\seg.hdf": (r"C:\data\seg.hdf", None),
        r"C:\data\seg.hdf:volumes/raw": (r"C:\data\seg.hdf", "volumes/raw"),
        "D:/data/seg.h5:x": ("D:/data/seg.h5", "x"),
        "": ("", None),
        "a\0b:c": ("a\0b:c", None),
    }
    assert {source: split_path(source) for source in cases} == cases
    assert split_path(Path("seg.h5:x")) == ("seg.h5", "x")


def test_npz(tmp_path: Path) -> None:
    path = str(tmp_path / "a.npz")
    labels = make_volume().labels
    np.savez(path, gt=labels, ffn=labels + np.uint64(1), names=np.array(["a"]), scale=np.zeros(3))
    np.testing.assert_array_equal(whole(read_volume(f"{path}:gt", voxel_size=SIZE)), labels)
    assert read_volume(f"{path}:gt", voxel_size=SIZE).name == f"{path}:gt"
    with pytest.raises(
        InputError, match=r"has 2 three-dimensional arrays. It holds: gt \(3, 40, 50\) uint64, .*a.npz:gt"
    ):
        read_volume(path)
    with pytest.raises(InputError, match="has no array truth"):
        read_volume(f"{path}:truth")
    with pytest.raises(InputError, match=r"a.npz:scale has shape \(3,\)"):
        read_volume(f"{path}:scale")
    with pytest.raises(InputError, match="type <U1"):
        read_volume(f"{path}:names")
    np.savez(tmp_path / "b.npz", bad=np.array([[[{}]]], dtype=object))
    with pytest.raises(InputError, match="refused: it holds Python objects"):
        read_volume(tmp_path / "b.npz")
    whole_file = Path(path).read_bytes()
    for size in (10, len(whole_file) // 2, len(whole_file) - 3):
        (tmp_path / "c.npz").write_bytes(whole_file[:size])
        with pytest.raises(InputError, match=r"c\.npz is not a sound \.npz archive"):
            read_volume(tmp_path / "c.npz")


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared data")
def test_shared_files() -> None:
    data = SHARED / "data"
    volume = read_volume(f"{data}/fib25/labels_250x250x250.npz:gt", voxel_size=(10, 10, 10))
    assert volume.shape == (250, 250, 250)
    case = read_volume(data / "pinky40" / "evaluation_128x512x512.hdf", role="segmentation")
    assert (case.shape, case.voxel_size) == ((128, 512, 512), (40, 8, 8))
    predicted = read_volume(data / "pinky40" / "prediction_128x512x512.xz", role="predicted", like=case)
    assert (predicted.shape, predicted.voxel_size) == (case.shape, case.voxel_size)


def test_npy(tmp_path: Path) -> None:
    labels = make_volume().labels
    path = tmp_path / "a.npy"
    for order in ("F", "C"):
        np.save(path, np.asarray(labels, order=order))
        volume = read_volume(path, voxel_size=SIZE)
        np.testing.assert_array_equal(volume.labels[:, :, :], labels)
        for block in volume.labels.blocks():
            box = tuple(slice(a, a + n) for a, n in zip(block.origin, block.shape, strict=True))
            np.testing.assert_array_equal(block.read(), labels[box])
            assert block.read().flags.writeable, "numba compiles once more for arrays that are not"
    content = path.read_bytes()
    cases = {
        content[:-8]: r"a\.npy has 48,120 bytes, but its header .* asks for 48,128",
        content + b"x": "incomplete or damaged",
        content[:30]: "damaged .npy header",
        content[:7]: "damaged .npy header",
        b"<html>" + content: "is not a .npy array: it starts with '<html>",
        content.replace(b"(3, 40, 50)", b"(3, 4, 5**9)"): "damaged .npy header",
        content.replace(b"(3, 40, 50)", b"(2**60, 4,)"): "damaged .npy header",
        content.replace(b"'<u8'", b"'|O8'"): "holds Python objects",
        content.replace(b"'<u8'", b"'<c8'"): "type complex64",
        b"": "empty",
    }
    for bad, message in cases.items():
        path.unlink()
        path.write_bytes(bad)
        with pytest.raises(InputError, match=message):
            read_volume(path, voxel_size=SIZE)


@pytest.mark.parametrize("shape", [(3, 20, 30), (4, 20, 30), (5, 20, 3), (5, 20, 4), (1, 20, 30), (1, 1, 1), (3, 3, 3)])
def test_pitfall_s31_tiff_stacks_do_not_become_colours(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    volume = make_volume(shape, "u1")
    write_volume(tmp_path / "a.tif", volume)
    found = read_volume(tmp_path / "a.tif", voxel_size=SIZE)
    assert found.shape == shape
    np.testing.assert_array_equal(whole(found), volume.labels)


def test_tiff(tmp_path: Path) -> None:
    labels = make_volume((6, 40, 50), "u2").labels
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, labels, photometric="minisblack", compression="zlib")
    np.testing.assert_array_equal(whole(read_volume(path, voxel_size=SIZE)), labels)
    tifffile.imwrite(path, labels, photometric="minisblack", bigtiff=True, byteorder=">")
    np.testing.assert_array_equal(whole(read_volume(path, voxel_size=SIZE)), labels)
    for options in ({}, {"bigtiff": True}, {"compression": "zlib"}, {"metadata": None, "compression": "zlib"}):
        tifffile.imwrite(path, labels, photometric="minisblack", **options)
        np.testing.assert_array_equal(whole(read_volume(path, voxel_size=SIZE)), labels)
        content = path.read_bytes()
        for size in (4, 100, len(content) // 3, len(content) * 9 // 10):
            path.write_bytes(content[:size])
            with pytest.raises(InputError, match=r"a\.tif"):
                read_volume(path, voxel_size=SIZE)
    tifffile.imwrite(path, np.zeros((40, 50, 3), "u1"), photometric="rgb")
    with pytest.raises(InputError, match="colour image"):
        read_volume(path, voxel_size=SIZE)
    with tifffile.TiffWriter(path) as writer:
        for width in (50, 60):
            writer.write(np.zeros((6, 40, width), "u1"), photometric="minisblack")
    with pytest.raises(InputError, match="2 image stacks"):
        read_volume(path, voxel_size=SIZE)
    tifffile.imwrite(path, np.zeros((40, 50), "u1"))
    with pytest.raises(InputError, match=r"shape \(40, 50\); expected three dimensions"):
        read_volume(path, voxel_size=SIZE)
    path.write_bytes(b"<!DOCTYPE html>")
    with pytest.raises(InputError, match=r"cannot be read as TIFF.*web page"):
        read_volume(path, voxel_size=SIZE)


def test_bombs_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    header = {"descr": "<u8", "fortran_order": False, "shape": (64, 1024, 1024)}
    huge = header | {"shape": (2**20, 2**20, 2**20)}
    with open(tmp_path / "plain.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + (512 << 20))
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.write(tmp_path / "plain.npy", "labels.npy")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive, archive.open("a.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, huge)
    with open(tmp_path / "c.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, huge)
    tifffile.imwrite(tmp_path / "d.tif", shape=(600, 1024, 1024), dtype="u1", photometric="minisblack")
    with open(tmp_path / "d.tif", "r+b") as file:
        file.truncate(5000)
    program = """
        import resource, sys, tifffile
        from connectograph.io import read_volume
        limit = 200 * 2**20 + int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for name in ("a.npz", "b.npz", "c.npy", "d.tif"):
            try:
                read_volume(f"{sys.argv[1]}/{name}", voxel_size=(1, 1, 1))
            except ValueError as error:
                print(type(error).__name__, error)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["InputError"] * 4
    assert "536,870,912 bytes of memory" in lines[0]
    assert "9,223,372,036,854,775,808" in lines[1]
    assert "9,223,372,036,854,775,936" in lines[2]


def test_what_exists_is_not_replaced_unasked(tmp_path: Path) -> None:
    volume, other = make_volume(), make_volume((2, 3, 4))
    for ending in (".npy", ".hdf"):
        path = tmp_path / f"a{ending}"
        write_volume(path, volume)
        before = path.read_bytes()
        with pytest.raises(InputError, match=r"exists already\. Pass --overwrite \(overwrite=True\)"):
            write_volume(path, other)
        assert path.read_bytes() == before
        write_volume(path, other, overwrite=True)
        assert read_volume(path, voxel_size=SIZE).shape == (2, 3, 4)
    write_volume(tmp_path / "a.hdf", volume, dataset="more")
    with h5py.File(tmp_path / "a.hdf") as file:
        assert sorted(file) == ["more", "volumes"]
    (tmp_path / "page.hdf").write_text("<html>")
    with pytest.raises(InputError, match="is not HDF5"):
        write_volume(tmp_path / "page.hdf", volume, overwrite=True)


def test_never_the_file_that_is_read(tmp_path: Path) -> None:
    write_volume(tmp_path / "a.hdf", make_volume())
    write_volume(tmp_path / "a.npy", make_volume())
    (tmp_path / "b.hdf").symlink_to(tmp_path / "a.hdf")
    for source, target in (("a.hdf", "a.hdf"), ("a.hdf", "b.hdf"), ("a.npy", "a.npy")):
        for axes in ("zyx", "xyz"):
            volume = read_volume(tmp_path / source, axes=axes, voxel_size=SIZE)
            with pytest.raises(InputError, match="is the file that the volume is read from"):
                write_volume(tmp_path / target, volume, overwrite=True)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    volume = make_volume((2, 3, 4))
    with pytest.raises(InputError, match=r"expected a name ending in \.hdf, \.h5, \.npy, \.npz or \.tif"):
        write_volume(tmp_path / "a.xz", volume)
    with pytest.raises(InputError, match="only HDF5 has datasets"):
        write_volume(tmp_path / "a.npy", volume, dataset="other")
    with pytest.raises(InputError, match="type complex128"):
        write_volume(tmp_path / "a.npy", Volume(np.zeros((2, 3, 4), "c16"), voxel_size=SIZE))
    with pytest.raises(InputError, match=r"cannot be written"):
        write_volume(tmp_path / "nowhere" / "a.hdf", volume)
    write_volume(tmp_path / "a.hdf", volume, dataset="labels")
    with pytest.raises(InputError, match="cannot hold a dataset 'labels/more'"):
        write_volume(tmp_path / "a.hdf", volume, dataset="labels/more")
    with h5py.File(tmp_path / "a.hdf", "r+") as file:
        file["volumes"] = h5py.ExternalLink("elsewhere.h5", "/")
    with pytest.raises(InputError, match="volumes is a link to '/' in another file"):
        write_volume(tmp_path / "a.hdf", volume)
    with pytest.raises(InputError, match="without voxels"):
        write_volume(tmp_path / "b.tif", Volume(np.zeros((0, 3, 4), "u1"), voxel_size=SIZE))
    assert os.listdir(tmp_path) == ["a.hdf"]


def succeeds(function: Callable[[], None]) -> bool:
    """Whether a function runs to its end; else it must have run into a full disk, and say so."""
    try:
        function()
    except InputError as error:
        message = str(error)
    else:
        return True
    assert "no room to write it (No space left on device)" in message
    assert "Free space" in message
    return False


@pytest.mark.parametrize("ending", [".hdf", ".npy", ".npz", ".tif"])
def test_full_disk_leaves_nothing_behind(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up at the n-th step, for every n until the writing succeeds."""
    volume = make_volume((20, 130, 140))
    path = tmp_path / f"a{ending}"
    for overwrite in (False, True):
        before = path.read_bytes() if path.exists() else None
        for step in range(50):
            left = [step]

            def work(function: Any, left: list[int] = left) -> Any:
                def limited(*arguments: Any, **options: Any) -> Any:
                    if left[0] == 0:
                        raise OSError(errno.ENOSPC, "No space left on device")
                    left[0] -= 1
                    return function(*arguments, **options)

                return limited

            with monkeypatch.context() as patch:
                for name in ("os.posix_fallocate", "os.fsync", "os.replace", "connectograph.io.hdf5_write._pack"):
                    module, attribute = name.rsplit(".", 1)
                    patch.setattr(name, work(getattr(importlib.import_module(module), attribute)))
                patch.setattr("connectograph.io.arrays.make_box", work(make_box))
                if succeeds(lambda: write_volume(path, volume, overwrite=overwrite)):  # noqa: B023
                    break
            assert os.listdir(tmp_path) == ([path.name] if before else [])
            assert before is None or path.read_bytes() == before
        assert step > 2
        np.testing.assert_array_equal(whole(read_volume(path, voxel_size=SIZE)), volume.labels)
        assert os.listdir(tmp_path) == [path.name]


def test_convert_is_the_way_out_of_a_pickle(tmp_path: Path) -> None:
    labels = make_volume((4, 90, 100), "u2").labels
    (tmp_path / "a.xz").write_bytes(lzma.compress(pickle.dumps(labels)))
    for target, dataset in (("a.h5:pred", "pred"), ("b.h5", "volumes/labels/neuron_ids")):
        convert_volumes([tmp_path / "a.xz"], f"{tmp_path}/{target}")
        with h5py.File(tmp_path / target.split(":")[0]) as file:
            np.testing.assert_array_equal(file[dataset][:], labels)
            assert not file[dataset].attrs.keys(), "what is not known is not made up"
    convert_volumes([tmp_path / "a.xz"], tmp_path / "c.h5", axes="xyz", voxel_size=(9, 8, 7), offset=(1, 2, 3))
    volume = read_volume(tmp_path / "c.h5")
    assert (volume.shape, volume.voxel_size, volume.offset) == ((100, 90, 4), (9, 8, 7), (1, 2, 3))
    convert_volumes([f"{tmp_path}/c.h5"], tmp_path / "d.h5")
    assert read_volume(tmp_path / "d.h5").offset == (1, 2, 3)
    convert_volumes([f"{tmp_path}/a.h5:pred"], tmp_path / "d.tif")
    np.testing.assert_array_equal(whole(read_volume(tmp_path / "d.tif", voxel_size=SIZE)), labels)
    (tmp_path / "bad.xz").write_bytes(lzma.compress(b"cos\nsystem\n(S'touch x'\ntR."))
    with pytest.raises(InputError, match=r"asks to call os\.system"):
        convert_volumes([tmp_path / "bad.xz"], tmp_path / "e.h5")


def test_convert_several_into_one_cremi_file(tmp_path: Path) -> None:
    volume = make_volume()
    seg = save_cremi(tmp_path / "seg.hdf", volume, offset=(40.0, 0.0, 0.0))
    write_volume(tmp_path / "clefts.npy", volume)
    np.savez(tmp_path / "raw.npz", em=np.zeros(volume.shape, "u1"), other=np.zeros(volume.shape))
    sources = [seg, f"{tmp_path}/clefts.npy", f"{tmp_path}/raw.npz:em"]
    convert_volumes(sources, tmp_path / "out.hdf")
    for role, dtype in (("segmentation", "u8"), ("truth", "u8"), ("raw", "u1")):
        found = read_volume(tmp_path / "out.hdf", role=role)
        assert (found.voxel_size, found.offset, found.dtype) == (SIZE, (40, 0, 0), np.dtype(dtype))
    with pytest.raises(InputError, match="exists already"):
        convert_volumes(sources, tmp_path / "out.hdf")
    convert_volumes(sources[:2], tmp_path / "out.hdf", overwrite=True)
    write_volume(tmp_path / "small.npy", make_volume((2, 40, 50)))
    with pytest.raises(InputError, match=r"small.npy has shape \(2, 40, 50\)"):
        convert_volumes([seg, f"{tmp_path}/small.npy"], tmp_path / "x.hdf")
    for bad, target in ((sources, "x.npy"), (sources, "x.hdf:name"), ([], "x.hdf"), ([*sources, seg], "x.hdf")):
        with pytest.raises(InputError, match=rf"{len(bad)} inputs for .*; expected one, or two or three"):
            convert_volumes(bad, f"{tmp_path}/{target}")
    with pytest.raises(InputError, match="the file that the volume is read from"):
        convert_volumes([seg], seg, overwrite=True)
    assert not (tmp_path / "x.hdf").exists()


def test_import_is_cheap() -> None:
    program = "import sys, connectograph.io; print([m for m in sys.argv[1:] if m in sys.modules])"
    heavy = ["h5py", "tifffile", "numba", "deflate", "pickletools", "pandas", "scipy", "matplotlib"]
    done = subprocess.run([sys.executable, "-c", program, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
