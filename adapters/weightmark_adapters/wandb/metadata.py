"""Our tags among an artifact's metadata.

A key's dot is written as an underscore: automations read metadata as ``${artifact_metadata.KEY}`` and filters
as a path, where a dot would go one level down.
"""

from collections.abc import Mapping
from typing import Any, Final

from weightmark.vocabulary import TAG_PREFIX, Fact

PREFIX: Final = TAG_PREFIX.replace(".", "_")
"""What our keys begin with; nobody else may set them, and they are never trusted."""


def encode_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Write tags as metadata.

    >>> encode_tags({"weightmark.owner": "acme"})
    {'weightmark_owner': 'acme'}
    """
    return {key.replace(".", "_"): value for key, value in tags.items()}


def decode_tags(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Read the tags back.

    >>> decode_tags({"weightmark_owner": "acme", "epochs": 3})
    {'weightmark.owner': 'acme'}
    """
    return {
        TAG_PREFIX + key.removeprefix(PREFIX): str(value)
        for key, value in metadata.items()
        if key.startswith(PREFIX)
    }


def without_tags(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Give what is the users' own."""
    return {key: value for key, value in metadata.items() if not key.startswith(PREFIX)}


def state_metadata(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Give what the users state in metadata: texts, and lists of texts joined by commas.

    >>> state_metadata({"license": "mit", "datasets": ["a", "b"], "epochs": 3})
    {'license': 'mit', 'datasets': 'a,b'}
    """
    stated: dict[str, str] = {}
    for fact in Fact:
        value: Any = metadata.get(fact.value)
        if isinstance(value, str):
            stated[fact.value] = value
        elif isinstance(value, (list, tuple)):
            stated[fact.value] = ",".join(item for item in value if isinstance(item, str))  # pyright: ignore[reportUnknownVariableType]
    return {key: value for key, value in stated.items() if value}
