"""Kubeflow's Model Registry, through its own client: the calls that we need, page by page."""

import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from weightmark.errors import PlatformError
from weightmark_adapters.kubeflow import sdk

ADDRESS: Final = "MODEL_REGISTRY_BASE_URL"
"""The environment variable that names the server, as Kubeflow's own storage initializer reads it."""

SCHEME: Final = "MODEL_REGISTRY_SCHEME"
TOKEN: Final = "KF_PIPELINES_SA_TOKEN_PATH"  # noqa: S105 - the variable's name, not its value
"""The environment variable that names the file with the token, as Kubeflow's own client reads it."""

_POD_TOKEN: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_PAGE: Final = "100"
_MAX_TOKEN_BYTES: Final = 1 << 16


def address() -> str:
    """Give the server's address; empty when none is set."""
    text = os.environ.get(ADDRESS, "").strip().rstrip("/")
    if text and "://" not in text:
        text = f"{os.environ.get(SCHEME) or 'http'}://{text}"
    return text


def host() -> str:
    """Give the server's host and port as they stand in URIs; empty when none is set."""
    return urlsplit(address()).netloc.rpartition("@")[2]


def shown_address() -> str:
    """Give the server's address without user and password."""
    scheme = urlsplit(address()).scheme
    return f"{scheme}://{host()}" if scheme else ""


class Server:
    """The Model Registry at the address that the environment names.

    Args:
        timeout: seconds that one answer may take.

    Raises:
        PlatformError: no address is set, or the token cannot be read.
        MissingExtraError: the Model Registry's client is not installed.
    """

    def __init__(self, timeout: float = 30) -> None:
        url = address()
        if not url:
            raise PlatformError(
                "no Model Registry is named", hint=f"Set {ADDRESS}, such as https://registry.example.org."
            )
        self._api = sdk.load("mr_openapi")
        self._timeout = timeout
        token = _token()
        if token and urlsplit(url).scheme != "https" and not _is_near(url):
            raise PlatformError(
                f"the token is not sent to {shown_address()!r} without encryption",
                hint=f"Set {ADDRESS} to an https:// address.",
            )
        self._configuration = self._api.Configuration(host=url, access_token=token)

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call one method of the client's API.

        Raises:
            Exception: what the client raises.
        """

        async def ask() -> Any:
            client = self._api.ApiClient(self._configuration)
            try:
                bound: Callable[..., Awaitable[Any]] = getattr(
                    self._api.ModelRegistryServiceApi(client), method
                )
                return await bound(*args, **kwargs, _request_timeout=float(self._timeout))
            finally:
                await client.close()

        return sdk.run(ask())

    def model(self, name: str) -> Any:
        """Find a registered model by its name."""
        return self.call("find_registered_model", name=name)

    def version(self, model: Any, name: str) -> Any:
        """Find a version by its name; the newest that is not archived when the name is empty.

        Raises:
            PlatformError: it has no version.
        """
        if name:
            return self.call("find_model_version", name=name, parent_resource_id=model.id)
        newest = self._pages("get_registered_model_versions", model.id, sort_order="DESC", order_by="ID")
        for version in newest:
            if not is_archived(version):
                return version
        raise PlatformError(f"{model.name!r} has no version", hint="Register one.")

    def artifact(self, version: Any) -> Any:
        """Give the newest model artifact of a version; None when it has none."""
        found = [
            artifact.actual_instance
            for artifact in self._pages("get_model_version_artifacts", version.id)
            if getattr(artifact.actual_instance, "artifact_type", "") == "model-artifact"
        ]
        return max(found, key=lambda artifact: int(artifact.id), default=None)

    def models(self) -> Iterator[Any]:
        """List the registered models, oldest first."""
        return self._pages("get_registered_models", order_by="ID", sort_order="ASC")

    def versions(self, model: Any) -> Iterator[Any]:
        """List the versions of a model, oldest first."""
        return self._pages("get_registered_model_versions", model.id, order_by="ID", sort_order="ASC")

    def services(self) -> Iterator[Any]:
        """List what is deployed, as far as the registry was told."""
        return self._pages("get_inference_services")

    def ping(self) -> None:
        """Ask for one model."""
        self.call("get_registered_models", page_size="1")

    def _pages(self, method: str, *args: Any, **kwargs: Any) -> Iterator[Any]:
        seen: set[str] = set()
        token = ""
        order, sort = kwargs.pop("order_by", None), kwargs.pop("sort_order", None)
        if order:
            kwargs |= {"order_by": self._api.OrderByField(order), "sort_order": self._api.SortOrder(sort)}
        while token not in seen:
            seen.add(token)
            paging = {"page_size": _PAGE} | ({"next_page_token": token} if token else {})
            page = self.call(method, *args, **kwargs, **paging)
            yield from page.items or ()
            token = str(page.next_page_token or "")
            if not token:
                return
        raise PlatformError("the Model Registry gives the same page again and again")


def is_archived(version: Any) -> bool:
    """Say whether a version is archived."""
    return bool(getattr(version.state, "value", version.state) == "ARCHIVED")


def texts_of(properties: Any) -> dict[str, str]:
    """Give the custom properties that are texts."""
    found: dict[str, str] = {}
    for key, value in dict(properties or {}).items():
        text = getattr(value.actual_instance, "string_value", None)
        if isinstance(text, str):
            found[str(key)] = text
    return found


def _token() -> str | None:
    named = os.environ.get(TOKEN)
    path = Path(named) if named else _POD_TOKEN
    try:
        with path.open(encoding="utf-8") as stream:
            return stream.read(_MAX_TOKEN_BYTES).strip() or None
    except (OSError, UnicodeDecodeError) as error:
        if named:
            raise PlatformError(
                f"the token in {named!r} cannot be read", hint=f"Mend {TOKEN}, or unset it."
            ) from error
        return None


def _is_near(url: str) -> bool:
    """Say whether an address is this machine or a service of the same cluster, where a mesh encrypts."""
    name = urlsplit(url).hostname or ""
    return (
        name in {"localhost", "127.0.0.1", "::1"}
        or "." not in name
        or name.endswith((".svc", ".svc.cluster.local"))
    )
