"""``weightmark check``."""

import sys
from datetime import datetime

import click

from weightmark.cli.amount import Amount
from weightmark.cli.explaining import hangs_on_commerce, show_decision
from weightmark.cli.option import Moment, open_workspace
from weightmark.cli.output import fails_clearly, json_option, print_json
from weightmark.encoding import format_time
from weightmark.licensing import Action, Decision, Outcome
from weightmark.vocabulary import EventKind
from weightmark.workspace.gate_mode import describe_mode

EXIT = {Outcome.ALLOWED: 0, Outcome.REFUSED: 4, Outcome.UNDECIDED: 5}
_KINDS = {Action(kind.value): kind for kind in EventKind}


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
@click.option("--purpose", default="", metavar="NAME", help="What it is for, such as research.")
@click.option("--seat", default="", metavar="NAME", help="The person or the machine that acts.")
@click.option(
    "--amount",
    "amounts",
    type=Amount(),
    multiple=True,
    help="Units that it takes, such as tokens=500; one of each that is not named. May be repeated.",
)
@click.option(
    "--commercial/--non-commercial",
    default=None,
    help="Whether it is for commercial use; else as your settings say of you, and commercial for others.",
)
@click.option(
    "--at", metavar="TIME", type=Moment(), help="When, in UTC (2027-01-31 or 2027-01-31T00:00:00Z); else now."
)
@json_option
@fails_clearly
def command(
    model: str,
    action: str,
    party: str,
    purpose: str,
    seat: str,
    amounts: tuple[tuple[str, int], ...],
    commercial: bool | None,
    at: datetime | None,
    as_json: bool,
) -> None:
    """Ask whether the licences of MODEL, and of all it was derived from, allow an action.

    Exits with 0 when it is allowed, 4 when it is refused, 5 when it cannot be known.

    \b
    Example:
      weightmark check models:/churn/3 --action deploy --as acme
      weightmark check churn --action infer --purpose research --amount tokens=500
    """
    moment = None if at is None else format_time(at)
    amount = dict(amounts)
    if len(amount) < len(amounts):
        raise click.UsageError("--amount names something twice; give each name once.")
    with open_workspace() as workspace:
        asked = Action(action)
        decision = workspace.check(
            model,
            asked,
            party=party,
            at=moment,
            purpose=purpose,
            seat=seat,
            amount=amount,
            commercial=commercial,
        )
        who, gates = party or workspace.configuration.party.name, workspace.configuration.gates
    if as_json:
        print_json(decision.to_json())
    else:
        undecided = decision.outcome is Outcome.UNDECIDED and asked in _KINDS
        notes = [describe_mode(gates[_KINDS[asked]], _KINDS[asked])] if undecided else []
        notes += _remarks(decision, who, amount, commercial)
        show_decision(decision, f"{who} may {action} {model}", f"{who} may not {action} {model}", *notes)
    sys.exit(EXIT[decision.outcome])


def _remarks(decision: Decision, who: str, amount: dict[str, int], commercial: bool | None) -> list[str]:
    """Say what the question itself may have lacked: how commercial it is, a name that nothing counts."""
    found = [
        f"{name} is not counted here; what is: {', '.join(sorted(decision.left))}."
        for name in amount
        if decision.left and name not in decision.left
    ]
    if commercial is None and hangs_on_commerce(decision):
        found.append(f"{who} is taken to act commercially; ask with --non-commercial if not.")
    return found
