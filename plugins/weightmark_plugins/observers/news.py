"""What is worth a message, and its words: refusals, and what a watch found to have changed."""

import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from weightmark.encoding import Json, printable
from weightmark.model.event import ModelEvent

LONGEST = 300
"""Characters of one line."""


class Rest:
    """Leaves a receiver that failed alone for a while, so that one that is down does not hold up every event.

    Args:
        seconds: how long.
    """

    def __init__(self, seconds: float = 60.0) -> None:
        self._seconds = seconds
        self._until = 0.0
        self._lock = threading.Lock()

    @property
    def is_over(self) -> bool:
        """Whether it may be tried."""
        with self._lock:
            return time.monotonic() >= self._until

    @contextmanager
    def trying(self) -> Generator[None, None, None]:
        """Begin to rest when what is done inside fails."""
        try:
            yield
        except Exception:
            with self._lock:
                self._until = time.monotonic() + self._seconds
            raise


def is_news(event: ModelEvent, outcome: Mapping[str, Json]) -> bool:
    """Say whether somebody should be told: a refusal, or what a watch found to have changed."""
    return outcome.get("allowed") is False or bool(event.context.get("watch"))


def headline(event: ModelEvent, outcome: Mapping[str, Json]) -> str:
    """Write it in one printable line, whatever a model is called."""
    if event.context.get("watch"):
        said = f"{event.uri} is {event.context.get('now', '')}"
    else:
        said = f"{event.kind.value} of {event.uri} was refused ({outcome.get('code', '')})"
    return shorten(said)


def details(event: ModelEvent, outcome: Mapping[str, Json]) -> list[str]:
    """Write what is known, a line each."""
    lines = [f"model: {event.name or 'without a name'}", f"version: {event.version or 'without one'}"]
    lines += [f"by: {event.actor}"] if event.actor else []
    lines += [f"before: {event.context['was']}"] if event.context.get("was") else []
    lines += [f"why: {outcome['detail']}"] if outcome.get("detail") else []
    reasons = outcome.get("reasons")
    for reason in reasons if isinstance(reasons, list) else ():
        if isinstance(reason, dict):
            lines.append(
                " ".join(str(reason.get(part) or "") for part in ("message", "clause", "hint")).strip()
            )
    return [shorten(line) for line in lines]


def shorten(text: str) -> str:
    """Make a text one printable line of bounded length."""
    text = printable(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
