"""Decisions: the answer, every reason for it, what is owed, and when to ask again.

Not promised: that anybody obeys. A gate that has a decision must act on it: ``require`` raises.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Any, Protocol

from weightmark.encoding import Json, format_time
from weightmark.errors import (
    GrantRevokedError,
    LicensingError,
    NotEntitledError,
    QuotaExceededError,
    UndecidedError,
)
from weightmark.licensing.duty import Duty

NOTHING_COUNTED: Mapping[str, int] = MappingProxyType({})
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


class Account(Protocol):
    """What stands behind a decision; its sentences are written when somebody asks for them."""

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why; the one that decided comes first."""
        ...

    @property
    def duties(self) -> tuple[Duty, ...]:
        """What is owed when it is done; looked at only when it is allowed."""
        ...


_ERRORS: dict[ReasonCode, type[LicensingError]] = {
    ReasonCode.GRANT_REVOKED: GrantRevokedError,
    ReasonCode.QUOTA_EXCEEDED: QuotaExceededError,
}


class Decision:
    """The answer to a request; it never changes.

    Args:
        outcome: allowed, refused, or undecided when it cannot be known.
        code: the reason that decided.
        reasons: all reasons, of all works; the one that decided comes first.
        duties: what is owed when it is done; empty unless allowed.
        grant: the id of the grant that decided, or that would have; None when no grant did.
        until: the first moment at which the answer may change by itself, in UTC; None when it cannot.
        left: units left under the grant or the terms that decided, by entitlement name: before this action,
            and without those that cost more. Empty when nothing is counted, or could be.
        account: what the reasons and duties are asked from, in place of ``reasons`` and ``duties``.
    """

    __slots__ = ("_account", "_code", "_duties", "_grant", "_left", "_outcome", "_reasons", "_until")

    def __init__(  # noqa: PLR0913 - keywords, each with its default
        self,
        *,
        outcome: Outcome,
        code: ReasonCode,
        reasons: tuple[Reason, ...] = (),
        duties: tuple[Duty, ...] = (),
        grant: str | None = None,
        until: datetime | None = None,
        left: Mapping[str, int] = NOTHING_COUNTED,
        account: Account | None = None,
    ) -> None:
        self._outcome = outcome
        self._code = code
        self._reasons = reasons if account is None else None
        self._duties = duties if account is None else None
        self._grant = grant
        self._until = until
        self._left = left
        self._account = account

    @property
    def outcome(self) -> Outcome:
        """Allowed, refused, or undecided when it cannot be known."""
        return self._outcome

    @property
    def code(self) -> ReasonCode:
        """The reason that decided."""
        return self._code

    @property
    def grant(self) -> str | None:
        """The id of the grant that decided, or that would have; None when no grant did."""
        return self._grant

    @property
    def until(self) -> datetime | None:
        """The first moment at which the answer may change by itself, in UTC; None when it cannot."""
        return self._until

    @property
    def left(self) -> Mapping[str, int]:
        """Units left under the grant or the terms that decided, by entitlement name."""
        return self._left

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """All reasons, of all works; the one that decided comes first."""
        if self._reasons is None and self._account is not None:
            self._reasons = self._account.reasons
        return self._reasons or ()

    @property
    def duties(self) -> tuple[Duty, ...]:
        """What is owed when it is done; empty unless allowed."""
        if self._duties is None and self._account is not None and self.allowed:
            self._duties = self._account.duties
        return self._duties or ()

    @property
    def allowed(self) -> bool:
        """Whether it may be done; False also when undecided."""
        return self._outcome is Outcome.ALLOWED

    def within(self, until: datetime | None) -> "Decision":
        """Give the same decision with another ``until``.

        Raises:
            Nothing.
        """
        return Decision(
            outcome=self._outcome,
            code=self._code,
            grant=self._grant,
            until=until,
            left=self._left,
            account=self,
        )

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
            "left": dict(self.left),
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
        if self.allowed:
            return
        kind: type[LicensingError] = _ERRORS.get(self.code, NotEntitledError)
        if self.outcome is Outcome.UNDECIDED:
            kind = UndecidedError
        messages = dict.fromkeys(reason.message for reason in self.reasons[:_MOST_MESSAGES])
        hint = next((reason.hint for reason in self.reasons if reason.hint), "")
        raise kind(" ".join(messages) or f"It is {self.outcome} ({self.code}).", hint=hint)

    def _values(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "code": self.code,
            "reasons": self.reasons,
            "duties": self.duties,
            "grant": self.grant,
            "until": self.until,
            "left": dict(self.left),
        }

    def __eq__(self, other: object) -> bool:
        """Compare all that they say."""
        return self._values() == other._values() if isinstance(other, Decision) else NotImplemented

    def __hash__(self) -> int:
        """Fit ``==``."""
        return hash((self.outcome, self.code, self.reasons, self.duties, self.grant, self.until))

    def __repr__(self) -> str:
        """Show the answer and the sentences."""
        told = ", ".join(repr(reason.message) for reason in self.reasons)
        answer = f"{self.outcome.value}, {self.code.value}, grant={self.grant!r}, until={self.until}"
        return f"Decision({answer}, {told})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and store it with its words written."""
        return partial(Decision, **self._values()), ()
