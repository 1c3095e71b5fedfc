"""Artifacts of Weights & Biases as a Registry.

A version in a registry is a link; its URI here is that of the version it links to, so that one version has
one URI whichever way it was found.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from weightmark.model.event import ModelEvent
from weightmark.ports import Registry
from weightmark.ports.download import delete_at_exit, deleted_after
from weightmark.ports.registry import ListedVersion, PlatformStatus, ResolvedModel
from weightmark.vocabulary import Tag
from weightmark_adapters.wandb import content, inspection, lineage, listing, sdk, withdrawal
from weightmark_adapters.wandb.metadata import encode_tags
from weightmark_adapters.wandb.uri import parse_uri

_MAX_VALUE = 256


class WandbRegistry(Registry):
    """The projects and registries of the server that the library is set to."""

    name: ClassVar[str] = "wandb"
    schemes: ClassVar[Sequence[str]] = ("wandb",)

    def resolve(self, uri: str) -> ResolvedModel:
        """Turn a URI into files on this machine.

        Args:
            uri: ``wandb://entity/project/name:v3``, an alias in place of the version, or a registry's path
                ``wandb://organisation/wandb-registry-model/name:v0``.

        Returns:
            The model; what was downloaded is deleted when the process ends.

        Raises:
            MalformedError: the URI is not one, or a card among the files cannot be read.
            PlatformError: the server refused, failed, or has no such artifact.
            DigestMismatchError: what came is not what the manifest says.
            MissingExtraError: the library is not installed.
        """
        return self._bring(uri, delete_at_exit)

    @contextmanager
    def checkout(self, uri: str) -> Generator[ResolvedModel, None, None]:
        """Resolve for a while: what was downloaded is deleted at the end.

        Raises:
            WeightmarkError: as ``resolve``.
        """
        with deleted_after() as keep:
            yield self._bring(uri, keep)

    def pin(self, uri: str) -> str:
        """Replace an alias, or a place in a registry, by the version it stands for now.

        Raises:
            MalformedError: the URI is not one.
            PlatformError: the server refused, failed, or has no such version.
        """
        if parse_uri(uri).is_exact:
            return uri
        return lineage.name_exactly(self._find(uri))

    def annotate(self, uri: str, tags: Mapping[str, str]) -> None:
        """Write tags into an artifact's metadata; users' keys stay, and what is there is not written again.

        Raises:
            MalformedError: the URI is not one.
            PlatformError: the server refused or failed.
        """
        artifact = self._find(uri)
        written = {**artifact.metadata, **encode_tags(tags)}
        if written != dict(artifact.metadata):
            with sdk.speaking(uri):
                artifact.metadata = written
                artifact.save()

    def versions(self, uri: str) -> Iterator[ListedVersion]:
        """List model versions, oldest first within each name.

        Args:
            uri: ``wandb://entity``, ``wandb://entity/project`` or ``wandb://entity/project/name``.

        Raises:
            MalformedError: the URI is not one.
            PlatformError: the server refused or failed.
        """
        return listing.list_versions(parse_uri(uri, listing=True), uri)

    def withdraw(self, event: ModelEvent, reason: str) -> bool:
        """Take the alias away, or the link; the model itself is never touched.

        Args:
            event: what happened; its context names the ``collection`` (entity/project/name) where, and the
                ``alias`` unless it was a link.
            reason: why; it goes into the metadata.

        Raises:
            PlatformError: the server refused or failed.
        """
        exact = self.pin(event.uri)
        self.annotate(exact, {Tag.REASON.value: reason[:_MAX_VALUE]})
        home = parse_uri(exact)
        own = f"{home.entity}/{home.project}/{home.name}"
        collection = event.context.get("collection", "") or own
        with sdk.speaking(event.uri):
            if alias := event.context.get("alias", ""):
                return withdrawal.remove_alias(exact, collection, alias)
            return collection != own and withdrawal.unlink(exact, collection)

    def inspect(self) -> PlatformStatus:
        """Look at what is installed, reachable and hooked; see ``Registry.inspect``."""
        return inspection.inspect()

    def _find(self, uri: str) -> Any:
        parsed = parse_uri(uri)
        with sdk.speaking(uri):
            return sdk.client().artifact(parsed.path)

    def _bring(self, uri: str, keep: Callable[[Path], object]) -> ResolvedModel:
        artifact = self._find(uri)
        return bring_model(artifact, keep)


def bring_model(artifact: Any, keep: Callable[[Path], object]) -> ResolvedModel:
    """Bring a logged artifact here, with what is stated and known about it.

    Args:
        artifact: the library's artifact.
        keep: is told each folder that is made.

    Raises:
        WeightmarkError: as ``WandbRegistry.resolve``.
    """
    with sdk.speaking(str(artifact.name)):
        uri = lineage.name_exactly(artifact)
        folder = content.bring(artifact, uri, keep)
        stated = lineage.stated_facts(artifact.metadata, artifact.description, folder)
        known = lineage.used_facts(lineage.used_by_run(artifact))
    parsed = parse_uri(uri)
    return ResolvedModel(
        uri=uri,
        path=folder,
        name=parsed.name,
        version=parsed.alias,
        facts=lineage.join_facts(stated, known),
    )
