"""``weightmark hf``: what a person does with the Hub from the command line."""

from __future__ import annotations  # so that click is read only when the commands are made

from typing import TYPE_CHECKING, ClassVar

from weightmark.hookspecs import hookimpl
from weightmark.ports import Command

if TYPE_CHECKING:
    import click


class HubCommand(Command):
    """The group of all commands about the Hub."""

    name: ClassVar[str] = "hf"
    line: ClassVar[str] = "Push to the Hugging Face Hub, scan an organisation, guard git pushes."

    def make(self) -> click.Command:
        """Give the group."""
        from weightmark_hooks.huggingface.group import group

        return group


@hookimpl
def weightmark_commands() -> list[type[Command]]:
    """Offer it."""
    return [HubCommand]
