"""A decision laid out as a compiler lays out an error: the rule, the clause, the way out."""

import click

from weightmark.cli.output import bad, good
from weightmark.encoding import format_time, printable
from weightmark.licensing import Decision, Outcome, Reason, ReasonCode


def hangs_on_commerce(decision: Decision) -> bool:
    """Say whether a licence or a grant refuses because the use is taken to be commercial."""
    codes = {reason.code for reason in decision.reasons}
    return bool(codes & {ReasonCode.GRANT_NON_COMMERCIAL, ReasonCode.NON_COMMERCIAL})


def show_decision(decision: Decision, yes: str, no: str, *notes: str) -> None:
    """Write a decision: the verdict, every reason with its clause, the way out, what is owed, what is left.

    Args:
        decision: what to write.
        yes: the sentence that is true when it is allowed.
        no: the sentence that is true when it is refused.
        notes: what else there is to say.
    """
    code = click.style(f"{decision.outcome.value}[{decision.code.value}]", bold=True)
    if decision.allowed:
        good(f"{code}: {printable(yes)}")
    else:
        unknown = decision.outcome is Outcome.UNDECIDED
        bad(f"{code}: {printable(f'it cannot be known whether {yes}' if unknown else no)}")
    for number, reason in enumerate(decision.reasons):
        _show_reason(reason, heading=number > 0 and reason.code is not decision.code)
    for duty in decision.duties:
        _say("duty", "yellow", duty.sentence + (f" [{duty.clause}]" if duty.clause else ""))
    for name, units in decision.left.items():
        _say("left", "green", f"{units} of {name}")
    for note in notes:
        _say("note", "blue", note)
    if decision.until is not None:
        _say("note", "blue", f"This holds until {format_time(decision.until)}.")


def _show_reason(reason: Reason, *, heading: bool) -> None:
    if heading:
        click.echo(f"  {click.style('also', fg='blue')}[{reason.code.value}]")
    if reason.clause:
        click.echo(f"  {click.style('-->', fg='blue')} {printable(reason.clause)}")
    click.echo(f"   {click.style('|', fg='blue')} {printable(reason.message)}")
    if reason.hint:
        _say("help", "cyan", reason.hint)


def _say(word: str, colour: str, text: str) -> None:
    click.echo(f"   = {click.style(f'{word}:', fg=colour)} {printable(text)}")
