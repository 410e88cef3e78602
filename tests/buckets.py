"""A stand-in for S3 and Google Cloud Storage on this machine: objects are read, in part too, and listed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

_GOOGLE = "/storage/v1/b/"


@dataclass
class Buckets:
    """The folders of a folder are the buckets; what was asked for, in turn."""

    folder: Path
    status: int | None = None
    """What every answer is, if not what was asked for."""
    requests: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    signed: list[str | None] = field(default_factory=list)
    url: str = ""


@contextmanager
def serve_buckets(folder: Path) -> Iterator[Buckets]:
    """Run the server while the block runs."""
    buckets = Buckets(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(buckets, self)

        do_HEAD = do_GET

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        buckets.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield buckets
        finally:
            server.block_on_close = False  # connections are kept open by whoever made them
            server.shutdown()
            thread.join()


def answer(buckets: Buckets, request: BaseHTTPRequestHandler) -> None:
    asked = request.headers["Range"]
    buckets.requests.append(f"{request.command} {request.path}")
    buckets.signed.append(request.headers["Authorization"])
    status, body = find(buckets.folder, request.path)
    if buckets.status:
        key = re.search(r"Credential=([^/]+)", request.headers["Authorization"] or "")
        status, body = buckets.status, refuse("AccessDenied", key[1] if key else "")
    if asked and status == 200:
        buckets.ranges.append(asked)
        place, body = cut(body, asked)
        status = 206
    request.send_response(status)
    if status == 206:
        request.send_header("Content-Range", place)
    request.send_header("ETag", '"1"')
    request.send_header("x-goog-generation", "1")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    if request.command == "GET":
        request.wfile.write(body)


def find(folder: Path, url: str) -> tuple[int, bytes]:
    """An object, or a list of keys that begin alike."""
    path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
    google = path.startswith(_GOOGLE)
    bucket, _, key = path.removeprefix(_GOOGLE).lstrip("/").partition("/o" if google else "/")
    root, name = folder / bucket, unquote(key).lstrip("/")
    if not root.is_dir():
        return 404, refuse("NoSuchBucket")
    if not name:
        keys = sorted(file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file())
        if google:
            first, end = (query.get(name, [""])[0] for name in ("startOffset", "endOffset"))
            return 200, list_google([key for key in keys if first <= key and (not end or key < end)])
        return 200, list_amazon([key for key in keys if key.startswith(query.get("prefix", [""])[0])])
    return (200, (root / name).read_bytes()) if (root / name).is_file() else (404, refuse("NoSuchKey"))


def cut(body: bytes, asked: str) -> tuple[str, bytes]:
    """Where a part lies, and the part."""
    first, last = re.fullmatch(r"bytes=(\d*)-(\d*)", asked).groups()
    start = int(first) if first else len(body) - int(last)
    part = body[start : int(last) + 1 if first and last else None]
    return f"bytes {start}-{start + len(part) - 1}/{len(body)}", part


def refuse(code: str, key: str = "") -> bytes:
    """As S3 does: with the key in it."""
    return f"<Error><Code>{code}</Code><Message>No.</Message><AWSAccessKeyId>{key}</AWSAccessKeyId></Error>".encode()


def list_amazon(keys: list[str]) -> bytes:
    entries = "".join(f"<Contents><Key>{escape(key)}</Key><Size>1</Size></Contents>" for key in keys)
    space = "http://s3.amazonaws.com/doc/2006-03-01/"
    head = f"<KeyCount>{len(keys)}</KeyCount><IsTruncated>false</IsTruncated>"
    return f'<?xml version="1.0"?><ListBucketResult xmlns="{space}">{head}{entries}</ListBucketResult>'.encode()


def list_google(keys: list[str]) -> bytes:
    return json.dumps({"items": [{"name": key, "size": "1"} for key in keys]}).encode()
