"""The state of a stand-in Hub, for tests to look at and to break."""

import json
import re
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.integration.huggingface.shelf import Entry, Repo, Shelf


@dataclass
class Fault:
    """What goes wrong with requests that fit: a status, a body cut short, a connection closed."""

    pattern: re.Pattern[str]
    times: int
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass
class User:
    name: str
    orgs: tuple[str, ...] = ()


@dataclass
class Hub:
    """The server's state, for tests to look at and to break."""

    shelf: Shelf
    url: str = ""
    users: dict[str, User] = field(default_factory=dict)
    trace: list[tuple[str, str, int]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    webhook: str = ""
    secret: str = ""
    delivered: list[bytes] = field(default_factory=list)

    def fail(
        self, pattern: str, *, status: int = 0, times: int = 1, cut: bool = False, **headers: str
    ) -> None:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        self.faults.append(Fault(re.compile(pattern), times, status, named, cut))

    def fault_for(self, line: str) -> Fault | None:
        for fault in self.faults:
            if fault.times and fault.pattern.search(line):
                fault.times -= 1
                return fault
        return None

    def calls(self, pattern: str) -> list[str]:
        return [
            f"{method} {path}" for method, path, _ in self.trace if re.search(pattern, f"{method} {path}")
        ]

    def sent(self, pattern: str) -> int:
        """Count the bytes of bodies that clients sent."""
        return sum(size for method, path, size in self.trace if re.search(pattern, f"{method} {path}"))

    def head(self, repo: str) -> str:
        return self.shelf.repos[repo].branches["main"]

    def files(self, repo: str) -> dict[str, Entry]:
        found = self.shelf.repos[repo].find("main")
        assert found is not None
        return found.tree

    def read(self, repo: str, path: str) -> bytes:
        return self.shelf.read(self.files(repo)[path]).read_bytes()

    def tamper(self, repo: str, path: str, *, position: int = -1) -> None:
        """Change one byte of what is kept, so that its digest in the lists no longer fits."""
        where = self.shelf.read(self.files(repo)[path])
        data = bytearray(where.read_bytes())
        data[position] ^= 1
        where.write_bytes(data)

    def tell(self, repo: Repo, old: str, new: str) -> None:
        """Send the webhook of a push."""
        body = json.dumps(
            {
                "event": {"action": "update", "scope": "repo.content"},
                "repo": {
                    "type": repo.kind,
                    "name": repo.id,
                    "id": "6366c000a2abcdf2fd69a080",
                    "private": repo.private,
                    "url": {"web": f"{self.url}/{repo.id}", "api": f"{self.url}/api/models/{repo.id}"},
                    "headSha": new,
                    "tags": [],
                    "owner": {"id": "61d2000c3c2083e1c08af22d"},
                },
                "updatedRefs": [{"ref": "refs/heads/main", "oldSha": old, "newSha": new}],
                "webhook": {"id": "6390e855e30d9209411de93b", "version": 3},
            }
        ).encode()
        self.delivered.append(body)
        if self.webhook:
            asked = urllib.request.Request(
                self.webhook,
                body,
                {"Content-Type": "application/json", "X-Webhook-Secret": self.secret},
            )
            with urllib.request.urlopen(asked, timeout=60):
                pass
