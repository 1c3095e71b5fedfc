"""The port of a platform's model registry."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from weightmark.errors import PlatformError
from weightmark.model.artifact import Artifact
from weightmark.model.event import ModelEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedModel:
    """A model that a URI named, with its bytes at hand.

    Attributes:
        uri: the URI that names this version and no other (an alias is replaced by its version).
        path: the folder or file on this machine.
        name: the model's name on the platform; empty when it has none.
        version: its version there; empty when it has none.
        facts: what the platform's user stated and what the platform knows, by the keys of
            ``vocabulary.Fact``; several base models or data sets are joined by commas.
        ignore: names of files at the top of the folder that the platform itself puts there and changes.
        artifact: the files, when they are read where they are; then ``path`` has at most the small ones. None
            when all of them are at ``path``.
    """

    uri: str
    path: Path
    name: str = ""
    version: str = ""
    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    ignore: frozenset[str] = frozenset()
    artifact: Artifact | None = None

    def open(self) -> Artifact:
        """List the files.

        Raises:
            MalformedError: they are not safe to read, or there are none.
        """
        return self.artifact or Artifact.open(self.path, ignore=self.ignore)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedVersion:
    """One model version as a registry lists it, without its bytes.

    Attributes:
        uri: the URI that names this version and no other, as ``ResolvedModel.uri`` has it.
        name: the model's name on the platform.
        version: its version there.
        deployed: whether it is in use: an alias or a stage points at it, it is approved, an endpoint runs it.
        tags: the tags it has now; empty when the platform does not list them.
    """

    uri: str
    name: str
    version: str
    deployed: bool = False
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformStatus:
    """What is there of a platform, for a person who asks what is wrong.

    Attributes:
        installed: the version of the platform's library; empty when it is not installed.
        server: the address that its client would talk to; empty when there is none. Never a secret.
        reachable: whether it answered; None when it was not asked, for want of a library or an address.
        hooked: how Weightmark is asked there (``guarded store``, ``WEIGHTMARK_HOOKS``); empty when it is not.
        hint: one sentence that says what to do next; empty when there is nothing to do.
    """

    installed: str = ""
    server: str = ""
    reachable: bool | None = None
    hooked: str = ""
    hint: str = ""


class Registry(ABC):
    """One platform's registry. Made without arguments; finds its server as the platform's own client does.

    A platform's library is imported when a method needs it, never before. What the library raises becomes a
    ``PlatformError``: ``retryable`` for an unreachable server, a time-out, 429 and 5xx; not for a missing
    model or missing rights.
    """

    name: ClassVar[str]
    schemes: ClassVar[Sequence[str]]
    """The URI schemes it resolves: ``models``, ``runs``."""

    @abstractmethod
    def resolve(self, uri: str) -> ResolvedModel:
        """Turn a URI into files on this machine; what had to be downloaded is deleted when the process ends.

        Raises:
            MalformedError: the URI is not one of this platform's.
            PlatformError: the platform refused, failed, or has no such model.
            DigestMismatchError: what came is not what the platform's own digest says.
            MissingExtraError: the platform's library is not installed.
        """

    @abstractmethod
    def annotate(self, uri: str, tags: Mapping[str, str]) -> None:
        """Write tags to the model version; the same tags written twice are there once.

        Raises:
            PlatformError: the platform refused or failed.
        """

    @contextmanager
    def checkout(self, uri: str) -> Generator[ResolvedModel, None, None]:
        """Resolve for a while: what had to be downloaded is deleted at the end, so that many fit on a disk.

        Raises:
            WeightmarkError: as ``resolve``.
        """
        yield self.resolve(uri)

    def pin(self, uri: str) -> str:
        """Replace an alias by the version it stands for now; leave a URI that names one version as it is.

        Raises:
            MalformedError: the URI is not one of this platform's.
            PlatformError: the platform refused, failed, or has no such version.
        """
        return uri

    def versions(self, uri: str) -> Iterator[ListedVersion]:
        """List what is there, oldest first where the platform says so; page by page, never all in memory.

        Args:
            uri: a server, an organisation, a project, a model: whatever the platform can list.

        Raises:
            MalformedError: the URI is not one of this platform's.
            PlatformError: the platform refused, failed, or cannot list.
        """
        raise PlatformError(f"{self.name} cannot list the versions at {uri!r}")

    def withdraw(self, event: ModelEvent, reason: str) -> bool:
        """Undo a use that happened already and is refused, by the platform's own means; idempotent.

        What counts as a use is promoted and deployed models: an approval is rejected, an alias taken away.
        The model itself is never touched.

        Args:
            event: what happened.
            reason: why it is refused, for the platform's own place for such reasons.

        Returns:
            Whether the use is undone; False when the platform has no means for it.

        Raises:
            PlatformError: the platform refused or failed.
        """
        del event, reason
        return False

    def inspect(self) -> PlatformStatus:
        """Look at what is installed, reachable and hooked; asks the server once, for seconds at most.

        Raises:
            Nothing.
        """
        return PlatformStatus(installed="built in", reachable=True, hooked="always")
