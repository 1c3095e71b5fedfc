"""Kubeflow's registry under the suite that every registry must pass: the Model Registry, and bare objects."""

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

import pytest
from tests.integration.kubeflow.model_registry_server import State, connect, serving

from weightmark.model.event import ModelEvent
from weightmark.ports import Registry
from weightmark.testing.registry import RegistrySuite
from weightmark.vocabulary import EventKind
from weightmark_adapters.kubeflow import KubeflowRegistry

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def model_registry() -> Iterator[State]:
    """Let the adapter and the client work on a server of this module."""
    with serving() as (address, state), pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL_REGISTRY_BASE_URL", address)
        yield state


@pytest.fixture(scope="module")
def object_store() -> Iterator[str]:
    """Run moto's S3, with one bucket in it."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        boto3.client("s3").create_bucket(Bucket="mlpipeline")
        yield f"http://{host}:{port}"
    server.stop()


class TestModelRegistry(RegistrySuite):
    registry_type = KubeflowRegistry
    unknown = "model-registry://nothing/1"
    malformed = (
        "model-registry:",
        "model-registry://",
        "model-registry:///1",
        "model-registry://a/b/c",
        "model-registry://churn/",
        "model-registry://churn/1?x=2",
        "model-registry://%20/1",
        "model-registry://churn/%00",
    )

    @pytest.fixture(autouse=True)
    def _server(self, model_registry: State) -> None:
        self.state = model_registry

    def publish(self, folder: Path) -> str:
        kept = Path(shutil.copytree(folder, folder.parent / f"store-{uuid.uuid4().hex[:8]}"))
        client = connect(os.environ["MODEL_REGISTRY_BASE_URL"])
        name = f"acme/churn-{uuid.uuid4().hex[:8]}"
        client.register_model(
            name,
            kept.as_uri(),
            version="v 1",
            model_format_name="safetensors",
            model_format_version="1",
            metadata={"epochs": 3, "rate": 0.5, "good": True, "team": "risk"},
        )
        return f"model-registry://acme%2F{name.removeprefix('acme/')}/v 1"

    def find_alias(self, uri: str) -> str:
        return uri.rsplit("/", 1)[0]

    def listing(self, uri: str) -> str:
        return uri.rsplit("/", 1)[0]

    def promote(self, uri: str) -> ModelEvent:
        version = self._version(uri)
        wanted = {"servingEnvironmentId": "1", "desiredState": "DEPLOYED", "modelVersionId": version["id"]}
        self.state.create("inference_services", {"registeredModelId": version["registeredModelId"], **wanted})
        return ModelEvent(kind=EventKind.DEPLOY, uri=uri)

    def is_promoted(self, event: ModelEvent) -> bool:
        version = self._version(event.uri)
        running = [
            service
            for service in self.state.things["inference_services"].values()
            if service["modelVersionId"] == version["id"] and service["desiredState"] == "DEPLOYED"
        ]
        return bool(running) or version["state"] != "ARCHIVED"

    def read_tags(self, uri: str) -> Mapping[str, str]:
        found = self._version(uri)
        return {
            key: value["string_value"]
            for key, value in found["customProperties"].items()
            if "string_value" in value
        }

    def _version(self, uri: str):
        name = unquote(uri.removeprefix("model-registry://").rsplit("/", 1)[0])
        model = self.state.find("registered_models", name, None)
        return self.state.find("model_versions", "v 1", model["id"])

    def test_other_properties_keep_their_types(self, registry: Registry, uri: str):
        registry.annotate(uri, {"weightmark.owner": "acme"})
        kept = self._version(uri)["customProperties"]
        assert kept["epochs"]["int_value"] == "3"
        assert kept["rate"]["double_value"] == 0.5
        assert kept["good"]["bool_value"] is True
        assert kept["team"]["string_value"] == "risk"

    def test_tags_that_are_there_already_are_not_sent(self, registry: Registry, uri: str):
        registry.annotate(uri, {"weightmark.owner": "acme"})
        self.state.asked.clear()
        registry.annotate(uri, {"weightmark.owner": "acme"})
        assert not [line for line in self.state.asked if line.startswith("PATCH")]


class TestObjects(RegistrySuite):
    registry_type = KubeflowRegistry
    unknown = "minio://mlpipeline/nothing/here"
    malformed = (
        "minio:",
        "minio://mlpipeline",
        "minio://mlpipeline/",
        "minio:///key",
        "minio://mlpipeline/a/../b",
        "minio://mlpipeline/a//b",
        "minio://mlpipeline/a\\b",
    )

    @pytest.fixture(autouse=True)
    def _store(self, object_store: str) -> None:
        del object_store

    def publish(self, folder: Path) -> str:
        import boto3

        key = f"v2/artifacts/demo/{uuid.uuid4()}/train/model"
        client = boto3.client("s3")
        for file in folder.rglob("*"):
            if file.is_file():
                client.upload_file(str(file), "mlpipeline", f"{key}/{file.relative_to(folder)}")
        client.put_object(Bucket="mlpipeline", Key=f"{key}-other/weights.bin", Body=b"not of this model")
        return f"minio://mlpipeline/{key}"
