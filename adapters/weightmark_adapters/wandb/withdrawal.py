"""Promotions taken back: an alias removed, a link cut; done twice it is done once."""

from collections.abc import Iterator
from typing import Any

from weightmark_adapters.wandb import sdk


def remove_alias(exact: str, collection: str, alias: str) -> bool:
    """Take an alias away, if it still points at the version.

    Args:
        exact: the version's own URI.
        collection: where the alias is, entity/project/name.
        alias: the alias.

    Returns:
        True: the alias does not point at the version any more.

    Raises:
        Exception: the library's own errors.
    """
    for one in _places(exact, collection):
        if alias in one.aliases:
            one.aliases = [held for held in one.aliases if held != alias]
            one.save()
    return True


def unlink(exact: str, collection: str) -> bool:
    """Cut a version's link to a collection.

    Args:
        exact: the version's own URI.
        collection: entity/project/name.

    Returns:
        True: the version is not linked there any more.

    Raises:
        Exception: the library's own errors.
    """
    for one in _places(exact, collection):
        if one.is_link:
            one.unlink()
    return True


def _places(exact: str, collection: str) -> Iterator[Any]:
    """Give a version as a collection has it: its own, or one that it is linked to."""
    artifact = sdk.client().artifact(exact.removeprefix("wandb://"))
    for one in (artifact, *artifact.linked_artifacts):
        if f"{one.entity}/{one.project}/{str(one.name).partition(':')[0]}" == collection:
            yield one
