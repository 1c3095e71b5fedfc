"""``weightmark license build``: terms of one's own, from flags, from a file or by questions."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from weightmark.cli.license_questions import ask_draft
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
    WorkKind,
    build_terms,
    find_template,
    nearest_names,
)
from weightmark.licensing.building import draft_from
from weightmark.licensing.drafting import parse_bound, parse_capabilities, parse_sharing, read_draft
from weightmark.licensing.duty import Condition
from weightmark.licensing.family.citation import USUAL_DUTIES
from weightmark.licensing.family.purpose import PURPOSES
from weightmark.licensing.odrl import ANY_ASSET, parse_iri, to_odrl
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
_IRI: Final = _Parsed("IRI", lambda text: parse_iri(text) if text else "")


@click.command("build")
@click.option("--name", help="What the terms are called; LicenseRef- is put before it.")
@click.option("--title", help="A name for people.")
@click.option("--url", help="Where a longer text stands.")
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
@click.option(
    "--network/--no-network", default=None, help="With --share-alike: access over a network is passing on."
)
@click.option("--purpose", "purposes", multiple=True, metavar="NAME", help="Only for this; may be repeated.")
@click.option(
    "--covers",
    multiple=True,
    type=click.Choice([kind.value for kind in WorkKind]),
    help="A kind of work that it speaks of.",
)
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
@click.option("--target", default=ANY_ASSET, type=_IRI, help="What the ODRL policy is about.")
@click.option("--assigner", default="", type=_IRI, help="Who offers it; then the policy is an Offer.")
@click.option("--assignee", default="", type=_IRI, help="Who agreed to it; then it is an Agreement.")
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
    assignee: str,
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
    if assignee and not assigner:
        raise click.UsageError("--assignee needs --assigner: an agreement has two parties.")
    said = {key: value for key, value in given.items() if value not in _EMPTY}
    if not said and (name, template, source) == (None, None, None) and sys.stdin.isatty():
        draft = ask_draft(_template)
    else:
        draft = _overlay(_begin(name, template, source), said)
    terms = build_terms(draft)
    policy = to_odrl(terms, target=target, assigner=assigner, assignee=assignee)
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
        near = nearest_names(name)
        offer = f"; did you mean {' or '.join(near)}?" if near else ""
        raise MalformedError(
            f"there is no template {name[:60]!r}{offer}",
            hint="`weightmark license templates` shows all of them.",
        )
    return terms


def _overlay(draft: Draft, said: dict[str, Any]) -> Draft:
    changes: dict[str, Any] = {}
    for key, value in said.items():
        if key == "tier":
            changes[key] = Tier(value)
        elif key == "purposes":
            changes[key] = frozenset(value)
        elif key == "covers":
            changes[key] = frozenset(map(WorkKind, value))
        elif key in {"duties", "use_restrictions", "conditions"}:
            changes[key] = (*getattr(draft, key), *value)
        elif key not in {"allow", "forbid", "network"}:
            changes[key] = value
    allow, forbid = (frozenset[Capability]().union(*said.get(key, ())) for key in ("allow", "forbid"))
    granted = allow if "tier" not in changes else allow | changes["tier"].capabilities
    changes |= {"allow": (draft.allow - forbid) | allow, "forbid": (draft.forbid - granted) | forbid}
    draft = replace(draft, **changes)
    if "network" not in said:
        return draft
    if draft.share_alike is None:
        raise click.UsageError("--network needs --share-alike: it says what counts as passing on.")
    return replace(draft, share_alike=replace(draft.share_alike, network=said["network"]))


def _write(out: Path, terms: Terms, policy: dict[str, Json], *, force: bool) -> Sequence[Path]:
    contents = {
        out / "terms.json": encode(terms.to_json()) + b"\n",
        out / "terms.md": word_terms(terms).encode(),
        out / "terms.odrl.json": encode(policy) + b"\n",
    }
    there = [str(path) for path in contents if path.exists()]
    if there and not force:
        verb = "is" if len(there) == 1 else "are"
        raise MalformedError(
            f"{', '.join(there)} {verb} there already", hint="Give --force, or another --out."
        )
    out.mkdir(parents=True, exist_ok=True)
    for path, content in contents.items():
        path.write_bytes(content)
    return tuple(contents)
