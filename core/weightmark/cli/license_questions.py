"""The questions of ``weightmark license build``: each is asked until it is answered, all until they agree."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar

import click

from weightmark.encoding import format_time, parse_time
from weightmark.errors import WeightmarkError
from weightmark.licensing import Capability, Draft, Duty, Terms, UseRestriction, find_contradictions
from weightmark.licensing.building import Bound, draft_from
from weightmark.licensing.drafting import parse_bound, parse_capabilities
from weightmark.licensing.duty import Point
from weightmark.licensing.family.citation import USUAL_DUTIES
from weightmark.licensing.family.purpose import PURPOSES

T = TypeVar("T")
P = TypeVar("P", bound=Point)

NONE: Final = "none"
"""The answer that stands for nothing."""


def ask_draft(find: Callable[[str], Terms]) -> Draft:
    """Ask for everything that terms may say, and again while the answers contradict each other.

    Args:
        find: gives the template of a name, or raises a WeightmarkError.

    Raises:
        click.Abort: the person ends it.
    """
    click.echo("Terms of your own. An empty answer takes what stands in brackets.", err=True)
    name = _ask("What are they called?", None, str)
    template = _ask(
        "Start from which template, such as per-seat or academic?",
        NONE,
        lambda text: None if text == NONE else find(text),
    )
    draft = Draft(id=name) if template is None else draft_from(template, name)
    draft = _ask_all(draft)
    while contradictions := find_contradictions(draft):
        click.echo("This cannot stand:", err=True)
        for contradiction in contradictions:
            click.echo(f"  {contradiction}", err=True)
        draft = _ask_all(replace(draft, id=_ask("What are they called?", draft.id, str)))
    return draft


def _ask_all(draft: Draft) -> Draft:
    draft = _ask_deeds(replace(draft, title=_ask("A title for people?", draft.title or draft.id, str)))
    timed = draft.start or draft.end or draft.grace_days or draft.renewal
    if _confirm("Does it begin or end on a day?", timed):
        draft = _ask_time(draft)
    narrow = draft.seats is not None or draft.organisations or draft.purposes or draft.territory
    if _confirm("Is it only for some people, purposes or places?", narrow):
        draft = _ask_extent(draft)
    if _confirm("Is anything counted or paid for?", draft.bounds or draft.price):
        bounds = _ask("Limits, such as calls:1000:requests?", _bounds(draft.bounds), _list_of(parse_bound))
        draft = replace(draft, bounds=bounds, price=_ask_text("The price or order?", draft.price))
    if _confirm("Does it speak of warranty or of law?", draft.warranty or draft.law):
        warranty = _ask_text("What is warranted?", draft.warranty)
        draft = replace(draft, warranty=warranty, law=_ask_text("Which law governs it?", draft.law))
    return draft


def _ask_deeds(draft: Draft) -> Draft:
    begun = bool(draft.permissions)
    usual = _names(draft.permissions) if begun else "inference"
    draft = replace(draft, tier=None, allow=_ask("What may be done?", usual, _capabilities))
    draft = replace(
        draft, forbid=_ask("What is forbidden in so many words?", _names(draft.forbid), _capabilities)
    )
    draft = replace(draft, commercial=_confirm("May commercial parties?", draft.commercial))
    duties = _ids(draft.duties) if begun else "attribution"
    return replace(
        draft,
        duties=_ask("What must they do in return?", duties, _points(Duty, draft.duties, USUAL_DUTIES)),
        use_restrictions=_ask(
            "What must it not be used for?",
            _ids(draft.use_restrictions),
            _points(UseRestriction, draft.use_restrictions, PURPOSES),
        ),
    )


def _ask_time(draft: Draft) -> Draft:
    return replace(
        draft,
        start=_ask("From which day on?", _day(draft.start), _moment),
        end=_ask("Until which day, that day not included?", _day(draft.end), _moment),
        grace_days=_ask("How many days of grace after the end?", str(draft.grace_days), int),
        renewal="auto" if _confirm("Does it renew itself?", draft.renewal) else "",
    )


def _ask_extent(draft: Draft) -> Draft:
    seats = NONE if draft.seats is None else str(draft.seats)
    return replace(
        draft,
        seats=_ask("For how many people?", seats, lambda text: None if text == NONE else int(text)),
        organisations=_ask("For which organisations?", _names(draft.organisations), _list_of(str)),
        purposes=frozenset(_ask("For which purposes?", _names(draft.purposes), _list_of(str))),
        territory=_ask("In which countries (two letters)?", _names(draft.territory), _list_of(str)),
    )


def _ask(text: str, default: str | None, read: Callable[[str], T]) -> T:
    def process(answer: str) -> T:
        try:
            return read(answer.strip())
        except (ValueError, WeightmarkError) as error:
            raise click.UsageError(str(error)) from error

    answer: T = click.prompt(text, default=default, value_proc=process, err=True)
    return answer


def _ask_text(text: str, default: str) -> str:
    return _ask(text, default or NONE, lambda answer: "" if answer == NONE else answer)


def _confirm(text: str, default: object) -> bool:
    return click.confirm(text, default=bool(default), err=True)


def _capabilities(text: str) -> frozenset[Capability]:
    return frozenset() if text == NONE else parse_capabilities(text)


def _list_of(read: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    def split(text: str) -> tuple[T, ...]:
        parts = () if text == NONE else text.split(",")
        return tuple(read(part.strip()) for part in parts if part.strip())

    return split


def _points(kind: type[P], held: Iterable[P], usual: Mapping[str, str]) -> Callable[[str], tuple[P, ...]]:
    known = {name: kind(id=name, sentence=sentence, clause="") for name, sentence in usual.items()}
    known |= {point.id: point for point in held}

    def read(name: str) -> P:
        if name not in known:
            raise ValueError(f"{name[:40]!r} has no sentence; the names are: {', '.join(known)}")
        return known[name]

    return _list_of(read)


def _moment(text: str) -> datetime | None:
    if text == NONE:
        return None
    return parse_time(text if "T" in text else f"{text}T00:00:00Z")


def _day(moment: datetime | None) -> str:
    return NONE if moment is None else format_time(moment)


def _names(names: Iterable[str]) -> str:
    listed = sorted(names) if isinstance(names, frozenset) else names
    return ", ".join(map(str, listed)) or NONE


def _ids(points: Iterable[Point]) -> str:
    return _names([point.id for point in points])


def _bounds(bounds: Iterable[Bound]) -> str:
    return _names([f"{one.name}:{one.limit}:{one.unit}:{one.overage}" for one in bounds])
