"""A stand-in for Kubeflow's Model Registry that speaks its published REST schema, in memory.

Both of the paths that clients use are answered: ``/api/model_registry/v1`` and ``…/v1alpha3``.
"""

import asyncio
import json
import re
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = re.compile(r"^/api/model_registry/v1(?:alpha3)?/")
ID = re.compile(r"[1-9][0-9]{0,8}")
KINDS = {
    "registered_models": {"needs": ("name",), "state": "LIVE"},
    "model_versions": {"needs": ("name", "registeredModelId"), "state": "LIVE"},
    "model_artifacts": {"needs": (), "state": "UNKNOWN"},
    "inference_services": {"needs": ("registeredModelId", "servingEnvironmentId"), "state": None},
}


class RefusedError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class State:
    """What the server keeps, what it was asked, and how it shall misbehave."""

    things: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    asked: list[str] = field(default_factory=list)
    failures: list[tuple[str, int, dict[str, str]]] = field(default_factory=list)
    token: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    counter: int = 0

    def create(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create a thing; a version's name is there once in its model."""
        if missing := [key for key in KINDS[kind]["needs"] if not body.get(key)]:
            raise RefusedError(400, f"required field {missing[0]} is missing")
        parent = body.get("registeredModelId")
        if parent is not None and not (ID.fullmatch(parent) and parent in self.things["registered_models"]):
            raise RefusedError(404, f"no registered model {parent}")
        named = kind in {"registered_models", "model_versions"}
        if named and self.find(kind, body["name"], parent) is not None:
            raise RefusedError(409, f"{body['name']} exists already")
        check_properties(body)
        self.counter += 1
        made = {"id": str(self.counter), **body}
        made |= {
            "createTimeSinceEpoch": str(1_700_000_000_000 + self.counter),
            "lastUpdateTimeSinceEpoch": "0",
        }
        if KINDS[kind]["state"]:
            made.setdefault("state", KINDS[kind]["state"])
        self.things[kind][made["id"]] = made
        return made

    def find(self, kind: str, name: str, parent: str | None) -> dict[str, Any] | None:
        """Find a thing by its name and its model."""
        for thing in self.things[kind].values():
            key = "modelVersionId" if kind == "model_artifacts" else "registeredModelId"
            if thing.get("name") == name and (parent is None or thing.get(key) == parent):
                return thing
        return None

    def change(self, kind: str, identifier: str, body: dict[str, Any]) -> dict[str, Any]:
        """Replace what the request names, and leave the rest."""
        if identifier not in self.things[kind]:
            raise RefusedError(404, f"no {kind} {identifier}")
        check_properties(body)
        self.things[kind][identifier] |= {key: value for key, value in body.items() if value is not None}
        return self.things[kind][identifier]


def check_properties(body: dict[str, Any]) -> None:
    """Refuse a property that is not of one of the published types."""
    for key, value in (body.get("customProperties") or {}).items():
        kind = str(value.get("metadataType", ""))
        typed = {"MetadataStringValue": "string_value", "MetadataIntValue": "int_value"}
        typed |= {"MetadataDoubleValue": "double_value", "MetadataBoolValue": "bool_value"}
        if kind not in typed or typed[kind] not in value:
            raise RefusedError(400, f"the property {key} has no known type")


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    state: State
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size) or b"{}")
        parts = urlsplit(self.path)
        asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
        with self.state.lock:
            self.state.asked.append(f"{self.command} {self.path}")
            try:
                self._misbehave()
                status, found = self._route(self._path(parts.path), asked, body)
                self._write(status, found, {})
            except RefusedError as error:
                self._write(error.status, {"code": str(error.status), "message": str(error)}, {})
            except InjectedError as error:
                self._write(error.status, {"code": str(error.status), "message": "as told"}, error.headers)

    def _path(self, path: str) -> list[str]:
        if self.state.token and self.headers.get("Authorization") != f"Bearer {self.state.token}":
            raise RefusedError(401, "the token is not taken")
        if not ROOT.match(path):
            raise RefusedError(404, "no such path")
        return ROOT.sub("", path).split("/")

    def _misbehave(self) -> None:
        for place, (method, status, headers) in enumerate(self.state.failures):
            if method in {self.command, "*"}:
                del self.state.failures[place]
                raise InjectedError(status, headers)

    def _route(self, path: list[str], asked: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        state = self.state
        match (self.command, *path):
            case ("GET", "registered_model" | "model_version" | "model_artifact" as one):
                found = state.find(f"{one}s", asked.get("name", ""), asked.get("parentResourceId"))
                if found is None:
                    raise RefusedError(404, f"no {one} {asked.get('name')!r}")
                return 200, found
            case ("GET", kind) if kind in KINDS:
                return 200, self._page(list(state.things[kind].values()), asked)
            case ("POST", kind) if kind in KINDS:
                return 201, state.create(kind, body)
            case ("GET", "registered_models", identifier, "versions"):
                versions = state.things["model_versions"].values()
                return 200, self._page([v for v in versions if v["registeredModelId"] == identifier], asked)
            case ("GET", "model_versions", identifier, "artifacts"):
                artifacts = state.things["model_artifacts"].values()
                return 200, self._page([a for a in artifacts if a["modelVersionId"] == identifier], asked)
            case ("POST", "model_versions", identifier, "artifacts"):
                return 201, state.create("model_artifacts", {**body, "modelVersionId": identifier})
            case ("GET", kind, identifier) if kind in KINDS and identifier in state.things[kind]:
                return 200, state.things[kind][identifier]
            case ("PATCH", kind, identifier) if kind in KINDS:
                return 200, state.change(kind, identifier, body)
            case _:
                raise RefusedError(404, "no such path")

    def _page(self, things: list[dict[str, Any]], asked: dict[str, str]) -> dict[str, Any]:
        things.sort(key=lambda thing: int(thing["id"]), reverse=asked.get("sortOrder") == "DESC")
        size, start = int(asked.get("pageSize") or 100), int(asked.get("nextPageToken") or 0)
        shown = things[start : start + size]
        token = str(start + size) if start + size < len(things) else ""
        return {"items": shown, "pageSize": size, "size": len(shown), "nextPageToken": token}

    def _write(self, status: int, value: Any, headers: dict[str, str]) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for key, text in headers.items():
            self.send_header(key, text)
        self.end_headers()
        self.wfile.write(data)


class InjectedError(Exception):
    """A failure that a test asked for."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        super().__init__(str(status))
        self.status = status
        self.headers = headers


@contextmanager
def serving() -> Iterator[tuple[str, State]]:
    """Run the server; give its address and its state."""
    state = State()
    handler = type("BoundHandler", (Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def connect(address: str) -> Any:
    """Make the Model Registry's own client, in such a way that it leaves ``asyncio`` as it is.

    Its default is to patch ``asyncio`` for the whole process, and to leave a loop open.
    """
    from model_registry import ModelRegistry

    host, _, port = address.rpartition(":")
    return ModelRegistry(host, int(port), author="ann", is_secure=False, async_runner=_run)


def _run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner() as runner:
        return runner.run(coroutine)
