"""Which of the SDK's clients speaks for which workspace or registry.

A program's own client is used when it was given with ``connect`` (``weightmark_hooks.azureml.protect`` does
that for every client that is made); else one is made as Azure's own tools do: from the variables that Azure
ML sets in its jobs, or from the nearest ``config.json``, with DefaultAzureCredential.
"""

import os
import threading
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from weightmark.errors import MissingExtraError, PlatformError
from weightmark_adapters.azureml import sdk
from weightmark_adapters.azureml.uri import Place

VARIABLES: Final = ("AZUREML_ARM_SUBSCRIPTION", "AZUREML_ARM_RESOURCEGROUP", "AZUREML_ARM_WORKSPACE_NAME")
"""The variables by which Azure ML tells its jobs where they are."""

_lock: Final = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A client as it was when it was connected; the SDK changes its clients while they share a model.

    Attributes:
        client: the ``MLClient``.
        place: its workspace or registry.
        home: the path of that in the published interface.
        sender: the SDK's own connection, which sends requests.
        credential: the client's.
    """

    client: Any
    place: Place
    home: str
    sender: Any
    credential: Any


_connections: Final[dict[Place, Connection]] = {}


def connect(client: Any) -> None:
    """Use a client from now on: for its own workspace or registry, and its credential for others.

    Args:
        client: an ``MLClient``.
    """
    _keep(_connection(client))


def disconnect() -> None:
    """Forget every client that was connected or made."""
    with _lock:
        _connections.clear()


def connected() -> tuple[Connection, ...]:
    """Give the clients in use, the latest first."""
    with _lock:
        return tuple(reversed(_connections.values()))


def connection_for(place: Place | None) -> Connection:
    """Give the client for a workspace or a registry.

    Args:
        place: which; None for the workspace that is connected or that the environment names.

    Raises:
        PlatformError: nothing says which workspace is meant, or there is no credential.
        MissingExtraError: the SDK is not installed.
    """
    known = connected()
    for connection in known:
        if connection.place == place or (place is None and connection.place.workspace):
            return connection
    made = _connection(_make(place, known[0].credential if known else _credential()))
    _keep(made)
    return made


def configured_place() -> Place | None:
    """Say which workspace is connected or named by the environment; None when there is none, or a file."""
    for connection in connected():
        if connection.place.workspace:
            return connection.place
    values = [os.environ.get(name, "") for name in VARIABLES]
    if not all(values):
        return None
    subscription, group, workspace = (value.lower() for value in values)
    return Place(subscription=subscription, group=group, workspace=workspace)


def place_of(holder: Any) -> Place:
    """Say which workspace or registry a client, or one of its operations, is for now."""
    scope = holder._operation_scope  # noqa: SLF001 - the SDK has no public word for it
    if scope.registry_name:
        return Place(registry=str(scope.registry_name).lower())
    return Place(
        subscription=str(scope.subscription_id).lower(),
        group=str(scope.resource_group_name).lower(),
        workspace=str(scope.workspace_name).lower(),
    )


def _connection(client: Any) -> Connection:
    scope, models = client._operation_scope, client.models  # noqa: SLF001 - the SDK has no public words for these
    place = place_of(client)
    kind, name = (
        ("registries", scope.registry_name) if place.registry else ("workspaces", scope.workspace_name)
    )
    home = (
        f"/subscriptions/{scope.subscription_id}/resourceGroups/{scope.resource_group_name}"
        f"/providers/Microsoft.MachineLearningServices/{kind}/{quote(str(name))}"
    )
    sender = models._registry_service_client if place.registry else models._service_client  # noqa: SLF001
    credential = client._credential  # noqa: SLF001
    return Connection(client=client, place=place, home=home, sender=sender, credential=credential)


def _keep(connection: Connection) -> None:
    with _lock:
        _connections.pop(connection.place, None)
        _connections[connection.place] = connection


def _make(place: Place | None, credential: Any) -> Any:
    factory = sdk.load().MLClient
    quiet = {"show_progress": False, "enable_telemetry": False}
    place = place or configured_place()
    with sdk.speaking("the workspace's client" if place is None else place.uri):
        if place is None:
            return _from_file(factory, credential, quiet)
        if place.registry:
            return factory(credential, registry_name=place.registry, **quiet)
        return factory(credential, place.subscription, place.group, place.workspace, **quiet)


def _from_file(factory: Any, credential: Any, quiet: dict[str, bool]) -> Any:
    validation = sdk.load("azure.ai.ml.exceptions").ValidationException
    try:
        return factory.from_config(credential, **quiet)
    except validation as error:
        raise PlatformError(
            "nothing says which workspace of Azure ML is meant",
            hint=f"Set {', '.join(VARIABLES)}, put its config.json here, or write the URI out in full.",
        ) from error


def _credential() -> Any:
    sdk.load()
    try:
        identity = sdk.load("azure.identity")
    except MissingExtraError as error:
        raise PlatformError(
            "there is no credential for Azure: azure-identity is not installed",
            hint="pip install azure-identity, or call weightmark_adapters.azureml.connect(ml_client).",
        ) from error
    return identity.DefaultAzureCredential(process_timeout=10)
