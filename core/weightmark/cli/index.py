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
def rebuild(as_json: bool) -> None:  # noqa: FBT001
    """Throw the index away and read the whole ledger again."""
    with open_workspace() as workspace:
        resources = workspace.resources
        count = resources.index.rebuild(resources.ledger, resources.trust)
    if as_json:
        print_json({"entries": count})
        return
    good(f"The index is made anew from {count} entries.")
