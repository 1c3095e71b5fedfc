"""Objections: what in some terms stands against a request.

Not here: what follows from them, a grant may still allow what the terms do not; nor their sentences, see
``licence_account``.
"""

from collections.abc import Iterator
from typing import NamedTuple

from weightmark.licensing.action import Action
from weightmark.licensing.capability import DERIVES, SHARES, Capability
from weightmark.licensing.decision import ReasonCode
from weightmark.licensing.duty import PRIVATE_ONLY, Duty, UseRestriction
from weightmark.licensing.entitlement import Entitlement, Quota, bounds_in
from weightmark.licensing.request import Request
from weightmark.licensing.terms import Terms

PRODUCTION = "production"
"""The restricted purpose that promoting and deploying serve, whatever purpose is stated."""
_TO_PRODUCTION = frozenset({Action.PROMOTE, Action.DEPLOY})


class Objection(NamedTuple):
    """One thing that stands against it.

    Args:
        code: the reason's code.
        about: what of the terms it is about; None when the code says it all.
    """

    code: ReasonCode
    about: Capability | Duty | UseRestriction | Entitlement | None = None


def find_objections(terms: Terms, request: Request, *, derived: bool = False) -> list[Objection]:
    """Find everything in some terms that stands against a request.

    Args:
        terms: what is weighed.
        request: what is asked.
        derived: whether it is asked of a model that was derived from the work that they are for.

    Returns:
        The objections, the gravest first; empty when the terms allow it.

    Raises:
        Nothing.
    """
    found: list[Objection] = []
    if terms.start is not None and request.at < terms.start:
        found.append(Objection(ReasonCode.LICENCE_NOT_YET_VALID))
    elif terms.end is not None and request.at >= terms.end and _grace_is_over(terms, request):
        found.append(Objection(ReasonCode.LICENCE_EXPIRED))
    lacking = request.needs - terms.permissions | request.needs & terms.prohibitions
    if lacking:
        found += [_missing(terms, need) for need in sorted(lacking)]
    if not request.exercises:
        return found
    if derived and terms.duties and not request.needs.isdisjoint(SHARES):
        found += [
            Objection(ReasonCode.NO_DERIVATIVES, duty) for duty in terms.duties if duty.id == PRIVATE_ONLY
        ]
    if not terms.commercial and request.party.commercial and not lacking:
        found.append(Objection(ReasonCode.NON_COMMERCIAL))
    if terms.purposes and request.purpose not in terms.purposes:
        found.append(Objection(ReasonCode.PURPOSE_NOT_GRANTED))
    if terms.organisations and request.party.name not in terms.organisations:
        found.append(Objection(ReasonCode.NOT_PERMITTED))
    if terms.use_restrictions:
        found += _restricted(terms, request)
    return found + _spent(terms, request) if terms.bounds else found


def _grace_is_over(terms: Terms, request: Request) -> bool:
    last = terms.window.last
    return last is not None and request.at >= last


def _missing(terms: Terms, need: Capability) -> Objection:
    if need in DERIVES:
        return Objection(ReasonCode.NO_DERIVATIVES, need)
    forbids = need in terms.prohibitions
    return Objection(ReasonCode.PROHIBITED if forbids else ReasonCode.NOT_PERMITTED, need)


def _restricted(terms: Terms, request: Request) -> Iterator[Objection]:
    barred = (request.purpose, PRODUCTION) if request.action in _TO_PRODUCTION else (request.purpose,)
    for restriction in terms.use_restrictions:
        if restriction.id in barred:
            yield Objection(ReasonCode.USE_RESTRICTED, restriction)


def _spent(terms: Terms, request: Request) -> list[Objection]:
    if request.usage is None:
        return [Objection(ReasonCode.USAGE_UNKNOWN)]
    return [
        Objection(ReasonCode.QUOTA_EXCEEDED, bound)
        for bound in bounds_in(terms.bounds, Quota.USED_UP, request.usage, request.amount)
    ]
