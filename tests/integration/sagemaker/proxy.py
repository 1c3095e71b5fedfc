"""A proxy before moto's server that answers chosen calls itself, in SageMaker's own format (JSON 1.1)."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """One answer; ``cut`` closes the connection after this many bytes of the body that moto sends."""

    status: int = 200
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None


Rule = Callable[[Mapping[str, Any]], Answer | None]


def failure(status: int, code: str, message: str = "", **headers: str) -> Answer:
    """Give an error as SageMaker answers with one."""
    return Answer(
        status=status,
        body={"__type": code, "message": message or code},
        headers={key.replace("_", "-"): value for key, value in headers.items()},
    )


@dataclass
class Proxy:
    """What is answered here, and what was asked.

    Attributes:
        rules: by operation (``UpdateModelPackage``), or ``S3`` and the method (``S3 GET``).
        asked: the operations, in order.
    """

    url: str = ""
    target: str = ""
    rules: dict[str, Rule] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(self, operation: str, *answers: Answer) -> None:
        """Answer an operation with these, one after the other; then moto answers again."""
        left = list(answers)
        self.rules[operation] = lambda _asked: left.pop(0) if left else None

    def always(self, operation: str, answer: Answer) -> None:
        self.rules[operation] = lambda _asked: answer


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    """Run a proxy before a server."""
    made = Proxy(target=target)

    class Handler(_Handler):
        state = made

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=30)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Proxy

    def log_message(self, format: str, *args: object) -> None:
        del format, args

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = self.headers.get("X-Amz-Target", "")
        operation = target.removeprefix("SageMaker.") or f"S3 {self.command}"
        self.state.asked.append(operation)
        rule = self.state.rules.get(operation)
        asked = json.loads(body) if target and body else {"path": self.path}
        answer = rule(asked) if rule else None
        if answer is None:
            self.forward(body, None)
        elif answer.cut is not None:
            self.forward(body, answer.cut)
        else:
            data = json.dumps(answer.body).encode()
            headers = {"Content-Type": "application/x-amz-json-1.1", **answer.headers}
            self.send(answer.status, headers, data, len(data))

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = answer  # noqa: N815

    def forward(self, body: bytes, cut: int | None) -> None:
        connection = HTTPConnection(urlsplit(self.state.target).netloc, timeout=60)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            got = connection.getresponse()
            data = got.read()
        except OSError:
            self.close_connection = True  # the server is gone, and so are we
            return
        finally:
            connection.close()
        hop = {"connection", "transfer-encoding", "content-length", "date", "server"}
        headers = {key: value for key, value in got.getheaders() if key.lower() not in hop}
        length = int(got.getheader("Content-Length") or len(data)) if self.command == "HEAD" else len(data)
        self.send(got.status, headers, data if cut is None else data[:cut], length)
        self.close_connection = self.close_connection or cut is not None

    def send(self, status: int, headers: Mapping[str, str], data: bytes, length: int) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
