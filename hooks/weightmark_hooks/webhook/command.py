"""``weightmark serve``: the receiver, and the pages of registered models."""

from __future__ import annotations  # so that click is read only when the command is made

from typing import TYPE_CHECKING, ClassVar

from weightmark.hookspecs import hookimpl
from weightmark.ports import Command

if TYPE_CHECKING:
    import click


class ServeCommand(Command):
    """Serves until it is stopped."""

    name: ClassVar[str] = "serve"
    line: ClassVar[str] = "Receive platforms' events, and show models as pages."

    def make(self) -> click.Command:
        """Give the command."""
        from weightmark_hooks.webhook.serving import command

        return command


@hookimpl
def weightmark_commands() -> list[type[Command]]:
    """Offer ``weightmark serve``."""
    return [ServeCommand]
