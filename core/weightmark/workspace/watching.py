"""Watching: what is registered and deployed is verified again and again, and only what changed is told."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from weightmark.attribution import write_seen, write_verdict
from weightmark.encoding import Json
from weightmark.errors import (
    DigestMismatchError,
    Failure,
    MalformedError,
    PlatformError,
    VerificationError,
    WeightmarkError,
)
from weightmark.index import RegisteredModel
from weightmark.licensing import Outcome as Verdict
from weightmark.licensing import ReasonCode
from weightmark.model.event import ModelEvent
from weightmark.ports import ListedVersion, Registry
from weightmark.vocabulary import SCHEMA_VERSION, EventKind
from weightmark.workspace.finding import Finding, Round, State
from weightmark.workspace.outcome import Outcome
from weightmark.workspace.pacing import Pace, patiently
from weightmark.workspace.recording import bundle_of, manifest_of
from weightmark.workspace.rereading import read_again
from weightmark.workspace.resource import Clock, Resources
from weightmark.workspace.road import Road
from weightmark.workspace.sighting import Sighting, Sightings
from weightmark.workspace.verification import Expectation, name_failure, verify_fingerprint

DOWN_AFTER: Final = 3
"""After so many versions in a row that the platform did not answer for, the round ends."""

_log = logging.getLogger(__name__)


FIRST_REPEAT_SECONDS: Final = 30.0
"""How soon a round that failed is repeated, when that is sooner than it would be anyway."""

_Checked = tuple[State, str, tuple[Failure, ...], dict[str, str]]
_ENDED: Final[Mapping[ReasonCode, State]] = {
    ReasonCode.GRANT_REVOKED: State.REVOKED,
    ReasonCode.GRANT_SUSPENDED: State.SUSPENDED,
    ReasonCode.GRANT_EXPIRED: State.EXPIRED,
    ReasonCode.LICENCE_EXPIRED: State.EXPIRED,
}
"""How what allowed a use came to its end."""


class Watch:
    """Verifies what a platform lists, and remembers what it found.

    Args:
        resources: ledger, index, store, trust root.
        road: decides.
        registry: the platform.
        uri: what is watched.
        clock: gives the present time, UTC.
        notify: tells observers.
        pace: how often the platform may be asked; its ``stopped`` ends a round after the version at hand.
    """

    def __init__(  # noqa: PLR0913 - its parts
        self,
        resources: Resources,
        road: Road,
        registry: Registry,
        uri: str,
        *,
        clock: Clock,
        notify: Callable[[ModelEvent, Mapping[str, Json]], None],
        pace: Pace,
    ) -> None:
        self._resources = resources
        self._road = road
        self._registry = registry
        self._uri = uri
        self._clock = clock
        self._notify = notify
        self._pace = pace
        self._seen = Sightings(resources.configuration.home / "watch.db", uri)

    def look(self, *, deployed_only: bool = False, tell: Callable[[Round], None] | None = None) -> Round:
        """Go through everything once.

        Args:
            deployed_only: whether versions that are not in use are passed over.
            tell: told of every version that was looked at.

        Returns:
            What was found. A platform or a ledger that fails is ``error``; what was found before is kept.
        """
        found = Round(uri=self._uri)
        started = time.monotonic()
        try:
            self._resources.catch_up()
            self._look(found, deployed_only=deployed_only, tell=tell)
        except WeightmarkError as error:
            found.error = error
        except Exception as error:
            _log.exception("a round of %r failed", self._uri)
            found.error = PlatformError(f"watching {self._uri!r} failed: {type(error).__name__}")
        found.seconds = time.monotonic() - started
        return found

    def _look(self, found: Round, *, deployed_only: bool, tell: Callable[[Round], None] | None) -> None:
        number, row = self._seen.begin(), 0
        for listed in self._registry.versions(self._uri):
            if self._pace.stopped.is_set():
                found.interrupted = True
                return
            finding = self._find(listed, deployed_only=deployed_only)
            if finding is None:
                self._seen.forget(listed.uri)
                continue
            found.note(finding)
            self._tell(finding, number)
            row = row + 1 if finding.state is State.UNREACHABLE else 0
            if row >= DOWN_AFTER:
                raise PlatformError(f"{self._registry.name} is down: {finding.detail}", retryable=True)
            if tell is not None:
                tell(found)
        for gone in self._seen.unseen(number):
            finding = Finding(
                uri=gone.uri,
                name=gone.name,
                version=gone.version,
                deployed=False,
                state=State.MISSING,
                was=gone.state,
                detail="the platform does not list it any more",
            )
            found.note(finding)
            self._tell(finding, number)

    def _tell(self, finding: Finding, number: int) -> None:
        """Tell what is news, then remember it: whoever is killed in between tells it twice, never not."""
        if finding.is_news:
            event = _event(finding.uri, finding.name, finding.version, deployed=finding.deployed)
            context = {"platform": self._registry.name, "watch": "changed"}
            context |= {"was": finding.was, "now": finding.state.value}
            allowed = finding.state is State.WHOLE
            words: dict[str, Json] = {
                "schema": SCHEMA_VERSION,
                "event": event.kind.value,
                "allowed": allowed,
                "code": finding.state.value,
            }
            self._notify(replace(event, context=context), words | finding.to_json())
        if finding.state is State.MISSING:
            self._seen.forget(finding.uri)
            return
        # What cannot be reached is what it was, as far as anybody knows.
        state = finding.was if finding.state is State.UNREACHABLE else finding.state
        if state:
            seen = Sighting(uri=finding.uri, name=finding.name, version=finding.version, state=state)
            self._seen.keep(seen, number)

    def _find(self, listed: ListedVersion, *, deployed_only: bool) -> Finding | None:
        """Look at one version; None when nothing is expected of it."""
        model = self._road.linked(listed.uri)
        if not listed.deployed and (deployed_only or model is None):
            return None
        event = _event(listed.uri, listed.name, listed.version, deployed=listed.deployed)
        last = self._seen.last(listed.uri)
        state, detail, failures, tags = self._check(event, model)
        if tags:
            self._annotate(listed.uri, tags)
        return Finding(
            uri=listed.uri,
            name=listed.name,
            version=listed.version,
            deployed=listed.deployed,
            state=state,
            was="" if last is None else last.state,
            detail=detail,
            failures=failures,
        )

    def _check(self, event: ModelEvent, model: RegisteredModel | None) -> _Checked:
        if model is None:
            return self._judged(self._road.judge(event, None, None), State.UNREGISTERED)
        expected = self._expect(model)
        try:
            outcome = patiently(lambda: self._verify(event, model, expected), self._pace)
        except (DigestMismatchError, MalformedError) as error:
            failures = error.failures if isinstance(error, VerificationError) else ()
            detail = "; ".join(map(name_failure, failures[:3])) or error.message
            tags = write_verdict(f"{Verdict.REFUSED.value} ({ReasonCode.NOT_INTACT.value})", detail)
            return State.CHANGED, detail, failures, tags
        except VerificationError as error:
            return State.UNTRUSTED, error.message, error.failures, {}
        except PlatformError as error:
            return State.UNREACHABLE if error.retryable else State.UNREADABLE, error.message, (), {}
        except WeightmarkError:
            raise
        except Exception as error:
            _log.exception("%r could not be looked at", event.uri)
            return State.UNREADABLE, f"{type(error).__name__}; the log says more", (), {}
        state, detail, _, tags = self._judged(outcome, State.REFUSED)
        return state, detail, (), tags | write_seen(self._clock())

    def _verify(self, event: ModelEvent, model: RegisteredModel, expected: Expectation) -> Outcome:
        """Read the files and hold them against the registration; what differs is read a second time."""
        with suppress(DigestMismatchError, MalformedError):
            return self._verify_once(event, model, expected)
        # It may have been read while somebody wrote it, or came damaged.
        return self._verify_once(event, model, expected)

    def _verify_once(self, event: ModelEvent, model: RegisteredModel, expected: Expectation) -> Outcome:
        with self._registry.checkout(event.uri) as resolved:
            found = read_again(self._resources, resolved, model)
        verify_fingerprint(event.uri, found, expected, self._clock())
        return self._road.judge(event, model, found)

    def _expect(self, model: RegisteredModel) -> Expectation:
        try:
            manifest = manifest_of(self._resources, model)
        except (MalformedError, DigestMismatchError) as error:
            _log.warning(
                "the manifest of %r is damaged, so no file can be named: %s", model.name, error.message
            )
            manifest = None
        bundle = bundle_of(self._resources, model)
        return Expectation(bundle=bundle, manifest=manifest, trust=self._resources.trust)

    def _judged(self, outcome: Outcome, refused: State) -> _Checked:
        decision = outcome.decision
        # Where no licence is stated, a grant's end is one reason more, and not the one that decides.
        codes = [decision.code, *(reason.code for reason in decision.reasons if decision.grant is not None)]
        ended = next((_ENDED[code] for code in codes if code in _ENDED), None)
        if decision.allowed:
            state = State.WHOLE
        elif ended is not None:
            state = ended
        else:
            state = State.UNDECIDED if decision.outcome is Verdict.UNDECIDED else refused
        return state, outcome.refusal(), (), outcome.tags()

    def _annotate(self, uri: str, tags: dict[str, str]) -> None:
        try:
            patiently(lambda: self._registry.annotate(uri, tags), self._pace)
        except PlatformError as error:
            _log.warning("the tags of %r could not be written: %s", uri, error.message)


def keep_watching(
    look: Callable[[], Round], every: float | None, stopped: threading.Event
) -> Iterator[Round]:
    """Look again and again; a round that failed is repeated sooner, with growing pauses.

    Args:
        look: one round.
        every: seconds from the beginning of a round to that of the next; None to look once.
        stopped: ends it.
    """
    failures = 0
    while True:
        started = time.monotonic()
        found = look()
        yield found
        if every is None or found.interrupted:
            return
        failures = failures + 1 if found.error is not None else 0
        soon = min(every, FIRST_REPEAT_SECONDS * 2 ** (failures - 1)) if failures else every
        if stopped.wait(max(0.0, soon - (time.monotonic() - started))):
            return


def _event(uri: str, name: str, version: str, *, deployed: bool) -> ModelEvent:
    kind = EventKind.DEPLOY if deployed else EventKind.REGISTER
    return ModelEvent(kind=kind, uri=uri, name=name, version=version)
