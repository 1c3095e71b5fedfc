"""Renewals as they stand in the usage file: one row for each grant and the end that it is to pass."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from weightmark.encoding import Digest, Json, format_time, parse_time
from weightmark.licensing.renewal_state import RenewalState
from weightmark.workspace.metering.usage_file import UsageFile

_COLUMNS: Final = (
    "key, subject, ends, days, amount, currency, payer, provider, state, attempts, due, changed, note"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalEntry:
    """One renewal of one grant.

    Attributes:
        grant: the grant's id.
        ends: the end that it is to pass.
        days: by how many days of 24 hours.
        amount: what it costs, in whole units of the currency; 0 when it is free.
        currency: ISO 4217; empty when it is free.
        payer: who pays.
        provider: the URI of the provider of payments; empty when it is free.
        state: how far it is.
        attempts: how often it was charged.
        due: when it is charged next, if it is.
        changed: when its state changed last.
        note: why, for people; may be empty.
    """

    grant: Digest
    ends: datetime
    days: int
    amount: Decimal
    currency: str
    payer: str
    provider: str
    state: RenewalState
    attempts: int
    due: datetime
    changed: datetime
    note: str = ""

    @property
    def key(self) -> str:
        """What names the payment: the grant and the end that it is to pass, and nothing else."""
        return renewal_key(self.grant, self.ends)

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {
            "key": self.key,
            "grant": self.grant,
            "ends": format_time(self.ends),
            "days": self.days,
            "amount": str(self.amount),
            "currency": self.currency,
            "payer": self.payer,
            "provider": self.provider,
            "state": self.state.value,
            "attempts": self.attempts,
            "due": format_time(self.due),
            "changed": format_time(self.changed),
            "note": self.note,
        }


def renewal_key(grant: str, ends: datetime) -> str:
    """Name the payment that lets a grant pass an end."""
    return f"{grant}@{format_time(ends)}"


class RenewalFile:
    """The renewals in the usage file.

    Args:
        file: the usage file.

    Raises:
        LedgerError: from every method, when the file cannot be used.
        MalformedError: from every method, when it is damaged.
    """

    def __init__(self, file: UsageFile) -> None:
        self._file = file

    def add(self, entry: RenewalEntry) -> RenewalEntry:
        """Keep a renewal that is not there yet; give it as it is there."""
        with self._file.writing() as connection:
            marks = ", ".join("?" * len(_row(entry)))
            connection.execute(f"INSERT OR IGNORE INTO renewal VALUES ({marks})", _row(entry))  # noqa: S608 - marks only
        return self.find(entry.key) or entry

    def change(self, entry: RenewalEntry, **changes: object) -> RenewalEntry:
        """Keep a renewal with other values; what is returned is on the disk."""
        changed = replace(entry, **changes)  # type: ignore[arg-type]
        row = _row(changed)
        with self._file.writing() as connection:
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT OR REPLACE INTO renewal VALUES ({marks})", row)  # noqa: S608 - marks only
        return changed

    def find(self, key: str) -> RenewalEntry | None:
        """Give one renewal; None when there is none of this key."""
        found = self._select("WHERE key = ?", [key])
        return found[0] if found else None

    def listing(self, *, but: Sequence[RenewalState] = (), grant: str = "") -> list[RenewalEntry]:
        """Give renewals in the order of the ends that they are to pass.

        Args:
            but: states that are left out.
            grant: only those of this grant; empty for all.
        """
        wheres = [f"state NOT IN ({', '.join('?' * len(but))})", *(["subject = ?"] if grant else [])]
        asked = [*(state.value for state in but), *([grant] if grant else [])]
        return self._select(f"WHERE {' AND '.join(wheres)} ORDER BY ends, key", asked)

    def _select(self, rest: str, asked: Sequence[str]) -> list[RenewalEntry]:
        with self._file.reading() as connection:
            if connection is None:
                return []
            rows = connection.execute(f"SELECT {_COLUMNS} FROM renewal {rest}", asked).fetchall()  # noqa: S608 - our own words
        return [_read(*row) for row in rows]


def _row(entry: RenewalEntry) -> tuple[str | int, ...]:
    return (
        *(entry.key, entry.grant, format_time(entry.ends), entry.days, str(entry.amount), entry.currency),
        *(entry.payer, entry.provider, entry.state.value, entry.attempts),
        *(format_time(entry.due), format_time(entry.changed), entry.note),
    )


def _read(  # noqa: PLR0913, PLR0917 - the columns
    _key: str,
    subject: str,
    ends: str,
    days: int,
    amount: str,
    currency: str,
    payer: str,
    provider: str,
    state: str,
    attempts: int,
    due: str,
    changed: str,
    note: str,
) -> RenewalEntry:
    return RenewalEntry(
        grant=Digest(subject),
        ends=parse_time(ends),
        days=days,
        amount=Decimal(amount),
        currency=currency,
        payer=payer,
        provider=provider,
        state=RenewalState(state),
        attempts=attempts,
        due=parse_time(due),
        changed=parse_time(changed),
        note=note,
    )
