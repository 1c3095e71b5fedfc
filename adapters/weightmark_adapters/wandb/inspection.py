"""Whether the library is installed, its server can be reached, and its calls are guarded."""

import os
import urllib.error
import urllib.request
from typing import Any, Final
from urllib.parse import urlsplit

from weightmark.errors import WeightmarkError
from weightmark.ports.registry import PlatformStatus
from weightmark.vocabulary import HOOKS
from weightmark_adapters.wandb import sdk

WAIT_SECONDS: Final = 3
"""How long a server is waited for."""

_GUARD_HINT: Final = (
    "Set WEIGHTMARK_HOOKS=wandb where models are logged, or call weightmark_hooks.wandb.protect()."
)
_KEY_HINT: Final = "Run `wandb login`, or set WANDB_API_KEY."


def inspect() -> PlatformStatus:
    """Look, for seconds at most.

    Raises:
        Nothing.
    """
    try:
        wandb = sdk.load()
        installed = str(wandb.__version__)
    except WeightmarkError as error:
        return PlatformStatus(hint=error.hint)
    except Exception as error:
        return PlatformStatus(hint=f"wandb cannot be imported: {type(error).__name__}. Install it anew.")
    try:
        address = str(wandb.setup().settings.base_url)
        key = _has_key(wandb)
    except Exception as error:
        return PlatformStatus(installed=installed, hint=f"WANDB_BASE_URL is unclear: {type(error).__name__}.")
    reachable = _answers(address)
    hooked = HOOKS if "wandb" in os.environ.get(HOOKS, "").replace(" ", "").lower().split(",") else ""
    hint = "" if hooked else _GUARD_HINT
    if not key:
        hint = _KEY_HINT
    if not reachable:
        hint = "Check WANDB_BASE_URL and the network; offline runs are checked by `weightmark wandb check`."
    return PlatformStatus(
        installed=installed, server=_plain(address), reachable=reachable, hooked=hooked, hint=hint
    )


def _has_key(wandb: Any) -> bool:
    return bool(os.environ.get("WANDB_API_KEY") or wandb.api.api_key)


def _answers(address: str) -> bool:
    """Say whether anything answers there; no key is sent."""
    request = urllib.request.Request(f"{address.rstrip('/')}/healthz", method="GET")  # noqa: S310  the user's own server
    try:
        with urllib.request.urlopen(request, timeout=WAIT_SECONDS):  # noqa: S310
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except (OSError, ValueError):
        return False


def _plain(address: str) -> str:
    """Write an address without user, password and parameters."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
