"""``weightmark grant``."""

from typing import Any

import click

from weightmark.cli.granting import NAME, read_terms_options, terms_options
from weightmark.cli.option import GrantName, open_workspace, speaker_options
from weightmark.cli.output import fails_clearly, good, json_option, print_fields, print_json
from weightmark.encoding import Json
from weightmark.licensing import Grant
from weightmark.workspace.granting import state_of, waiting_of


@click.command("grant")
@click.argument("model")
@click.option("--to", "grantee", required=True, type=NAME, metavar="NAME", help="Who may.")
@click.option(
    "--for",
    "scope",
    required=True,
    metavar="WHAT",
    help="Actions, capabilities or a tier, with commas: deploy; fine-tune; inference; full.",
)
@terms_options
@click.option("--acceptance", is_flag=True, help="It takes effect only when the grantee accepts it.")
@click.option(
    "--approver",
    "approvers",
    multiple=True,
    type=NAME,
    metavar="NAME",
    help="Who may approve it; repeatable.",
)
@click.option("--threshold", type=click.IntRange(1), help="How many approvers must; else all of them.")
@click.option("--trial", is_flag=True, help="A trial; a grantee has one for each model.")
@click.option(
    "--under",
    "parent",
    metavar="GRANT",
    type=GrantName(),
    help="A grant of your own that this is a sublicence of.",
)
@speaker_options
@json_option
@fails_clearly
def command(
    model: str,
    grantee: str,
    scope: str,
    acceptance: bool,
    approvers: tuple[str, ...],
    threshold: int | None,
    trial: bool,
    parent: str | None,
    party: str | None,
    key: str | None,
    as_json: bool,
    **terms: Any,
) -> None:
    """Grant NAME the right to use MODEL. Only its owner may, or who may sublicense.

    The grant's id, which is printed, takes it back: `weightmark revoke ID`.
    `weightmark grants` shows and changes it.

    \b
    Example:
      weightmark grant ./model --to acme --for deploy --until 2027-12-31
    """
    fields: dict[str, Any] = read_terms_options(terms, scope)
    if fields.get("grace_days") and "end" not in fields:
        raise click.UsageError("--grace-days needs --until, the end after which they begin.")
    if threshold is not None and threshold > len(set(approvers)):
        raise click.UsageError(f"--threshold is {threshold}; name so many with --approver, or more.")
    with open_workspace(party=party, key=key) as workspace:
        registered, now = workspace.find(model), workspace.clock()
        fields.setdefault("start", now)
        try:
            granted = Grant(
                model=registered.bundle,
                licensor=workspace.configuration.party.name,
                grantee=grantee,
                acceptance=acceptance,
                approvers=approvers,
                threshold=len(set(approvers)) if threshold is None else threshold,
                trial=trial,
                parent="" if parent is None else workspace.name_grant(parent),
                **fields,
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        given = workspace.grant(registered, granted)
    identifier, waits = given.known.id, waiting_of(given.known)
    entry = given.recorded.receipt.index
    state = state_of(given.known.editions, now)
    if as_json:
        answer: dict[str, Json] = {"grant": identifier, "entry": entry, "state": state}
        print_json({**answer, "waits": list[Json](waits), "terms": granted.to_json()})
        return
    good(f"{registered.name} is granted to {grantee} for {scope}; the grant is {state} now.")
    until = None if granted.end is None else f"{granted.end:%Y-%m-%d %H:%M:%S} UTC"
    print_fields({"grant": identifier, "until": until, "waits": "; ".join(waits) or None, "entry": entry})
