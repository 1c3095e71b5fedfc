"""``weightmark index``."""

import click

from weightmark.cli.option import open_workspace
from weightmark.cli.output import fails_clearly, good, json_option, print_json


@click.group("index")
def command() -> None:
    """Make the index anew from the ledger.

    \b
    Example:
      weightmark index rebuild
    """


@command.command("rebuild")
@json_option
@fails_clearly
def rebuild(as_json: bool) -> None:
    """Throw the index away and read the whole ledger again.

    \b
    Example:
      weightmark index rebuild
    """
    with open_workspace() as workspace:
        count = workspace.resources.rebuild_index()
    if as_json:
        print_json({"entries": count})
        return
    good(f"The index is made anew from {count} entries.")
