from .command import Command as Command
from .format import Format as Format
from .ledger import Ledger as Ledger
from .ledger import LedgerEntry as LedgerEntry
from .observer import Observer as Observer
from .payment import Amount as Amount
from .payment import Payment as Payment
from .payment import PaymentState as PaymentState
from .policy_engine import PolicyEngine as PolicyEngine
from .registry import ListedVersion as ListedVersion
from .registry import PlatformStatus as PlatformStatus
from .registry import Registry as Registry
from .registry import ResolvedModel as ResolvedModel
from .runner import SINGLE as SINGLE
from .runner import Arrays as Arrays
from .runner import Runner as Runner
from .signer import AskSecret as AskSecret
from .signer import Signer as Signer
from .store import Store as Store
from .verifier import Verifier as Verifier
from .watermark import Watermark as Watermark

__all__ = [
    "SINGLE",
    "Amount",
    "Arrays",
    "AskSecret",
    "Command",
    "Format",
    "Ledger",
    "LedgerEntry",
    "ListedVersion",
    "Observer",
    "Payment",
    "PaymentState",
    "PlatformStatus",
    "PolicyEngine",
    "Registry",
    "ResolvedModel",
    "Runner",
    "Signer",
    "Store",
    "Verifier",
    "Watermark",
]
