"""Windows: from when until when something holds, and the days of grace after it.

Not here: a clock. The moment that is asked about is handed in.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from weightmark.encoding import format_time

LAST_MOMENT = datetime.max.replace(tzinfo=UTC)
MOST_GRACE_DAYS = 36_525


class Phase(StrEnum):
    """Where a moment lies against a window."""

    BEFORE = "before"
    WITHIN = "within"
    GRACE = "grace"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A half-open stretch of time, ``start`` in it and ``end`` not.

    Args:
        start: the first moment, with a zone; None when it always held.
        end: the first moment after it, with a zone; None when it has no end.
        grace_days: days of 24 hours after ``end``, 0 to 36525.

    Raises:
        ValueError: a time has no zone, the end is not after the start, or the grace is out of bounds.
    """

    start: datetime | None = None
    end: datetime | None = None
    grace_days: int = 0
    last: datetime | None = field(init=False, repr=False, compare=False)
    """The first moment after the grace, or after the calendar's end; None when there is no end."""

    def __post_init__(self) -> None:
        """Check the values; see Raises."""
        object.__setattr__(self, "start", None if self.start is None else in_utc(self.start))
        object.__setattr__(self, "end", None if self.end is None else in_utc(self.end))
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError(
                f"the end ({format_time(self.end)}) is not after the start ({format_time(self.start)})"
            )
        if not 0 <= self.grace_days <= MOST_GRACE_DAYS:
            raise ValueError(f"the grace is {self.grace_days} days, not 0 to {MOST_GRACE_DAYS}")
        object.__setattr__(self, "last", self._find_last())

    def _find_last(self) -> datetime | None:
        if self.end is None:
            return None
        grace = timedelta(days=self.grace_days)
        return self.end + grace if self.end < LAST_MOMENT - grace else LAST_MOMENT

    def locate(self, at: datetime) -> tuple[Phase, datetime | None]:
        """Say where a moment lies, and when that changes.

        Args:
            at: the moment, with a zone.

        Returns:
            The phase, and the first later moment that lies in another one; None when there is none.

        Raises:
            TypeError: the moment has no zone.
        """
        if self.start is not None and at < self.start:
            return Phase.BEFORE, self.start
        if self.end is None or at < self.end:
            return Phase.WITHIN, self.end
        if self.last is not None and at < self.last:
            return Phase.GRACE, self.last
        return Phase.AFTER, None


def in_utc(moment: datetime) -> datetime:
    """Turn a time into UTC.

    Args:
        moment: with a zone.

    Raises:
        ValueError: it has no zone, or lies at the very edge of the calendar.
    """
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no zone; a time without a zone is no time")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{moment} has no form in UTC") from error


def days_left(at: datetime, last: datetime) -> str:
    """Say how many whole days of 24 hours are left.

    Raises:
        TypeError: one moment has a zone and the other has none.

    >>> days_left(datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 4, tzinfo=UTC))
    '3 days left'
    """
    days = (last - at).days
    if days < 1:
        return "less than a day left"
    return "1 day left" if days == 1 else f"{days} days left"


def earliest(*moments: datetime | None) -> datetime | None:
    """Take the first of some moments; None stands for never.

    Raises:
        TypeError: one moment has a zone and another has none.
    """
    first: datetime | None = None
    for moment in moments:
        if moment is not None and (first is None or moment < first):
            first = moment
    return first
