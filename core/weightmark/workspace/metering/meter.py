"""The meter: counts uses and checks the bounds of their grant, as one step, whatever else is running.

What was counted when a call returns is on the disk. Not promised: protection from whoever owns the disk, who
may delete the file; who must be held to a count is counted where the model is served, not where it is used.
"""

from __future__ import annotations  # so that sqlite3 is read only when something is counted

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from os import getpid
from typing import TYPE_CHECKING

from weightmark.errors import LedgerError, LicensingError, UsageConflictError
from weightmark.workspace.metering import tally
from weightmark.workspace.metering.bounds import REFRESH_SECONDS, LimitFinder, Limits
from weightmark.workspace.metering.counter import Counter
from weightmark.workspace.metering.reservation import Desk, Reservation
from weightmark.workspace.metering.room import counted, require_room, room
from weightmark.workspace.metering.usage import Balance, Counted, Reserved, Use, check_key, check_units
from weightmark.workspace.resource import Resources, now

if TYPE_CHECKING:
    import sqlite3


def used(resources: Resources, ids: Collection[str]) -> dict[str, dict[str, int]]:
    """Give the units used so far under grants; what is reserved counts as used.

    Args:
        resources: the usage file.
        ids: the grants' ids, or the digests of models whose own terms have limits.

    Returns:
        For each id the units by entitlement name; what is not named was not used.

    Raises:
        LedgerError: the usage file cannot be read, so that it is not known.
        MalformedError: it is damaged.
    """
    found: dict[str, dict[str, int]] = {subject: {} for subject in ids}
    with resources.usage.reading() as connection:
        if connection is not None:
            for subject, name, spent, reserved in tally.tallies(connection, list(found)):
                found[subject][name] = spent + reserved
    return found


@dataclass(slots=True, kw_only=True, eq=False)
class _Job:
    """Uses that wait to be counted together, all or none; in the end their answers or their error."""

    uses: Sequence[Use]
    limits: Sequence[Limits]
    bounded: bool
    process: int = field(default_factory=getpid)
    answers: list[Counted] | None = None
    error: Exception | None = None


class Meter:
    """Counts uses in the home folder's ``usage.db``. Safe to use from many threads and many processes.

    Threads that wait at the same time are counted in one transaction.

    Args:
        resources: the index, the ledger, the usage file.
        clock: gives the present time, UTC.
        refresh_seconds: for so long a grant is taken as it was last read from the ledger.
    """

    def __init__(
        self,
        resources: Resources,
        clock: Callable[[], datetime] = now,
        *,
        refresh_seconds: float = REFRESH_SECONDS,
    ) -> None:
        self._resources = resources
        self._clock = clock
        self._limits = LimitFinder(resources, refresh_seconds=refresh_seconds)
        self._desk = Desk(resources.usage, self._limits, clock)
        self._waiting: deque[_Job] = deque()

    def use(
        self, subject: str, name: str, units: int = 1, *, key: str, at: datetime | None = None
    ) -> Counted:
        """Count a use, if its grant holds and has that much left.

        Args:
            subject: the grant's id, or the digest of a model whose own terms have limits.
            name: the entitlement's name: ``inferences``, ``tokens``, ``compute-seconds``, …
            units: how many.
            key: what names this use; the same key counts once.
            at: when it was; None for now.

        Raises:
            QuotaExceededError: so many are not left; says how many are.
            UsageConflictError: the key was counted with another name or number.
            LicensingError: there is no such grant, it does not hold, or it counts nothing of this name.
            LedgerError: the usage file cannot be written; says whether it may have been counted.
            ValueError: the units or the key are none.
        """
        use = Use(subject=subject, name=name, units=units, key=key, at=at)
        return self._submit([use], bounded=True)[0]

    def use_all(self, uses: Sequence[Use]) -> list[Counted]:
        """Count several uses in one transaction, all or none; see ``use``.

        Raises:
            LicensingError: one of them cannot be counted, so none was.
            LedgerError: the usage file cannot be written; says whether they may have been counted.
            ValueError: the units or the key of one are none.
        """
        return self._submit(uses, bounded=True)

    def note(
        self, subject: str, name: str, units: int = 1, *, key: str, at: datetime | None = None
    ) -> Counted:
        """Count a use that has happened already, also when its grant is over or had not that much left.

        Raises:
            UsageConflictError: the key was counted with another name or number.
            UnknownGrantError: there is no such grant.
            UnknownEntitlementError: it counts nothing of this name.
            LedgerError: the usage file cannot be written; says whether it may have been counted.
            ValueError: the units or the key are none.
        """
        use = Use(subject=subject, name=name, units=units, key=key, at=at)
        return self._submit([use], bounded=False)[0]

    def reserve(self, subject: str, units: Mapping[str, int], *, key: str, lasts: timedelta) -> Reservation:
        """Hold units for a long job; see ``Reservation``, which is also a ``with`` block.

        Args:
            subject: the grant's id, or the digest of a model whose own terms have limits.
            units: how many, by entitlement name.
            key: what names the job under its grant; the same key holds them once.
            lasts: after how long the reservation lapses unless it is extended.

        Raises:
            QuotaExceededError: so many are not left; says how many are.
            UsageConflictError: the key was settled or released, or holds other units.
            LicensingError: there is no such grant, it does not hold, or it counts nothing of this name.
            ValueError: the units, the key or the time are none.
        """
        return Reservation(self._desk, self._desk.reserve(subject, units, key, lasts))

    def reservation(self, subject: str, key: str) -> Reservation:
        """Give a reservation that was made before, by this process or another.

        Raises:
            UnknownReservationError: nothing was reserved under this key.
        """
        return Reservation(self._desk, self._desk.find(subject, key))

    def reservations(self, subject: str = "", *, ended: bool = False) -> list[Reserved]:
        """Give reservations, the oldest first; of all grants when none is named, also ended ones if asked.

        Raises:
            LedgerError: the usage file cannot be read.
        """
        return self._desk.listing(subject, ended=ended)

    def counter(self, subject: str, name: str, *, block: int = 1000, seconds: float = 60.0) -> Counter:
        """Give a counter for a hot path; see ``Counter``. Close it, or use it in a ``with`` block.

        Raises:
            ValueError: a number is out of bounds.
        """
        return Counter(self._desk, self._clock, subject, name, block, seconds)

    def balances(self, subject: str) -> list[Balance]:
        """Give every entitlement of a grant with what is used and reserved of it.

        Raises:
            UnknownGrantError: there is no such grant.
            LedgerError: the usage file cannot be read.
        """
        entitlements = self._limits.find(subject).own(self._clock())
        with self._resources.usage.reading() as connection:
            counts = {
                bound.name: (0, 0) if connection is None else tally.tally(connection, subject, bound.name)
                for bound in entitlements
            }
        return [
            Balance(entitlement=bound, used=counts[bound.name][0], reserved=counts[bound.name][1])
            for bound in entitlements
        ]

    def _submit(self, uses: Sequence[Use], *, bounded: bool) -> list[Counted]:
        moment = self._clock()
        for use in uses:
            check_key(use.key)
            check_units(use.name, use.units)
        dated = [use if use.at is not None else replace(use, at=moment) for use in uses]
        job = _Job(uses=dated, limits=[self._limits.find(use.subject) for use in uses], bounded=bounded)
        self._waiting.append(job)
        with self._resources.usage.lock:
            if job.answers is None and job.error is None:
                self._lead()
                if job.error is not None:
                    raise job.error
        if job.answers is not None:
            return job.answers
        error = job.error or LedgerError("the count was given up", outcome="unknown")
        raise copy(error) from error

    def _lead(self) -> None:
        """Count everything that waits; a job from before a fork is its parent's."""
        jobs: list[_Job] = []
        while self._waiting:
            jobs.append(self._waiting.popleft())
        jobs = [job for job in jobs if job.process == getpid()]
        try:
            with self._resources.usage.writing() as connection:
                done = [_count(connection, job) for job in jobs]
            for job, answer in zip(jobs, done, strict=True):
                if isinstance(answer, Exception):
                    job.error = answer
                else:
                    job.answers = answer
        except BaseException as error:
            interrupted = LedgerError("the count was interrupted", outcome="unknown")
            for job in jobs:
                job.error = error if isinstance(error, Exception) else interrupted
            if not isinstance(error, Exception):
                raise


def _count(connection: sqlite3.Connection, job: _Job) -> list[Counted] | Exception:
    """Count the uses of one job; when one cannot be counted, nothing of the job is."""
    connection.execute("SAVEPOINT job")
    try:
        answers = [
            _count_one(connection, use, limits, bounded=job.bounded)
            for use, limits in zip(job.uses, job.limits, strict=True)
        ]
    except (LicensingError, ValueError) as error:
        connection.execute("ROLLBACK TO job")
        return error
    finally:
        connection.execute("RELEASE job")
    return answers


def _count_one(connection: sqlite3.Connection, use: Use, limits: Limits, *, bounded: bool) -> Counted:
    at = use.at or now()
    account = tally.open_account(connection, use.subject, limits.above)
    before = tally.entry(connection, account, use.key)
    if before is not None:
        if before != (use.name, use.units):
            raise UsageConflictError(
                f"the key {use.key!r} was counted as {before[1]} {before[0]}, not {use.units} {use.name}"
            )
        return counted(connection, limits, use.name, use.units, at, repeated=True)
    if bounded:
        limits.require_in_effect(at)
        left, bound = require_room(connection, limits, use.name, use.units, at)
    else:
        left, bound = room(connection, limits, use.name, at)
    total = tally.add_entry(connection, account, use.key, use.name, use.units, at)
    over = max(0, bound.entitlement.overage - left + use.units)
    return Counted(name=use.name, units=use.units, used=total, left=left - use.units, over=over)
