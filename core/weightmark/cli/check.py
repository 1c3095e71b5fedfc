"""``weightmark check``."""

import sys
from datetime import datetime

import click

from weightmark.cli.option import Moment, open_workspace
from weightmark.cli.output import bad, fails_clearly, good, json_option, print_json
from weightmark.encoding import format_time, printable
from weightmark.licensing import Action, Decision, Outcome

EXIT = {Outcome.ALLOWED: 0, Outcome.REFUSED: 4, Outcome.UNDECIDED: 5}


@click.command("check")
@click.argument("model")
@click.option(
    "--action",
    type=click.Choice([action.value for action in Action]),
    default=Action.DEPLOY.value,
    show_default=True,
    metavar="ACTION",
    help=f"What is to be done: {', '.join(Action)}.",
)
@click.option("--as", "party", default="", metavar="NAME", help="Who wants to do it; else your own party.")
@click.option(
    "--at", metavar="TIME", type=Moment(), help="When, in UTC (2027-01-31 or 2027-01-31T00:00:00Z); else now."
)
@json_option
@fails_clearly
def command(model: str, action: str, party: str, at: datetime | None, as_json: bool) -> None:
    """Ask whether the licences of MODEL, and of all it was derived from, allow an action.

    Exits with 0 when it is allowed, 4 when it is refused, 5 when it cannot be known.

    \b
    Example:
      weightmark check models:/churn/3 --action deploy --as acme
    """
    moment = None if at is None else format_time(at)
    with open_workspace() as workspace:
        decision = workspace.check(model, Action(action), party=party, at=moment)
        who = party or workspace.configuration.party.name
    if as_json:
        print_json(decision.to_json())
    else:
        show_decision(decision, f"{who} may {action} {model}", f"{who} may not {action} {model}")
    sys.exit(EXIT[decision.outcome])


def show_decision(decision: Decision, yes: str, no: str) -> None:
    """Write a decision: the verdict, every reason with its clause, the way out, the duties."""
    if decision.allowed:
        good(f"{yes} ({decision.code.value}).")
    else:
        unknown = "It cannot be known whether " if decision.outcome is Outcome.UNDECIDED else ""
        bad(f"{unknown}{yes if unknown else no} ({decision.code.value}).")
    for reason in decision.reasons:
        click.echo(printable(f"  {reason.message}" + (f"  [{reason.clause}]" if reason.clause else "")))
        if reason.hint:
            click.echo(f"    {click.style('hint:', fg='cyan')} {printable(reason.hint)}")
    for duty in decision.duties:
        click.echo(
            f"  {click.style('duty:', fg='yellow')} "
            + printable(duty.sentence + (f"  [{duty.clause}]" if duty.clause else ""))
        )
    if decision.until is not None:
        click.echo(f"  This holds until {decision.until:%Y-%m-%d %H:%M:%S} UTC.")
