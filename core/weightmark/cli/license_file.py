"""``weightmark license issue``, ``verify`` and ``machine``: licences where there is no network."""

import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import click

from weightmark.claims import Bundle, PublicKey, TrustedKey, TrustRoot
from weightmark.claims.bundle import MAX_SIZE as MAX_BUNDLE
from weightmark.claims.key import MAX_KEY_SIZE
from weightmark.claims.offline.licence_file import MAX_SIZE, claimed_issuer
from weightmark.claims.offline.status_token import MAX_SIZE as MAX_STATUS
from weightmark.claims.trust import MAX_SIZE as MAX_TRUST
from weightmark.cli.amount import Amount
from weightmark.cli.check import EXIT
from weightmark.cli.explaining import hangs_on_commerce, show_decision
from weightmark.cli.option import Moment, grant_argument, open_workspace, speaker_options
from weightmark.cli.output import (
    EXIT_VERIFICATION,
    fails_clearly,
    good,
    json_option,
    print_error,
    print_fields,
    print_json,
    progress_bar,
)
from weightmark.cli.span import Span
from weightmark.encoding import Json, format_time, printable
from weightmark.errors import MalformedError, UntrustedKeyError
from weightmark.licensing import Action
from weightmark.workspace import Workspace, read_bounded, write_whole
from weightmark.workspace.offline.licence_file import verify_licence_file
from weightmark.workspace.offline.licence_issuing import issue_licence
from weightmark.workspace.offline.licence_verdict import LicenceQuestion, LicenceVerdict, describe_licence
from weightmark.workspace.offline.machine import name_machine

_COMMERCE = "The use is taken to be commercial; where it is not, set WEIGHTMARK_COMMERCIAL=false."
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("issue")
@grant_argument
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Where the file goes.")
@click.option("--machine", default="", metavar="ID", help="Bind it to the machine of this name.")
@click.option("--this-machine", is_flag=True, help="Bind it to this machine.")
@click.option("--seat", default="", metavar="NAME", help="Bind it to this seat.")
@click.option("--status-uri", default="", metavar="URI", help="The status list that can revoke it.")
@click.option("--status-optional", is_flag=True, help="Let it count where that list is not at hand.")
@click.option("--expires", type=Span(), metavar="TIME", help="How long the file counts at most: 30d, 12h.")
@speaker_options
@json_option
@fails_clearly
def issue(
    grant: str,
    out: Path,
    machine: str,
    this_machine: bool,
    seat: str,
    status_uri: str,
    status_optional: bool,
    expires: timedelta | None,
    party: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Write a signed licence file for GRANT, which verifies without a network. Only its licensor may.

    \b
    Example:
      weightmark license issue sha256:3b0c… --out acme.lic --status-uri urn:lab:1
    """
    if machine and this_machine:
        raise click.UsageError("--machine and --this-machine name two machines.")
    if status_optional and not status_uri:
        raise click.UsageError("--status-optional needs --status-uri: there is no list to be optional.")
    with open_workspace(party=party, key=key) as workspace:
        data, licence = issue_licence(
            workspace.resources,
            workspace.name_grant(grant),
            workspace.clock(),
            machine=name_machine() if this_machine else machine,
            seat=seat,
            status_uri=status_uri,
            status_optional=status_optional,
            lasting=expires,
        )
    write_whole(out, data, shared=True)
    described = describe_licence(licence)
    if as_json:
        print_json({"licence": described, "out": str(out), "size": len(data)})
        return
    who, what = printable(licence.grantee), printable(licence.model.name)
    good(f"{who} may use {what} with {out} ({len(data)} bytes).")
    shown = {"licence": licence.id, "grant": licence.grant.id, "until": described["expires_at"]}
    print_fields({**shown, "status list": described["status_uri"], "machine": described["machine"]})
    if licence.status is None:
        click.echo("  Without --status-uri it counts to its end, even when the grant is revoked.")


@click.command("verify")
@click.argument("file", type=_FILE)
@click.option("--model", default="", metavar="PATH", help="The model at hand; all its files are read.")
@click.option(
    "--action",
    type=click.Choice([action.value for action in Action]),
    default=Action.DEPLOY.value,
    show_default=True,
    metavar="ACTION",
    help=f"What is to be done: {', '.join(Action)}.",
)
@click.option("--purpose", default="", metavar="NAME", help="What it is for.")
@click.option("--seat", default="", metavar="NAME", help="Who acts, as the grant's seats are named.")
@click.option("--used", type=Amount(), multiple=True, metavar="NAME=UNITS", help="Use so far; repeatable.")
@click.option("--at", metavar="TIME", type=Moment(), help="When, in UTC; else now.")
@click.option("--status", type=_FILE, help="The licensor's status list.")
@click.option("--max-age", type=Span(), metavar="TIME", help="The oldest list that is taken: 7d, 12h.")
@click.option("--bundle", type=_FILE, help="The model's registration: shows that the licensor owns it.")
@click.option("--trust", type=_FILE, help="The trust root.")
@click.option("--key", "key_file", type=_FILE, help="The licensor's public key, instead of a trust root.")
@json_option
@fails_clearly
def verify(
    file: Path,
    model: str,
    action: str,
    purpose: str,
    seat: str,
    used: tuple[tuple[str, int], ...],
    at: datetime | None,
    status: Path | None,
    max_age: timedelta | None,
    bundle: Path | None,
    trust: Path | None,
    key_file: Path | None,
    as_json: bool,
) -> None:
    """Verify the licence FILE and say whether it allows an action; no network and no ledger is needed.

    Exits with 0 when it is allowed, 3 when something does not hold, 4 when it is refused, 5 when it cannot be
    known.

    \b
    Example:
      weightmark license verify acme.lic --model ./model --status status.jwt
    """
    if trust is not None and key_file is not None:
        raise click.UsageError("--trust and --key say two things about whom to trust; give one.")
    question = LicenceQuestion(
        action=Action(action),
        at=at,
        purpose=purpose,
        seat=seat,
        usage=dict(used) if used else None,
        max_age=max_age,
        model=model,
    )
    with open_workspace() as workspace, progress_bar("Hashing", shown=not as_json) as progress:
        try:
            data, question = read_bounded(file, MAX_SIZE), _with_files(question, status, bundle)
            root = trust_of(workspace, trust) if key_file is None else _trust_key(key_file, data)
            verdict = verify_licence_file(workspace, data, root, question, progress=progress)
        except MalformedError as error:
            # What is damaged did not hold; here that is not an error in using the command.
            _report(error, as_json=as_json)
            sys.exit(EXIT_VERIFICATION)
    if as_json:
        print_json(verdict.to_json())
    else:
        _show(file, action, verdict)
    sys.exit(EXIT[verdict.decision.outcome])


@click.command("machine")
@json_option
@fails_clearly
def machine(as_json: bool) -> None:
    """Print a name of this machine, for a licensor to bind a licence file to.

    It is another one each time, any of them is good, and none leads back to this machine for somebody who is
    not on it.

    \b
    Example:
      weightmark license machine
    """
    name = name_machine()
    if as_json:
        print_json({"machine": name})
        return
    click.echo(name)


def trust_of(workspace: Workspace, file: Path | None) -> TrustRoot:
    """Read a trust root, or the workspace's own; none is made.

    Raises:
        UntrustedKeyError: there is none.
        MalformedError: it is none.
    """
    if file is None and not workspace.configuration.trust.exists():
        raise UntrustedKeyError(
            f"nobody is trusted here: there is no trust root {workspace.configuration.trust}",
            hint="Get the licensor's public key by a way you trust, and give it: --key FILE.",
        )
    return TrustRoot.decode(read_bounded(file or workspace.configuration.trust, MAX_TRUST))


def _with_files(question: LicenceQuestion, status: Path | None, bundle: Path | None) -> LicenceQuestion:
    if status is not None:
        question = replace(question, status=read_bounded(status, MAX_STATUS))
    if bundle is not None:
        read = Bundle.decode(read_bounded(bundle, MAX_BUNDLE), what=f"the bundle {bundle}")
        question = replace(question, bundle=read)
    return question


def _trust_key(file: Path, data: bytes) -> TrustRoot:
    """Take one key for the one of whoever the file says its licensor is."""
    key = PublicKey.from_pem(read_bounded(file, MAX_KEY_SIZE), what=f"the key {file}")
    return TrustRoot(keys=(TrustedKey(identity=claimed_issuer(data), key=key),))


def _report(error: MalformedError, *, as_json: bool) -> None:
    if as_json:
        body: Json = {"type": type(error).__name__, "message": error.message, "hint": error.hint}
        print_json({"ok": False, "error": body})
        return
    print_error(error.message, hint=error.hint)


def _show(file: Path, action: str, verdict: LicenceVerdict) -> None:
    licence = verdict.evidence.licence
    who, what = printable(licence.grantee), printable(licence.model.name)
    notes = [_COMMERCE] if hangs_on_commerce(verdict.decision) else []
    show_decision(verdict.decision, f"{who} may {action} {what}", f"{who} may not {action} {what}", *notes)
    listed = None
    if verdict.status is not None and verdict.found is not None:
        listed = f"{verdict.found.name.lower()}, by the list of {format_time(verdict.status.token.issued_at)}"
    print_fields(
        {
            "licence": f"{file}, by {printable(licence.issuer)}",
            "model": None if verdict.fingerprint is None else f"intact, {licence.model.bundle}",
            "status": listed,
            "machine": "this one" if licence.machine else None,
            "seat": printable(licence.seat) or None,
        }
    )
    for warning in verdict.warnings:
        click.echo(f"  {click.style('note:', fg='yellow')} {printable(warning)}")
