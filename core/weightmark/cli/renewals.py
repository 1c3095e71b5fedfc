"""``weightmark renewals``."""

import sys
from datetime import timedelta

import click

from weightmark.cli.checked import checked
from weightmark.cli.option import open_workspace, speaker_options
from weightmark.cli.output import (
    EXIT_UNDECIDED,
    bad,
    fails_clearly,
    good,
    json_option,
    print_error,
    print_fields,
    print_json,
    print_table,
)
from weightmark.cli.span import Span
from weightmark.encoding import Json, format_time
from weightmark.licensing.renewal_state import LEAD_DAYS, RETRY_DAYS, RenewalState
from weightmark.licensing.window import Phase
from weightmark.ports import PaymentState
from weightmark.workspace import Workspace
from weightmark.workspace.grant_name import is_grant_name
from weightmark.workspace.renewing.expiring import Expiring, expiring
from weightmark.workspace.renewing.renewable import Act, Schedule
from weightmark.workspace.renewing.renewal_file import RenewalEntry
from weightmark.workspace.renewing.renewing import DEFAULT_PROVIDER, Renewals, RenewalStep

_WRONG = (RenewalState.FAILED, RenewalState.GIVEN_UP, RenewalState.OWED_BACK)


class Days(click.ParamType[tuple[int, ...]]):
    """Numbers of days, with commas."""

    name = "days"

    def convert(
        self, value: str | tuple[int, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Read them; wrong ones are a usage error."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in value.split(",")] if value else []
        if not all(part.isdecimal() for part in parts):
            self.fail(f"{value[:40]!r} are no numbers of days, such as 1,3,5.", param, ctx)
        return tuple(map(int, parts))


@click.group("renewals")
def command() -> None:
    """Renew grants that end soon: charge, record what was paid, say what ends.

    \b
    Example:
      weightmark renewals list
      weightmark renewals run
    """


@command.command("run")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option(
    "--lead-days",
    type=click.IntRange(0, 3660),
    default=LEAD_DAYS,
    show_default=True,
    help="Charge so many days before the end.",
)
@click.option(
    "--retry-days",
    type=Days(),
    default=",".join(map(str, RETRY_DAYS)),
    show_default=True,
    metavar="DAYS",
    help="Charge again so many days after each failure.",
)
@click.option(
    "--provider",
    default=DEFAULT_PROVIDER,
    show_default=True,
    metavar="NAME",
    help="Who takes the money: a provider's name or URI.",
)
@speaker_options
@json_option
@fails_clearly
def run(
    dry_run: bool,
    lead_days: int,
    retry_days: tuple[int, ...],
    provider: str,
    party: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Charge for grants that end soon, ask about what is not known, record what was paid.

    Run it every hour, from one place. No period is charged twice, whatever happens. It ends with 5 when a
    provider or the ledger could not be reached, or it is not known whether somebody paid.

    \b
    Example:
      weightmark renewals run --dry-run
    """
    schedule = checked(lambda: Schedule(lead_days=lead_days, retry_days=retry_days))
    with open_workspace(party=party, key=key) as workspace:
        renewals = Renewals(workspace.resources, workspace.clock, provider=provider, schedule=schedule)
        done = renewals.run(dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, "renewals": [each.to_json() for each in done]})
    else:
        _show_run(done, dry_run=dry_run)
    unknown = any(each.entry.state is RenewalState.UNKNOWN for each in done)
    if not dry_run and (unknown or any(each.trouble is not None for each in done)):
        sys.exit(EXIT_UNDECIDED)


@command.command("list")
@click.option(
    "--within", type=Span(), default="30d", show_default=True, metavar="SPAN", help="How soon grants end."
)
@json_option
@fails_clearly
def list_(within: timedelta, as_json: bool) -> None:
    """List grants that end soon or are in grace, with the days left, and every renewal.

    \b
    Example:
      weightmark renewals list --within 14d
    """
    with open_workspace() as workspace:
        ending = expiring(workspace.resources, within, workspace.clock())
        entries = Renewals(workspace.resources, workspace.clock).listing()
    if as_json:
        print_json(
            {
                "expiring": [each.to_json() for each in ending],
                "renewals": [entry.to_json() for entry in entries],
            }
        )
        return
    if ending:
        print_table(
            ("grant", "model", "to", "ends", "days left", "renews itself"),
            [_ending_row(each) for each in ending],
        )
    else:
        good("No grant ends so soon.")
    if entries:
        print_table(("renewal", "amount", "state", "tried", "why"), [_entry_row(entry) for entry in entries])


@command.command("show")
@click.argument("renewal")
@json_option
@fails_clearly
def show(renewal: str, as_json: bool) -> None:
    """Show one renewal: RENEWAL is its key, or a grant's id for the newest of that grant.

    \b
    Example:
      weightmark renewals show sha256:3b0c…
    """
    with open_workspace() as workspace:
        entry = Renewals(workspace.resources, workspace.clock).find(_key(workspace, renewal))
    _show_entry(entry, as_json=as_json)


@command.command("paid")
@click.argument("renewal")
@json_option
@fails_clearly
def paid(renewal: str, as_json: bool) -> None:
    """Say that the invoice of RENEWAL was paid; the next run records the renewal.

    Only for a provider that cannot know, such as `manual`.

    \b
    Example:
      weightmark renewals paid sha256:3b0c…@2027-01-01T00:00:00Z
    """
    _decide(renewal, PaymentState.PAID, as_json=as_json)


@command.command("unpaid")
@click.argument("renewal")
@json_option
@fails_clearly
def unpaid(renewal: str, as_json: bool) -> None:
    """Say that the invoice of RENEWAL was refused; it is charged again by the schedule.

    \b
    Example:
      weightmark renewals unpaid sha256:3b0c…@2027-01-01T00:00:00Z
    """
    _decide(renewal, PaymentState.FAILED, as_json=as_json)


def _key(workspace: Workspace, renewal: str) -> str:
    """Give a renewal's key, or the id of the grant that the text names."""
    grant, at, ends = renewal.partition("@")
    return f"{workspace.name_grant(grant)}{at}{ends}" if is_grant_name(grant) else renewal


def _decide(renewal: str, state: PaymentState, *, as_json: bool) -> None:
    with open_workspace() as workspace:
        entry = Renewals(workspace.resources, workspace.clock).decide(_key(workspace, renewal), state)
    if as_json:
        print_json({**entry.to_json(), "payment": state.value})
        return
    good(f"{entry.key}: {state.value}. `weightmark renewals run` goes on from there.")


def _show_run(done: list[RenewalStep], *, dry_run: bool) -> None:
    for each in done:
        entry = each.entry
        price = f"{entry.amount} {entry.currency}" if entry.amount else "free"
        if dry_run:
            click.echo(f"{entry.key}: {entry.state.value}, {price}; next: {each.next.value}")
            continue
        line = f"{entry.key}: {entry.state.value}, {price}{f' ({entry.note})' if entry.note else ''}"
        (bad if entry.state in _WRONG or each.trouble is not None else good)(line)
        if each.trouble is not None:
            print_error(each.trouble.message, hint=each.trouble.hint)
    waiting = sum(each.next is not Act.WAIT for each in done) if dry_run else len(done)
    good(f"{waiting} renewals {'have something to be done' if dry_run else 'worked on'}.")


def _show_entry(entry: RenewalEntry, *, as_json: bool) -> None:
    if as_json:
        print_json(entry.to_json())
        return
    shown: dict[str, Json] = {**entry.to_json(), "ends": format_time(entry.ends), "note": entry.note or None}
    print_fields(shown)


def _ending_row(each: Expiring) -> list[str]:
    left = f"{each.days_left} of grace" if each.phase is Phase.GRACE else str(each.days_left)
    return [each.grant, each.model, each.grantee, format_time(each.end), left, "yes" if each.renews else "no"]


def _entry_row(entry: RenewalEntry) -> list[str]:
    price = f"{entry.amount} {entry.currency}" if entry.amount else "free"
    return [entry.key, price, entry.state.value, str(entry.attempts), entry.note]
