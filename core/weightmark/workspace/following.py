"""Events that have happened already: a webhook, a back-fill. Nothing can be stopped any more, but undone."""

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Final

from weightmark.attribution import write_verdict
from weightmark.encoding import parse_digest
from weightmark.errors import (
    DigestMismatchError,
    LicensingError,
    MalformedError,
    PlatformError,
    UndecidedError,
    WeightmarkError,
)
from weightmark.licensing import Outcome as Verdict
from weightmark.licensing import ReasonCode
from weightmark.model.event import ModelEvent
from weightmark.ports import Registry, ResolvedModel
from weightmark.vocabulary import EventKind
from weightmark.workspace.outcome import Outcome
from weightmark.workspace.reading import Progress
from weightmark.workspace.road import RECORDING, Road

_log = logging.getLogger(__name__)
_SHORT = 12

REPEATED: Final = timedelta(hours=1)
"""For so long after a registration, the same event again is taken for a repeated delivery."""


def follow(  # noqa: PLR0913 - keywords, each with its default
    road: Road,
    registry: Registry,
    event: ModelEvent,
    progress: Progress | None,
    *,
    tags: bool = True,
    recall: bool = False,
) -> Outcome:
    """Do for an event that has happened what would have been done before it.

    An event that comes twice, late, or before the one that it follows from ends the same: what nobody
    registered yet is registered; what a URI stands for already is never replaced, so bytes that were
    changed since are refused and not recorded anew.

    Args:
        road: the road.
        registry: the platform's.
        event: what happened.
        progress: told the bytes done and the bytes in all.
        tags: whether what came of it is written to the platform's tags.
        recall: whether a registration of what is registered already is taken as recorded, however old it is.

    Returns:
        What was recorded and decided; the platform has it in its tags, and a refused use is undone there
        when the platform has the means.

    Raises:
        WeightmarkError: it could not be read, decided, recorded or written. When repeating it cannot help,
            the platform has that in its tags too, and the use is undone.
    """
    try:
        event, outcome = _judge(road, registry, event, progress, recall=recall)
    except WeightmarkError as error:
        if is_lasting(error) and (event.kind in RECORDING or road.requires(event.kind)):
            reason = f"{error.message} {error.hint}".rstrip()
            changed = isinstance(error, DigestMismatchError)
            code = ReasonCode.NOT_INTACT if changed else ReasonCode.NOT_REGISTERED
            told = write_verdict(f"{Verdict.REFUSED.value} ({code.value})", reason)
            with suppress(PlatformError):
                _say_there(registry, event, told if tags else {}, reason)
        raise
    if not outcome.allowed:
        _log.warning("%s of %r is not allowed: %s", event.kind.value, event.uri, outcome.refusal())
    _say_there(registry, event, outcome.tags() if tags else {}, outcome.refusal())
    return outcome


def is_lasting(error: BaseException) -> bool:
    """Say whether the same would fail again, whenever it is repeated.

    What another party must mend first (the platform, the model's owner) lasts; what is unreachable, busy or
    wrong with this workspace does not.
    """
    if isinstance(error, PlatformError):
        return not error.retryable
    return isinstance(error, (MalformedError, DigestMismatchError)) or (
        isinstance(error, LicensingError) and not isinstance(error, UndecidedError)
    )


def _judge(
    road: Road, registry: Registry, event: ModelEvent, progress: Progress | None, *, recall: bool
) -> tuple[ModelEvent, Outcome]:
    """Register what is not registered, then judge the use; give the event with its exact URI."""
    if event.kind in RECORDING and (known := _recall(road, event)) is not None:
        if recall or road.is_repeated(known, REPEATED):
            return event, known
        return _read_again(road, registry, event, progress)
    with registry.checkout(event.source or event.uri) as resolved:
        asked, event = event, _exact(event, resolved)
        new = event.kind in RECORDING and event.uri == asked.uri
        outcome = (None if new else _recall(road, event)) or _register(road, event, resolved, progress)
        if event.kind not in RECORDING and outcome.allowed:
            outcome = road.use(event, resolved, progress, outcome)
    return event, replace(outcome, event=event)


def _read_again(
    road: Road, registry: Registry, event: ModelEvent, progress: Progress | None
) -> tuple[ModelEvent, Outcome]:
    """Read what an event says was registered anew: where files can be overwritten, it may be others.

    Raises:
        DigestMismatchError: it is; the registration stands as it was.
    """
    with registry.checkout(event.source or event.uri) as resolved:
        return event, _register(road, _exact(event, resolved), resolved, progress)


def _recall(road: Road, event: ModelEvent) -> Outcome | None:
    """Say again what came of the registration; None when the URI stands for nothing yet."""
    known = road.linked(event.uri)
    return None if known is None else road.recall(_as_registration(event), known)


def _register(road: Road, event: ModelEvent, resolved: ResolvedModel, progress: Progress | None) -> Outcome:
    outcome = road.take(_as_registration(event), resolved, progress, relink=False)
    if outcome.model is not None and not event.version:
        road.link(outcome, event.uri, parse_digest(outcome.model.bundle)[1].hex()[:_SHORT])
    return outcome


def _as_registration(event: ModelEvent) -> ModelEvent:
    return event if event.kind in RECORDING else replace(event, kind=EventKind.REGISTER)


def _exact(event: ModelEvent, resolved: ResolvedModel) -> ModelEvent:
    return replace(
        event,
        uri=event.uri if event.source else resolved.uri,
        name=event.name or resolved.name,
        version=event.version or resolved.version,
    )


def _say_there(registry: Registry, event: ModelEvent, tags: dict[str, str], reason: str) -> None:
    """Undo a refused use, and write the tags; the one is tried even when the other fails."""
    try:
        if reason and event.kind not in RECORDING and not registry.withdraw(event, reason):
            _log.warning("%s of %r could not be undone there", event.kind.value, event.uri)
    finally:
        if tags:
            registry.annotate(event.uri, tags)
