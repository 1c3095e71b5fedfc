from .bundle import Bundle as Bundle
from .claim import Claim as Claim
from .claim import Derivation as Derivation
from .claim import GrantClaim as GrantClaim
from .claim import Registration as Registration
from .claim import Revocation as Revocation
from .claim import TermsClaim as TermsClaim
from .claim import Transfer as Transfer
from .claim import VersionClaim as VersionClaim
from .envelope import Envelope as Envelope
from .envelope import Signature as Signature
from .envelope import pre_authentication as pre_authentication
from .key import PublicKey as PublicKey
from .key import Scheme as Scheme
from .likeness import Likeness as Likeness
from .policy import Policy as Policy
from .proof import ModelProof as ModelProof
from .proof import verify_proof as verify_proof
from .registered import verify_registration as verify_registration
from .signing import sign as sign
from .statement import Statement as Statement
from .subject import Subject as Subject
from .trust import TrustedKey as TrustedKey
from .trust import TrustRoot as TrustRoot
from .update import Update as Update
from .update import verify_update as verify_update
from .verify import Evidence as Evidence
from .verify import verify_bundle as verify_bundle
from .verify import verify_envelope as verify_envelope

__all__ = [
    "Bundle",
    "Claim",
    "Derivation",
    "Envelope",
    "Evidence",
    "GrantClaim",
    "Likeness",
    "ModelProof",
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
    "Update",
    "VersionClaim",
    "pre_authentication",
    "sign",
    "verify_bundle",
    "verify_envelope",
    "verify_proof",
    "verify_registration",
    "verify_update",
]
