"""What a version is called, and what is said of it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from weightmark.model.card import read_facts, split_names, state_facts
from weightmark.vocabulary import TAG_PREFIX, Fact
from weightmark_adapters.trackio import sdk

_PREFIX: Final = TAG_PREFIX.replace(".", "_")


def is_model(kind: str) -> bool:
    """Say whether artifacts of this type are models."""
    return "model" in kind.lower()


def name_uri(project: str, name: str, version: str = "") -> str:
    """Write the URI of a version, or of a name.

    Args:
        project: as its user wrote it; trackio leaves out all but letters, digits, hyphens and underscores.
        name: the artifact's name.
        version: ``v3``.
    """
    place = sdk.load("trackio.utils").canonical_project_name(project)
    return f"trackio://{place}/{name}" + (f":{version}" if version else "")


def encode_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Write tags as metadata.

    >>> encode_tags({"weightmark.owner": "acme"})
    {'weightmark_owner': 'acme'}
    """
    return {key.replace(".", "_"): value for key, value in tags.items()}


def without_tags(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Give what is the users' own; nobody else may set our keys, and they are never trusted."""
    return {key: value for key, value in metadata.items() if not str(key).startswith(_PREFIX)}


def gather_facts(
    metadata: Mapping[str, Any], folder: Path, used: Iterable[tuple[str, str]]
) -> dict[str, str]:
    """Put together what the user states, in metadata or on a card, and what the run used.

    Args:
        metadata: the artifact's.
        folder: its files.
        used: types and URIs of what the run used.

    Raises:
        MalformedError: a card in the folder cannot be read.
    """
    stated = {fact.value: _text(metadata.get(fact.value)) for fact in Fact}
    facts = state_facts(stated, read_facts(folder))
    rows = list(used)
    for key, names in (
        (Fact.BASE_MODEL.value, [uri for kind, uri in rows if is_model(kind)]),
        (Fact.DATASETS.value, [uri for kind, uri in rows if "data" in kind.lower()]),
    ):
        if joined := ",".join(split_names(",".join([facts.get(key, ""), *names]))):
            facts[key] = joined
    return facts


def _text(value: Any) -> str:
    names: list[Any] = [*value] if isinstance(value, (list, tuple)) else [value]
    return ",".join(name for name in names if isinstance(name, str))
