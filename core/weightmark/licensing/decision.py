"""Decisions: the answer, every reason for it, what is owed, and when to ask again.

Not promised: that anybody obeys. A gate that has a decision must act on it: ``require`` raises.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from weightmark.encoding import Json, format_time
from weightmark.errors import (
    GrantRevokedError,
    LicensingError,
    NotEntitledError,
    QuotaExceededError,
    UndecidedError,
)
from weightmark.licensing.duty import Duty

_MOST_MESSAGES = 5


class Outcome(StrEnum):
    """The answer in one word."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    UNDECIDED = "undecided"


class ReasonCode(StrEnum):
    """Why, in one word that never changes its meaning."""

    RECORDED = "recorded"
    OWNER = "owner"
    PERMITTED_BY_LICENCE = "permitted-by-licence"
    GRANTED = "granted"
    GRACE = "grace"
    NON_COMMERCIAL = "non-commercial"
    NOT_PERMITTED = "not-permitted"
    PROHIBITED = "prohibited"
    NO_DERIVATIVES = "no-derivatives"
    USE_RESTRICTED = "use-restricted"
    LICENCE_EXPIRED = "licence-expired"
    LICENCE_NOT_YET_VALID = "licence-not-yet-valid"
    QUOTA_EXCEEDED = "quota-exceeded"
    GRANT_REVOKED = "grant-revoked"
    GRANT_EXPIRED = "grant-expired"
    GRANT_NOT_YET_VALID = "grant-not-yet-valid"
    GRANT_NON_COMMERCIAL = "grant-non-commercial"
    GRANT_TOO_NARROW = "grant-too-narrow"
    GRANT_NOT_FROM_OWNER = "grant-not-from-owner"
    GRANT_PENDING = "grant-pending"
    GRANT_SUSPENDED = "grant-suspended"
    GRANT_NO_SEAT = "grant-no-seat"
    GRANT_PARENT_INVALID = "grant-parent-invalid"
    POLICY = "policy"
    PURPOSE_NOT_GRANTED = "purpose-not-granted"
    NO_LICENCE = "no-licence"
    UNKNOWN_LICENCE = "unknown-licence"
    USAGE_UNKNOWN = "usage-unknown"
    NOT_REGISTERED = "not-registered"
    NOT_INTACT = "not-intact"
    NOT_ASKED = "not-asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason.

    Args:
        code: stable, for programs.
        message: one sentence for people; names the work, the licence and the party.
        clause: where it is written; empty when no text speaks of it.
        work: the name of the work it is about; empty when it is about none.
        hint: the way out; empty when none is needed.
    """

    code: ReasonCode
    message: str
    clause: str = ""
    work: str = ""
    hint: str = ""

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON.

        Raises:
            Nothing.
        """
        return {
            "clause": self.clause,
            "code": self.code,
            "hint": self.hint,
            "message": self.message,
            "work": self.work,
        }


_ERRORS: dict[ReasonCode, type[LicensingError]] = {
    ReasonCode.GRANT_REVOKED: GrantRevokedError,
    ReasonCode.QUOTA_EXCEEDED: QuotaExceededError,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer to a request.

    Args:
        outcome: allowed, refused, or undecided when it cannot be known.
        code: the reason that decided.
        reasons: all reasons, of all works; the one that decided comes first.
        duties: what is owed when it is done; empty unless allowed.
        grant: the id of the grant that decided, or that would have; None when no grant did.
        until: the first moment at which the answer may change by itself, in UTC; None when it cannot.
    """

    outcome: Outcome
    code: ReasonCode
    reasons: tuple[Reason, ...] = ()
    duties: tuple[Duty, ...] = ()
    grant: str | None = None
    until: datetime | None = None

    @property
    def allowed(self) -> bool:
        """Whether it may be done; False also when undecided."""
        return self.outcome is Outcome.ALLOWED

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON.

        Raises:
            Nothing.
        """
        return {
            "allowed": self.allowed,
            "code": self.code,
            "duties": [duty.to_json() for duty in self.duties],
            "grant": self.grant,
            "outcome": self.outcome,
            "reasons": [reason.to_json() for reason in self.reasons],
            "until": None if self.until is None else format_time(self.until),
        }

    def require(self) -> None:
        """Return when it is allowed.

        Raises:
            UndecidedError: it cannot be known whether it is allowed.
            GrantRevokedError: the grant that would allow it was revoked.
            QuotaExceededError: the limit is used up.
            NotEntitledError: it is refused for another reason.
        """
        if self.outcome is Outcome.ALLOWED:
            return
        kind: type[LicensingError] = _ERRORS.get(self.code, NotEntitledError)
        if self.outcome is Outcome.UNDECIDED:
            kind = UndecidedError
        messages = dict.fromkeys(reason.message for reason in self.reasons[:_MOST_MESSAGES])
        hint = next((reason.hint for reason in self.reasons if reason.hint), "")
        raise kind(" ".join(messages) or f"It is {self.outcome} ({self.code}).", hint=hint)
