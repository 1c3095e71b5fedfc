"""A web server for tests of remote models: it gives ranges, and misbehaves when it is told to."""

import hashlib
import html
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote, urlsplit

Content = bytes | Callable[[int, int], bytes]


@dataclass
class Files:
    """What the server has, and how it behaves.

    Attributes:
        contents: by path; bytes, or what makes them, then with ``sizes``.
        etags: overrides of the ETag by path; empty for none.
        dates: the Last-Modified by path; none by default.
        asked: every request: path and range.
        failures: statuses that the next requests get.
        cut_after: bytes after which the connection is cut, for so many requests.
        behave: switches: ``no-ranges``, ``no-length``, ``shift``, ``gzip``, ``ignore-match``.
    """

    contents: dict[str, Content] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    dates: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    failures: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    behave: set[str] = field(default_factory=set)
    redirects: dict[str, str] = field(default_factory=dict)
    on_request: Callable[[str, str], None] | None = None
    sent: int = 0
    url: str = ""

    def size(self, path: str) -> int:
        content = self.contents[path]
        return len(content) if isinstance(content, bytes) else self.sizes[path]

    def part(self, path: str, start: int, stop: int) -> bytes:
        content = self.contents[path]
        return content[start:stop] if isinstance(content, bytes) else content(start, stop)

    def etag(self, path: str) -> str:
        if path in self.etags:
            return self.etags[path]
        content = self.contents[path]
        name = content if isinstance(content, bytes) else path.encode()
        return f'"{hashlib.sha256(name).hexdigest()[:20]}"'

    def ranges(self, path: str) -> list[str]:
        return [asked for name, asked in self.asked if name == path]

    def clear(self) -> None:
        self.asked.clear()
        self.headers.clear()
        self.sent = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files: Files

    def do_GET(self) -> None:
        files = self.files
        path = unquote(urlsplit(self.path).path)
        asked = self.headers.get("Range", "")
        files.asked.append((path, asked))
        files.headers.append(dict(self.headers))
        if files.on_request is not None:
            files.on_request(path, asked)
        if files.failures:
            status, headers = files.failures.pop(0)
            return self._short(status, **headers)
        if path in files.redirects:
            return self._short(302, Location=files.redirects[path])
        if path.endswith("/"):
            return self._listing(path)
        if path not in files.contents:
            return self._short(404)
        return self._file(path, asked)

    def _file(self, path: str, asked: str) -> None:
        files = self.files
        size, etag, date = files.size(path), files.etag(path), files.dates.get(path, "")
        if "ignore-match" not in files.behave and (
            self.headers.get("If-Match", etag) != etag
            or self.headers.get("If-Unmodified-Since", date) != date
        ):
            return self._short(412)
        named = {key: value for key, value in (("ETag", etag), ("Last-Modified", date)) if value}
        if not asked or "no-ranges" in files.behave:
            return self._send(200, path, 0, size, named)
        start, stop = (int(number) for number in asked.removeprefix("bytes=").split("-"))
        if start >= size:
            return self._short(416, **{"Content-Range": f"bytes */{size}"}, **named)
        stop = min(stop + 1, size)
        shown = start + (1 if "shift" in files.behave else 0)
        total = "*" if "no-length" in files.behave else str(size)
        return self._send(
            206, path, start, stop, named | {"Content-Range": f"bytes {shown}-{stop - 1}/{total}"}
        )

    def _send(self, status: int, path: str, start: int, stop: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if "gzip" in self.files.behave:
            self.send_header("Content-Encoding", "gzip")
        if status == 200 and "no-length" in self.files.behave:
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        cut = self.files.cuts.pop(0) if self.files.cuts and stop - start > 1 else None
        end = stop if cut is None else min(stop, start + cut)
        for position in range(start, end, 1 << 18):
            data = self.files.part(path, position, min(position + (1 << 18), end))
            self.wfile.write(data)
            self.files.sent += len(data)
        if end < stop:
            self.close_connection = True

    def _listing(self, folder: str) -> None:
        names = {
            path[len(folder) :].split("/", 1)[0] + ("/" if "/" in path[len(folder) :] else "")
            for path in self.files.contents
            if path.startswith(folder)
        }
        if not names:
            return self._short(404)
        rows = "".join(f'<a href="{quote(name)}">{html.escape(name)}</a>\n' for name in sorted(names))
        page = f'<html><a href="../">up</a><a href="?C=N;O=D">by name</a>{rows}</html>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)
        return None

    def _short(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that went away."""


@contextmanager
def serving() -> Iterator[Files]:
    """Run the server for a while."""
    files = Files()
    handler = type("OwnHandler", (Handler,), {"files": files})
    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        files.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield files
        finally:
            server.shutdown()
            thread.join()
