"""Every kind of claim, and the reading of one by its predicate type.

Not here: what follows from a claim. That is for the index and the licensing rules.
"""

from typing import TypeAlias

from weightmark.claims.change import (
    Amendment,
    Assignment,
    Consent,
    Reinstatement,
    RenewalClaim,
    SeatClaim,
    Suspension,
)
from weightmark.claims.permission import GrantClaim, Revocation, TermsClaim
from weightmark.claims.registration import Derivation, Registration, Transfer, VersionClaim
from weightmark.claims.update import Update
from weightmark.claims.usage import UsageClaim
from weightmark.encoding import Record
from weightmark.errors import MalformedError

__all__ = [
    "Amendment",
    "Assignment",
    "Claim",
    "Consent",
    "Derivation",
    "GrantChange",
    "GrantClaim",
    "Registration",
    "Reinstatement",
    "RenewalClaim",
    "Revocation",
    "SeatClaim",
    "Suspension",
    "TermsClaim",
    "Transfer",
    "Update",
    "UsageClaim",
    "VersionClaim",
    "read_claim",
]

GrantChange: TypeAlias = (
    Consent | Amendment | Suspension | Reinstatement | RenewalClaim | Assignment | SeatClaim | Revocation
)
"""What is said about a grant that there is already."""

Claim: TypeAlias = (
    Registration
    | VersionClaim
    | Derivation
    | Transfer
    | TermsClaim
    | GrantClaim
    | Revocation
    | Consent
    | Amendment
    | Suspension
    | Reinstatement
    | RenewalClaim
    | Assignment
    | SeatClaim
    | UsageClaim
    | Update
)

_KINDS: dict[str, type[Claim]] = {
    Registration.predicate_type: Registration,
    VersionClaim.predicate_type: VersionClaim,
    Derivation.predicate_type: Derivation,
    Transfer.predicate_type: Transfer,
    TermsClaim.predicate_type: TermsClaim,
    GrantClaim.predicate_type: GrantClaim,
    Revocation.predicate_type: Revocation,
    Consent.predicate_type: Consent,
    Amendment.predicate_type: Amendment,
    Suspension.predicate_type: Suspension,
    Reinstatement.predicate_type: Reinstatement,
    RenewalClaim.predicate_type: RenewalClaim,
    Assignment.predicate_type: Assignment,
    SeatClaim.predicate_type: SeatClaim,
    Update.predicate_type: Update,
    UsageClaim.predicate_type: UsageClaim,
}


def read_claim(predicate_type: str, record: Record) -> Claim:
    """Read a claim.

    Args:
        predicate_type: the URI that says which kind it is.
        record: the predicate; every field in it must be known.

    Raises:
        MalformedError: the type is not known here, or the predicate is not of that type.
    """
    kind = _KINDS.get(predicate_type)
    if kind is None:
        raise MalformedError(
            f"the statement's predicate type is {predicate_type[:120]!r}, which is not known here",
            hint="If it was made by a newer Weightmark, update this one: pip install -U weightmark",
        )
    claim = kind.from_record(record)
    record.done()
    return claim
