"""Where SageMaker keeps a model's bytes: objects and prefixes in S3, streamed and checked.

An object's SHA-256 or MD5 is compared when S3 has one over the whole object, and botocore compares CRC32.
What was uploaded in parts has digests of its parts only; its length is checked, and its ETag, where the
package states one.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from weightmark.errors import DigestMismatchError, MalformedError, PlatformError
from weightmark_adapters.sagemaker.archive import Room, is_gzip, place_for, unpack

_CHUNK: Final = 1 << 20
_MD5_DIGITS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPlace:
    """One place in S3 that holds a part of a model.

    Attributes:
        uri: ``s3://bucket/key``; a prefix when ``prefix``.
        prefix: whether it is everything below; else it is one object.
        etag: the object's ETag when the package was registered; empty when SageMaker does not say.
        folder: the folder of the model that it is brought to; empty for the model's own.
    """

    uri: str
    prefix: bool = False
    etag: str = ""
    folder: str = ""


def bring(client: Any, places: Iterable[DataPlace], folder: Path) -> None:
    """Bring places to a folder; an archive is unpacked, so that its own times and order do not count.

    Args:
        client: boto3's client of S3.
        places: what to bring.
        folder: where to; it is ours alone.

    Raises:
        MalformedError: an address is none, or an archive is damaged or unsafe.
        DigestMismatchError: what came is not what S3 or the package says.
        PlatformError: it does not fit on the disk, or there is nothing there.
    """
    room = Room(folder)
    for place in places:
        target = place_for(folder, place.folder, "the model package") if place.folder else folder
        target.mkdir(parents=True, exist_ok=True)
        if place.prefix:
            _bring_prefix(client, place, target, room)
        else:
            _bring_object(client, place, target, room)


def split_address(uri: str) -> tuple[str, str]:
    """Take an S3 address apart into bucket and key.

    Raises:
        MalformedError: it is none.

    >>> split_address("s3://models/churn/model.tar.gz")
    ('models', 'churn/model.tar.gz')
    """
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise MalformedError(f"{uri!r} is not an address in S3", hint="Write s3://BUCKET/KEY.")
    return parts.netloc, uri.removeprefix(f"s3://{parts.netloc}").removeprefix("/")


def _bring_prefix(client: Any, place: DataPlace, folder: Path, room: Room) -> None:
    bucket, prefix = split_address(place.uri)
    found = 0
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents") or ():
            key = str(entry["Key"])
            name = key.removeprefix(prefix).removeprefix("/")
            if not name or key.endswith("/"):
                continue
            found += 1
            with closing(_Checked(client, bucket, key, str(entry.get("ETag", "")).strip('"'))) as body:
                room.take(body.size, body.name)
                _write(body, place_for(folder, name, f"s3://{bucket}/{prefix}"))
                body.check()
    if not found:
        raise PlatformError(f"there is nothing at s3://{bucket}/{prefix}", hint="Upload the model again.")


def _bring_object(client: Any, place: DataPlace, folder: Path, room: Room) -> None:
    bucket, key = split_address(place.uri)
    with closing(_Checked(client, bucket, key, place.etag)) as body:
        stream = BufferedReader(body, _CHUNK)
        try:
            if not is_gzip(stream.peek(2)):
                room.take(body.size, body.name)
                _write(stream, place_for(folder, key.rpartition("/")[2] or "model", body.name))
            else:
                unpack(stream, folder, room, body.name)
        except MalformedError:
            body.check()  # when S3 itself says that the bytes are others, that is the cause
            raise
        finally:
            stream.detach()
        body.check()


def _write(stream: Any, place: Path) -> None:
    try:
        with place.open("xb") as target:
            while chunk := stream.read(_CHUNK):
                target.write(chunk)
    except FileExistsError as error:
        raise MalformedError(f"the model has two files of the name {place.name!r}") from error


class _Checked(RawIOBase):
    """The body of one object; counts and hashes what goes through."""

    def __init__(self, client: Any, bucket: str, key: str, etag: str) -> None:
        super().__init__()
        self.name = f"s3://{bucket}/{key}"
        answer = client.get_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        self._body = answer["Body"]
        self.size = int(answer["ContentLength"])
        self._count = 0
        self._expected = _digests(answer)
        self._hashers = {name: hashlib.new(name, usedforsecurity=False) for name in self._expected}
        found = str(answer.get("ETag", "")).strip('"')
        if etag and found != etag:
            self._body.close()
            raise DigestMismatchError(
                f"{self.name} is not what was registered: its ETag is {found}, SageMaker recorded {etag}",
                hint="Register what is there now as a new version, or put the recorded object back.",
            )

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer with the next bytes."""
        data: bytes = self._body.read(len(buffer))
        buffer[: len(data)] = data
        self._count += len(data)
        for hasher in self._hashers.values():
            hasher.update(data)
        return len(data)

    def check(self) -> None:
        """Read what is left, and compare.

        Raises:
            DigestMismatchError: it is not what S3 says it is.
        """
        while self.read(_CHUNK):
            pass
        wrong = [name for name, hasher in self._hashers.items() if hasher.digest() != self._expected[name]]
        if wrong or self._count != self.size:
            what = (
                f"its {' and its '.join(wrong)}" if wrong else f"its length ({self._count}, not {self.size})"
            )
            raise DigestMismatchError(f"what came for {self.name} does not fit {what} in S3")

    def close(self) -> None:
        """Let go of the connection."""
        if not self.closed:
            self._body.close()
        super().close()


def _digests(answer: Mapping[str, Any]) -> dict[str, bytes]:
    """Give the digests over the whole object that S3 states; those over parts say nothing to us."""
    found: dict[str, bytes] = {}
    sha256 = str(answer.get("ChecksumSHA256") or "")
    if sha256 and "-" not in sha256 and answer.get("ChecksumType") != "COMPOSITE":
        found["sha256"] = base64.b64decode(sha256)
    etag = str(answer.get("ETag", "")).strip('"')
    keyless = answer.get("ServerSideEncryption") in {None, "AES256"} and not answer.get(
        "SSECustomerAlgorithm"
    )
    if keyless and len(etag) == _MD5_DIGITS and all(digit in "0123456789abcdef" for digit in etag):
        found["md5"] = bytes.fromhex(etag)
    return found
