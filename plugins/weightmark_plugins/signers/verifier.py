"""The verifier that goes with a key file: it knows one public key, and whose it is.

Not promised: that the file is the signer's own. Get it by a way you trust.
"""

from pathlib import Path
from typing import ClassVar, Self

from weightmark.claims.envelope import Signature
from weightmark.claims.key import MAX_KEY_SIZE, PublicKey
from weightmark.errors import UntrustedKeyError, WeightmarkError
from weightmark.ports import Verifier
from weightmark_plugins.signers.file import path_of


class FileVerifier(Verifier):
    """Checks signatures with a public key that lies in a file.

    Args:
        identity: what it answers when a signature fits.
        public_key: the key.
    """

    name: ClassVar[str] = "file"

    def __init__(self, identity: str, public_key: PublicKey) -> None:
        self.identity = identity
        self.public_key = public_key

    @classmethod
    def open(cls, uri: str, *, identity: str = "") -> Self:
        """Open a public key file.

        Args:
            uri: ``file:/abs/key.pem.pub`` and the other forms of `FileSigner.open`.
            identity: whose key it is; the URI when nothing is said.

        Raises:
            MalformedError: the file holds no public key, or one of another kind.
            WeightmarkError: there is no file, or it cannot be read.
        """
        path: Path = path_of(uri)
        try:
            with path.open("rb") as file:
                data = file.read(MAX_KEY_SIZE + 1)
        except OSError as error:
            raise WeightmarkError(
                f"the public key file {path} cannot be read: {error.strerror}",
                hint="`weightmark keygen` writes it beside the key, as <key>.pub.",
            ) from error
        return cls(identity or uri, PublicKey.from_pem(data, what=f"the file {path}"))

    def verify(self, message: bytes, signature: Signature) -> str:
        """Check a signature.

        Returns:
            The identity that signed.

        Raises:
            UntrustedKeyError: the signature names another key.
            SignatureError: it does not fit the message.
        """
        if signature.key_id != self.public_key.key_id:
            raise UntrustedKeyError(
                f"the signature is by the key {signature.key_id}, "
                f"not by {self.public_key.key_id} of {self.identity}"
            )
        self.public_key.verify(message, signature.value)
        return self.identity

    def __repr__(self) -> str:
        """Name the identity and the key."""
        return f"FileVerifier({self.identity!r}, {self.public_key.key_id})"
