"""The port of commands that plugins add to the command line."""

from __future__ import annotations  # so that click is read only when a command is made

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import click


class Command(ABC):
    """One command, or group of commands, beside Weightmark's own. Made without arguments.

    ``weightmark --help`` shows ``name`` and ``line`` of every installed command, so the module of the class
    must be light: what the command itself needs is imported in ``make``.
    """

    name: ClassVar[str]
    """What is typed after ``weightmark``."""

    line: ClassVar[str]
    """What it does, in one line that ends with a full stop."""

    @abstractmethod
    def make(self) -> click.Command:
        """Give the command; every one of it has ``--json`` and the documented exit codes."""
