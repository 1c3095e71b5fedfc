"""A model.tar.gz, unpacked as it comes, without trusting a byte of it.

Only plain files and folders, only below the folder, none twice; bounded in number, in size, and in what its
headers may hold. Nothing in it is run.
"""

import gzip
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Final, Protocol, cast

from weightmark.errors import MalformedError, PlatformError

MAX_FILES: Final = 100_000
MAX_NAME: Final = 1024
MAX_HEADERS: Final = 4 << 20
"""The headers before one file may hold this much: 4 MiB."""

SPARE_BYTES: Final = 1 << 30
"""Left free on the disk that a model is brought to: 1 GiB."""

_CHUNK: Final = 1 << 20
_SLACK: Final = 1 << 20


class Readable(Protocol):
    """Bytes that come one after the other."""

    def read(self, size: int = -1, /) -> bytes:
        """Give the next bytes; empty at the end."""
        ...


class Room:
    """How much may still be written to the disk.

    Args:
        folder: where it is written.
    """

    def __init__(self, folder: Path) -> None:
        self._left = shutil.disk_usage(folder).free - SPARE_BYTES
        self._files = 0

    def take(self, size: int, name: str) -> None:
        """Take room for one file.

        Raises:
            PlatformError: there is not enough.
            MalformedError: there are too many files.
        """
        self._files += 1
        if self._files > MAX_FILES:
            raise MalformedError(f"{name} has more than {MAX_FILES} files")
        if size > self._left:
            raise PlatformError(
                f"{name} needs {size} bytes more; {max(self._left, 0)} can be written to"
                f" {tempfile.gettempdir()!r}",
                hint="Set TMPDIR to a folder on a larger disk.",
            )
        self._left -= size


def place_for(folder: Path, name: str, what: str) -> Path:
    """Say where a file of a stranger's naming goes, and make its folder.

    Raises:
        MalformedError: the name leads out of the folder, or is no name.
    """
    path = PurePosixPath(name)
    steps = [step for step in path.parts if step != "."]
    if not steps or len(name) > MAX_NAME or path.is_absolute() or ".." in steps or {"\\", "\0"} & set(name):
        raise MalformedError(f"{what} holds {name[:200]!r}, which is not the name of a file in a model")
    place = folder.joinpath(*steps)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def is_gzip(start: bytes) -> bool:
    """Say whether bytes begin as gzip does."""
    return start[:2] == b"\x1f\x8b"


def unpack(stream: Readable, folder: Path, room: Room, what: str) -> None:
    """Unpack a tar archive, compressed by gzip, into a folder.

    Args:
        stream: the archive.
        folder: where to; it is ours alone.
        room: how much may be written.
        what: the archive's name, for messages.

    Raises:
        MalformedError: it is damaged or broken off, or holds what a model's archive must not.
        PlatformError: it does not fit on the disk.
    """
    rationed = _Rationed(gzip.GzipFile(fileobj=cast("IO[bytes]", stream), mode="rb"), what)
    rationed.allow(MAX_HEADERS)
    files = 0
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", rationed), mode="r|") as archive:
            while (member := archive.next()) is not None:
                _require_plain(member, folder, room, what)
                if member.isreg():
                    files += 1
                    room.take(member.size, what)
                    rationed.allow(member.size + _SLACK)
                    source = archive.extractfile(member)
                    _write(source, member.size, place_for(folder, member.name, what), what)
                rationed.allow(MAX_HEADERS)
        while rationed.read(_CHUNK):
            pass  # to gzip's own checksum, at the end
        if not files:
            raise MalformedError(f"{what} holds no file", hint="Upload the archive again.")
    except (
        tarfile.TarError,
        EOFError,
        zlib.error,
        gzip.BadGzipFile,
        FileExistsError,
        IsADirectoryError,
        NotADirectoryError,
    ) as error:
        raise MalformedError(
            f"{what} is damaged or was broken off: {error}", hint="Upload the archive again."
        ) from error


def _require_plain(member: tarfile.TarInfo, folder: Path, room: Room, what: str) -> None:
    """Refuse what is neither a file nor a folder below ours; make the folder."""
    if member.isdir():
        room.take(0, what)
        if PurePosixPath(member.name) != PurePosixPath("."):
            place_for(folder, member.name, what).mkdir(exist_ok=True)
    elif not member.isreg() or member.issparse():
        raise MalformedError(f"{what} holds {member.name[:200]!r}, which is a link, a device or sparse")
    tarfile.data_filter(member, str(folder))


def _write(source: Readable | None, size: int, place: Path, what: str) -> None:
    with place.open("xb") as target:
        while source is not None and size and (chunk := source.read(min(size, _CHUNK))):
            target.write(chunk)
            size -= len(chunk)
    if size:
        raise MalformedError(f"{what} was broken off inside {place.name[:200]!r}", hint="Upload it again.")


class _Rationed:
    """A stream that gives no more than was allowed, so that a header cannot fill the memory."""

    def __init__(self, stream: Readable, what: str) -> None:
        self._stream = stream
        self._what = what
        self._left = 0

    def allow(self, size: int) -> None:
        """Allow this much from now on."""
        self._left = size

    def read(self, size: int = -1) -> bytes:
        """Give the next bytes.

        Raises:
            MalformedError: more was read than is allowed.
        """
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise MalformedError(f"the headers in {self._what} are longer than {MAX_HEADERS} bytes")
        return data
