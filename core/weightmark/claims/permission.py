"""Claims about what may be done with a model: terms, a grant, and the taking back of either.

Not promised: that the terms are lawful or kept. They are what the signer offers.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Self

from weightmark.claims.subject import check_text
from weightmark.encoding import Digest, Json, Record, format_time, parse_digest
from weightmark.errors import MalformedError
from weightmark.licensing.grant import Grant
from weightmark.licensing.terms import Terms
from weightmark.vocabulary import Predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsClaim:
    """The owner says under which licence, or on which terms, the model may be used.

    Args:
        license: an SPDX licence expression; None when only terms are given.
        terms: the owner's own terms; None when only a licence is given.
        issued_at: when it was said, with a zone.

    Raises:
        MalformedError: there is neither, or the licence does not print, is empty or too long.
    """

    predicate_type: ClassVar[Predicate] = Predicate.TERMS

    license: str | None = None
    terms: Terms | None = None
    issued_at: datetime

    def __post_init__(self) -> None:
        """Check that something is said."""
        if self.license is None and self.terms is None:
            raise MalformedError("a terms claim has neither a licence nor terms")
        if self.license is not None:
            check_text(self.license, "the licence", least=1)

    def to_json(self) -> Json:
        """Give the predicate.

        Raises:
            ValueError: ``issued_at`` has no zone.
        """
        fields: dict[str, Json] = {"issuedAt": format_time(self.issued_at)}
        if self.license is not None:
            fields["license"] = self.license
        if self.terms is not None:
            fields["terms"] = self.terms.to_json()
        return fields

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read the predicate.

        Raises:
            MalformedError: it is not a terms claim.
        """
        return cls(
            license=record.optional_text("license"),
            terms=_terms(record) if record.has("terms") else None,
            issued_at=record.time("issuedAt"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantClaim:
    """The owner gives one party a grant.

    Args:
        grant: what is given, to whom.
        issued_at: when it was said, with a zone.
    """

    predicate_type: ClassVar[Predicate] = Predicate.GRANT

    grant: Grant
    issued_at: datetime

    def to_json(self) -> Json:
        """Give the predicate.

        Raises:
            ValueError: ``issued_at`` has no zone.
        """
        return {"grant": self.grant.to_json(), "issuedAt": format_time(self.issued_at)}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read the predicate.

        Raises:
            MalformedError: it is not a grant.
        """
        return cls(grant=_grant(record), issued_at=record.time("issuedAt"))


class Ground(StrEnum):
    """On which ground a grant is taken back."""

    BREACH = "breach"
    """Its terms were broken; there is no period of notice."""
    NON_PAYMENT = "non-payment"
    AGREEMENT = "agreement"
    WITHDRAWAL = "withdrawal"
    """The licensor no longer offers it."""
    SUPERSEDED = "superseded"
    """Another grant takes its place."""
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """The signer takes back a statement made before.

    Args:
        target: the digest of that statement: SHA-256 over its payload.
        cause: why, for people: 1 to 1024 printable characters.
        ground: the kind of cause, for programs.
        effective_at: when it takes effect, with a zone; None for as soon as it may: when it was said, or
            after the grant's period of notice. A moment before that is too early and moved there.
        issued_at: when it was said, with a zone.

    Raises:
        MalformedError: the target is no SHA-256 digest, or the cause does not print, is empty or too long.
    """

    predicate_type: ClassVar[Predicate] = Predicate.REVOCATION

    target: Digest
    cause: str
    ground: Ground = Ground.OTHER
    effective_at: datetime | None = None
    issued_at: datetime

    def __post_init__(self) -> None:
        """Check the parts."""
        algorithm, _ = parse_digest(self.target, what="the revoked statement's digest")
        if algorithm != "sha256":
            raise MalformedError(
                f"the revoked statement's digest is by {algorithm}; statements are named by sha256"
            )
        check_text(self.cause, "the cause", least=1)

    def to_json(self) -> Json:
        """Give the predicate; what is not said is left out, as it was before it could be said.

        Raises:
            ValueError: a time has no zone.
        """
        fields: dict[str, Json] = {
            "target": self.target,
            "cause": self.cause,
            "issuedAt": format_time(self.issued_at),
        }
        if self.ground is not Ground.OTHER:
            fields["ground"] = self.ground
        if self.effective_at is not None:
            fields["effectiveAt"] = format_time(self.effective_at)
        return fields

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read the predicate.

        Raises:
            MalformedError: it is not a revocation.
        """
        return cls(
            target=record.digest("target"),
            cause=record.text("cause"),
            ground=_ground(record),
            effective_at=record.optional_time("effectiveAt"),
            issued_at=record.time("issuedAt"),
        )


def _ground(record: Record) -> Ground:
    text = record.text("ground", Ground.OTHER)
    try:
        return Ground(text)
    except ValueError as error:
        raise MalformedError(
            f"'ground' in {record.what} is {text[:40]!r}, not one of {', '.join(Ground)}"
        ) from error


def _terms(record: Record) -> Terms:
    inner = record.record("terms")
    return Terms.from_json(inner.members(), what=inner.what)


def _grant(record: Record) -> Grant:
    inner = record.record("grant")
    return Grant.from_json(inner.members(), what=inner.what)
