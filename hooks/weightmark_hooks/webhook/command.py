"""The command line's part of this package."""

from weightmark.hookspecs import hookimpl
from weightmark.ports import Command


@hookimpl
def weightmark_commands() -> list[type[Command]]:
    """Offer it."""
    return []
