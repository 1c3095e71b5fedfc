"""What every payment provider must keep to.

Not here: that money moves. A suite sees only what a provider answers; run it against the provider's sandbox.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

import pytest

from weightmark.errors import UsageConflictError
from weightmark.ports.payment import Amount, Payment, PaymentState

_AMOUNT = Amount(value=Decimal("49.00"), currency="EUR")
_ASKED = (PaymentState.PENDING, PaymentState.PAID, PaymentState.FAILED, PaymentState.UNKNOWN)


class PaymentSuite(ABC):
    """Conformance suite for `Payment`: subclass it, say how to make one, inherit the tests.

    Source: the port's own docstrings.
    """

    is_persistent: ClassVar[bool] = True
    """Whether ``make``, called again with the same folder, opens the same provider again."""

    @abstractmethod
    def make(self, tmp_path: Path) -> Payment:
        """Open the provider that belongs to a folder.

        Args:
            tmp_path: a folder; another folder may be another provider.
        """

    def pay(self, payment: Payment, key: str) -> None:
        """Let the payer of a payment that was charged pay it, when that does not happen by itself.

        Raises:
            PlatformError: it cannot be done.
        """
        payment.decide(key, PaymentState.PAID)

    def fail(self, payment: Payment, key: str) -> None:
        """Charge a payment so that it fails.

        Raises:
            PlatformError: it cannot be done.
        """
        payment.charge(_AMOUNT, payer="acme", key=key)
        payment.decide(key, PaymentState.FAILED)

    @pytest.fixture
    def payment(self, tmp_path: Path) -> Iterator[Payment]:
        """One provider."""
        payment = self.make(tmp_path)
        yield payment
        payment.close()

    @pytest.fixture
    def key(self) -> str:
        """A key that nobody used."""
        return f"sha256:{uuid4().hex}{uuid4().hex}@2027-01-01T00:00:00Z"

    def test_the_name_is_named(self, payment: Payment) -> None:
        """A URI finds its provider by this name."""
        assert payment.name
        assert ":" not in payment.name

    def test_a_key_that_was_never_charged_has_no_payment(self, payment: Payment, key: str) -> None:
        """It is certain, so it is not unknown; and asking makes none."""
        assert payment.state(key) is PaymentState.NONE
        assert payment.state(key) is PaymentState.NONE

    def test_a_charge_is_known_afterwards(self, payment: Payment, key: str) -> None:
        """What a charge answers is what the provider says when it is asked."""
        answer = payment.charge(_AMOUNT, payer="acme", key=key)
        assert answer in _ASKED
        if answer is not PaymentState.UNKNOWN:
            assert payment.state(key) in (answer, PaymentState.PAID)

    def test_the_same_key_is_one_payment(self, payment: Payment, key: str) -> None:
        """Charging again answers how far the one payment is."""
        first = payment.charge(_AMOUNT, payer="acme", key=key)
        for _ in range(3):
            assert payment.charge(_AMOUNT, payer="acme", key=key) in (first, PaymentState.PAID)
        assert payment.state(f"{key}-other") is PaymentState.NONE

    def test_a_paid_key_stays_paid(self, payment: Payment, key: str) -> None:
        """Also when it is charged again."""
        if payment.charge(_AMOUNT, payer="acme", key=key) is not PaymentState.PAID:
            self.pay(payment, key)
        assert payment.state(key) is PaymentState.PAID
        assert payment.charge(_AMOUNT, payer="acme", key=key) is PaymentState.PAID
        assert payment.state(key) is PaymentState.PAID

    def test_a_failed_payment_is_tried_again_under_its_key(self, payment: Payment, key: str) -> None:
        """Nothing was taken, so the same key may be charged."""
        self.fail(payment, key)
        assert payment.state(key) is PaymentState.FAILED
        assert payment.charge(_AMOUNT, payer="acme", key=key) in (PaymentState.PENDING, PaymentState.PAID)

    @pytest.mark.parametrize("value", ["49.01", "490", "4.9"])
    def test_another_amount_under_the_same_key_is_refused(
        self, payment: Payment, key: str, value: str
    ) -> None:
        """And the payment stays as it was."""
        before = payment.charge(_AMOUNT, payer="acme", key=key)
        other = Amount(value=Decimal(value), currency="EUR")
        with pytest.raises(UsageConflictError):
            payment.charge(other, payer="acme", key=key)
        with pytest.raises(UsageConflictError):
            payment.charge(Amount(value=_AMOUNT.value, currency="USD"), payer="acme", key=key)
        assert payment.state(key) in (before, PaymentState.PAID)

    def test_the_same_amount_written_otherwise_is_the_same(self, payment: Payment, key: str) -> None:
        """49.00 and 49 are one amount."""
        first = payment.charge(_AMOUNT, payer="acme", key=key)
        same = Amount(value=Decimal(49), currency="EUR")
        assert payment.charge(same, payer="acme", key=key) in (first, PaymentState.PAID)

    def test_another_payer_under_the_same_key_is_refused(self, payment: Payment, key: str) -> None:
        """A key is one payment by one payer."""
        payment.charge(_AMOUNT, payer="acme", key=key)
        with pytest.raises(UsageConflictError):
            payment.charge(_AMOUNT, payer="other", key=key)

    def test_many_threads_charge_one_key_once(self, payment: Payment, key: str) -> None:
        """All are answered by the one payment."""
        with ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(payment.charge, _AMOUNT, payer="acme", key=key) for _ in range(24)]
        answers = {each.result() for each in waiting}
        assert answers <= set(_ASKED) - {PaymentState.FAILED}
        assert payment.state(key) in {*answers, PaymentState.PAID}

    def test_payments_outlive_the_process_that_charged(self, tmp_path: Path, key: str) -> None:
        """A provider that is opened again knows them."""
        if not self.is_persistent:
            pytest.skip("this provider does not outlive its process")
        payment = self.make(tmp_path)
        answer = payment.charge(_AMOUNT, payer="acme", key=key)
        payment.close()
        payment.close()
        again = self.make(tmp_path)
        assert again.state(key) in (answer, PaymentState.PAID)
        assert again.charge(_AMOUNT, payer="acme", key=key) in (answer, PaymentState.PAID)
        again.close()
