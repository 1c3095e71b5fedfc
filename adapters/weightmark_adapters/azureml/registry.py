"""Azure ML's workspaces and registries, as a Registry.

Not promised: that a label still stands for the version it did; ``resolve`` says which version it found.
Tags are read and then written whole, since Azure ML has no other way: two who write at once may lose one's.
"""

import os
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar, Final

from weightmark.errors import MalformedError, PlatformError
from weightmark.model.event import ModelEvent
from weightmark.ports import Registry
from weightmark.ports.download import delete_at_exit, deleted_after
from weightmark.ports.registry import ListedVersion, PlatformStatus, ResolvedModel
from weightmark.vocabulary import HOOKS, EventKind
from weightmark_adapters.azureml.blob import fetch_shared, fetch_stored
from weightmark_adapters.azureml.client import configured_place
from weightmark_adapters.azureml.endpoint import deployed_uris, stop_traffic
from weightmark_adapters.azureml.lineage import gather_facts
from weightmark_adapters.azureml.service import Service, pairs
from weightmark_adapters.azureml.uri import LATEST, AzureUri, parse_uri, version_uri

FREE_STAGES: Final = frozenset({"", "none", "development", "archived"})
"""Stages, in lower case, that put no model to use."""

WITHDRAWN: Final = "Development"
"""The stage that a promotion which is refused is set back to."""

_ARTIFACTS: Final = "artifacts"
_READ_ONLY: Final = frozenset({"provisioningState"})


class AzuremlRegistry(Registry):
    """The workspaces and registries that the SDK's own client reaches."""

    name: ClassVar[str] = "azureml"
    schemes: ClassVar[Sequence[str]] = ("azureml",)

    def resolve(self, uri: str) -> ResolvedModel:
        """Turn a URI into files on this machine.

        Args:
            uri: as for ``uri.parse_uri``; it names a version, a label, or a path in a datastore or a job.

        Returns:
            The model; what was downloaded is deleted when the process ends.

        Raises:
            MalformedError: the URI is not one of Azure ML's, or a card in the folder cannot be read.
            PlatformError: Azure refused, failed, or has no such model.
            DigestMismatchError: what came is not what the storage's own digest says.
            MissingExtraError: the SDK is not installed.
        """
        return self._bring(parse_uri(uri), uri, {}, delete_at_exit)

    @contextmanager
    def checkout(
        self, uri: str, *, stated: Mapping[str, Any] | None = None
    ) -> Generator[ResolvedModel, None, None]:
        """Resolve for a while: what had to be downloaded is deleted at the end.

        Args:
            uri: a URI as for ``resolve``.
            stated: the properties of the version that is about to be made of it, as the service takes them.

        Raises:
            WeightmarkError: as ``resolve``.
        """
        with deleted_after() as keep:
            yield self._bring(parse_uri(uri), uri, stated or {}, keep)

    def pin(self, uri: str) -> str:
        """Write out where a model is, and replace a label by the version it stands for now.

        Raises:
            MalformedError: the URI is not one of Azure ML's.
            PlatformError: Azure refused, failed, or has no such version.
        """
        parsed = parse_uri(uri)
        if not parsed.is_model:
            return uri
        if parsed.version and (place := parsed.place or configured_place()) is not None:
            return version_uri(place, parsed.name, parsed.version)
        service = Service(parsed.place)
        return version_uri(service.place, parsed.name, _version(service, parsed))

    def annotate(self, uri: str, tags: Mapping[str, str]) -> None:
        """Write tags to a model version; nothing is sent when they are there already.

        Raises:
            MalformedError: the URI is not one of Azure ML's.
            PlatformError: Azure refused or failed, or the URI names bytes only.
        """
        parsed = parse_uri(uri)
        if not parsed.is_model:
            raise PlatformError(f"{uri!r} names bytes only; Azure ML keeps no tags there")
        service = Service(parsed.place)
        path = _path(parsed.name, _version(service, parsed))
        self._change(service, path, lambda stated: {"tags": {**(stated.get("tags") or {}), **tags}})

    def versions(self, uri: str) -> Iterator[ListedVersion]:
        """List versions, model by model, each model's oldest first, archived ones too.

        Args:
            uri: ``azureml:`` for the configured workspace, ``azureml:name``, a workspace, a registry, or a
                model in one of them.

        Raises:
            MalformedError: the URI is not one of Azure ML's.
            PlatformError: Azure refused, failed, or cannot list what is there.
        """
        parsed = parse_uri(uri)
        if parsed.datastore or parsed.job or parsed.version or parsed.label:
            raise PlatformError(
                f"there is nothing to list at {uri!r}", hint="Name a workspace, a registry or a model."
            )
        service = Service(parsed.place)
        deployed = deployed_uris(service)
        names: Iterator[str] = iter([parsed.name])
        if not parsed.name:
            names = (str(model["name"]) for model in service.items("models", listViewType="All"))
        for name in names:
            query = {"listViewType": "All", "$orderBy": "createdtime asc"}
            for found in service.items(f"models/{name}/versions", **query):
                number = str(found["name"])
                exact = version_uri(service.place, name, number)
                yield ListedVersion(
                    uri=exact,
                    name=name,
                    version=number,
                    deployed=exact in deployed or is_promoted(found["properties"].get("stage")),
                    tags=found["properties"].get("tags") or {},
                )

    def withdraw(self, event: ModelEvent, reason: str) -> bool:
        """Undo a use: a promoted version's stage is set back, a deployment gets no more traffic.

        Returns:
            Whether the use is undone; False for batch deployments, which have no traffic.

        Raises:
            MalformedError: the URI is not one of Azure ML's.
            PlatformError: Azure refused or failed.
        """
        del reason  # it is among the tags, which are written before
        parsed = parse_uri(event.uri)
        service = Service(parsed.place)
        if event.kind is EventKind.DEPLOY:
            return stop_traffic(service, event.uri, event.context.get("endpoint", ""))
        if event.kind is not EventKind.PROMOTE:
            return False
        path = _path(parsed.name, _version(service, parsed))
        self._change(
            service, path, lambda stated: {"stage": WITHDRAWN} if is_promoted(stated.get("stage")) else {}
        )
        return True

    def inspect(self) -> PlatformStatus:
        """Look at what is installed, connected and hooked; asks the workspace once."""
        try:
            installed = version("azure-ai-ml")
        except PackageNotFoundError:
            return PlatformStatus(hint="pip install 'weightmark[azureml]'")
        hooked = _hooked()
        place = configured_place()
        if place is None:
            hint = "Set AZUREML_ARM_SUBSCRIPTION, AZUREML_ARM_RESOURCEGROUP and AZUREML_ARM_WORKSPACE_NAME."
            return PlatformStatus(installed=installed, hooked=hooked, hint=hint)
        try:
            reachable, hint = Service(place).is_there(), ""
        except PlatformError as error:
            reachable, hint = False, error.hint or error.message
        except Exception as error:
            reachable, hint = False, f"The SDK failed: {type(error).__name__}."
        if reachable and not hooked:
            hint = f"Call weightmark_hooks.azureml.protect(), or set {HOOKS}=azureml."
        return PlatformStatus(
            installed=installed, server=place.uri, reachable=reachable, hooked=hooked, hint=hint
        )

    def _bring(
        self, parsed: AzureUri, uri: str, stated: Mapping[str, Any], keep: Callable[[Path], object]
    ) -> ResolvedModel:
        if not (parsed.is_model or parsed.datastore or parsed.job):
            raise MalformedError(f"{uri!r} names no version of a model", hint="Add its version.")
        service = Service(parsed.place)
        if not parsed.is_model:
            path = _bytes(service, parsed, uri, keep)
            return ResolvedModel(
                uri=uri, path=path, facts=gather_facts(service, stated, path, job=parsed.job)
            )
        number = _version(service, parsed)
        found = service.get(_path(parsed.name, number))["properties"]
        exact = version_uri(service.place, parsed.name, number)
        location = str(found.get("modelUri") or "")
        job = str(found.get("jobName") or "")
        if service.place.registry:
            path = fetch_shared(service, (parsed.name, number), location, exact, keep)
        else:
            at = _location(location, exact)
            path, job = _bytes(service, at, exact, keep), job or at.job
        facts = gather_facts(service, found, path, job=job)
        return ResolvedModel(uri=exact, path=path, name=parsed.name, version=number, facts=facts)

    def _change(
        self, service: Service, path: str, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    ) -> None:
        stated = dict(service.get(path)["properties"])
        changed = {**stated, **change(stated)}
        if changed != stated:
            kept = {
                key: value for key, value in changed.items() if key not in _READ_ONLY and value is not None
            }
            service.put(path, {"properties": kept})


def is_promoted(stage: Any) -> bool:
    """Say whether a stage puts a model to use.

    >>> is_promoted("Production"), is_promoted("Archived"), is_promoted(None)
    (True, False, False)
    """
    return str(stage or "").strip().lower() not in FREE_STAGES


def _path(name: str, number: str) -> str:
    return f"models/{name}/versions/{number}"


def _version(service: Service, parsed: AzureUri) -> str:
    """Give the version that is meant; a label is asked for."""
    if parsed.version:
        return parsed.version
    if parsed.label.lower() != LATEST:
        raise PlatformError(
            f"Azure ML resolves no label of a model but {LATEST!r}, not {parsed.label!r}",
            hint=f"Name the version, or {LATEST}.",
        )
    query = {"$orderBy": "createdtime desc", "$top": "1"}
    found = service.get(f"models/{parsed.name}/versions", **query).get("value") or ()
    for latest in found:
        return str(latest["name"])
    raise PlatformError(f"{service.place.uri!r} has no version of {parsed.name!r}")


def _location(location: str, uri: str) -> AzureUri:
    """Read where a version says that its bytes are."""
    if location.startswith("runs:/"):
        job, _, path = location.removeprefix("runs:/").partition("/")
        location = f"azureml://jobs/{job}/outputs/{_ARTIFACTS}/paths/{path}"
    parsed = parse_uri(location)
    if not parsed.datastore and not parsed.job:
        raise PlatformError(
            f"{uri!r} has its bytes at {location!r}, where they cannot be read",
            hint="Register the model from a datastore of the workspace.",
        )
    return parsed


def _bytes(service: Service, parsed: AzureUri, uri: str, keep: Callable[[Path], object]) -> Path:
    if parsed.place is not None and parsed.place != service.place:
        service = Service(parsed.place)
    if parsed.datastore:
        return fetch_stored(service, parsed.datastore, parsed.path, uri, keep)
    if parsed.output == _ARTIFACTS:
        path = f"ExperimentRun/dcid.{parsed.job}/{parsed.path}"
        return fetch_stored(service, "workspaceartifactstore", path.rstrip("/"), uri, keep)
    outputs = pairs(pairs(service.get(f"jobs/{parsed.job}")["properties"]).get("outputs"))
    written = pairs(outputs.get(parsed.output)).get("uri")
    default = f"azureml://datastores/workspaceblobstore/paths/azureml/{parsed.job}/{parsed.output}"
    at = _location(str(written or default), uri)
    path = f"{at.path}/{parsed.path}".strip("/")
    return fetch_stored(service, at.datastore, path, uri, keep)


def _hooked() -> str:
    client = getattr(sys.modules.get("azure.ai.ml"), "MLClient", None)
    if hasattr(getattr(client, "__init__", None), "weightmark"):
        return "guarded client"
    named = os.environ.get(HOOKS, "").lower().replace(" ", "").split(",")
    return HOOKS if "azureml" in named else ""
