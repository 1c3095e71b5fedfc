"""The same statuses as a W3C Bitstring Status List, for those whose tools read verifiable credentials.

Not here: reading one. Weightmark itself reads Token Status Lists.

Source: W3C Recommendation Bitstring Status List v1.0 (15 May 2025), sections 2.2 and 3.3; Securing Verifiable
Credentials using JOSE and COSE (15 May 2025), section 3.1; the did:key method for the issuer's name.
"""

import gzip
from collections.abc import Callable
from typing import Final

from weightmark.claims.envelope import Signature
from weightmark.claims.key import PublicKey
from weightmark.claims.offline.jws import sign_token
from weightmark.claims.offline.status_list import Status, StatusList
from weightmark.claims.offline.status_token import StatusToken
from weightmark.encoding import Json, format_time

KIND: Final = "vc+jwt"

LEAST_ENTRIES: Final = 131_072
"""Fewer places would say too much about whom a place belongs to."""

_ED25519 = b"\xed\x01"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def bitstring_credential(token: StatusToken, key: PublicKey) -> dict[str, Json]:
    """Write a status list as a credential, not yet signed.

    Args:
        token: the list as it is signed otherwise.
        key: the issuer's Ed25519 key, by which the credential names them.

    Raises:
        ValueError: the key is of another scheme.
    """
    messages: list[Json] = [
        {"status": hex(value), "message": _message(value)} for value in range(1 << token.statuses.bits)
    ]
    subject: dict[str, Json] = {
        "id": f"{token.uri}#list",
        "type": "BitstringStatusList",
        "statusPurpose": "message",
        "statusSize": token.statuses.bits,
        "statusMessages": messages,
        "encodedList": encode_bitstring(token.statuses),
    }
    if token.ttl is not None:
        subject["ttl"] = int(token.ttl.total_seconds() * 1000)
    issuer: dict[str, Json] = {"id": did_key(key)}
    if token.issuer:
        issuer["name"] = token.issuer
    credential: dict[str, Json] = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": token.uri,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": issuer,
        "validFrom": format_time(token.issued_at.replace(microsecond=0)),
        "credentialSubject": subject,
    }
    if token.expires_at is not None:
        credential["validUntil"] = format_time(token.expires_at.replace(microsecond=0))
    return credential


def sign_bitstring(token: StatusToken, *, key: PublicKey, sign: Callable[[bytes], Signature]) -> bytes:
    """Sign a status list as a credential, a JWT of the type ``vc+jwt``.

    Args:
        token: the list as it is signed otherwise.
        key: the issuer's public key, Ed25519.
        sign: makes the signature; holds the private key.

    Returns:
        The token: one line of ASCII.

    Raises:
        MalformedError: the key is of another scheme.
        WeightmarkError: the signer could not sign.
    """
    did = did_key(key)
    kid = f"{did}#{did.removeprefix('did:key:')}"
    return sign_token(bitstring_credential(token, key), kind=KIND, key=key, sign=sign, kid=kid) + b"\n"


def encode_bitstring(statuses: StatusList) -> str:
    """Write statuses the W3C's way: first place leftmost, at least 131,072 places, gzip, multibase.

    Raises:
        Nothing.
    """
    from joserfc.util import urlsafe_b64encode

    turned = statuses.packed.translate(_mirror(statuses.bits))
    least = -(-LEAST_ENTRIES * statuses.bits // 8)
    # Without a time in it the same list is written the same way every time.
    return "u" + urlsafe_b64encode(gzip.compress(turned.ljust(least, b"\0"), 9, mtime=0)).decode()


def did_key(key: PublicKey) -> str:
    """Name an Ed25519 key by itself.

    Raises:
        ValueError: the key is of another scheme.

    Source: did:key method v0.9, section 3.1.2; multibase base58btc.
    """
    data = _ED25519 + key.raw_ed25519
    number = int.from_bytes(data)
    digits = ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    return f"did:key:z{digits}"


def _message(value: int) -> str:
    return Status(value).name.lower() if value in set(Status) else "unused"


def _mirror(bits: int) -> bytes:
    """Give the table that turns the statuses of a byte around, and leaves the bits of each as they are."""
    mask, count = (1 << bits) - 1, 8 // bits
    return bytes(
        sum(((byte >> (place * bits)) & mask) << ((count - 1 - place) * bits) for place in range(count))
        for byte in range(256)
    )
