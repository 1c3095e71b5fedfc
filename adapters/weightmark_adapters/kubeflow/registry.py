"""Kubeflow's Model Registry and the object stores of its pipelines, as a Registry.

Not promised: that objects keep their bytes; a URI of objects names a place. ``weightmark verify`` tells.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

from weightmark.errors import PlatformError, WeightmarkError
from weightmark.model.card import read_facts, state_facts
from weightmark.model.event import ModelEvent
from weightmark.ports import ListedVersion, PlatformStatus, Registry, ResolvedModel
from weightmark.ports.download import delete_at_exit, deleted_after
from weightmark_adapters.kubeflow import sdk
from weightmark_adapters.kubeflow.artifact import bring
from weightmark_adapters.kubeflow.server import ADDRESS, Server, host, is_archived, shown_address, texts_of
from weightmark_adapters.kubeflow.uri import SCHEME, STORE, parse_model, parse_object, version_uri


class KubeflowRegistry(Registry):
    """The Model Registry that ``MODEL_REGISTRY_BASE_URL`` names, and the objects of pipelines in MinIO."""

    name: ClassVar[str] = "kubeflow"
    schemes: ClassVar[Sequence[str]] = (SCHEME, STORE)

    def resolve(self, uri: str) -> ResolvedModel:
        """Turn a URI into files on this machine.

        Args:
            uri: ``model-registry://NAME/VERSION``, ``model-registry://NAME`` for its newest version, or the
                URI of a pipeline's model, ``minio://bucket/key``. ``s3://bucket/key`` is read too, for a
                pipeline's own steps; elsewhere that scheme belongs to the adapter for remote models.

        Raises:
            MalformedError: the URI is not one of these, or a card in the folder cannot be read.
            PlatformError: Kubeflow refused, failed, or has no such model.
            DigestMismatchError: what came is not what the store's own digest says.
            MissingExtraError: Kubeflow's libraries are not installed.
        """
        return self._bring(uri, delete_at_exit)

    @contextmanager
    def checkout(self, uri: str) -> Generator[ResolvedModel, None, None]:
        """Resolve for a while: what had to be downloaded is deleted at the end.

        Raises:
            WeightmarkError: as ``resolve``.
        """
        with deleted_after() as keep:
            yield self._bring(uri, keep)

    def pin(self, uri: str) -> str:
        """Name the version for which a model's name stands now; leave all else as it is.

        Raises:
            MalformedError: the URI is not one of Kubeflow's.
            PlatformError: Kubeflow refused, failed, or has no such model.
        """
        if not uri.startswith(f"{SCHEME}:"):
            return parse_object(uri).uri
        parsed = parse_model(uri, host())
        if parsed.version:
            return version_uri(parsed.name, parsed.version)
        with sdk.speaking(uri):
            server = Server()
            model = server.model(parsed.name)
            return version_uri(model.name, server.version(model, "").name)

    def annotate(self, uri: str, tags: Mapping[str, str]) -> None:
        """Write tags as custom properties of a version; only when one of them is not there already.

        The other properties stay, of whatever type they are. A place for objects keeps no tags, so nothing
        is written there.

        Raises:
            MalformedError: the URI is not one of Kubeflow's.
            PlatformError: the Model Registry refused or failed.
        """
        if not uri.startswith(f"{SCHEME}:"):
            parse_object(uri)
            return
        server, _, found = self._find(uri)
        present = texts_of(found.custom_properties)
        if all(present.get(key) == value for key, value in tags.items()):
            return
        self._update(uri, server, found, tags)

    def versions(self, uri: str) -> Iterator[ListedVersion]:
        """List the versions of all models, or of one.

        Args:
            uri: ``model-registry://`` for all, ``model-registry://NAME`` for one model.

        Raises:
            MalformedError: the URI is not one of the Model Registry's.
            PlatformError: the Model Registry refused or failed.
        """
        parsed = None if uri == f"{SCHEME}://" else parse_model(uri, host())
        with sdk.speaking(uri):
            server = Server()
            models = server.models() if parsed is None else iter([server.model(parsed.name)])
            running = _running(server)
            for model in models:
                for found in server.versions(model):
                    if parsed is not None and parsed.version not in {"", found.name}:
                        continue
                    yield ListedVersion(
                        uri=version_uri(model.name, found.name),
                        name=model.name,
                        version=found.name,
                        deployed=found.id in running and not is_archived(found),
                        tags=texts_of(found.custom_properties),
                    )

    def withdraw(self, event: ModelEvent, reason: str) -> bool:
        """Undeploy what serves the version, and archive the version; its files and properties stay.

        Raises:
            MalformedError: the URI is not one of Kubeflow's.
            PlatformError: the Model Registry refused or failed.
        """
        if not event.uri.startswith(f"{SCHEME}:"):
            return False
        del reason  # it is among the tags, which are written before
        server, _, found = self._find(event.uri)
        api = sdk.load("mr_openapi")
        with sdk.speaking(event.uri):
            for service in _serving(server, found.id):
                update = api.InferenceServiceUpdate(desiredState=api.InferenceServiceState.UNDEPLOYED)
                server.call("update_inference_service", service.id, update)
        if not is_archived(found):
            self._update(event.uri, server, found, {}, state=api.ModelVersionState.ARCHIVED)
        return True

    def inspect(self) -> PlatformStatus:
        """Look at what is installed, and whether the Model Registry answers."""
        installed = ", ".join(
            f"{name} {found}" for name in ("kfp", "model-registry") if (found := _installed(name))
        )
        hooked = "components, `weightmark kfp lint`" if _installed("kfp") else ""
        status = PlatformStatus(installed=installed, server=shown_address(), hooked=hooked)
        if not installed:
            return PlatformStatus(hint="pip install 'weightmark[kubeflow]'")
        if not status.server:
            hint = f"Pipelines need no more; for the Model Registry set {ADDRESS}."
            return PlatformStatus(installed=installed, hooked=hooked, hint=hint)
        try:
            with sdk.speaking(status.server):
                Server(timeout=3).ping()
        except WeightmarkError as error:
            hint = f"{error.message}. {error.hint}".strip()
            return PlatformStatus(
                installed=installed, server=status.server, reachable=False, hooked=hooked, hint=hint
            )
        except Exception as error:
            return PlatformStatus(
                installed=installed,
                server=status.server,
                reachable=False,
                hooked=hooked,
                hint=f"The Model Registry could not be asked: {type(error).__name__}.",
            )
        return PlatformStatus(installed=installed, server=status.server, reachable=True, hooked=hooked)

    def _bring(self, uri: str, keep: Callable[[Path], object]) -> ResolvedModel:
        if not uri.startswith(f"{SCHEME}:"):
            exact = parse_object(uri).uri
            path = bring(uri, keep)
            return ResolvedModel(uri=exact, path=path, facts=read_facts(path))
        server, model, found = self._find(uri)
        with sdk.speaking(uri):
            artifact = server.artifact(found)
        exact = version_uri(model.name, found.name)
        if artifact is None or not artifact.uri:
            raise PlatformError(
                f"{exact!r} has no model artifact: its registration was not finished",
                hint="Register it again, or delete the version.",
            )
        path = bring(artifact.uri, keep)
        stated = [texts_of(part.custom_properties) for part in (found, artifact, model)]
        return ResolvedModel(
            uri=exact,
            path=path,
            name=model.name,
            version=found.name,
            facts=state_facts(*stated, read_facts(path)),
        )

    def _find(self, uri: str) -> tuple[Server, Any, Any]:
        parsed = parse_model(uri, host())
        with sdk.speaking(uri):
            server = Server()
            model = server.model(parsed.name)
            return server, model, server.version(model, parsed.version)

    def _update(self, uri: str, server: Server, found: Any, tags: Mapping[str, str], **changes: Any) -> None:
        api = sdk.load("mr_openapi")
        with sdk.speaking(uri):
            written = {
                key: api.MetadataValue(
                    api.MetadataStringValue(string_value=value, metadataType="MetadataStringValue")
                )
                for key, value in tags.items()
            }
            properties: dict[str, Any] = {**(found.custom_properties or {}), **written}
            update = api.ModelVersionUpdate(customProperties=properties, **changes)
            server.call("update_model_version", found.id, update)


def _serving(server: Server, version_id: str) -> Iterator[Any]:
    for service in server.services():
        state = getattr(service.desired_state, "value", service.desired_state)
        if state == "DEPLOYED" and service.model_version_id == version_id:
            yield service


def _running(server: Server) -> frozenset[str]:
    """Give the identifiers of the versions that something serves; a registry without services has none."""
    try:
        services = list(server.services())
    except Exception as error:
        if getattr(error, "status", None) == HTTPStatus.NOT_FOUND:
            return frozenset()
        raise
    deployed = [
        service
        for service in services
        if getattr(service.desired_state, "value", service.desired_state) == "DEPLOYED"
    ]
    return frozenset(str(service.model_version_id) for service in deployed if service.model_version_id)


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
