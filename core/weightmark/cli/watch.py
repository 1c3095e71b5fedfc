"""``weightmark watch``."""

import click

from weightmark.cli.output import fails_clearly, json_option


@click.command("watch")
@json_option
@fails_clearly
def command(as_json: bool) -> None:
    """To be written.

    \b
    Example:
      weightmark watch
    """
    del as_json
