"""A stand-in for Azure ML's own service: its published REST schema over TLS, in memory.

What it knows: workspaces, models and their versions, datastores and their secrets, jobs, online and batch
endpoints with deployments, registries. What it answers was recorded from what ``azure-ai-ml`` asks for.
"""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PROVIDER = "/providers/microsoft.machinelearningservices/"
STORAGE = "https://shared.blob.core.windows.net"
"""The registry's storage account as Azure names it; its bytes are in the same Azurite."""

PAGE = 4
"""Items on a page: few, so that every listing has several."""


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    token: str

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False


class Refusal(Exception):  # noqa: N818 - it is an answer
    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(code)
        self.answer = Answer(status=status, body={"error": {"code": code, "message": message or code}})


@dataclass
class Service:
    """The state, and what was asked; ``fault`` may answer before the service does."""

    address: str = ""
    container: Callable[[str, str], str] = lambda _name, _permission: ""
    account: str = ""
    key: str = ""
    tokens: set[str] = field(default_factory=lambda: {"good"})
    requests: list[Request] = field(default_factory=list)
    fault: Callable[[Request], Answer | None] | None = None
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    ticks: int = 0

    def lines(self, method: str = "") -> list[str]:
        return [request.line for request in self.requests if request.method.startswith(method)]

    def answer(self, request: Request) -> Answer:
        with self.lock:
            self.requests.append(request)
            fault = self.fault
        if fault is not None and (given := fault(request)) is not None:
            return given
        if request.token not in self.tokens:
            return Answer(status=401, body={"error": {"code": "ExpiredAuthenticationToken"}})
        try:
            with self.lock:
                return self._route(request)
        except Refusal as refusal:
            return refusal.answer

    def _route(self, request: Request) -> Answer:
        path = request.path
        if path.startswith("/registrymanagement/"):
            return self._discover(path.split("/")[4])
        path = path.removeprefix("/mferp/managementfrontend")
        if path.startswith("/operations/"):
            return Answer(body={"status": "Succeeded"}) if path.endswith("status") else Answer()
        head, found, rest = _split(path)
        if not found:
            raise Refusal(404, "InvalidResourceType")
        steps = rest.split("/")
        if steps[0] == "registries" and len(steps) > 2 and steps[2] in {"tempdatarefs", "datarefs", "import"}:
            return self._registry(request, head, steps)
        match request.method, steps:
            case "POST", [*_, "datastores", name, "listSecrets"]:
                return self._secrets(path, name)
            case "GET", _ if len(steps) % 2 == 1:
                return self._list(request, path)
            case "GET", _:
                return Answer(body=self._find(path))
            case "PUT", _ if len(steps) % 2 == 0:
                return self._put(request, path, steps)
            case _:
                raise Refusal(405, "MethodNotAllowed")

    def _find(self, path: str) -> dict[str, Any]:
        with suppress(KeyError):
            return self.resources[path.lower()]
        raise Refusal(404, "UserError", f"{path} was not found")

    def _list(self, request: Request, path: str) -> Answer:
        prefix = f"{path.lower()}/"
        found = [
            value
            for key, value in self.resources.items()
            if key.startswith(prefix) and "/" not in key[len(prefix) :]
        ]
        parent = path.rpartition("/")[0].lower()
        if not found and "/workspaces/" in path.lower() and parent not in self.resources:
            raise Refusal(404, "UserError", f"{parent} was not found")
        view = request.query.get("listViewType", "ActiveOnly")
        if view != "All":
            wanted = view == "ArchivedOnly"
            found = [one for one in found if one["properties"].get("isArchived", False) is wanted]
        if request.query.get("isDefault") == "true":
            found = [one for one in found if one["properties"].get("isDefault")]
        order = request.query.get("$orderBy", "")
        if order:
            found.sort(key=lambda one: one["systemData"]["createdAt"], reverse=order.endswith("desc"))
        start = int(request.query.get("$skip") or 0)
        size = int(request.query.get("$top") or PAGE)
        body: dict[str, Any] = {"value": found[start : start + size], "nextLink": None}
        if "$top" not in request.query and start + size < len(found):
            query = {**request.query, "$skip": str(start + size)}
            text = "&".join(f"{key}={value}" for key, value in query.items())
            body["nextLink"] = f"{self.address}{request.path}?{text}"
        return Answer(body=body)

    def _put(self, request: Request, path: str, steps: list[str]) -> Answer:
        old = self.resources.get(path.lower())
        body = dict(request.body or {})
        properties = dict(body.get("properties") or {})
        if steps[-4:-3] == ["models"]:
            if steps[0] == "registries":
                properties["modelUri"] = properties["modelUri"].replace(self.account, STORAGE)
            if old is not None and old["properties"].get("modelUri") != properties.get("modelUri"):
                raise Refusal(400, "UserError", "the asset's path cannot be changed")
            properties = {"stage": None, "jobName": None, "description": None, **properties}
            properties["flavors"] = properties.get("flavors") or {}
            properties["tags"] = properties.get("tags") or {}
            if old is not None:
                properties["properties"] = old["properties"].get("properties") or {}
            self._container(path.rsplit("/versions/", 1)[0], steps[-1])
        if steps[-2] in {"deployments", "onlineEndpoints", "batchEndpoints"}:
            properties["provisioningState"] = "Succeeded"
        if steps[-2] == "deployments" and steps[-4] == "onlineEndpoints":
            properties.setdefault("endpointComputeType", "Managed")
            properties.setdefault("scaleSettings", {"scaleType": "Default"})
        now = self._now()
        stamp = {"createdAt": now, "createdBy": "a person"} if old is None else old["systemData"]
        made = {
            **body,
            "id": f"azureml://{'/'.join(steps)}" if steps[0] == "registries" else path,
            "name": steps[-1],
            "type": "/".join(["Microsoft.MachineLearningServices", *steps[::2]]),
            "properties": properties,
            "systemData": {**stamp, "lastModifiedAt": now},
        }
        self.resources[path.lower()] = made
        headers = {"Azure-AsyncOperation": f"{self.address}/operations/status"}
        slow = steps[-2] in {"deployments", "onlineEndpoints", "batchEndpoints"} or steps[0] == "registries"
        return Answer(status=201 if old is None else 200, body=made, headers=headers if slow else {})

    def _container(self, path: str, version: str) -> None:
        made = self.resources.setdefault(
            path.lower(),
            {
                "id": path,
                "name": path.rpartition("/")[2],
                "properties": {"isArchived": False, "tags": {}, "properties": {}},
                "systemData": {"createdAt": self._now()},
            },
        )
        following = str(int(version) + 1) if version.isdigit() else "1"
        made["properties"] |= {"latestVersion": version, "nextVersion": following}

    def _secrets(self, path: str, name: str) -> Answer:
        properties = self._find(path.removesuffix("/listSecrets"))["properties"]
        if properties["credentials"]["credentialsType"] == "Sas":
            token = self.container(properties["containerName"], "racwdl").partition("?")[2]
            return Answer(body={"secretsType": "Sas", "sasToken": token})
        return Answer(body={"secretsType": "AccountKey", "key": self.key})

    def _discover(self, registry: str) -> Answer:
        held = next(
            (key for key in self.resources if key.endswith(f"{PROVIDER}registries/{registry.lower()}")), ""
        )
        if not held:
            raise Refusal(404, "RegistryNotFound")
        steps = held.split("/")
        return Answer(
            body={
                "registryName": registry,
                "primaryRegionResourceProviderUri": f"{self.address}/",
                "resourceGroup": steps[4],
                "subscriptionId": steps[2],
                "resourceIds": [held],
            }
        )

    def _registry(self, request: Request, head: str, steps: list[str]) -> Answer:
        registry = steps[1]
        if steps[2] == "import":
            return self._import(request, head, registry)
        name, version = steps[3], steps[5]
        if steps[2] == "tempdatarefs":
            container = f"{registry}-{name}-{version}".lower()
            address = self.container(container, "racwdl")
        else:
            plain = str(request.body["blobUri"]).partition("?")[0]
            container = plain.removeprefix(f"{STORAGE}/").split("/")[0]
            address = self.container(container, "rl")
        reference = {"credentialType": "SAS", "sasUri": address}
        uri = address.partition("?")[0]
        return Answer(body={"blobReferenceForConsumption": {"blobUri": uri, "credential": reference}})

    def _import(self, request: Request, head: str, registry: str) -> Answer:
        wanted = request.body["properties"]
        source = str(wanted["sourceAssetId"]).split("/")
        guid, name, version = source[5], source[7], source[9]
        home = next(
            value["id"] for value in self.resources.values() if value["properties"].get("workspaceId") == guid
        )
        found = self._find(f"{home}/models/{name}/versions/{version}")["properties"]
        target = f"{head}{PROVIDER}registries/{registry}/models/{wanted['destinationName']}"
        path = f"{target}/versions/{wanted['destinationVersion']}"
        steps = path.split(PROVIDER)[1].split("/")
        blob = found["modelUri"].split("/paths/")[1]
        properties = {**found, "modelUri": f"{self.account}/workspaceblobs/{blob}"}
        copy = Request(method="PUT", path=path, query={}, body={"properties": properties}, token="")
        self._put(copy, path, steps)
        return Answer(status=202, headers={"Location": f"{self.address}/operations/result"})

    def _now(self) -> str:
        self.ticks += 1
        return (datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=self.ticks)).isoformat()

    def put(self, path: str, properties: dict[str, Any], **more: Any) -> None:
        """Put a resource there as if it had always been."""
        with self.lock:
            self.resources[path.lower()] = {
                "id": path,
                "name": path.rpartition("/")[2],
                "properties": properties,
                "systemData": {"createdAt": self._now()},
                **more,
            }


def _split(path: str) -> tuple[str, str, str]:
    place = path.lower().find(PROVIDER)
    if place < 0:
        return path, "", ""
    return path[:place], PROVIDER, path[place + len(PROVIDER) :]


@contextmanager
def serving(service: Service, certificate: tuple[Path, Path]) -> Iterator[str]:
    """Serve on a port of this machine until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            size = int(self.headers.get("Content-Length") or 0)
            data = self.rfile.read(size)
            answer = service.answer(
                Request(
                    method=self.command,
                    path=unquote(parts.path),
                    query={key: values[-1] for key, values in parse_qs(parts.query).items()},
                    body=json.loads(data) if data else None,
                    token=self.headers.get("Authorization", "").removeprefix("Bearer "),
                )
            )
            if answer.hang_up:
                self.close_connection = True
                return
            body = b"" if answer.body is None else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for key, value in answer.headers.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815

        def log_message(self, *_arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_arguments: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        service.address = f"https://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield service.address
        finally:
            server.shutdown()
            thread.join(10)
