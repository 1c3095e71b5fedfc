"""The port of what is told, and can stop nothing."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from weightmark.encoding.canonical import Json
from weightmark.model.event import ModelEvent


class Observer(ABC):
    """Is told of every event that was handled. What it raises is logged with its name and goes no further."""

    name: ClassVar[str]

    @abstractmethod
    def notice(self, event: ModelEvent, outcome: Mapping[str, Json]) -> None:
        """Take note.

        Args:
            event: what happened.
            outcome: what was made of it, in the words of the command line's ``--json``.
        """
