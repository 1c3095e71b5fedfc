"""``weightmark ledger``."""

from base64 import b64encode

import click

from weightmark.cli.option import open_workspace
from weightmark.cli.output import fails_clearly, good, json_option, print_fields, print_json
from weightmark.encoding import decode
from weightmark.errors import InclusionError
from weightmark.log import ConsistencyProof
from weightmark.ports import Ledger
from weightmark.workspace import prove_entry


@click.group("ledger")
def command() -> None:
    """Checkpoint, prove and audit the ledger.

    \b
    Example:
      weightmark ledger audit
    """


@command.command("checkpoint")
@json_option
@fails_clearly
def checkpoint(as_json: bool) -> None:
    """Print the newest checkpoint, a signed note; keep it, and no later ledger can deny it.

    \b
    Example:
      weightmark ledger checkpoint > checkpoint.txt
    """
    with open_workspace() as workspace:
        ledger = workspace.resources.ledger
        signed, key = ledger.checkpoint(), ledger.verifier_key
    if as_json:
        head = signed.checkpoint
        root = b64encode(head.root).decode()
        print_json({"origin": head.origin, "size": head.size, "root": root, "note": signed.note, "key": key})
        return
    click.echo(signed.note, nl=False)


@command.command("prove")
@click.argument("entry", type=click.IntRange(0))
@click.option(
    "--since",
    type=click.IntRange(0),
    metavar="SIZE",
    help="Also prove that a log of SIZE entries grew to this.",
)
@json_option
@fails_clearly
def prove(entry: int, since: int | None, as_json: bool) -> None:
    """Print the bundle of ENTRY: the envelope, and the proof that the ledger holds it.

    \b
    Example:
      weightmark ledger prove 0 > entry.json
    """
    with open_workspace() as workspace:
        bundle = prove_entry(workspace.resources, entry)
        grown = None if since is None else _prove_growth(workspace.resources.ledger, since)
    if as_json:
        hashes = None if grown is None else [b64encode(one).decode() for one in grown.hashes]
        print_json({"bundle": decode(bundle.encode(), what="the bundle"), "consistency": hashes})
        return
    click.echo(bundle.encode().decode())
    if grown is not None:
        click.echo("\n".join(b64encode(one).decode() for one in grown.hashes))


def _prove_growth(ledger: Ledger, since: int) -> ConsistencyProof:
    size = ledger.checkpoint().checkpoint.size
    if since > size:
        raise InclusionError(f"the ledger has {size} entries; it never had {since}", hint="Ask for less.")
    return ledger.prove_consistency(since, size)


@command.command("audit")
@json_option
@fails_clearly
def audit(as_json: bool) -> None:
    """Read every entry, hash it again, and hold it against the signed checkpoint.

    \b
    Example:
      weightmark ledger audit
    """
    with open_workspace() as workspace:
        signed = workspace.resources.ledger.audit()
        workspace.resources.catch_up()
        ignored = [entry for entry in workspace.resources.index.history() if not entry.accepted]
    head = signed.checkpoint
    if as_json:
        print_json(
            {"ok": True, "origin": head.origin, "size": head.size, "not_counting": [e.index for e in ignored]}
        )
        return
    good(f"The ledger is whole: {head.size} entries, under its own signature.")
    print_fields({"log": head.origin, "root": b64encode(head.root).decode()})
    for entry in ignored:
        click.echo(f"  entry {entry.index} does not count: {entry.note}")
