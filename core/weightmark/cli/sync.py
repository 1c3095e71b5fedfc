"""``weightmark sync``."""

import click

from weightmark.cli.output import fails_clearly, json_option


@click.command("sync")
@json_option
@fails_clearly
def command(as_json: bool) -> None:
    """To be written.

    \b
    Example:
      weightmark sync
    """
    del as_json
