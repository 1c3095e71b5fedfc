"""MLflow's model registry, its logged models and its runs, as a Registry.

Not promised: that an alias still points where it did; ``resolve`` answers with the version that it found.
"""

import atexit
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

from weightmark.errors import MalformedError, PlatformError
from weightmark.model.card import read_facts, state_facts
from weightmark.ports import Registry
from weightmark.ports.registry import ResolvedModel
from weightmark_adapters.mlflow import artifact, sdk
from weightmark_adapters.mlflow.uri import ModelUri, parse_uri, version_uri

GUARD: Final = "weightmark+"
"""Before the scheme of a registry URI: the same registry, guarded."""

OWN_FILES: Final = frozenset({"registered_model_meta"})
"""Files that MLflow itself writes to the top of a model's folder when it is loaded."""

_MAX_PAGES: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a model is: its exact URI, its bytes' location, and what was stated about it, nearest first."""

    uri: str
    location: str
    name: str = ""
    version: str = ""
    stated: tuple[Mapping[str, str], ...] = field(default=())


class MlflowRegistry(Registry):
    """The registry that MLflow's own client uses.

    Args:
        tracking_uri: where runs and logged models are; None for what MLflow's client was told.
        registry_uri: where registered models are; None for what MLflow's client was told.
    """

    name: ClassVar[str] = "mlflow"
    schemes: ClassVar[Sequence[str]] = ("models", "runs", "mlflow-artifacts")

    def __init__(self, *, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        self._tracking_uri = tracking_uri
        self._registry_uri = registry_uri

    def resolve(self, uri: str) -> ResolvedModel:
        """Turn a URI into files on this machine.

        Args:
            uri: ``models:/name/3``, ``models:/name@alias``, ``models:/name/latest``, ``models:/m-id``,
                ``runs:/id/path`` or ``mlflow-artifacts:/path``.

        Returns:
            The model; what had to be downloaded is deleted when the process ends.

        Raises:
            MalformedError: the URI is not one of MLflow's, or a card in the folder cannot be read.
            PlatformError: MLflow refused, failed, or has no such model.
            MissingExtraError: MLflow is not installed.
        """
        parse_uri(uri)
        return self._bring(self._locate(uri), {}, _delete_at_exit)

    @contextmanager
    def checkout(
        self, uri: str, *, tags: Mapping[str, str] | None = None, model_id: str = "", run_id: str = ""
    ) -> Generator[ResolvedModel, None, None]:
        """Resolve for a while: what had to be downloaded is deleted at the end.

        Args:
            uri: a URI as for ``resolve``, or a path or an artifact URI of the server's own store.
            tags: what is stated about the model before anything else.
            model_id: the logged model that it belongs to; empty when not known.
            run_id: the run that made it; empty when not known.

        Raises:
            MalformedError: the URI is malformed, or a card in the folder cannot be read.
            PlatformError: MLflow refused, failed, or has no such model.
            MissingExtraError: MLflow is not installed.
        """
        folders: list[Path] = []
        try:
            place = self._locate(uri) if _is_named(uri) else _Place(uri=uri, location=uri)
            with sdk.speaking(uri):
                origin = self._origin(model_id, run_id)
            stated = _Place(
                uri=place.uri,
                location=place.location,
                name=place.name,
                version=place.version,
                stated=(*place.stated, *origin),
            )
            yield self._bring(stated, tags or {}, folders.append)
        finally:
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)

    def pin(self, uri: str) -> str:
        """Replace an alias, a stage or ``latest`` by the version it stands for now; leave all else as it is.

        Raises:
            MalformedError: the URI is not one of MLflow's.
            PlatformError: MLflow refused, failed, or has no such version.
        """
        parsed = parse_uri(uri)
        if not parsed.name or parsed.version:
            return uri
        with sdk.speaking(uri):
            return version_uri(parsed.name, str(self._version(self._client(), parsed).version))

    def annotate(self, uri: str, tags: Mapping[str, str]) -> None:
        """Write tags to a model version, a logged model or a run; only those that are not there already.

        Args:
            uri: ``models:/name/3`` or any other that names one; an alias is followed.
            tags: key and value.

        Raises:
            MalformedError: the URI is not one of MLflow's.
            PlatformError: MLflow refused or failed.
        """
        parsed = parse_uri(uri)
        client = self._client()
        with sdk.speaking(uri):
            if parsed.run_id:
                present = client.get_run(parsed.run_id).data.tags
                for key, value in _missing(tags, present):
                    client.set_tag(parsed.run_id, key, value)
            elif parsed.model_id:
                missing = dict(_missing(tags, client.get_logged_model(parsed.model_id).tags))
                if missing:
                    client.set_logged_model_tags(parsed.model_id, missing)
            elif parsed.name:
                version = self._version(client, parsed)
                for key, value in _missing(tags, version.tags):
                    client.set_model_version_tag(parsed.name, str(version.version), key, value)
            else:
                raise PlatformError(f"{uri!r} names bytes only; MLflow keeps no tags there")

    def _locate(self, uri: str) -> _Place:
        parsed = parse_uri(uri)
        if parsed.scheme == "mlflow-artifacts":
            return _Place(uri=uri, location=uri)
        client = self._client()
        with sdk.speaking(uri):
            if parsed.run_id:
                return self._locate_run(client, uri, parsed)
            if parsed.model_id:
                model = client.get_logged_model(parsed.model_id)
                stated = self._origin(parsed.model_id, "")
                return _Place(uri=uri, location=str(model.artifact_location), stated=stated)
            return self._locate_version(client, parsed)

    def _locate_version(self, client: Any, parsed: ModelUri) -> _Place:
        found = self._version(client, parsed)
        name, version = str(found.name), str(found.version)
        location = str(client.get_model_version_download_uri(name, version))
        model = client.get_registered_model(name)
        origin = self._origin(getattr(found, "model_id", None) or "", found.run_id or "")
        exact = version_uri(name, version)
        if _is_named(location) and location != exact:
            place = self._locate(location)
            location, origin = place.location, (*place.stated, *origin)
        return _Place(
            uri=exact, location=location, name=name, version=version, stated=(found.tags, model.tags, *origin)
        )

    def _locate_run(self, client: Any, uri: str, parsed: ModelUri) -> _Place:
        run = client.get_run(parsed.run_id)
        location = artifact.join(str(run.info.artifact_uri), parsed.path)
        name, _, rest = parsed.path.partition("/")
        models = [model for model in self._logged(client, run, name) if name]
        if models and artifact.is_filled(location, self._tracking()):
            raise PlatformError(
                f"{uri!r} names both the run's artifacts and the logged model {models[0].model_id}",
                hint=f"Name the logged model: models:/{models[0].model_id}.",
            )
        stated: tuple[Mapping[str, str], ...] = (run.data.tags,)
        if models:
            location = artifact.join(str(models[0].artifact_location), rest)
            stated = (models[0].tags, models[0].params, run.data.tags)
        return _Place(uri=uri, location=location, stated=stated)

    def _logged(self, client: Any, run: Any, name: str) -> Iterator[Any]:
        """Give the logged models of a run by name, as MLflow finds them to load ``runs:/id/name``."""
        if not name or "'" in name or "\\" in name:
            return
        token: str | None = None
        for _ in range(_MAX_PAGES):
            page = client.search_logged_models(
                experiment_ids=[run.info.experiment_id], filter_string=f"name = '{name}'", page_token=token
            )
            yield from (model for model in page if model.source_run_id == run.info.run_id)
            token = page.token
            if not token:
                return

    def _origin(self, model_id: str, run_id: str) -> tuple[Mapping[str, str], ...]:
        """Give what was stated about a logged model and the run behind it."""
        stated: list[Mapping[str, str]] = []
        client = self._client() if model_id or run_id else None
        if client is not None and model_id:
            model = client.get_logged_model(model_id)
            stated += [model.tags, model.params]
            run_id = run_id or model.source_run_id or ""
        if client is not None and run_id:
            stated.append(client.get_run(run_id).data.tags)
        return tuple(stated)

    def _version(self, client: Any, parsed: ModelUri) -> Any:
        if parsed.version:
            return client.get_model_version(parsed.name, parsed.version)
        if parsed.alias and parsed.alias.lower() != "latest":
            return client.get_model_version_by_alias(parsed.name, parsed.alias)
        if "'" in parsed.name and '"' in parsed.name:
            raise MalformedError(f"the name {parsed.name!r} holds both kinds of quotes")
        quote = '"' if "'" in parsed.name else "'"
        found = [
            version
            for version in client.search_model_versions(f"name = {quote}{parsed.name}{quote}")
            if not parsed.stage or str(version.current_stage).lower() == parsed.stage.lower()
        ]
        if not found:
            raise PlatformError(f"MLflow has no {parsed.stage or 'latest'} version of {parsed.name!r}")
        return max(found, key=lambda version: int(version.version))

    def _client(self) -> Any:
        """Make MLflow's client for the registry itself, not its guarded form: our own reads and tags pass."""
        mlflow = sdk.load()
        registry_uri = (self._registry_uri or str(mlflow.get_registry_uri())).removeprefix(GUARD)
        return mlflow.MlflowClient(tracking_uri=self._tracking(), registry_uri=registry_uri)

    def _tracking(self) -> str:
        return artifact.server_backend() or self._tracking_uri or str(sdk.load().get_tracking_uri())

    def _bring(self, place: _Place, tags: Mapping[str, str], keep: Callable[[Path], object]) -> ResolvedModel:
        path = artifact.bring(place.location, self._tracking(), keep)
        return ResolvedModel(
            uri=place.uri,
            path=path,
            name=place.name,
            version=place.version,
            facts=state_facts(tags, *place.stated, read_facts(path)),
            ignore=OWN_FILES,
        )


def _delete_at_exit(folder: Path) -> None:
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def _is_named(source: str) -> bool:
    return source.partition(":")[0] in {"models", "runs"}


def _missing(tags: Mapping[str, str], present: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((key, value) for key, value in tags.items() if present.get(key) != value)
