"""Digests and the algorithms that make them.

Not promised: secrecy. A digest of a guessable value can be guessed.
"""

import hashlib
import re
from collections.abc import Callable
from enum import StrEnum
from typing import NewType, Protocol

import blake3

from weightmark.errors import MalformedError

Digest = NewType("Digest", str)
"""An algorithm's name, a colon and 64 lowercase hexadecimal digits: ``sha256:9f86…``."""

DIGEST_SIZE = 32
"""Bytes of a digest, for every algorithm here."""


class Algorithm(StrEnum):
    """A hash function with 32 bytes of output."""

    SHA256 = "sha256"
    BLAKE3 = "blake3"


class Hasher(Protocol):
    """What hashlib and blake3 give us."""

    def update(self, data: bytes | bytearray | memoryview, /) -> object:
        """Take in more bytes."""
        ...

    def digest(self) -> bytes:
        """Give the 32 bytes."""
        ...


_MAKE: dict[Algorithm, Callable[[bytes], Hasher]] = {
    Algorithm.SHA256: hashlib.sha256,
    Algorithm.BLAKE3: blake3.blake3,
}
_FORM = re.compile(r"(sha256|blake3):([0-9a-f]{64})\Z")


def hasher(algorithm: Algorithm, start: bytes = b"") -> Hasher:
    """Begin a hash.

    Args:
        algorithm: which function.
        start: the first bytes.

    Returns:
        An object with ``update`` and ``digest``; it releases the GIL for large updates.

    Raises:
        ValueError: there is no such algorithm.
    """
    return _MAKE[Algorithm(algorithm)](start)


def format_digest(algorithm: Algorithm, raw: bytes) -> Digest:
    """Write 32 bytes as a digest.

    Raises:
        ValueError: the bytes are not 32.

    >>> format_digest(Algorithm.SHA256, bytes(32))[:11]
    'sha256:0000'
    """
    if len(raw) != DIGEST_SIZE:
        raise ValueError(f"a digest has {DIGEST_SIZE} bytes, not {len(raw)}")
    return Digest(f"{algorithm.value}:{raw.hex()}")


def parse_digest(text: str, *, what: str = "the digest") -> tuple[Algorithm, bytes]:
    """Read a digest.

    Returns:
        The algorithm and the 32 bytes.

    Raises:
        MalformedError: the text is not ``sha256:`` or ``blake3:`` and 64 lowercase hexadecimal digits.
    """
    match = _FORM.match(text)
    if match is None:
        raise MalformedError(
            f"{what} is {text[:80]!r}, not 'sha256:' or 'blake3:' and 64 lowercase hexadecimal digits"
        )
    return Algorithm(match[1]), bytes.fromhex(match[2])


def is_digest(text: str) -> bool:
    """Say whether a text is a digest.

    Raises:
        Nothing.
    """
    return _FORM.match(text) is not None


def digest_bytes(data: bytes, algorithm: Algorithm = Algorithm.SHA256) -> Digest:
    """Digest bytes that are in memory.

    Raises:
        ValueError: there is no such algorithm.
    """
    return format_digest(algorithm, hasher(algorithm, data).digest())
