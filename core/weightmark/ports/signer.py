"""The port of what makes signatures."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Self

from weightmark.claims.envelope import Signature
from weightmark.claims.key import PublicKey
from weightmark.errors import WeightmarkError

AskSecret = Callable[[str], str]
"""Asks a person, or an environment, for a passphrase or PIN; the argument says for what."""


class Signer(ABC):
    """Holds one private key and signs with it; the key never leaves.

    A signer's ``repr`` names its URI and its key id and nothing else.
    """

    name: ClassVar[str]
    """The scheme of its URIs: ``file``."""

    @classmethod
    @abstractmethod
    def open(cls, uri: str, *, ask_secret: AskSecret) -> Self:
        """Open the key that a URI names.

        Args:
            uri: ``<name>:…``.
            ask_secret: called only when the key is protected.

        Raises:
            MalformedError: there is a key, but it cannot be read.
            WeightmarkError: there is no key, or it may be read by others.
        """

    @classmethod
    def generate(cls, uri: str, *, scheme: str = "ed25519", passphrase: bytes | None = None) -> Self:
        """Make a new key where a URI says; never over an old one.

        Args:
            uri: ``<name>:…``.
            scheme: ``ed25519`` or ``p256``.
            passphrase: protects the key at rest; None for none.

        Raises:
            WeightmarkError: there is a key already, or this kind of signer cannot make keys.
        """
        raise WeightmarkError(
            f"a {cls.name} signer cannot make a key at {uri}; {scheme} keys are made with its own tools"
            + (" and protected there" if passphrase else "")
        )

    @property
    @abstractmethod
    def public_key(self) -> PublicKey:
        """The public half."""

    @abstractmethod
    def sign(self, message: bytes) -> Signature:
        """Sign a message of any length.

        Args:
            message: the bytes; hashing, where the scheme wants it, is done here.

        Raises:
            WeightmarkError: the key could not be used.
        """
