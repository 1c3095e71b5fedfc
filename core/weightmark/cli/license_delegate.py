"""``weightmark license delegate``."""

from datetime import datetime
from pathlib import Path

import click

from weightmark.claims.delegation.biscuit_wire import MAX_TOKEN
from weightmark.claims.delegation.delegation import Delegation, narrow_delegation, read_delegation
from weightmark.claims.delegation.narrowing import Narrowing
from weightmark.claims.trust import MAX_SIZE, TrustRoot
from weightmark.cli.amount import Amount
from weightmark.cli.option import Moment, open_workspace, speaker_options
from weightmark.cli.output import fails_clearly, good, json_option, print_fields, print_json
from weightmark.encoding import Json, parse_digest, printable
from weightmark.licensing import parse_scope
from weightmark.workspace import Workspace, read_bounded, write_whole
from weightmark.workspace.grant_name import is_grant_name
from weightmark.workspace.offline.delegating import delegate

MAX_FILE = MAX_TOKEN * 4 // 3 + 16


@click.command("delegate")
@click.argument("source")
@click.option(
    "--out",
    "-o",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the token goes, readable by you only.",
)
@click.option("--narrow", is_flag=True, help="SOURCE is a token; append a block to it. Takes no key.")
@click.option("--party", "bearer", default="", metavar="NAME", help="For whom; named below who had it.")
@click.option("--for", "scope", metavar="WHAT", help="Actions, capabilities or a tier, with commas.")
@click.option("--from", "start", metavar="TIME", type=Moment(), help="From when, in UTC.")
@click.option("--until", "end", metavar="TIME", type=Moment(), help="Until when (2027-12-31), in UTC.")
@click.option("--purpose", "purposes", multiple=True, metavar="PURPOSE", help="For this purpose; repeatable.")
@click.option(
    "--bound", "bounds", multiple=True, type=Amount(), metavar="NAME=UNITS", help="At most so many."
)
@click.option("--model", "models", multiple=True, metavar="DIGEST", help="For this model only; repeatable.")
@click.option("--job", default="", metavar="ID", help="In this job only.")
@click.option("--seal", is_flag=True, help="Let nobody append another block.")
@click.option(
    "--trust",
    "trust_file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Whose keys count, for --narrow; else the workspace's trust root.",
)
@speaker_options
@json_option
@fails_clearly
def command(
    source: str,
    out: Path,
    narrow: bool,
    bearer: str,
    scope: str | None,
    start: datetime | None,
    end: datetime | None,
    purposes: tuple[str, ...],
    bounds: tuple[tuple[str, int], ...],
    models: tuple[str, ...],
    job: str,
    seal: bool,
    trust_file: Path | None,
    party: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Hand a grant on as a token, or narrow a token offline.

    SOURCE is a grant's id, or with --narrow the file of a token. Whoever has a token may narrow it and hand
    it on; nobody can widen it. Only the grant's licensor makes the first one, or its grantee when the grant
    holds `sublicense`.

    \b
    Example:
      weightmark license delegate sha256:9f86… --out team.biscuit
      weightmark license delegate team.biscuit --narrow --party ci -o job.biscuit
    """
    for model in models:
        parse_digest(model, what="the model")
    try:
        narrowing = Narrowing(
            party=bearer,
            capabilities=None if scope is None else parse_scope(scope),
            purposes=frozenset(purposes),
            models=frozenset(models),
            start=start,
            until=end,
            job=job,
            bounds=dict(bounds),
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    with open_workspace(party=party, key=key) as workspace:
        trust, now = read_trust(workspace, trust_file), workspace.clock()
        if narrow:
            token = narrow_delegation(read_token(Path(source), trust, now), narrowing, close=seal)
        else:
            token = _make(workspace, source, narrowing, seal=seal)
        delegation = read_delegation(token, trust, now)
    write_whole(out.absolute(), f"{token}\n".encode("ascii"))
    if as_json:
        print_json({"file": str(out), **describe(delegation)})
        return
    good(f"{out} written: a token for {printable(delegation.party)}.")
    show(delegation)


def _make(workspace: Workspace, grant: str, narrowing: Narrowing, *, seal: bool) -> str:
    if not is_grant_name(grant):
        raise click.UsageError(f"{grant!r} is no grant's id; to narrow a token say --narrow.")
    now, resources = workspace.clock(), workspace.resources
    below = narrowing if not narrowing.party else None
    token = delegate(resources, workspace.name_grant(grant), now, narrowing=below)
    first = read_delegation(token, resources.trust, now)
    if below is None:
        return narrow_delegation(first, narrowing, close=seal)
    return narrow_delegation(first, Narrowing(), close=True) if seal else token


def read_trust(workspace: Workspace, file: Path | None) -> TrustRoot:
    """Take the trust root of a file, without touching the workspace; else the workspace's own."""
    if file is None:
        return workspace.resources.trust
    return TrustRoot.decode(read_bounded(file, MAX_SIZE), what=str(file))


def read_token(file: Path, trust: TrustRoot, at: datetime) -> Delegation:
    """Read and verify the token in a file."""
    text = read_bounded(file, MAX_FILE).decode("utf-8", "replace")
    return read_delegation(text, trust, at)


def describe(delegation: Delegation) -> dict[str, Json]:
    """Give a token's facts and its blocks in words, without the token itself."""
    blocks: list[Json] = [
        {
            "id": block.revocation_id,
            "party": block.party or None,
            "rules": [rule.sentence for rule in block.rules],
        }
        for block in delegation.blocks
    ]
    return {
        "grant": delegation.id,
        "licensor": delegation.grant.licensor,
        "grantee": delegation.grant.grantee,
        "issuer": delegation.issuer,
        "party": delegation.party,
        "closed": delegation.closed,
        "blocks": blocks,
    }


def show(delegation: Delegation) -> None:
    """Write a token in plain words, block by block."""
    grant = delegation.grant
    print_fields({"grant": delegation.id, "issuer": printable(delegation.issuer)})
    for number, block in enumerate(delegation.blocks):
        title = (
            f"signed by {delegation.issuer}: {grant.licensor} grants {grant.grantee}" if not number else ""
        )
        click.echo(printable(f"block {number}  {title}".rstrip()))
        for rule in block.rules:
            click.echo(f"  {printable(rule.sentence)}")
        click.echo(click.style(f"  revoke by {block.revocation_id}", dim=True))
    click.echo("Closed: no block can be appended." if delegation.closed else "Open: it can be narrowed.")
