"""``weightmark history``."""

import click

from weightmark.cli.option import open_workspace
from weightmark.cli.output import fails_clearly, json_option, print_json, print_table
from weightmark.encoding import Json


@click.command("history")
@click.argument("model", required=False)
@json_option
@fails_clearly
def command(model: str | None, as_json: bool) -> None:
    """Show what the ledger says about MODEL, in order; about all models when none is named.

    Entries that do not count, because their signer may not say so, are shown with the reason.

    \b
    Example:
      weightmark history models:/churn/3
    """
    with open_workspace() as workspace:
        bundle = None
        if model is not None:
            bundle = workspace.find(model).bundle
        else:
            workspace.resources.catch_up()
        entries = workspace.resources.index.history(bundle)
    rows: list[dict[str, Json]] = [
        {
            "entry": entry.index,
            "what": entry.predicate_type,
            "model": entry.name,
            "signers": list(entry.signers),
            "issued_at": entry.issued_at,
            "statement": entry.statement,
            "accepted": entry.accepted,
            "note": entry.note,
        }
        for entry in entries
    ]
    if as_json:
        print_json({"entries": rows})
        return
    table = [
        [
            str(entry.index),
            entry.issued_at,
            entry.predicate_type.split("/")[-2] if "/" in entry.predicate_type else "?",
            entry.name,
            ", ".join(entry.signers),
            entry.statement if entry.accepted else f"does not count: {entry.note}",
        ]
        for entry in entries
    ]
    print_table(("entry", "when", "what", "model", "signed by", "statement"), table)
