"""One workspace, one registry, one storage account and two parties, for a test module."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.integration.azureml.azurite import ACCOUNT, KEY, blobs
from tests.integration.azureml.certificate import write_certificate
from tests.integration.azureml.server import Service, serving
from tests.workshop import write_model

from weightmark.claims import GrantClaim, PublicKey, TrustedKey
from weightmark.licensing import Grant, parse_scope
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind
from weightmark.workspace import Configuration, Workspace

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.MachineLearningServices"
HOME = f"{GROUP}/workspaces/ws"
URI = f"azureml://subscriptions/{SUBSCRIPTION}/resourceGroups/rg/workspaces/ws"
SHARED = f"{GROUP}/registries/shared"
GUID = "11111111-2222-3333-4444-555555555555"
CONTAINER = "workspaceblobs"


class Credential:
    """Gives a token that the stand-in knows, or another."""

    token = "good"

    def get_token(self, *_scopes: str, **_options: Any) -> Any:
        from azure.core.credentials import AccessToken

        return AccessToken(self.token, int(datetime.now(UTC).timestamp()) + 3600)


@dataclass
class World:
    folder: Path
    service: Service = field(default_factory=Service)
    account: str = ""
    made: int = 0

    @property
    def settings(self) -> dict[str, str]:
        return {"home": str(self.folder / "weightmark"), "party": "acme"}

    def workspace(self, **more: str) -> Workspace:
        return Workspace(Configuration.load(self.settings | more))

    def openlab(self) -> Workspace:
        return self.workspace(party="openlab", signer=f"file:{self.folder / 'openlab.pem'}")

    def cloud(self) -> dict[str, Any]:
        address = self.service.address
        return {
            "cloud": "WeightmarkLocal",
            "cloud_metadata": {
                "azure_portal": address,
                "resource_manager": f"{address}/",
                "active_directory": address,
                "aml_resource_id": address,
                "storage_endpoint": "core.windows.net",
                "registry_discovery_endpoint": f"{address}/",
            },
        }

    def client(self, **more: Any) -> Any:
        from azure.ai.ml import MLClient

        quiet = {"enable_telemetry": False, "show_progress": False}
        place = (SUBSCRIPTION, "rg", None if "registry_name" in more else "ws")
        return MLClient(Credential(), *place, **quiet, **self.cloud(), **more)

    def container(self, name: str = CONTAINER) -> Any:
        from azure.storage.blob import ContainerClient

        client = ContainerClient(self.account, name, credential=KEY)
        if not client.exists():
            client.create_container()
        return client

    def shared_address(self, name: str, permission: str) -> str:
        from azure.storage.blob import generate_container_sas

        self.container(name).close()
        expiry = datetime.now(UTC) + timedelta(hours=1)
        token = generate_container_sas(ACCOUNT, name, account_key=KEY, permission=permission, expiry=expiry)
        return f"{self.account}/{name}?{token}"

    def base(self) -> str:
        """Have Openlab register another model that is not for commercial use; give its name."""
        folder = self.folder_of(card="---\nlicense: cc-by-nc-4.0\n---\n")
        name = f"encoder-{self.made}"
        with self.openlab() as openlab:
            assert openlab.handle(ModelEvent(kind=EventKind.REGISTER, uri=str(folder), name=name)).allowed
        return name

    def grant(self, base: str) -> None:
        """Let acme use a model of Openlab's."""
        with self.openlab() as openlab:
            model, now = openlab.find(base), openlab.clock()
            granted = Grant(
                model=model.bundle,
                licensor="openlab",
                grantee="acme",
                capabilities=parse_scope("deploy,push"),
                start=now,
                end=None,
            )
            openlab.record(model, GrantClaim(grant=granted, issued_at=now), owner_only="grant its use")

    def folder_of(self, value: float = 1.0, card: str = "") -> Path:
        """Write another model than all before."""
        self.made += 1
        layers = {"layer.weight": [value, float(self.made)], "layer.bias": [0.5]}
        return write_model(self.folder / f"model-{self.made}", layers, card=card)


@contextmanager
def running(folder: Path) -> Iterator[World]:
    """Start Azurite and the stand-in; acme works there, and Openlab has models that acme needs."""
    world = World(folder)
    certificate = write_certificate(folder)
    with (
        pytest.MonkeyPatch.context() as patch,
        blobs(folder / "azurite.log") as world.account,
        serving(world.service, certificate) as address,
    ):
        patch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
        for key, value in world.settings.items():
            patch.setenv(f"WEIGHTMARK_{key.upper()}", value)
        from azure.ai.ml import _azure_environments as environments
        from azure.ai.ml.constants import _common as constants

        patch.setenv("AZUREML_CURRENT_CLOUD", "WeightmarkLocal")
        # Azurite has its account in the path, where Azure has it in the host's name.
        patch.setitem(
            constants.STORAGE_ACCOUNT_URLS, "AzureBlob", world.account.removesuffix(ACCOUNT) + "{0}"
        )
        metadata = world.cloud()["cloud_metadata"]
        patch.setitem(environments._environments, "WeightmarkLocal", metadata)
        world.service.container, world.service.key = world.shared_address, KEY
        world.service.account = world.account
        _furnish(world)
        _parties(world)
        assert address.startswith("https://127.0.0.1")
        yield world


def _furnish(world: World) -> None:
    world.container().close()
    put = world.service.put
    put(HOME, {"workspaceId": GUID, "friendlyName": "ws", "storageAccount": "s"}, location="westeurope")
    store = {
        "datastoreType": "AzureBlob",
        "accountName": ACCOUNT,
        "containerName": CONTAINER,
        "endpoint": "core.windows.net",
        "protocol": "https",
        "isDefault": True,
        "credentials": {"credentialsType": "AccountKey"},
    }
    put(f"{HOME}/datastores/workspaceblobstore", store)
    signed = {**store, "isDefault": False, "credentials": {"credentialsType": "Sas"}}
    put(f"{HOME}/datastores/workspaceartifactstore", signed)
    endpoint = {"authMode": "Key", "traffic": {}, "provisioningState": "Succeeded"}
    put(f"{HOME}/onlineEndpoints/live", endpoint, location="westeurope")
    put(f"{HOME}/batchEndpoints/nightly", {"authMode": "AADToken", "defaults": {}}, location="westeurope")
    put(SHARED, {})


def _parties(world: World) -> None:
    with world.workspace() as acme:
        acme.plugins.signers["file"].generate(f"file:{world.folder / 'openlab.pem'}")
        key = PublicKey.from_pem((world.folder / "openlab.pem.pub").read_bytes(), what="openlab")
        acme.resources.save_trust(acme.resources.trust.add(TrustedKey(identity="openlab", key=key)))
