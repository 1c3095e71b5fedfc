"""Grants, keys and chains for tests of offline use and of delegation."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from weightmark.claims import (
    Envelope,
    GrantClaim,
    PublicKey,
    Signature,
    Statement,
    Subject,
    TrustedKey,
    TrustRoot,
)
from weightmark.claims import sign as sign_statement
from weightmark.encoding import Digest
from weightmark.licensing import Capability, Entitlement, Grant
from weightmark.workspace.offline.usage import OfflineMeter

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
BUNDLE = Digest("sha256:" + "a" * 64)
WEIGHTS = Digest("sha256:" + "b" * 64)
ID = Digest("sha256:" + "c" * 64)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an Ed25519 key of their own."""

    name: str
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate, repr=False)

    @property
    def key(self) -> PublicKey:
        return PublicKey.from_raw_ed25519(self.private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> Signature:
        return Signature(key_id=self.key.key_id, value=self.private.sign(message))


def trust(*people: Person, until: datetime | None = None) -> TrustRoot:
    keys = [TrustedKey(identity=person.name, key=person.key, valid_until=until) for person in people]
    return TrustRoot(keys=tuple(keys))


def grant(limit: int = 1000, *, sublicense: bool = False, **changes: object) -> Grant:
    """A grant of the lab to the reseller, for a year from NOW."""
    capabilities = {Capability.INFER, Capability.EMBED} | ({Capability.SUBLICENSE} if sublicense else set())
    values: dict[str, object] = {
        "model": BUNDLE,
        "licensor": "lab",
        "grantee": "reseller",
        "capabilities": frozenset(capabilities),
        "start": NOW,
        "end": NOW + timedelta(days=365),
        "bounds": (Entitlement(name="tokens", unit="tokens", limit=limit),) if limit else (),
    }
    return Grant(**{**values, **changes})  # type: ignore[arg-type]


def granted(lab: Person, terms: Grant) -> Envelope:
    """The grant's statement, signed by its licensor."""
    subject = Subject(name="net", bundle=BUNDLE, weights=WEIGHTS)
    claim = GrantClaim(grant=terms, issued_at=NOW)
    return sign_statement(Statement(subject=subject, claim=claim), [lab.sign])


class Watch:
    """A clock that is set by hand and goes on by itself."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


def meter(file: Path, person: Person, terms: Grant | None = None, clock: Watch | None = None) -> OfflineMeter:
    return OfflineMeter(
        file=file,
        id=ID,
        grant=terms or grant(),
        party=person.name,
        public_key=person.key,
        sign=person.sign,
        clock=clock or Watch(),
    )
