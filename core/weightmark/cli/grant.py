"""``weightmark grant``."""

from datetime import datetime

import click

from weightmark.claims import GrantClaim
from weightmark.cli.option import Moment, open_workspace, speaker_options
from weightmark.cli.output import fails_clearly, good, json_option, print_fields, print_json
from weightmark.licensing import Grant, parse_scope


@click.command("grant")
@click.argument("model")
@click.option("--to", "grantee", required=True, metavar="NAME", help="Who may.")
@click.option(
    "--for",
    "scope",
    required=True,
    metavar="WHAT",
    help="Actions, capabilities or a tier, with commas: deploy; fine-tune; inference; full.",
)
@click.option("--from", "start", metavar="TIME", type=Moment(), help="From when, in UTC; else now.")
@click.option(
    "--until",
    "end",
    metavar="TIME",
    type=Moment(),
    help="Until when (2027-12-31 or 2027-12-31T00:00:00Z); else for ever.",
)
@click.option(
    "--grace-days", type=click.IntRange(0, 36525), default=0, help="Days after the end in which it holds."
)
@click.option(
    "--commercial/--non-commercial", default=True, show_default=True, help="Whether for commercial use."
)
@click.option("--price", default="", metavar="REFERENCE", help="An order or a price; carried, not enforced.")
@speaker_options
@json_option
@fails_clearly
def command(
    model: str,
    grantee: str,
    scope: str,
    start: datetime | None,
    end: datetime | None,
    grace_days: int,
    commercial: bool,
    price: str,
    party: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Grant NAME the right to use MODEL. Only its owner may.

    The grant's id, which is printed, takes it back: `weightmark revoke ID`.

    \b
    Example:
      weightmark grant ./model --to acme --for deploy --until 2027-12-31
    """
    with open_workspace(party=party, key=key) as workspace:
        registered, now = workspace.find(model), workspace.clock()
        try:
            granted = Grant(
                model=registered.bundle,
                licensor=workspace.configuration.party.name,
                grantee=grantee,
                capabilities=parse_scope(scope),
                commercial=commercial,
                start=start or now,
                end=end,
                grace_days=grace_days,
                price=price,
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        claim = GrantClaim(grant=granted, issued_at=now)
        recorded = workspace.record(registered, claim, owner_only="grant its use")
    identifier = recorded.statement.digest
    if as_json:
        print_json({"grant": identifier, "entry": recorded.receipt.index, "terms": granted.to_json()})
        return
    good(f"{grantee} may {scope} {registered.name}.")
    until = None if granted.end is None else f"{granted.end:%Y-%m-%d %H:%M:%S} UTC"
    print_fields({"grant": identifier, "until": until, "entry": recorded.receipt.index})
