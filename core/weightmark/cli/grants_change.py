"""``weightmark grants accept | approve | amend | suspend | reinstate | renew | transfer``."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import click

from weightmark.cli.granting import CAUSE, NAME, read_terms_options, terms_options
from weightmark.cli.option import Moment, grant_argument, open_workspace, speaker_options
from weightmark.cli.output import fails_clearly, good, json_option, print_json
from weightmark.encoding import Json, format_time, is_digest
from weightmark.errors import NotEntitledError
from weightmark.workspace import GrantRecord, Workspace
from weightmark.workspace.granting import state_of, waiting_of

_CAUSE = click.option(
    "--cause", required=True, type=CAUSE, metavar="TEXT", help="Why; it stands in the ledger for all to read."
)
_CHANGE = click.option(
    "--change", "target", metavar="STATEMENT", help="A proposed change, as `grants show` names it."
)


@click.command("accept")
@grant_argument
@_CHANGE
@speaker_options
@json_option
@fails_clearly
def accept(grant: str, target: str | None, party: str | None, key: str | None, as_json: bool) -> None:
    """Accept GRANT as its grantee, or agree to a change of it.

    \b
    Example:
      weightmark grants accept sha256:3b0c… --as acme
    """
    with open_workspace(party=party, key=key) as workspace:
        _tell(workspace, _consent(workspace, grant, target), "agreed to", as_json=as_json)


@click.command("approve")
@grant_argument
@_CHANGE
@speaker_options
@json_option
@fails_clearly
def approve(grant: str, target: str | None, party: str | None, key: str | None, as_json: bool) -> None:
    """Approve GRANT, or a change of it, as one of its approvers.

    \b
    Example:
      weightmark grants approve sha256:3b0c… --as bob
    """
    with open_workspace(party=party, key=key) as workspace:
        known, name = workspace.find_grant(workspace.name_grant(grant)), workspace.configuration.party.name
        approvers = known.life.grant.approvers
        if name not in approvers:
            raise NotEntitledError(
                f"{name} is none of the grant's approvers ({', '.join(approvers) or 'it has none'})",
                hint="Speak as one of them: --as NAME; its grantee accepts it: `weightmark grants accept`.",
            )
        _tell(workspace, _consent(workspace, grant, target), "approved", as_json=as_json)


@click.command("amend")
@grant_argument
@click.option("--for", "scope", metavar="WHAT", help="Actions, capabilities or a tier, with commas.")
@terms_options
@speaker_options
@json_option
@fails_clearly
def amend(
    grant: str, scope: str | None, party: str | None, key: str | None, as_json: bool, **terms: Any
) -> None:
    """Change GRANT: what is not named stays. Licensor and grantee must both agree.

    One proposes; the other agrees with `weightmark grants accept GRANT --change
    STATEMENT`. Then the change takes effect; what was before stays in the ledger.

    \b
    Example:
      weightmark grants amend sha256:3b0c… --until 2028-12-31
    """
    fields = read_terms_options(terms, scope)
    if not fields:
        raise click.UsageError("Name what is to be changed, such as --until or --seats.")
    with open_workspace(party=party, key=key) as workspace:
        known = workspace.find_grant(workspace.name_grant(grant))
        try:
            amended = replace(known.life.grant, **fields)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        _tell(workspace, workspace.amend(known.id, amended), "changed", as_json=as_json)


@click.command("suspend")
@grant_argument
@_CAUSE
@speaker_options
@json_option
@fails_clearly
def suspend(grant: str, cause: str, party: str | None, key: str | None, as_json: bool) -> None:
    """Take GRANT out of effect until it is reinstated. Only its licensor may.

    \b
    Example:
      weightmark grants suspend sha256:3b0c… --cause "an audit is under way"
    """
    with open_workspace(party=party, key=key) as workspace:
        _tell(workspace, workspace.suspend(workspace.name_grant(grant), cause), "suspended", as_json=as_json)


@click.command("reinstate")
@grant_argument
@_CAUSE
@speaker_options
@json_option
@fails_clearly
def reinstate(grant: str, cause: str, party: str | None, key: str | None, as_json: bool) -> None:
    """Put the suspended GRANT into effect again. Only its licensor may.

    \b
    Example:
      weightmark grants reinstate sha256:3b0c… --cause "the audit found nothing"
    """
    with open_workspace(party=party, key=key) as workspace:
        done = workspace.reinstate(workspace.name_grant(grant), cause)
        _tell(workspace, done, "reinstated", as_json=as_json)


@click.command("renew")
@grant_argument
@click.option(
    "--until", "end", required=True, metavar="TIME", type=Moment(), help="The new end, in UTC; a later one."
)
@click.option("--payment", default="", metavar="REFERENCE", help="A reference to the payment.")
@speaker_options
@json_option
@fails_clearly
def renew(grant: str, end: datetime, payment: str, party: str | None, key: str | None, as_json: bool) -> None:
    """Move the end of GRANT. Only its licensor may.

    \b
    Example:
      weightmark grants renew sha256:3b0c… --until 2028-12-31 --payment "order 18"
    """
    with open_workspace(party=party, key=key) as workspace:
        done = workspace.renew(workspace.name_grant(grant), end, payment=payment)
        _tell(workspace, done, f"renewed until {format_time(end)}", as_json=as_json)


@click.command("transfer")
@grant_argument
@click.option("--to", "grantee", required=True, type=NAME, metavar="NAME", help="Who holds it from now on.")
@speaker_options
@json_option
@fails_clearly
def transfer(grant: str, grantee: str, party: str | None, key: str | None, as_json: bool) -> None:
    """Hand GRANT over to somebody else; its seats become free.

    Its grantee may when it is transferable; else its licensor must agree.

    \b
    Example:
      weightmark grants transfer sha256:3b0c… --to acme-labs --as acme
    """
    with open_workspace(party=party, key=key) as workspace:
        done = workspace.assign(workspace.name_grant(grant), grantee)
        _tell(workspace, done, f"handed over to {grantee}", as_json=as_json)


def _consent(workspace: Workspace, grant: str, target: str | None) -> GrantRecord:
    if target is not None and not is_digest(target):
        raise click.UsageError(f"--change is {target[:40]!r}, which is no statement's digest.")
    return workspace.consent(workspace.name_grant(grant), target=target or "")


def _tell(workspace: Workspace, done: GrantRecord, what: str, *, as_json: bool) -> None:
    known, recorded = done.known, done.recorded
    state, waits = state_of(known.editions, workspace.clock()), waiting_of(known)
    statement, entry = recorded.statement.digest, recorded.receipt.index
    if as_json:
        print_json(
            {
                "grant": known.id,
                "statement": statement,
                "entry": entry,
                "state": state,
                "waits": list[Json](waits),
            }
        )
        return
    proposed = statement in known.life.proposals
    good(f"The grant is {'to be ' if proposed else ''}{what} (entry {entry}); it is {state} now.")
    for wait in waits:
        click.echo(f"  {wait[0].upper()}{wait[1:]}.")
