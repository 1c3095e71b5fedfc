"""``weightmark trust``."""

from datetime import datetime
from pathlib import Path

import click

from weightmark.claims import PublicKey, TrustedKey
from weightmark.claims.key import MAX_KEY_SIZE
from weightmark.cli.option import Moment, open_workspace
from weightmark.cli.output import fails_clearly, good, json_option, print_json, print_table
from weightmark.encoding import Json, format_time
from weightmark.workspace import read_bounded, write_whole


@click.group("trust")
def command() -> None:
    """Say whose signatures count, and which logs.

    \b
    Example:
      weightmark trust add openlab.pem.pub --identity openlab
      weightmark trust export trust.json
    """


@command.command("show")
@json_option
@fails_clearly
def show(as_json: bool) -> None:
    """Show the trust root.

    \b
    Example:
      weightmark trust show
    """
    with open_workspace() as workspace:
        trust = workspace.resources.trust
    keys: list[dict[str, Json]] = [
        {
            "identity": trusted.identity,
            "key_id": trusted.key.key_id,
            "scheme": trusted.key.scheme,
            "valid_from": _time(trusted.valid_from),
            "valid_until": _time(trusted.valid_until),
        }
        for trusted in trust.keys
    ]
    if as_json:
        print_json({"keys": keys, "logs": [key.text for key in trust.logs]})
        return
    rows = [
        [str(key[name] or "") for name in ("identity", "scheme", "key_id", "valid_until")] for key in keys
    ]
    print_table(("identity", "scheme", "key id", "valid until"), rows)
    print_table(("log",), [[key.text] for key in trust.logs])


@command.command("add")
@click.argument("public_key", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--identity", required=True, metavar="NAME", help="Whose key it is.")
@click.option(
    "--until", metavar="TIME", type=Moment(), help="The key counts before this time only (2027-12-31)."
)
@json_option
@fails_clearly
def add(public_key: Path, identity: str, until: datetime | None, as_json: bool) -> None:
    """Let the signatures of PUBLIC_KEY count as NAME's.

    Do this only with a key that you got from NAME by a way you trust.

    \b
    Example:
      weightmark trust add openlab.pem.pub --identity openlab
    """
    key = PublicKey.from_pem(read_bounded(public_key, MAX_KEY_SIZE), what=str(public_key))
    trusted = TrustedKey(identity=identity, key=key, valid_until=until)
    with open_workspace() as workspace:
        resources = workspace.resources
        resources.add_trust(trusted)
        resources.catch_up()
    if as_json:
        print_json({"identity": identity, "key_id": key.key_id})
        return
    good(f"The key {key.key_id[:16]}… counts as {identity}'s.")


@command.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
@fails_clearly
def export(file: Path, as_json: bool) -> None:
    """Write the trust root to FILE, for somebody who verifies offline.

    \b
    Example:
      weightmark trust export trust.json
    """
    with open_workspace() as workspace:
        trust = workspace.resources.trust
    write_whole(file.absolute(), trust.encode(), shared=True)
    if as_json:
        print_json({"file": str(file), "keys": len(trust.keys), "logs": len(trust.logs)})
        return
    good(f"{file} written: {len(trust.keys)} keys, {len(trust.logs)} logs.")


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
