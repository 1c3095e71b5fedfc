"""Licences as files: a licensor's key, a grant, and tokens that are signed by hand."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from weightmark.claims import PublicKey, Signature, Subject, TrustedKey, TrustRoot
from weightmark.claims.offline.licence_file import LicenceFile, StatusReference, sign_licence
from weightmark.claims.offline.status_list import StatusList
from weightmark.claims.offline.status_token import StatusToken, sign_status
from weightmark.encoding import Digest, digest_bytes
from weightmark.licensing import Grant, IssuedGrant, Tier, Work

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
URI = "https://lab.example/status/1"
MODEL = Subject(name="churn", bundle=digest_bytes(b"bundle"), weights=digest_bytes(b"weights"))
GRANT = Grant(
    model=MODEL.bundle,
    licensor="lab",
    grantee="acme",
    tier=Tier.INFERENCE,
    start=NOW - timedelta(days=1),
    end=NOW + timedelta(days=30),
    grace_days=10,
)
ISSUED = IssuedGrant(id=digest_bytes(b"grant"), grant=GRANT)
WORK = Work(
    name="churn",
    subject=MODEL.bundle,
    weights=MODEL.weights,
    owner="lab",
    license="cc-by-nc-4.0",
    licensors=frozenset({"lab"}),
)


@dataclass(frozen=True)
class Party:
    """Somebody with a key."""

    name: str
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def key(self) -> PublicKey:
        return PublicKey.from_raw_ed25519(self.private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> Signature:
        return Signature(key_id=self.key.key_id, value=self.private.sign(message))

    def trusted(self, **when: datetime) -> TrustRoot:
        return TrustRoot(keys=(TrustedKey(identity=self.name, key=self.key, **when),))

    def token(self, payload: Any, **header: Any) -> bytes:
        """Sign by hand, as RFC 7515 says; the header's members may be changed or left out with None."""
        whole = {"alg": "Ed25519", "kid": self.key.key_id, "typ": "weightmark-licence+jwt", **header}
        told = json.dumps({name: value for name, value in whole.items() if value is not None}).encode()
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        message = b64(told) + b"." + b64(body)
        return message + b"." + b64(self.private.sign(message))


def b64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def unb64(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def licence(**changes: Any) -> LicenceFile:
    parts: dict[str, Any] = {
        "id": "0f" * 16,
        "issuer": "lab",
        "grantee": "acme",
        "issued_at": NOW,
        "not_before": GRANT.start,
        "expires_at": GRANT.window.last,
        "grant": ISSUED,
        "model": MODEL,
        "works": (WORK,),
        "status": StatusReference(uri=URI, index=3),
    }
    return LicenceFile(**{**parts, **changes})


def licence_bytes(party: Party, **changes: Any) -> bytes:
    return sign_licence(licence(**changes), key=party.key, sign=party.sign)


def status_token(marked: Mapping[int, int] = {}, **changes: Any) -> StatusToken:
    parts: dict[str, Any] = {
        "issuer": "lab",
        "uri": URI,
        "issued_at": NOW,
        "expires_at": NOW + timedelta(days=30),
        "ttl": timedelta(days=1),
        "statuses": StatusList.pack(marked, size=8),
    }
    return StatusToken(**{**parts, **changes})


def status_bytes(party: Party, marked: Mapping[int, int] = {}, **changes: Any) -> bytes:
    return sign_status(status_token(marked, **changes), key=party.key, sign=party.sign)


def digest(text: str) -> Digest:
    return digest_bytes(text.encode())
