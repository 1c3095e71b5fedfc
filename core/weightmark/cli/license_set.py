"""``weightmark license set``."""

from pathlib import Path

import click

from weightmark.claims import TermsClaim
from weightmark.cli.option import open_workspace, speaker_options
from weightmark.cli.output import fails_clearly, good, json_option, print_json
from weightmark.encoding import decode
from weightmark.licensing import Terms, parse_license
from weightmark.licensing.building import check_terms
from weightmark.workspace import read_bounded

MAX_TERMS = 1 << 20
"""Bytes of a file of terms; a longer one is not read."""


@click.command("set")
@click.argument("model")
@click.argument("licence")
@click.option(
    "--terms",
    "terms_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Terms of your own, as JSON; they are weighed instead of the licence.",
)
@speaker_options
@json_option
@fails_clearly
def command(
    model: str,
    licence: str,
    terms_file: Path | None,
    party: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Record that MODEL stands under LICENCE. Only its owner may.

    LICENCE is an SPDX expression; write LicenseRef-NAME for a licence that SPDX does not list.

    \b
    Example:
      weightmark license set ./model apache-2.0
    """
    licence = parse_license(licence).text
    terms = None if terms_file is None else _read_terms(terms_file)
    with open_workspace(party=party, key=key) as workspace:
        registered = workspace.find(model)
        claim = TermsClaim(license=licence, terms=terms, issued_at=workspace.clock())
        recorded = workspace.record(registered, claim, owner_only="set its licence")
    if as_json:
        print_json({"model": registered.bundle, "license": licence, "entry": recorded.receipt.index})
        return
    good(f"{registered.name} stands under {licence} (entry {recorded.receipt.index}).")


def _read_terms(file: Path) -> Terms:
    terms = Terms.from_json(decode(read_bounded(file, MAX_TERMS), what=str(file)), what=str(file))
    check_terms(terms, what=str(file))
    return terms
