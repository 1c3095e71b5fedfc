"""A remote model's files, listed once; each is read as it was listed, or refused.

Not promised: that nobody writes to the place meanwhile. It is noticed and refused, not prevented. A store
that names contents weakly (a date alone) may hide a change within one tick of its clock that keeps the size.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Final

from weightmark.errors import MalformedError, PlatformError
from weightmark.model.artifact import IGNORED, MAX_FILES, Artifact, ArtifactFile, Reader
from weightmark.model.path import check_path, collision_key
from weightmark_adapters.remote.connection import Connection
from weightmark_adapters.remote.reader import RemoteReader
from weightmark_adapters.remote.store import STILL, Entry, Store, changed

_NEVER_NS: Final = 2**63 - 1
"""The time of change of what has no strong identity: it counts as changed just now, so no digest is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile(ArtifactFile):
    """One object, as it was when the model was listed.

    The numbers that stand for a local file's identity are made of the store's own: ``device`` of where the
    object lies, ``inode`` of what the store calls its content.

    Attributes:
        entry: it, as the store listed it.
        connection: to the store.
    """

    entry: Entry
    connection: Connection = field(repr=False, compare=False)

    @contextmanager
    def opened(self) -> Generator[Reader]:
        """Give what reads the object; every range is of the content that was listed.

        Yields:
            What reads it, closed afterwards; for one thread.

        Raises:
            MalformedError: the object is not as it was listed.
            PlatformError: the store refused or failed.
        """
        reader = RemoteReader(self, self.entry, self.connection)
        try:
            yield reader
        finally:
            reader.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteArtifact(Artifact):
    """The objects of one remote model.

    Attributes:
        connection: to the store.
    """

    connection: Connection = field(repr=False, compare=False)

    def check_unchanged(self) -> None:
        """List again and check that every object is as it was.

        Raises:
            MalformedError: an object was added, removed or changed since the first listing.
            PlatformError: the store refused or failed.
        """
        try:
            files = list_files(self.connection)
        except MalformedError as error:
            raise MalformedError(
                f"the model changed while it was read: {error.message}", hint=STILL
            ) from error
        before = {file.path: file for file in self.files}
        after = {file.path: file for file in files}
        for path in sorted(before.keys() | after.keys()):
            if path not in after:
                raise changed(path, "it was removed")
            if path not in before:
                raise changed(path, "it was added")
            if before[path] != after[path]:
                raise changed(path, f"{before[path].size} bytes when listed, {after[path].size} bytes now")


def open_remote(connection: Connection, root: Path) -> RemoteArtifact:
    """List a model's objects without reading them.

    Args:
        connection: to the store.
        root: a folder on this machine that stands for the model.

    Raises:
        MalformedError: a name is not safe, two differ only in case or Unicode form, or there are too many.
        PlatformError: there is nothing, or the store refused or failed.
    """
    files = list_files(connection)
    return RemoteArtifact(root=root, files=files, single=connection.store.single, connection=connection)


def list_files(connection: Connection) -> tuple[RemoteFile, ...]:
    """List the objects, sorted by path.

    Raises:
        MalformedError: a name is not safe, two differ only in case or Unicode form, or there are too many.
        PlatformError: there is nothing, or the store refused or failed.
    """
    entries = connection.wait(connection.submit(_gather(connection.store, connection.uri)))
    entries.sort(key=lambda entry: entry.path)
    _check_names(entries)
    return tuple(_file(entry, connection) for entry in entries)


async def _gather(store: Store, uri: str) -> list[Entry]:
    found: list[Entry] = []
    async for entry in store.entries():
        if not store.single and entry.path.split("/", 1)[0] in IGNORED:
            continue
        check_path(entry.path, what=repr(uri))
        if entry.size < 0:
            raise PlatformError(f"{uri!r} lists {entry.path!r} with {entry.size} bytes")
        found.append(entry)
        if len(found) > MAX_FILES:
            raise MalformedError(
                f"{uri!r} has more than {MAX_FILES} files", hint="Pass the folder of one model."
            )
    if not found:
        raise PlatformError(f"there is nothing at {uri!r}", hint="Check the address.")
    return found


def _check_names(entries: list[Entry]) -> None:
    """Refuse names that no folder could have side by side."""
    seen: dict[str, str] = {}
    for entry in entries:
        other = seen.setdefault(collision_key(entry.path), entry.path)
        if other != entry.path:
            raise MalformedError(
                f"{other!r} and {entry.path!r} differ only in case or Unicode form",
                hint="Rename one of the two: some file systems take them for one file.",
            )
    if len(seen) != len(entries):
        raise MalformedError("the store lists one file twice", hint=STILL)
    folders = {str(folder) for entry in entries for folder in PurePosixPath(entry.path).parents}
    for folder in sorted(folders):
        if collision_key(folder) in seen:
            raise MalformedError(f"{folder!r} is a file and a folder at once", hint="Rename one of the two.")


def _file(entry: Entry, connection: Connection) -> RemoteFile:
    time = 0 if entry.strong else _NEVER_NS
    return RemoteFile(
        path=entry.path,
        location=entry.key,
        size=entry.size,
        device=_number(connection.store.origin, entry.key),
        inode=_number(entry.etag, entry.changed),
        mtime_ns=time,
        ctime_ns=time,
        entry=entry,
        connection=connection,
    )


def _number(*words: str) -> int:
    text = "\0".join(("weightmark-remote", *words))
    return int.from_bytes(sha256(text.encode("utf-8", "surrogatepass")).digest()[:16], "big")
