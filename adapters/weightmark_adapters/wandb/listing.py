"""Which model versions there are, page by page."""

import inspect
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, Final

from weightmark.ports.registry import ListedVersion
from weightmark_adapters.wandb import sdk
from weightmark_adapters.wandb.lineage import is_model, name_exactly
from weightmark_adapters.wandb.metadata import decode_tags
from weightmark_adapters.wandb.uri import REGISTRY_PREFIX, ArtifactUri, parse_uri

PROMOTING: Final = ("prod*", "champion", "staging", "release*", "live")
"""Patterns of aliases that put a version to use."""

_PAGE: Final = 100


def is_promoting(alias: str, patterns: tuple[str, ...] = PROMOTING) -> bool:
    """Say whether an alias puts a version to use.

    >>> [is_promoting(alias) for alias in ("production", "Prod-EU", "latest", "v3", "best")]
    [True, True, False, False, False]
    """
    return any(fnmatchcase(alias.lower(), pattern.lower()) for pattern in patterns)


def list_versions(place: ArtifactUri, uri: str) -> Iterator[ListedVersion]:
    """List what is at a place.

    Args:
        place: an entity, a project, or a name in one.
        uri: the same, for messages.

    Raises:
        PlatformError: the server refused, failed, or has no such place.
    """
    client = _ask(uri, sdk.client)
    for project in [place.project] if place.project else _projects(client, place.entity, uri):
        for kind, name in _collections(client, ArtifactUri(entity=place.entity, project=project), uri):
            if place.name in {"", name}:
                path = f"{place.entity}/{project}/{name}"
                for artifact in _pages(uri, lambda kind=kind, path=path: _oldest_first(client, kind, path)):
                    yield _listed(artifact, uri)


def _listed(artifact: Any, uri: str) -> ListedVersion:
    with sdk.speaking(uri):
        exact = name_exactly(artifact)
        linked = artifact.is_link or any(is_promoting(alias) for alias in artifact.aliases)
        linked = linked or any(
            str(one.project).startswith(REGISTRY_PREFIX) or one.project == "model-registry"
            for one in artifact.linked_artifacts
        )
    parsed = parse_uri(exact)
    return ListedVersion(
        uri=exact,
        name=parsed.name,
        version=parsed.alias,
        deployed=linked,
        tags=decode_tags(artifact.metadata),
    )


def _projects(client: Any, entity: str, uri: str) -> Iterator[str]:
    for project in _pages(uri, lambda: client.projects(entity, per_page=_PAGE)):
        yield str(project.name)


def _collections(client: Any, place: ArtifactUri, uri: str) -> Iterator[tuple[str, str]]:
    path = f"{place.entity}/{place.project}"
    for kind in _pages(uri, lambda: client.artifact_types(project=path)):
        if is_model(str(kind.name)):
            for collection in _pages(uri, lambda kind=kind: kind.collections(per_page=_PAGE)):
                yield str(kind.name), str(collection.name)


def _oldest_first(client: Any, kind: str, path: str) -> Any:
    if "order" in inspect.signature(client.artifacts).parameters:
        return client.artifacts(kind, path, order="+createdAt", per_page=_PAGE)
    return reversed(list(client.artifacts(kind, path, per_page=_PAGE)))  # before 0.26 the newest came first


def _pages(uri: str, start: Any) -> Iterator[Any]:
    """Give one item after the other; the library asks for the next page when it is needed."""
    items = _ask(uri, lambda: iter(start()))
    while True:
        item = _ask(uri, lambda: next(items, None))
        if item is None:
            return
        yield item


def _ask(uri: str, question: Any) -> Any:
    with sdk.speaking(uri):
        return question()
