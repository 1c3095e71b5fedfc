"""Remote models as a Registry: nothing but small text files comes to this machine's disk.

Not promised: that a place keeps its bytes; a URI names a place. ``weightmark verify`` tells.
"""

import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import ClassVar, Final

from weightmark.errors import MalformedError
from weightmark.model.card import FACT_FILES, MAX_CARD_BYTES, read_facts
from weightmark.ports import PlatformStatus, Registry, ResolvedModel
from weightmark.ports.download import delete_at_exit, deleted_after
from weightmark_adapters.remote.artifact import RemoteArtifact, open_remote
from weightmark_adapters.remote.connection import Connection
from weightmark_adapters.remote.plain import PlainStore
from weightmark_adapters.remote.s3 import S3Store
from weightmark_adapters.remote.store import Store
from weightmark_adapters.remote.uri import WEB, Place, parse_place
from weightmark_adapters.remote.web import WebStore

SMALL: Final = FACT_FILES | {"config.json", "model_index.json"}
"""The files at a model's top that are brought to this machine."""


class RemoteRegistry(Registry):
    """Models in object stores and on web servers, read where they are."""

    name: ClassVar[str] = "remote"
    schemes: ClassVar[Sequence[str]] = ("s3", "gs", "abfs", "abfss", "az", *WEB)

    def resolve(self, uri: str) -> ResolvedModel:
        """List a model's files, and bring the small ones that state facts.

        Args:
            uri: ``s3://BUCKET/KEY``, ``gs://BUCKET/KEY``, ``abfs://CONTAINER/KEY`` for a folder or an object;
                ``https://HOST/FILE`` for one file, ``https://HOST/FOLDER/`` for a folder that the server
                lists.

        Returns:
            The model; its ``artifact`` reads from the store, its ``path`` has the small files only.

        Raises:
            MalformedError: the URI names no objects, or the names there are not safe, or a card is damaged.
            PlatformError: the store refused or failed, or there is nothing.
            MissingExtraError: fsspec or what it needs is not installed.
            PluginError: gcsfs or adlfs is not installed.
        """
        place = parse_place(uri, self.schemes)
        connection = Connection(_store(place), place.uri)
        try:
            return _describe(place, connection, delete_at_exit)
        except BaseException:
            connection.close()
            raise

    @contextmanager
    def checkout(self, uri: str) -> Generator[ResolvedModel, None, None]:
        """Resolve for a while: at the end the connection is closed, and the small files are deleted.

        Raises:
            WeightmarkError: as ``resolve``.
        """
        place = parse_place(uri, self.schemes)
        connection = Connection(_store(place), place.uri)
        try:
            with deleted_after() as keep:
                yield _describe(place, connection, keep)
        finally:
            connection.close()

    def pin(self, uri: str) -> str:
        """Give the URI without secrets; a place has no versions to choose from.

        Raises:
            MalformedError: the URI names no objects.
        """
        return parse_place(uri, self.schemes).uri

    def annotate(self, uri: str, tags: Mapping[str, str]) -> None:
        """Write nothing: a place for objects keeps no tags, and a file beside the model would change it.

        Raises:
            MalformedError: the URI names no objects.
        """
        del tags
        parse_place(uri, self.schemes)

    def inspect(self) -> PlatformStatus:
        """Look at what is installed; no store is asked, for which one is meant is not known."""
        found = [(name, _installed(name)) for name in ("fsspec", "s3fs", "aiohttp", "gcsfs", "adlfs")]
        if not found[0][1]:
            return PlatformStatus(hint="pip install 'weightmark[remote]'")
        missing = [name for name, number in found if not number]
        return PlatformStatus(
            installed=", ".join(f"{name} {number}" for name, number in found if number),
            hint=f"Not installed, and needed for some stores only: {', '.join(missing)}." if missing else "",
        )


def _store(place: Place) -> Store:
    if place.scheme in WEB:
        return WebStore(place)
    return S3Store(place) if place.scheme == "s3" else PlainStore(place)


def _describe(place: Place, connection: Connection, keep: Callable[[Path], object]) -> ResolvedModel:
    folder = Path(tempfile.mkdtemp(prefix="weightmark-"))
    keep(folder)
    try:
        root = folder / place.name
        root.mkdir()
        artifact = open_remote(connection, root)
        if not artifact.single:
            _bring(artifact, root)
        return ResolvedModel(uri=place.uri, path=root, facts=read_facts(root), artifact=artifact)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _bring(artifact: RemoteArtifact, root: Path) -> None:
    """Bring the small files to this machine."""
    for name in sorted(SMALL):
        file = artifact.find(name)
        if file is None:
            continue
        if file.size <= MAX_CARD_BYTES:
            (root / name).write_bytes(artifact.read(name, 0, file.size))
        elif name in FACT_FILES:
            raise MalformedError(f"{name} is larger than {MAX_CARD_BYTES} bytes, too large for a card")


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
