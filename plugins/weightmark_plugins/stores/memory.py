"""The store in memory.

Not promised: that anything outlives the process. ``memory:`` is a new one each time; ``memory://name`` is one
and the same for the whole process.
"""

from threading import Lock
from typing import ClassVar, Self

from weightmark.encoding.digest import Digest, digest_bytes, parse_digest
from weightmark.errors import DigestMismatchError, LedgerError
from weightmark.hookspecs import hookimpl
from weightmark.ports.store import Store

_named: dict[str, dict[Digest, bytes]] = {}
_naming = Lock()


class MemoryStore(Store):
    """A store that is gone with its process.

    Args:
        objects: what is kept.
    """

    name: ClassVar[str] = "memory"

    def __init__(self, objects: dict[Digest, bytes]) -> None:
        self._objects = objects
        self._closed = False

    @classmethod
    def open(cls, uri: str) -> Self:
        """Open ``memory:``, new and empty, or ``memory://name``, the same for all in this process.

        Raises:
            LedgerError: it is no such URI.
        """
        scheme, colon, rest = uri.partition(":")
        label = rest.removeprefix("//")
        if scheme != cls.name or not colon or (rest and not rest.startswith("//")):
            raise LedgerError(f"{uri!r} names no store in memory", hint="Write 'memory:' or 'memory://name'.")
        if not label:
            return cls({})
        with _naming:
            return cls(_named.setdefault(label, {}))

    def put(self, data: bytes) -> Digest:
        """Keep bytes.

        Raises:
            LedgerError: the store is closed.
        """
        digest = digest_bytes(data)
        self._open_objects()[digest] = bytes(data)
        return digest

    def get(self, digest: Digest) -> bytes | None:
        """Give the bytes of a digest; None when they are not here.

        Raises:
            MalformedError: it is no digest.
            DigestMismatchError: what is kept under the digest has another one.
            LedgerError: the store is closed.
        """
        algorithm, _ = parse_digest(digest)
        data = self._open_objects().get(digest)
        if data is not None and digest_bytes(data, algorithm) != digest:
            raise DigestMismatchError(f"the store keeps {digest_bytes(data, algorithm)} under {digest}")
        return data

    def close(self) -> None:
        """Let go; a named store stays for those who open it again."""
        self._closed = True

    def _open_objects(self) -> dict[Digest, bytes]:
        if self._closed:
            raise LedgerError("the store in memory is closed", hint="Open it again.")
        return self._objects


@hookimpl
def weightmark_stores() -> list[type[Store]]:
    """Offer the store in memory."""
    return [MemoryStore]
