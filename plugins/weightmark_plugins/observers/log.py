"""Writes every event to Python's logging."""

import logging
from collections.abc import Mapping

from weightmark.encoding import Json
from weightmark.hookspecs import hookimpl
from weightmark.model.event import ModelEvent
from weightmark.ports import Observer

_log = logging.getLogger("weightmark.events")


class LogObserver(Observer):
    """One line for each event, at level INFO; refusals at WARNING."""

    name = "log"

    def notice(self, event: ModelEvent, outcome: Mapping[str, Json]) -> None:
        """Write the line."""
        allowed = outcome.get("allowed") is not False
        level = logging.INFO if allowed else logging.WARNING
        verdict = "allowed" if allowed else "refused"
        _log.log(level, "%s %s: %s (%s)", event.kind.value, event.uri, verdict, outcome.get("code", ""))


@hookimpl
def weightmark_observers() -> list[type[Observer]]:
    """Offer the log observer."""
    return [LogObserver]
