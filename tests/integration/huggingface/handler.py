"""How a stand-in Hub takes a request apart, fails when it is told to, and answers."""

import json
import re
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.integration.huggingface.hub import Hub, User
from tests.integration.huggingface.shelf import Repo

ROUTES: list[tuple[str, re.Pattern[str], str]] = []


def route(method: str, pattern: str) -> Callable[[Any], Any]:
    """Say which requests a method of the handler answers."""

    def keep(function: Any) -> Any:
        ROUTES.append((method, re.compile(pattern), function.__name__))
        return function

    return keep


class RefusalError(Exception):
    def __init__(self, status: int, code: str = "", message: str = "refused") -> None:
        super().__init__(message)
        self.status, self.code = status, code


class BaseHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self.do_GET
        raise AttributeError(name)

    def _answer(self) -> None:
        self.query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        path = urlsplit(self.path).path
        line = f"{self.command} {path}"
        size = int(self.headers.get("Content-Length") or 0)
        fault = self.hub.fault_for(line)
        if fault is not None and fault.cut and self.command == "PUT":
            self.rfile.read(size // 2)
            self.close_connection = True
            return
        self.hub.trace.append((self.command, path, size))
        self._left, self._cut = size, bool(fault and fault.cut)
        try:
            if fault is not None and fault.status:
                self._drain()
                self._send(fault.status, {"error": "told to fail"}, dict(fault.headers))
                return
            self._dispatch(path)
        except RefusalError as error:
            self._drain()
            extra = {"X-Error-Code": error.code} if error.code else {}
            self._send(error.status, {"error": str(error)}, extra | {"X-Error-Message": str(error)})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _dispatch(self, path: str) -> None:
        method = "GET" if self.command == "HEAD" else self.command
        for wanted, pattern, name in ROUTES:
            found = pattern.fullmatch(path)
            if wanted == method and found:
                getattr(self, name)(*(unquote(part or "") for part in found.groups()))
                return
        raise RefusalError(404, "", f"the stand-in has no {self.command} {path}")

    # -- bodies

    def _drain(self) -> bytes:
        data = self.rfile.read(self._left) if self._left else b""
        self._left = 0
        return data

    def _json(self) -> Any:
        data = self._drain()
        return json.loads(data) if data else {}

    def _send(self, status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> None:
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    # -- who asks

    def _user(self) -> User | None:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            return None
        if token not in self.hub.users:
            raise RefusalError(401, "", "Invalid credentials in Authorization header")
        return self.hub.users[token]

    def _repo(self, repo_id: str, *, write: bool = False) -> Repo:
        user = self._user()
        repo = self.hub.shelf.repos.get(repo_id)
        if repo is None:
            raise RefusalError(404, "RepoNotFound", f"Repository not found: {repo_id}")
        if write:
            self._check_writer(user, repo_id)
        return repo

    def _check_writer(self, user: User | None, repo_id: str) -> None:
        if user is None:
            raise RefusalError(401, "", "Invalid username or password.")
        if repo_id.partition("/")[0] not in {user.name, *user.orgs}:
            raise RefusalError(403, "", "You don't have the rights to write here")

    def _commit(self, repo: Repo, revision: str) -> Any:
        found = repo.find(revision or "main")
        if found is None:
            raise RefusalError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return found

    def _let_in(self, repo: Repo) -> None:
        user = self._user()
        if not repo.gated or (user is not None and repo.id.partition("/")[0] in {user.name, *user.orgs}):
            return
        if user is None or user.name not in repo.let_in:
            status = 401 if user is None else 403
            raise RefusalError(status, "GatedRepo", f"Access to model {repo.id} is restricted")
