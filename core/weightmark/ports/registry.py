"""The port of a platform's model registry."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedModel:
    """A model that a URI named, with its bytes at hand.

    Attributes:
        uri: the URI that names this version and no other (an alias is replaced by its version).
        path: the folder or file on this machine.
        name: the model's name on the platform; empty when it has none.
        version: its version there; empty when it has none.
        facts: what the platform's user stated, by the keys of ``vocabulary.Fact``.
        ignore: names of files at the top of the folder that the platform itself puts there and changes.
    """

    uri: str
    path: Path
    name: str = ""
    version: str = ""
    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    ignore: frozenset[str] = frozenset()


class Registry(ABC):
    """One platform's registry. Made without arguments; finds its server as the platform's own client does."""

    name: ClassVar[str]
    schemes: ClassVar[Sequence[str]]
    """The URI schemes it resolves: ``models``, ``runs``."""

    @abstractmethod
    def resolve(self, uri: str) -> ResolvedModel:
        """Turn a URI into files on this machine.

        Raises:
            MalformedError: the URI is not one of this platform's.
            PlatformError: the platform refused, failed, or has no such model.
            MissingExtraError: the platform's library is not installed.
        """

    @abstractmethod
    def annotate(self, uri: str, tags: Mapping[str, str]) -> None:
        """Write tags to the model version; the same tags written twice are there once.

        Raises:
            PlatformError: the platform refused or failed.
        """
