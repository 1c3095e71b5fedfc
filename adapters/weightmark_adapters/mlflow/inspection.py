"""Whether MLflow is installed, its server can be reached, and its registry is guarded."""

import os
import re
import socket
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from weightmark.errors import WeightmarkError
from weightmark.ports.registry import PlatformStatus
from weightmark.vocabulary import HOOKS, Tag
from weightmark_adapters.mlflow import sdk
from weightmark_adapters.mlflow.place import Finder
from weightmark_adapters.mlflow.uri import GUARD

WAIT_SECONDS: Final = 3
"""How long a server is waited for."""

_SEARCH: Final = "/api/2.0/mlflow/model-versions/search"
_PORTS: Final = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
_GUARD_HINT: Final = (
    "Guard the server (--registry-store-uri weightmark+…),"
    " or the programs of this machine (WEIGHTMARK_HOOKS=mlflow)."
)


def inspect(finder: Finder) -> PlatformStatus:
    """Look, for seconds at most.

    Raises:
        Nothing.
    """
    try:
        installed = str(sdk.load().__version__)
    except WeightmarkError as error:
        return PlatformStatus(hint=error.hint)
    except Exception as error:
        return PlatformStatus(hint=f"MLflow cannot be imported: {type(error).__name__}. Install it anew.")
    try:
        registry = str(sdk.load().get_registry_uri())
        return _ask(installed, finder.tracking, registry)
    except Exception as error:
        return PlatformStatus(
            installed=installed, hint=f"MLFLOW_TRACKING_URI is unclear: {type(error).__name__}."
        )


def without_secrets(uri: str) -> str:
    """Write an address without user, password and parameters.

    >>> without_secrets("postgresql://me:secret@db.example.org:5432/mlflow?sslpassword=x")
    'postgresql://db.example.org:5432/mlflow'
    """
    scheme, slashes, rest = uri.removeprefix(GUARD).partition("://")
    host, slash, path = rest.partition("/")
    return re.split(r"[?#]", f"{scheme}{slashes}{host.rpartition('@')[2]}{slash}{path}")[0]


def _ask(installed: str, tracking: str, registry: str) -> PlatformStatus:
    server = without_secrets(tracking)
    hooked = "guarded store" if registry.startswith(GUARD) else ""
    if not hooked and "mlflow" in os.environ.get(HOOKS, "").replace(" ", "").lower().split(","):
        hooked = HOOKS
    reachable: bool | None
    if tracking.startswith(("http://", "https://")):
        reachable, hint, receipts = _ask_server(tracking)
        hooked = hooked or ("the server writes receipts" if receipts else "")
    else:
        reachable, hint = _ask_database(tracking)
    return PlatformStatus(
        installed=installed,
        server=server,
        reachable=reachable,
        hooked=hooked,
        hint=hint or ("" if hooked else _GUARD_HINT),
    )


def _ask_server(tracking: str) -> tuple[bool, str, bool]:
    """Ask for the newest version: one request, with the client's own credentials."""
    rest, credentials = sdk.load("mlflow.utils.rest_utils"), sdk.load("mlflow.utils.credentials")
    try:
        answer = rest.http_request(
            credentials.get_default_host_creds(tracking),
            _SEARCH,
            "GET",
            max_retries=0,
            timeout=WAIT_SECONDS,
            raise_on_status=False,
            params={"max_results": 1, "order_by": "last_updated_timestamp DESC"},
        )
    except Exception:
        return False, "Start the MLflow server, or mend MLFLOW_TRACKING_URI.", False
    if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return True, "The server refuses: check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.", False
    if answer.status_code != HTTPStatus.OK:
        return True, f"The server answers {answer.status_code}; is it an MLflow server?", False
    return True, "", _has_receipt(answer)


def _has_receipt(answer: Any) -> bool:
    try:
        versions = answer.json().get("model_versions", [])
        return any(tag.get("key") == Tag.RECEIPT for version in versions for tag in version.get("tags", []))
    except (ValueError, AttributeError):
        return False


def _ask_database(tracking: str) -> tuple[bool | None, str]:
    parts = urlsplit(tracking)
    kind = parts.scheme.split("+")[0]
    if kind in _PORTS and parts.hostname:
        try:
            socket.create_connection((parts.hostname, parts.port or _PORTS[kind]), WAIT_SECONDS).close()
        except OSError:
            return False, "Start the database, or mend MLFLOW_TRACKING_URI."
        return True, ""
    if kind in {"sqlite", "file", ""}:
        path = Path(unquote(parts.path.removeprefix("/") if kind == "sqlite" else parts.path))
        return (
            path.exists(),
            "" if path.exists() else "Nothing was logged there yet; MLflow makes it when needed.",
        )
    return None, ""
