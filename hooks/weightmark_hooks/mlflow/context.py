"""Tells on every MLflow run that Weightmark looked on: its version, for whom it speaks, and which ledger.

It makes no key, no ledger and no folder, asks no server, and is silent where Weightmark is not in use.
MLflow imports this module in every process of an environment that has it, so it imports nothing itself.
"""

import os
from collections.abc import Mapping
from typing import Final

_MAX_TRUST: Final = 1 << 20


class WeightmarkRunContext:
    """What MLflow asks for tags when a run starts, under its entry point ``mlflow.run_context_provider``."""

    def in_context(self) -> bool:
        """Say whether Weightmark is in use here: it has settings, a home, or guards MLflow.

        Raises:
            Nothing.
        """
        try:
            return _is_guarded(os.environ) or _is_configured()
        except Exception:
            return False

    def tags(self) -> dict[str, str]:
        """Give the run's tags.

        Raises:
            Nothing.
        """
        try:
            return _tags()
        except Exception:
            return {}


def _is_guarded(environ: Mapping[str, str]) -> bool:
    from weightmark.vocabulary import HOOKS

    guarded = {name.strip().lower() for name in environ.get(HOOKS, "").split(",")}
    return "mlflow" in guarded or environ.get("MLFLOW_REGISTRY_URI", "").startswith("weightmark+")


def _is_configured() -> bool:
    from weightmark.workspace import Configuration

    settings = Configuration.load()
    return settings.file is not None or settings.home.is_dir()


def _tags() -> dict[str, str]:
    from weightmark import __version__
    from weightmark.vocabulary import RunTag
    from weightmark.workspace import Configuration

    settings = Configuration.load()
    tags = {
        RunTag.VERSION.value: __version__,
        RunTag.PARTY.value: settings.party.name,
        RunTag.LEDGER.value: settings.origin or _origin(settings),
    }
    return {key: value for key, value in tags.items() if value}


def _origin(settings: object) -> str:
    """Read the ledger's name from the trust root that lies beside it; empty when there is none yet."""
    from weightmark.claims import TrustRoot
    from weightmark.workspace import Configuration, read_bounded

    if not isinstance(settings, Configuration) or not settings.trust.is_file():
        return ""
    logs = TrustRoot.decode(read_bounded(settings.trust, _MAX_TRUST)).logs
    return logs[0].name if logs else ""
