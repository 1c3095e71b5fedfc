"""Reservations: units that are held for a long job before it begins, and settled when it is over.

One that lapses, because its holder was killed, counts in full until somebody settles it.
"""

from __future__ import annotations  # so that sqlite3 is read only when something is counted

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from weightmark.errors import UnknownReservationError, UsageConflictError
from weightmark.workspace.metering import tally
from weightmark.workspace.metering.bounds import LimitFinder
from weightmark.workspace.metering.room import counted, require_room, room
from weightmark.workspace.metering.usage import Counted, ReservationState, Reserved, check_key, check_units
from weightmark.workspace.metering.usage_file import UsageFile

if TYPE_CHECKING:
    import sqlite3

LONGEST: Final = timedelta(days=366)
_ENDED: Final = (ReservationState.SETTLED, ReservationState.RELEASED)
_log = logging.getLogger(__name__)


class Desk:
    """Keeps reservations in the usage file.

    Args:
        file: the usage file.
        limits: says which limits hold.
        clock: gives the present time, UTC.
    """

    def __init__(self, file: UsageFile, limits: LimitFinder, clock: Callable[[], datetime]) -> None:
        self._file = file
        self._limits = limits
        self._clock = clock

    def reserve(
        self,
        subject: str,
        units: Mapping[str, int],
        key: str,
        lasts: timedelta,
        *,
        least: Mapping[str, int] | None = None,
    ) -> Reserved:
        """Hold units; the same key holds them once, and then until so long from now.

        Args:
            subject: the grant's id, or the digest of a model whose own terms have limits.
            units: how many, by entitlement name.
            key: what names the reservation under its subject.
            lasts: after how long it lapses.
            least: with so many, by entitlement name, it is content when there are not all.

        Raises:
            QuotaExceededError: so many are not left.
            UsageConflictError: the key was settled or released, or stands for other units.
            LicensingError: there is no such grant, it does not hold, or it counts no such thing.
            ValueError: there are no units, a number is out of bounds, or the key or the time is none.
        """
        _check(units, key, lasts)
        limits, now = self._limits.find(subject), self._clock()
        with self._file.writing() as connection:
            for found in tally.reservations(connection, now, subject=subject, key=key, ended=True):
                _require_same(found, units)
                account = tally.open_account(connection, subject, limits.above)
                tally.change_reservation(
                    connection, account, key, until=max(found.until, now + lasts), reason=""
                )
                return self._find(connection, subject, key, now)
            limits.require_in_effect(now)
            held = dict(units)
            for name in units:
                if least is not None:
                    held[name] = max(least[name], min(units[name], room(connection, limits, name, now)[0]))
                require_room(connection, limits, name, held[name], now)
            account = tally.open_account(connection, subject, limits.above)
            tally.add_reservation(connection, account, key, held, now, now + lasts)
            return self._find(connection, subject, key, now)

    def extend(self, subject: str, key: str, lasts: timedelta) -> Reserved:
        """Let a reservation lapse later: so long from now, when that is later than it would.

        Raises:
            UnknownReservationError: nothing was reserved under this key.
            UsageConflictError: it was settled or released.
            ValueError: the time is none.
        """
        _check_span(lasts)
        now = self._clock()
        with self._file.writing() as connection:
            found = self._find(connection, subject, key, now)
            if found.state in _ENDED:
                raise _over(found)
            account = tally.find_account(connection, subject) or 0
            tally.change_reservation(connection, account, key, until=max(found.until, now + lasts))
            return self._find(connection, subject, key, now)

    def explain(self, subject: str, key: str, reason: str) -> None:
        """Say why a reservation is left open.

        Raises:
            UnknownReservationError: nothing was reserved under this key.
        """
        with self._file.writing() as connection:
            self._find(connection, subject, key, self._clock())
            account = tally.find_account(connection, subject) or 0
            tally.change_reservation(connection, account, key, reason=reason[:255])

    def settle(self, subject: str, key: str, actual: Mapping[str, int] | None = None) -> list[Counted]:
        """Count what a job came to, and let go of what was held; settling twice counts once.

        What has happened is counted, also when it is more than was held or than the grant allows.

        Args:
            subject: the grant's id, or the model's digest.
            key: the reservation's.
            actual: units, by entitlement name; what is not named came to what was held.

        Raises:
            UnknownReservationError: nothing was reserved under this key.
            UsageConflictError: it was settled to other numbers, or released, or held nothing of a name.
            ValueError: a number is negative or more than can be counted.
        """
        now = self._clock()
        for name, units in (actual or {}).items():
            check_units(name, units, least=0)
        # Before the transaction: who decides holds the index's lock and then waits for that of the file.
        limits = self._limits.find(subject)
        with self._file.writing() as connection:
            found = self._find(connection, subject, key, now)
            if unknown := sorted(set(actual or {}) - set(found.units)):
                raise UsageConflictError(
                    f"the reservation {key} holds no {unknown[0][:80]!r}, but {_name_units(found.units)}",
                    hint="Record what was not reserved as a use: `weightmark usage record`.",
                )
            came_to = {**found.units, **(actual or {})}
            repeated = found.state is ReservationState.SETTLED and came_to == found.actual
            if found.state in _ENDED and not repeated:
                raise _over(found)
            if not repeated:
                account = tally.find_account(connection, subject) or 0
                tally.end_reservation(connection, account, key, found.units, came_to)
            return [
                counted(connection, limits, name, units, now, repeated=repeated)
                for name, units in sorted(came_to.items())
            ]

    def release(self, subject: str, key: str) -> Reserved:
        """Let go of what was held, because nothing was used; releasing twice does nothing.

        Raises:
            UnknownReservationError: nothing was reserved under this key.
            UsageConflictError: it was settled.
        """
        now = self._clock()
        with self._file.writing() as connection:
            found = self._find(connection, subject, key, now)
            if found.state is ReservationState.SETTLED:
                raise _over(found)
            if found.state is not ReservationState.RELEASED:
                account = tally.find_account(connection, subject) or 0
                tally.end_reservation(connection, account, key, found.units, {})
            return self._find(connection, subject, key, now)

    def listing(self, subject: str = "", *, key: str = "", ended: bool = False) -> list[Reserved]:
        """Give reservations, the oldest first.

        Args:
            subject: only those under it; empty for all.
            key: only that of this key; empty for all.
            ended: whether those that were settled or released are among them.
        """
        with self._file.reading() as connection:
            if connection is None:
                return []
            return tally.reservations(connection, self._clock(), subject=subject, key=key, ended=ended)

    def find(self, subject: str, key: str) -> Reserved:
        """Give one reservation, also one that was settled or released.

        Raises:
            UnknownReservationError: nothing was reserved under this key.
        """
        for found in self.listing(subject, key=key, ended=True):
            return found
        raise _unknown(subject, key)

    def _find(self, connection: sqlite3.Connection, subject: str, key: str, now: datetime) -> Reserved:
        for found in tally.reservations(connection, now, subject=subject, key=key, ended=True):
            return found
        raise _unknown(subject, key)


class Reservation:
    """A reservation in the hands of whoever does the job.

    In a ``with`` block it is settled to what was held when the block ends, unless it was settled or released
    before. When the block raises it stays open, with the error's name as the reason: what was used then is
    for somebody to find out, and until they do it counts in full.

    Args:
        desk: where it is kept.
        reserved: the reservation.
    """

    def __init__(self, desk: Desk, reserved: Reserved) -> None:
        self._desk = desk
        self.reserved = reserved

    @property
    def is_over(self) -> bool:
        """Whether it was settled or released, as far as this object knows."""
        return self.reserved.state in _ENDED

    def extend(self, lasts: timedelta) -> None:
        """Let it lapse so long from now, when that is later.

        Raises:
            LicensingError: it was settled or released.
        """
        self.reserved = self._desk.extend(self.reserved.subject, self.reserved.key, lasts)

    def settle(self, actual: Mapping[str, int] | None = None) -> list[Counted]:
        """Count what the job came to, and let go of the rest; see ``Desk.settle``.

        Raises:
            LicensingError: it was settled to other numbers, or released.
        """
        answer = self._desk.settle(self.reserved.subject, self.reserved.key, actual)
        self.reserved = self._desk.find(self.reserved.subject, self.reserved.key)
        return answer

    def release(self) -> None:
        """Let go of all: nothing was used.

        Raises:
            LicensingError: it was settled.
        """
        self.reserved = self._desk.release(self.reserved.subject, self.reserved.key)

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Settle it; or leave it open and say why."""
        if self.is_over:
            return
        if kind is None:
            self.settle()
            return
        self._desk.explain(self.reserved.subject, self.reserved.key, kind.__name__)
        _log.warning(
            "the reservation %s of %s stays open, since the job ended with %s: settle it to what was used",
            self.reserved.key,
            self.reserved.subject,
            kind.__name__,
        )


def _unknown(subject: str, key: str) -> UnknownReservationError:
    return UnknownReservationError(f"nothing was reserved under the key {key[:80]!r} for {subject[:80]}")


def _check(units: Mapping[str, int], key: str, lasts: timedelta) -> None:
    check_key(key)
    if not units:
        raise ValueError("a reservation holds at least one unit of something")
    for name, number in units.items():
        check_units(name, number)
    _check_span(lasts)


def _check_span(lasts: timedelta) -> None:
    if not timedelta(0) < lasts <= LONGEST:
        raise ValueError(f"a reservation lasts up to {LONGEST.days} days, not {lasts}")


def _require_same(found: Reserved, units: Mapping[str, int]) -> None:
    if found.state in _ENDED:
        raise _over(found)
    if found.units != dict(units):
        raise UsageConflictError(
            f"the key {found.key} holds {_name_units(found.units)} already, not {_name_units(units)}"
        )


def _over(found: Reserved) -> UsageConflictError:
    what = (
        "released" if found.state is ReservationState.RELEASED else f"settled to {_name_units(found.actual)}"
    )
    return UsageConflictError(f"the reservation {found.key} was {what}")


def _name_units(units: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(units.items()))
