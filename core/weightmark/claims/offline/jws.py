"""Compact JWS with one Ed25519 signature: what licence files and status lists are written in.

Not promised: any other algorithm. A token that is signed otherwise is refused before its signature is looked
at, so that nobody chooses for us how we verify.

Source: RFC 7515; RFC 9864 for the algorithm's name ``Ed25519``; RFC 8725 for what is checked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any, Final

from weightmark.claims.envelope import Signature
from weightmark.claims.key import PublicKey, Scheme
from weightmark.claims.trust import TrustedKey, TrustRoot
from weightmark.encoding import Json, KeyId, Record, decode, encode, printable
from weightmark.errors import ClockError, MalformedError, SignatureError, UntrustedKeyError

ALGORITHM: Final = "Ed25519"

TOLERANCE: Final = timedelta(minutes=5)
"""By how much two clocks may differ before one of them is held to be wrong."""

_MAX_HEADER = 512
_PARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A token whose signature held.

    Attributes:
        signer: whose key it was.
        payload: what was signed.
    """

    signer: TrustedKey
    payload: Record


def sign_token(
    payload: Json, *, kind: str, key: PublicKey, sign: Callable[[bytes], Signature], kid: str = ""
) -> bytes:
    """Sign a payload as a compact JWS.

    Args:
        payload: what is said.
        kind: the header's ``typ``.
        key: the signer's public key.
        sign: makes the signature; holds the private key.
        kid: the header's ``kid``; empty for the key's id.

    Returns:
        One line of ASCII, without its end.

    Raises:
        MalformedError: the key is not Ed25519, or the payload has no JSON form.
        SignatureError: what was made does not fit the key.
        WeightmarkError: the signer could not sign.
    """
    from joserfc.util import json_b64encode, urlsafe_b64encode

    if key.scheme is not Scheme.ED25519:
        raise MalformedError(
            f"the key {key.key_id} is {key.scheme.value}; a {kind} is signed with Ed25519",
            hint="Sign with an Ed25519 key, such as `weightmark keygen` makes.",
        )
    header = {"alg": ALGORITHM, "kid": kid or str(key.key_id), "typ": kind}
    message = json_b64encode(header) + b"." + urlsafe_b64encode(encode(payload))
    signature = sign(message)
    key.verify(message, signature.value)
    return message + b"." + urlsafe_b64encode(signature.value)


def open_token(data: bytes, trust: TrustRoot, *, kind: str, most: int, what: str) -> Opened:
    """Verify a compact JWS and read its payload.

    Args:
        data: the token; white space around it is passed over.
        trust: whose keys are whose.
        kind: the ``typ`` that it must have.
        most: the most bytes that are looked at.
        what: its name in messages.

    Raises:
        MalformedError: it is no such token, or asks for something that is not known here.
        UntrustedKeyError: its key is not in the trust root.
        SignatureError: it is signed by another algorithm, or the signature does not fit.
    """
    from joserfc import jws
    from joserfc.errors import JoseError

    data = _bounded(data, most, what)
    header = _read_header(data, what)
    key_id = _check_header(header, kind, what)
    signer = trust.find(KeyId(key_id))
    if signer is None:
        raise UntrustedKeyError(
            f"the key that signed {what} is not in the trust root: {printable(key_id[:80])}"
        )
    if signer.key.scheme is not Scheme.ED25519:
        raise SignatureError(f"{what} names the key {key_id}, which is not an Ed25519 key")
    registry = _registry()
    try:
        token = jws.extract_compact(data, registry=registry)
        held = jws.validate_compact(token, _jose_key(signer.key.der), registry=registry)
    except (JoseError, ValueError, TypeError) as error:
        raise MalformedError(f"{what} is not a signed token: {error}") from error
    if not held:
        raise SignatureError(f"the signature of {signer.identity} (key {key_id}) does not fit {what}")
    return Opened(signer=signer, payload=Record(decode(token.payload, what=what), what))


def peek(data: bytes, *, most: int, what: str) -> Json:
    """Read a token's payload without verifying anything; nothing may be decided by it.

    Raises:
        MalformedError: it is no token.
    """
    return decode(_segment(_bounded(data, most, what).split(b".")[1], what), what=what)


def read_seconds(record: Record, key: str) -> datetime:
    """Read a time that is written as seconds since 1970, UTC.

    Raises:
        MalformedError: it is no whole number, or lies beyond the calendar.

    Source: RFC 7519 section 2, NumericDate; fractions are not taken.
    """
    number = record.integer(key)
    try:
        return datetime.fromtimestamp(number, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise MalformedError(f"{key!r} in {record.what} is {number}, which is no time") from error


def check_issued(issued_at: datetime, at: datetime, what: str) -> None:
    """Check that something was not signed after the present time.

    Raises:
        ClockError: it was, by more than the tolerance.
    """
    if issued_at - TOLERANCE > at:
        raise ClockError(
            f"{what} was signed at {issued_at:%Y-%m-%d %H:%M:%S} UTC, but here it is only"
            f" {at:%Y-%m-%d %H:%M:%S} UTC: one of the two clocks is wrong"
        )


def _bounded(data: bytes, most: int, what: str) -> bytes:
    if len(data) > most:
        raise MalformedError(f"{what} has {len(data)} bytes; at most {most} are read")
    stripped = data.strip()
    if stripped.count(b".") != _PARTS - 1:
        raise MalformedError(f"{what} is not a compact JWS: it has not three parts with dots between them")
    return stripped


def _segment(segment: bytes, what: str) -> bytes:
    from joserfc.util import urlsafe_b64decode

    try:
        return urlsafe_b64decode(segment)
    except (ValueError, TypeError) as error:
        raise MalformedError(f"{what} is not base64url") from error


def _read_header(data: bytes, what: str) -> Mapping[str, Json]:
    segment = data.partition(b".")[0]
    if len(segment) > _MAX_HEADER:
        raise MalformedError(f"the header of {what} has more than {_MAX_HEADER} bytes")
    where = f"the header of {what}"
    return Record(decode(_segment(segment, where), what=where), where).members()


def _check_header(header: Mapping[str, Json], kind: str, what: str) -> str:
    record = Record(header, f"the header of {what}")
    algorithm = record.text("alg")
    if algorithm != ALGORITHM:
        raise SignatureError(
            f"{what} is signed by the algorithm {algorithm[:40]!r}; only {ALGORITHM!r} is taken",
            hint="Ask the licensor for one that Weightmark signed.",
        )
    if "crit" in header or "b64" in header:
        named = record.items("crit") if "crit" in header else ["b64"]
        shown = ", ".join(printable(str(name)[:40]) for name in named[:8])
        raise MalformedError(
            f"{what} must not be read without understanding: {shown}; that is not known here",
            hint="If it was made by a newer Weightmark, update this one: pip install -U weightmark",
        )
    found = record.text("typ")
    if found != kind:
        raise MalformedError(f"{what} is of the type {found[:60]!r}, not {kind!r}")
    return record.text("kid")


@lru_cache(maxsize=256)
def _jose_key(der: bytes) -> Any:
    from joserfc.jwk import OKPKey

    return OKPKey.import_key(PublicKey(der=der).pem)


@cache
def _registry() -> Any:
    from joserfc.jws import JWSRegistry

    registry = JWSRegistry(algorithms=[ALGORITHM], strict_check_header=False)
    registry.max_payload_length = 1 << 24  # our own bounds are narrower, and were checked before
    return registry
