"""Signed statements by number, the same in every process: real claims, and some that nobody can read."""

from datetime import UTC, datetime, timedelta

from weightmark.claims import (
    Claim,
    Envelope,
    GrantClaim,
    Registration,
    Revocation,
    Statement,
    Subject,
    TermsClaim,
    TrustedKey,
    TrustRoot,
    sign,
)
from weightmark.encoding import digest_bytes
from weightmark.licensing import Capability, Grant
from weightmark.testing.ledger import FixedSigner, example_envelope

PARTY = "acme"
SIGNER = FixedSigner()
TRUST = TrustRoot(keys=(TrustedKey(identity=PARTY, key=SIGNER.public_key),))
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def envelope_of(number: int) -> Envelope:
    """Give envelope ``number``: of each five, one registers a model and three speak of it."""
    kind = number % 5
    if kind == 4:
        return example_envelope(number)
    statement = _statement(number - kind, kind)
    return sign(statement, [SIGNER.sign])


def _statement(first: int, kind: int) -> Statement:
    bundle = digest_bytes(f"model {first}".encode())
    at = _BEGIN + timedelta(seconds=first)
    subject = Subject(name=f"model-{first}", bundle=bundle)
    claim: Claim
    match kind:
        case 0:
            claim = Registration(owner=PARTY, manifest=bundle, files=1, size=first, issued_at=at)
        case 1:
            claim = TermsClaim(license="MIT", issued_at=at)
        case 2:
            grant = Grant(
                model=bundle,
                licensor=PARTY,
                grantee="openlab",
                capabilities=frozenset({Capability.INFER}),
                start=at,
            )
            claim = GrantClaim(grant=grant, issued_at=at)
        case _:
            claim = Revocation(target=_statement(first, 2).digest, cause="a test", issued_at=at)
    return Statement(subject=subject, claim=claim)
