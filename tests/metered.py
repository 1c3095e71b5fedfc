"""A workspace with one model and a clock that stands still, for tests of what is counted and renewed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from tests.workshop import write_model

from weightmark.claims import Claim, GrantClaim
from weightmark.discovery import Plugins
from weightmark.encoding import Digest
from weightmark.index import RegisteredModel
from weightmark.licensing import Entitlement, Grant, Renewal, Tier
from weightmark.workspace import Configuration, Workspace
from weightmark.workspace.metering.meter import Meter

START = datetime(2026, 12, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PLUGINS = {
    "format-opaque": "formats.opaque",
    "format-safetensors": "formats.safetensors",
    "ledger-memory": "ledgers.memory",
    "ledger-sqlite": "ledgers.sqlite",
    "observer-log": "observers.log",
    "payment-manual": "payments.manual",
    "payment-memory": "payments.memory",
    "signer-file": "signers.file",
    "store-memory": "stores.memory",
    "store-sqlite": "stores.sqlite",
}
CALLS = Entitlement(name="inferences", unit="requests", limit=100, overage=10)
TOKENS = Entitlement(name="tokens", unit="tokens", limit=1000)
MONTHLY = Renewal(days=30, amount=Decimal("49.00"), currency="EUR")


def plugins() -> Plugins:
    """Give the plugins that these tests need, whatever is installed."""
    found = [
        EntryPoint(name, f"weightmark_plugins.{module}", "weightmark") for name, module in PLUGINS.items()
    ]
    return Plugins([*found, EntryPoint("registry-file", "weightmark_adapters.file", "weightmark")])


class World:
    """The licensor's workspace.

    Args:
        folder: an empty folder.
        ledger: its ledger's URI.
    """

    def __init__(self, folder: Path, ledger: str = "memory:") -> None:
        self.now = START
        self.home = folder / "home"
        settings = {"home": str(self.home), "party": "lab", "ledger": ledger}
        configuration = Configuration.load(settings, {})
        self.workspace = Workspace(configuration, plugins(), clock=lambda: self.now)
        self.resources = self.workspace.resources
        outcome = self.workspace.register(str(write_model(folder / "model")), mine=True)
        assert outcome.model is not None
        self.model: RegisteredModel = outcome.model

    def meter(self) -> Meter:
        """Give a meter that reads every grant anew."""
        return Meter(self.resources, lambda: self.now, refresh_seconds=0)

    def say(self, claim: Claim) -> Digest:
        """Record a claim about the model; give its statement's digest."""
        return self.workspace.record(self.model, claim).statement.digest

    def grant(self, *bounds: Entitlement, days: int = 30, **other: Any) -> Digest:
        """Grant acme the use of the model."""
        values: dict[str, Any] = {"tier": Tier.INFERENCE, "grantee": "acme", **other}
        values.setdefault("end", self.now + days * DAY)
        grant = Grant(model=self.model.bundle, licensor="lab", start=self.now, bounds=bounds, **values)
        return self.say(GrantClaim(grant=grant, issued_at=self.now))

    def close(self) -> None:
        """Close the workspace."""
        self.workspace.close()


Make = Callable[[], World]
