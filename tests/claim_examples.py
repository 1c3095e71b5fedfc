"""Keys, statements and logs for tests: made from seeds, so that a failing test can be repeated."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from weightmark.claims import sign
from weightmark.claims.bundle import Bundle
from weightmark.claims.claim import Registration
from weightmark.claims.envelope import Envelope, Signature, pre_authentication
from weightmark.claims.key import PublicKey
from weightmark.claims.statement import Statement
from weightmark.claims.subject import Subject
from weightmark.claims.trust import TrustedKey, TrustRoot
from weightmark.encoding import Digest, digest_bytes
from weightmark.log.checkpoint import Checkpoint, LogKey, sign_checkpoint
from weightmark.log.merkle import hash_leaf, prove_inclusion, root_of
from weightmark.log.proof import InclusionProof
from weightmark.log.receipt import Receipt
from weightmark.vocabulary import PAYLOAD_TYPE

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ORIGIN = "example.com/log"
BUNDLE = digest_bytes(b"bundle")
WEIGHTS = digest_bytes(b"weights")

Sign = Callable[[bytes], Signature]


def private(name: str) -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public(name: str) -> PublicKey:
    return PublicKey.from_raw_ed25519(private(name).public_key().public_bytes_raw())


def signer(name: str) -> Sign:
    key, key_id = private(name), public(name).key_id
    return lambda message: Signature(key_id=key_id, value=key.sign(message))


def curve_signer(curve: ec.EllipticCurve, algorithm: hashes.HashAlgorithm) -> tuple[PublicKey, Sign]:
    key = ec.generate_private_key(curve)
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    known = PublicKey(der=der)
    return known, lambda message: Signature(key_id=known.key_id, value=key.sign(message, ec.ECDSA(algorithm)))


def registration(owner: str = "acme.example") -> Registration:
    manifest = digest_bytes(b"manifest")
    return Registration(
        owner=owner, license="Apache-2.0", manifest=manifest, files=3, size=4096, issued_at=NOW
    )


def statement(name: str = "churn", weights: Digest | None = WEIGHTS) -> Statement:
    return Statement(subject=Subject(name=name, bundle=BUNDLE, weights=weights), claim=registration())


def signed(*names: str) -> Envelope:
    return sign(statement(), [signer(name) for name in names or ("alice",)])


def signed_payload(payload: bytes, *, payload_type: str = PAYLOAD_TYPE, name: str = "alice") -> Envelope:
    """Sign any bytes, well: for statements whose signature is good and whose content lies."""
    signature = signer(name)(pre_authentication(payload_type, payload))
    return Envelope(payload=payload, payload_type=payload_type, signatures=(signature,))


def log_key(origin: str = ORIGIN) -> LogKey:
    return LogKey(name=origin, public=private(f"log {origin}").public_key().public_bytes_raw())


def receipt(envelope: Envelope, *, index: int = 2, size: int = 5, origin: str = ORIGIN) -> Receipt:
    """Record an envelope in a log of ``size`` entries, all others of which are noise."""
    leaves = [hash_leaf(b"entry %d" % number) for number in range(size)]
    leaves[index] = hash_leaf(envelope.encode())
    hashes_ = prove_inclusion(index, size, lambda start, stop: root_of(leaves[start:stop]))
    checkpoint = Checkpoint(origin=origin, size=size, root=root_of(leaves))
    note = sign_checkpoint(checkpoint, private(f"log {origin}").sign, log_key(origin))
    return Receipt(index=index, proof=InclusionProof(index=index, size=size, hashes=hashes_), checkpoint=note)


def bundle(*names: str) -> Bundle:
    envelope = signed(*names)
    return Bundle(envelope=envelope, receipt=receipt(envelope))


def trust(*names: str) -> TrustRoot:
    keys = tuple(TrustedKey(identity=f"{name}@example.com", key=public(name)) for name in names or ("alice",))
    return TrustRoot(keys=keys, logs=(log_key(),))
