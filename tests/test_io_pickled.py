"""Pickled arrays: every array comes back as it was; nothing a file asks for is ever run."""

from __future__ import annotations

import lzma
import os
import pickle
import subprocess
import sys
import textwrap
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectograph.errors import InputError
from connectograph.io import read_volume
from connectograph.io.pickled import XzPickleLabels, read_pickled

SHARED = Path(__file__).resolve().parents[2] / "shared"
REAL = SHARED / "data" / "cremi_prediction" / "result_A_components.xz"
DTYPES = ["bool", "u1", "<u2", ">u4", "<u8", ">u8", "i1", ">i2", "<i4", "<i8", "f2", "<f4", ">f8"]


def make_array(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(5)
    if np.dtype(dtype).kind == "f":
        return rng.integers(0, 9, shape).astype(dtype) / 8
    array = (rng.integers(0, 4, shape, dtype="u8") * 0x1122334455667799).astype(dtype)
    if np.dtype(dtype) == np.dtype("u8"):
        array.reshape(-1)[:2] = 2**53 + 1, 2**64 - 3
    return array


def in_order(array: np.ndarray, order: str) -> np.ndarray:
    """The same shape and values, in other memory."""
    if order == "K":
        return np.ascontiguousarray(array.transpose(1, 0, 2)).transpose(1, 0, 2)
    if order == "sliced":
        wide = np.repeat(array, 2, axis=1)
        return wide[:, ::2]
    return np.asarray(array, order=order)


def save(path: Path, content: bytes) -> str:
    """Bytes as a file, packed if its name says so."""
    path.write_bytes(lzma.compress(content, preset=0) if path.suffix == ".xz" else content)
    return str(path)


def gather(labels: Any) -> np.ndarray:
    """All blocks of a lazily read volume in one array; checks that they are disjoint and cover it."""
    if isinstance(labels, np.ndarray):
        return labels
    out = np.zeros(labels.shape, labels.dtype)
    seen = np.zeros(labels.shape, "u1")
    for block in labels.blocks():
        box = tuple(slice(o, o + n) for o, n in zip(block.origin, block.shape, strict=True))
        out[box] = block.read()
        seen[box] += 1
    assert (seen == 1).all()
    return out


@pytest.mark.parametrize("shape", [(2, 3, 4), (3, 150, 151)], ids=["short", "streamed"])
@pytest.mark.parametrize("order", ["C", "F", "K", "sliced"])
def test_round_trip(tmp_path: Path, order: str, shape: tuple[int, int, int]) -> None:
    for dtype, protocol in product(DTYPES, range(6)):
        array = in_order(make_array(dtype, shape), order)
        suffix = ".pkl" if shape[0] == 3 and dtype != "<u2" else ".xz"
        found = read_pickled(save(tmp_path / f"a{suffix}", pickle.dumps(array, protocol)))
        assert found.shape == shape
        assert found.dtype == array.dtype, (dtype, protocol)
        np.testing.assert_array_equal(gather(found), array)
        np.testing.assert_array_equal(found[1:2, 0:3, 2:4], array[1:2, 0:3, 2:4])
        if protocol >= 3 and shape[0] == 3:
            assert not isinstance(found, np.ndarray), "streamed, not in memory"


def test_blocks_can_be_asked_for_again_and_left_early(tmp_path: Path) -> None:
    array = make_array("<u2", (30, 200, 300))
    labels = read_pickled(save(tmp_path / "a.pkl", pickle.dumps(array, 4)))
    assert isinstance(labels, XzPickleLabels)
    iterator = labels.blocks()
    first = next(iterator)
    iterator.close()
    np.testing.assert_array_equal(first.read(), array[: first.shape[0]])
    for _ in range(2):
        np.testing.assert_array_equal(gather(labels), array)
    np.testing.assert_array_equal(gather(pickle.loads(pickle.dumps(labels))), array)  # noqa: S301


def test_names_of_older_numpy_and_one_frame_around_all(tmp_path: Path) -> None:
    array = make_array("<u4", (3, 90, 80))
    for protocol in (2, 3):
        old = pickle.dumps(array, protocol).replace(b"numpy._core.", b"numpy.core.")
        np.testing.assert_array_equal(gather(read_pickled(save(tmp_path / "a.pkl", old))), array)
    body = pickle.dumps(array, 3)[2:]
    framed = b"\x80\x04\x95" + len(body).to_bytes(8, "little") + body
    np.testing.assert_array_equal(gather(read_pickled(save(tmp_path / "b.xz", framed))), array)


def test_several_xz_streams_in_one_file(tmp_path: Path) -> None:
    array = make_array("<u2", (5, 100, 100))
    content = pickle.dumps(array, 4)
    parts = [lzma.compress(content[i : i + 30_000]) for i in range(0, len(content), 30_000)]
    (tmp_path / "a.xz").write_bytes((b"\0" * 4).join(parts) + b"\0" * 8)
    np.testing.assert_array_equal(gather(read_pickled(str(tmp_path / "a.xz"))), array)
    (tmp_path / "a.lzma").write_bytes(lzma.compress(content, format=lzma.FORMAT_ALONE))
    np.testing.assert_array_equal(gather(read_pickled(str(tmp_path / "a.lzma"))), array)


@pytest.mark.parametrize("order", ["C", "F"])
def test_packed_npy(tmp_path: Path, order: str) -> None:
    array = np.asarray(make_array("<u8", (3, 40, 50)), order=order)
    np.save(tmp_path / "a.npy", array)
    path = save(tmp_path / "a.xz", (tmp_path / "a.npy").read_bytes())
    np.testing.assert_array_equal(gather(read_pickled(path)), array)
    np.save(tmp_path / "b.npy", np.array([[[{}]]], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="Python objects"):
        read_pickled(save(tmp_path / "b.xz", (tmp_path / "b.npy").read_bytes()))


@pytest.mark.skipif(not REAL.exists(), reason="needs the shared example prediction")
def test_real_prediction() -> None:
    volume = read_volume(str(REAL), voxel_size=(40, 4, 4))
    assert (volume.shape, volume.dtype, volume.name) == ((125, 1250, 1250), np.dtype("u2"), str(REAL))
    seen = np.zeros(2**16, bool)
    for block in volume.labels.blocks():
        seen[block.read()] = True
    assert seen.sum() == 305


class Call:
    """Pickles to a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


class WithState:
    """Pickles to an object whose state is set, by a call inside the state."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def __getstate__(self) -> Any:
        return self.state

    def __setstate__(self, state: Any) -> None:
        raise AssertionError("never called")


def payloads(mark: Path) -> dict[str, tuple[Any, str]]:
    """Objects whose unpickling would leave a file, and what the message must name."""
    system = Call(os.system, f"touch {mark}")
    code = f"open({str(mark)!r}, 'w')"
    return {
        "system": (system, "os.system"),
        "eval": (Call(eval, code), "builtins.eval"),
        "exec": (Call(exec, code), "builtins.exec"),
        "open": (Call(open, str(mark), "w"), "open"),
        "popen": (Call(subprocess.Popen, ["touch", str(mark)]), "Popen"),
        "list": ([np.zeros((1, 1, 1)), system], "refused|no pickle"),
        "dict": ({"labels": system}, "refused|no pickle"),
        "tuple": ((system, system), "os.system"),
        "state": (WithState(system), "WithState|copyreg|_reconstructor"),
        "object array": (np.array([[[system]]], dtype=object), "Python objects|os.system"),
        "dtype": (Call(np.dtype, system), "os.system"),
        "getattr": (Call(getattr, "text", "upper"), "getattr"),
    }


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", payloads(Path("x")))
def test_no_payload_runs(tmp_path: Path, name: str, protocol: int) -> None:
    mark = tmp_path / "mark"
    payload, message = payloads(mark)[name]
    for suffix in (".xz", ".pkl"):
        path = save(tmp_path / f"bad{suffix}", pickle.dumps(payload, protocol))
        with pytest.raises(InputError, match=message):
            read_volume(path, voxel_size=(1, 1, 1))
    assert not mark.exists()


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_payload_after_the_voxels(tmp_path: Path, protocol: int) -> None:
    mark = tmp_path / "mark"
    array = pickle.dumps(make_array("<u8", (5, 50, 50)), protocol)
    call = f"cos\nsystem\n(S'touch {mark}'\ntR.".encode()
    for content in (array[:-1] + call, array + call):
        path = save(tmp_path / "bad.xz", content)
        with pytest.raises(InputError, match="refused"):
            gather(read_pickled(path))
    assert not mark.exists()


CRAFTED = {
    "instance": (b"(S'touch x'\nios\nsystem\n.", "refused|no pickle"),
    "instance later": (b"\x80\x02(ios\nsystem\n.", "INST"),
    "state of a function": (b"\x80\x02c_codecs\nencode\n}X\x01\0\0\0aK\x01sb.", "EMPTY_DICT"),
    "state of a stand-in": (b"\x80\x02c_codecs\nencode\nNK\x01\x86b.", "sets the state"),
    "extension": (b"\x80\x02\x82\x01.", "EXT1"),
    "persistent": (b"\x80\x02K\x01Q.", "BINPERSID"),
    "only a number": (b"\x80\x02K\x01.", "no numpy array"),
    "nothing": (b"\x80\x02.", "refused"),
    "unknown protocol": (b"\x80\x63K\x01.", "protocol"),
    "call of a number": (b"\x80\x02K\x01)R.", "refused"),
    "endless": (b"\x80\x02" + b"NK\x01" * 5000 + b".", "refused"),
    "long text": (b"\x80\x02X" + (2**31).to_bytes(4, "little") + b"aaaa", "text of 2,147,483,648 bytes"),
    "long line": (b"c" + b"a" * 100_000, "line longer"),
    "breaks off": (b"\x80\x02cnumpy\nndar", "incomplete"),
    "web page": (b"<!DOCTYPE html><html>", "web page"),
    "zeros": (b"\0" * 1000, "no pickle of a numpy array"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_pickle_is_refused(tmp_path: Path, name: str) -> None:
    content, message = CRAFTED[name]
    with pytest.raises(InputError, match=message):
        read_pickled(save(tmp_path / "bad.xz", content))
    with pytest.raises(InputError, match=message):
        read_pickled(save(tmp_path / "bad.pkl", content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros((300, 400)), "three dimensions"),
        (np.zeros((3, 4)), "three dimensions"),
        (np.zeros((2, 2, 2), "c16"), "c16"),
        (np.zeros((2, 2, 2), "U3"), "U3"),
        (np.zeros((2, 2, 2), "i4,f8"), "V12"),
        (np.zeros((2, 2, 2), "M8[s]"), "M8"),
        (np.ma.masked_array(np.zeros((2, 2, 2)), False), "MaskedArray|_mareconstruct"),
        (np.uint16(3), "scalar"),
        ("text", "no numpy array|no pickle"),
        (None, "no numpy array|no pickle"),
    ],
)
@pytest.mark.parametrize("protocol", range(6))
def test_what_is_no_volume(tmp_path: Path, content: Any, message: str, protocol: int) -> None:
    with pytest.raises(InputError, match=message):
        read_pickled(save(tmp_path / "a.pkl", pickle.dumps(content, protocol)))


def test_size_that_does_not_fit(tmp_path: Path) -> None:
    array = np.zeros((5, 100, 200), "u1")
    for protocol in (3, 4, 5):
        content = pickle.dumps(array, protocol).replace(b"K\x05Kd", b"K\x06Kd")
        with pytest.raises(InputError, match="100,000 bytes are stored for an array of shape \\(6, 100, 200\\)"):
            read_pickled(save(tmp_path / "a.xz", content))
    short = pickle.dumps(np.zeros((2, 3, 4), "u1"), 4).replace(b"K\x02K\x03", b"K\x07K\x03")
    with pytest.raises(InputError, match="do not fill"):
        read_pickled(save(tmp_path / "b.xz", short))


def test_incomplete_files(tmp_path: Path) -> None:
    array = make_array("<u8", (5, 50, 50))
    for protocol in (2, 4, 5):
        packed = lzma.compress(pickle.dumps(array, protocol))
        for share in (0.3, 0.7, 0.999):
            (tmp_path / "a.xz").write_bytes(packed[: int(len(packed) * share)])
            with pytest.raises(InputError, match=r"a\.xz is (incomplete|damaged)"):
                gather(read_pickled(str(tmp_path / "a.xz")))
        plain = pickle.dumps(array, protocol)
        with pytest.raises(InputError, match="incomplete"):
            gather(read_pickled(save(tmp_path / "b.xz", plain[:-100])))
    (tmp_path / "c.xz").touch()
    with pytest.raises(InputError, match="empty"):
        read_pickled(str(tmp_path / "c.xz"))
    with pytest.raises(InputError, match=r"does not exist; there is .*a\.xz"):
        read_pickled(str(tmp_path / "aa.xz"))


def test_changed_while_read(tmp_path: Path) -> None:
    path = save(tmp_path / "a.xz", pickle.dumps(make_array("<u8", (5, 50, 50)), 4))
    labels = read_pickled(path)
    for content in (np.zeros((5, 50, 51), "u8"), np.zeros((1, 1, 1), "u8")):
        save(tmp_path / "a.xz", pickle.dumps(content, 4))
        with pytest.raises(InputError, match="changed"):
            gather(labels)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_flipped_bits_are_errors_or_change_nothing(tmp_path: Path, protocol: int) -> None:
    array = make_array("<u2", (3, 60, 200))
    packed = bytearray(lzma.compress(pickle.dumps(array, protocol)))
    for place in np.linspace(0, len(packed) - 1, 60).astype(int):
        packed[place] ^= 16
        (tmp_path / "a.xz").write_bytes(packed)
        with suppress(InputError):
            np.testing.assert_array_equal(gather(read_pickled(str(tmp_path / "a.xz"))), array)
        packed[place] ^= 16


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, 200), new=st.binary(min_size=1, max_size=6), protocol=st.integers(0, 5))
def test_damaged_programs_raise_input_errors_only(
    tmp_path_factory: pytest.TempPathFactory, place: int, new: bytes, protocol: int
) -> None:
    content = bytearray(pickle.dumps(np.arange(24, dtype="u2").reshape(2, 3, 4), protocol))
    content[place : place + len(new)] = new
    path = tmp_path_factory.mktemp("fuzz") / "a.pkl"
    path.write_bytes(content)
    with suppress(InputError):
        assert gather(read_pickled(str(path))).ndim == 3


def test_more_than_a_packed_file_can_hold_is_refused_at_once(tmp_path: Path) -> None:
    """F03: whatever shape and length agree on, before a voxel is unpacked."""
    good = pickle.dumps(np.zeros((1, 1024, 1024), "u1"), 4)
    header, length, voxels = good.partition(b"B" + (2**20).to_bytes(4, "little"))
    assert length
    header = header.replace(b"K\x01M\x00\x04M\x00\x04\x87", b"K\xc0M\x00\x04M\x00\x04\x87")
    save(tmp_path / "a.xz", header + b"B" + (192 << 20).to_bytes(4, "little") + voxels)
    with pytest.raises(InputError, match=r"declares 201,326,592 bytes of voxels.* cannot hold more than"):
        read_pickled(str(tmp_path / "a.xz"))


def test_bombs_stay_within_memory(tmp_path: Path) -> None:
    zeros = np.zeros((192, 1024, 1024), "u1")
    good = pickle.dumps(zeros[:1], 4)
    data = good.index(b"B" + (2**20).to_bytes(4, "little"))
    header = good[:data].replace(b"K\x01M\x00\x04M\x00\x04\x87", b"K\xc0M\x00\x04M\x00\x04\x87")
    assert header != good[:data]
    tail = good[data + 5 + 2**20 :]
    frame = header.index(b"\x95")
    header = header[:frame] + header[frame + 9 :]
    with lzma.open(tmp_path / "bomb.xz", "w", preset=0) as file:
        file.write(header + b"B" + (192 << 20).to_bytes(4, "little"))
        for plane in zeros:
            file.write(plane)
        file.write(tail)
    with lzma.open(tmp_path / "plain.xz", "w", preset=0) as file:
        for plane in zeros:
            file.write(plane)
    save(tmp_path / "huge.xz", header + b"\x8e" + (2**63).to_bytes(8, "little"))
    save(tmp_path / "text.xz", pickle.dumps(zeros[:1, :99], 0).replace(b"I99\n", b"I99999999999\n"))
    many = pickle.dumps(np.zeros((1, 1, 1)), 2).replace(b"K\x01K\x01K\x01\x87", b"K\x01J\xff\xff\xff\x7fK\x09\x87")
    save(tmp_path / "wide.xz", many)
    save(tmp_path / "header.xz", b"\x93NUMPY\x02\x00" + (2**31).to_bytes(4, "little") + b"{}")
    dictionary = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
    (tmp_path / "dictionary.xz").write_bytes(lzma.compress(good, filters=dictionary))
    program = """
        import resource, sys
        import numpy as np
        from connectograph.io import read_volume
        limit = 96 * 2**20 + int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        folder = sys.argv[1]
        volume = read_volume(folder + "/bomb.xz", voxel_size=(1, 1, 1))
        print(volume.shape, sum(block.read().size for block in volume.labels.blocks()))
        for name in ("plain", "huge", "text", "wide", "dictionary", "header"):
            try:
                for block in read_volume(f"{folder}/{name}.xz", voxel_size=(1, 1, 1)).labels.blocks():
                    block.read()
            except ValueError as error:
                print(type(error).__name__, error, flush=True)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"(192, 1024, 1024) {192 << 20}"
    assert len(lines) == 7
    assert all(line.startswith("InputError") for line in lines[1:])
    assert "9,223,372,036,854,775,808 bytes" in lines[2]
