"""HDF5 volumes: every storage layout reads as h5py reads it, in threads; nothing outside the file is read as labels."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectograph.blocks import map_blocks
from connectograph.errors import InputError
from connectograph.io import read_volume
from connectograph.io.chunks import CorruptChunk, inflate
from connectograph.io.hdf5 import Hdf5Labels
from connectograph.volumes import Volume

SHAPE = (5, 70, 90)
LARGE = (4, 64, 64)  # 128 KiB of uint64: chunks that are read one by one

LAYOUTS: dict[str, dict[str, Any]] = {
    "contiguous": {},
    "plain chunks": {"chunks": LARGE},
    "gzip": {"chunks": LARGE, "compression": "gzip"},
    "gzip 9": {"chunks": LARGE, "compression": "gzip", "compression_opts": 9},
    "shuffle": {"chunks": LARGE, "shuffle": True},
    "gzip shuffle": {"chunks": LARGE, "compression": "gzip", "shuffle": True},
    "checksum": {"chunks": LARGE, "compression": "gzip", "fletcher32": True},
    "lzf": {"chunks": LARGE, "compression": "lzf"},
    "small chunks": {"chunks": (2, 9, 11), "compression": "gzip"},
    "one chunk": {"chunks": SHAPE, "compression": "gzip", "shuffle": True},
    "resizable": {"chunks": LARGE, "maxshape": (None, None, None), "compression": "gzip"},
}
DTYPES = ["bool", "u1", "<u2", ">u2", "<u4", "<u8", ">u8", "i1", "<i8", ">i4", "f2", "<f4", ">f8"]


def make_array(dtype: str, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, tuple(-(-size // 4) for size in shape), dtype="u8") << np.uint64(50)
    full = coarse.repeat(4, 0).repeat(4, 1).repeat(4, 2)[tuple(slice(size) for size in shape)]
    if np.dtype(dtype).kind == "f":
        return (full >> np.uint64(50)).astype(dtype) / 4
    if dtype.endswith("u8"):
        full = full.copy()
        full[0, 0, :2] = 2**53 + 1, 2**64 - 3
    return full.astype(dtype) if dtype.endswith("8") else (full >> np.uint64(50)).astype(dtype)


def save(path: Path, array: np.ndarray, **layout: Any) -> str:
    with h5py.File(path, "w") as file:
        file.create_dataset("labels", data=array, **layout)
    return str(path)


def gather(labels: Hdf5Labels, workers: int = 2) -> np.ndarray:
    """All blocks, read in threads, in one array."""
    out = np.zeros(labels.shape, labels.dtype)
    seen = np.zeros(labels.shape, "u1")

    def copy(array: np.ndarray, origin: tuple[int, int, int]) -> None:
        box = tuple(slice(o, o + n) for o, n in zip(origin, array.shape, strict=True))
        assert array.flags.c_contiguous
        assert array.flags.writeable, "numba compiles once more for arrays that are not"
        out[box] = array
        seen[box] += 1

    list(map_blocks(copy, Volume(labels, voxel_size=(1, 1, 1)), workers=workers))
    assert (seen == 1).all()
    return out


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_and_type(tmp_path: Path, layout: str) -> None:
    for dtype in DTYPES:
        array = make_array(dtype)
        labels = Hdf5Labels(
            save(tmp_path / f"{array.dtype.str[1:]}{dtype[0] == '>'}.h5", array, **LAYOUTS[layout]), "labels"
        )
        assert (labels.shape, labels.dtype) == (SHAPE, array.dtype)
        for workers in (1, 2):
            np.testing.assert_array_equal(gather(labels, workers), array)
        box = slice(1, 5), slice(None, 33), slice(-20, None)
        np.testing.assert_array_equal(labels[box], array[box])
        assert labels[3:3, :, :].shape == (0, 70, 90)
        assert next(block.read().dtype for block in labels.blocks()) == array.dtype


@pytest.mark.parametrize("place", [1, 100, 101, 39_999])
def test_a_chunk_with_one_other_voxel_is_not_taken_for_a_constant_one(tmp_path: Path, place: int) -> None:
    array = np.full((2, 100, 400), 7, "u8")
    array.reshape(-1)[place] = 9
    labels = Hdf5Labels(save(tmp_path / "a.h5", array, chunks=(1, 100, 400), compression="gzip"), "labels")
    for _ in range(2):
        np.testing.assert_array_equal(gather(labels), array)


def test_fortran_ordered_array(tmp_path: Path) -> None:
    array = np.asfortranarray(make_array("<u8"))
    path = save(tmp_path / "a.h5", array, chunks=LARGE, compression="gzip")
    np.testing.assert_array_equal(gather(Hdf5Labels(path, "labels")), array)


def test_blocks_are_the_chunks(tmp_path: Path) -> None:
    labels = Hdf5Labels(save(tmp_path / "a.h5", make_array("<u8"), chunks=LARGE), "labels")
    blocks = [(block.origin, block.shape) for block in labels.blocks()]
    assert blocks[:2] == [((0, 0, 0), (4, 64, 64)), ((0, 0, 64), (4, 64, 26))]
    assert blocks[-1] == ((4, 64, 64), (1, 6, 26))
    assert len(blocks) == 8
    small = Hdf5Labels(save(tmp_path / "b.h5", make_array("u1"), chunks=(1, 7, 9)), "labels")
    assert len(list(small.blocks())) == 1, "small chunks are read many at a time"
    whole = Hdf5Labels(save(tmp_path / "c.h5", np.zeros((9, 600, 700), "u8")), "labels")
    assert [block.shape for block in whole.blocks()][:2] == [(1, 374, 700), (1, 226, 700)]


@pytest.mark.parametrize("fill", [0, 7, 2**64 - 1])
def test_chunks_never_written_hold_the_fill_value(tmp_path: Path, fill: int) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("labels", SHAPE, "u8", chunks=LARGE, fillvalue=fill, compression="gzip")
        data[4, 64:, 64:] = 3
        file.create_dataset("contiguous", SHAPE, "u8", fillvalue=fill)
    labels = Hdf5Labels(str(tmp_path / "a.h5"), "labels")
    found = gather(labels)
    assert (found[4, 64:, 64:] == 3).all()
    assert (found == fill).sum() == found.size - 6 * 26
    assert (gather(Hdf5Labels(str(tmp_path / "a.h5"), "contiguous")) == fill).all()


def test_chunks_of_one_value_are_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.full((16, 200, 200), 2**64 - 1, "u8")
    array[1, 2, 3] = 5
    array[8:] = 4
    labels = Hdf5Labels(save(tmp_path / "a.h5", array, chunks=(4, 100, 100), compression="gzip"), "labels")
    calls = []
    monkeypatch.setattr("connectograph.io.chunks.inflate", lambda raw, size: calls.append(raw) or inflate(raw, size))
    for _ in range(2):
        np.testing.assert_array_equal(gather(labels, 1), array)
    assert len(calls) == 2 + 2, "the chunk with the 5 twice, two values once"


def test_filters_that_were_skipped(tmp_path: Path) -> None:
    array = make_array("<u4", (8, 64, 64))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("labels", array.shape, "<u4", chunks=(2, 64, 64), compression="gzip", shuffle=True)
        planes = [array[z : z + 2] for z in range(0, 8, 2)]
        shuffled = [part.reshape(-1).view("u1").reshape(-1, 4).T.tobytes() for part in planes]
        data.id.write_direct_chunk((0, 0, 0), zlib.compress(shuffled[0]), 0)
        data.id.write_direct_chunk((2, 0, 0), zlib.compress(planes[1].tobytes()), 1)
        data.id.write_direct_chunk((4, 0, 0), shuffled[2], 2)
        data.id.write_direct_chunk((6, 0, 0), planes[3].tobytes(), 3)
    labels = Hdf5Labels(str(tmp_path / "a.h5"), "labels")
    np.testing.assert_array_equal(gather(labels), array)
    np.testing.assert_array_equal(labels[:, :, :], array)


def test_empty_volume(tmp_path: Path) -> None:
    labels = Hdf5Labels(save(tmp_path / "a.h5", np.zeros((0, 3, 4), "u8")), "labels")
    assert list(labels.blocks()) == []
    assert labels[:, :, :].shape == (0, 3, 4)


def test_a_copy_for_another_process_opens_the_file_again(tmp_path: Path) -> None:
    labels = Hdf5Labels(save(tmp_path / "a.h5", make_array("u1")), "labels")
    copy = pickle.loads(pickle.dumps(labels))  # noqa: S301
    np.testing.assert_array_equal(gather(copy), gather(labels))


def damage(path: Path, raw: bytes, change: Any) -> None:
    content = path.read_bytes()
    assert content.count(raw) == 1
    path.write_bytes(content.replace(raw, change))


def test_damaged_chunk_is_named(tmp_path: Path) -> None:
    array = make_array("<u8")
    for name, layout in LAYOUTS.items():
        if "compression" not in layout or layout["chunks"] != LARGE:
            continue
        path = tmp_path / f"{name} a.h5"
        save(path, array, **layout)
        with h5py.File(path) as file:
            _, raw = file["labels"].id.read_direct_chunk((0, 0, 64))
        middle = len(raw) // 2
        damage(path, raw, raw[:middle] + bytes(byte ^ 255 for byte in raw[middle : middle + 40]) + raw[middle + 40 :])
        labels = Hdf5Labels(str(path), "labels")
        if name != "lzf":  # which has no checksum
            with pytest.raises(InputError, match=r"a\.h5:labels is damaged: the block at \(0, 0, 64\) \(z, y, x\)"):
                gather(labels)
            with pytest.raises(InputError, match=r"a\.h5:labels is damaged: the block at \(0, 0, 60\)"):
                labels[0:2, 0:10, 60:70]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (zlib.compress(bytes(4 * 64 * 64 * 8 + 1)), "more than its 131,072 bytes"),
        (zlib.compress(bytes(1 << 26)), "more than its 131,072 bytes"),
        (zlib.compress(bytes(500)), "ends after 500 of 131,072 bytes"),
        (zlib.compress(bytes(131_072))[:-1], "ends after 131,072 of 131,072 bytes"),
        (zlib.compress(bytes(131_072))[:-4] + b"abcd", "incorrect data check"),
    ],
)
def test_chunk_of_another_size(tmp_path: Path, raw: bytes, message: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("labels", (4, 64, 64), "u8", chunks=LARGE, compression="gzip")
        data.id.write_direct_chunk((0, 0, 0), raw)
    labels = Hdf5Labels(str(tmp_path / "a.h5"), "labels")
    with pytest.raises(InputError, match=message):
        gather(labels)


@given(content=st.binary(min_size=4, max_size=300), extra=st.integers(-3, 3))
def test_inflate_fills_exactly(content: bytes, extra: int) -> None:
    size = len(content) + extra
    if size == len(content):
        assert inflate(zlib.compress(content), size).tobytes() == content
    else:
        with pytest.raises(CorruptChunk):
            inflate(zlib.compress(content), size)


def test_outside_data_are_refused(tmp_path: Path) -> None:
    (tmp_path / "raw.bin").write_bytes(bytes(24))
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    save(outside / "secret.h5", np.ones((2, 3, 4), "u1"))
    folder = tmp_path / "here"
    folder.mkdir()
    save(folder / "beside.h5", np.full((2, 3, 4), 9, "u1"))
    (folder / "linked.h5").symlink_to(outside / "secret.h5")
    path = folder / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", (2, 3, 4), "u1", external=[(str(tmp_path / "raw.bin"), 0, 24)])
        file["link"] = h5py.ExternalLink(str(outside / "secret.h5"), "labels")
        file["group"] = h5py.ExternalLink(str(outside / "secret.h5"), "/")
        file["soft"] = h5py.SoftLink("/link")
        file["far"] = h5py.SoftLink("group/labels")
        file["volumes/labels/neuron_ids"] = h5py.SoftLink("/far")
        for name, source in {
            "absolute": str(outside / "secret.h5"),
            "relative": "../elsewhere/secret.h5",
            "symlink": "linked.h5",
            "missing": "nowhere.h5",
        }.items():
            add_virtual(file, name, source, "labels")
        add_pattern(file, "pattern", "%b.h5")
        add_virtual(file, "self raw", ".", "raw")
        add_virtual(file, "self link", ".", "link")
        add_virtual(file, "no dataset", "beside.h5", "other")
        add_virtual(file, "circle", ".", "circle")
    messages = {
        "raw": r"a\.h5:raw is refused: its voxels are not in the file but in .*raw\.bin",
        "link": r"link is a link to 'labels' in another file",
        "group/labels": "group is a link to '/' in another file",
        "soft": "link is a link to",
        "far": "group is a link",
        "absolute": "outside its folder",
        "relative": "outside its folder",
        "symlink": "outside its folder",
        "pattern": "outside its folder",
        "missing": r"nowhere\.h5 does not exist",
        "self raw": "its voxels are not in the file",
        "self link": "is a link to",
        "no dataset": r"beside\.h5:other, which does not exist",
        "circle": "more than 8 deep",
    }
    for name, message in messages.items():
        with pytest.raises(InputError, match=message):
            Hdf5Labels(str(path), name)
    with pytest.raises(InputError, match="group is a link"):
        read_volume(str(path), role="segmentation", voxel_size=(1, 1, 1))


def add_virtual(file: h5py.File, name: str, source: str, dataset: str) -> None:
    layout = h5py.VirtualLayout((2, 3, 4), "u1")
    layout[:] = h5py.VirtualSource(source, dataset, shape=(2, 3, 4))
    file.create_virtual_dataset(name, layout)


def add_pattern(file: h5py.File, name: str, source: str) -> None:
    """A virtual dataset whose source files are numbered and found while reading."""
    unlimited = h5py.h5s.UNLIMITED
    space = h5py.h5s.create_simple((1, 3, 4), (unlimited, 3, 4))
    space.select_hyperslab((0, 0, 0), (unlimited, 1, 1), (1, 1, 1), (1, 3, 4))
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_virtual(space, source.encode(), b"labels", h5py.h5s.create_simple((1, 3, 4)))
    whole = h5py.h5s.create_simple((1, 3, 4), (unlimited, 3, 4))
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.NATIVE_UINT8, whole, plist)


def test_links_and_virtual_datasets_inside_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "beside.h5", np.full((2, 3, 4), 9, "u1"))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["deep/labels"] = np.ones((2, 3, 4), "u1")
        file["soft"] = h5py.SoftLink("/deep")
        file["deep/other"] = h5py.SoftLink("labels")
        add_virtual(file, "virtual", "beside.h5", "labels")
        add_virtual(file, "own", ".", "deep/labels")
        file["round"] = h5py.SoftLink("/round/and")
    path = str(tmp_path / "a.h5")
    for name, value in (("soft/labels", 1), ("soft/other", 1), ("virtual", 9), ("own", 1), ("/deep//labels", 1)):
        assert (gather(Hdf5Labels(path, name)) == value).all()
    with pytest.raises(InputError, match="circle"):
        Hdf5Labels(path, "round")
    for name in ("deep", "nothing", "deep/labels/more"):
        with pytest.raises(InputError, match=r"has no dataset .*It holds: deep/labels \(2, 3, 4\) uint8, own"):
            Hdf5Labels(path, name)
    monkeypatch.chdir(tmp_path)
    assert (gather(Hdf5Labels("a.h5", "virtual")) == 9).all()


def test_absurd_sizes_are_refused_before_reading(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("chunked", (2**20, 2**20, 2**20), "u8", chunks=(64, 64, 64))
        file.create_dataset("contiguous", (2**20, 2**20, 2**20), "u8")
        file.create_dataset("sparse", (1000, 5000, 5000), "u8", chunks=(64, 64, 64))
        file.create_dataset("giant", (2**10, 2**10, 2**10), "u2", chunks=(2**10, 2**10, 2**10 - 1))
    program = """
        import resource, sys
        from connectograph.io.hdf5 import Hdf5Labels
        import h5py
        limit = 200 * 2**20 + int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for name in ("chunked", "contiguous", "giant"):
            try:
                Hdf5Labels(sys.argv[1], name)
            except ValueError as error:
                print(type(error).__name__, error)
        blocks = Hdf5Labels(sys.argv[1], "sparse").blocks()
        print(next(blocks).read().sum())
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "a.h5")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["InputError"] * 3 + ["0"]
    assert "9,223,372,036,854,775,808 bytes, but its file has" in lines[0]
    assert "bytes of memory" in lines[2]


def test_files_that_are_not_whole_hdf5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Path(save(tmp_path / "whole.h5", make_array("u1"))).read_bytes()
    files = {
        "zero.h5": (b"", "zero.h5 is empty"),
        "half.h5": (whole[: len(whole) // 2], rf"half.h5 is incomplete: .* of {len(whole):,} bytes \(50 %\)"),
        "page.h5": (b"<!DOCTYPE html><html>", r"page.h5 is not HDF5: it starts with '<!DOCTYPE html.* \(a web page"),
        "xz.h5": (b"\xfd7zXZ\x00aaaa", "is not HDF5: it starts like an xz file"),
        "bytes.h5": (bytes(range(200, 240)), "is not HDF5: it starts with b"),
        "header.h5": (whole[:8] + b"\xff" * 40 + whole[48:], "header.h5 cannot be opened as HDF5"),
    }
    for name, (content, message) in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=message):
            Hdf5Labels(str(tmp_path / name), "labels")
    with pytest.raises(InputError, match=r"wole.h5 does not exist; there is .*whole\.h5"):
        Hdf5Labels(str(tmp_path / "wole.h5"), "labels")
    with pytest.raises(InputError, match="is a folder"):
        Hdf5Labels(str(tmp_path), "labels")
    with pytest.raises(InputError, match="cannot be read: embedded null byte"):
        Hdf5Labels("a\0b.h5", "labels")
    with pytest.raises(InputError, match="cannot be read: File name too long"):
        Hdf5Labels("a" * 300, "labels")

    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(InputError, match=r"whole.h5' cannot be read: Permission denied\. Check the path and its perm"):
        Hdf5Labels(str(tmp_path / "whole.h5"), "labels")


def test_truncation_anywhere_is_an_input_error(tmp_path: Path) -> None:
    whole = Path(save(tmp_path / "a.h5", make_array("u1"), chunks=(5, 70, 90), compression="gzip")).read_bytes()
    for size in np.linspace(1, len(whole) - 1, 40).astype(int):
        (tmp_path / "a.h5").write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"a\.h5"):
            gather(Hdf5Labels(str(tmp_path / "a.h5"), "labels"))


def test_flipped_bits_are_input_errors_or_go_unnoticed(tmp_path: Path) -> None:
    """Anywhere in the file; in a child process, because HDF5 itself might crash."""
    path = tmp_path / "a.h5"
    save(path, make_array("u1"), chunks=(4, 64, 64), compression="gzip")
    with h5py.File(path, "r+") as file:
        file["labels"].attrs["resolution"] = (40.0, 4.0, 4.0)
    program = """
        import sys
        from connectograph.io import read_volume
        whole = open(sys.argv[1], "rb").read()
        refused = 0
        for place in range(0, len(whole), 37):
            name = f"{sys.argv[1]}.{place}.h5"
            with open(name, "wb") as file:
                file.write(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
            try:
                for block in read_volume(name).labels.blocks():
                    block.read()
            except ValueError as error:
                refused += type(error).__name__ == "InputError"
        print(refused)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 3)), r"shape \(2, 3\); expected three dimensions"),
        (np.zeros((2, 3, 4, 5)), "expected three dimensions"),
        (np.float64(3), r"shape \(\)"),
        (h5py.Empty("f8"), "shape None"),
        (np.zeros((2, 2, 2), "c16"), "type complex128"),
        (np.zeros((2, 2, 2), "S3"), "type |S3"),
        (np.zeros((2, 2, 2), "i4,i4"), "type"),
        (np.array([[["a"]]], dtype=h5py.string_dtype()), "Python objects"),
    ],
)
def test_what_is_no_volume(tmp_path: Path, array: Any, message: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["labels"] = array
    with pytest.raises(InputError, match=message):
        Hdf5Labels(str(tmp_path / "a.h5"), "labels")


def test_locked_by_a_writer(tmp_path: Path) -> None:
    path = save(tmp_path / "a.h5", np.ones((2, 3, 4), "u1"))
    program = "import h5py, sys; f = h5py.File(sys.argv[1], 'r+'); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        volume = read_volume(f"{path}:labels", voxel_size=(1, 1, 1))
        assert (volume.labels[:, :, :] == 1).all()
        clefts = read_volume(f"{path}:labels", voxel_size=(1, 1, 1))
        writer.communicate("")
    assert all("locked by another process" in other.assumed[0] for other in (volume, clefts))
    del volume, clefts
    assert not read_volume(f"{path}:labels", voxel_size=(1, 1, 1)).assumed[:-1]


def test_a_file_just_begun_by_a_writer(tmp_path: Path) -> None:
    path = str(tmp_path / "a.h5")
    program = "import h5py, sys; f = h5py.File(sys.argv[1], 'w'); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(InputError, match=r"a\.h5 is (being written|empty)"):
            Hdf5Labels(path, "labels")
        writer.communicate("")


def test_odd_number_types_are_left_to_hdf5(tmp_path: Path) -> None:
    array = make_array("<u2", (4, 200, 200)) & 0xFFF
    kind = h5py.h5t.STD_U16LE.copy()
    kind.set_precision(12)
    kind.set_offset(4)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        space = h5py.h5s.create_simple(array.shape)
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((2, 200, 200))
        plist.set_deflate(1)
        data = h5py.Dataset(h5py.h5d.create(file.id, b"labels", kind, space, plist))
        data[...] = array
    np.testing.assert_array_equal(gather(Hdf5Labels(str(tmp_path / "a.h5"), "labels")), array)


def test_memory_of_reading_does_not_grow_with_the_volume(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("labels", (400, 1000, 1000), "u8", chunks=(4, 250, 250), compression="gzip")
        data[::100, :4, :4] = 5
    program = """
        import resource, sys
        from connectograph.blocks import map_blocks
        from connectograph.io import read_volume
        volume = read_volume(sys.argv[1], voxel_size=(1, 1, 1))
        limit = 250 * 2**20 + int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        print(sum(map_blocks(lambda array, origin: int(array[0, 0, 0]), volume, workers=2)))
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "a.h5")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 4 * 5
