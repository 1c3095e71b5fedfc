"""``weightmark license delegated`` and ``weightmark license revoke-token``."""

import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import click

from weightmark.claims.delegation.delegation import Delegation
from weightmark.claims.delegation.revoked_token import RevokedTokens
from weightmark.cli.amount import Amount
from weightmark.cli.check import EXIT
from weightmark.cli.explaining import hangs_on_commerce, show_decision
from weightmark.cli.license_delegate import describe, read_token, read_trust, show
from weightmark.cli.option import Moment, open_workspace, speaker_options
from weightmark.cli.output import fails_clearly, good, json_option, print_fields, print_json
from weightmark.encoding import Json, format_time, is_digest, printable
from weightmark.licensing import Action, Decision
from weightmark.workspace import Workspace
from weightmark.workspace.offline.delegated import (
    LIST_NAME,
    count_delegated,
    known_here,
    own_list,
    read_list,
    revoke_token,
    used_here,
    was_counted,
)
from weightmark.workspace.offline.delegating import Asked, Known, decide_delegated

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_ACTIONS = [action.value for action in Action if action.needs]


@click.command("delegated")
@click.argument("file", type=_FILE)
@click.option("--show", "shown", is_flag=True, help="Only show every block in plain words.")
@click.option(
    "--model", default="", metavar="MODEL", help="The model at hand: a path, a URI, a digest, a name."
)
@click.option(
    "--action",
    type=click.Choice(_ACTIONS),
    default="infer",
    show_default=True,
    metavar="ACTION",
    help="What is to be done.",
)
@click.option("--as", "bearer", default="", metavar="NAME", help="Who presents it; else your own party.")
@click.option("--at", metavar="TIME", type=Moment(), help="When, in UTC; else now.")
@click.option("--purpose", default="", metavar="PURPOSE", help="What it is for.")
@click.option(
    "--commercial/--non-commercial",
    default=None,
    help="Whether it is for commercial use; else as your settings say of you, and commercial for others.",
)
@click.option("--job", default="", metavar="ID", help="In which job.")
@click.option(
    "--used",
    multiple=True,
    type=Amount(),
    metavar="NAME=UNITS",
    help="What was used so far, where nothing is counted here; repeatable.",
)
@click.option("--count", type=Amount(), metavar="NAME=UNITS", help="Count this use here when it is allowed.")
@click.option("--count-key", default="", metavar="KEY", help="What names the use; the same counts once.")
@click.option(
    "--revoked", multiple=True, type=_FILE, metavar="FILE", help="A list of revoked tokens; repeatable."
)
@click.option(
    "--trust",
    "trust_file",
    type=_FILE,
    metavar="FILE",
    help="Whose keys count; then no ledger is asked and nothing is touched.",
)
@json_option
@fails_clearly
def command(
    file: Path,
    shown: bool,
    model: str,
    action: str,
    bearer: str,
    at: datetime | None,
    purpose: str,
    commercial: bool | None,
    job: str,
    used: tuple[tuple[str, int], ...],
    count: tuple[str, int] | None,
    count_key: str,
    revoked: tuple[Path, ...],
    trust_file: Path | None,
    as_json: bool,
) -> None:
    """Verify the token in FILE, and decide whether its bearer may do something.

    The grant must allow it, as the ledger has it now or, with --trust, as the token carries it; and so must
    every block. Exits with 0 when it is allowed, 3 when the token does not verify, 4 when it is refused, 5
    when it cannot be known.

    \b
    Example:
      weightmark license delegated job.biscuit --show
      weightmark license delegated job.biscuit --model ./model --as acme/ci
    """
    if not shown and not model:
        raise click.UsageError("Say which model is at hand: --model; or only look: --show.")
    if count is not None and (trust_file is not None or not count_key):
        raise click.UsageError(
            "To count takes the workspace (no --trust) and a name for the use: --count-key."
        )
    with open_workspace() as workspace:
        moment = at or workspace.clock()
        trust = read_trust(workspace, trust_file)
        token = read_token(file, trust, moment)
        if shown:
            _show(token, as_json=as_json)
            return
        asked = Asked(
            models=_digests(workspace, model, offline=trust_file is not None),
            action=Action(action),
            party=bearer or workspace.configuration.party.name,
            at=moment,
            purpose=purpose,
            job=job,
            commercial=_commercial(workspace, bearer) if commercial is None else commercial,
            amount={} if count is None else _amount(workspace, token, count, count_key),
        )
        lists = [read_list(each, trust, moment) for each in revoked]
        known = None if trust_file is not None else known_here(workspace.resources, token)
        decision = _decide(workspace, token, asked, lists, dict(used), known, offline=trust_file is not None)
        if count is not None and decision.allowed:
            count_delegated(workspace.resources, token, asked, *count, key=count_key)
    _answer(token, decision, asked, model, lists, as_json=as_json, known=known is not None)


def _decide(
    workspace: Workspace,
    token: Delegation,
    asked: Asked,
    lists: list[RevokedTokens],
    used: dict[str, int],
    known: Known | None,
    *,
    offline: bool,
) -> Decision:
    if not offline:
        asked = replace(asked, used=used_here(workspace.resources, token))
        own = own_list(workspace.resources)
        lists += [] if own is None else [own]
    if used:
        # What was counted here stays counted, whatever the bearer says.
        here = asked.used or {}
        told: dict[str, dict[str, int]] = {
            account: {
                name: max(used.get(name, 0), here.get(account, {}).get(name, 0))
                for name in {*used, *here.get(account, {})}
            }
            for account in (token.id, *(block.account for block in token.blocks))
        }
        asked = replace(asked, used=told)
    return decide_delegated(token, asked, known=known, revoked=lists)


def _answer(
    token: Delegation,
    decision: Decision,
    asked: Asked,
    model: str,
    lists: list[RevokedTokens],
    *,
    as_json: bool,
    known: bool,
) -> None:
    if as_json:
        asked_lists: list[Json] = [
            {"issuer": each.issuer, "fresh_until": format_time(each.fresh_until)} for each in lists
        ]
        about: dict[str, Json] = {"token": describe(token), "known": known, "revoked_lists": asked_lists}
        print_json({**decision.to_json(), **about})
    else:
        what = f"{asked.action} {model}"
        notes: tuple[str, ...] = (
            () if known else ("The grant is taken as the token carries it; no ledger was asked about it.",)
        )
        if asked.commercial and hangs_on_commerce(decision):
            notes += (f"{asked.party} is taken to act commercially; ask with --non-commercial if not.",)
        show_decision(decision, f"{asked.party} may {what}", f"{asked.party} may not {what}", *notes)
    sys.exit(EXIT[decision.outcome])


def _show(token: Delegation, *, as_json: bool) -> None:
    if as_json:
        print_json(describe(token))
    else:
        show(token)


def _digests(workspace: Workspace, model: str, *, offline: bool) -> frozenset[str]:
    """Give the digests of the model at hand: of its files when they are there, else of what is registered."""
    if is_digest(model):
        found = None if offline else workspace.resources.index.find(model)
        same = found is not None and found.bundle == model and found.weights is not None
        return frozenset({model, str(found.weights)} if same and found is not None else {model})
    if offline or Path(model).exists():
        fingerprint = workspace.fingerprint(model)
        return frozenset(str(each) for each in (fingerprint.bundle, fingerprint.weights) if each is not None)
    known = workspace.find(model)
    return frozenset(str(each) for each in (known.bundle, known.weights) if each is not None)


def _amount(workspace: Workspace, token: Delegation, count: tuple[str, int], key: str) -> dict[str, int]:
    """Give what is about to be used: nothing of what was counted before."""
    name, units = count
    return {name: 0 if was_counted(workspace.resources, token, key) else units}


def _commercial(workspace: Workspace, bearer: str) -> bool:
    own = workspace.configuration.party
    return own.commercial if bearer in ("", own.name) else True


@click.command("revoke-token")
@click.argument("revocation_id", metavar="ID")
@click.option("--cause", required=True, metavar="TEXT", help="Why, for people.")
@click.option(
    "--fresh-days",
    type=click.IntRange(1, 366),
    default=7,
    show_default=True,
    help="For how many days the list counts as fresh.",
)
@speaker_options
@json_option
@fails_clearly
def revoke(
    revocation_id: str, cause: str, fresh_days: int, party: str | None, key: str | None, as_json: bool
) -> None:
    """Revoke the block ID of a token, and with it every token that was narrowed from it.

    The signed list of all that you revoked lies in your home folder as `revoked-tokens.json`. Carry it to
    where tokens are verified, beside the status list: `weightmark license delegated FILE --revoked LIST`.
    Revoking the same block again only makes the list fresh.

    \b
    Example:
      weightmark license revoke-token 4ee9b9fe… --cause "the job's secrets leaked"
    """
    with open_workspace(party=party, key=key) as workspace:
        file = workspace.configuration.home / LIST_NAME
        listed = revoke_token(
            workspace.resources, revocation_id, cause, workspace.clock(), fresh=timedelta(days=fresh_days)
        )
    fresh_until = format_time(listed.fresh_until)
    if as_json:
        print_json(
            {
                "id": revocation_id,
                "issuer": listed.issuer,
                "file": str(file),
                "tokens": len(listed.tokens),
                "fresh_until": fresh_until,
            }
        )
        return
    good(f"Revoked; {printable(listed.issuer)} has revoked {len(listed.tokens)} in all.")
    print_fields({"list": file, "fresh until": fresh_until})
