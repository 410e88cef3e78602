"""Downloads from a server on this machine: whole and checked, or not there; broken off, gone on with."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections import namedtuple

import pytest
from serving import Site, serve

import connectograph as cg
from connectograph.cli import main
from connectograph.errors import DiskFull, RunStopped
from connectograph.io import downloads

NAME = "sample_A_20160501.hdf"
PIECE = downloads._PIECE
CONTENT = b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 4096 * 3
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setattr(downloads, "_PAUSES", (0.0, 0.0))
    monkeypatch.setattr(downloads, "_CREMI_SHA256", {"A": SHA256})


@pytest.fixture
def site():
    with serve(Site({NAME: CONTENT, NAME.replace("A_", "A_padded_"): CONTENT})) as running:
        yield running


def files_of(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_sample_comes_whole_checked_and_recorded(site, tmp_path):
    seen = []
    path = cg.download_cremi("A", out=tmp_path / "new", mirror=f"{site.url}/", progress=lambda *n: seen.append(n))
    assert path == tmp_path / "new" / NAME
    assert path.read_bytes() == CONTENT
    assert files_of(path.parent) == [NAME, f"{NAME}.sha256"]
    assert (path.parent / f"{NAME}.sha256").read_text() == f"{SHA256}  {NAME}\n"
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="there is no sha256sum here")
def test_the_record_is_for_sha256sum(site, tmp_path):
    cg.download_cremi("A", out=tmp_path, mirror=site.url)
    subprocess.run(["sha256sum", "--check", f"{NAME}.sha256"], cwd=tmp_path, check=True, capture_output=True)


def test_what_is_there_is_checked_and_not_fetched_again(site, tmp_path):
    (tmp_path / NAME).write_bytes(CONTENT)
    cg.download_cremi("A", out=tmp_path, mirror=site.url)
    assert site.ranges == []
    (tmp_path / NAME).write_bytes(CONTENT[:-1])
    with pytest.raises(cg.InputError, match=f"is there already, but is not the published file: .* expected {SHA256}"):
        cg.download_cremi("A", out=tmp_path, mirror=site.url)
    assert (tmp_path / NAME).read_bytes() == CONTENT[:-1], "not ours to replace"
    assert site.ranges == []


def test_a_checksum_that_nobody_published_is_that_of_the_first_time(site, tmp_path):
    path = cg.download_cremi("A", out=tmp_path, padded=True, mirror=site.url)
    assert path.name == "sample_A_padded_20160501.hdf"
    assert SHA256 in path.with_name(f"{path.name}.sha256").read_text()
    path.write_bytes(CONTENT + b"!")
    with pytest.raises(cg.InputError, match="not the published file"):
        cg.download_cremi("A", out=tmp_path, padded=True, mirror=site.url)
    path.unlink()
    site.files[path.name] = CONTENT + b"?"
    with pytest.raises(cg.InputError, match="does not match"):
        cg.download_cremi("A", out=tmp_path, padded=True, mirror=site.url)
    assert not path.exists()


def test_a_broken_connection_is_taken_up_again(site, tmp_path):
    site.cut_after = [30 * PIECE, 8 * PIECE + 9]
    path = cg.download_cremi("A", out=tmp_path, mirror=site.url)
    assert path.read_bytes() == CONTENT
    assert site.ranges == [None, f"bytes={30 * PIECE}-", f"bytes={38 * PIECE}-"]


def test_what_broke_off_for_good_goes_on_in_the_next_call(site, tmp_path):
    site.cut_after = [16 * PIECE, 3, 0]
    with pytest.raises(RunStopped, match=r"1,048,576 bytes have arrived and are kept in .*\.part: the same call"):
        cg.download_cremi("A", out=tmp_path, mirror=site.url)
    assert files_of(tmp_path) == [f"{NAME}.part", f"{NAME}.part.version"]
    assert cg.download_cremi("A", out=tmp_path, mirror=site.url).read_bytes() == CONTENT
    assert site.ranges[-1] == f"bytes={16 * PIECE}-"
    assert files_of(tmp_path) == [NAME, f"{NAME}.sha256"]


@pytest.mark.parametrize("version", [{}, {"ETag": 'W/"1"'}, {"ETag": '"2"'}, {"Last-Modified": "today"}], ids=str)
def test_another_version_of_the_file_is_not_stuck_to_the_first(site, tmp_path, version):
    """Only what is certainly the same file goes on; anything else starts anew."""
    site.cut_after = [1_000_000, 0, 0]
    site.files[NAME] = b"\x89HDF\r\n\x1a\n" + b"an older one" * 300_000
    with pytest.raises(RunStopped):
        cg.download_cremi("A", out=tmp_path, mirror=site.url)
    site.files[NAME], site.version = CONTENT, version
    assert cg.download_cremi("A", out=tmp_path, mirror=site.url).read_bytes() == CONTENT


def test_a_version_without_a_strong_tag_goes_on_by_its_date(site, tmp_path):
    site.version = {"ETag": 'W/"1"', "Last-Modified": "Sun, 01 May 2016 00:00:00 GMT"}
    site.cut_after = [1_000_000]
    assert cg.download_cremi("A", out=tmp_path, mirror=site.url).read_bytes() == CONTENT
    assert site.ranges == [None, f"bytes={15 * PIECE}-"]


@pytest.mark.parametrize("other", [b"", b"more"], ids=["whole", "changed"])
def test_a_part_that_was_whole_already(site, tmp_path, other):
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT + other)
    (tmp_path / f"{NAME}.part.version").write_text('"1"')
    assert cg.download_cremi("A", out=tmp_path, mirror=site.url).read_bytes() == CONTENT


def test_a_server_that_tells_no_length(site, tmp_path):
    site.sized, seen = False, []
    cg.download_cremi("A", out=tmp_path, mirror=site.url, progress=lambda *n: seen.append(n))
    assert seen[-1] == (len(CONTENT), None)


def test_another_checksum_is_refused_and_nothing_stays(site, tmp_path):
    site.files[NAME] = CONTENT[:-1] + b"!"
    with pytest.raises(cg.InputError, match=f"expected {SHA256} but got .* --mirror"):
        cg.download_cremi("A", out=tmp_path, mirror=site.url)
    assert not (tmp_path / NAME).exists()
    assert not (tmp_path / f"{NAME}.part").exists()
    site.files[NAME] = CONTENT
    assert cg.download_cremi("A", out=tmp_path, mirror=site.url).read_bytes() == CONTENT


def test_a_page_to_log_in_is_no_volume(site, tmp_path):
    site.files[NAME] = b"<!DOCTYPE html><html>Welcome to the airport"
    with pytest.raises(cg.InputError, match="is no HDF5 file; it starts with '<!DOCTYPE html><'"):
        cg.download_cremi("A", out=tmp_path, mirror=site.url)
    assert files_of(tmp_path) == [f"{NAME}.part.version"]


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "the server answers 404 Not Found.*--mirror"), (403, "403 Forbidden"), (503, "503 Service Unavailable")],
)
def test_refusals_are_explained(site, tmp_path, status, words):
    site.status = status
    with pytest.raises(cg.InputError, match=words):
        cg.download_cremi("A", out=tmp_path, mirror=site.url)
    assert files_of(tmp_path) == []


def test_no_connection_and_no_proxy(tmp_path, monkeypatch):
    with pytest.raises(cg.InputError, match=r"there is no connection.*HTTPS_PROXY.*--mirror.*by hand"):
        cg.download_cremi("A", out=tmp_path, mirror="http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy")
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(cg.InputError, match="the proxy cannot be reached"):
        cg.download_cremi("A", out=tmp_path, mirror="http://volumes.example")


def test_a_proxy_of_the_environment_is_used(site, tmp_path, monkeypatch):
    """The server plays the proxy: it is asked for whole addresses."""
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy")
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, site.url)
    site.files[f"http://volumes.example/{NAME}"] = CONTENT
    assert cg.download_cremi("A", out=tmp_path, mirror="http://volumes.example").read_bytes() == CONTENT


def test_a_server_that_falls_silent(site, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "_TIMEOUTS", (5.0, 0.1))
    monkeypatch.setattr("serving.answer", lambda site, request: time.sleep(0.5))
    with pytest.raises(cg.InputError, match="does not answer"):
        cg.download_cremi("A", out=tmp_path, mirror=site.url)


def test_secrets_in_an_address_are_not_repeated(site, tmp_path):
    with pytest.raises(cg.InputError) as error:
        cg.download_cremi("A", out=tmp_path, mirror=site.url.replace("//", "//me:hush@") + "/none")
    assert "404" in str(error.value)
    assert "hush" not in str(error.value)


def test_no_room_is_said_before_anything_is_written(site, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(1000))
    with pytest.raises(DiskFull, match=f"{len(CONTENT):,} bytes are to come and 1,000 are free"):
        cg.download_cremi("A", out=tmp_path, mirror=site.url)
    assert files_of(tmp_path) == []


def test_a_disk_that_fills_up_meanwhile(site, tmp_path, monkeypatch):
    def fail(number):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(downloads.os, "fsync", fail)
        with pytest.raises(DiskFull, match="no room"):
            cg.download_cremi("A", out=tmp_path, mirror=site.url)
    assert not (tmp_path / NAME).exists()
    assert cg.download_cremi("A", out=tmp_path, mirror=site.url).read_bytes() == CONTENT


def test_a_folder_that_is_none(site, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(cg.InputError, match="cannot be written"):
        cg.download_cremi("A", out=tmp_path / "file", mirror=site.url)


def test_the_command(site, tmp_path, capsys):
    words = ["download", "cremi", "A", "--out", str(tmp_path), "--mirror", site.url]
    site.cut_after = [1_000_000, 0, 0]
    assert main(words) == 3
    assert "the same call goes on from there" in capsys.readouterr().err
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert f"{tmp_path / NAME}: whole" in printed
    assert f"next: connectograph check {tmp_path / NAME}" in printed
    site.status = 404
    assert main([*words, "--padded"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert main(["download", "cremi", "D"]) == 2


def test_an_interrupted_command_is_gone_on_with(site, tmp_path, capsys, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(downloads, "_complete", interrupt)
    assert main(["download", "cremi", "A", "--out", str(tmp_path), "--mirror", site.url]) == 3
    assert "the same command goes on from there" in capsys.readouterr().err


def test_a_killed_download_leaves_only_a_part(site, tmp_path):
    """Killed in the middle, without a chance to clean up."""
    code = (
        "import os, signal, connectograph as cg;"
        "cg.download_cremi('A', padded=True, out=%r, mirror=%r,"
        "progress=lambda done, total: done > 1_500_000 and os.kill(os.getpid(), signal.SIGKILL))"
    )
    done = subprocess.run([sys.executable, "-c", code % (str(tmp_path), site.url)], check=False, timeout=120)
    assert done.returncode == -9
    name = "sample_A_padded_20160501.hdf"
    assert {f"{name}.part", f"{name}.part.version"} <= set(files_of(tmp_path))
    assert name not in files_of(tmp_path)
    assert cg.download_cremi("A", out=tmp_path, padded=True, mirror=site.url).read_bytes() == CONTENT
    assert site.ranges[-1].startswith("bytes="), "went on from the part"


def test_progress_on_a_terminal_and_in_a_log(site, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert main(["download", "cremi", "A", "--out", str(tmp_path), "--mirror", site.url]) == 0
    assert "CREMI sample A" in capsys.readouterr().err
