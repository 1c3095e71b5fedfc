"""Payments in memory: no money moves. For trying renewals out, and what can go wrong with them.

Not promised: that anything outlives the process. ``memory:`` is a new one each time; ``memory://name`` is one
and the same for the whole process.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import ClassVar, Self

from weightmark.errors import PlatformError, UsageConflictError
from weightmark.hookspecs import hookimpl
from weightmark.ports import Amount, Payment, PaymentState


class Mishap(StrEnum):
    """What happens to a charge, instead of its being paid at once."""

    DELAY = "delay"
    """It is pending, until somebody decides it."""
    FAIL = "fail"
    """The payer's bank refuses."""
    LOSE_ANSWER = "lose-answer"
    """The money is taken, and the answer never comes."""
    LOSE_REQUEST = "lose-request"
    """The request never comes, and neither does an answer."""
    REFUSE = "refuse"
    """The provider refuses the request."""
    DOWN = "down"
    """The provider does not answer for a while, and says that nothing was charged."""


@dataclass(slots=True, kw_only=True)
class Account:
    """What one provider in memory knows.

    Attributes:
        payments: each payment, by key.
        taken: how often money was taken, by key.
        mishaps: what happens to the next charges, the first first; they are paid when it is empty.
        silent: so many questions for a state are answered with unknown.
    """

    payments: dict[str, tuple[Amount, str, PaymentState]] = field(default_factory=dict)
    taken: Counter[str] = field(default_factory=Counter)
    mishaps: deque[Mishap] = field(default_factory=deque)
    silent: int = 0
    lock: Lock = field(default_factory=Lock)


_named: dict[str, Account] = {}
_naming = Lock()


class MemoryPayment(Payment):
    """A provider that is gone with its process.

    Args:
        account: what it knows.
    """

    name: ClassVar[str] = "memory"

    def __init__(self, account: Account) -> None:
        self.account = account

    @classmethod
    def open(cls, uri: str, *, home: Path) -> Self:
        """Open ``memory:``, new and empty, or ``memory://name``, the same for all in this process.

        Raises:
            PlatformError: it is no such URI.
        """
        del home
        scheme, colon, rest = uri.partition(":")
        label = rest.removeprefix("//")
        if scheme != cls.name or not colon or (rest and not rest.startswith("//")):
            raise PlatformError(
                f"{uri[:80]!r} names no payments in memory", hint="Write 'memory:' or 'memory://name'."
            )
        if not label:
            return cls(Account())
        with _naming:
            return cls(_named.setdefault(label, Account()))

    def charge(self, amount: Amount, *, payer: str, key: str) -> PaymentState:
        """Take money that is none, or have a mishap.

        Raises:
            UsageConflictError: the key stands for another amount or payer.
            PlatformError: the next mishap is one, and nothing was charged.
        """
        with self.account.lock:
            mishap = self.account.mishaps.popleft() if self.account.mishaps else None
            if mishap is Mishap.LOSE_REQUEST:
                return PaymentState.UNKNOWN
            if mishap in (Mishap.DOWN, Mishap.REFUSE):
                down = mishap is Mishap.DOWN
                raise PlatformError(
                    f"the payments in memory {'do not answer' if down else f'refuse {key}'}", retryable=down
                )
            state = self._charge(amount, payer, key, mishap)
        return PaymentState.UNKNOWN if mishap is Mishap.LOSE_ANSWER else state

    def state(self, key: str) -> PaymentState:
        """Say how far a payment is.

        Raises:
            Nothing.
        """
        with self.account.lock:
            if self.account.silent > 0:
                self.account.silent -= 1
                return PaymentState.UNKNOWN
            found = self.account.payments.get(key)
        return PaymentState.NONE if found is None else found[2]

    def decide(self, key: str, state: PaymentState) -> None:
        """Decide a payment that is pending or failed.

        Raises:
            PlatformError: there is no such payment, or it was paid before.
            ValueError: it is told neither that it was paid nor that it failed.
        """
        if state not in (PaymentState.PAID, PaymentState.FAILED):
            raise ValueError(f"a payment is paid or has failed, not {state}")
        with self.account.lock:
            found = self.account.payments.get(key)
            if found is None or (found[2] is PaymentState.PAID and state is PaymentState.FAILED):
                raise PlatformError(f"there is no payment {key[:120]} to be decided")
            if found[2] is not PaymentState.PAID:
                self._set(key, found[0], found[1], state)

    def _charge(self, amount: Amount, payer: str, key: str, mishap: Mishap | None) -> PaymentState:
        found = self.account.payments.get(key)
        if found is not None:
            if found[:2] != (amount, payer):
                raise UsageConflictError(
                    f"the payment {key} is {found[0]} from {found[1]}, not {amount} from {payer}"
                )
            if found[2] is not PaymentState.FAILED:
                return found[2]
        state = {Mishap.DELAY: PaymentState.PENDING, Mishap.FAIL: PaymentState.FAILED}.get(
            mishap or Mishap.LOSE_ANSWER, PaymentState.PAID
        )
        self._set(key, amount, payer, state)
        return state

    def _set(self, key: str, amount: Amount, payer: str, state: PaymentState) -> None:
        self.account.payments[key] = amount, payer, state
        self.account.taken[key] += state is PaymentState.PAID


@hookimpl
def weightmark_payments() -> list[type[Payment]]:
    """Offer payments in memory."""
    return [MemoryPayment]
