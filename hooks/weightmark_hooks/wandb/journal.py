"""The file in which a run of Weights & Biases keeps what it will send: ``run-ID.wandb``.

A log in LevelDB's format: after seven bytes that say what it is, blocks of 32 KiB with records in one or more
pieces, each with a checksum; a record is a protobuf message.

Not promised: that what it says is true. A checksum finds damage and nothing else.
"""

import gzip
import json
import struct
import time
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from weightmark.encoding import Record, decode
from weightmark.errors import MalformedError
from weightmark_adapters.wandb import sdk

MAX_RECORD: Final = 1 << 28
"""A record larger than this (256 MiB) is refused."""

MAX_ENTRIES: Final = 100_000
"""The most files that one artifact may have."""

SILENCE_SECONDS: Final = 3.0
"""A file that ends in the middle and does not grow for so long is that of a killed run."""

_LOOK_SECONDS: Final = 0.05
_IDENTITY: Final = b":W&B\xe1\xbe\x00"
_BLOCK: Final = 1 << 15
_MAX_LINE: Final = 1 << 20
_HEADER: Final = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedArtifact:
    """One artifact that a run will send.

    Attributes:
        name: without version.
        kind: its type.
        run: the run's identifier.
        project: empty for the default.
        entity: empty for the default.
        digest: the manifest's, by which the server knows it.
        description: markdown, or empty.
        metadata: as it was logged.
        aliases: with ``latest``.
        files: where each file lies on this machine, by its path; empty for one that is elsewhere.
    """

    name: str
    kind: str
    run: str
    project: str
    entity: str
    digest: str
    description: str
    metadata: dict[str, Any]
    aliases: tuple[str, ...]
    files: dict[str, str]


def read_artifacts(file: Path) -> Iterator[LoggedArtifact]:
    """Give the artifacts that a run will send, in order.

    Args:
        file: the ``.wandb`` file.

    Raises:
        MalformedError: it is not one, or is damaged.
        MissingExtraError: the library is not installed.
    """
    for record in _messages(file):
        if record.WhichOneof("record_type") == "artifact":
            yield _artifact(record.artifact, str(file))


def wait_for_end(file: Path) -> bool:
    """Wait until a run's file is written to its end; the library's own process writes it after ``finish``.

    Args:
        file: the ``.wandb`` file.

    Returns:
        Whether its end stands in it; False for a run whose process was killed, after seconds of silence.

    Raises:
        MalformedError: it is not one, or is damaged.
    """
    until = time.monotonic() + SILENCE_SECONDS
    size = -1
    while time.monotonic() < until:
        if any(record.WhichOneof("record_type") == "exit" for record in _messages(file)):
            return True
        grown = file.stat().st_size
        if grown != size:
            size, until = grown, time.monotonic() + SILENCE_SECONDS
        time.sleep(_LOOK_SECONDS)
    return False


def _messages(file: Path) -> Iterator[Any]:
    messages = sdk.load("wandb.proto.wandb_internal_pb2")
    with file.open("rb") as stream:
        for data in _records(stream, str(file)):
            record = messages.Record()
            try:
                record.ParseFromString(data)
            except Exception as error:
                raise MalformedError(f"{file} holds a record that cannot be read") from error
            yield record


def _artifact(record: Any, what: str) -> LoggedArtifact:
    try:
        metadata: object = json.loads(record.metadata or "{}")
    except ValueError as error:
        raise MalformedError(f"{what} holds an artifact whose metadata is not JSON") from error
    return LoggedArtifact(
        name=str(record.name).partition(":")[0],
        kind=str(record.type),
        run=str(record.run_id),
        project=str(record.project),
        entity=str(record.entity),
        digest=str(record.digest),
        description=str(record.description),
        metadata=cast("dict[str, Any]", metadata) if isinstance(metadata, dict) else {},
        aliases=tuple(record.aliases),
        files=dict(_files(record.manifest, what)),
    )


def _files(manifest: Any, what: str) -> Iterator[tuple[str, str]]:
    if len(manifest.contents) > MAX_ENTRIES:
        raise MalformedError(f"{what} holds an artifact with more than {MAX_ENTRIES} files")
    for entry in manifest.contents:
        yield str(entry.path), "" if entry.ref else str(entry.local_path)
    if not manifest.manifest_file_path:
        return
    for number, line in enumerate(_lines(Path(manifest.manifest_file_path), what)):
        if number >= MAX_ENTRIES:
            raise MalformedError(f"{what} holds an artifact with more than {MAX_ENTRIES} files")
        entry = Record(decode(line, what="the manifest"), "the manifest")
        yield (
            entry.text("path"),
            "" if entry.optional_text("ref") else entry.optional_text("local_path") or "",
        )


def _lines(file: Path, what: str) -> Iterator[bytes]:
    """Unpack a manifest, a line at a time and none of them long."""
    try:
        with gzip.open(file) as lines:
            while line := lines.readline(_MAX_LINE + 1):
                if len(line) > _MAX_LINE:
                    raise MalformedError(f"{file} of {what} has a line of more than {_MAX_LINE} bytes")
                yield line
    except (OSError, EOFError, zlib.error) as error:
        raise MalformedError(f"{file} of {what} cannot be read") from error


def _records(stream: BinaryIO, what: str) -> Generator[bytes, None, None]:
    if stream.read(len(_IDENTITY)) != _IDENTITY:
        raise MalformedError(f"{what} is not a run of Weights & Biases")
    parts: list[bytes] = []
    size = 0
    for kind, data in _pieces(stream, what):
        if (kind in {_FULL, _FIRST}) == bool(parts):
            raise MalformedError(f"{what} is damaged: a record's pieces do not follow each other")
        parts.append(data)
        size += len(data)
        if size > MAX_RECORD:
            raise MalformedError(f"{what} holds a record of more than {MAX_RECORD} bytes")
        if kind in {_FULL, _LAST}:
            yield b"".join(parts)
            parts, size = [], 0


def _pieces(stream: BinaryIO, what: str) -> Iterator[tuple[int, bytes]]:
    """Give the pieces; one that was being written when the process ended ends the log."""
    position = len(_IDENTITY)
    while True:
        left = _BLOCK - position % _BLOCK
        if left < _HEADER.size:
            position += len(stream.read(left))
        header = stream.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return
        checksum, size, kind = _HEADER.unpack(header)
        data = stream.read(size)
        if len(data) < size:
            return
        if (
            kind not in {_FULL, _FIRST, _MIDDLE, _LAST}
            or zlib.crc32(data, zlib.crc32(bytes([kind]))) != checksum
        ):
            raise MalformedError(f"{what} is damaged at byte {position}")
        position += _HEADER.size + size
        yield kind, data
