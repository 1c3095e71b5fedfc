"""Objections: what in some terms stands against a request.

Not here: what follows from them; a grant may still allow what the terms do not.
"""

from typing import NamedTuple

from weightmark.encoding import format_time
from weightmark.licensing.action import Action
from weightmark.licensing.capability import DERIVES, Capability
from weightmark.licensing.decision import ReasonCode
from weightmark.licensing.entitlement import Entitlement, Quota, bounds_in
from weightmark.licensing.request import Request
from weightmark.licensing.sentence import show
from weightmark.licensing.terms import COMMERCIAL, Terms
from weightmark.licensing.work import Work

PRODUCTION = "production"
"""The restricted purpose that promoting and deploying serve, whatever purpose is stated."""
_TO_PRODUCTION = frozenset({Action.PROMOTE, Action.DEPLOY})


class Objection(NamedTuple):
    """One thing that stands against it.

    Args:
        code: the reason's code.
        message: one sentence for people.
        clause: where it is written.
    """

    code: ReasonCode
    message: str
    clause: str


def find_objections(terms: Terms, work: Work, request: Request) -> list[Objection]:
    """Find everything in some terms that stands against a request.

    Args:
        terms: what is weighed.
        work: the work they are for.
        request: what is asked.

    Returns:
        The objections, the gravest first; empty when the terms allow it.

    Raises:
        Nothing.
    """
    found: list[Objection] = []
    licence, name, party = show(terms.id), show(work.name), show(request.party.name)
    if terms.start is not None and request.at < terms.start:
        message = f"{licence} for {name!r} holds only from {format_time(terms.start)} on."
        found.append(Objection(ReasonCode.LICENCE_NOT_YET_VALID, message, terms.id))
    elif terms.end is not None and request.at >= terms.end and _grace_is_over(terms, request):
        message = f"{licence} for {name!r} ended at {format_time(terms.end)}."
        found.append(Objection(ReasonCode.LICENCE_EXPIRED, message, terms.id))
    lacking = _lacking(terms, request.action.needs)
    found += [_missing(terms, need, work) for need in sorted(lacking)]
    if not request.action.exercises:
        return found
    if not terms.commercial and request.party.commercial and not lacking:
        message = (
            f"{name!r} is under {licence}, which permits no commercial use, and {party} acts commercially."
        )
        found.append(Objection(ReasonCode.NON_COMMERCIAL, message, terms.clause(COMMERCIAL)))
    if terms.purposes or terms.organisations:
        found += _not_meant(terms, work, request)
    barred = (request.purpose, PRODUCTION) if request.action in _TO_PRODUCTION else (request.purpose,)
    for restriction in terms.use_restrictions:
        if restriction.id in barred:
            message = (
                f"{name!r} is under {licence}, which forbids {show(restriction.id)}: {restriction.sentence}"
            )
            found.append(Objection(ReasonCode.USE_RESTRICTED, message, restriction.clause))
    return found + _spent(terms, work, request)


def _grace_is_over(terms: Terms, request: Request) -> bool:
    last = terms.window.last
    return last is not None and request.at >= last


def _not_meant(terms: Terms, work: Work, request: Request) -> list[Objection]:
    found: list[Objection] = []
    licence, name, party = show(terms.id), show(work.name), show(request.party.name)
    if terms.purposes and request.purpose not in terms.purposes:
        only = " or ".join(map(show, sorted(terms.purposes)))
        asked = f"not for {show(request.purpose)}" if request.purpose else "and no purpose was stated"
        message = f"{name!r} is under {licence}, which is for {only} only, {asked}."
        found.append(Objection(ReasonCode.PURPOSE_NOT_GRANTED, message, terms.id))
    if terms.organisations and request.party.name not in terms.organisations:
        message = (
            f"{name!r} is under {licence}, which is for named organisations, and {party} is none of them."
        )
        found.append(Objection(ReasonCode.NOT_PERMITTED, message, terms.id))
    return found


def _lacking(terms: Terms, needs: frozenset[Capability]) -> frozenset[Capability]:
    return (needs - terms.permissions) | (needs & terms.prohibitions)


def _missing(terms: Terms, need: Capability, work: Work) -> Objection:
    forbids = need in terms.prohibitions
    code = ReasonCode.PROHIBITED if forbids else ReasonCode.NOT_PERMITTED
    if need in DERIVES:
        code = ReasonCode.NO_DERIVATIVES
    verb = "forbids" if forbids else "does not permit"
    message = f"{show(work.name)!r} is under {show(terms.id)}, which {verb} {need.value}."
    return Objection(code, message, terms.clause(need))


def _spent(terms: Terms, work: Work, request: Request) -> list[Objection]:
    if not terms.bounds:
        return []
    if request.usage is None:
        message = f"{show(terms.id)} limits the use of {show(work.name)!r}, and the use so far is not known."
        return [Objection(ReasonCode.USAGE_UNKNOWN, message, terms.id)]
    return [
        Objection(ReasonCode.QUOTA_EXCEEDED, _used_up(terms, work, bound), terms.id)
        for bound in bounds_in(terms.bounds, Quota.USED_UP, request.usage)
    ]


def _used_up(terms: Terms, work: Work, bound: Entitlement) -> str:
    included = f"{bound.limit} {show(bound.unit)} of {show(bound.name)}"
    return f"{show(terms.id)} for {show(work.name)!r} includes {included}, and they are used up."
