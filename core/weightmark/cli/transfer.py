"""``weightmark transfer``."""

import click

from weightmark.claims import Transfer
from weightmark.cli.option import open_workspace, speaker_options
from weightmark.cli.output import fails_clearly, good, json_option, print_json
from weightmark.errors import UntrustedKeyError


@click.command("transfer")
@click.argument("model")
@click.option(
    "--to", "owner", required=True, metavar="NAME", help="The new owner; their key must be trusted."
)
@speaker_options
@json_option
@fails_clearly
def command(model: str, owner: str, party: str | None, key: str | None, as_json: bool) -> None:
    """Hand MODEL over to another owner. Only its owner may, and cannot take it back.

    Grants that were given before stay valid.

    \b
    Example:
      weightmark transfer ./model --to openlab
    """
    with open_workspace(party=party, key=key) as workspace:
        registered = workspace.find(model)
        keys = [trusted.key for trusted in workspace.resources.trust.keys if trusted.identity == owner]
        if not keys:
            raise UntrustedKeyError(
                f"the trust root has no key of {owner}, so nobody could act as the new owner",
                hint=f"Add it first: `weightmark trust add KEY.pub --identity {owner}`.",
            )
        claim = Transfer(new_owner=owner, new_key=keys[-1].key_id, issued_at=workspace.clock())
        recorded = workspace.record(registered, claim, owner_only="hand it over")
    if as_json:
        print_json({"model": registered.bundle, "owner": owner, "entry": recorded.receipt.index})
        return
    good(f"{registered.name} belongs to {owner} now (entry {recorded.receipt.index}).")
