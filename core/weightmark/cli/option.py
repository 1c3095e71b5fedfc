"""Options that several commands share."""

import os
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import click

from weightmark.encoding import parse_time
from weightmark.errors import MalformedError, WeightmarkError
from weightmark.vocabulary import PASSPHRASE
from weightmark.workspace import Configuration, Workspace
from weightmark.workspace.grant_name import FEWEST_DIGITS, is_grant_name

F = TypeVar("F", bound=Callable[..., object])


def speaker_options(function: F) -> F:
    """Add ``--as`` and ``--key``: for whom the command speaks, and with which key."""
    for option in (
        click.option("--key", metavar="URI", help="The key that signs, such as file:openlab.pem."),
        click.option("--as", "party", metavar="NAME", help="Speak for this party."),
    ):
        function = option(function)
    return function


def grant_argument(function: F) -> F:
    """Add the argument GRANT: the id of a grant, or its first digits."""
    return click.argument("grant", type=GrantName())(function)


class GrantName(click.ParamType[str]):
    """The id of a grant, or its first digits; ``Workspace.name_grant`` makes the id of it."""

    name = "grant"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check its form; a wrong one is a usage error."""
        if not is_grant_name(value):
            self.fail(
                f"{value[:40]!r} is no grant's id, which is sha256: and 64 hex digits; "
                f"its first {FEWEST_DIGITS} or more will do.",
                param,
                ctx,
            )
        return value


class Moment(click.ParamType[datetime]):
    """A time in UTC, or a day, which stands for its first moment."""

    name = "time"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read it; a wrong one is a usage error."""
        if isinstance(value, datetime):
            return value
        try:
            return parse_time(value if "T" in value else f"{value}T00:00:00Z")
        except MalformedError:
            zone = "" if value.endswith("Z") or "T" not in value else " A time needs a Z at its end, for UTC."
            shown = f"{value[:40]!r} is neither a UTC time (2027-12-31T00:00:00Z) nor a day."
            self.fail(shown + zone, param, ctx)


def open_workspace(*, party: str | None = None, key: str | None = None) -> Workspace:
    """Open the workspace of the settings, the environment and the options."""
    overrides = {"party": party, "signer": key}
    configuration = Configuration.load(
        {name: value for name, value in overrides.items() if value is not None}
    )
    return Workspace(configuration, ask_secret=ask_secret)


def ask_secret(what: str) -> str:
    """Take a passphrase from the environment, or ask the person at the terminal.

    Raises:
        WeightmarkError: there is neither.
    """
    secret = os.environ.get(PASSPHRASE)
    if secret is not None:
        return secret
    if not sys.stdin.isatty():
        raise WeightmarkError(
            f"{what} is protected by a passphrase, and nobody is here to ask",
            hint="Set WEIGHTMARK_PASSPHRASE.",
        )
    answer: str = click.prompt(f"Passphrase for {what}", hide_input=True, err=True)
    return answer
