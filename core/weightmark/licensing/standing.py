"""Standings: how one grant stands to one request for one work.

Not here: whether the grant decides; see ``deciding``.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from weightmark.encoding import format_time
from weightmark.licensing.decision import Reason, ReasonCode
from weightmark.licensing.duty import Duty
from weightmark.licensing.entitlement import Quota, bounds_in
from weightmark.licensing.grant import FailMode, Grant, IssuedGrant
from weightmark.licensing.request import Request
from weightmark.licensing.sentence import ask_for_grant, show
from weightmark.licensing.verdict import overage_duties, owed_duties
from weightmark.licensing.window import Phase, earliest
from weightmark.licensing.work import Work


class Rank(IntEnum):
    """Grants from best to worst: the first three allow, the fourth cannot know, the others do not count."""

    HOLDS = 0
    OWES = 1
    GRACE = 2
    UNKNOWN = 3
    QUOTA = 4
    PURPOSE = 5
    REVOKED = 6
    EXPIRED = 7
    EARLY = 8
    NON_COMMERCIAL = 9
    NARROW = 10
    STRANGER = 11


_CODES = {
    Rank.HOLDS: ReasonCode.GRANTED,
    Rank.OWES: ReasonCode.GRANTED,
    Rank.GRACE: ReasonCode.GRACE,
    Rank.UNKNOWN: ReasonCode.USAGE_UNKNOWN,
    Rank.QUOTA: ReasonCode.QUOTA_EXCEEDED,
    Rank.PURPOSE: ReasonCode.PURPOSE_NOT_GRANTED,
    Rank.REVOKED: ReasonCode.GRANT_REVOKED,
    Rank.EXPIRED: ReasonCode.GRANT_EXPIRED,
    Rank.EARLY: ReasonCode.GRANT_NOT_YET_VALID,
    Rank.NON_COMMERCIAL: ReasonCode.GRANT_NON_COMMERCIAL,
    Rank.NARROW: ReasonCode.GRANT_TOO_NARROW,
    Rank.STRANGER: ReasonCode.GRANT_NOT_FROM_OWNER,
}

_IN_TIME = {
    Phase.BEFORE: Rank.EARLY,
    Phase.WITHIN: Rank.HOLDS,
    Phase.GRACE: Rank.GRACE,
    Phase.AFTER: Rank.EXPIRED,
}


class Standing(NamedTuple):
    """How a grant stands.

    Args:
        rank: how good it is for this request; the best sorts first, whatever order grants come in.
        issued: the grant.
        until: the first moment at which its rank may change; None when never.
    """

    rank: Rank
    issued: IssuedGrant
    until: datetime | None = None

    @property
    def allows(self) -> bool:
        """Whether the request is allowed under it."""
        return self.rank <= Rank.GRACE

    @property
    def fits(self) -> bool:
        """Whether it was meant for such a request, even if it does not hold now."""
        return self.rank < Rank.NON_COMMERCIAL


def stand(issued: IssuedGrant, work: Work, request: Request) -> Standing:
    """Say how a grant stands.

    Args:
        issued: a grant to the request's party for this work.
        work: what it is for.
        request: what is asked.

    Raises:
        Nothing.
    """
    grant, action = issued.grant, request.action
    if grant.licensor != work.owner and grant.licensor not in work.licensors:
        return Standing(Rank.STRANGER, issued)
    if not action.needs <= grant.allows:
        return Standing(Rank.NARROW, issued)
    if action.exercises:
        if request.party.commercial and not grant.commercial:
            return Standing(Rank.NON_COMMERCIAL, issued)
        if grant.purposes and request.purpose not in grant.purposes:
            return Standing(Rank.PURPOSE, issued)
    return _stand_in_time(issued, request)


def choose(standings: Sequence[Standing]) -> Standing:
    """Pick the best; the same one whatever their order.

    Args:
        standings: at least one.

    Raises:
        ValueError: there is none.
    """
    return min(standings, key=lambda standing: (standing.rank, standing.issued.id))


def owed(standing: Standing, work: Work, request: Request) -> tuple[Duty, ...]:
    """List what is owed under a grant that allows.

    Args:
        standing: how the grant stands.
        work: what it is for; its licence's duties stay, unless the grant has terms of its own.
        request: what is asked.

    Raises:
        Nothing.
    """
    issued = standing.issued
    duties = _own_terms(issued) if issued.grant.terms else owed_duties(work)
    if standing.rank is Rank.GRACE:
        duties += (_renew(issued),)
    if not issued.grant.bounds or not request.action.exercises:
        return duties
    place = f"grant {show(issued.id)}"
    if request.usage is not None:
        return duties + overage_duties(issued.grant.bounds, request.usage, place)
    if issued.grant.fail_mode is FailMode.OPEN_AND_LOG:
        sentence = "Record this use and report it: it could not be counted."
        duties += (Duty(id="log-use", sentence=sentence, clause=place),)
    return duties


def explain(standing: Standing, work: Work, request: Request) -> Reason:
    """Put a standing into words.

    Raises:
        Nothing.
    """
    return Reason(
        code=_CODES[standing.rank],
        message=f"The grant {show(standing.issued.id)} for {show(work.name)!r} {_tell(standing, request)}.",
        clause=f"grant {show(standing.issued.id)}",
        work=work.name,
        hint="" if standing.rank <= Rank.OWES else _way_out(standing, work, request),
    )


def _stand_in_time(issued: IssuedGrant, request: Request) -> Standing:
    grant, at, revoked_at = issued.grant, request.at, issued.revoked_at
    if revoked_at is not None and revoked_at <= at:
        return Standing(Rank.REVOKED, issued)
    phase, until = grant.window.locate(at)
    if revoked_at is not None:
        until = earliest(until, revoked_at)
    rank = _IN_TIME[phase]
    if grant.bounds and rank <= Rank.GRACE and request.action.exercises:
        rank = max(rank, _count(grant, request))
    return Standing(rank, issued, until)


def _count(grant: Grant, request: Request) -> Rank:
    if request.usage is not None:
        if bounds_in(grant.bounds, Quota.USED_UP, request.usage):
            return Rank.QUOTA
        return Rank.OWES if bounds_in(grant.bounds, Quota.OVERAGE, request.usage) else Rank.HOLDS
    if grant.fail_mode is FailMode.OPEN_AND_LOG:
        return Rank.OWES
    degraded = grant.fail_mode is FailMode.DEGRADE
    return Rank.HOLDS if degraded and request.action.needs <= grant.degrade_to.capabilities else Rank.UNKNOWN


def _own_terms(issued: IssuedGrant) -> tuple[Duty, ...]:
    sentence = f"Keep to the terms {show(issued.grant.terms)} of the grant."
    return (Duty(id="grant-terms", sentence=sentence, clause=f"grant {show(issued.id)}"),)


def _renew(issued: IssuedGrant) -> Duty:
    last = issued.grant.window.last
    when = "" if last is None else f" before {format_time(last)}"
    return Duty(
        id="renew", sentence=f"Renew the grant{when}: it has ended.", clause=f"grant {show(issued.id)}"
    )


def _tell(standing: Standing, request: Request) -> str:
    party, action = show(request.party.name), request.action.value
    if standing.rank is Rank.HOLDS:
        return f"allows {party} to {action}"
    if standing.rank is Rank.OWES:
        return f"allows {party} to {action}, with something owed for it"
    return _tell_time(standing) or {
        Rank.UNKNOWN: "has limits, and the use so far is not known",
        Rank.QUOTA: "is used up",
        Rank.PURPOSE: f"is not for the purpose {show(request.purpose)!r}",
        Rank.NON_COMMERCIAL: f"is not for commercial use, and {party} acts commercially",
        Rank.NARROW: f"does not cover {action}",
    }.get(standing.rank, f"comes from {show(standing.issued.grant.licensor)!r}, who does not own it")


def _tell_time(standing: Standing) -> str:
    grant, revoked_at = standing.issued.grant, standing.issued.revoked_at
    if standing.rank is Rank.REVOKED and revoked_at is not None:
        return f"was revoked at {format_time(revoked_at)}"
    if standing.rank is Rank.EARLY:
        return f"begins only at {format_time(grant.start)}"
    if grant.end is None or standing.rank not in {Rank.GRACE, Rank.EXPIRED}:
        return ""
    grace = f" and is in its {grant.grace_days} days of grace" if standing.rank is Rank.GRACE else ""
    return f"ended at {format_time(grant.end)}{grace}"


def _way_out(standing: Standing, work: Work, request: Request) -> str:
    purposes = sorted(standing.issued.grant.purposes)
    if standing.rank is Rank.PURPOSE and not request.purpose:
        return f"Say what it is for: {' or '.join(map(show, purposes))}."
    return ask_for_grant(work, request)
