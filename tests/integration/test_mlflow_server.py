"""A real MLflow server with the guard in front, and a client that has never heard of Weightmark."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from examples.mlflow_server import serve
from tests import workshop
from tests.integration.mlflow.world import QUIET, grant, refused

from weightmark.claims import PublicKey, TrustedKey
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark.workspace import Configuration, Workspace
from weightmark_adapters.mlflow import MlflowRegistry

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore")]

SETTINGS = QUIET | {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_WEBHOOK_CACHE_TTL": "1",
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
}
SECRET = "a secret of this test"


@dataclass
class World:
    folder: Path
    address: str = ""

    @property
    def settings(self) -> dict[str, str]:
        return {"home": str(self.folder / "weightmark"), "party": "acme"}

    def workspace(self, **more: str) -> Workspace:
        return Workspace(Configuration.load(self.settings | more))

    def openlab(self) -> Workspace:
        return self.workspace(party="openlab", signer=f"file:{self.folder / 'openlab.pem'}")

    def environ(self) -> dict[str, str]:
        plain = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
        return plain | SETTINGS | {f"WEIGHTMARK_{key.upper()}": value for key, value in self.settings.items()}


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[World]:
    """Start the server; acme runs it, Openlab owns a base model that is not for commercial use."""
    made = World(tmp_path_factory.mktemp("world"))
    with made.workspace() as acme:
        acme.plugins.signers["file"].generate(f"file:{made.folder / 'openlab.pem'}")
        key = PublicKey.from_pem((made.folder / "openlab.pem.pub").read_bytes(), what="openlab")
        acme.resources.save_trust(acme.resources.trust.add(TrustedKey(identity="openlab", key=key)))
    base = write_model(made.folder / "base", 1.0, "---\nlicense: cc-by-nc-4.0\n---\n")
    with made.openlab() as openlab:
        event = ModelEvent(kind=EventKind.REGISTER, uri=str(base), name="tiny-encoder")
        assert openlab.handle(event).allowed
    with pytest.MonkeyPatch.context() as patch:
        for key, value in SETTINGS.items():
            patch.setenv(key, value)
        with serve(made.folder / "mlflow", made.environ()) as made.address:
            patch.setenv("MLFLOW_TRACKING_URI", made.address)
            import mlflow

            mlflow.set_tracking_uri(made.address)
            try:
                yield made
            finally:
                mlflow.set_tracking_uri(None)


@pytest.fixture
def client(world):
    import mlflow

    return mlflow.MlflowClient(tracking_uri=world.address, registry_uri=world.address)


def write_model(folder: Path, value: float, card: str) -> Path:
    layers = {"layer.weight": [value * number for number in range(1, 9)], "layer.bias": [value]}
    return workshop.write_model(folder, layers, card=card)


def publish(client, folder: Path, name: str, **tags: str) -> str:
    import mlflow

    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(folder), "model")
    client.create_registered_model(name)
    source = f"runs:/{run.info.run_id}/model"
    return client.create_model_version(name, source, run_id=run.info.run_id, tags=tags).version


def artifact_of(world, client, name: str, version: str) -> Path:
    run = client.get_run(client.get_model_version(name, version).run_id)
    path = run.info.artifact_uri.removeprefix("mlflow-artifacts:").lstrip("/")
    return world.folder / "mlflow" / "artifacts" / path / "model"


def test_a_scikit_learn_model_is_registered_promoted_and_loaded(client):
    import mlflow
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    features = np.eye(4)
    model = LogisticRegression().fit(features, [0, 1, 0, 1])
    mlflow.sklearn.log_model(
        model,
        name="churn",
        registered_model_name="churn",
        metadata={"license": "apache-2.0"},
        pip_requirements=["scikit-learn"],
    )
    tags = client.get_model_version("churn", "1").tags
    assert tags["weightmark.license"] == "Apache-2.0"
    assert tags["weightmark.owner"] == "acme"
    assert tags["weightmark.fingerprint"].startswith("sha256:")
    assert "#" in tags["weightmark.receipt"]
    client.set_registered_model_alias("churn", "champion", "1")
    loaded = mlflow.pyfunc.load_model("models:/churn@champion")
    assert list(loaded.predict(features)) == list(model.predict(features))
    client.set_registered_model_alias("churn", "again", "1")  # loading left nothing that counts as tampering
    assert client.search_model_versions("name = 'churn'")[0].version == "1"


def test_a_derived_model_waits_for_the_grant_of_its_bases_owner(world, client, tmp_path):
    version = publish(
        client, write_model(tmp_path / "m", 2.0, "---\nbase_model: tiny-encoder\n---\n"), "sentiment"
    )
    for call, arguments in (
        (client.set_registered_model_alias, ("sentiment", "production", version)),
        (client.transition_model_version_stage, ("sentiment", version, "production")),
    ):
        message = refused(call, *arguments)
        assert "tiny-encoder" in message  # the reason
        assert "CC-BY-NC-4.0 section 2(a)(1)" in message  # the clause
        assert "weightmark grant" in message  # what to do
    with pytest.warns(FutureWarning):
        assert (
            client.transition_model_version_stage("sentiment", version, "Archived").current_stage
            == "Archived"
        )
    copied = client.copy_model_version(f"models:/sentiment/{version}", "sentiment-prod")
    refused(client.set_registered_model_alias, "sentiment-prod", "production", copied.version)
    with world.openlab() as openlab:
        grant(openlab, "tiny-encoder")
    client.set_registered_model_alias("sentiment", "production", version)
    client.set_registered_model_alias("sentiment-prod", "production", copied.version)
    assert client.get_model_version_by_alias("sentiment", "production").version == version


def test_tags_that_a_user_brings_along_are_written_anew(client, tmp_path):
    folder = write_model(tmp_path / "m", 3.0, "---\nlicense: mit\n---\n")
    lies = {"weightmark.license": "cc0-1.0", "weightmark.owner": "mallory", "team": "x"}
    version = publish(client, folder, "liar", **lies)
    tags = client.get_model_version("liar", version).tags
    assert (tags["weightmark.license"], tags["weightmark.owner"], tags["team"]) == ("MIT", "acme", "x")
    copied = client.copy_model_version(f"models:/liar/{version}", "liar-copy")
    assert copied.tags["weightmark.fingerprint"] == tags["weightmark.fingerprint"]
    assert copied.tags["weightmark.owner"] == "acme"


def test_reserved_tags_are_refused(client, tmp_path):
    version = publish(client, write_model(tmp_path / "m", 4.0, "---\nlicense: mit\n---\n"), "reserved")
    for call, arguments in (
        (client.set_model_version_tag, ("reserved", version, "weightmark.owner", "mallory")),
        (client.set_model_version_tag, ("reserved", version, "WEIGHTMARK.owner", "mallory")),
        (client.delete_model_version_tag, ("reserved", version, "weightmark.receipt")),
        (client.set_registered_model_tag, ("reserved", "weightmark.owner", "mallory")),
        (client.create_registered_model, ("reserved-2", {"weightmark.owner": "mallory"})),
    ):
        assert "weightmark." in refused(call, *arguments).lower()
    client.set_model_version_tag("reserved", version, "team", "y")
    client.delete_model_version_tag("reserved", version, "team")


def test_prompts_pass_and_models_cannot_pass_as_prompts(client, tmp_path):
    import mlflow
    from mlflow.exceptions import MlflowException

    mlflow.genai.register_prompt("greeting", "hello {{name}}")
    mlflow.genai.set_prompt_alias("greeting", "production", 1)
    assert mlflow.genai.load_prompt("prompts:/greeting@production").template == "hello {{name}}"
    folder = write_model(tmp_path / "m", 5.0, "---\nbase_model: unknown/base\n---\n")
    disguise = {"mlflow.prompt.is_prompt": "true"}
    with pytest.raises(MlflowException):
        publish(client, folder, "disguised", **disguise)
    version = publish(client, folder, "disguised-later")
    client.set_model_version_tag("disguised-later", version, "mlflow.prompt.is_prompt", "true")
    refused(
        client._get_registry_client().set_registered_model_alias, "disguised-later", "production", version
    )


def test_a_tampered_model_is_not_promoted(world, client, tmp_path):
    version = publish(client, write_model(tmp_path / "m", 6.0, "---\nlicense: mit\n---\n"), "tampered")
    file = artifact_of(world, client, "tampered", version) / "model.safetensors"
    original = file.read_bytes()
    file.write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
    message = refused(client.set_registered_model_alias, "tampered", "production", version)
    assert "model.safetensors" in message
    file.write_bytes(original)
    client.set_registered_model_alias("tampered", "production", version)


def test_a_client_that_knows_nothing_is_not_given_a_tampered_model(world, client, tmp_path):
    import mlflow

    folder = write_model(tmp_path / "m", 6.5, "---\nlicense: mit\n---\n")
    version = publish(client, folder, "served")
    uri = f"models:/served/{version}"
    file = artifact_of(world, client, "served", version) / "model.safetensors"
    original = file.read_bytes()
    file.write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
    assert "model.safetensors" in refused(mlflow.artifacts.download_artifacts, uri)
    assert "model.safetensors" in refused(client.get_model_version_download_uri, "served", version)
    file.write_bytes(original)
    assert mlflow.artifacts.download_artifacts(uri)


def test_an_unregistered_model_is_not_promoted(world, client, tmp_path):
    folder = write_model(tmp_path / "m", 7.0, "---\nlicense: mit\n---\n")
    version = publish(unguarded(world, client), folder, "smuggled")
    assert "not registered" in refused(client.set_registered_model_alias, "smuggled", "production", version)


def unguarded(world, client):
    """Write to the registry's database past the guard, as nobody should be able to."""
    import mlflow

    return mlflow.MlflowClient(tracking_uri=client.tracking_uri, registry_uri=database(world))


def database(world) -> str:
    return f"sqlite:///{world.folder / 'mlflow' / 'mlflow.db'}"


def test_a_name_cannot_be_handed_to_another_model(client, tmp_path):
    free = publish(client, write_model(tmp_path / "a", 8.0, "---\nlicense: mit\n---\n"), "good")
    publish(client, write_model(tmp_path / "b", 9.0, "---\nbase_model: unknown/base\n---\n"), "bad")
    client.set_registered_model_alias("good", "production", free)
    client.rename_registered_model("good", "good-before")
    client.rename_registered_model("bad", "good")
    refused(client.set_registered_model_alias, "good", "production", "1")
    client.set_registered_model_alias("good-before", "staging", free)


def test_a_model_that_is_deleted_and_made_anew_is_the_new_one(client, tmp_path):
    publish(client, write_model(tmp_path / "a", 10.0, "---\nlicense: mit\n---\n"), "phoenix")
    client.delete_registered_model("phoenix")
    publish(client, write_model(tmp_path / "b", 11.0, "---\nbase_model: unknown/base\n---\n"), "phoenix")
    refused(client.set_registered_model_alias, "phoenix", "production", "1")


def test_bytes_that_cannot_be_read_are_refused(world, client, tmp_path):
    from mlflow.exceptions import MlflowException

    version = publish(client, write_model(tmp_path / "m", 14.0, "---\nlicense: mit\n---\n"), "gone")
    artifact_of(world, client, "gone", version).rename(tmp_path / "elsewhere")
    assert "could not check" in refused(client.set_registered_model_alias, "gone", "production", version)
    with pytest.raises(MlflowException, match="could not check"):  # MLflow wraps it in an error of its own
        client.copy_model_version(f"models:/gone/{version}", "gone-copy")
    with pytest.raises(MlflowException):
        client.create_model_version("gone", "http://169.254.169.254/latest")
    assert [found.version for found in client.search_model_versions("name = 'gone'")] == [version]


def test_the_client_side_guard_holds_against_a_plain_registry(world, client, tmp_path, monkeypatch):
    """Against the same server, but through a client's own guard, as when the server cannot be changed."""
    import mlflow

    import weightmark_hooks.mlflow as hook

    for key, value in world.settings.items():
        monkeypatch.setenv(f"WEIGHTMARK_{key.upper()}", value)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "")
    monkeypatch.setattr("weightmark.workspace.asking._opened", {})
    version = publish(
        client, write_model(tmp_path / "m", 12.0, "---\nbase_model: unknown/base\n---\n"), "remote"
    )
    try:
        for bare in (world.address, database(world)):
            guarded = hook.protect(bare)
            assert guarded == f"weightmark+{bare}" == hook.protect() == mlflow.get_registry_uri()
            inside = mlflow.MlflowClient(tracking_uri=world.address)
            message = refused(inside.set_registered_model_alias, "remote", "production", version)
            assert "unknown/base" in message
            made = inside.create_model_version("remote", f"models:/remote/{version}")
            assert made.tags["weightmark.owner"] == "acme"
            assert MlflowRegistry().resolve(f"models:/remote/{made.version}").version == str(made.version)
    finally:
        hook.unprotect()
    assert mlflow.get_registry_uri() == world.address


def test_the_registry_of_a_server_that_is_not_there_is_retryable(monkeypatch):
    from weightmark.errors import PlatformError

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(PlatformError) as caught:
        MlflowRegistry(tracking_uri=nowhere, registry_uri=nowhere).resolve("models:/churn/1")
    assert caught.value.retryable
    assert caught.value.__cause__ is not None


def test_webhooks_of_a_plain_server_reach_the_receiver(world, tmp_path_factory, tmp_path):
    import mlflow
    from mlflow.entities.webhook import WebhookAction, WebhookEntity, WebhookEvent

    folder = tmp_path_factory.mktemp("plain")
    with serve(folder, world.environ(), guarded=False) as address, _Receiver(world, address, folder) as hook:
        client = mlflow.MlflowClient(tracking_uri=address, registry_uri=address)
        events = [
            WebhookEvent(WebhookEntity.MODEL_VERSION, WebhookAction.CREATED),
            WebhookEvent(WebhookEntity.MODEL_VERSION_ALIAS, WebhookAction.CREATED),
            WebhookEvent(WebhookEntity.MODEL_VERSION_TAG, WebhookAction.SET),
        ]
        webhook = client.create_webhook("weightmark", hook, events=events, secret=SECRET)
        assert client.test_webhook(webhook.webhook_id).success
        model = write_model(tmp_path / "m", 13.0, "---\nbase_model: unknown/base\n---\n")
        mlflow.set_tracking_uri(address)
        try:
            version = publish(client, model, "late")
        finally:
            mlflow.set_tracking_uri(world.address)
        tags = wait_for(client, "late", version, "weightmark.credits")
        assert tags["weightmark.owner"] == "acme"
        client.set_registered_model_alias("late", "production", version)
        tags = wait_for(client, "late", version, "weightmark.verdict", "undecided")
        assert "unknown/base" in tags["weightmark.reason"]


def wait_for(client, name: str, version: str, key: str, begins: str = "") -> dict[str, str]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        tags = client.get_model_version(name, version).tags
        if tags.get(key, "").startswith(begins) and key in tags:
            return tags
        threading.Event().wait(0.1)
    pytest.fail(f"{key} did not appear on {name}/{version}")


class _Receiver:
    """The receiver as a user starts it, in a process of its own."""

    def __init__(self, world, address: str, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        environ = world.environ() | {"MLFLOW_TRACKING_URI": address, "WEIGHTMARK_WEBHOOK_SECRET": SECRET}
        command = [sys.executable, "-m", "weightmark", "serve", "--port", str(self.port)]
        self.log = (folder / "receiver.log").open("wb")
        self.process = subprocess.Popen(command, env=environ, stdout=self.log, stderr=self.log)

    def __enter__(self) -> str:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                threading.Event().wait(0.1)
            else:
                return f"http://127.0.0.1:{self.port}/hooks/mlflow"
        pytest.fail("the receiver did not start")

    def __exit__(self, *_error) -> None:
        self.process.terminate()
        self.process.wait(15)
        self.log.close()
