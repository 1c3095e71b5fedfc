"""Azure ML's published REST interface, spoken through the SDK's own client.

The client's pipeline is used (its credential, its transport, its cloud), but not its patience: the SDK waits
as long as ``Retry-After`` says, up to ten times; here a call is repeated twice within seconds, and what Azure
asks beyond that is handed to the caller.
"""

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, cast
from urllib.parse import quote

from weightmark.errors import PlatformError
from weightmark_adapters.azureml import sdk
from weightmark_adapters.azureml.client import connection_for
from weightmark_adapters.azureml.uri import Place

WORKSPACE_API: Final = "2024-10-01"
REGISTRY_API: Final = "2021-10-01-dataplanepreview"

_TRIES: Final = 3
_PATIENCE: Final = 5.0
"""The longest that one repetition is waited for, in seconds."""

_MAX_PAGES: Final = 100_000
_own: Final = ContextVar("weightmark_azureml_own", default=False)


def is_own() -> bool:
    """Say whether the request that is being sent is Weightmark's own, which no gate asks about."""
    return _own.get()


@contextmanager
def own_request() -> Generator[None, None, None]:
    """Mark what is sent inside as Weightmark's own."""
    token = _own.set(True)
    try:
        yield
    finally:
        _own.reset(token)


class Service:
    """One workspace's or registry's part of the interface.

    Args:
        place: which; None for the workspace that is connected or that the environment names.

    Raises:
        PlatformError: nothing says which workspace is meant, there is no credential, or there is no such
            registry.
        MissingExtraError: the SDK is not installed.
    """

    def __init__(self, place: Place | None) -> None:
        with own_request():
            connection = connection_for(place)
        self.place = connection.place
        self.credential = connection.credential
        self._home, self._sender = connection.home, connection.sender

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Read one resource.

        Args:
            path: below the workspace or registry; empty for itself.
            query: more parameters.

        Raises:
            PlatformError: Azure refused, failed, or has no such resource.
        """
        return self._call("GET", self._at(path), query)

    def find(self, path: str) -> dict[str, Any] | None:
        """Read one resource; None when there is none.

        Raises:
            PlatformError: Azure refused or failed.
        """
        try:
            return self.get(path)
        except PlatformError as error:
            if getattr(error.__cause__, "status_code", 0) == 404:  # noqa: PLR2004 - not found
                return None
            raise

    def put(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Write one resource; a slow operation is begun and not waited for.

        Raises:
            PlatformError: Azure refused or failed.
        """
        return self._call("PUT", self._at(path), {}, body)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Ask something that is no resource.

        Raises:
            PlatformError: Azure refused or failed.
        """
        return self._call("POST", self._at(path), {}, body)

    def items(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """List resources, page by page.

        Raises:
            PlatformError: Azure refused or failed, or never ends.
        """
        page = self.get(path, **query)
        for _ in range(_MAX_PAGES):
            yield from page.get("value") or ()
            following = page.get("nextLink")
            if not following:
                return
            page = self._call("GET", str(following), {})
        raise PlatformError(f"the list of {path!r} in {self.place.uri!r} does not end")

    def is_there(self) -> bool:
        """Ask once, for seconds at most, whether the workspace or registry answers.

        Raises:
            PlatformError: it does not.
        """
        path = "models" if self.place.registry else ""
        self._call("GET", self._at(path), {}, tries=1)
        return True

    def _at(self, path: str) -> str:
        return f"{self._home}/{quote(path)}" if path else self._home

    def _call(
        self,
        method: str,
        url: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        *,
        tries: int = _TRIES,
    ) -> dict[str, Any]:
        for tried in range(1, tries + 1):
            try:
                with sdk.speaking(f"{self.place.uri}/{url.removeprefix(self._home).lstrip('/')}"):
                    return self._send(method, url, query, body, quick=tries == 1)
            except PlatformError as error:
                wait = error.retry_after if error.retry_after is not None else 0.2 * tried
                if not error.retryable or tried == tries or wait > _PATIENCE:
                    raise
                time.sleep(wait)
        raise AssertionError("unreachable")

    def _send(
        self, method: str, url: str, query: Mapping[str, str], body: Mapping[str, Any] | None, *, quick: bool
    ) -> dict[str, Any]:
        version = REGISTRY_API if self.place.registry else WORKSPACE_API
        request = sdk.load("azure.core.rest").HttpRequest(
            method,
            url,
            params=None if url.startswith("https:") else {"api-version": version, **query},
            headers={"Accept": "application/json"},
            json=body,
        )
        waits = {"connection_timeout": 3, "read_timeout": 5} if quick else {"connection_timeout": 10}
        with own_request():
            response = self._sender.send_request(request, retry_total=0, **waits)
            response.raise_for_status()
        return pairs(response.json() if response.content else None)


def pairs(value: object) -> dict[str, Any]:
    """Take what should be an object of JSON; empty when it is none."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
