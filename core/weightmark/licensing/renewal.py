"""Renewals: for how long a grant renews itself, and for how much.

Not here: the charging; see the workspace, which asks a provider of payments.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from weightmark.encoding import Json, Record
from weightmark.errors import MalformedError

MOST_DAYS = 3_660
_CURRENCY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What a grant says of its own renewal.

    Args:
        days: by how many days of 24 hours each renewal moves the end, 1 to 3660.
        amount: what each renewal costs, in whole units of the currency, exact; 0 when it is free.
        currency: ISO 4217, three capitals; empty when it is free.

    Raises:
        ValueError: a number is out of bounds, or the amount and the currency do not fit together.
    """

    days: int
    amount: Decimal = Decimal(0)
    currency: str = ""

    def __post_init__(self) -> None:
        """Check the values; see Raises."""
        if not 1 <= self.days <= MOST_DAYS:
            raise ValueError(f"a renewal is for {self.days} days, not 1 to {MOST_DAYS}")
        if not self.amount.is_finite() or self.amount < 0:
            raise ValueError(f"a renewal costs {self.amount}, which is no amount of money")
        spelled = len(self.currency) == _CURRENCY and self.currency.isascii() and self.currency.isupper()
        if bool(self.amount) != bool(self.currency) or (self.currency and not spelled):
            raise ValueError(f"a renewal costs {self.amount} of the currency {self.currency[:20]!r}")

    def to_json(self) -> dict[str, Json]:
        """Write it as JSON; what is empty is left out.

        Raises:
            Nothing.
        """
        money: dict[str, Json] = {"amount": str(self.amount), "currency": self.currency}
        return {"days": self.days, **(money if self.amount else {})}

    @classmethod
    def from_record(cls, record: Record) -> "Renewal":
        """Read it from JSON, strictly.

        Raises:
            MalformedError: a field is missing, unknown or of another type.
            ValueError: see the class.
        """
        text = record.text("amount", "0")
        try:
            amount = Decimal(text)
        except InvalidOperation as error:
            raise MalformedError(f"'amount' in {record.what} is {text[:40]!r}, not a number") from error
        renewal = cls(days=record.integer("days"), amount=amount, currency=record.text("currency", ""))
        record.done()
        return renewal
