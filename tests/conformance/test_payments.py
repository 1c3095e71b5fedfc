import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from weightmark.errors import PlatformError, UsageConflictError
from weightmark.ports import Amount, Payment, PaymentState
from weightmark.testing.payment import PaymentSuite
from weightmark_plugins.payments.manual import ManualPayment
from weightmark_plugins.payments.memory import MemoryPayment, Mishap

PRICE = Amount(value=Decimal(49), currency="EUR")


class TestManualPayment(PaymentSuite):
    def make(self, tmp_path: Path) -> Payment:
        return ManualPayment.open("manual:", home=tmp_path / "home")


class TestMemoryPayment(PaymentSuite):
    def make(self, tmp_path: Path) -> Payment:
        return MemoryPayment.open(f"memory://{tmp_path}", home=tmp_path)

    def fail(self, payment: Payment, key: str) -> None:
        assert isinstance(payment, MemoryPayment)
        payment.account.mishaps.append(Mishap.FAIL)
        payment.charge(PRICE, payer="acme", key=key)


class TestMemoryPaymentWithDelays(TestMemoryPayment):
    def make(self, tmp_path: Path) -> Payment:
        payment = MemoryPayment.open(f"memory://{tmp_path}", home=tmp_path)
        payment.account.mishaps.extend([Mishap.DELAY] * 100)
        return payment

    def fail(self, payment: Payment, key: str) -> None:
        PaymentSuite.fail(self, payment, key)


def test_an_invoice_that_was_paid_cannot_fail_any_more(tmp_path: Path):
    payment = ManualPayment.open("manual:", home=tmp_path)
    payment.charge(PRICE, payer="acme", key="k")
    payment.decide("k", PaymentState.PAID)
    payment.decide("k", PaymentState.PAID)
    with pytest.raises(PlatformError, match="was paid"):
        payment.decide("k", PaymentState.FAILED)
    with pytest.raises(ValueError, match="not pending"):
        payment.decide("k", PaymentState.PENDING)
    assert payment.state("k") is PaymentState.PAID


def test_an_invoice_that_was_never_written_cannot_be_paid(tmp_path: Path):
    with pytest.raises(PlatformError, match="no invoice nobody"):
        ManualPayment.open("manual:", home=tmp_path).decide("nobody", PaymentState.PAID)


def test_invoices_are_their_owners_alone(tmp_path: Path):
    ManualPayment.open("manual:", home=tmp_path / "home").charge(PRICE, payer="acme", key="k")
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "home" / "payments.db").stat().st_mode & 0o777 == 0o600


def test_invoices_that_cannot_be_read_are_no_answer(tmp_path: Path):
    (tmp_path / "payments.db").write_bytes(b"no database" * 1000)
    payment = ManualPayment.open("manual:", home=tmp_path)
    with pytest.raises(PlatformError, match=r"payments\.db") as caught:
        payment.state("k")
    assert caught.value.retryable
    assert isinstance(caught.value.__cause__, sqlite3.Error)


def test_an_answer_that_is_lost_leaves_the_money_taken_once():
    payment = MemoryPayment.open("memory:", home=Path())
    payment.account.mishaps.append(Mishap.LOSE_ANSWER)
    assert payment.charge(PRICE, payer="acme", key="k") is PaymentState.UNKNOWN
    assert payment.state("k") is PaymentState.PAID
    assert payment.charge(PRICE, payer="acme", key="k") is PaymentState.PAID
    assert payment.account.taken["k"] == 1


def test_a_request_that_is_lost_takes_nothing():
    payment = MemoryPayment.open("memory:", home=Path())
    payment.account.mishaps.extend([Mishap.LOSE_REQUEST, Mishap.DOWN, Mishap.REFUSE])
    assert payment.charge(PRICE, payer="acme", key="k") is PaymentState.UNKNOWN
    assert payment.state("k") is PaymentState.NONE
    for retryable in (True, False):
        with pytest.raises(PlatformError) as caught:
            payment.charge(PRICE, payer="acme", key="k")
        assert caught.value.retryable is retryable
    assert payment.account.taken["k"] == 0


@pytest.mark.parametrize("uri", ["manual", "manual:file", "memory:", ""])
def test_other_uris_name_no_payments_by_hand(uri: str, tmp_path: Path):
    with pytest.raises(PlatformError, match="names no payments"):
        ManualPayment.open(uri, home=tmp_path)


@pytest.mark.parametrize("uri", ["memory", "memory:name", "manual:", ""])
def test_other_uris_name_no_payments_in_memory(uri: str, tmp_path: Path):
    with pytest.raises(PlatformError, match="names no payments"):
        MemoryPayment.open(uri, home=tmp_path)


@pytest.mark.parametrize(
    ("value", "currency"),
    [("0", "EUR"), ("-1", "EUR"), ("NaN", "EUR"), ("Infinity", "EUR"), ("1e30", "EUR"), ("1e-30", "EUR"),
     ("1", "eur"), ("1", ""), ("1", "EURO"), ("1", "ÄÖÜ"), ("1234567890123456789", "EUR")],
)  # fmt: skip
def test_what_is_no_amount_of_money_is_refused(value: str, currency: str):
    with pytest.raises(ValueError, match=r"amount of money|currency"):
        Amount(value=Decimal(value), currency=currency)


def test_a_provider_that_knows_by_itself_takes_nobodys_word():
    class Sure(MemoryPayment):
        decide = Payment.decide

    with pytest.raises(PlatformError, match="knows by itself"):
        Sure.open("memory:", home=Path()).decide("k", PaymentState.PAID)


def test_a_conflict_names_both_payments():
    payment = MemoryPayment.open("memory:", home=Path())
    payment.charge(PRICE, payer="acme", key="k")
    with pytest.raises(UsageConflictError, match=r"49 EUR from acme, not 49 EUR from other"):
        payment.charge(PRICE, payer="other", key="k")
