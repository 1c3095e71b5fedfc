"""``weightmark usage show | record | reserve | settle | release``."""

from datetime import datetime, timedelta

import click

from weightmark.cli.amount import Amount
from weightmark.cli.checked import checked
from weightmark.cli.option import Moment, open_workspace
from weightmark.cli.output import fails_clearly, good, json_option, print_json, print_table
from weightmark.cli.span import Span
from weightmark.encoding import Json
from weightmark.errors import UnknownGrantError
from weightmark.workspace import Workspace
from weightmark.workspace.grant_name import is_grant_name
from weightmark.workspace.metering.meter import Meter
from weightmark.workspace.metering.usage import Balance, Counted, Reserved
from weightmark.workspace.renewing.renewable import known_grants

key_option = click.option("--key", required=True, metavar="TEXT", help="Names it; the same key counts once.")


@click.command("show")
@click.argument("grant", required=False)
@json_option
@fails_clearly
def show(grant: str | None, as_json: bool) -> None:
    """Show what is used, reserved and left of GRANT, or of every grant to or from us.

    Reservations that lapsed count in full until they are settled; they are listed.

    \b
    Example:
      weightmark usage show sha256:3b0c…
    """
    with open_workspace() as workspace:
        meter = Meter(workspace.resources, workspace.clock)
        subjects = _ours(workspace) if grant is None else [_subject(workspace, grant)]
        found = [(subject, meter.balances(subject)) for subject in subjects]
        reserved = meter.reservations("" if grant is None else subjects[0])
    if as_json:
        grants: list[Json] = [
            {"grant": subject, "entitlements": [balance.to_json() for balance in balances]}
            for subject, balances in found
        ]
        print_json({"grants": grants, "reservations": [each.to_json() for each in reserved]})
        return
    rows = [_row(subject, balance) for subject, balances in found for balance in balances]
    if not rows:
        click.echo("Nothing is counted: no grant has limits.")
    else:
        print_table(("grant", "name", "unit", "used", "reserved", "limit", "overage", "left"), rows)
    if reserved:
        print_table(
            ("reserved", "key", "units", "until", "state", "why"), [_reserved_row(each) for each in reserved]
        )


@click.command("record")
@click.argument("grant")
@click.argument("name")
@click.argument("units", type=int)
@key_option
@click.option("--at", metavar="TIME", type=Moment(), help="When it was, in UTC; else now.")
@click.option("--happened", is_flag=True, help="Count it also beyond the limit or the grant's end.")
@json_option
@fails_clearly
def record(
    grant: str, name: str, units: int, key: str, at: datetime | None, happened: bool, as_json: bool
) -> None:
    """Count UNITS of NAME under GRANT, once for each key.

    It is refused, and nothing is counted, when the grant does not hold or has not that much left.

    \b
    Example:
      weightmark usage record sha256:3b0c… inferences 5 --key request-17
    """
    with open_workspace() as workspace:
        meter = Meter(workspace.resources, workspace.clock)
        count = meter.note if happened else meter.use
        counted = checked(lambda: count(_subject(workspace, grant), name, units, key=key, at=at))
    _print_counted([counted], as_json=as_json)


@click.command("reserve")
@click.argument("grant")
@click.argument("units", nargs=-1, required=True, type=Amount(), metavar="NAME=UNITS...")
@key_option
@click.option(
    "--lasts", type=Span(), default="1d", show_default=True, metavar="SPAN", help="Lapses then: 30m, 8h, 2d."
)
@json_option
@fails_clearly
def reserve(
    grant: str, units: tuple[tuple[str, int], ...], key: str, lasts: timedelta, as_json: bool
) -> None:
    """Hold units of GRANT for a long job; the same key again holds them longer.

    What lapses counts in full until it is settled.

    \b
    Example:
      weightmark usage reserve sha256:3b0c… tokens=7200 --key job-9 --lasts 4h
    """
    with open_workspace() as workspace:
        meter = Meter(workspace.resources, workspace.clock)
        subject = _subject(workspace, grant)
        reserved = checked(lambda: meter.reserve(subject, dict(units), key=key, lasts=lasts)).reserved
    if as_json:
        print_json(reserved.to_json())
        return
    good(f"{_units(reserved.units)} held until {reserved.until:%Y-%m-%d %H:%M:%S} UTC.")


@click.command("settle")
@click.argument("grant")
@click.argument("units", nargs=-1, type=Amount(), metavar="[NAME=UNITS...]")
@click.option("--key", required=True, metavar="TEXT", help="The reservation's key.")
@json_option
@fails_clearly
def settle(grant: str, units: tuple[tuple[str, int], ...], key: str, as_json: bool) -> None:
    """Count what a job came to, and let go of the rest; what is not named came to what was held.

    \b
    Example:
      weightmark usage settle sha256:3b0c… compute-seconds=5120 --key job-9
    """
    with open_workspace() as workspace:
        meter = Meter(workspace.resources, workspace.clock)
        reservation = meter.reservation(_subject(workspace, grant), key)
        counted = checked(lambda: reservation.settle(dict(units)))
    _print_counted(counted, as_json=as_json)


@click.command("release")
@click.argument("grant")
@click.option("--key", required=True, metavar="TEXT", help="The reservation's key.")
@json_option
@fails_clearly
def release(grant: str, key: str, as_json: bool) -> None:
    """Let go of all that was held: the job used nothing.

    \b
    Example:
      weightmark usage release sha256:3b0c… --key job-9
    """
    with open_workspace() as workspace:
        reservation = Meter(workspace.resources, workspace.clock).reservation(_subject(workspace, grant), key)
        reservation.release()
    if as_json:
        print_json(reservation.reserved.to_json())
        return
    good(f"{_units(reservation.reserved.units)} let go.")


def _subject(workspace: Workspace, grant: str) -> str:
    """Give what a use is counted under; a model's name stands for its files."""
    if is_grant_name(grant):
        try:
            return workspace.name_grant(grant)
        except UnknownGrantError:
            if workspace.resources.index.find(grant) is None:
                raise
    return workspace.find(grant).bundle


def _ours(workspace: Workspace) -> list[str]:
    """Name every grant to or from us that has limits."""
    workspace.resources.catch_up()
    party = workspace.configuration.party.name
    return [
        known.id
        for known in known_grants(workspace.resources)
        if known.life.grant.bounds and party in (known.licensor, known.life.grant.grantee)
    ]


def _print_counted(counted: list[Counted], *, as_json: bool) -> None:
    if as_json:
        print_json({"counted": [each.to_json() for each in counted]})
        return
    for each in counted:
        was = "was counted before" if each.repeated else "counted"
        left = "" if each.left is None else f", {max(0, each.left)} left"
        over = f", {each.over} of them beyond the limit" if each.over else ""
        good(f"{each.units} {each.name} {was}: {each.used} used{over}{left}.")


def _row(subject: str, balance: Balance) -> list[str]:
    entitlement = balance.entitlement
    numbers = (balance.used, balance.reserved, entitlement.limit, entitlement.overage, balance.left)
    return [subject, entitlement.name, entitlement.unit, *map(str, numbers)]


def _reserved_row(each: Reserved) -> list[str]:
    until = f"{each.until:%Y-%m-%d %H:%M:%S}"
    return [each.subject, each.key, _units(each.units), until, each.state.value, each.reason]


def _units(units: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(units.items()))
