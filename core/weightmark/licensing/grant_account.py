"""Grants put into words: why one allows or does not, what is owed under it, and the way out.

Not here: how it stands; see ``standing``.
"""

import shlex
from collections.abc import Callable
from typing import NamedTuple

from weightmark.encoding import format_time
from weightmark.licensing.decision import Reason, ReasonCode
from weightmark.licensing.duty import Duty
from weightmark.licensing.entitlement import Quota, bounds_in
from weightmark.licensing.grant import FailMode, Grant, IssuedGrant
from weightmark.licensing.obligation import overage_duties, owed_duties
from weightmark.licensing.request import Request
from weightmark.licensing.sentence import ask_for_grant, count, name_purposes, offer_nearest, show
from weightmark.licensing.standing import Rank, used_under
from weightmark.licensing.window import days_left
from weightmark.licensing.work import Work

_MOST_APPROVERS = 5
CODES = {
    Rank.HOLDS: ReasonCode.GRANTED,
    Rank.OWES: ReasonCode.GRANTED,
    Rank.GRACE: ReasonCode.GRACE,
    Rank.UNKNOWN: ReasonCode.USAGE_UNKNOWN,
    Rank.QUOTA: ReasonCode.QUOTA_EXCEEDED,
    Rank.NO_SEAT: ReasonCode.GRANT_NO_SEAT,
    Rank.PURPOSE: ReasonCode.PURPOSE_NOT_GRANTED,
    Rank.EARLY: ReasonCode.GRANT_NOT_YET_VALID,
    Rank.PARENT: ReasonCode.GRANT_PARENT_INVALID,
    Rank.SUSPENDED: ReasonCode.GRANT_SUSPENDED,
    Rank.PENDING: ReasonCode.GRANT_PENDING,
    Rank.EXPIRED: ReasonCode.GRANT_EXPIRED,
    Rank.REVOKED: ReasonCode.GRANT_REVOKED,
    Rank.NON_COMMERCIAL: ReasonCode.GRANT_NON_COMMERCIAL,
    Rank.NARROW: ReasonCode.GRANT_TOO_NARROW,
    Rank.STRANGER: ReasonCode.GRANT_NOT_FROM_OWNER,
}


class GrantAccount(NamedTuple):
    """How a grant stands, told when somebody asks.

    Args:
        rank: how it stands.
        issued: the grant.
        work: what it is for.
        request: what is asked.
    """

    rank: Rank
    issued: IssuedGrant
    work: Work
    request: Request

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """One: how it stands."""
        told = _TELL[self.rank](self.issued, self.request)
        return (
            Reason(
                code=CODES[self.rank],
                message=f"The grant {show(self.issued.id)} for {show(self.work.name)!r} {told}.",
                clause=self._clause,
                work=self.work.name,
                hint=_way_out(self),
            ),
        )

    @property
    def duties(self) -> tuple[Duty, ...]:
        """What is owed under it: its own terms', else what the work's licence demands, and what it costs."""
        issued, at = self.issued, self.request.at
        duties = (self._keep_terms(),) if issued.grant.terms else owed_duties(self.work)
        last = issued.grant.window.last
        if self.rank is Rank.GRACE and last is not None:
            sentence = f"Renew the grant before {format_time(last)} ({days_left(at, last)}): it has ended."
            duties += (Duty(id="renew", sentence=sentence, clause=self._clause),)
        if not self.request.exercises:
            return duties
        usage = used_under(issued, self.request)
        if usage is not None:
            return duties + overage_duties(issued.grant.bounds, usage, self.request.amount, self._clause)
        if issued.grant.bounds and issued.grant.fail_mode is FailMode.OPEN_AND_LOG:
            sentence = "Record this use and report it: it could not be counted."
            duties += (Duty(id="log-use", sentence=sentence, clause=self._clause),)
        return duties

    @property
    def _clause(self) -> str:
        return f"grant {show(self.issued.id)}"

    def _keep_terms(self) -> Duty:
        sentence = f"Keep to the terms {show(self.issued.grant.terms)} of the grant."
        return Duty(id="grant-terms", sentence=sentence, clause=self._clause)


def _allows(issued: IssuedGrant, request: Request) -> str:
    allowed = f"allows {show(request.party.name)} to {request.action.value}"
    if not issued.grant.bounds or not request.exercises or used_under(issued, request) is not None:
        return allowed
    mode = issued.grant.fail_mode.value
    tier = f" to {issued.grant.degrade_to.value}" if issued.grant.fail_mode is FailMode.DEGRADE else ""
    return f"{allowed}, although the use so far is not known: its fail mode is {mode}{tier}"


def _allows_at_a_price(issued: IssuedGrant, request: Request) -> str:
    known = used_under(issued, request) is not None
    return _allows(issued, request) + (", with something owed for it" if known else "")


def _in_grace(issued: IssuedGrant, request: Request) -> str:
    grant, last = issued.grant, issued.grant.window.last
    rest = "" if last is None else f", with {days_left(request.at, last)}"
    return f"{_ended(issued, request)} and is in its {grant.grace_days} days of grace{rest}"


def _unknown(issued: IssuedGrant, request: Request) -> str:
    grant = issued.grant
    if not grant.bounds:
        return "is a sublicence of a grant with limits, and the use so far of that is not known"
    told = "has limits, the use so far is not known, and its fail mode is"
    if grant.fail_mode is FailMode.DEGRADE:
        return f"{told} degrade to {grant.degrade_to.value}, which does not cover {request.action.value}"
    return f"{told} {grant.fail_mode.value}"


def _used_up(issued: IssuedGrant, request: Request) -> str:
    usage, parts = used_under(issued, request) or {}, list[str]()
    for bound in bounds_in(issued.grant.bounds, Quota.USED_UP, usage, request.amount):
        left, needed = count(bound.left(usage)), count(request.amount.get(bound.name, 1))
        parts.append(f"{left} of {count(bound.limit)} {show(bound.name)}, and {needed} needed")
    return f"has not enough left: {'; '.join(parts)}"


def _no_seat(issued: IssuedGrant, request: Request) -> str:
    if request.seat:
        return f"has no seat for {show(request.seat)!r}"
    return f"is for {issued.grant.seats} named seats, and none was named"


def _wrong_purpose(issued: IssuedGrant, request: Request) -> str:
    return f"is for {name_purposes(issued.grant.purposes, request.purpose)}"


def _revoked(issued: IssuedGrant, _request: Request) -> str:
    return "was revoked" + ("" if issued.revoked_at is None else f" at {format_time(issued.revoked_at)}")


def _ended(issued: IssuedGrant, _request: Request) -> str:
    return "ended" + ("" if issued.grant.end is None else f" at {format_time(issued.grant.end)}")


def _too_narrow(_issued: IssuedGrant, request: Request) -> str:
    return f"does not cover {request.action.value}"


def _from_a_stranger(issued: IssuedGrant, _request: Request) -> str:
    return f"comes from {show(issued.grant.licensor)!r}, who does not own it"


_TELL: dict[Rank, Callable[[IssuedGrant, Request], str]] = {
    Rank.HOLDS: _allows,
    Rank.OWES: _allows_at_a_price,
    Rank.GRACE: _in_grace,
    Rank.UNKNOWN: _unknown,
    Rank.QUOTA: _used_up,
    Rank.NO_SEAT: _no_seat,
    Rank.PURPOSE: _wrong_purpose,
    Rank.EARLY: lambda issued, _request: f"begins only at {format_time(issued.grant.start)}",
    Rank.PARENT: lambda _issued, _request: "is a sublicence, and the grant above it does not allow this now",
    Rank.SUSPENDED: lambda _issued, _request: "is suspended",
    Rank.PENDING: lambda issued, _request: f"waits until {_waits_for(issued.grant)}",
    Rank.EXPIRED: _ended,
    Rank.REVOKED: _revoked,
    Rank.NON_COMMERCIAL: lambda _issued, request: (
        f"is not for commercial use, and {show(request.party.name)} acts commercially"
    ),
    Rank.NARROW: _too_narrow,
    Rank.STRANGER: _from_a_stranger,
}


def _waits_for(grant: Grant) -> str:
    parts = [f"{show(grant.grantee)} accepts it"] if grant.acceptance or not grant.approvers else []
    if grant.approvers:
        approvers = ", ".join(map(show, grant.approvers[:_MOST_APPROVERS]))
        more = " and others" if len(grant.approvers) > _MOST_APPROVERS else ""
        parts.append(f"{grant.threshold} of {approvers}{more} approve it")
    return " and ".join(parts)


def _way_out(account: GrantAccount) -> str:
    rank, issued, work, request = account
    if rank <= Rank.OWES:
        return ""
    tell = _WAYS_OUT.get(rank)
    return (tell(issued, request) if tell else "") or ask_for_grant(work, request)


def _way_into_effect(issued: IssuedGrant, _request: Request) -> str:
    grant = issued.grant
    words: list[str] = []
    if grant.acceptance or not grant.approvers:
        words.append(f"`weightmark grants accept {show(issued.id)}`, as {show(grant.grantee)}")
    if grant.approvers:
        words.append(f"`weightmark grants approve {show(issued.id)}`, as one of those who approve")
    return f"Let it take effect: {'; '.join(words)}."


def _way_back(issued: IssuedGrant, _request: Request) -> str:
    licensor = show(issued.grant.licensor)
    return f"Ask {licensor} to reinstate it: `weightmark grants reinstate {show(issued.id)}`."


def _way_to_a_parent(issued: IssuedGrant, _request: Request) -> str:
    above, licensor = show(issued.grant.parent), show(issued.grant.licensor)
    seen = f": `weightmark grants show {above}`" if above else ""
    return f"Ask {licensor} to have the grant under which they sublicense put right{seen}."


def _way_to_more(issued: IssuedGrant, _request: Request) -> str:
    licensor = show(issued.grant.licensor)
    return f"Ask {licensor} for more: `weightmark grants amend {show(issued.id)} --bound NAME=LIMIT`."


def _way_to_a_later_end(issued: IssuedGrant, _request: Request) -> str:
    if issued.grant.trial:
        return ""
    licensor = show(issued.grant.licensor)
    return f"Ask {licensor} to renew it: `weightmark grants renew {show(issued.id)} --until TIME`."


def _way_to_a_seat(issued: IssuedGrant, request: Request) -> str:
    near = f" {offer_nearest(request.seat, issued.holders)}" if request.seat else ""
    name = shlex.quote(show(request.seat)) if request.seat else "NAME"
    seat = f"`weightmark grants seat add {show(issued.id)} {name}`"
    return f"Name your seat with --seat, or have one assigned: {seat}.{near}".rstrip()


def _way_to_a_purpose(issued: IssuedGrant, request: Request) -> str:
    if request.purpose:
        return offer_nearest(request.purpose, issued.grant.purposes)
    return f"Say what it is for: {' or '.join(map(show, sorted(issued.grant.purposes)))}."


def _way_to_count(_issued: IssuedGrant, _request: Request) -> str:
    return "Mend the counting of use; until then the fail mode decides."


_WAYS_OUT: dict[Rank, Callable[[IssuedGrant, Request], str]] = {
    Rank.UNKNOWN: _way_to_count,
    Rank.QUOTA: _way_to_more,
    Rank.GRACE: _way_to_a_later_end,
    Rank.EXPIRED: _way_to_a_later_end,
    Rank.NO_SEAT: _way_to_a_seat,
    Rank.PURPOSE: _way_to_a_purpose,
    Rank.PARENT: _way_to_a_parent,
    Rank.SUSPENDED: _way_back,
    Rank.PENDING: _way_into_effect,
}
