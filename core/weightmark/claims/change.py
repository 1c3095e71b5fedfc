"""Claims that change a grant: consent, amendment, suspension, renewal, assignment, seats.

Not here: who may say them, and what follows; see the index and the life of a grant.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from weightmark.claims.subject import MAX_NAME, check_text
from weightmark.encoding import Digest, Json, Record, format_time, parse_digest
from weightmark.errors import MalformedError
from weightmark.licensing.grant import Grant
from weightmark.vocabulary import Predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The signer says yes: the grantee accepts, an approver approves, the other party agrees to a change.

    Args:
        target: the digest of the statement that is agreed to: a grant, an amendment or an assignment.
        issued_at: when it was said, with a zone.

    Raises:
        MalformedError: the target is no SHA-256 digest.
    """

    predicate_type: ClassVar[Predicate] = Predicate.CONSENT

    target: Digest
    issued_at: datetime

    def __post_init__(self) -> None:
        """Check the target."""
        check_target(self.target)

    def to_json(self) -> Json:
        """Give the predicate.

        Raises:
            ValueError: ``issued_at`` has no zone.
        """
        return {"target": self.target, "issuedAt": format_time(self.issued_at)}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read the predicate.

        Raises:
            MalformedError: it is not a consent.
        """
        return cls(target=record.digest("target"), issued_at=record.time("issuedAt"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """The parties to a grant put another in its place; what was granted before stays in the ledger.

    Args:
        target: the grant's id.
        grant: the whole of what is granted from now on.
        issued_at: when it was said, with a zone.

    Raises:
        MalformedError: the target is no SHA-256 digest.
    """

    predicate_type: ClassVar[Predicate] = Predicate.AMENDMENT

    target: Digest
    grant: Grant
    issued_at: datetime

    def __post_init__(self) -> None:
        """Check the target."""
        check_target(self.target)

    def to_json(self) -> Json:
        """Give the predicate.

        Raises:
            ValueError: ``issued_at`` has no zone.
        """
        return {
            "target": self.target,
            "grant": self.grant.to_json(),
            "issuedAt": format_time(self.issued_at),
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read the predicate.

        Raises:
            MalformedError: it is not an amendment.
        """
        inner = record.record("grant")
        return cls(
            target=record.digest("target"),
            grant=Grant.from_json(inner.members(), what=inner.what),
            issued_at=record.time("issuedAt"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Caused:
    """What is said of a grant, and why."""

    target: Digest
    cause: str
    issued_at: datetime

    def __post_init__(self) -> None:
        """Check the parts."""
        check_target(self.target)
        check_text(self.cause, "the cause", least=1)

    def to_json(self) -> Json:
        """Give the predicate.

        Raises:
            ValueError: ``issued_at`` has no zone.
        """
        return {"target": self.target, "cause": self.cause, "issuedAt": format_time(self.issued_at)}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read the predicate.

        Raises:
            MalformedError: it is not such a claim.
        """
        return cls(
            target=record.digest("target"), cause=record.text("cause"), issued_at=record.time("issuedAt")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension(_Caused):
    """The licensor takes a grant out of effect until they reinstate it.

    Args:
        target: the grant's id.
        cause: why, for people: 1 to 1024 printable characters.
        issued_at: when it was said, with a zone.

    Raises:
        MalformedError: the target is no SHA-256 digest, or the cause does not print, is empty or too long.
    """

    predicate_type: ClassVar[Predicate] = Predicate.SUSPENSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Reinstatement(_Caused):
    """The licensor puts a suspended grant into effect again.

    Args:
        target: the grant's id.
        cause: why, for people: 1 to 1024 printable characters.
        issued_at: when it was said, with a zone; what was suspended after it stays suspended.

    Raises:
        MalformedError: the target is no SHA-256 digest, or the cause does not print, is empty or too long.
    """

    predicate_type: ClassVar[Predicate] = Predicate.REINSTATEMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalClaim:
    """The licensor moves the end of a grant.

    Args:
        target: the grant's id.
        end: the new end, with a zone.
        payment: a reference to the payment; empty when there was none.
        issued_at: when it was said, with a zone.

    Raises:
        MalformedError: the target is no SHA-256 digest, or the reference does not print or is too long.
    """

    predicate_type: ClassVar[Predicate] = Predicate.RENEWAL

    target: Digest
    end: datetime
    payment: str = ""
    issued_at: datetime

    def __post_init__(self) -> None:
        """Check the parts."""
        check_target(self.target)
        check_text(self.payment, "the reference to the payment")

    def to_json(self) -> Json:
        """Give the predicate.

        Raises:
            ValueError: a time has no zone.
        """
        fields: dict[str, Json] = {
            "target": self.target,
            "end": format_time(self.end),
            "issuedAt": format_time(self.issued_at),
        }
        return {**fields, **({"payment": self.payment} if self.payment else {})}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read the predicate.

        Raises:
            MalformedError: it is not a renewal.
        """
        return cls(
            target=record.digest("target"),
            end=record.time("end"),
            payment=record.text("payment", ""),
            issued_at=record.time("issuedAt"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The grantee hands a grant over to another; the seats under it become free.

    Args:
        target: the grant's id.
        grantee: who holds it from now on: 1 to 256 printable characters.
        issued_at: when it was said, with a zone.

    Raises:
        MalformedError: the target is no SHA-256 digest, or the name does not print, is empty or too long.
    """

    predicate_type: ClassVar[Predicate] = Predicate.ASSIGNMENT

    target: Digest
    grantee: str
    issued_at: datetime

    def __post_init__(self) -> None:
        """Check the parts."""
        check_target(self.target)
        check_text(self.grantee, "the new grantee", least=1, most=MAX_NAME)

    def to_json(self) -> Json:
        """Give the predicate.

        Raises:
            ValueError: ``issued_at`` has no zone.
        """
        return {"target": self.target, "grantee": self.grantee, "issuedAt": format_time(self.issued_at)}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read the predicate.

        Raises:
            MalformedError: it is not an assignment.
        """
        return cls(
            target=record.digest("target"), grantee=record.text("grantee"), issued_at=record.time("issuedAt")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatClaim:
    """Somebody is given one of a grant's seats, or gives it up.

    Args:
        target: the grant's id.
        holder: the person or the machine: 1 to 256 printable characters.
        freed: whether the seat is freed; else it is taken.
        issued_at: when it was said, with a zone.

    Raises:
        MalformedError: the target is no SHA-256 digest, or the name does not print, is empty or too long.
    """

    predicate_type: ClassVar[Predicate] = Predicate.SEAT

    target: Digest
    holder: str
    freed: bool = False
    issued_at: datetime

    def __post_init__(self) -> None:
        """Check the parts."""
        check_target(self.target)
        check_text(self.holder, "the seat's holder", least=1, most=MAX_NAME)

    def to_json(self) -> Json:
        """Give the predicate.

        Raises:
            ValueError: ``issued_at`` has no zone.
        """
        return {
            "target": self.target,
            "holder": self.holder,
            "freed": self.freed,
            "issuedAt": format_time(self.issued_at),
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read the predicate.

        Raises:
            MalformedError: it is not about a seat.
        """
        return cls(
            target=record.digest("target"),
            holder=record.text("holder"),
            freed=record.boolean("freed"),
            issued_at=record.time("issuedAt"),
        )


def check_target(target: Digest) -> None:
    """Check that a claim names another statement as statements are named.

    Raises:
        MalformedError: the target is no SHA-256 digest.
    """
    algorithm, _ = parse_digest(target, what="the digest of the statement that it is about")
    if algorithm != "sha256":
        raise MalformedError(
            f"the digest of the statement that it is about is by {algorithm}; statements are named by sha256"
        )
