"""``weightmark license status``: the list that says which grants still hold."""

import sys
from datetime import timedelta
from pathlib import Path

import click

from weightmark.claims.offline.status_list import Status
from weightmark.claims.offline.status_token import MAX_SIZE, StatusEvidence, verify_status
from weightmark.cli.license_file import trust_of
from weightmark.cli.option import open_workspace, speaker_options
from weightmark.cli.output import EXIT_REFUSED, fails_clearly, good, json_option, print_fields, print_json
from weightmark.cli.span import Span
from weightmark.encoding import Json, format_time, printable
from weightmark.errors import UnknownGrantError
from weightmark.workspace import Workspace, read_bounded, write_whole
from weightmark.workspace.grant_name import is_grant_name
from weightmark.workspace.offline.licence_issuing import publish_status

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("status")
def status() -> None:
    """Say which grants still hold, in one small signed file.

    \b
    Example:
      weightmark license status publish --uri urn:lab:1 --out status.jwt
      weightmark license status show status.jwt
    """


@status.command("publish")
@click.option("--uri", required=True, help="The list's name, as `license issue --status-uri` gives it.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Where the list goes.")
@click.option("--w3c", type=click.Path(path_type=Path), help="Write it as a W3C Bitstring Status List too.")
@click.option("--ttl", type=Span(), default="1d", show_default=True, help="When a newer one should be there.")
@click.option(
    "--expires", type=Span(), default="30d", show_default=True, help="When it may no longer be used."
)
@speaker_options
@json_option
@fails_clearly
def publish(
    uri: str,
    out: Path,
    w3c: Path | None,
    ttl: timedelta,
    expires: timedelta,
    party: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Sign the status of all grants of yours, each at the place of its ledger entry.

    \b
    Example:
      weightmark license status publish --uri urn:lab:1 --out status.jwt
    """
    with open_workspace(party=party, key=key) as workspace:
        made = publish_status(workspace.resources, uri, workspace.clock(), ttl=ttl, expires=expires)
    write_whole(out, made.signed, shared=True)
    if w3c is not None:
        write_whole(w3c, made.credential, shared=True)
    token, counts = made.token, {each.name.lower(): count for each, count in made.counts.items()}
    if as_json:
        shown: dict[str, Json] = {
            "uri": token.uri,
            "issued_at": format_time(token.issued_at),
            "expires_at": None if token.expires_at is None else format_time(token.expires_at),
            "entries": len(token.statuses),
            "grants": dict(counts),
        }
        print_json(
            {**shown, "out": str(out), "size": len(made.signed), "w3c": None if w3c is None else str(w3c)}
        )
        return
    good(f"The status of {sum(counts.values())} grants is in {out} ({len(made.signed)} bytes).")
    print_fields({"list": uri, **counts, "good until": f"{token.issued_at + expires:%Y-%m-%d %H:%M:%S} UTC"})


@status.command("show")
@click.argument("file", type=_FILE)
@click.argument("grant", required=False)
@click.option("--max-age", type=Span(), metavar="TIME", help="The oldest list that is taken: 7d, 12h.")
@click.option("--trust", type=_FILE, help="The trust root.")
@json_option
@fails_clearly
def show(file: Path, grant: str | None, max_age: timedelta | None, trust: Path | None, as_json: bool) -> None:
    """Verify the status list FILE and show it; of GRANT, an id or a place in the list, say what it says.

    Exits with 3 when the list does not hold or is too old, with 4 when the grant does not hold.

    \b
    Example:
      weightmark license status show status.jwt 12
    """
    with open_workspace() as workspace:
        evidence = verify_status(read_bounded(file, MAX_SIZE), trust_of(workspace, trust), workspace.clock())
        warning = evidence.check_fresh(workspace.clock(), max_age=max_age)
        place = None if grant is None else _place(workspace, grant)
    found = None if place is None else evidence.look_up(place)
    if as_json:
        print_json(_describe(evidence, place, found, warning))
    else:
        _show(evidence, place, found, warning)
    if found is not None and found is not Status.VALID:
        sys.exit(EXIT_REFUSED)


def _place(workspace: Workspace, grant: str) -> int:
    if grant.isascii() and grant.isdigit() and len(grant) < 12:  # noqa: PLR2004 - more than any list has
        return int(grant)
    if not is_grant_name(grant):
        raise click.UsageError(f"{grant[:40]!r} is neither a grant's id nor a place in the list.")
    known = workspace.resources.index.grant(workspace.name_grant(grant))
    if known is None:
        raise UnknownGrantError(
            f"the ledger has no grant {grant}",
            hint="Give its place in the list, which the licence file names.",
        )
    return known.entry


def _describe(
    evidence: StatusEvidence, place: int | None, found: Status | None, warning: str
) -> dict[str, Json]:
    token = evidence.token
    return {
        "ok": True,
        "uri": token.uri,
        "issuer": evidence.signer.identity,
        "key": evidence.signer.key.key_id,
        "issued_at": format_time(token.issued_at),
        "expires_at": None if token.expires_at is None else format_time(token.expires_at),
        "ttl": None if token.ttl is None else int(token.ttl.total_seconds()),
        "bits": token.statuses.bits,
        "entries": len(token.statuses),
        "index": place,
        "status": None if found is None else found.name.lower(),
        "warnings": [warning] if warning else [],
    }


def _show(evidence: StatusEvidence, place: int | None, found: Status | None, warning: str) -> None:
    token = evidence.token
    good(f"The list is by {evidence.signer.identity}, of {format_time(token.issued_at)}.")
    until = None if token.expires_at is None else format_time(token.expires_at)
    fields: dict[str, object] = {
        "list": printable(token.uri),
        "good until": until,
        "places": len(token.statuses),
    }
    if found is not None:
        fields[f"at {place}"] = found.name.lower()
    print_fields(fields)
    if warning:
        click.echo(f"  {click.style('note:', fg='yellow')} {printable(warning)}")
