"""The members of a zip archive, read with bounds and without extracting anything.

The central directory is believed only where the rest of the file bears it out: each member has its own local
header with the same name, members do not overlap, no name stands twice, and no size is beyond what the stored
bytes can give. Encrypted, split and otherwise compressed archives are refused.

Not promised: that checksums hold. A fingerprint is made of the bytes themselves.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from weightmark.errors import MalformedError
from weightmark.model.artifact import ArtifactFile, Reader

MAGIC: Final = b"PK\x03\x04"
"""How an archive with members begins."""

MAX_MEMBERS: Final = 1_000_000
"""The most members of one archive."""

MAX_DIRECTORY: Final = 256 << 20
"""The most bytes of the central directory."""

MOST_RATIO: Final = 1032
"""How many bytes one deflated byte can give at most; a property of deflate."""

_END: Final = struct.Struct("<4s4H2LH")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR: Final = struct.Struct("<4sLQL")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_COMMENT: Final = 0xFFFF
_NARROW: Final = 0xFFFFFFFF
_ENCRYPTED: Final = 0x2041
_STORED: Final = 0
_DEFLATED: Final = 8
_SHOWN: Final = 200
_SLACK: Final = 1 << 16
_PIECE: Final = 1 << 20
_HINT: Final = (
    "The archive was cut short, damaged or made to deceive: download it again, or save the model again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of an archive, or another run of bytes in a file.

    Attributes:
        name: as the archive gives it.
        start: its first stored byte in the file.
        stored: how many bytes are stored.
        size: how many bytes they stand for.
        deflated: whether they are compressed; otherwise ``size`` is ``stored``.
    """

    name: str
    start: int
    stored: int
    size: int
    deflated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One entry of the central directory."""

    name: bytes
    flags: int
    method: int
    stored: int
    size: int
    offset: int


def read_archive(file: ArtifactFile, *, start: int = 0, stop: int | None = None) -> Mapping[str, Member]:
    """List the members of an archive.

    Args:
        file: the file.
        start: where the archive begins in it.
        stop: where it ends; None for the file's end.

    Returns:
        The members by name, in the order of the directory; folders are left out.

    Raises:
        MalformedError: the archive is damaged, encrypted, or contradicts itself.

    Source: PKWARE APPNOTE 6.3.10.
    """
    end = file.size if stop is None else stop
    with file.opened() as reader:
        window = _Window(reader, file.path, start, end)
        offset, size, count = _find_directory(window)
        data = window.read(offset, size)
        members: dict[str, Member] = {}
        for entry in _entries(data, count, file.path):
            member = _locate(entry, window, offset)
            if member.name in members:
                raise _fail(file.path, f"has the member {show(member.name)} twice")
            members[member.name] = member
    _check_apart(members, file.path)
    return {name: member for name, member in members.items() if not name.endswith("/")}


def read_member(file: ArtifactFile, member: Member, *, most: int) -> bytes:
    """Read a member's bytes.

    Args:
        file: the archive.
        member: one of its members.
        most: how many bytes are taken at most.

    Raises:
        MalformedError: it has more bytes, or they cannot be decompressed.
    """
    if member.size > most:
        raise MalformedError(
            f"{show(member.name)} in {file.path} has {member.size} bytes; at most {most} are read",
            hint="A member of this kind is never so large: get the file from its source again.",
        )
    with file.opened() as reader:
        data = reader.read(member.start, member.stored)
    if not member.deflated:
        return data
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        made = inflater.decompress(data, member.size + 1)
    except zlib.error as error:
        raise _fail(file.path, f"cannot be decompressed at {show(member.name)}: {error}") from error
    if len(made) != member.size:
        raise _fail(file.path, f"does not give the {member.size} bytes that it states of {show(member.name)}")
    return made


def read_beginning(file: ArtifactFile, member: Member, size: int) -> bytes:
    """Read the first bytes of a member.

    Args:
        file: the archive.
        member: one of its members.
        size: how many bytes are wanted; fewer are given when it has fewer.

    Raises:
        MalformedError: they cannot be decompressed.
    """
    wanted = min(size, member.size)
    with file.opened() as reader:
        data = reader.read(member.start, min(member.stored, wanted + _SLACK if member.deflated else wanted))
    if not member.deflated:
        return data
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, wanted) if wanted else b""
    except zlib.error as error:
        raise _fail(file.path, f"cannot be decompressed at {show(member.name)}: {error}") from error


def has_bytes(file: ArtifactFile, *words: bytes) -> bool:
    """Say whether one of some words stands anywhere in a file, which is read for it once.

    Raises:
        MalformedError: the file cannot be read.
    """
    before, kept = b"", max(len(word) for word in words) - 1
    with file.opened() as reader:
        for position in range(0, file.size, _PIECE):
            data = before + reader.read(position, min(_PIECE, file.size - position))
            if any(word in data for word in words):
                return True
            before = data[len(data) - kept :] if kept else b""
    return False


def show(name: str) -> str:
    """Quote a name for a message, cut to a length that a person can read.

    Raises:
        Nothing.

    >>> show("a")
    "'a'"
    """
    return repr(name[:_SHOWN])


@dataclass(frozen=True, slots=True)
class _Window:
    """The part of a file that the archive fills."""

    reader: Reader
    path: str
    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start

    def read(self, offset: int, size: int) -> bytes:
        if offset < 0 or size < 0 or offset + size > self.size:
            raise _fail(
                self.path, f"wants bytes {offset} to {offset + size} of an archive of {self.size} bytes"
            )
        return self.reader.read(self.start + offset, size)


def _find_directory(window: _Window) -> tuple[int, int, int]:
    """Give where the central directory begins, its bytes and its entries."""
    tail = window.read(max(0, window.size - _END.size - _COMMENT), min(window.size, _END.size + _COMMENT))
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < _END.size:
        raise _fail(window.path, "is no zip archive, or has no directory at its end")
    fields: tuple[int, ...] = _END.unpack_from(tail, place)[1:]
    disk, first, here, count, size, offset, comment = fields
    if place + _END.size + comment != len(tail):
        raise _fail(window.path, "has bytes after its end, or a wrong comment")
    position = window.size - len(tail) + place
    wide = _wide(window, position)
    if wide is not None:
        if any(
            narrow not in {full, most}
            for narrow, full, most in zip(
                (count, size, offset), wide[4:], (_COMMENT, _NARROW, _NARROW), strict=True
            )
        ):
            raise _fail(window.path, "has two ends that contradict each other")
        position, disk, first, here, count, size, offset = wide
    if disk or first or here != count:
        raise _fail(window.path, "is one part of a split archive")
    if count > MAX_MEMBERS or size > MAX_DIRECTORY:
        raise _fail(window.path, f"states {count} members; at most {MAX_MEMBERS} are read")
    if offset + size != position:
        raise _fail(window.path, f"has its directory at byte {offset}, not where its end says")
    return offset, size, count


def _wide(window: _Window, position: int) -> tuple[int, int, int, int, int, int, int] | None:
    """Read the end record of a zip64 archive; None when there is none before the plain one."""
    if position < _LOCATOR.size + _END64.size:
        return None
    signature, _, place, _ = _LOCATOR.unpack(window.read(position - _LOCATOR.size, _LOCATOR.size))
    if signature != b"PK\x06\x07":
        return None
    if place + _END64.size != position - _LOCATOR.size:
        raise _fail(window.path, "has its zip64 end elsewhere than before its end")
    fields = _END64.unpack(window.read(place, _END64.size))
    signature, _, _, _, disk, first, here, count, size, offset = fields
    if signature != b"PK\x06\x06":
        raise _fail(window.path, "has no zip64 end where it says")
    return place, disk, first, here, count, size, offset


def _entries(data: bytes, count: int, path: str) -> Iterator[_Entry]:
    position = 0
    for _ in range(count):
        if position + _CENTRAL.size > len(data):
            raise _fail(path, f"states {count} members, but its directory is shorter")
        fields = _CENTRAL.unpack_from(data, position)
        name_length, extra_length, comment_length = fields[10:13]
        first = position + _CENTRAL.size
        position = first + name_length + extra_length + comment_length
        if fields[0] != b"PK\x01\x02" or position > len(data):
            raise _fail(path, "has a damaged directory")
        extra = data[first + name_length : first + name_length + extra_length]
        size, stored, offset = _widen((fields[9], fields[8], fields[16]), extra, path)
        yield _Entry(
            name=data[first : first + name_length],
            flags=fields[3],
            method=fields[4],
            stored=stored,
            size=size,
            offset=offset,
        )
    if position != len(data):
        raise _fail(path, f"states {count} members, but its directory is longer")


def _widen(values: tuple[int, int, int], extra: bytes, path: str) -> tuple[int, int, int]:
    """Replace each 32-bit value that is full by the zip64 field's next one."""
    if _NARROW not in values:
        return values
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == 1:
            field = extra[position + 4 : position + 4 + length]
            wide = [int.from_bytes(field[place : place + 8], "little") for place in range(0, len(field), 8)]
            if len(field) // 8 >= values.count(_NARROW):
                size, stored, offset = (wide.pop(0) if value == _NARROW else value for value in values)
                return size, stored, offset
        position += 4 + length
    raise _fail(path, "lacks the zip64 sizes that its directory asks for")


def _locate(entry: _Entry, window: _Window, directory: int) -> Member:
    """Check a member's local header, and give where its bytes lie."""
    try:
        name = entry.name.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _fail(window.path, f"has a member whose name is not UTF-8: {entry.name[:_SHOWN]!r}") from error
    what = f"at {show(name)}"
    if entry.flags & _ENCRYPTED:
        raise _fail(window.path, f"is encrypted {what}")
    if entry.method not in {_STORED, _DEFLATED}:
        raise _fail(window.path, f"is compressed by the unknown method {entry.method} {what}")
    if entry.method == _STORED and entry.size != entry.stored:
        raise _fail(window.path, f"states {entry.size} bytes and stores {entry.stored} {what}")
    if entry.size > MOST_RATIO * entry.stored + MOST_RATIO:
        raise _fail(window.path, f"states {entry.size} bytes, more than {entry.stored} can give, {what}")
    header = _LOCAL.unpack(window.read(entry.offset, _LOCAL.size))
    name_length, extra_length = header[9:11]
    if (
        header[0] != MAGIC
        or header[3] != entry.method
        or name_length != len(entry.name)
        or window.read(entry.offset + _LOCAL.size, name_length) != entry.name
    ):
        raise _fail(window.path, f"has a local header that contradicts its directory {what}")
    start = entry.offset + _LOCAL.size + name_length + extra_length
    if start + entry.stored > directory:
        raise _fail(window.path, f"states more bytes than it has {what}")
    return Member(
        name=name,
        start=window.start + start,
        stored=entry.stored,
        size=entry.size,
        deflated=entry.method == _DEFLATED,
    )


def _check_apart(members: Mapping[str, Member], path: str) -> None:
    """Check that no member's bytes reach into the next one's header."""
    ordered = sorted(members.values(), key=lambda member: (member.start, member.stored))
    reached, before = 0, ""
    for member in ordered:
        header = member.start - _LOCAL.size - len(member.name.encode())
        if header < reached:
            raise _fail(path, f"has members that overlap: {show(before)} and {show(member.name)}")
        reached, before = member.start + member.stored, member.name


def _fail(path: str, what: str) -> MalformedError:
    return MalformedError(f"{path} {what}", hint=_HINT)
