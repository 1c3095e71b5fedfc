"""Public keys and the one way to check a signature with them.

Not promised: that a key belongs to anybody. That is what a trust root says.
"""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from weightmark.encoding import KeyId
from weightmark.errors import MalformedError, SignatureError

MAX_KEY_SIZE = 8192
"""Bytes of a key file that are looked at; the largest key here has under 300."""

_HINT = "Make a key with `weightmark keygen`, or give the public key as PEM."


class Scheme(StrEnum):
    """A signature algorithm together with its curve and its hash.

    ECDSA signatures are DER, each curve with its own hash, as in OpenSSF Model Signing 1.0.
    """

    ED25519 = "ed25519"
    P256 = "ecdsa-p256-sha256"
    P384 = "ecdsa-p384-sha384"
    P521 = "ecdsa-p521-sha512"


_CURVES = {"secp256r1": Scheme.P256, "secp384r1": Scheme.P384, "secp521r1": Scheme.P521}
_HASHES: dict[Scheme, type[HashAlgorithm]] = {
    Scheme.P256: SHA256,
    Scheme.P384: SHA384,
    Scheme.P521: SHA512,
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PublicKey:
    """A public key; equal keys are equal values, whatever form they were read from.

    Args:
        der: the key as DER SubjectPublicKeyInfo; kept in its one canonical form.

    Raises:
        MalformedError: the bytes are not an Ed25519, P-256, P-384 or P-521 key.
    """

    der: bytes
    scheme: Scheme = field(init=False, compare=False)
    key_id: KeyId = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Check the key, bring it into its canonical form and name it."""
        key = _load(self.der)
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        object.__setattr__(self, "der", der)
        object.__setattr__(self, "scheme", _scheme(key))
        object.__setattr__(self, "key_id", KeyId(hashlib.sha256(der).hexdigest()))

    @classmethod
    def from_pem(cls, data: bytes, *, what: str = "the public key") -> Self:
        """Read a key from PEM.

        Args:
            data: one PEM block, ``BEGIN PUBLIC KEY``; at most ``MAX_KEY_SIZE`` bytes.
            what: its name in messages.

        Raises:
            MalformedError: it is not such a key.

        Source: RFC 7468 section 13.
        """
        if len(data) > MAX_KEY_SIZE:
            raise MalformedError(f"{what} has {len(data)} bytes; at most {MAX_KEY_SIZE} are read", hint=_HINT)
        try:
            key = load_pem_public_key(data)
            return cls(der=key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        except MalformedError as error:
            raise MalformedError(f"{what}: {error.message}", hint=_HINT) from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise MalformedError(f"{what} is not a public key in PEM", hint=_HINT) from error

    @classmethod
    def from_raw_ed25519(cls, raw: bytes) -> Self:
        """Make an Ed25519 key from its 32 raw bytes.

        Raises:
            ValueError: the bytes are not 32.

        Source: RFC 8032 section 5.1.5.
        """
        key = Ed25519PublicKey.from_public_bytes(raw)
        return cls(der=key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    @property
    def pem(self) -> bytes:
        """The key as PEM SubjectPublicKeyInfo, ASCII, with a newline at the end."""
        return _load(self.der).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def raw_ed25519(self) -> bytes:
        """The 32 raw bytes of an Ed25519 key.

        Raises:
            ValueError: it is a key of another scheme.
        """
        key = _load(self.der)
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError(f"{self!r} is not an Ed25519 key")  # noqa: TRY004 - a wrong value, not a wrong type
        return key.public_bytes_raw()

    def verify(self, message: bytes, signature: bytes) -> None:
        """Check a signature.

        Args:
            message: what was signed, any length.
            signature: 64 bytes for Ed25519, DER for ECDSA.

        Raises:
            SignatureError: the signature is not this key's over this message.

        Source: RFC 8032; FIPS 186-5.
        """
        key = _load(self.der)
        try:
            if isinstance(key, Ed25519PublicKey):
                key.verify(signature, message)
            else:
                key.verify(signature, message, ECDSA(_HASHES[self.scheme]()))
        except (InvalidSignature, ValueError) as error:
            raise SignatureError(
                f"the signature is not one of the key {self.key_id} over these {len(message)} bytes"
            ) from error

    def __repr__(self) -> str:
        """Name the scheme and the key id, shortened."""
        return f"PublicKey({self.scheme.value}, {self.key_id[:16]})"


@lru_cache(maxsize=256)
def _load(der: bytes) -> Ed25519PublicKey | EllipticCurvePublicKey:
    try:
        key = load_der_public_key(der)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise MalformedError("the bytes are not a public key in DER", hint=_HINT) from error
    if isinstance(key, Ed25519PublicKey):
        return key
    if isinstance(key, EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    kind = key.curve.name if isinstance(key, EllipticCurvePublicKey) else type(key).__name__.lstrip("_")
    raise MalformedError(
        f"the key is of the kind {kind}; expected Ed25519, P-256, P-384 or P-521", hint=_HINT
    )


def _scheme(key: Ed25519PublicKey | EllipticCurvePublicKey) -> Scheme:
    return Scheme.ED25519 if isinstance(key, Ed25519PublicKey) else _CURVES[key.curve.name]
