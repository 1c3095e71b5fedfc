"""Claims about models: said in a statement, signed in an envelope, proven by a bundle."""

from weightmark.claims.bundle import Bundle
from weightmark.claims.claim import (
    Claim,
    Derivation,
    GrantClaim,
    Registration,
    Revocation,
    TermsClaim,
    Transfer,
    VersionClaim,
)
from weightmark.claims.envelope import Envelope, Signature, pre_authentication
from weightmark.claims.key import PublicKey, Scheme
from weightmark.claims.policy import Policy
from weightmark.claims.sign import sign
from weightmark.claims.statement import Statement
from weightmark.claims.subject import Subject
from weightmark.claims.trust import TrustedKey, TrustRoot
from weightmark.claims.verify import Evidence, verify_bundle, verify_envelope

__all__ = [
    "Bundle",
    "Claim",
    "Derivation",
    "Envelope",
    "Evidence",
    "GrantClaim",
    "Policy",
    "PublicKey",
    "Registration",
    "Revocation",
    "Scheme",
    "Signature",
    "Statement",
    "Subject",
    "TermsClaim",
    "Transfer",
    "TrustRoot",
    "TrustedKey",
    "VersionClaim",
    "pre_authentication",
    "sign",
    "verify_bundle",
    "verify_envelope",
]
