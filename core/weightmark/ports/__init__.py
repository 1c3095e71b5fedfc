"""What can be replaced: one abstract class for each job that more than one thing can do."""

from weightmark.ports.format import Format
from weightmark.ports.ledger import Ledger, LedgerEntry
from weightmark.ports.observer import Observer
from weightmark.ports.payment import Amount, Payment, PaymentState
from weightmark.ports.registry import Registry, ResolvedModel
from weightmark.ports.signer import AskSecret, Signer
from weightmark.ports.store import Store
from weightmark.ports.verifier import Verifier
from weightmark.ports.watermark import Watermark

__all__ = [
    "Amount",
    "AskSecret",
    "Format",
    "Ledger",
    "LedgerEntry",
    "Observer",
    "Payment",
    "PaymentState",
    "Registry",
    "ResolvedModel",
    "Signer",
    "Store",
    "Verifier",
    "Watermark",
]
