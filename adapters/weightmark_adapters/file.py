"""The registry of plain paths: a folder or a file on this machine, as a path or a ``file:`` URI.

Not promised: names and versions; a path has none, and nothing is written beside the model.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from weightmark.attribution import BESIDE, names_beside
from weightmark.errors import MalformedError, PlatformError
from weightmark.hookspecs import hookimpl
from weightmark.model.card import read_facts
from weightmark.ports import Registry
from weightmark.ports.registry import ResolvedModel


class FileRegistry(Registry):
    """Models that lie on this machine."""

    name: ClassVar[str] = "file"
    schemes: ClassVar[Sequence[str]] = ("file",)

    def resolve(self, uri: str) -> ResolvedModel:
        """Find the folder or file.

        Args:
            uri: a path, or ``file:`` with an absolute path; ``~`` is the user's home folder.

        Raises:
            MalformedError: a ``file:`` URI names another machine, or a card in the folder cannot be read.
            PlatformError: there is no such folder or file.
        """
        path = local_path(uri)
        try:
            path = path.expanduser().resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise PlatformError(f"there is nothing at {str(path)!r}", hint="Check the path.") from error
        return ResolvedModel(uri=path.as_uri(), path=path, facts=read_facts(path), ignore=_ignored(path))

    def annotate(self, uri: str, tags: Mapping[str, str]) -> None:
        """Write nothing: a tag beside the model's files would change the model."""


def _ignored(path: Path) -> frozenset[str]:
    """Give what is no part of the model in a folder that came from the Hub with Weightmark's own files."""
    names = names_beside(path)
    return names if names & BESIDE else frozenset()


def local_path(uri: str) -> Path:
    """Turn a plain path or a ``file:`` URI into a path, which need not exist.

    Raises:
        MalformedError: it is empty, holds a NUL, or names another machine.
    """
    parts = urlsplit(uri) if uri.lower().startswith("file:") else None
    text = unquote(parts.path) if parts else uri
    if parts and parts.netloc not in {"", "localhost"}:
        raise MalformedError(f"{uri!r} names the machine {parts.netloc!r}; this is another")
    if not text or "\0" in text:
        raise MalformedError(f"{uri!r} is not a path", hint="Give a path, a URI, a digest or a name.")
    return Path(text)


@hookimpl
def weightmark_registries() -> list[type[Registry]]:
    """Offer the registry of plain paths."""
    return [FileRegistry]
