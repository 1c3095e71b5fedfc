"""Conformance suites: subclass one, say how to make your plugin, inherit its tests.

Needs pytest, which is not a dependency of Weightmark itself.
"""

from weightmark.testing.format import FormatSuite
from weightmark.testing.ledger import LedgerSuite
from weightmark.testing.payment import PaymentSuite
from weightmark.testing.policy_engine import PolicyEngineSuite
from weightmark.testing.registry import RegistrySuite
from weightmark.testing.signer import SignerSuite
from weightmark.testing.store import StoreSuite

__all__ = [
    "FormatSuite",
    "LedgerSuite",
    "PaymentSuite",
    "PolicyEngineSuite",
    "RegistrySuite",
    "SignerSuite",
    "StoreSuite",
]
