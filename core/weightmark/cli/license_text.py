"""``weightmark license text``: the whole text of a licence, where it may be handed out."""

import sys

import click

from weightmark.cli.output import EXIT_UNDECIDED, fails_clearly, json_option, print_fields, print_json
from weightmark.encoding import Json
from weightmark.errors import MalformedError
from weightmark.licensing import Terms, find_template, find_text, nearest_names, word_terms
from weightmark.licensing.pointer import find_pointer
from weightmark.licensing.verbatim import OURS, why_no_text

OWN_SOURCE = "written by Weightmark from the terms"


@click.command("text")
@click.argument("licence")
@json_option
@fails_clearly
def text(licence: str, as_json: bool) -> None:
    """Write the whole text of LICENCE, word for word.

    Of licences on the SPDX list the text is here; of a model maker's own licence the address is, and why
    the text is not. Exits with 5 when there is no text.

    \b
    Example:
      weightmark license text apache-2.0 > LICENSE
    """
    answer = _answer(licence)
    if as_json:
        print_json(answer)
    elif answer["text"] is not None:
        written = str(answer["text"])
        click.echo(written, nl=not written.endswith("\n"))
    else:
        shown = {"licence": f"{answer['id']} ({answer['title']})", "text": answer["url"] or None}
        print_fields({**shown, "note": answer["note"]})
    if answer["text"] is None:
        sys.exit(EXIT_UNDECIDED)


def _answer(name: str) -> dict[str, Json]:
    terms = find_template(name)
    if terms is None:
        return _pointed_at(name)
    known: dict[str, Json] = {"id": terms.id, "title": terms.title, "url": terms.url}
    return {**known, **_text_of(terms)}


def _text_of(terms: Terms) -> dict[str, Json]:
    found = find_text(terms.id)
    if found is not None:
        return {"text": found.text, "sha256": found.sha256, "source": found.source, "note": ""}
    if terms.id.startswith(OURS):
        return {"text": word_terms(terms), "sha256": None, "source": OWN_SOURCE, "note": ""}
    return {"text": None, "sha256": None, "source": "", "note": why_no_text(terms)}


def _pointed_at(name: str) -> dict[str, Json]:
    pointer = find_pointer(name)
    if pointer is None:
        near = nearest_names(name)
        raise MalformedError(
            f"there is no licence {name[:60]!r}",
            hint=f"Did you mean {' or '.join(near)}?"
            if near
            else "`weightmark license templates` lists all.",
        )
    note = pointer.advice or "It is known by its name and has no rules here; read it at the link."
    known: dict[str, Json] = {"id": pointer.name, "title": pointer.title, "url": pointer.url}
    return {**known, "text": None, "sha256": None, "source": "", "note": note}
