"""A group whose commands are read one by one: when they are called, or asked for help."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from weightmark.ports import Command


class LazyGroup(click.Group):
    """A group that knows each command by its place and its one line for ``--help``.

    Args:
        table: by name the module under ``weightmark.cli``, with ``:attribute`` when the command is not called
            ``command`` there; and the line.
        settings: as for a ``click.Group``.
    """

    def __init__(self, *, table: Mapping[str, tuple[str, str]], **settings: Any) -> None:
        super().__init__(**settings)
        self.table = table

    def added(self) -> Mapping[str, type[Command]]:
        """Give the commands that plugins add; a group of our own has none."""
        return {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names in the order of the table, then those that plugins add."""
        del ctx
        return [*self.table, *self.added()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Read the module of one command."""
        del ctx
        if cmd_name not in self.table:
            added = self.added().get(cmd_name)
            return None if added is None else added().make()
        module, _, attribute = self.table[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f"weightmark.cli.{module}"), attribute or "command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands from its lines, without reading any module."""
        del ctx
        rows = [(name, line) for name, (_, line) in self.table.items()]
        added = [(name, cls.line) for name, cls in self.added().items()]
        with formatter.section("Commands"):
            formatter.write_dl([*rows, *added])
