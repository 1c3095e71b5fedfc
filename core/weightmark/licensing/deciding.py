"""Deciding: from a request, the works it depends on and the grants that were issued, to a decision.

Pure and total: no clock, no disk, no network, no exception.

Not promised: legal advice. Licences are read as rules, and rules are less than the texts.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from weightmark.licensing.decision import NOTHING_COUNTED, Decision, Outcome, Reason, ReasonCode
from weightmark.licensing.duty import Duty
from weightmark.licensing.entitlement import units_left
from weightmark.licensing.grant import IssuedGrant
from weightmark.licensing.grant_account import CODES, GrantAccount
from weightmark.licensing.obligation import merge_duties, owed_duties
from weightmark.licensing.request import Request
from weightmark.licensing.sentence import show
from weightmark.licensing.standing import (
    GRACE,
    HOLDS,
    NON_COMMERCIAL,
    UNKNOWN,
    Rank,
    find_best,
    used_under,
)
from weightmark.licensing.verdict import Together, weigh_license
from weightmark.licensing.window import earliest
from weightmark.licensing.work import Work

_ALLOWING = (ReasonCode.GRACE, ReasonCode.GRANTED, ReasonCode.PERMITTED_BY_LICENCE, ReasonCode.OWNER)
"""Which reason gives an allowed decision its code: the one that asks for most attention."""


def decide(request: Request, works: Sequence[Work], grants: Sequence[IssuedGrant] = ()) -> Decision:
    """Decide whether a party may do something with a model now.

    Every work must allow it: because the party owns it, or by a grant to the party from the work's owner, or
    by its licence. One refusal refuses; without a refusal, one unknown leaves it undecided. A grant that
    holds is taken before the licence; one in its grace, or one that costs more, after it.

    Args:
        request: who, what, when, what for, and how much was used so far.
        works: the model itself, all its ancestors, and earlier registrations of the same weights.
        grants: those that were issued, each in all its editions, in any order; those for other parties and
            models are passed over.

    Returns:
        The decision, with the reasons of all works.

    Raises:
        Nothing: every request has an answer.
    """
    if not works:
        return _not_registered(request)
    if not request.needs:
        return _recorded(request, works)
    name = request.party.name
    mine = [issued for issued in grants if issued.grant.grantee == name]
    if len(works) == 1:
        return _judge(works[0], request, mine)
    return _combine([_judge(work, request, mine) for work in works])


def _judge(work: Work, request: Request, mine: Sequence[IssuedGrant]) -> Decision:
    if _owns(request.party.name, work):
        return Decision(outcome=Outcome.ALLOWED, code=ReasonCode.OWNER, account=Owned(work))
    rank, best, until = find_best(mine, work, request)
    if rank is HOLDS and best is not None:
        return _granted(rank, best, until, work, request)
    licence = weigh_license(work, request)
    if until is not None:
        until = earliest(until, licence.until)
        licence = licence.within(until)
    if best is None or licence.allowed:
        return licence
    if rank <= GRACE:
        return _granted(rank, best, licence.until, work, request)
    return _blocked(licence, rank, best, work, request)


def _owns(party: str, work: Work) -> bool:
    return bool(work.owner) and work.owner == party and not work.presumed


def _granted(rank: Rank, best: IssuedGrant, until: datetime | None, work: Work, request: Request) -> Decision:
    bounds = best.grant.bounds
    return Decision(
        outcome=Outcome.ALLOWED,
        code=CODES[rank],
        grant=best.id,
        until=until,
        left=units_left(bounds, used_under(best, request)) if bounds else NOTHING_COUNTED,
        account=GrantAccount(rank, best, work, request),
    )


def _blocked(licence: Decision, rank: Rank, best: IssuedGrant, work: Work, request: Request) -> Decision:
    """Refuse, or say that it cannot be known; the grant comes first when it was meant for such a request."""
    account = GrantAccount(rank, best, work, request)
    fits = rank < NON_COMMERCIAL
    grant_first = rank is UNKNOWN or (fits and licence.outcome is Outcome.REFUSED)
    telling = (account, licence) if grant_first else (licence, account)
    return Decision(
        outcome=Outcome.UNDECIDED if rank is UNKNOWN else licence.outcome,
        code=CODES[rank] if grant_first else licence.code,
        grant=best.id if fits else None,
        until=licence.until,
        left=units_left(best.grant.bounds, used_under(best, request)) if fits else licence.left,
        account=Together(telling, ()),
    )


def _combine(parts: Sequence[Decision]) -> Decision:
    against = [part for part in parts if part.outcome is Outcome.REFUSED]
    against += [part for part in parts if part.outcome is Outcome.UNDECIDED]
    deciding = against or sorted(parts, key=lambda part: _ALLOWING.index(part.code))
    return Decision(
        outcome=deciding[0].outcome,
        code=deciding[0].code,
        grant=deciding[0].grant,
        until=earliest(*(part.until for part in parts)),
        left=deciding[0].left,
        account=Together(deciding, parts),
    )


class Owned(NamedTuple):
    """A work that the party owns."""

    work: Work

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """One: whose it is."""
        message = f"{show(self.work.name)!r} belongs to {show(self.work.owner)}."
        return (Reason(code=ReasonCode.OWNER, message=message, work=self.work.name),)

    @property
    def duties(self) -> tuple[Duty, ...]:
        """None."""
        return ()


def _recorded(request: Request, works: Sequence[Work]) -> Decision:
    party = request.party.name
    message = f"To {request.action.value} {show(works[0].name)!r} records a fact and takes no permission."
    parts = (owed_duties(work) for work in works if not _owns(party, work))
    return Decision(
        outcome=Outcome.ALLOWED,
        code=ReasonCode.RECORDED,
        reasons=(Reason(code=ReasonCode.RECORDED, message=message, work=works[0].name),),
        duties=merge_duties(parts),
    )


def _not_registered(request: Request) -> Decision:
    reason = Reason(
        code=ReasonCode.NOT_REGISTERED,
        message=f"The model is not registered, so it is not known whether {show(request.party.name)} may "
        f"{request.action.value} it.",
        hint="Register it first: `weightmark register PATH`.",
    )
    return Decision(outcome=Outcome.UNDECIDED, code=ReasonCode.NOT_REGISTERED, reasons=(reason,))
