"""Demands: which licences a result may carry, as one of its ingredients sees it.

Only the fields of the terms are read, and one table of pairs that the texts decide and no field shows.

Not promised: that a demand is met by naming a licence; the duties are listed apart.
"""

from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Final

from weightmark.licensing.catalog import FAMILIES
from weightmark.licensing.sharing import Reach
from weightmark.licensing.template import TEMPLATES
from weightmark.licensing.terms import Terms
from weightmark.licensing.work_kind import WorkKind

NO_FURTHER: Final = "no-further-restrictions"
FREE_ALONE: Final = "improve-other-model"

_BURDEN_NAMES: Final = (
    "bind-customers confidentiality display-name keep-documentation keep-guardrails name-prefix no-hosting"
    " observe-use-restrictions pass-on-use-restrictions register report-units"
)
_BURDENS: Final = frozenset(_BURDEN_NAMES.split())
"""Duties that a licence without further restrictions cannot take along."""

_PAIRS: Final = {
    (inbound, outbound): f"{inbound} section 3 (end of the patent licence)"
    for inbound in ("Apache-2.0", "ECL-2.0")
    for outbound in ("GPL-2.0-only", "GPL-2.0-or-later", "LGPL-2.1-only", "LGPL-2.1-or-later")
}
"""Pairs that collide for a reason that no field shows.

Source: Free Software Foundation, "Various Licenses and Comments about Them", on the Apache License 2.0.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one licence demands of the licence of a result.

    Args:
        name: the licence's identifier.
        terms: the licence.
        closed: the only licences that will do; None when no list is given.
        keeps: the use restrictions that the result's licence must have too.
        noncommercial: whether the result's licence must exclude commercial use.
        burdened: whether it comes with duties or conditions that no copyleft licence takes along.
        whole: whether it reaches the result in any case; else only when another licence claims the whole.
    """

    name: str
    terms: Terms = field(hash=False)
    closed: frozenset[str] | None = None
    keeps: frozenset[str] = frozenset()
    noncommercial: bool = False
    burdened: bool = False
    whole: bool = True


_MOST_READ: Final = 1024
_read: Final[dict[tuple[int, bool], Demand]] = {}


def demand_of(terms: Terms, *, combined: bool = False) -> Demand:
    """Say what a licence demands of the licence of a result.

    Args:
        terms: the licence.
        combined: whether its work stands unchanged in a larger work, and is not what the result is made of.

    Raises:
        Nothing.
    """
    key = (id(terms), combined)
    demand = _read.get(key)
    if demand is None or demand.terms is not terms:
        if len(_read) >= _MOST_READ:
            _read.clear()
        _read[key] = demand = _read_demand(terms, combined=combined)
    return demand


def _read_demand(terms: Terms, *, combined: bool) -> Demand:
    sharing = terms.share_alike
    reach = None if sharing is None else sharing.reach
    closed = frozenset({*sharing.outbound, terms.id}) if sharing is not None and sharing.outbound else None
    return Demand(
        name=terms.id,
        terms=terms,
        closed=closed,
        keeps=_kept(terms) if sharing is not None and closed is None else frozenset(),
        noncommercial=not terms.commercial,
        burdened=bool(terms.conditions) or any(duty.id in _BURDENS for duty in terms.duties),
        whole=not combined or reach is Reach.COMBINED,
    )


def objection_to(demand: Demand, outbound: Terms) -> str:
    """Say why a result with one ingredient may not carry a licence.

    Args:
        demand: what the ingredient demands.
        outbound: the licence of the result.

    Returns:
        ``share-alike``, ``non-commercial`` or ``further-restrictions``; empty when it may.

    Raises:
        Nothing.
    """
    terms, claims = demand.terms, outbound.share_alike
    claims_whole = claims is not None and claims.reach is Reach.COMBINED
    if not (demand.whole or claims_whole) or _is_same(demand, outbound):
        return ""
    if demand.closed is not None:
        return "" if outbound.id in demand.closed else "share-alike"
    if demand.noncommercial and outbound.commercial:
        return "non-commercial"
    if not demand.keeps <= {restriction.id for restriction in outbound.use_restrictions}:
        return "further-restrictions"
    strict = claims is not None and bool(claims.outbound)
    if demand.burdened and strict and any(duty.id == NO_FURTHER for duty in outbound.duties):
        return "further-restrictions"
    return "further-restrictions" if (terms.id, outbound.id) in _PAIRS else ""


def pair_clause(inbound: str, outbound: str) -> str:
    """Cite what keeps a work from a licence for a reason of their own; empty when nothing does."""
    return _PAIRS.get((inbound, outbound), "")


def may_carry(inbound: Terms, outbound: Terms, *, combined: bool = False) -> bool:
    """Tell whether what is made of a work may be passed on under a licence.

    Args:
        inbound: the work's licence.
        outbound: the result's licence.
        combined: whether the work stands unchanged in a larger work.

    Raises:
        Nothing.
    """
    return not objection_to(demand_of(inbound, combined=combined), outbound)


@lru_cache(maxsize=4096)
def carriers(demand: Demand) -> frozenset[str]:
    """List the templates that a result with one ingredient may carry.

    Raises:
        Nothing.
    """
    return frozenset(terms.id for terms in TEMPLATES if not objection_to(demand, terms))


@cache
def offered(kind: WorkKind) -> frozenset[str]:
    """List the templates that somebody can put on a work of their own.

    Args:
        kind: what the work is.

    Returns:
        All that cover such a work, without the agreements in which a maker of models speaks of its own.

    Raises:
        Nothing.
    """
    makers = {name for family in ("llama", "community", "noncommercial") for name in FAMILIES[family]}
    own = {name for name in makers if name.startswith("LicenseRef-")}
    return frozenset(
        terms.id for terms in TEMPLATES if terms.id not in own and (not terms.covers or kind in terms.covers)
    )


def _is_same(demand: Demand, outbound: Terms) -> bool:
    # Two terms of one name differ by an exception, or because somebody gave their own terms a known name.
    terms = demand.terms
    return outbound is terms or (outbound.id == terms.id and (demand.closed is not None or outbound == terms))


def _kept(terms: Terms) -> frozenset[str]:
    kept = {restriction.id for restriction in terms.use_restrictions}
    policy = any(duty.id == "observe-use-restrictions" for duty in terms.duties)
    # A policy whose purposes are not listed here can be kept only by the licence itself.
    return frozenset(kept | {f"the policy of {terms.id}"} if policy and kept <= {FREE_ALONE} else kept)
