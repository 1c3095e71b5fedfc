"""``weightmark license``."""

from pathlib import Path

import click

from weightmark.claims import TermsClaim
from weightmark.cli.option import open_workspace, speaker_options
from weightmark.cli.output import fails_clearly, good, json_option, print_fields, print_json
from weightmark.encoding import decode
from weightmark.licensing import Terms, find_template, parse_license
from weightmark.workspace import describe, read_bounded

MAX_TERMS = 1 << 20
"""Bytes of a file of terms; a longer one is not read."""


@click.group("license")
def command() -> None:
    """Set or show the licence of a model.

    \b
    Example:
      weightmark license set ./model apache-2.0
      weightmark license show cc-by-nc-4.0
    """


@command.command("set")
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
def set_(
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


@command.command("show")
@click.argument("model_or_licence")
@json_option
@fails_clearly
def show(model_or_licence: str, as_json: bool) -> None:
    """Show the licence of a model, or what a licence permits, forbids and demands.

    \b
    Example:
      weightmark license show cc-by-nc-4.0
    """
    template = find_template(model_or_licence)
    if template is not None:
        _show_terms(template, as_json=as_json)
        return
    with open_workspace() as workspace:
        model = workspace.find(model_or_licence)
    terms = model.terms or (None if model.license is None else find_template(model.license))
    if as_json:
        print_json({**describe(model), "terms": None if terms is None else terms.to_json()})
        return
    print_fields({"model": model.name, "owner": model.owner, "license": model.license or "none stated"})
    if terms is not None:
        _show_terms(terms, as_json=False)


def _read_terms(file: Path) -> Terms:
    return Terms.from_json(decode(read_bounded(file, MAX_TERMS), what=str(file)))


def _show_terms(terms: Terms, *, as_json: bool) -> None:
    if as_json:
        print_json({"terms": terms.to_json()})
        return
    print_fields(
        {
            "licence": f"{terms.id} ({terms.title})" if terms.title else terms.id,
            "text": terms.url or None,
            "permits": ", ".join(sorted(terms.permissions)) or "nothing",
            "forbids": ", ".join(sorted(terms.prohibitions)) or "nothing in so many words",
            "commercial": "yes" if terms.commercial else f"no  [{terms.clause('commercial')}]",
        }
    )
    for duty in terms.duties:
        click.echo(f"  duty: {duty.sentence}  [{duty.clause}]")
    for restriction in terms.use_restrictions:
        click.echo(f"  not for: {restriction.sentence}  [{restriction.clause}]")
