"""The tables of what was used: each function does its part of a transaction that somebody else began."""

from __future__ import annotations  # so that sqlite3 is read only when something is counted

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from weightmark.encoding import format_time, parse_time
from weightmark.workspace.metering.usage import MOST_UNITS, ReservationState, Reserved

if TYPE_CHECKING:
    import sqlite3

_AT_ONCE: Final = 500


def open_account(connection: sqlite3.Connection, subject: str, above: Sequence[str]) -> int:
    """Give the number of a subject; it is made, with those above it, when there is none."""
    number = find_account(connection, subject)
    if number is not None:
        return number
    connection.execute("INSERT INTO usage_account (subject) VALUES (?)", (subject,))
    number = find_account(connection, subject) or 0
    higher = [open_account(connection, each, above[place:]) for place, each in enumerate(above, 1)]
    connection.executemany("INSERT INTO usage_above VALUES (?, ?)", [(number, each) for each in higher])
    return number


def find_account(connection: sqlite3.Connection, subject: str) -> int | None:
    """Give the number of a subject; None when nothing was counted under it yet."""
    row = connection.execute("SELECT id FROM usage_account WHERE subject = ?", (subject,)).fetchone()
    return None if row is None else int(row[0])


def count(connection: sqlite3.Connection, account: int, name: str, *, used: int, reserved: int) -> int:
    """Change what is used and reserved, of an account and of all above it; give the account's sum of both.

    Raises:
        ValueError: it is more than can be counted; nothing was changed.
    """
    rows: list[tuple[int, str, int, int]] = []
    for number in (account, *_above(connection, account)):
        before = connection.execute(
            "SELECT used, reserved FROM usage_tally WHERE account = ? AND name = ?", (number, name)
        ).fetchone() or (0, 0)
        after = int(before[0]) + used, int(before[1]) + reserved
        if sum(after) > MOST_UNITS:
            raise ValueError(f"{sum(after)} units of {name!r} are more than can be counted ({MOST_UNITS})")
        rows.append((number, name, *after))
    connection.executemany("INSERT OR REPLACE INTO usage_tally VALUES (?, ?, ?, ?)", rows)
    return rows[0][2] + rows[0][3]


def tally(connection: sqlite3.Connection, subject: str, name: str) -> tuple[int, int]:
    """Give the units used and the units reserved."""
    row = connection.execute(
        "SELECT used, reserved FROM usage_tally JOIN usage_account ON id = account"
        " WHERE subject = ? AND name = ?",
        (subject, name),
    ).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def tallies(connection: sqlite3.Connection, subjects: Collection[str]) -> Iterator[tuple[str, str, int, int]]:
    """Give subject, name, units used and units reserved of all that was counted under some subjects."""
    wanted = list(subjects)
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        marks = ", ".join("?" * len(part))
        yield from connection.execute(
            "SELECT subject, name, used, reserved FROM usage_tally JOIN usage_account ON id = account"  # noqa: S608 - marks only
            f" WHERE subject IN ({marks}) ORDER BY subject, name",
            part,
        )


def entry(connection: sqlite3.Connection, account: int, key: str) -> tuple[str, int] | None:
    """Give the name and the units that were counted under a key; None when nothing was."""
    query = "SELECT name, units FROM usage_entry WHERE account = ? AND key = ?"
    row = connection.execute(query, (account, key)).fetchone()
    return None if row is None else (str(row[0]), int(row[1]))


def add_entry(  # noqa: PLR0913, PLR0917 - the columns
    connection: sqlite3.Connection, account: int, key: str, name: str, units: int, at: datetime
) -> int:
    """Keep a use under its key, and count it; give what is used and reserved now.

    Raises:
        ValueError: it is more than can be counted; nothing was changed.
    """
    total = count(connection, account, name, used=units, reserved=0)
    row = (account, key, name, units, format_time(at))
    connection.execute("INSERT INTO usage_entry VALUES (?, ?, ?, ?, ?)", row)
    return total


def add_reservation(  # noqa: PLR0913, PLR0917 - the columns
    connection: sqlite3.Connection,
    account: int,
    key: str,
    units: Mapping[str, int],
    made: datetime,
    until: datetime,
) -> None:
    """Keep a reservation, and hold its units."""
    row = (account, key, format_time(made), format_time(until), ReservationState.OPEN.value)
    connection.execute("INSERT INTO usage_reservation VALUES (?, ?, ?, ?, ?, '')", row)
    for name, held in units.items():
        connection.execute("INSERT INTO usage_hold VALUES (?, ?, ?, ?, NULL)", (account, key, name, held))
        count(connection, account, name, used=0, reserved=held)


def end_reservation(
    connection: sqlite3.Connection, account: int, key: str, held: Mapping[str, int], actual: Mapping[str, int]
) -> None:
    """Let go of what a reservation held, and count what it came to; nothing when it is released."""
    state = ReservationState.SETTLED if actual else ReservationState.RELEASED
    connection.execute(
        "UPDATE usage_reservation SET state = ? WHERE account = ? AND key = ?", (state.value, account, key)
    )
    for name, units in held.items():
        came_to = actual.get(name, 0)
        connection.execute(
            "UPDATE usage_hold SET actual = ? WHERE account = ? AND key = ? AND name = ?",
            (came_to, account, key, name),
        )
        count(connection, account, name, used=came_to, reserved=-units)


def change_reservation(
    connection: sqlite3.Connection,
    account: int,
    key: str,
    *,
    until: datetime | None = None,
    reason: str | None = None,
) -> None:
    """Set until when a reservation is, or why it was left open."""
    for column, value in (("until", None if until is None else format_time(until)), ("reason", reason)):
        if value is not None:
            connection.execute(
                f"UPDATE usage_reservation SET {column} = ? WHERE account = ? AND key = ?",  # noqa: S608 - our own two names
                (value, account, key),
            )


def reservations(
    connection: sqlite3.Connection, now: datetime, *, subject: str = "", key: str = "", ended: bool = False
) -> list[Reserved]:
    """Give reservations: of a subject and a key when they are named, also settled ones when asked for."""
    wheres, asked = ["1"], list[str]()
    for column, value in (("subject", subject), ("key", key)):
        if value:
            wheres.append(f"{column} = ?")
            asked.append(value)
    if not ended:
        wheres.append("state = 'open'")
    rows = connection.execute(
        "SELECT id, subject, key, made, until, state, reason"  # noqa: S608 - our own columns
        " FROM usage_reservation JOIN usage_account ON id = account"
        f" WHERE {' AND '.join(wheres)} ORDER BY made, subject, key",
        asked,
    ).fetchall()
    return [_reserved(connection, row, now) for row in rows]


def _reserved(
    connection: sqlite3.Connection, row: tuple[int, str, str, str, str, str, str], now: datetime
) -> Reserved:
    account, subject, key, made, until, state, reason = row
    query = "SELECT name, units, actual FROM usage_hold WHERE account = ? AND key = ?"
    held = connection.execute(query, (account, key)).fetchall()
    ends = parse_time(until)
    found = ReservationState(state)
    return Reserved(
        subject=subject,
        key=key,
        units={str(name): int(units) for name, units, _ in held},
        actual={str(name): int(actual) for name, _, actual in held if actual is not None},
        made=parse_time(made),
        until=ends,
        state=ReservationState.LAPSED if found is ReservationState.OPEN and ends <= now else found,
        reason=reason,
    )


def _above(connection: sqlite3.Connection, account: int) -> list[int]:
    rows = connection.execute("SELECT above FROM usage_above WHERE account = ?", (account,))
    return [int(above) for (above,) in rows]
