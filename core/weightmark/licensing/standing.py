"""Standings: how one grant stands to one request for one work, in one word that can be compared.

Not here: whether the grant decides, see ``deciding``; nor the sentences, see ``grant_account``.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import IntEnum
from typing import TypeAlias

from weightmark.licensing.capability import Capability
from weightmark.licensing.entitlement import Quota, bounds_in
from weightmark.licensing.grant import FailMode, Grant, GrantState, IssuedGrant
from weightmark.licensing.request import Request
from weightmark.licensing.window import earliest
from weightmark.licensing.work import Work

DEEPEST_CHAIN = 8
"""Grants above a sublicence that are followed."""


class Rank(IntEnum):
    """How a grant stands, from best to worst; of several things that hold, the worst counts.

    The first three allow, the fourth cannot know. Those from ``NON_COMMERCIAL`` on were never meant for such
    a request; ``ELSEWHEN`` is an edition of another time, and says nothing.
    """

    HOLDS = 0
    OWES = 1
    GRACE = 2
    UNKNOWN = 3
    QUOTA = 4
    NO_SEAT = 5
    PURPOSE = 6
    EARLY = 7
    PARENT = 8
    SUSPENDED = 9
    PENDING = 10
    EXPIRED = 11
    REVOKED = 12
    NON_COMMERCIAL = 13
    NARROW = 14
    STRANGER = 15
    ELSEWHEN = 16


HOLDS, OWES, GRACE, UNKNOWN, QUOTA, NO_SEAT, PURPOSE, EARLY, PARENT, SUSPENDED = tuple(Rank)[:10]
PENDING, EXPIRED, REVOKED, NON_COMMERCIAL, NARROW, STRANGER, ELSEWHEN = tuple(Rank)[10:]
_STATES = {GrantState.IN_EFFECT: HOLDS, GrantState.SUSPENDED: SUSPENDED, GrantState.PENDING: PENDING}
_IN_EFFECT = GrantState.IN_EFFECT

Standing: TypeAlias = tuple[Rank, datetime | None]
"""A rank, and the first later moment at which it may be another; None when there is none."""


def find_best(
    mine: Iterable[IssuedGrant], work: Work, request: Request
) -> tuple[Rank, IssuedGrant | None, datetime | None]:
    """Find the grant that stands best; the same one whatever their order.

    Args:
        mine: grants to the request's party, in any order, each in all its editions.
        work: what is asked about; grants for other works are passed over.
        request: what is asked.

    Returns:
        Its rank, the grant, and the first moment at which another may be the best, or this one may stand
        otherwise; the grant is None when none is for this work now.

    Raises:
        Nothing.
    """
    subjects = (work.subject, work.weights)
    best_rank: Rank = ELSEWHEN
    best: IssuedGrant | None = None
    holder = ""
    changes: list[tuple[str, datetime]] = []
    for issued in mine:
        if holder and issued.id > holder:
            continue  # it cannot take the place of the one that holds
        if issued.grant.model in subjects:
            rank, until = stand(issued, work, request)
            if until is not None:
                changes.append((issued.id, until))
            if rank < best_rank or (rank == best_rank and best is not None and issued.id < best.id):
                best_rank, best = rank, issued
                holder = issued.id if rank is HOLDS else ""
    first = earliest(*(until for id_, until in changes if not (holder and id_ > holder)))
    return best_rank, best, first


def stand(issued: IssuedGrant, work: Work, request: Request, depth: int = DEEPEST_CHAIN) -> Standing:
    """Say how one edition of a grant stands.

    Args:
        issued: a grant for this work.
        work: what it is for.
        request: what is asked.
        depth: how many grants above it are followed when it is a sublicence.

    Raises:
        Nothing.
    """
    grant, at, until = issued.grant, request.at, issued.until
    if until is not None and until <= at:
        return ELSEWHEN, None
    if issued.since is not None and at < issued.since:
        return ELSEWHEN, issued.since
    chained = grant.parent or issued.under
    if not chained and grant.licensor != work.owner and not _granted_before(issued, work):
        return STRANGER, until
    if not request.needs <= grant.allows:
        return NARROW, until
    if not grant.commercial and request.exercises and request.party.commercial:
        return NON_COMMERCIAL, until
    rank, change = _stand_in_time(issued, at)
    if change is not None and (until is None or change < until):
        until = change
    if chained and rank < EXPIRED:
        parent, change = _stand_on_parent(issued, work, request, depth)
        rank, until = max(rank, parent), earliest(until, change)
    if request.exercises and (grant.purposes or grant.bounds or grant.seats is not None):
        rank = max(rank, _stand_to_use(issued, request))
    return rank, until


def _granted_before(issued: IssuedGrant, work: Work) -> bool:
    """Say whether it comes from one who could grant for this work then, and not for a twin of it."""
    return issued.grant.licensor in work.licensors and issued.bundle in ("", work.subject)


def used_under(issued: IssuedGrant, request: Request) -> Mapping[str, int] | None:
    """Give the units used so far under a grant; None when they could not be counted.

    Raises:
        Nothing.
    """
    return request.usage if issued.used is None else issued.used


def _stand_in_time(issued: IssuedGrant, at: datetime) -> Standing:
    grant, revoked_at = issued.grant, issued.revoked_at
    if revoked_at is not None and revoked_at <= at:
        return REVOKED, None
    end, last = grant.end, grant.window.last
    if at < grant.start:
        rank, change = EARLY, grant.start
    elif end is None or last is None:
        rank, change = HOLDS, None
    elif at < end:
        rank, change = HOLDS, end
    elif at < last:
        rank, change = GRACE, last
    else:
        rank, change = EXPIRED, None
    if issued.state is not _IN_EFFECT:
        rank = max(rank, _STATES[issued.state])
    return rank, change if revoked_at is None else earliest(change, revoked_at)


def _stand_on_parent(issued: IssuedGrant, work: Work, request: Request, depth: int) -> Standing:
    """Say how the grant above a sublicence stands to the same request: it allows, or what is wrong."""
    best: Rank = PARENT
    first: datetime | None = None
    for parent in issued.under if depth else ():
        if _may_stand_on(parent, issued.grant, work):
            rank, until = stand(parent, work, request, depth - 1)
            first = earliest(first, until)
            best = min(best, HOLDS if rank <= GRACE else UNKNOWN if rank is UNKNOWN else PARENT)
    return best, first


def _may_stand_on(parent: IssuedGrant, grant: Grant, work: Work) -> bool:
    above = parent.grant
    return (
        grant.parent in ("", parent.id)
        and above.grantee == grant.licensor
        and above.model in (work.subject, work.weights)
        and Capability.SUBLICENSE in above.allows
    )


def _stand_to_use(issued: IssuedGrant, request: Request) -> Rank:
    grant = issued.grant
    if grant.purposes and request.purpose not in grant.purposes:
        return PURPOSE
    if grant.seats is not None and request.seat not in issued.holders:
        return NO_SEAT
    return _count(issued, request) if grant.bounds else HOLDS


def _count(issued: IssuedGrant, request: Request) -> Rank:
    grant, usage = issued.grant, used_under(issued, request)
    if usage is not None:
        if bounds_in(grant.bounds, Quota.USED_UP, usage, request.amount):
            return QUOTA
        return OWES if bounds_in(grant.bounds, Quota.OVERAGE, usage, request.amount) else HOLDS
    if grant.fail_mode is FailMode.OPEN_AND_LOG:
        return OWES
    degraded = grant.fail_mode is FailMode.DEGRADE
    return HOLDS if degraded and request.needs <= grant.degrade_to.capabilities else UNKNOWN
