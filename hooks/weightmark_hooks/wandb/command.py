"""``weightmark wandb``."""

from __future__ import annotations  # so that click is read only when the command is made

from typing import TYPE_CHECKING, ClassVar

from weightmark.hookspecs import hookimpl
from weightmark.ports import Command

if TYPE_CHECKING:
    import click


class WandbCommand(Command):
    """Weights & Biases on the command line."""

    name: ClassVar[str] = "wandb"
    line: ClassVar[str] = "Check offline runs of Weights & Biases before they are synced."

    def make(self) -> click.Command:
        """Give the group ``check``."""
        from weightmark_hooks.wandb.command_line import group

        return group


@hookimpl
def weightmark_commands() -> list[type[Command]]:
    """Offer ``weightmark wandb``."""
    return [WandbCommand]
