"""Building: terms of one's own from a draft, with everything that contradicts itself named at once.

The same for a command and for a page. A draft holds what somebody typed; terms come out of it only when
nothing in it stands against anything else.

Not promised: good terms. Only contradictions are found, not what was forgotten.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Final

from weightmark.errors import MalformedError
from weightmark.licensing.capability import DERIVES, Capability
from weightmark.licensing.duty import Clause, Condition, Duty, UseRestriction
from weightmark.licensing.entitlement import Entitlement
from weightmark.licensing.sharing import ShareAlike
from weightmark.licensing.terms import COMMERCIAL, RENEWALS, Terms
from weightmark.licensing.tier import Tier
from weightmark.licensing.window import MOST_GRACE_DAYS
from weightmark.licensing.work_kind import WorkKind

NEEDS: Final[dict[Capability, Capability]] = {
    Capability.EMBED: Capability.INFER,
    Capability.DISTILL: Capability.INFER,
    Capability.MERGE: Capability.DOWNLOAD_WEIGHTS,
    Capability.REDISTRIBUTE: Capability.DOWNLOAD_WEIGHTS,
    Capability.DOWNLOAD_WEIGHTS: Capability.VIEW_ARCHITECTURE,
    Capability.VIEW_ARCHITECTURE: Capability.VIEW_METADATA,
}
"""What can not be done where something else is forbidden."""
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_PERMITTED, _FORBIDDEN, _COMMERCE = "section 1", "section 2", "section 3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A limit as it was typed, of whatever sign.

    Args:
        name: what is counted.
        unit: the unit it is counted in.
        limit: how many are included.
        overage: how many more are let through and owed for.
    """

    name: str
    unit: str
    limit: int
    overage: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Terms as somebody wishes them, unchecked; see ``Terms`` for what each means.

    Args:
        id: ``LicenseRef-`` and a name; other names get that prefix.
        title: a full name for people.
        url: where a longer text stands.
        tier: a bundle of capabilities to allow; None for none.
        allow: capabilities to allow beside the tier's.
        forbid: capabilities to forbid in so many words.
        commercial: whether commercial parties may.
        duties: what must be done in return; those without a clause get one.
        use_restrictions: purposes that are forbidden; those without a clause get one.
        conditions: facts about the licensee; those without a clause get one.
        start: the first moment.
        end: the first moment after it.
        grace_days: days after the end.
        renewal: ``auto`` or empty.
        bounds: countable limits.
        territory: countries, as two letters each.
        seats: how many people; None for any number.
        organisations: the parties it is for.
        purposes: the only purposes it is for.
        price: a reference to a price or an order.
        share_alike: what derived works must carry.
        covers: the kinds of works it speaks of.
        warranty: what is warranted.
        law: the governing law.
    """

    id: str
    title: str = ""
    url: str = ""
    tier: Tier | None = None
    allow: frozenset[Capability] = frozenset()
    forbid: frozenset[Capability] = frozenset()
    commercial: bool = True
    duties: tuple[Duty, ...] = ()
    use_restrictions: tuple[UseRestriction, ...] = ()
    conditions: tuple[Condition, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    grace_days: int = 0
    renewal: str = ""
    bounds: tuple[Bound, ...] = ()
    territory: tuple[str, ...] = ()
    seats: int | None = None
    organisations: tuple[str, ...] = ()
    purposes: frozenset[str] = frozenset()
    price: str = ""
    share_alike: ShareAlike | None = None
    covers: frozenset[WorkKind] = frozenset()
    warranty: str = ""
    law: str = ""

    @property
    def permissions(self) -> frozenset[Capability]:
        """Everything it wishes to allow."""
        bundle = frozenset[Capability]() if self.tier is None else self.tier.capabilities
        return self.allow | bundle


_SHARED: Final = tuple(
    entry.name for entry in fields(Draft) if entry.name not in {"id", "tier", "allow", "forbid", "bounds"}
)


def draft_from(terms: Terms, name: str) -> Draft:
    """Start a draft from terms, such as a template's.

    Args:
        terms: what to start from; their clauses are left behind.
        name: the new terms' name.

    Raises:
        Nothing.
    """
    shared = {entry: getattr(terms, entry) for entry in _SHARED}
    bounds = tuple(
        Bound(name=bound.name, unit=bound.unit, limit=bound.limit, overage=bound.overage)
        for bound in terms.bounds
    )
    draft = Draft(id=name, allow=terms.permissions, forbid=terms.prohibitions, bounds=bounds, **shared)
    return replace(
        draft,
        duties=tuple(replace(duty, clause="") for duty in draft.duties),
        use_restrictions=tuple(replace(one, clause="") for one in draft.use_restrictions),
        conditions=tuple(replace(one, clause="") for one in draft.conditions),
    )


def build_terms(draft: Draft) -> Terms:
    """Make terms of a draft.

    Args:
        draft: what is wished.

    Returns:
        Terms whose clauses name the sections of their own text; see ``wording``.

    Raises:
        MalformedError: something in it contradicts something else; the message names all of it.
    """
    _agree(find_contradictions(draft), "the terms cannot stand")
    name = draft.id if draft.id.startswith("LicenseRef-") else f"LicenseRef-{draft.id}"
    shared = {entry: getattr(draft, entry) for entry in _SHARED}
    terms = Terms(
        id=name,
        permissions=draft.permissions,
        prohibitions=draft.forbid,
        bounds=tuple(
            Entitlement(name=bound.name, unit=bound.unit, limit=bound.limit, overage=bound.overage)
            for bound in draft.bounds
        ),
        **shared,
    )
    return _cite(terms, name.removeprefix("LicenseRef-"))


def check_terms(terms: Terms, *, what: str = "the terms") -> None:
    """Check that nothing in some terms stands against anything else.

    Args:
        terms: such as somebody's own, from a file; they may have any name, and may allow nothing.
        what: their name in messages.

    Raises:
        MalformedError: something in them contradicts something else; the message names all of it.
    """
    draft = draft_from(terms, terms.id)
    _agree(tuple(_phrases(draft, _AGREEING)), f"what {what} says contradicts itself")


def find_contradictions(draft: Draft) -> tuple[str, ...]:
    """Find everything in a draft that stands against something else.

    Args:
        draft: what is wished.

    Returns:
        One phrase for each, in a fixed order; empty when terms can be made of it.

    Raises:
        Nothing.
    """
    return tuple(_phrases(draft, (_in_name, _in_nothing, *_AGREEING)))


def _phrases(draft: Draft, finders: Iterable[Callable[[Draft], Iterator[str]]]) -> Iterator[str]:
    for find in finders:
        yield from find(draft)


def _agree(contradictions: tuple[str, ...], message: str) -> None:
    if contradictions:
        raise MalformedError(
            f"{message}: {'; '.join(contradictions)}",
            hint="Change or leave out what is named, and try again.",
        )


def _in_name(draft: Draft) -> Iterator[str]:
    if not _IDENTIFIER.fullmatch(draft.id.removeprefix("LicenseRef-")):
        yield f"the name {draft.id[:40]!r} must be letters, digits, dots and hyphens"


def _in_nothing(draft: Draft) -> Iterator[str]:
    if not draft.permissions:
        yield "it allows nothing"


def _in_capabilities(draft: Draft) -> Iterator[str]:
    allowed, forbidden = draft.permissions, draft.forbid
    for capability in sorted(draft.allow & forbidden):
        yield f"{capability} is allowed and forbidden at once"
    if draft.tier is not None:
        for capability in sorted((draft.tier.capabilities & forbidden) - draft.allow):
            yield f"the tier {draft.tier} needs {capability}, which is forbidden"
    for capability in sorted(allowed - forbidden):
        need = NEEDS.get(capability)
        if need is not None and need in forbidden and need not in allowed:
            yield f"{capability} is allowed, and needs {need}, which is forbidden"
    if Capability.RESELL in allowed and not draft.commercial:
        yield "resell is allowed, and commercial use is forbidden"
    if draft.share_alike is not None and forbidden >= DERIVES:
        yield "derived works must carry a licence, and deriving is forbidden"


def _in_time(draft: Draft) -> Iterator[str]:
    zoned = True
    for name, moment in (("start", draft.start), ("end", draft.end)):
        if moment is not None and moment.tzinfo is None:
            zoned = False
            yield f"the {name} ({moment}) has no zone"
    if zoned and draft.start is not None and draft.end is not None and draft.end <= draft.start:
        yield f"the end ({draft.end:%Y-%m-%d %H:%M}) is not after the start ({draft.start:%Y-%m-%d %H:%M})"
    if not 0 <= draft.grace_days <= MOST_GRACE_DAYS:
        yield f"the grace of {draft.grace_days} days is not 0 to {MOST_GRACE_DAYS}"
    if draft.grace_days > 0 and draft.end is None:
        yield "there are days of grace after the end, and no end"
    if draft.renewal not in RENEWALS:
        yield f"the renewal {draft.renewal[:40]!r} is neither 'auto' nor empty"
    if draft.renewal and draft.end is None:
        yield "it renews itself at the end, and has no end"


def _in_limits(draft: Draft) -> Iterator[str]:
    if draft.seats is not None and draft.seats < 1:
        yield f"there are {draft.seats} seats"
    for bound in draft.bounds:
        if not bound.name:
            yield "a limit does not say what it counts"
        if bound.limit < 0:
            yield f"the limit of {bound.name!r} is negative ({bound.limit})"
        if bound.overage < 0:
            yield f"the overage of {bound.name!r} is negative ({bound.overage})"
    yield from _twice("limit", (bound.name for bound in draft.bounds))


def _in_extent(draft: Draft) -> Iterator[str]:
    for country in draft.territory:
        if not _COUNTRY.fullmatch(country):
            yield f"the territory {country[:40]!r} is no country of two capital letters"
    for purpose in sorted(draft.purposes & {one.id for one in draft.use_restrictions}):
        yield f"the purpose {purpose!r} is the only one and forbidden at once"
    yield from _twice("organisation", draft.organisations)
    yield from _twice("country", draft.territory)


def _in_names(draft: Draft) -> Iterator[str]:
    yield from _twice("duty", (duty.id for duty in draft.duties))
    yield from _twice("forbidden purpose", (one.id for one in draft.use_restrictions))
    yield from _twice("condition", (one.id for one in draft.conditions))


_AGREEING: Final = (_in_capabilities, _in_time, _in_limits, _in_extent, _in_names)


def _twice(what: str, names: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f"the {what} {name[:40]!r} is there twice"
        seen.add(name)


def _cite(terms: Terms, name: str) -> Terms:
    places = {str(capability): _PERMITTED for capability in terms.permissions}
    places |= {str(capability): _FORBIDDEN for capability in terms.prohibitions}
    places[COMMERCIAL] = _COMMERCE
    return replace(
        terms,
        clauses=tuple(Clause(topic=topic, place=f"{name} {place}") for topic, place in places.items()),
        duties=tuple(replace(duty, clause=duty.clause or f"{name} section 4") for duty in terms.duties),
        use_restrictions=tuple(
            replace(one, clause=one.clause or f"{name} section 5") for one in terms.use_restrictions
        ),
        conditions=tuple(replace(one, clause=one.clause or f"{name} section 6") for one in terms.conditions),
        share_alike=(
            None
            if terms.share_alike is None
            else replace(terms.share_alike, clause=terms.share_alike.clause or f"{name} section 4")
        ),
    )
