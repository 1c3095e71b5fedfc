"""Where a model is that a URI of MLflow's names, and what MLflow knows about it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from weightmark.errors import MalformedError, PlatformError
from weightmark_adapters.mlflow import artifact, sdk
from weightmark_adapters.mlflow.lineage import MAX_PARENTS, PARENT_RUN, is_base, read_lineage
from weightmark_adapters.mlflow.uri import GUARD, ModelUri, parse_uri, version_uri

_MAX_PAGES: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What is known of where a model came from.

    Attributes:
        stated: tags and parameters that people set, nearest first; they count more than the model's own card.
        noted: what MLflow noted by itself, by the keys of ``Fact``; it counts less.
    """

    stated: tuple[Mapping[str, str], ...] = ()
    noted: Mapping[str, str] = field(default_factory=dict[str, str])

    def __add__(self, other: "Origin") -> "Origin":
        """Put what is further away behind."""
        return Origin(stated=(*self.stated, *other.stated), noted={**other.noted, **self.noted})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a model is: its exact URI, its bytes' location, and what is known about it."""

    uri: str
    location: str
    name: str = ""
    version: str = ""
    origin: Origin = field(default_factory=Origin)


class Finder:
    """Asks MLflow's client where things are. Everything it calls is to be called inside ``sdk.speaking``.

    Args:
        tracking_uri: where runs and logged models are; None for what MLflow's client was told.
        registry_uri: where registered models are; None for what MLflow's client was told.
    """

    def __init__(self, tracking_uri: str | None, registry_uri: str | None) -> None:
        self._tracking_uri = tracking_uri
        self._registry_uri = registry_uri

    @property
    def tracking(self) -> str:
        """Where runs and logged models are; inside a server, its own database."""
        return artifact.server_backend() or self._tracking_uri or str(sdk.load().get_tracking_uri())

    @property
    def client(self) -> Any:
        """MLflow's client for the registry itself, not its guarded form: our own reads and tags pass."""
        mlflow = sdk.load()
        registry_uri = (self._registry_uri or str(mlflow.get_registry_uri())).removeprefix(GUARD)
        return mlflow.MlflowClient(tracking_uri=self.tracking, registry_uri=registry_uri)

    def locate(self, uri: str) -> Place:
        """Say where a model is.

        Raises:
            MalformedError: the URI is not one of MLflow's.
            PlatformError: it names two models.
        """
        parsed = parse_uri(uri)
        if parsed.scheme == "mlflow-artifacts":
            return Place(uri=uri, location=uri)
        client = self.client
        if parsed.run_id:
            return self._locate_run(client, uri, parsed)
        if parsed.model_id:
            model = _whole(client.get_logged_model(parsed.model_id))
            origin = self._origin(client, model, model.source_run_id or "")
            return Place(uri=uri, location=str(model.artifact_location), origin=origin)
        return self._locate_version(client, parsed)

    def origin(self, model_id: str, run_id: str) -> Origin:
        """Give what is known about a logged model and the runs behind it."""
        if not model_id and not run_id:
            return Origin()
        client = self.client
        model = _whole(client.get_logged_model(model_id)) if model_id else None
        return self._origin(client, model, run_id or (model is not None and model.source_run_id) or "")

    def version(self, parsed: ModelUri) -> Any:
        """Give the version that a URI of a registered model stands for now.

        Raises:
            MalformedError: its name cannot be asked for.
            PlatformError: there is none.
        """
        client = self.client
        if parsed.version:
            return client.get_model_version(parsed.name, parsed.version)
        if parsed.alias and parsed.alias.lower() != "latest":
            return client.get_model_version_by_alias(parsed.name, parsed.alias)
        found = [
            version
            for version in client.search_model_versions(f"name = {quoted(parsed.name)}")
            if not parsed.stage or str(version.current_stage).lower() == parsed.stage.lower()
        ]
        if not found:
            raise PlatformError(f"MLflow has no {parsed.stage or 'latest'} version of {parsed.name!r}")
        return max(found, key=lambda version: int(version.version))

    def registered(self, parsed: ModelUri) -> str:
        """Give the newest version that was registered from a logged model or a run's folder; else empty."""
        client = self.client
        if parsed.model_id:
            return _newest(
                client.search_model_versions(f"source_path = {quoted(f'models:/{parsed.model_id}')}")
            )
        if not parsed.run_id or not parsed.path:
            return ""
        run = client.get_run(parsed.run_id)
        if "/" not in parsed.path:
            for model in self._logged(client, run, parsed.path):
                if known := self.registered(ModelUri(scheme="models", model_id=str(model.model_id))):
                    return known
        sources = {
            f"runs:/{parsed.run_id}/{parsed.path}",
            artifact.join(str(run.info.artifact_uri), parsed.path),
        }
        versions = client.search_model_versions(f"run_id = {quoted(parsed.run_id)}")
        return _newest(version for version in versions if str(version.source).rstrip("/") in sources)

    def _locate_version(self, client: Any, parsed: ModelUri) -> Place:
        found = self.version(parsed)
        name, version = str(found.name), str(found.version)
        location = str(client.get_model_version_download_uri(name, version))
        model = client.get_registered_model(name)
        exact = version_uri(name, version)
        origin = Origin(stated=(found.tags, model.tags))
        if is_named(location) and location != exact:
            place = self.locate(location)
            location, origin = place.location, origin + place.origin
        origin += self.origin(_model_id(found), found.run_id or "")
        return Place(uri=exact, location=location, name=name, version=version, origin=origin)

    def _locate_run(self, client: Any, uri: str, parsed: ModelUri) -> Place:
        run = client.get_run(parsed.run_id)
        location = artifact.join(str(run.info.artifact_uri), parsed.path)
        name, _, rest = parsed.path.partition("/")
        models = [model for model in self._logged(client, run, name) if name]
        if models and artifact.is_filled(location, self.tracking):
            raise PlatformError(
                f"{uri!r} names both the run's artifacts and the logged model {models[0].model_id}",
                hint=f"Name the logged model: models:/{models[0].model_id}.",
            )
        if models:
            location = artifact.join(str(models[0].artifact_location), rest)
        origin = self._origin(client, models[0] if models else None, parsed.run_id)
        return Place(uri=uri, location=location, origin=origin)

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

    def _origin(self, client: Any, model: Any, run_id: str) -> Origin:
        runs = list(_runs(client, run_id))
        stated = [] if model is None else [model.tags, model.params]
        return Origin(
            stated=(*stated, *(run.data.tags for run in runs)),
            noted=read_lineage(model, runs, self._base_of),
        )

    def _base_of(self, model_id: str, run: Any) -> str:
        model = self.client.get_logged_model(model_id)
        if not is_base(model, run):
            return ""
        return self.registered(ModelUri(scheme="models", model_id=model_id)) or f"models:/{model_id}"


def quoted(text: str) -> str:
    """Write a text as MLflow's filters want it.

    Raises:
        MalformedError: it holds both kinds of quotes.
    """
    if "'" in text and '"' in text:
        raise MalformedError(f"the name {text!r} holds both kinds of quotes")
    quote = '"' if "'" in text else "'"
    return f"{quote}{text}{quote}"


def is_named(source: str) -> bool:
    """Say whether a source is a URI of a model or a run, not a place."""
    return source.partition(":")[0] in {"models", "runs"}


def _runs(client: Any, run_id: str) -> Iterator[Any]:
    """Give a run and those above it."""
    seen: set[str] = set()
    while run_id and run_id not in seen and len(seen) <= MAX_PARENTS:
        seen.add(run_id)
        run = client.get_run(run_id)
        yield run
        run_id = str(run.data.tags.get(PARENT_RUN, ""))


def _model_id(version: Any) -> str:
    """Give the logged model that a version was made from; older stores say it in the source only."""
    given = getattr(version, "model_id", None)
    if given:
        return str(given)
    source = str(version.source)
    return parse_uri(source).model_id if source.startswith("models:/m-") else ""


def _whole(model: Any) -> Any:
    """Give a logged model, unless its upload failed; then what lies there is a part of it.

    Raises:
        PlatformError: MLflow says that the upload failed.
    """
    if str(model.status) == "FAILED":
        raise PlatformError(
            f"the upload of the logged model {model.model_id} failed, so it is not whole",
            hint="Log the model again.",
        )
    return model


def _newest(versions: Any) -> str:
    found = max(versions, key=lambda version: int(version.creation_timestamp), default=None)
    return "" if found is None else version_uri(str(found.name), str(found.version))
