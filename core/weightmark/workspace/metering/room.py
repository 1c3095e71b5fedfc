"""Whether there is room for a use under its limits; asked inside the transaction that counts it."""

from __future__ import annotations  # so that sqlite3 is read only when something is counted

from datetime import datetime
from typing import TYPE_CHECKING

from weightmark.errors import QuotaExceededError, UnknownEntitlementError
from weightmark.workspace.metering import tally
from weightmark.workspace.metering.bounds import Bound, Limits
from weightmark.workspace.metering.usage import Counted

if TYPE_CHECKING:
    import sqlite3


def room(connection: sqlite3.Connection, limits: Limits, name: str, at: datetime) -> tuple[int, Bound]:
    """Say how many units are left, overage among them, and which limit says so.

    Raises:
        UnknownEntitlementError: nothing is counted under this name.
    """
    found: list[tuple[int, Bound]] = []
    for bound in limits.bounds(name, at):
        used, reserved = tally.tally(connection, bound.subject, name)
        found.append((bound.entitlement.limit + bound.entitlement.overage - used - reserved, bound))
    return min(found, key=lambda each: each[0])


def require_room(
    connection: sqlite3.Connection, limits: Limits, name: str, units: int, at: datetime
) -> tuple[int, Bound]:
    """Check that so many units are left; give how many are, and which limit says so.

    Raises:
        QuotaExceededError: they are not; says what is left, and that it does not reset.
        UnknownEntitlementError: nothing is counted under this name.
    """
    left, bound = room(connection, limits, name, at)
    if units <= left:
        return left, bound
    used, reserved = tally.tally(connection, bound.subject, name)
    entitlement = bound.entitlement
    above = "" if bound.subject == limits.subject else f" above the grant {limits.subject}"
    owner = f"the grant {bound.subject}{above}" if limits.editions else limits.name
    more = f" and {entitlement.overage} of overage" if entitlement.overage else ""
    raise QuotaExceededError(
        f"{owner} allows {entitlement.limit} {entitlement.unit} of {name!r}{more}: {used} are used,"
        f" {reserved} reserved and {max(0, left)} left, and {units} were asked for",
        hint="It does not reset: ask the licensor to amend the grant, or settle what was reserved and never"
        " used (`weightmark usage show`).",
    )


def counted(  # noqa: PLR0913 - what it is made of
    connection: sqlite3.Connection, limits: Limits, name: str, units: int, at: datetime, *, repeated: bool
) -> Counted:
    """Say how a subject stands after a use."""
    used, reserved = tally.tally(connection, limits.subject, name)
    try:
        left, bound = room(connection, limits, name, at)
    except UnknownEntitlementError:
        return Counted(name=name, units=units, used=used + reserved, left=None, over=0, repeated=repeated)
    over = max(0, bound.entitlement.overage - left)
    return Counted(name=name, units=units, used=used + reserved, left=left, over=over, repeated=repeated)
