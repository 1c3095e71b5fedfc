"""``weightmark kfp``."""

from __future__ import annotations  # so that click is read only when the command is made

from typing import TYPE_CHECKING, ClassVar

from weightmark.hookspecs import hookimpl
from weightmark.ports import Command

if TYPE_CHECKING:
    import click


class KfpCommand(Command):
    """Kubeflow Pipelines on the command line."""

    name: ClassVar[str] = "kfp"
    line: ClassVar[str] = "Check and compile Kubeflow pipelines."

    def make(self) -> click.Command:
        """Give the group ``lint`` and ``components``."""
        from weightmark_hooks.kubeflow.command_line import group

        return group


@hookimpl
def weightmark_commands() -> list[type[Command]]:
    """Offer ``weightmark kfp``."""
    return [KfpCommand]
