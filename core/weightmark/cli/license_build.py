"""``weightmark license build``: terms of one's own, from flags, from a file or by questions."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from weightmark.cli.option import Moment
from weightmark.cli.output import fails_clearly, good, json_option, print_json
from weightmark.encoding import Json, decode, encode
from weightmark.errors import MalformedError
from weightmark.licensing import (
    Capability,
    Draft,
    Duty,
    Terms,
    Tier,
    UseRestriction,
    build_terms,
    find_template,
)
from weightmark.licensing.building import draft_from
from weightmark.licensing.drafting import parse_bound, parse_capabilities, parse_sharing, read_draft
from weightmark.licensing.duty import Condition
from weightmark.licensing.family.citation import USUAL_DUTIES
from weightmark.licensing.family.purpose import PURPOSES
from weightmark.licensing.odrl import ANY_ASSET, to_odrl
from weightmark.licensing.wording import word_terms
from weightmark.workspace import read_bounded

T = TypeVar("T")

MAX_DRAFT: Final = 1 << 20
"""Bytes of a draft; a longer one is not read."""
_EMPTY: Final = (None, (), "")


class _Parsed(click.ParamType[object]):
    """A value that a function reads; what it cannot read is a usage error."""

    def __init__(self, name: str, read: Callable[[str], object]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        """Read it."""
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _named(usual: dict[str, str], kind: Callable[..., T]) -> Callable[[str], T]:
    def read(text: str) -> T:
        name, separator, sentence = text.partition("=")
        sentence = sentence if separator else usual.get(name, "")
        if not name or not sentence:
            raise ValueError(
                f"{text[:60]!r} has no sentence; write NAME=SENTENCE, or one of: {', '.join(usual)}"
            )
        return kind(id=name, sentence=sentence, clause="")

    return read


_SCOPE: Final = _Parsed("SCOPE", parse_capabilities)


@click.command("build")
@click.option("--name", help="What the terms are called; LicenseRef- is put before it.")
@click.option("--title", help="A name for people.")
@click.option("--template", metavar="LICENCE", help="Terms to start from, such as per-seat or academic.")
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A draft to start from, in the JSON of terms.",
)
@click.option("--tier", type=click.Choice([tier.value for tier in Tier]), help="A bundle to allow.")
@click.option("--allow", multiple=True, type=_SCOPE, help="Capabilities to allow, with commas.")
@click.option("--forbid", multiple=True, type=_SCOPE, help="Capabilities to forbid, with commas.")
@click.option("--commercial/--no-commercial", default=None, help="Whether commercial parties may.")
@click.option(
    "--duty",
    "duties",
    multiple=True,
    type=_Parsed("NAME[=SENTENCE]", _named(USUAL_DUTIES, Duty)),
    help="What must be done in return.",
)
@click.option(
    "--not-for",
    "use_restrictions",
    multiple=True,
    type=_Parsed("NAME[=SENTENCE]", _named(PURPOSES, UseRestriction)),
    help="A purpose that is forbidden.",
)
@click.option(
    "--condition",
    "conditions",
    multiple=True,
    type=_Parsed("NAME=SENTENCE", _named({}, Condition)),
    help="A fact about the licensee that must hold.",
)
@click.option("--share-alike", type=_Parsed("REACH[:LICENCE,...]", parse_sharing), help="For derived works.")
@click.option("--purpose", "purposes", multiple=True, metavar="NAME", help="Only for this; may be repeated.")
@click.option("--organisation", "organisations", multiple=True, metavar="NAME", help="Only for this party.")
@click.option("--territory", multiple=True, metavar="CC", help="Only in this country; two letters.")
@click.option("--seats", type=int, help="For at most so many people.")
@click.option(
    "--bound",
    "bounds",
    multiple=True,
    type=_Parsed("NAME:LIMIT[:UNIT[:OVERAGE]]", parse_bound),
    help="A countable limit, such as inferences:1000000:requests.",
)
@click.option("--start", type=Moment(), help="From when on.")
@click.option("--end", type=Moment(), help="Until when.")
@click.option("--grace", "grace_days", type=int, metavar="DAYS", help="Days after the end.")
@click.option("--renewal", type=click.Choice(["auto"]), help="It renews itself.")
@click.option("--price", metavar="REFERENCE", help="A price or an order.")
@click.option("--warranty", help="What is warranted.")
@click.option("--law", help="The governing law.")
@click.option("--target", default=ANY_ASSET, metavar="IRI", help="What the ODRL policy is about.")
@click.option("--assigner", default="", metavar="IRI", help="Who offers it; then the policy is an Offer.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="The folder to write to; else this one.",
)
@click.option("--force", is_flag=True, help="Write over files that are there.")
@json_option
@fails_clearly
def build(
    *,
    name: str | None,
    template: str | None,
    source: Path | None,
    target: str,
    assigner: str,
    out: Path,
    force: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Make terms of your own: terms.json, terms.md to read, terms.odrl.json for others.

    Asks questions when it stands at a terminal and is given nothing.

    \b
    Example:
      weightmark license build --name lab --allow infer --no-commercial
      weightmark license build --name acme --template per-seat --seats 20
    """
    said = {key: value for key, value in given.items() if value not in _EMPTY}
    if not said and (name, template, source) == (None, None, None) and sys.stdin.isatty():
        draft = _ask()
    else:
        draft = _overlay(_begin(name, template, source), said)
    terms = build_terms(draft)
    policy = to_odrl(terms, target=target, assigner=assigner)
    written = _write(out, terms, policy, force=force)
    if as_json:
        print_json({"terms": terms.to_json(), "odrl": policy, "files": [str(path) for path in written]})
        return
    good(f"{terms.id} is built: {', '.join(str(path) for path in written)}.")
    click.echo(f"  Put a model under it: weightmark license set MODEL {terms.id} --terms {written[0]}")


def _begin(name: str | None, template: str | None, source: Path | None) -> Draft:
    if source is not None:
        draft = read_draft(decode(read_bounded(source, MAX_DRAFT), what=str(source)), what=str(source))
        return draft if name is None else replace(draft, id=name)
    if name is None:
        raise MalformedError("the terms have no name", hint="Give --name, or --from FILE.")
    return Draft(id=name) if template is None else draft_from(_template(template), name)


def _template(name: str) -> Terms:
    terms = find_template(name)
    if terms is None:
        raise MalformedError(
            f"there is no template {name[:60]!r}", hint="`weightmark license templates` shows all of them."
        )
    return terms


def _overlay(draft: Draft, said: dict[str, Any]) -> Draft:
    changes: dict[str, Any] = {}
    for key, value in said.items():
        if key in {"allow", "forbid"}:
            changes[key] = getattr(draft, key).union(*value)
        elif key == "tier":
            changes[key] = Tier(value)
        elif key == "purposes":
            changes[key] = frozenset(value)
        elif key in {"duties", "use_restrictions", "conditions"}:
            changes[key] = (*getattr(draft, key), *value)
        else:
            changes[key] = value
    return replace(draft, **changes)


def _ask() -> Draft:
    click.echo("Terms of your own. An empty answer takes what stands in brackets.", err=True)
    name = _question("What are they called?")
    template = _question("Start from which template (none for none)?", "none")
    draft = Draft(id=name) if template == "none" else draft_from(_template(template), name)
    draft = replace(draft, title=_question("A title for people?", draft.title or name))
    if template == "none":
        draft = replace(draft, allow=_capabilities("What may be done?", "inference"))
        forbidden = _question("What is forbidden in so many words (none for nothing)?", "none")
        draft = replace(draft, forbid=frozenset() if forbidden == "none" else parse_capabilities(forbidden))
        draft = replace(draft, commercial=click.confirm("May commercial parties?", default=True, err=True))
        if click.confirm("Must they name you?", default=True, err=True):
            credit = Duty(id="attribution", sentence=USUAL_DUTIES["attribution"], clause="")
            draft = replace(draft, duties=(*draft.duties, credit))
    seats = click.prompt("For how many people (0 for any number)?", default=0, type=int, err=True)
    end: datetime | None = None
    until = _question("Until which day (never for always)?", "never")
    if until != "never":
        end = Moment().convert(until, None, None)
    price = _question("The price or order (free for none)?", "free")
    law = _question("Which law governs it (none for none)?", "none")
    return replace(
        draft,
        seats=seats or draft.seats,
        end=end,
        price="" if price == "free" else price,
        law="" if law == "none" else law,
    )


def _question(text: str, default: str | None = None) -> str:
    answer: str = click.prompt(text, default=default, err=True)
    return answer.strip()


def _capabilities(text: str, default: str) -> frozenset[Capability]:
    answer: frozenset[Capability] = click.prompt(
        text, default=default, value_proc=parse_capabilities, err=True
    )
    return answer


def _write(out: Path, terms: Terms, policy: dict[str, Json], *, force: bool) -> Sequence[Path]:
    contents = {
        out / "terms.json": encode(terms.to_json()) + b"\n",
        out / "terms.md": word_terms(terms).encode(),
        out / "terms.odrl.json": encode(policy) + b"\n",
    }
    there = [str(path) for path in contents if path.exists()]
    if there and not force:
        raise MalformedError(f"{', '.join(there)} is there already", hint="Give --force, or another --out.")
    out.mkdir(parents=True, exist_ok=True)
    for path, content in contents.items():
        path.write_bytes(content)
    return tuple(contents)
