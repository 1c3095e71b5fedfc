"""The port of what moves money."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar


class PaymentState(StrEnum):
    """How far a payment got; ``UNKNOWN`` is real and must be asked about again."""

    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Money.

    Attributes:
        value: in whole units of the currency, exact.
        currency: ISO 4217, three capitals.
    """

    value: Decimal
    currency: str


class Payment(ABC):
    """One provider of payments."""

    name: ClassVar[str]

    @abstractmethod
    def charge(self, amount: Amount, *, payer: str, key: str) -> PaymentState:
        """Ask for money; the same ``key`` never charges twice.

        Raises:
            PlatformError: the provider refused.
        """

    @abstractmethod
    def state(self, key: str) -> PaymentState:
        """Say how far the payment of this key got.

        Raises:
            PlatformError: the provider cannot be asked.
        """
