"""``weightmark license show`` and ``weightmark license templates``."""

import json

import click

from weightmark.cli.option import open_workspace
from weightmark.cli.output import fails_clearly, json_option, print_fields, print_json, print_table
from weightmark.encoding import Json
from weightmark.errors import MalformedError, NotEntitledError
from weightmark.index import RegisteredModel
from weightmark.licensing import TEMPLATES, Terms, find_template, nearest_names, to_odrl, word_terms
from weightmark.licensing.catalog import ALIASES
from weightmark.licensing.pointer import find_pointer, pointer_names
from weightmark.licensing.verbatim import text_names
from weightmark.workspace import Workspace, describe


@click.command("show")
@click.argument("model_or_licence")
@click.option("--text", "as_text", is_flag=True, help="Write the terms as plain sentences.")
@click.option("--odrl", "as_odrl", is_flag=True, help="Write the terms as an ODRL policy.")
@json_option
@fails_clearly
def show(model_or_licence: str, as_text: bool, as_odrl: bool, as_json: bool) -> None:
    """Show the licence of a model, or what a licence permits, forbids and demands.

    \b
    Example:
      weightmark license show cc-by-nc-4.0
    """
    template = find_template(model_or_licence)
    if template is not None:
        if not _show_otherwise(template, as_text=as_text, as_odrl=as_odrl):
            _show_terms(template, as_json=as_json)
        return
    if _show_pointer(model_or_licence, as_json=as_json):
        return
    with open_workspace() as workspace:
        model = _find(workspace, model_or_licence)
    terms = model.terms or (None if model.license is None else find_template(model.license))
    if terms is not None and _show_otherwise(terms, as_text=as_text, as_odrl=as_odrl):
        return
    if as_json:
        print_json({**describe(model), "terms": None if terms is None else terms.to_json()})
        return
    print_fields({"model": model.name, "owner": model.owner, "license": model.license or "none stated"})
    if terms is not None:
        _show_terms(terms, as_json=False)


@click.command("templates")
@json_option
@fails_clearly
def templates(as_json: bool) -> None:
    """List the licences that are known: those with rules, and those known by name only.

    \b
    Example:
      weightmark license templates
    """
    spellings: dict[str, list[str]] = {}
    for spelling, known in ALIASES.items():
        spellings.setdefault(known, []).append(spelling)
    if as_json:
        texts = text_names()
        rows: list[Json] = [
            {
                "id": terms.id,
                "title": terms.title,
                "url": terms.url,
                "also": list(spellings.get(terms.id, [])),
                "text": terms.id in texts,
            }
            for terms in TEMPLATES
        ]
        pointers: list[Json] = list(pointer_names())
        print_json({"templates": rows, "named": pointers})
        return
    print_table(
        ["licence", "title", "also written"],
        [[terms.id, terms.title, ", ".join(spellings.get(terms.id, []))] for terms in TEMPLATES],
    )
    click.echo(f"Known by name, without rules: {', '.join(pointer_names())}")


def _find(workspace: Workspace, name: str) -> RegisteredModel:
    try:
        return workspace.find(name)
    except NotEntitledError as error:
        near = nearest_names(name)
        raise MalformedError(
            f"{name[:60]!r} is no licence that Weightmark knows, and no registered model",
            hint=f"Did you mean {' or '.join(near)}?"
            if near
            else "`weightmark license templates` lists the licences, `weightmark history` the models.",
        ) from error


def _show_otherwise(terms: Terms, *, as_text: bool, as_odrl: bool) -> bool:
    if as_text:
        click.echo(word_terms(terms), nl=False)
    elif as_odrl:
        click.echo(json.dumps(to_odrl(terms), indent=2, ensure_ascii=False))
    return as_text or as_odrl


def _show_pointer(name: str, *, as_json: bool) -> bool:
    pointer = find_pointer(name)
    if pointer is None:
        return False
    if as_json:
        known: dict[str, Json] = {"name": pointer.name, "title": pointer.title, "url": pointer.url}
        print_json({"terms": None, "known": known})
        return True
    print_fields(
        {
            "licence": f"{pointer.name} ({pointer.title})",
            "text": pointer.url or None,
            "rules": "none: its text must be read by a person",
            "note": pointer.advice or None,
        }
    )
    return True


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
    for condition in terms.conditions:
        click.echo(f"  only if: {condition.sentence}  [{condition.clause}]")
    if terms.share_alike is not None:
        carried = ", ".join(terms.share_alike.outbound) or "a licence that keeps these restrictions"
        click.echo(f"  derived works carry: {carried}  [{terms.share_alike.clause}]")
