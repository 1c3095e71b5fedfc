"""What MLflow's model registry holds, page by page."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from weightmark.ports.registry import ListedVersion
from weightmark_adapters.mlflow import sdk
from weightmark_adapters.mlflow.place import Finder, quoted
from weightmark_adapters.mlflow.uri import version_uri

PAGE: Final = 200
"""Versions asked for at once."""

_IN_USE: Final = frozenset({"production", "staging"})
_OLDEST_FIRST: Final = ("creation_timestamp ASC", "name ASC", "version_number ASC")
_PROMPT_TAG: Final = "mlflow.prompt.is_prompt"


def list_versions(finder: Finder, uri: str, name: str) -> Iterator[ListedVersion]:
    """List versions, the first created first.

    What MLflow counts as a prompt is left out. Aliases are looked up once, at the beginning.

    Args:
        finder: knows the registry.
        uri: what was asked for, for messages.
        name: the registered model; empty for all.

    Raises:
        PlatformError: MLflow refused or failed.
    """
    with sdk.speaking(uri):
        client = finder.client
        aliased = _aliased(client, name)
        query = f"name = {quoted(name)}" if name else ""
    token: str | None = None
    while True:
        with sdk.speaking(uri):
            page = client.search_model_versions(
                query, max_results=PAGE, order_by=list(_OLDEST_FIRST), page_token=token
            )
        for version in page:
            if str(version.tags.get(_PROMPT_TAG, "")).lower() != "true":
                yield _listed(version, aliased)
        token = page.token
        if not token:
            return


def _listed(version: Any, aliased: Mapping[str, frozenset[str]]) -> ListedVersion:
    name, number = str(version.name), str(version.version)
    stage = str(version.current_stage or "").lower()
    return ListedVersion(
        uri=version_uri(name, number),
        name=name,
        version=number,
        deployed=stage in _IN_USE or number in aliased.get(name, frozenset()),
        tags=dict(version.tags),
    )


def _aliased(client: Any, name: str) -> dict[str, frozenset[str]]:
    """Give the versions that have an alias, by registered model; MLflow's search for versions omits them."""
    models: Iterator[Any] = iter([client.get_registered_model(name)]) if name else _all_models(client)
    found: dict[str, frozenset[str]] = {}
    for model in models:
        aliases: dict[str, Any] = dict(model.aliases or {})
        if aliases:
            found[str(model.name)] = frozenset(str(version) for version in aliases.values())
    return found


def _all_models(client: Any) -> Iterator[Any]:
    token: str | None = None
    while True:
        page = client.search_registered_models(max_results=PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return
