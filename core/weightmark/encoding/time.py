"""Times: always UTC, always RFC 3339, to the microsecond.

Not here: a clock. Whoever needs the time is handed it.
"""

import re
from datetime import UTC, datetime

from weightmark.errors import MalformedError

_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z\Z", re.ASCII)


def format_time(moment: datetime) -> str:
    """Write a time.

    Args:
        moment: with a zone.

    Returns:
        RFC 3339 in UTC with a ``Z``; microseconds only when there are any.

    Raises:
        ValueError: the time has no zone.

    >>> format_time(datetime(2026, 11, 22, 9, 30, tzinfo=UTC))
    '2026-11-22T09:30:00Z'
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone is no time")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_time(text: str, *, what: str = "the time") -> datetime:
    """Read a time.

    Returns:
        The time, in UTC.

    Raises:
        MalformedError: the text is not an RFC 3339 time in UTC.

    Source: RFC 3339 section 5.6, with ``Z`` only.
    """
    wrong = f"{what} is {text[:40]!r}, not a UTC time such as '2026-11-22T09:30:00Z'"
    if _FORM.match(text) is None:
        raise MalformedError(wrong)
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise MalformedError(wrong) from error
