"""Back-fill: registers what is on a platform already.

It keeps no list of its own of what is done: the ledger is that list. A run that was killed is run again.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Final, Protocol

from weightmark.encoding import Json
from weightmark.errors import LedgerError, PlatformError, WeightmarkError
from weightmark.model.event import ModelEvent
from weightmark.ports import ListedVersion, Registry
from weightmark.vocabulary import SCHEMA_VERSION, EventKind, Tag
from weightmark.workspace.outcome import Outcome
from weightmark.workspace.pacing import ATTEMPTS, Pace, may_pass, patiently
from weightmark.workspace.resource import Resources

PAGE: Final = 200
"""Versions that are looked up in the index together."""

PAGE_SECONDS: Final = 0.5
"""A page is not waited for longer."""

SUSPECT_AFTER: Final = 3
"""After so many versions in a row that the platform did not answer for, it is asked whether it is there."""

DOWN_AFTER: Final = 20
"""After so many it counts as down, whatever it answers."""

TOLD: Final = 1000
"""Failures that are told by name; more are counted only."""


class Follow(Protocol):
    """Registers one version, and writes its tags when it is to."""

    def __call__(self, event: ModelEvent, *, tags: bool) -> Outcome:
        """Do it; safe to call from many threads."""
        ...


Tell = Callable[["Synced"], None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncFailure:
    """One version that could not be registered, or whose tags could not be written.

    Attributes:
        uri: the version.
        error: the error's type.
        message: what is wrong.
        hint: what to do; may be empty.
    """

    uri: str
    error: str
    message: str
    hint: str = ""


@dataclass(slots=True, kw_only=True)
class Synced:
    """What a run came to, and while it runs: so far.

    Attributes:
        uri: what was listed.
        registered: versions registered now.
        present: versions that were registered before.
        annotated: of these, those whose tags were written now because they were missing.
        refused: of those registered now, those that the gate ``register`` refuses; their tags say why.
        failures: what could not be done, by URI.
        untold: how many failures more there were than are kept.
        seconds: how long it took.
        stopped: why the run ended before the list did; None when it did not.
        interrupted: whether a person stopped it.
    """

    uri: str
    registered: int = 0
    present: int = 0
    annotated: int = 0
    refused: int = 0
    failures: dict[str, SyncFailure] = field(default_factory=dict[str, SyncFailure])
    untold: int = 0
    seconds: float = 0.0
    stopped: WeightmarkError | None = None
    interrupted: bool = False

    @property
    def failed(self) -> int:
        """How many versions failed."""
        return len(self.failures) + self.untold

    @property
    def whole(self) -> bool:
        """Whether everything that was listed is registered now."""
        return not self.failed and self.stopped is None and not self.interrupted

    def to_json(self) -> Mapping[str, Json]:
        """Give it in the words of the command line's ``--json``."""
        stopped: Json = None
        if self.stopped is not None:
            kind = type(self.stopped).__name__
            stopped = {"type": kind, "message": self.stopped.message, "hint": self.stopped.hint}
        return {
            "schema": SCHEMA_VERSION,
            "ok": self.whole,
            "uri": self.uri,
            "registered": self.registered,
            "present": self.present,
            "annotated": self.annotated,
            "refused": self.refused,
            "failed": self.failed,
            "failures": [
                {"uri": each.uri, "type": each.error, "message": each.message, "hint": each.hint}
                for each in self.failures.values()
            ],
            "seconds": round(self.seconds, 3),
            "stopped": stopped,
            "interrupted": self.interrupted,
        }


@dataclass(frozen=True, slots=True)
class _Task:
    """One version to be worked on, and whether it is registered already and lacks its tags only."""

    event: ModelEvent
    known: bool


class Synchronization:
    """One run.

    Args:
        resources: the index that says what is there.
        registry: the platform.
        follow: registers one version and writes its tags; safe to call from many threads.
        synced: what is counted, with the URI to be listed.
        pace: how often the platform may be asked.
        tags: whether the platform's tags are written.
        tell: told of every version that is done, from the thread that runs it.
    """

    def __init__(  # noqa: PLR0913 - its parts
        self,
        resources: Resources,
        registry: Registry,
        follow: Follow,
        synced: Synced,
        *,
        pace: Pace,
        tags: bool = True,
        tell: Tell | None = None,
    ) -> None:
        self._resources = resources
        self._registry = registry
        self._follow = follow
        self._synced = synced
        self._pace = pace
        self._tags = tags
        self._tell = tell
        self._listed = 0
        self._row = 0
        self._failed: dict[str, _Task] = {}
        self._handed: set[int] = set()

    def run(self, *, jobs: int, limit: int | None, retry_failed: bool) -> None:
        """List, skip what is there, register the rest; what fails is noted and the run goes on.

        Args:
            jobs: how many versions are worked on at once.
            limit: how many versions are worked on at most; None for all.
            retry_failed: whether what failed is tried once more at the end.

        Raises:
            WeightmarkError: nothing could be listed at all.
        """
        started = time.monotonic()
        try:
            self._work(self._tasks(), jobs, limit)
            if retry_failed and self._synced.stopped is None:
                self._row = 0
                self._work(iter(list(self._failed.values())), jobs, None)
        except KeyboardInterrupt:
            self._synced.interrupted = True
        except WeightmarkError as error:
            if not self._listed:
                raise
            self._stop(error)
        finally:
            self._pace.stopped.set()
            self._synced.seconds = time.monotonic() - started

    def _work(self, tasks: Iterator[_Task], jobs: int, limit: int | None) -> None:
        """Hand tasks to threads, a few ahead; what comes back is counted in this thread alone."""
        running: dict[Future[Outcome], _Task] = {}
        taken = 0
        with ThreadPoolExecutor(jobs, thread_name_prefix="weightmark-sync") as pool:
            try:
                while self._synced.stopped is None:
                    task = next(tasks, None) if limit is None or taken < limit else None
                    if task is not None:
                        running[pool.submit(self._take, task.event)] = task
                        taken += 1
                    elif not running:
                        return
                    if task is None or len(running) >= 2 * jobs:
                        self._collect(running)
            except BaseException:
                self._pace.stopped.set()
                raise
            finally:
                # What was begun is finished; what was not is left for the next run.
                for future in running:
                    future.cancel()
                while running:
                    self._collect(running)

    def _take(self, event: ModelEvent) -> Outcome:
        return patiently(lambda: self._follow(event, tags=self._tags), self._pace)

    def _collect(self, running: dict[Future[Outcome], _Task]) -> None:
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            task = running.pop(future)
            if future.cancelled():
                continue
            error = future.exception()
            if error is None:
                self._count(task, future.result())
            elif isinstance(error, Exception):
                self._note(task, error)
            else:
                raise error
        self._told()

    def _count(self, task: _Task, outcome: Outcome) -> None:
        self._row = 0
        if self._failed.pop(task.event.uri, None) is not None:
            del self._synced.failures[task.event.uri]
        if task.known:
            self._synced.annotated += 1
        else:
            self._synced.registered += 1
            self._synced.refused += not outcome.allowed

    def _note(self, task: _Task, error: Exception) -> None:
        """Keep why a version failed; stop when every other would fail for the same reason."""
        uri, kind = task.event.uri, type(error).__name__
        message, hint = f"{kind}; the log says more", ""
        if isinstance(error, WeightmarkError):
            message, hint = error.message, error.hint
        else:
            _log.error("%r could not be registered", uri, exc_info=error)
        if uri in self._failed or len(self._failed) < TOLD:
            self._failed[uri] = task
            self._synced.failures[uri] = SyncFailure(uri=uri, error=kind, message=message, hint=hint)
        else:
            self._synced.untold += 1
        self._row = self._row + 1 if may_pass(error) else 0
        if self._row and (isinstance(error, LedgerError) or self._is_down()):
            self._stop(error)

    def _is_down(self) -> bool:
        """Say whether the platform is down, and not only some of its versions damaged."""
        if self._row >= DOWN_AFTER:
            return True
        if self._row % SUSPECT_AFTER:
            return False
        try:
            next(iter(self._registry.versions(self._synced.uri)), None)
        except PlatformError:
            return True
        return False

    def _stop(self, error: Exception) -> None:
        if self._synced.stopped is None and isinstance(error, WeightmarkError):
            self._synced.stopped = error
            self._pace.stopped.set()

    def _told(self) -> None:
        if self._tell is not None:
            self._tell(self._synced)

    def _tasks(self) -> Iterator[_Task]:
        """Give what is to be registered, and what is registered and lacks its tags."""
        for page in self._pages():
            self._resources.catch_up()
            linked = self._resources.index.linked([listed.uri for listed, _ in page])
            for listed, is_new in page:
                if (key := hash(listed.uri)) in self._handed:
                    continue  # the list was begun anew
                known = listed.uri in linked
                self._synced.present += known and is_new
                if not known or (self._tags and Tag.RECEIPT.value not in listed.tags):
                    self._handed.add(key)
                    yield _Task(_event(listed, self._registry.name), known)
            self._told()

    def _pages(self) -> Iterator[list[tuple[ListedVersion, bool]]]:
        """Gather what is listed into pages, so that the index is not asked for each version alone."""
        page: list[tuple[ListedVersion, bool]] = []
        until = 0.0
        for listed in self._listing():
            until = until if page else time.monotonic() + PAGE_SECONDS
            page.append(listed)
            if len(page) >= PAGE or time.monotonic() > until:
                yield page
                page = []
        if page:
            yield page

    def _listing(self) -> Iterator[tuple[ListedVersion, bool]]:
        """List; a list that breaks off is begun anew. Say of each version whether it is new."""
        attempt = 0
        while True:
            position = 0
            try:
                for listed in self._registry.versions(self._synced.uri):
                    position += 1
                    is_new = position > self._listed
                    if is_new:
                        self._listed, attempt = position, 0
                    yield listed, is_new
            except PlatformError as error:
                attempt += 1
                if not error.retryable or attempt >= ATTEMPTS or self._pace.stopped.is_set():
                    raise
                self._pace.stopped.wait(self._pace.delay(error, attempt))
            else:
                return


def _event(listed: ListedVersion, platform: str) -> ModelEvent:
    return ModelEvent(
        kind=EventKind.REGISTER,
        uri=listed.uri,
        name=listed.name,
        version=listed.version,
        context={"platform": platform, "delivered": "sync"},
    )
