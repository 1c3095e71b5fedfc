"""MLflow's model registry, its logged models and its runs, as a Registry.

Not promised: that an alias still points where it did; ``resolve`` answers with the version that it found.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

from weightmark.model.card import read_facts, state_facts
from weightmark.model.event import ModelEvent
from weightmark.ports import Registry
from weightmark.ports.download import delete_at_exit, deleted_after
from weightmark.ports.registry import ListedVersion, PlatformStatus, ResolvedModel
from weightmark_adapters.mlflow import artifact, sdk
from weightmark_adapters.mlflow.annotation import annotate
from weightmark_adapters.mlflow.inspection import inspect
from weightmark_adapters.mlflow.listing import list_versions
from weightmark_adapters.mlflow.place import Finder, Place, is_named
from weightmark_adapters.mlflow.uri import parse_listing, parse_uri, version_uri
from weightmark_adapters.mlflow.withdrawal import withdraw

OWN_FILES: Final = frozenset({"registered_model_meta"})
"""Files that MLflow itself writes to the top of a model's folder when it is loaded."""


class MlflowRegistry(Registry):
    """The registry that MLflow's own client uses.

    Args:
        tracking_uri: where runs and logged models are; None for what MLflow's client was told.
        registry_uri: where registered models are; None for what MLflow's client was told.
    """

    name: ClassVar[str] = "mlflow"
    schemes: ClassVar[Sequence[str]] = ("models", "runs", "mlflow-artifacts")

    def __init__(self, *, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        self._finder = Finder(tracking_uri, registry_uri)

    def resolve(self, uri: str) -> ResolvedModel:
        """Turn a URI into files on this machine.

        Args:
            uri: ``models:/name/3``, ``models:/name@alias``, ``models:/name/latest``, ``models:/m-id``,
                ``runs:/id/path`` or ``mlflow-artifacts:/path``.

        Returns:
            The model; what had to be downloaded is deleted when the process ends. A logged model or a run's
            folder that was registered is that version.

        Raises:
            MalformedError: the URI is not one of MLflow's, or a card in the folder cannot be read.
            PlatformError: MLflow refused, failed, or has no such model.
            MissingExtraError: MLflow is not installed.
        """
        exact = self.pin(uri)
        with sdk.speaking(uri):
            place = self._finder.locate(exact)
        return self._bring(place, {}, delete_at_exit)

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
        with deleted_after() as keep:
            with sdk.speaking(uri):
                place = self._finder.locate(uri) if is_named(uri) else Place(uri=uri, location=uri)
                if not (model_id and uri == f"models:/{model_id}"):
                    place = replace(place, origin=place.origin + self._finder.origin(model_id, run_id))
            yield self._bring(place, tags or {}, keep)

    def pin(self, uri: str) -> str:
        """Replace an alias, a stage or ``latest`` by the version it stands for now.

        A logged model and a run's folder become the newest version that was registered from them; when there
        is none, and for a version itself, the URI stays as it is.

        Raises:
            MalformedError: the URI is not one of MLflow's.
            PlatformError: MLflow refused, failed, or has no such version.
        """
        parsed = parse_uri(uri)
        if parsed.version or parsed.scheme == "mlflow-artifacts":
            return version_uri(parsed.name, parsed.version) if parsed.version else uri
        with sdk.speaking(uri):
            if not parsed.name:
                return self._finder.registered(parsed) or uri
            return version_uri(parsed.name, str(self._finder.version(parsed).version))

    def annotate(self, uri: str, tags: Mapping[str, str]) -> None:
        """Write tags to a model version, a logged model or a run; only those that are not there already.

        A version with no description of its own gets a link for people to its record, when there is one.

        Args:
            uri: ``models:/name/3`` or any other that names one; an alias is followed.
            tags: key and value.

        Raises:
            MalformedError: the URI is not one of MLflow's.
            PlatformError: MLflow refused or failed.
        """
        with sdk.speaking(uri):
            annotate(self._finder, uri, tags)

    def tell_logged_model(self, uri: str, tags: Mapping[str, str]) -> None:
        """Write tags to a logged model in one request, without asking what it has.

        Raises:
            MalformedError: the URI is not one of MLflow's.
            PlatformError: MLflow refused or failed.
        """
        with sdk.speaking(uri):
            self._finder.client.set_logged_model_tags(parse_uri(uri).model_id, dict(tags))

    def versions(self, uri: str) -> Iterator[ListedVersion]:
        """List the versions of the registry or of one model, the first created first.

        Args:
            uri: ``models:/`` or ``models:/name``.

        Raises:
            MalformedError: the URI is neither.
            PlatformError: MLflow refused or failed.
        """
        return list_versions(self._finder, uri, parse_listing(uri))

    def withdraw(self, event: ModelEvent, reason: str) -> bool:
        """Take a version out of use: the alias or the stage that the event set, or all when it names none.

        Args:
            event: what happened; its context may hold ``alias`` or ``stage``.
            reason: why, for the tag ``weightmark.reason``.

        Returns:
            True: it is out of use, or was already.

        Raises:
            MalformedError: the event's URI is not one of MLflow's.
            PlatformError: MLflow refused or failed.
        """
        with sdk.speaking(event.uri):
            return withdraw(self._finder, event, reason)

    def inspect(self) -> PlatformStatus:
        """Look at MLflow's version, its server and what guards it.

        Raises:
            Nothing.
        """
        return inspect(self._finder)

    def _bring(self, place: Place, tags: Mapping[str, str], keep: Callable[[Path], object]) -> ResolvedModel:
        path = artifact.bring(place.location, self._finder.tracking, keep)
        return ResolvedModel(
            uri=place.uri,
            path=path,
            name=place.name,
            version=place.version,
            facts=state_facts(tags, *place.origin.stated, read_facts(path), place.origin.noted),
            ignore=OWN_FILES,
        )
