"""How far a renewal is: states, what can happen to it, and what comes of that. Pure and total.

Not here: the charging, and a clock; see the workspace.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

LEAD_DAYS: Final = 7
"""So many days before a grant ends its renewal is charged."""

RETRY_DAYS: Final = (1, 3, 5)
"""After each failure in turn, in so many days, it is charged again; after the last it is given up."""


class RenewalState(StrEnum):
    """How far a renewal is."""

    SCHEDULED = "scheduled"
    """It is due, or soon will be, and nothing is being charged."""
    CHARGING = "charging"
    """The provider is being asked; or was, by a process that is gone."""
    PENDING = "pending"
    """The provider has asked for the money."""
    UNKNOWN = "unknown"
    """The provider did not say, and the money may have come; it is asked again, and nothing is charged."""
    PAID = "paid"
    """The money came, and the renewal is to be recorded."""
    RENEWED = "renewed"
    """The renewal is in the ledger."""
    FAILED = "failed"
    """Nothing was taken; it is tried again later."""
    GIVEN_UP = "given-up"
    """It failed too often, or too late. Money that comes still counts."""
    CANCELLED = "cancelled"
    """The grant is not to be renewed any more."""
    OWED_BACK = "owed-back"
    """The money came, and the grant cannot be renewed: a person must pay it back."""


class RenewalEvent(StrEnum):
    """What can happen to a renewal."""

    SCHEDULE = "schedule"
    """The grant is to be renewed."""
    CHARGE = "charge"
    """The provider is about to be asked for the money."""
    NONE = "none"
    """The provider is certain that it has no such payment."""
    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"
    UNKNOWN = "unknown"
    RECORD = "record"
    """The renewal is in the ledger."""
    GIVE_UP = "give-up"
    CANCEL = "cancel"
    """The grant is revoked, or is not to be renewed, or not from this end."""


_S, _E = RenewalState, RenewalEvent
_ANSWERS = {
    _E.PENDING: _S.PENDING,
    _E.PAID: _S.PAID,
    _E.FAILED: _S.FAILED,
    _E.UNKNOWN: _S.UNKNOWN,
    _E.CANCEL: _S.CANCELLED,
}
_TABLE: Final = MappingProxyType(
    {
        _S.SCHEDULED: {
            _E.CHARGE: _S.CHARGING,
            _E.PAID: _S.PAID,
            _E.GIVE_UP: _S.GIVEN_UP,
            _E.CANCEL: _S.CANCELLED,
        },
        _S.CHARGING: {**_ANSWERS, _E.NONE: _S.SCHEDULED},
        _S.UNKNOWN: {**_ANSWERS, _E.NONE: _S.SCHEDULED},
        _S.PENDING: {**_ANSWERS, _E.NONE: _S.UNKNOWN},
        _S.PAID: {_E.RECORD: _S.RENEWED, _E.CANCEL: _S.OWED_BACK},
        _S.RENEWED: {},
        _S.FAILED: {
            _E.CHARGE: _S.CHARGING,
            _E.PAID: _S.PAID,
            _E.PENDING: _S.PENDING,
            _E.GIVE_UP: _S.GIVEN_UP,
            _E.CANCEL: _S.CANCELLED,
        },
        _S.GIVEN_UP: {_E.PAID: _S.PAID, _E.CANCEL: _S.CANCELLED},
        _S.CANCELLED: {_E.PAID: _S.OWED_BACK, _E.SCHEDULE: _S.UNKNOWN},
        _S.OWED_BACK: {},
    }
)  # fmt: skip

UNDECIDED: Final = frozenset({_S.CHARGING, _S.UNKNOWN, _S.PENDING})
"""States in which the provider is asked how far the payment is."""

LATE: Final = frozenset({_S.FAILED, _S.GIVEN_UP, _S.CANCELLED})
"""States that ended without money; the provider is asked all the same whether some came after all."""

OVER: Final = frozenset({_S.RENEWED, _S.OWED_BACK})
"""States that nothing changes any more."""


def advance(state: RenewalState, event: RenewalEvent) -> RenewalState:
    """Say how far a renewal is after something happened; what does not concern a state leaves it as it is.

    Args:
        state: before.
        event: what happened.

    Raises:
        Nothing.

    >>> advance(RenewalState.UNKNOWN, RenewalEvent.CHARGE)  # what may have been paid is not charged again
    <RenewalState.UNKNOWN: 'unknown'>
    """
    return _TABLE[state].get(event, state)


def next_attempt(
    failed_at: datetime, attempts: int, retry_days: Sequence[int] = RETRY_DAYS
) -> datetime | None:
    """Say when a failed renewal is charged again; None when it is to be given up.

    Args:
        failed_at: when it failed, with a zone.
        attempts: how often it was charged, at least 1.
        retry_days: after each failure in turn, in so many days of 24 hours.

    Raises:
        Nothing.
    """
    return failed_at + timedelta(days=retry_days[attempts - 1]) if attempts <= len(retry_days) else None
