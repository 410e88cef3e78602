"""Volumes in S3 and Google Cloud Storage, and in servers that speak like these: read, refused, gone, silent."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import chunked
import numpy as np
import pytest
from buckets import Buckets, serve_buckets
from test_io_chunked import check_equal, chunks_of, make_volume

import connectograph as cg
from connectograph.cli import main
from connectograph.io import stores
from connectograph.volumes import Volume

HUSH = "HUSHHUSHHUSH"
FAST = {"max_retries": 2, "initial_delay": "10ms", "max_delay": "20ms"}


@pytest.fixture
def buckets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Buckets]:
    """A server with one bucket, named and opened by the standard variables."""
    (tmp_path / "root" / "lab").mkdir(parents=True)
    monkeypatch.setattr(stores, "_RETRIES", FAST)
    with serve_buckets(tmp_path / "root") as running:
        for name in ("AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "KEY" + HUSH)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", HUSH)
        yield running


@pytest.mark.parametrize("form", ["zarr2", "zarr3", "n5", "precomputed", "sharded precomputed", "webknossos"])
def test_volumes_are_read_from_a_server_that_speaks_s3(buckets: Buckets, form: str) -> None:
    volume = make_volume()
    chunked.WRITERS[form](volume, buckets.folder / "lab" / "seg.store")
    check_equal(cg.read_volume("s3://lab/seg.store"), volume)
    assert all(request.split()[1].startswith("/lab") for request in buckets.requests)
    signatures = [signature or "" for request, signature in zip(buckets.requests, buckets.signed, strict=True)
                  if request.startswith("GET")]  # fmt: skip
    assert all(f"Credential=KEY{HUSH}/" in signature for signature in signatures)
    assert bool(buckets.ranges) == (form in ("zarr3", "sharded precomputed"))  # parts of shards


def test_a_part_is_read_without_the_rest(buckets: Buckets) -> None:
    volume = make_volume()
    chunked.zarr2(volume, buckets.folder / "lab" / "a.zarr")
    found = cg.read_volume("s3://lab/a.zarr")
    buckets.requests.clear()
    np.testing.assert_array_equal(found.labels[0:2, 0:3, 0:4], volume.labels[0:2, 0:3, 0:4])
    assert buckets.requests == ["GET /lab/a.zarr/0/0.0.0"]


def test_the_variable_of_s3_alone_goes_first_and_the_region_is_theirs(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunked.zarr2(make_volume(), buckets.folder / "lab" / "a.zarr")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", buckets.url + "/")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    check_equal(cg.read_volume("s3://lab/a.zarr"), make_volume())
    assert all("/eu-central-1/s3/" in (signature or "") for signature in buckets.signed)


@pytest.mark.parametrize("form", ["zarr2", "precomputed"])
def test_pitfall_F08_chunks_missing_in_a_bucket_are_counted(buckets: Buckets, form: str) -> None:
    folder = Path(chunked.WRITERS[form](make_volume(), buckets.folder / "lab" / "a"))
    chunks_of(folder)[0].unlink()
    with pytest.raises(cg.InputError, match=r"1 of 27 chunks are missing \(3\.7 %\)"):
        cg.read_volume("s3://lab/a")
    (notice,) = cg.read_volume("s3://lab/a", allow_missing_chunks=True).notices
    assert "1 of 27 chunks are missing" in notice


def refused(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command says that ends with exit code 2, soon, without a secret."""
    start = time.monotonic()
    code = main(list(arguments))
    said = "".join(capfd.readouterr())
    assert (code, time.monotonic() - start < 20) == (2, True)
    assert "Traceback" not in said
    assert HUSH not in said
    return said


def test_pitfall_F31_who_is_refused_is_told_so_without_the_key(
    buckets: Buckets, capfd: pytest.CaptureFixture[str]
) -> None:
    chunked.zarr2(make_volume(), buckets.folder / "lab" / "a.zarr")
    buckets.status = 403
    said = refused(capfd, "check", "s3://lab/a.zarr")
    assert "s3://lab/a.zarr: it cannot be read (PERMISSION_DENIED: AccessDenied: No.). Access is refused: check" in said
    assert "AWS_ACCESS_KEY_ID" in said


def test_access_that_is_withdrawn_meanwhile_is_no_damage(buckets: Buckets) -> None:
    chunked.zarr2(make_volume(), buckets.folder / "lab" / "a.zarr")
    volume = cg.read_volume("s3://lab/a.zarr")
    buckets.status = 403
    with pytest.raises(cg.InputError, match=r"a\.zarr:0: the block at \(0, 0, 0\).*Access is refused") as caught:
        volume.labels[0:1, 0:1, 0:1]
    assert HUSH not in str(caught.value)


@pytest.mark.parametrize("url", ["s3://nowhere/a.zarr", "s3://lab/b.zarr"])
def test_what_is_not_there_is_said(buckets: Buckets, capfd: pytest.CaptureFixture[str], url: str) -> None:
    said = refused(capfd, "check", url)
    assert f"{url} is a URL and no volume itself" in said
    assert "or check the address" in said


def test_a_dead_server_is_given_up(
    buckets: Buckets, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    said = refused(capfd, "check", "s3://lab/a.zarr")
    assert "Could not connect to server" in said
    assert "The server does not answer: check the address (s3:// elsewhere than at Amazon: AWS_ENDPOINT_URL)" in said
    assert "The server does not answer" in refused(capfd, "check", "http://127.0.0.1:1/a.zarr")


def test_pitfall_F31_a_run_on_buckets_keeps_no_key(buckets: Buckets, tmp_path: Path) -> None:
    labels = np.repeat(np.array([[[1, 2]]], "u8"), 8, axis=2).repeat(4, axis=1).repeat(4, axis=0)
    cleft = np.zeros_like(labels)
    cleft[1:3, 1:3, 6:10] = 5
    for name, array in (("seg", labels), ("truth", cleft), ("predicted", cleft)):
        chunked.zarr2(Volume(array, (40.0, 4.0, 4.0), (0.0, 0.0, 0.0)), buckets.folder / "lab" / name)
    out = tmp_path / "run"
    names = ("s3://lab/seg", "--truth", "s3://lab/truth", "--predicted", "s3://lab/predicted")
    assert main(["evaluate", *names, "--out", str(out), "--no-report"]) == 0
    report, run = (json.loads((out / f"{name}.json").read_text()) for name in ("report", "run"))
    assert (report["edges"]["tp"], report["edges"]["f1"]) == (1, 1.0)
    assert run["inputs"]["segmentation"]["path"] == "s3://lab/seg:0"
    assert not [file for file in out.rglob("*") if file.is_file() and HUSH.encode() in file.read_bytes()]


CHECK = f"""
import sys
from connectograph.cli import main
from connectograph.io import stores
stores._RETRIES = {FAST}
sys.exit(main(["check", sys.argv[1]]))
"""


def call_apart(url: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`check` in a process of its own: tensorstore asks for some variables once."""
    command = [sys.executable, "-c", CHECK, url]
    return subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=120)


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = dict.fromkeys(stores._SILENCE, "1")
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes connections, and never answers
        done = call_apart(f"http://127.0.0.1:{server.getsockname()[1]}/a.zarr", **quick)
    assert done.returncode == 2
    assert "The server does not answer" in done.stderr + done.stdout


def test_volumes_are_read_from_a_server_that_speaks_gcs(buckets: Buckets) -> None:
    for form in ("zarr3", "precomputed"):
        chunked.WRITERS[form](make_volume(), buckets.folder / "lab" / form)
        variables = {"TENSORSTORE_GCS_HTTP_URL": buckets.url, "GOOGLE_AUTH_TOKEN_FOR_TESTING": HUSH}
        done = call_apart(f"gs://lab/{form}", **variables)
        assert done.returncode == 0, done.stderr
        assert "shape 10×21×35 (z, y, x), voxel size 40×8×4 nm, offset 120, 16, 20 nm" in done.stdout
        assert HUSH not in done.stdout + done.stderr
    assert all("/storage/v1/b/lab/o" in request for request in buckets.requests)
    buckets.status = 403
    done = call_apart("gs://lab/zarr3", **variables)
    assert (done.returncode, "Access is refused" in done.stderr + done.stdout) == (2, True)
    assert HUSH not in done.stdout + done.stderr
