"""The port of what keeps bytes under their digest."""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

from weightmark.encoding.digest import Digest


class Store(ABC):
    """Content-addressed bytes: manifests, licence texts; not models."""

    name: ClassVar[str]
    """The scheme of its URIs: ``sqlite``."""

    @classmethod
    @abstractmethod
    def open(cls, uri: str) -> Self:
        """Open the store that a URI names, and make it when there is none.

        Raises:
            LedgerError: it cannot be reached or made.
        """

    @abstractmethod
    def put(self, data: bytes) -> Digest:
        """Keep bytes; keeping the same bytes twice keeps them once.

        Returns:
            ``digest_bytes(data)``.

        Raises:
            LedgerError: they could not be kept.
        """

    @abstractmethod
    def get(self, digest: Digest) -> bytes | None:
        """Give the bytes of a digest; None when they are not here.

        Raises:
            DigestMismatchError: what is kept under the digest has another one.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections; closing twice does nothing."""
