"""``weightmark grants seat``: who may use a grant by name."""

import click

from weightmark.cli.granting import NAME
from weightmark.cli.option import grant_argument, open_workspace, speaker_options
from weightmark.cli.output import fails_clearly, good, json_option, print_json
from weightmark.encoding import Json, printable
from weightmark.index import KnownGrant


@click.group("seat")
def seat() -> None:
    """Give the seats of a grant to people and machines, and free them.

    \b
    Example:
      weightmark grants seat list sha256:3b0c…
    """


@seat.command("add")
@grant_argument
@click.argument("holder", type=NAME)
@speaker_options
@json_option
@fails_clearly
def add(grant: str, holder: str, party: str | None, key: str | None, as_json: bool) -> None:
    """Give HOLDER one of the seats of GRANT. Its grantee or its licensor may.

    \b
    Example:
      weightmark grants seat add sha256:3b0c… ann@example.com --as acme
    """
    with open_workspace(party=party, key=key) as workspace:
        done = workspace.seat(workspace.name_grant(grant), holder)
        _show(done.known, f"{holder} has a seat.", as_json=as_json)


@seat.command("free")
@grant_argument
@click.argument("holder", type=NAME)
@speaker_options
@json_option
@fails_clearly
def free(grant: str, holder: str, party: str | None, key: str | None, as_json: bool) -> None:
    """Free the seat that HOLDER has under GRANT. Its grantee or its licensor may.

    \b
    Example:
      weightmark grants seat free sha256:3b0c… ann@example.com --as acme
    """
    with open_workspace(party=party, key=key) as workspace:
        done = workspace.seat(workspace.name_grant(grant), holder, freed=True)
        _show(done.known, f"{holder} has a seat no longer.", as_json=as_json)


@seat.command("list")
@grant_argument
@json_option
@fails_clearly
def list_seats(grant: str, as_json: bool) -> None:
    """List who has the seats of GRANT now.

    \b
    Example:
      weightmark grants seat list sha256:3b0c…
    """
    with open_workspace() as workspace:
        _show(workspace.find_grant(workspace.name_grant(grant)), "", as_json=as_json)


def _show(known: KnownGrant, done: str, *, as_json: bool) -> None:
    seats, holders = known.life.grant.seats, sorted(known.life.holders)
    if as_json:
        print_json({"grant": known.id, "seats": seats, "holders": list[Json](holders)})
        return
    if done:
        good(printable(done))
    if seats is None:
        click.echo("The grant is not bound to seats.")
        return
    click.echo(
        printable(f"{len(holders)} of {seats} seats are taken{': ' if holders else ''}{', '.join(holders)}.")
    )
