"""The port of what checks signatures that a bare public key cannot."""

from abc import ABC, abstractmethod
from typing import ClassVar

from weightmark.claims.envelope import Signature


class Verifier(ABC):
    """Checks signatures of one kind: a key file, a certificate chain, an account on a chain."""

    name: ClassVar[str]

    @abstractmethod
    def verify(self, message: bytes, signature: Signature) -> str:
        """Check a signature.

        Returns:
            The identity that signed: the evidence.

        Raises:
            SignatureError: the signature does not fit the message.
            UntrustedKeyError: the key is not one of this verifier's.
        """
