"""``weightmark revoke``."""

from datetime import datetime

import click

from weightmark.claims import Ground
from weightmark.cli.granting import CAUSE
from weightmark.cli.option import Moment, grant_argument, open_workspace, speaker_options
from weightmark.cli.output import fails_clearly, good, json_option, print_json
from weightmark.encoding import format_time


@click.command("revoke")
@grant_argument
@click.option(
    "--cause",
    required=True,
    type=CAUSE,
    metavar="TEXT",
    help="Why; it stands in the ledger for all to read.",
)
@click.option(
    "--ground",
    type=click.Choice([ground.value for ground in Ground]),
    default=Ground.OTHER.value,
    metavar="KIND",
    help=f"{', '.join(Ground)}. A breach needs no notice.",
)
@click.option("--at", metavar="TIME", type=Moment(), help="From when, in UTC; else as soon as may be.")
@speaker_options
@json_option
@fails_clearly
def command(
    grant: str,
    cause: str,
    ground: str,
    at: datetime | None,
    party: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Take back GRANT, the id that `weightmark grant` printed.

    Who granted it may, and the model's owner. It takes effect after the grant's
    period of notice, or later when --at says so.

    \b
    Example:
      weightmark revoke sha256:3b0c… --cause "invoice 17 was not paid"
    """
    with open_workspace(party=party, key=key) as workspace:
        done = workspace.revoke(workspace.name_grant(grant), cause, ground=Ground(ground), at=at)
        name = workspace.find(done.known.bundle).name
    revoked, entry = done.known.life.revoked_at, done.recorded.receipt.index
    when = None if revoked is None else format_time(revoked)
    if as_json:
        print_json({"grant": done.known.id, "model": done.known.bundle, "entry": entry, "revoked_at": when})
        return
    now = done.recorded.statement.claim.issued_at
    later = f" from {when}" if revoked is not None and revoked > now else ""
    good(f"The grant for {name} is taken back{later} (entry {entry}).")
