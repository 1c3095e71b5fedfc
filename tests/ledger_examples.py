"""A ledger in memory and people who put claims into it, from seeds."""

from datetime import UTC, datetime, timedelta

from tests.claim_examples import private, public, signer

from weightmark.claims import (
    Claim,
    Derivation,
    Envelope,
    GrantClaim,
    Registration,
    Revocation,
    Statement,
    Subject,
    TermsClaim,
    Transfer,
    TrustedKey,
    TrustRoot,
    VersionClaim,
    sign,
)
from weightmark.encoding import Digest, digest_bytes
from weightmark.licensing import Capability, Grant
from weightmark.log import LogKey
from weightmark.model import Parent, Relation
from weightmark_plugins.ledgers.memory import MemoryLedger
from weightmark_plugins.signers.file import FileSigner

START = datetime(2026, 1, 1, tzinfo=UTC)
ORIGIN = "example.org/log"


def new_ledger(seed: str = "log") -> MemoryLedger:
    return MemoryLedger.open("memory:", signer=FileSigner("file:log.pem", private(seed)), origin=ORIGIN)


def trust_in(ledger: MemoryLedger, *names: str) -> TrustRoot:
    keys = tuple(TrustedKey(identity=name, key=public(name)) for name in names)
    return TrustRoot(keys=keys, logs=(LogKey.parse(ledger.verifier_key),))


def bundle_of(model: str) -> Digest:
    return digest_bytes(f"bundle of {model}".encode())


def weights_of(model: str) -> Digest:
    """Give the weights of a model; ``m`` and ``m-again`` have the same."""
    return digest_bytes(f"weights of {model.removesuffix('-again')}".encode())


def about(model: str, weights: Digest | None = None) -> Subject:
    return Subject(name=model, bundle=bundle_of(model), weights=weights or weights_of(model))


def moment(number: int) -> datetime:
    return START + timedelta(seconds=number)


def registers(owner: str, at: int = 0, license_: str | None = "MIT") -> Registration:
    manifest = digest_bytes(b"manifest")
    return Registration(
        owner=owner, license=license_, manifest=manifest, files=1, size=1, issued_at=moment(at)
    )


def grants(model: Digest, licensor: str, grantee: str, at: int = 0) -> GrantClaim:
    everything = frozenset(Capability)
    grant = Grant(model=model, licensor=licensor, grantee=grantee, capabilities=everything, start=START)
    return GrantClaim(grant=grant, issued_at=moment(at))


def licenses(license_: str, at: int = 0) -> TermsClaim:
    return TermsClaim(license=license_, issued_at=moment(at))


def revokes(grant: Digest, at: int = 0) -> Revocation:
    return Revocation(target=grant, cause="not paid", issued_at=moment(at))


def transfers(owner: str, at: int = 0) -> Transfer:
    return Transfer(new_owner=owner, new_key=public(owner).key_id, issued_at=moment(at))


def derives(parent: str, at: int = 0) -> Derivation:
    parents = (Parent(subject=bundle_of(parent), relation=Relation.FINE_TUNE, uri=""),)
    return Derivation(parents=parents, issued_at=moment(at))


def versions(uri: str, at: int = 0) -> VersionClaim:
    return VersionClaim(model="m", version="1", uri=uri, issued_at=moment(at))


def said(claim: Claim, model: str, *names: str) -> Envelope:
    """Sign a claim about a model."""
    return sign(Statement(subject=about(model), claim=claim), [signer(name) for name in names])


def tell(ledger: MemoryLedger, claim: Claim, model: str, *names: str) -> Digest:
    """Record a claim about a model, signed by these; give the statement's digest."""
    envelope = said(claim, model, *names)
    ledger.append(envelope)
    return Statement.decode(envelope.payload).digest


def resign(envelope: Envelope, *names: str) -> Envelope:
    """Give the same statement with other signatures: another entry of the ledger, saying the same."""
    return sign(Statement.decode(envelope.payload), [signer(name) for name in names])
