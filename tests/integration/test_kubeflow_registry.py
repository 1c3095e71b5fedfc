"""Kubeflow's Model Registry behind its own client: the gate before it, what we list, undo and say of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.kubeflow.model_registry_server import State, connect, serving
from tests.workshop import Shell, flip_byte, write_model

from weightmark.errors import PlatformError, RefusedError
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark.workspace import Workspace
from weightmark.workspace.asking import _opened
from weightmark_adapters.kubeflow import KubeflowRegistry
from weightmark_hooks.kubeflow import protect, unprotect

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

FORMAT = {"model_format_name": "safetensors", "model_format_version": "1"}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An empty Model Registry, and acme's workspace."""
    monkeypatch.setenv("WEIGHTMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WEIGHTMARK_PARTY", "acme")
    monkeypatch.chdir(tmp_path)
    _opened.clear()
    with serving() as (address, state):
        monkeypatch.setenv("MODEL_REGISTRY_BASE_URL", address)
        yield state
    for workspace in _opened.values():
        workspace.close()
    _opened.clear()


@pytest.fixture
def guarded(server: State):
    """The client, guarded."""
    protect()
    protect()
    yield server
    unprotect()


def client():
    return connect(os.environ["MODEL_REGISTRY_BASE_URL"])


def properties(state: State, version: str) -> dict:
    found = next(v for v in state.things["model_versions"].values() if v["name"] == version)
    return {key: value.get("string_value") for key, value in found.get("customProperties", {}).items()}


def test_registering_there_registers_here(guarded: State, tmp_path: Path):
    model = write_model(tmp_path / "model")
    client().register_model("churn", str(model), version="v1", metadata={"license": "mit"}, **FORMAT)
    told = properties(guarded, "v1")
    assert told["weightmark.license"] == "MIT"
    assert told["weightmark.owner"] == "acme"
    with Workspace.open() as workspace:
        assert workspace.find("model-registry://churn/v1").bundle == told["weightmark.fingerprint"]


def test_a_refusal_comes_before_the_first_request(guarded: State, tmp_path: Path):
    (tmp_path / "weightmark.toml").write_text('[gates.register]\nrequires = ["attributed"]\n')
    model, registry = write_model(tmp_path / "model"), client()
    guarded.asked.clear()
    with pytest.raises(RefusedError, match="refuses to register model-registry://churn/v1"):
        registry.register_model("churn", str(model), version="v1", **FORMAT)
    assert guarded.asked == []


def test_what_cannot_be_read_is_refused(guarded: State):
    registry = client()
    guarded.asked.clear()
    with pytest.raises(RefusedError, match="could not check"):
        registry.register_model("churn", "oci://elsewhere/churn:1", version="v1", **FORMAT)
    assert guarded.asked == []


def test_reserved_properties_are_refused(guarded: State, tmp_path: Path):
    model = write_model(tmp_path / "model")
    with pytest.raises(RefusedError, match="its own"):
        client().register_model(
            "churn", str(model), version="v1", metadata={"weightmark.owner": "me"}, **FORMAT
        )


def test_without_the_guard_the_client_is_as_it_was(server: State, tmp_path: Path):
    protect()
    unprotect()
    client().register_model("churn", str(write_model(tmp_path / "model")), version="v1", **FORMAT)
    assert properties(server, "v1") == {}


def test_a_forbidden_write_is_the_clients_own_error(guarded: State, tmp_path: Path):
    from mr_openapi.exceptions import ForbiddenException

    registry = client()
    guarded.failures.append(("POST", 403, {}))
    with pytest.raises(ForbiddenException):
        registry.register_model("churn", str(write_model(tmp_path / "model")), version="v1", **FORMAT)


def test_the_command_line_registers_and_verifies_what_is_there(server: State, tmp_path: Path):
    model, shell = write_model(tmp_path / "model"), Shell(folder=tmp_path)
    stated = {"license": "mit"}
    client().register_model("churn", model.as_uri(), version="v1", metadata=stated, **FORMAT)
    shell.run("register", "model-registry://churn/v1")
    assert properties(server, "v1")["weightmark.license"] == "MIT"
    shell.run("verify", "model-registry://churn/v1")
    flip_byte(model / "model.safetensors", -1)
    shell.fail("verify", "model-registry://churn/v1", code=3)


def test_versions_are_listed_oldest_first_page_by_page(server: State, tmp_path: Path):
    many = server.create("registered_models", {"name": "many"})
    for number in range(205):
        server.create("model_versions", {"name": f"v{number}", "registeredModelId": many["id"]})
    client().register_model("other", write_model(tmp_path / "model").as_uri(), version="v0", **FORMAT)
    server.asked.clear()
    listed = list(KubeflowRegistry().versions("model-registry://many"))
    assert [found.version for found in listed] == [f"v{number}" for number in range(205)]
    assert len([line for line in server.asked if "/versions?" in line]) == 3
    assert {found.name for found in KubeflowRegistry().versions("model-registry://")} == {"many", "other"}


def test_what_serves_a_version_makes_it_deployed_and_is_undone(server: State, tmp_path: Path):
    client().register_model("churn", write_model(tmp_path / "model").as_uri(), version="v1", **FORMAT)
    (version,) = server.things["model_versions"].values()
    service = server.create(
        "inference_services",
        {
            "name": "churn-service",
            "registeredModelId": version["registeredModelId"],
            "modelVersionId": version["id"],
            "servingEnvironmentId": "1",
            "desiredState": "DEPLOYED",
        },
    )
    registry, uri = KubeflowRegistry(), "model-registry://churn/v1"
    assert [found.deployed for found in registry.versions(uri)] == [True]
    event = ModelEvent(kind=EventKind.DEPLOY, uri=uri, name="churn", version="v1")
    assert registry.withdraw(event, "refused")
    assert registry.withdraw(event, "refused")
    assert (service["desiredState"], version["state"]) == ("UNDEPLOYED", "ARCHIVED")
    assert [found.deployed for found in registry.versions(uri)] == [False]


def test_an_event_that_happened_is_followed_and_a_refused_use_undone(server: State, tmp_path: Path):
    model = write_model(tmp_path / "model", card="---\nlicense: cc-by-nc-4.0\n---\n")
    client().register_model("churn", model.as_uri(), version="v1", **FORMAT)
    event = ModelEvent(kind=EventKind.DEPLOY, uri="model-registry://churn/v1")
    with Workspace.open() as workspace:
        assert not workspace.follow(event).allowed
        assert not workspace.follow(event).allowed
    (version,) = server.things["model_versions"].values()
    assert version["state"] == "ARCHIVED"
    assert properties(server, "v1")["weightmark.verdict"].startswith("refused")


def test_a_name_stands_for_its_newest_version_that_is_not_archived(server: State, tmp_path: Path):
    registry = client()
    for version in ("v1", "v2"):
        registry.register_model("churn", write_model(tmp_path / "model").as_uri(), version=version, **FORMAT)
    ours = KubeflowRegistry()
    assert ours.pin("model-registry://churn") == "model-registry://churn/v2"
    ours.withdraw(ModelEvent(kind=EventKind.PROMOTE, uri="model-registry://churn/v2"), "refused")
    assert ours.pin("model-registry://churn") == "model-registry://churn/v1"


def test_the_address_before_the_name_may_stand_there(server: State, tmp_path: Path):
    client().register_model("churn", write_model(tmp_path / "model").as_uri(), version="v1", **FORMAT)
    host = os.environ["MODEL_REGISTRY_BASE_URL"].removeprefix("http://")
    assert KubeflowRegistry().resolve(f"model-registry://{host}/churn/v1").uri == "model-registry://churn/v1"


def test_what_is_seen_of_the_platform(server: State, monkeypatch: pytest.MonkeyPatch):
    status = KubeflowRegistry().inspect()
    assert status.reachable is True
    assert "kfp" in status.installed
    assert "model-registry" in status.installed
    monkeypatch.setenv("MODEL_REGISTRY_BASE_URL", "http://user:secret@127.0.0.1:9")
    status = KubeflowRegistry().inspect()
    assert status.reachable is False
    assert "secret" not in f"{status}"
    monkeypatch.delenv("MODEL_REGISTRY_BASE_URL")
    status = KubeflowRegistry().inspect()
    assert (status.reachable, status.server) == (None, "")


def test_no_address_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MODEL_REGISTRY_BASE_URL", raising=False)
    with pytest.raises(PlatformError, match="no Model Registry is named"):
        KubeflowRegistry().resolve("model-registry://churn/v1")


def test_what_is_there_already_is_registered_once_and_watched(server: State, tmp_path: Path):
    registry, shell = client(), Shell(folder=tmp_path)
    for number in (1, 2):
        model = write_model(tmp_path / f"model{number}", {"dense": [float(number)]})
        registry.register_model("churn", model.as_uri(), version=f"v{number}", **FORMAT)
    assert "2 registered" in shell.run("sync", "model-registry://").stdout
    assert "2 there already" in shell.run("sync", "model-registry://churn").stdout
    assert "2 whole" in shell.run("watch", "model-registry://", "--once").stdout
    assert "weightmark.seen" in properties(server, "v2")


LEFT_OPEN = """
import gc, sys, warnings
from model_registry import ModelRegistry
from weightmark_adapters.kubeflow import KubeflowRegistry

host, _, port = sys.argv[1].rpartition(":")
ModelRegistry(host, int(port), author="ann", is_secure=False)
gc.collect()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", ResourceWarning)
    assert list(KubeflowRegistry().versions("model-registry://")) == []
    gc.collect()
print([str(one.message) for one in caught])
"""


def test_no_event_loop_stays_open_where_the_client_patched_asyncio(server: State):
    command = [sys.executable, "-c", LEFT_OPEN, os.environ["MODEL_REGISTRY_BASE_URL"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
