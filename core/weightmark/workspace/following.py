"""Events that have happened already: a webhook, a back-fill. Nothing can be stopped any more, but undone."""

import logging
from dataclasses import replace

from weightmark.errors import LicensingError
from weightmark.model.event import ModelEvent
from weightmark.ports import Registry, ResolvedModel
from weightmark.vocabulary import EventKind
from weightmark.workspace.outcome import Outcome
from weightmark.workspace.reading import Progress
from weightmark.workspace.road import RECORDING, Road

_log = logging.getLogger(__name__)


def follow(road: Road, registry: Registry, event: ModelEvent, progress: Progress | None) -> Outcome:
    """Do for an event that has happened what would have been done before it.

    An event that comes twice, late, or before the one that it follows from ends the same: what nobody
    registered yet is registered; what a URI stands for already is never replaced, so bytes that were
    changed since are refused and not recorded anew.

    Args:
        road: the road.
        registry: the platform's.
        event: what happened.
        progress: told the bytes done and the bytes in all.

    Returns:
        What was recorded and decided; the platform has it in its tags, and a refused use is undone there
        when the platform has the means.

    Raises:
        WeightmarkError: it could not be read, decided, recorded or written.
    """
    known = road.linked(event.uri)
    if known is not None and event.kind in RECORDING:
        outcome = road.recall(event, known)
        registry.annotate(event.uri, outcome.tags())
        return outcome
    with registry.checkout(event.source or event.uri) as resolved:
        event = _exact(event, resolved)
        outcome = _record(road, event, resolved, progress)
        if outcome.allowed and event.kind not in RECORDING:
            outcome = road.take(event, resolved, progress)
    registry.annotate(event.uri, outcome.tags())
    if not outcome.allowed:
        _log.warning("%s of %r is not allowed: %s", event.kind.value, event.uri, outcome.refusal())
        if event.kind not in RECORDING and not registry.withdraw(event, outcome.refusal()):
            _log.warning("%s of %r could not be undone there", event.kind.value, event.uri)
    return outcome


def _exact(event: ModelEvent, resolved: ResolvedModel) -> ModelEvent:
    return replace(
        event,
        uri=resolved.uri if not event.source else event.uri,
        name=event.name or resolved.name,
        version=event.version or resolved.version,
    )


def _record(road: Road, event: ModelEvent, resolved: ResolvedModel, progress: Progress | None) -> Outcome:
    """Register what the URI stands for, unless it stands for something already."""
    known = road.linked(event.uri)
    recorded = event if event.kind in RECORDING else replace(event, kind=EventKind.REGISTER)
    if known is not None:
        return road.recall(recorded, known)
    outcome = road.take(recorded, resolved, progress)
    if outcome.allowed and outcome.model is not None:
        try:
            road.link(outcome, event.uri, event.version)
        except LicensingError:
            _log.exception("%r was registered, but is linked to other files", event.uri)
    return outcome
