"""``weightmark revoke``."""

import click

from weightmark.claims import Revocation
from weightmark.cli.option import open_workspace, speaker_options
from weightmark.cli.output import fails_clearly, good, json_option, print_json
from weightmark.encoding import Digest, parse_digest
from weightmark.errors import MalformedError, NotEntitledError


@click.command("revoke")
@click.argument("grant")
@click.option("--cause", required=True, metavar="TEXT", help="Why; it stands in the ledger for all to read.")
@speaker_options
@json_option
@fails_clearly
def command(grant: str, cause: str, party: str | None, key: str | None, as_json: bool) -> None:
    """Take back GRANT, the id that `weightmark grant` printed. Only the model's owner may.

    \b
    Example:
      weightmark revoke sha256:3b0c… --cause "invoice 17 was not paid"
    """
    try:
        parse_digest(grant, what="the grant's id")
    except MalformedError as error:
        raise click.UsageError(error.message) from error
    with open_workspace(party=party, key=key) as workspace:
        bundle = workspace.resources.index.granted_model(Digest(grant))
        if bundle is None:
            raise NotEntitledError(
                f"the ledger has no grant {grant}", hint="See the ids with `weightmark history MODEL`."
            )
        model = workspace.find(bundle)
        claim = Revocation(target=Digest(grant), cause=cause, issued_at=workspace.clock())
        recorded = workspace.record(model, claim, owner_only="take back a grant for it")
    if as_json:
        print_json({"grant": grant, "model": model.bundle, "entry": recorded.receipt.index})
        return
    good(f"The grant for {model.name} is taken back (entry {recorded.receipt.index}).")
