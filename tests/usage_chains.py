"""Grants, keys and chains for tests of offline use and of delegation."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.licence_files import Party

from weightmark.claims import (
    Envelope,
    GrantClaim,
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


def trust(*people: Party, until: datetime | None = None) -> TrustRoot:
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


def granted(lab: Party, terms: Grant) -> Envelope:
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


def meter(file: Path, person: Party, terms: Grant | None = None, clock: Watch | None = None) -> OfflineMeter:
    return OfflineMeter(
        file=file,
        id=ID,
        grant=terms or grant(),
        party=person.name,
        public_key=person.key,
        sign=person.sign,
        clock=clock or Watch(),
    )
