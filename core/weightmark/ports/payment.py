"""The port of what moves money."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Self

from weightmark.errors import PlatformError

MOST_DIGITS = 18
"""Digits of an amount, before and after the point together."""

_CURRENCY = 3


class PaymentState(StrEnum):
    """How far a payment got; ``UNKNOWN`` is real and must be asked about again."""

    NONE = "none"
    """The provider is certain that it has no payment of this key."""
    PENDING = "pending"
    """Asked for, and not decided yet: an invoice is out."""
    PAID = "paid"
    """The money came. It is the last state: a refund is another payment."""
    FAILED = "failed"
    """Refused, and nothing was taken. It may be charged again under the same key."""
    UNKNOWN = "unknown"
    """The provider did not say, or does not know; the money may have come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Money.

    Attributes:
        value: in whole units of the currency, exact; above 0, at most 18 digits.
        currency: ISO 4217, three capitals.

    Raises:
        ValueError: it is no amount of money.
    """

    value: Decimal
    currency: str

    def __post_init__(self) -> None:
        """Check the values; see Raises."""
        if not self.value.is_finite() or self.value <= 0:
            raise ValueError(f"{self.value} is no amount of money to be paid")
        digits, exponent = self.value.as_tuple().digits, self.value.as_tuple().exponent
        if not isinstance(exponent, int) or max(len(digits), len(digits) + exponent, -exponent) > MOST_DIGITS:
            raise ValueError(f"an amount of money has at most {MOST_DIGITS} digits")
        if len(self.currency) != _CURRENCY or not (self.currency.isascii() and self.currency.isupper()):
            raise ValueError(f"{self.currency[:20]!r} is no currency such as EUR")

    def __str__(self) -> str:
        """Write it for people: ``49.00 EUR``."""
        return f"{self.value:f} {self.currency}"


class Payment(ABC):
    """One provider of payments. Safe to use from many threads.

    A key names one payment for ever. Whatever happens between, of all charges under one key at most one takes
    money.
    """

    name: ClassVar[str]

    @classmethod
    @abstractmethod
    def open(cls, uri: str, *, home: Path) -> Self:
        """Open the provider that a URI names.

        Args:
            uri: its name, and what follows a colon: ``manual:``.
            home: the workspace's folder, for what it keeps on this machine.

        Raises:
            WeightmarkError: it is no such URI, or the provider is not set up.
        """

    @abstractmethod
    def charge(self, amount: Amount, *, payer: str, key: str) -> PaymentState:
        """Ask for money; the same ``key`` never charges twice.

        A payment that is pending, paid or unknown stays as it is; one that failed is tried again.

        Args:
            amount: how much.
            payer: who pays, as the grant names them.
            key: what names the payment: 1 to 255 printable characters.

        Returns:
            How far it got; ``UNKNOWN`` when the provider did not say.

        Raises:
            PlatformError: nothing was charged, and it is certain; ``retryable`` when the same may succeed
                later. What may have been charged is ``UNKNOWN`` and no error.
            UsageConflictError: the key stands for another amount or payer.
        """

    @abstractmethod
    def state(self, key: str) -> PaymentState:
        """Say how far the payment of this key got; ``NONE`` when there is certainly none.

        Raises:
            PlatformError: the provider cannot be asked.
        """

    def decide(self, key: str, state: PaymentState) -> None:
        """Take an operator's word that a payment was paid or failed, where nobody else knows.

        Raises:
            PlatformError: the provider knows by itself, or has no such payment to be decided.
        """
        del state
        raise PlatformError(
            f"the provider {self.name} knows by itself whether {key[:80]} was paid",
            hint="Ask it: `weightmark renewals run`.",
        )

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Let go of connections; closing twice does nothing."""
