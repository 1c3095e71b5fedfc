"""Azure ML's registry under the suite: the real SDK, a stand-in for the service, blobs in Azurite."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.integration.azureml import fixture
from tests.integration.azureml.azurite import KEY
from tests.integration.azureml.world import URI, World

from weightmark.model.event import ModelEvent
from weightmark.testing.registry import RegistrySuite
from weightmark.vocabulary import EventKind
from weightmark_adapters.azureml import AzuremlRegistry, connect, disconnect

world = fixture.world
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]


class AzureSuite(RegistrySuite):
    registry_type = AzuremlRegistry
    malformed = (
        "azureml:",
        "azureml:churn",
        "azureml:churn:",
        "azureml:../x:1",
        "azureml:a/b:1",
        "azureml://nowhere/models/a/versions/1",
        f"{URI}/models/a/versions",
        f"{URI}/datastores/d/paths/a/../../b",
        "azureml://registries/shared/datastores/d/paths/a",
        "azureml:churn%2e:1",
        f"azureml:{'a' * 3000}:1",
    )

    @pytest.fixture(autouse=True)
    def _client(self, world: World) -> Iterator[None]:
        self.world = world
        connect(world.client())
        yield
        disconnect()

    def another(self) -> str:
        return f"churn-{len(self.world.service.requests)}"

    def listing(self, uri: str) -> str:
        return uri.partition("/versions/")[0]

    def secrets(self) -> tuple[str, ...]:
        return (KEY,)


class TestWorkspace(AzureSuite):
    unknown = f"{URI}/models/nothing/versions/1"

    def publish(self, folder: Path) -> str:
        from azure.ai.ml.entities import Model

        made = self.world.client().models.create_or_update(Model(name=self.another(), path=str(folder)))
        return f"{URI}/models/{made.name}/versions/{made.version}"

    def find_alias(self, uri: str) -> str:
        name = uri.split("/models/")[1].split("/", maxsplit=1)[0]
        return f"azureml:{name}@latest"

    def read_tags(self, uri: str) -> Mapping[str, str]:
        name, _, version = uri.split("/models/")[1].split("/")
        return self.world.client().models.get(name, version).tags

    def promote(self, uri: str) -> ModelEvent:
        name, _, version = uri.split("/models/")[1].split("/")
        client = self.world.client()
        model = client.models.get(name, version)
        model.stage = "Production"
        client.models.create_or_update(model)
        return ModelEvent(kind=EventKind.PROMOTE, uri=uri, name=name, version=version)

    def is_promoted(self, event: ModelEvent) -> bool:
        return self.world.client().models.get(event.name, event.version).stage == "Production"

    def test_a_short_form_is_written_out(self, registry: AzuremlRegistry, uri: str) -> None:
        name, _, version = uri.split("/models/")[1].split("/")
        assert registry.pin(f"azureml:{name}:{version}") == uri
        assert registry.pin(f"azureml:{name}@latest") == uri
        assert registry.resolve(f"azureml:{name}:{version}").uri == uri

    def test_a_resource_identifier_is_the_same_version(self, registry: AzuremlRegistry, uri: str) -> None:
        name, _, version = uri.split("/models/")[1].split("/")
        identifier = self.world.client().models.get(name, version).id
        assert registry.resolve(f"azureml:{identifier}").uri == uri


class TestShared(AzureSuite):
    """A registry that several workspaces share; its versions have no stage that would be a use."""

    unknown = "azureml://registries/shared/models/nothing/versions/1"

    def publish(self, folder: Path) -> str:
        from azure.ai.ml.entities import Model

        client = self.world.client(registry_name="shared")
        made = client.models.create_or_update(Model(name=self.another(), version="1", path=str(folder)))
        return f"azureml://registries/shared/models/{made.name}/versions/1"

    def find_alias(self, uri: str) -> str:
        return uri.replace("/versions/1", "/labels/latest")

    def read_tags(self, uri: str) -> Mapping[str, str]:
        name = uri.split("/models/")[1].split("/", maxsplit=1)[0]
        return self.world.client(registry_name="shared").models.get(name, "1").tags
