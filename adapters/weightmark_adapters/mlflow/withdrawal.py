"""Taking a version out of use, when a use is refused that happened already."""

from typing import Any, Final

from weightmark.attribution import write_verdict
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import Tag
from weightmark_adapters.mlflow.annotation import annotate
from weightmark_adapters.mlflow.place import Finder
from weightmark_adapters.mlflow.uri import parse_uri

_FREE: Final = "None"
_IN_USE: Final = frozenset({"production", "staging"})


def withdraw(finder: Finder, event: ModelEvent, reason: str) -> bool:
    """Take away the alias or the stage that an event set; all of both when it names none.

    What points elsewhere by now is left alone, and so is the version itself.

    Args:
        finder: knows the registry.
        event: what happened.
        reason: why it is refused; written to the version's tags.

    Returns:
        Whether it is out of use; False for what is no registered model.

    Raises:
        MalformedError: the event's URI is not one of MLflow's.
    """
    parsed = parse_uri(event.uri)
    if not parsed.name:
        return False
    client, version = finder.client, finder.version(parsed)
    number, alias, stage = (
        str(version.version),
        event.context.get("alias", ""),
        event.context.get("stage", ""),
    )
    annotate(finder, event.uri, {Tag.REASON.value: write_verdict("", reason)[Tag.REASON.value]})
    for name in _aliases(client, parsed.name, number):
        if name == alias or not (alias or stage):
            client.delete_registered_model_alias(parsed.name, name)
    present = str(version.current_stage or "").lower()
    if present in _IN_USE and (present == stage.lower() or not (alias or stage)):
        client.transition_model_version_stage(parsed.name, number, _FREE)
    return True


def _aliases(client: Any, name: str, number: str) -> list[str]:
    aliases: dict[str, Any] = dict(client.get_registered_model(name).aliases or {})
    return [alias for alias, version in aliases.items() if str(version) == number]
