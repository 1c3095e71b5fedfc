"""Payments that a person sees to: a charge is an open invoice, until an operator says that it was paid.

Not promised: that an invoice is sent. Whoever keeps the books sends it, and says when its money came.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import ClassVar, Self

from weightmark.encoding import format_time
from weightmark.errors import LedgerError, PlatformError, UsageConflictError
from weightmark.hookspecs import hookimpl
from weightmark.ports import Amount, Payment, PaymentState
from weightmark.workspace.transaction import transaction

FILE_NAME = "payments.db"
_TABLE = """
CREATE TABLE IF NOT EXISTS invoice (
    key TEXT PRIMARY KEY, amount TEXT NOT NULL, currency TEXT NOT NULL, payer TEXT NOT NULL,
    state TEXT NOT NULL, changed TEXT NOT NULL
) WITHOUT ROWID, STRICT
"""


class ManualPayment(Payment):
    """Invoices in ``payments.db`` in the home folder. Each call opens the file and closes it.

    Args:
        path: the file; made with the first invoice.
    """

    name: ClassVar[str] = "manual"

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def open(cls, uri: str, *, home: Path) -> Self:
        """Open ``manual:``, the invoices of this home folder.

        Raises:
            PlatformError: it is no such URI.
        """
        scheme, colon, rest = uri.partition(":")
        if scheme != cls.name or not colon or rest:
            raise PlatformError(f"{uri[:80]!r} names no payments by hand", hint="Write 'manual:'.")
        return cls(home / FILE_NAME)

    def charge(self, amount: Amount, *, payer: str, key: str) -> PaymentState:
        """Open an invoice; one that had failed is open again.

        Raises:
            UsageConflictError: the key stands for another amount or payer.
            PlatformError: the file cannot be used.
        """
        with self._invoices() as invoices:
            found = _find(invoices, key)
            if found is not None:
                known, paying, state = found
                if (known, paying) != (amount, payer):
                    raise UsageConflictError(
                        f"the payment {key} is {known} from {paying}, not {amount} from {payer}"
                    )
                if state is not PaymentState.FAILED:
                    return state
            row = (key, str(amount.value), amount.currency, payer, PaymentState.PENDING.value, _now())
            invoices.execute("INSERT OR REPLACE INTO invoice VALUES (?, ?, ?, ?, ?, ?)", row)
        return PaymentState.PENDING

    def state(self, key: str) -> PaymentState:
        """Say how far an invoice is.

        Raises:
            PlatformError: the file cannot be used.
        """
        if not self._path.exists():
            return PaymentState.NONE
        with self._invoices() as invoices:
            found = _find(invoices, key)
        return PaymentState.NONE if found is None else found[2]

    def decide(self, key: str, state: PaymentState) -> None:
        """Take an operator's word that an invoice was paid, or that it will not be.

        Raises:
            PlatformError: there is no such invoice, it was paid before, or the file cannot be used.
            ValueError: it is told neither that it was paid nor that it failed.
        """
        if state not in (PaymentState.PAID, PaymentState.FAILED):
            raise ValueError(f"an invoice is paid or has failed, not {state}")
        with self._invoices() as invoices:
            found = _find(invoices, key)
            if found is None:
                raise PlatformError(
                    f"there is no invoice {key[:120]}", hint="See the keys with `weightmark renewals list`."
                )
            if found[2] is PaymentState.PAID and state is PaymentState.FAILED:
                raise PlatformError(
                    f"the invoice {key} was paid", hint="To give money back, pay it back; nothing is undone."
                )
            query = "UPDATE invoice SET state = ?, changed = ? WHERE key = ?"
            invoices.execute(query, (state.value, _now(), key))

    @contextmanager
    def _invoices(self) -> Generator[sqlite3.Connection, None, None]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path.touch(mode=0o600)
            with transaction(self._path) as database:
                database.execute(_TABLE)
                yield database
        except (sqlite3.Error, OSError, LedgerError) as error:
            raise PlatformError(
                f"the invoices in {self._path} cannot be used: {error}",
                retryable=True,
                hint="Check the disk; the file must be SQLite's.",
            ) from error


def _find(invoices: sqlite3.Connection, key: str) -> tuple[Amount, str, PaymentState] | None:
    query = "SELECT amount, currency, payer, state FROM invoice WHERE key = ?"
    row = invoices.execute(query, (key,)).fetchone()
    if row is None:
        return None
    value, currency, payer, state = row
    return Amount(value=Decimal(value), currency=currency), payer, PaymentState(state)


def _now() -> str:
    return format_time(datetime.now(UTC))


@hookimpl
def weightmark_payments() -> list[type[Payment]]:
    """Offer payments by hand."""
    return [ManualPayment]
