"""A server that the clients of Weights & Biases take for theirs: GraphQL, files, a run's stream.

It can be told to fail. Written from what the clients send; it proves nothing about wandb.ai itself.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.integration.wandb.change import file_key
from tests.integration.wandb.graphql import Execution, GraphqlError, Parser
from tests.integration.wandb.schema import TYPES, Schema
from tests.integration.wandb.world import Version, World

KEY = "0123456789abcdef0123456789abcdef01234567"
_CHUNK = 1 << 20


@dataclass(kw_only=True)
class Fault:
    """What goes wrong, and for whom.

    Attributes:
        on: a pattern in the operation's name, or in ``METHOD /path``.
        status: the answer; 0 to close the connection without one.
        times: how often.
        headers: more headers of the answer.
        truncate: keep half of what is uploaded instead, and say that all went well.
    """

    on: str
    status: int = 500
    times: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    truncate: bool = False


@dataclass(kw_only=True)
class Delivery:
    """A message of an automation."""

    url: str
    headers: dict[str, str]
    body: bytes


class Server:
    """The server.

    Args:
        folder: where its files are kept.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.world = World(folder)
        self.asked: list[str] = []
        self.faults: list[Fault] = []
        self.secret = b"the integration's secret"
        self.token = "the integration's token"
        self._told = 0
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._http.server_address[1]}"
        self.schema = Schema(self.world, self.address)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def fault(self, name: str) -> Fault | None:
        """Take the next fault that is meant for a request."""
        self.asked.append(name)
        with self.world.lock:
            for one in self.faults:
                if one.times > 0 and re.search(one.on, name):
                    one.times -= 1
                    return one
        return None

    def answer(self, document: str, variables: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer a document; what is not known is refused by 4xx, since clients repeat a 5xx for minutes."""
        try:
            with self.world.lock:
                return 200, {
                    "data": Execution(Parser(document).document(), variables, TYPES).run(self.schema.root())
                }
        except (GraphqlError, KeyError, StopIteration, ValueError, TypeError) as error:
            return 400, {"errors": [{"message": f"{type(error).__name__}: {error}"}], "data": None}

    def version(self, name: str) -> Version:
        """Find ``project/name:alias`` of the server's own entity."""
        project, _, rest = name.rpartition("/")
        member = self.world.member(self.world.projects[(self.world.entity, project)], rest)
        assert member is not None, name
        return member.version

    def metadata(self, name: str) -> dict[str, Any]:
        """Read a version's metadata past the client."""
        return dict(json.loads(self.version(name).metadata))

    def corrupt(self, name: str, path: str) -> None:
        """Change one byte of a stored file, behind everybody's back."""
        self.world.store.corrupt(file_key(self.schema.entries(self.version(name))[path]["digest"]))

    def replace(self, name: str, path: str, data: bytes) -> None:
        """Replace a stored file and its digest in the manifest, as the server's owner could."""
        version = self.version(name)
        place = self.world.store.path(version.manifest)
        manifest = json.loads(place.read_bytes())
        digest = base64.b64encode(hashlib.md5(data).digest()).decode()
        manifest["contents"][path] |= {"digest": digest, "size": len(data)}
        place.write_bytes(json.dumps(manifest).encode())
        self.world.store.path(file_key(digest)).write_bytes(data)

    def deliveries(self) -> list[Delivery]:
        """Give what the automations send for all that happened since this was last asked."""
        with self.world.lock:
            happened, self._told = self.world.happened[self._told :], len(self.world.happened)
            return [
                self._deliver(trigger, event)
                for event in happened
                for trigger in self.world.triggers
                if self._concerns(trigger, event)
            ]

    def _concerns(self, trigger: dict[str, Any], event: Mapping[str, str]) -> bool:
        condition = trigger["triggeringCondition"]
        patterns = re.findall(
            r'"\$regex"\s*:\s*"((?:[^"\\]|\\.)*)"', json.loads(condition["filter"])["filter"]
        )
        return (
            trigger["enabled"]
            and condition["eventType"].replace("LINK_MODEL", "LINK_ARTIFACT") == event["event_type"]
            and trigger["scope"]["id"] in {event["scope"], self._project_of(event["scope"])}
            and all(re.search(pattern, event["alias"]) for pattern in patterns)
        )

    def _project_of(self, collection: str) -> str:
        return next(one.project.id for one in self.world.collections if one.id == collection)

    def _deliver(self, trigger: dict[str, Any], event: Mapping[str, str]) -> Delivery:
        action = trigger["triggeredAction"]
        filled = re.sub(
            r"\$\{([\w.]+)\}",
            lambda found: json.dumps(event.get(found.group(1), ""))[1:-1],
            action["requestPayload"],
        )
        body = filled.encode()
        mac = hmac.new(self.secret, body, hashlib.sha256).digest()
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self.token}",
            "X-Wandb-Signature": base64.b64encode(mac).decode(),
        }
        return Delivery(url=action["integration"]["urlEndpoint"], headers=headers, body=body)


@contextmanager
def serving(folder: Path) -> Generator[Server]:
    """Run a server for a while."""
    server = Server(folder)
    try:
        yield server
    finally:
        server.close()


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:  # noqa: C901  a class made in place
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            if self.path == "/graphql":
                self._graphql(body)
            elif self.path.endswith("/file_stream"):
                self._finish(f"POST {self.path}", 200, b'{"exitcode": null, "limits": {}}')
            else:
                self._finish(f"POST {self.path}", 404, b"{}")

        def _graphql(self, body: bytes) -> None:
            asked = json.loads(body)
            document = asked.get("query", "")
            found = re.search(r"(?:query|mutation)\s+(\w+)", document)
            name = found.group(1) if found else "?"
            if self._is_forbidden():
                self._finish(name, 401, b'{"errors": [{"message": "invalid API key"}]}')
                return
            if self._fails(name):
                return
            status, answer = server.answer(document, asked.get("variables") or {})
            self._send(status, json.dumps(answer).encode())

        def _is_forbidden(self) -> bool:
            given = self.headers.get("Authorization", "")
            expected = "Basic " + base64.b64encode(f"api:{KEY}".encode()).decode()
            return given != expected

        def do_PUT(self) -> None:
            key = self.path.rpartition("/")[2]
            name = f"PUT {self.path}"
            size = int(self.headers.get("Content-Length") or 0)
            fault = server.fault(name)
            path = server.world.store.path(key) if "/blob/" in self.path else None
            kept = size // 2 if fault and fault.truncate else size
            if fault and not fault.truncate:
                self._drain(size)
                self._fail(fault)
                return
            with path.open("wb") if path else Path(os.devnull).open("wb") as stream:
                while size > 0:
                    data = self.rfile.read(min(size, _CHUNK))
                    if not data:
                        break
                    stream.write(data[: max(kept, 0)])
                    kept -= len(data)
                    size -= len(data)
            self._send(200, b"")

        def _drain(self, size: int) -> None:
            while size > 0 and (data := self.rfile.read(min(size, _CHUNK))):
                size -= len(data)

        def do_GET(self) -> None:
            if self._fails(f"GET {self.path}"):
                return
            path = server.world.store.path(self.path.rpartition("/")[2])
            if not self.path.startswith("/blob/") or not path.exists():
                self._send(404, b"{}")
                return
            size = path.stat().st_size
            self.send_response(200)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            with path.open("rb") as stream:
                while data := stream.read(_CHUNK):
                    self.wfile.write(data)

        def _fails(self, name: str) -> bool:
            fault = server.fault(name)
            if fault is not None:
                self._fail(fault)
            return fault is not None

        def _fail(self, fault: Fault) -> None:
            if fault.status == 0:
                self.close_connection = True
                return
            self._send(fault.status, b'{"errors": [{"message": "told to fail"}]}', fault.headers)

        def _finish(self, name: str, status: int, body: bytes) -> None:
            if not self._fails(name):
                self._send(status, body)

        def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler
