"""What every gate does with a model of Azure ML: ask, tell the platform, and link what was made."""

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Final

from weightmark.errors import RefusedError
from weightmark.model.event import ModelEvent
from weightmark.ports import ResolvedModel
from weightmark.vocabulary import TAG_PREFIX, EventKind, is_reserved
from weightmark.workspace import Outcome, Workspace
from weightmark.workspace.asking import failing_closed, process_workspace, refusal_of
from weightmark.workspace.deciding import READING
from weightmark_adapters.azureml import AzuremlRegistry
from weightmark_adapters.azureml.registry import is_promoted
from weightmark_adapters.azureml.uri import Place, version_uri

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A version that has passed its gates and is about to be made.

    Attributes:
        place: where.
        name: the model's name.
        outcome: of its registration.
    """

    place: Place
    name: str
    outcome: Outcome


passing: Final[ContextVar[Passed | None]] = ContextVar("weightmark_azureml_passing", default=None)
"""The version whose files were checked before they were sent, so that they are not fetched back."""


class Gate:
    """Asks a workspace of Weightmark's about models of Azure ML's.

    Args:
        workspace: who is asked; None for the process's own.
    """

    def __init__(self, workspace: Workspace | None = None) -> None:
        self._workspace = workspace
        self._registry = AzuremlRegistry()

    def create(
        self, place: Place, name: str, version: str, stated: Mapping[str, Any], resolved: ResolvedModel
    ) -> Outcome:
        """Ask about a version that is about to be made, with its files at hand.

        Args:
            place: where.
            name: the model's name.
            version: its version; empty when Azure is to choose.
            stated: its properties, as they will be sent.
            resolved: its files and what is stated about it.

        Returns:
            What was recorded; it is a yes.

        Raises:
            RefusedError: it may not be registered, put to that stage, or given to that registry.
        """
        uri = version_uri(place, name, version) if version else f"{place.uri}/models/{name}"
        resolved = replace(resolved, uri=uri, name=name, version=version)
        event = ModelEvent(kind=EventKind.REGISTER, uri=uri, name=name, context={"platform": "azureml"})
        outcome = self._ask(event, resolved)
        stage = str(stated.get("stage") or "")
        if place.registry:
            self._ask(replace(event, kind=EventKind.PUSH), resolved)
        if is_promoted(stage):
            self._ask(
                replace(event, kind=EventKind.PROMOTE, context={**event.context, "stage": stage}), resolved
            )
        return outcome

    def use(self, kind: EventKind, uri: str, **context: str) -> Outcome:
        """Ask about a use of a version that is there; a refusal is written to its tags.

        Raises:
            RefusedError: it may not be used so.
        """
        with failing_closed(f"to {kind.value} {uri}"):
            exact = self._registry.pin(uri)
        return self._ask(
            ModelEvent(kind=kind, uri=exact, context={"platform": "azureml", **context}), None, tell=True
        )

    def load(self, uri: str, resolved: ResolvedModel) -> None:
        """Ask about files that were downloaded.

        Raises:
            RefusedError: they are not those that were registered.
        """
        self._ask(ModelEvent(kind=EventKind.LOAD, uri=uri, context={"platform": "azureml"}), resolved)

    def link(self, outcome: Outcome, uri: str, version: str) -> None:
        """Record which version a model became; when that fails, the gates go by its files."""
        try:
            (self._workspace or process_workspace()).link(outcome, uri=uri, version=version)
        except Exception:
            _log.exception("%s was registered, but not that it is this version", uri)

    def _ask(self, event: ModelEvent, resolved: ResolvedModel | None, *, tell: bool = False) -> Outcome:
        with failing_closed(f"to {event.kind.value} {event.uri}"):
            workspace = self._workspace or process_workspace()
            if resolved is None and workspace.configuration.gates[event.kind].requires & READING:
                # What had to be fetched is deleted at once, so that a process may ask for ever.
                with self._registry.checkout(event.uri) as fetched:
                    outcome = workspace.handle(event, resolved=fetched)
            else:
                outcome = workspace.handle(event, resolved=resolved)
        if outcome.allowed:
            return outcome
        if tell:
            self._tell(event.uri, outcome)
        raise refusal_of(outcome)

    def _tell(self, uri: str, outcome: Outcome) -> None:
        """Write the refusal where people look; that it could not be written changes nothing."""
        try:
            self._registry.annotate(uri, outcome.tags())
        except Exception:
            _log.exception("%s was refused, but its tags do not say so", uri)


def merge_tags(
    stated: Mapping[str, Any], present: Mapping[str, Any], own: Mapping[str, str]
) -> dict[str, Any]:
    """Put together the tags of a version: the user's, and those that are Weightmark's alone.

    Args:
        stated: what the user sends.
        present: what is there.
        own: what Weightmark has to say now.

    Returns:
        The user's tags with Weightmark's, which stay when the user leaves them out.

    Raises:
        RefusedError: the user sends one of Weightmark's that is not there.
    """
    kept = {key: value for key, value in present.items() if is_reserved(key)}
    for key, value in stated.items():
        if is_reserved(key) and value not in {kept.get(key), own.get(key)}:
            raise RefusedError(
                f"Weightmark alone writes the tag {key!r}: keys that begin with {TAG_PREFIX!r} are reserved",
                hint="Leave it out.",
            )
    return {**kept, **stated, **own}
