"""What a process remembers of its runs: what they used, and which versions wait for their number."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

from weightmark.workspace import Outcome
from weightmark_adapters.wandb.lineage import name_exactly

MAX_WAITING: Final = 10_000
"""So many versions may wait for their number; the oldest are left to `weightmark sync`."""


@dataclass(slots=True, kw_only=True)
class Logging:
    """One call that logs.

    Attributes:
        run: the run.
        artifact: what is logged; None until it is known.
    """

    run: Any
    artifact: Any = None


class Memory:
    """What the hook saw. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[str, dict[tuple[str, str], None]] = {}
        self._waiting: dict[int, tuple[Any, Outcome, str]] = {}
        self._seen: WeakKeyDictionary[Any, None] = WeakKeyDictionary()
        self._logging: ContextVar[Logging | None] = ContextVar("weightmark-wandb-logging", default=None)

    @contextmanager
    def logging_to(self, run: Any) -> Generator[Logging, None, None]:
        """Remember which run logs, in this thread."""
        call = Logging(run=run)
        token = self._logging.set(call)
        try:
            yield call
        finally:
            self._logging.reset(token)

    def note(self, artifact: Any, fallback: Any) -> Any:
        """Note what is being logged, and give the run that logs it."""
        call = self._logging.get()
        if call is None:
            return fallback
        call.artifact = artifact
        return call.run

    def use(self, run: Any, artifact: Any) -> None:
        """Remember that a run used an artifact."""
        row = (str(artifact.type), name_exactly(artifact))
        with self._lock:
            self._used.setdefault(str(run.id), {})[row] = None

    def used(self, run: Any) -> list[tuple[str, str]]:
        """Give what a run used: types and URIs, in order."""
        if run is None:
            return []
        with self._lock:
            return list(self._used.get(str(run.id), ()))

    def see(self, artifact: Any) -> bool:
        """Say whether an artifact comes for the first time, and remember it."""
        with self._lock:
            first = artifact not in self._seen
            self._seen[artifact] = None
            return first

    def forget(self, artifact: Any) -> None:
        """Let an artifact that was refused come again as for the first time."""
        with self._lock:
            self._seen.pop(artifact, None)

    def await_number(self, artifact: Any, outcome: Outcome, run: Any) -> None:
        """Remember that an artifact was registered, but has no number yet."""
        with self._lock:
            if len(self._waiting) >= MAX_WAITING:
                self._waiting.pop(next(iter(self._waiting)))
            self._waiting[id(artifact)] = (artifact, outcome, str(getattr(run, "id", "")))

    def take(self, artifact: Any) -> Outcome | None:
        """Give what was registered of an artifact that waits, once."""
        with self._lock:
            found = self._waiting.pop(id(artifact), None)
            return found[1] if found else None

    def waiting(self, run: Any = None) -> list[Any]:
        """Give the artifacts that wait: of one run, or all."""
        wanted = None if run is None else str(run.id)
        with self._lock:
            return [artifact for artifact, _, of in self._waiting.values() if wanted in {None, of}]
