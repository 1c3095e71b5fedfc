"""Collisions: demands that no licence of the result can meet together.

Where no demand gives a list of licences, terms of one's own can meet them all; then nothing collides.

Not promised: that whoever holds the rights in a work would not allow more when asked.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations

from weightmark.licensing.compatibility import CompatibilityCode, CompatibilityReason
from weightmark.licensing.demand import NO_FURTHER, Demand, objection_to, pair_clause
from weightmark.licensing.sentence import show
from weightmark.licensing.template import find_template
from weightmark.licensing.terms import COMMERCIAL, Terms

_CODES = {
    "share-alike": CompatibilityCode.SHARE_ALIKE,
    "non-commercial": CompatibilityCode.NON_COMMERCIAL_ONWARD,
    "further-restrictions": CompatibilityCode.FURTHER_RESTRICTIONS,
}
_TELLS = {
    CompatibilityCode.SHARE_ALIKE: "which is not among the licences that {0} lets the result carry",
    CompatibilityCode.NON_COMMERCIAL_ONWARD: "which lets others use it commercially, and {0} does not",
    CompatibilityCode.FURTHER_RESTRICTIONS: "which admits no further restrictions, and {0} brings some",
}
_WAY_OUT = (
    "Leave one of them out, keep the result to yourself, or ask a licensor for another licence. If one is on"
    " the code beside the weights of the other, say so: code:LICENCE."
)


def find_collisions(demands: Sequence[Demand]) -> list[CompatibilityReason]:
    """Find what stands against every licence that the result could carry.

    Args:
        demands: those of all ingredients.

    Returns:
        One reason for each collision; empty when some licence, or terms of one's own, meet all demands.

    Raises:
        Nothing.
    """
    claims = _unique(demand for demand in demands if demand.closed is not None and demand.whole)
    if not claims:
        return []
    common = frozenset[str].intersection(*(demand.closed or frozenset[str]() for demand in claims))
    if not common:
        pairs: list[Sequence[Demand]] = [
            pair for pair in combinations(claims, 2) if not _closed(pair[0]) & _closed(pair[1])
        ]
        return [_disjoint(pair) for pair in pairs or [claims]]
    return _against_all(_unique(demands), sorted(common), claims)


def _against_all(
    demands: Sequence[Demand], candidates: Sequence[str], claims: Sequence[Demand]
) -> list[CompatibilityReason]:
    against: dict[str, list[tuple[Demand, str]]] = {}
    for name in candidates:
        against[name] = [(demand, why) for demand in demands if (why := _objection(demand, name, claims))]
        if not against[name]:
            return []
    always = [
        demand
        for demand in demands
        if all(any(demand is other for other, _ in found) for found in against.values())
    ]
    reasons = [
        _collide(demand, why, name, claims)
        for name, found in against.items()
        for demand, why in found
        if not always or any(demand is one for one in always)
    ]
    first: dict[tuple[CompatibilityCode, str], CompatibilityReason] = {}
    for reason in reasons:
        first.setdefault((reason.code, reason.licence.split(" with ")[0]), reason)
    return list(first.values())


def _objection(demand: Demand, name: str, claims: Sequence[Demand]) -> str:
    known = _terms_of(name, claims)
    if known:
        return next(filter(None, (objection_to(demand, outbound) for outbound in known)), "")
    if demand.closed is not None:
        return "" if name in demand.closed or not demand.whole else "share-alike"
    return "further-restrictions" if demand.keeps or demand.noncommercial or demand.burdened else ""


def _terms_of(name: str, claims: Sequence[Demand]) -> list[Terms]:
    template = find_template(name)
    own = [demand.terms for demand in claims if demand.terms.id == name]
    return own or ([] if template is None else [template])


def _collide(demand: Demand, why: str, name: str, claims: Sequence[Demand]) -> CompatibilityReason:
    code, terms = _CODES[why], demand.terms
    claiming = _unique(claim for claim in claims if claim is not demand)
    theirs = [_strictness(claim.terms) for claim in claiming]
    mine = pair_clause(terms.id, name) or _flow(demand, code)
    tells = _TELLS[code].format(show(terms.id))
    return CompatibilityReason(
        code=code,
        message=f"The result would have to be under {show(name)}, {tells}.",
        clauses=tuple(dict.fromkeys((mine, *theirs))),
        licence=" with ".join((terms.id, *(claim.terms.id for claim in claiming))),
        hint=_WAY_OUT,
    )


def _disjoint(claims: Sequence[Demand]) -> CompatibilityReason:
    names = [show(demand.terms.id) for demand in claims]
    return CompatibilityReason(
        code=CompatibilityCode.SHARE_ALIKE,
        message=f"{' and '.join(names)} each want the result under themselves, and no licence is both.",
        clauses=tuple(dict.fromkeys(_share_clause(demand.terms) for demand in claims)),
        licence=" with ".join(demand.terms.id for demand in claims),
        hint=_WAY_OUT,
    )


def _flow(demand: Demand, code: CompatibilityCode) -> str:
    terms = demand.terms
    if code is CompatibilityCode.NON_COMMERCIAL_ONWARD:
        return terms.clause(COMMERCIAL)
    for name in ("pass-on-use-restrictions", "observe-use-restrictions"):
        for duty in terms.duties:
            if demand.keeps and duty.id == name:
                return duty.clause
    if not demand.keeps and terms.conditions:
        return terms.conditions[0].clause
    return _share_clause(terms)


def _strictness(terms: Terms) -> str:
    strict = next((duty.clause for duty in terms.duties if duty.id == NO_FURTHER), "")
    return strict or _share_clause(terms)


def _share_clause(terms: Terms) -> str:
    return terms.id if terms.share_alike is None else terms.share_alike.clause


def _closed(demand: Demand) -> frozenset[str]:
    return demand.closed or frozenset()


def _unique(demands: Iterable[Demand]) -> list[Demand]:
    return list(dict.fromkeys(demands))
