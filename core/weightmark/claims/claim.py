"""Every kind of claim, and the reading of one by its predicate type.

Not here: what follows from a claim. That is for the index and the licensing rules.
"""

from typing import TypeAlias

from weightmark.claims.permission import GrantClaim, Revocation, TermsClaim
from weightmark.claims.registration import Derivation, Registration, Transfer, VersionClaim
from weightmark.claims.update import Update
from weightmark.encoding import Record
from weightmark.errors import MalformedError
from weightmark.vocabulary import Predicate

__all__ = [
    "Claim",
    "Derivation",
    "GrantClaim",
    "Registration",
    "Revocation",
    "TermsClaim",
    "Transfer",
    "Update",
    "VersionClaim",
    "read_claim",
]

Claim: TypeAlias = (
    Registration | VersionClaim | Derivation | Transfer | TermsClaim | GrantClaim | Revocation | Update
)

_KINDS: dict[Predicate, type[Claim]] = {
    Registration.predicate_type: Registration,
    VersionClaim.predicate_type: VersionClaim,
    Derivation.predicate_type: Derivation,
    Transfer.predicate_type: Transfer,
    TermsClaim.predicate_type: TermsClaim,
    GrantClaim.predicate_type: GrantClaim,
    Revocation.predicate_type: Revocation,
    Update.predicate_type: Update,
}


def read_claim(predicate_type: str, record: Record) -> Claim:
    """Read a claim.

    Args:
        predicate_type: the URI that says which kind it is.
        record: the predicate; every field in it must be known.

    Raises:
        MalformedError: the type is not known here, or the predicate is not of that type.
    """
    if predicate_type not in set(Predicate):
        raise MalformedError(
            f"the statement's predicate type is {predicate_type[:120]!r}, which is not known here",
            hint="If it was made by a newer Weightmark, update this one: pip install -U weightmark",
        )
    claim = _KINDS[Predicate(predicate_type)].from_record(record)
    record.done()
    return claim
