"""Tags of MLflow's that mean something to the guard."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from weightmark.vocabulary import TAG_PREFIX, is_reserved
from weightmark_hooks.mlflow.verdict import denial

_PROMPT_TAG: Final = "mlflow.prompt.is_prompt"
_PROMPT_SOURCES: Final = frozenset({"dummy-source", "prompt-template"})


def is_prompt(tags: Mapping[str, str], source: str | None) -> bool:
    """Say whether it is a prompt: it says so, and it has no bytes of its own that could be a model's."""
    return tags.get(_PROMPT_TAG, "").lower() == "true" and source in _PROMPT_SOURCES


def without_reserved(tags: Mapping[str, str]) -> dict[str, str]:
    """Leave out what only Weightmark writes: it may be copied, or forged."""
    return {str(key): str(value) for key, value in tags.items() if not is_reserved(key)}


def refuse_reserved(keys: Iterable[Any]) -> None:
    """Refuse keys that only Weightmark writes.

    Raises:
        MlflowException: one of them is reserved.
    """
    for key in keys:
        if is_reserved(key):
            raise denial(
                f"Weightmark alone writes the tag {key!r}: keys that begin with {TAG_PREFIX!r} are reserved"
            )
