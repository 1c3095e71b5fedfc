"""One world for a test: a stand-in Hub that ``huggingface_hub`` talks to, acme and Openlab."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.integration.huggingface.hub import Hub, User
from tests.integration.huggingface.server import serve
from tests.workshop import write_model

from weightmark.claims import GrantClaim, PublicKey, TrustedKey
from weightmark.licensing import Grant, parse_scope
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark.workspace import Configuration, Workspace, asking

ACME, OPENLAB, STRANGER = "hf_acmeacmeacme", "hf_openlabopenlab", "hf_strangerstranger"
NC_CARD = "---\nlicense: cc-by-nc-4.0\n---\n# Base\n"
APACHE_CARD = "---\nlicense: apache-2.0\n---\n# Base\n"


@dataclass
class World:
    """A Hub, and who uses it."""

    folder: Path
    hub: Hub
    patch: pytest.MonkeyPatch
    opened: list[Workspace] = field(default_factory=list)

    def settings(self, **more: str) -> dict[str, str]:
        return {"home": str(self.folder / "weightmark"), "party": "acme", **more}

    def workspace(self, **more: str) -> Workspace:
        opened = Workspace(Configuration.load(self.settings(**more)))
        self.opened.append(opened)
        return opened

    def openlab(self) -> Workspace:
        key = self.folder / "openlab.pem"
        if not key.exists():
            acme = self.workspace()
            acme.plugins.signers["file"].generate(f"file:{key}")
            public = PublicKey.from_pem(Path(f"{key}.pub").read_bytes(), what="openlab")
            acme.resources.save_trust(acme.resources.trust.add(TrustedKey(identity="openlab", key=public)))
        return self.workspace(party="openlab", signer=f"file:{key}")

    def base(self, name: str = "openlab/base", card: str = NC_CARD) -> str:
        """Publish a base model of Openlab's, who registers it as their own; give its URI."""
        sha = self.hub.shelf.publish(name, write_model(self.folder / name.replace("/", "-"), BASE, card=card))
        uri = f"hf://{name}@{sha}"
        lab = self.openlab()
        event = ModelEvent(kind=EventKind.REGISTER, uri=uri, name=name, version=sha, owner="openlab")
        assert lab.handle(event).allowed
        return uri

    def grant(self, reference: str, rights: str = "redistribute") -> None:
        """Let Openlab give acme a right."""
        lab = self.openlab()
        model = lab.find(reference)
        issued = Grant(
            licensor="openlab",
            grantee="acme",
            model=model.bundle,
            capabilities=parse_scope(rights),
            start=lab.clock(),
        )
        lab.record(model, GrantClaim(grant=issued, issued_at=lab.clock()))

    def token(self, token: str) -> None:
        self.patch.setenv("HF_TOKEN", token)

    def environ(self, **more: str) -> dict[str, str]:
        """Give the environment of a process of acme's."""
        plain = {
            key: value for key, value in os.environ.items() if not key.startswith(("HF_", "WEIGHTMARK_"))
        }
        return plain | {
            "HF_ENDPOINT": self.hub.url,
            "HF_TOKEN": ACME,
            "HF_HOME": str(self.folder / "hf"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "WEIGHTMARK_HOME": str(self.folder / "weightmark"),
            "WEIGHTMARK_PARTY": "acme",
            **more,
        }

    def tags(self, repo: str) -> dict[str, Any]:
        return dict(json.loads(self.hub.read(repo, "weightmark.json")))

    def close(self) -> None:
        for workspace in self.opened:
            workspace.close()


BASE = {"dense.weight": [9.0, -8.25, 7.0, 6.125], "dense.bias": [5.0, 4.0]}


@contextmanager
def new_world(folder: Path) -> Iterator[World]:
    """Make a world and point the library at it, whoever imported the library before."""
    with pytest.MonkeyPatch.context() as patch, serve(folder) as hub:
        hub.users = {
            ACME: User("alice", ("acme",)),
            OPENLAB: User("olga", ("openlab",)),
            STRANGER: User("sam"),
        }
        world = World(folder, hub, patch)
        for key, value in world.environ().items():
            if key.startswith(("HF_", "WEIGHTMARK_")):
                patch.setenv(key, value)
        _point(patch, hub.url, folder)
        forget_workspace()
        try:
            yield world
        finally:
            if "weightmark_hooks.huggingface" in sys.modules:
                sys.modules["weightmark_hooks.huggingface"].unprotect()
            forget_workspace()
            world.close()
            _close_sessions()


def forget_workspace() -> None:
    """Close the process's own workspace, so that the next one has the settings of its test."""
    for opened in asking._opened.values():
        opened.close()
    asking._opened.clear()


def _point(patch: pytest.MonkeyPatch, url: str, folder: Path) -> None:
    from huggingface_hub import hf_api

    values = {
        "ENDPOINT": url,
        "HUGGINGFACE_CO_URL_TEMPLATE": url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(folder / "hf" / "hub"),
        "HF_TOKEN_PATH": str(folder / "hf" / "token"),
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_DISABLE_TELEMETRY": True,
        "HF_HUB_DISABLE_PROGRESS_BARS": True,
    }
    for name in [name for name in sys.modules if name.startswith("huggingface_hub")]:
        for key, value in values.items():  # older releases take constants by name
            if key in vars(sys.modules[name]):
                patch.setattr(sys.modules[name], key, value)
    patch.setattr(hf_api.api, "endpoint", url)
    _close_sessions()
    if "transformers.utils.hub" in sys.modules:
        patch.setattr(sys.modules["transformers.utils.hub"], "_hf_api", None, raising=False)


def _close_sessions() -> None:
    import huggingface_hub.utils._http as http

    (getattr(http, "close_session", None) or http.reset_sessions)()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give a world of this test alone."""
    with new_world(tmp_path / "world") as made:
        yield made


@pytest.fixture
def guarded(world: World) -> World:
    """Give a world where acme's process is guarded."""
    import weightmark_hooks.huggingface

    weightmark_hooks.huggingface.protect()
    return world
