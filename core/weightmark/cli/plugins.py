"""``weightmark plugins``."""

import click

from weightmark.cli.output import bad, fails_clearly, json_option, print_json, print_table
from weightmark.discovery import Plugins
from weightmark.encoding import Json


@click.command("plugins")
@json_option
@fails_clearly
def command(as_json: bool) -> None:
    """Show what is installed, and what is broken.

    WEIGHTMARK_SAFE_MODE=1 leaves out every plugin but our own.

    \b
    Example:
      weightmark plugins
    """
    plugins = Plugins()
    rows = [list(row) for row in plugins.listing()]
    broken = {name: f"{type(error).__name__}: {error}" for name, error in plugins.broken.items()}
    if as_json:
        listed: list[Json] = [{"kind": kind, "name": name, "class": place} for kind, name, place in rows]
        print_json({"plugins": listed, "broken": dict(broken)})
        return
    print_table(("kind", "name", "class"), rows)
    for name, reason in broken.items():
        bad(f"{name} was set aside: {reason}")
