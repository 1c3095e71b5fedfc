from .bundle import Bundle as Bundle
from .change import Amendment as Amendment
from .change import Assignment as Assignment
from .change import Consent as Consent
from .change import Reinstatement as Reinstatement
from .change import RenewalClaim as RenewalClaim
from .change import SeatClaim as SeatClaim
from .change import Suspension as Suspension
from .claim import Claim as Claim
from .claim import Derivation as Derivation
from .claim import GrantChange as GrantChange
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
from .offline.licence_file import LicenceEvidence as LicenceEvidence
from .offline.licence_file import LicenceFile as LicenceFile
from .offline.licence_file import StatusReference as StatusReference
from .offline.licence_file import sign_licence as sign_licence
from .offline.licence_file import verify_licence as verify_licence
from .offline.status_list import Status as Status
from .offline.status_list import StatusList as StatusList
from .offline.status_token import StatusEvidence as StatusEvidence
from .offline.status_token import StatusToken as StatusToken
from .offline.status_token import sign_status as sign_status
from .offline.status_token import verify_status as verify_status
from .permission import Ground as Ground
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
from .usage import UsageClaim as UsageClaim
from .verify import Evidence as Evidence
from .verify import verify_bundle as verify_bundle
from .verify import verify_envelope as verify_envelope

__all__ = [
    "Amendment",
    "Assignment",
    "Bundle",
    "Claim",
    "Consent",
    "Derivation",
    "Envelope",
    "Evidence",
    "GrantChange",
    "GrantClaim",
    "Ground",
    "LicenceEvidence",
    "LicenceFile",
    "Likeness",
    "ModelProof",
    "Policy",
    "PublicKey",
    "Registration",
    "Reinstatement",
    "RenewalClaim",
    "Revocation",
    "Scheme",
    "SeatClaim",
    "Signature",
    "Statement",
    "Status",
    "StatusEvidence",
    "StatusList",
    "StatusReference",
    "StatusToken",
    "Subject",
    "Suspension",
    "TermsClaim",
    "Transfer",
    "TrustRoot",
    "TrustedKey",
    "Update",
    "UsageClaim",
    "VersionClaim",
    "pre_authentication",
    "sign",
    "sign_licence",
    "sign_status",
    "verify_bundle",
    "verify_envelope",
    "verify_licence",
    "verify_proof",
    "verify_registration",
    "verify_status",
    "verify_update",
]
