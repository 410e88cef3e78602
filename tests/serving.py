"""A web server on this machine, which breaks connections and refuses as it is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Site:
    """What is served, how, and what was asked for."""

    files: dict[str, bytes]
    cut_after: list[int] = field(default_factory=list)
    """For each answer in turn: after so many bytes the connection is closed."""
    status: int | None = None
    version: dict[str, str] = field(default_factory=lambda: {"ETag": '"1"'})
    sized: bool = True
    ranges: list[str | None] = field(default_factory=list)
    url: str = ""


@contextmanager
def serve(site: Site) -> Iterator[Site]:
    """Run the server while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(site, self)

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        site.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


def answer(site: Site, request: BaseHTTPRequestHandler) -> None:
    asked = request.headers["Range"]
    site.ranges.append(asked)
    content = site.files.get(request.path.lstrip("/"))
    if site.status or content is None:
        request.send_error(site.status or 404)
        return
    same = request.headers["If-Range"] in (None, *site.version.values())
    start = int(re.match(r"bytes=(\d+)-", asked)[1]) if asked and same else 0
    if asked and same and start >= len(content):
        request.send_response(416)
        request.send_header("Content-Range", f"bytes */{len(content)}")
        request.send_header("Content-Length", "0")
        request.end_headers()
        return
    request.send_response(206 if start else 200)
    for name, value in site.version.items():
        request.send_header(name, value)
    if site.sized:
        request.send_header("Content-Length", str(len(content) - start))
    request.end_headers()
    body = content[start:]
    request.wfile.write(body[: site.cut_after.pop(0)] if site.cut_after else body)
