"""What a meter is told and what it answers: a use, what was counted, a balance, a reservation."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from weightmark.encoding import Json, format_time
from weightmark.licensing import Entitlement

MOST_UNITS: Final = 2**63 - 1
"""The most that can be counted under one name: what SQLite's integers hold."""

MOST_KEY: Final = 255
"""Characters of a key."""


class ReservationState(StrEnum):
    """How far a reservation is. One that is open counts in full, also after its time."""

    OPEN = "open"
    LAPSED = "lapsed"
    """Its time is over and nobody settled it; it counts in full until somebody does."""
    SETTLED = "settled"
    RELEASED = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use.

    Attributes:
        subject: the grant's id; or the digest of a model whose own terms have limits.
        name: the entitlement's name.
        units: how many, at least 1.
        key: what names this use: the same key counts once.
        at: when it was, with a zone; None for now.
    """

    subject: str
    name: str
    units: int
    key: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What came of a use.

    Attributes:
        name: the entitlement's name.
        units: how many units were counted.
        used: how many are used or reserved now, this use among them.
        left: how many may still be used, overage among them; below 0 when more was used than may be. None
            when the entitlement has no limit, as in a use that was only noted.
        over: how many of all units lie beyond the limit, and are owed for.
        repeated: whether the key was counted before, so that nothing was counted now.
    """

    name: str
    units: int
    used: int
    left: int | None
    over: int
    repeated: bool = False

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {
            "name": self.name,
            "units": self.units,
            "used": self.used,
            "left": self.left,
            "over": self.over,
            "repeated": self.repeated,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One entitlement of a grant, and how much of it is used.

    Attributes:
        entitlement: the name, the unit, the limit and the overage.
        used: units used.
        reserved: units reserved, those of lapsed reservations among them.
    """

    entitlement: Entitlement
    used: int
    reserved: int

    @property
    def left(self) -> int:
        """How many units may still be used or reserved, overage among them."""
        return self.entitlement.limit + self.entitlement.overage - self.used - self.reserved

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {
            "name": self.entitlement.name,
            "unit": self.entitlement.unit,
            "limit": self.entitlement.limit,
            "overage": self.entitlement.overage,
            "used": self.used,
            "reserved": self.reserved,
            "left": self.left,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """A reservation as it stands in the file.

    Attributes:
        subject: the grant's id, or the model's digest.
        key: what names the reservation under its subject.
        units: units held, by entitlement name.
        actual: units that it came to, by entitlement name; empty until it is settled.
        made: when it was made.
        until: when it lapses.
        state: open, lapsed, settled or released.
        reason: why it was left open; empty when nothing is known.
    """

    subject: str
    key: str
    units: dict[str, int]
    actual: dict[str, int]
    made: datetime
    until: datetime
    state: ReservationState
    reason: str = ""

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {
            "grant": self.subject,
            "key": self.key,
            "units": dict(sorted(self.units.items())),
            "actual": dict(sorted(self.actual.items())),
            "made": format_time(self.made),
            "until": format_time(self.until),
            "state": self.state.value,
            "reason": self.reason,
        }


def check_key(key: str) -> None:
    """Check what names a use or a reservation.

    Raises:
        ValueError: it is empty, too long, or does not print.
    """
    if not 0 < len(key) <= MOST_KEY or not key.isprintable():
        raise ValueError(f"a key has 1 to {MOST_KEY} characters that print, not {key[:40]!r}")


def check_units(name: str, units: int, *, least: int = 1) -> None:
    """Check a number of units.

    Raises:
        ValueError: it is less than ``least`` or more than can be counted.
        TypeError: it is no whole number.
    """
    if isinstance(units, bool) or not isinstance(units, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{units!r} is no whole number of {name!r}")
    if not least <= units <= MOST_UNITS:
        raise ValueError(f"{units} units of {name[:80]!r} cannot be counted; {least} to {MOST_UNITS} can")
