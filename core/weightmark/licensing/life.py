"""The life of a grant: from what was said about it, in the order of the ledger, to its editions.

Pure and total. What is said takes effect at the moment that its signers state, but never before what was said
earlier in the ledger: nobody can date back what allows. What restricts is held up by nothing: a suspension,
a freed seat and a revocation take effect at the moment they state, whatever the future date on some earlier
statement; and of several revocations the earliest moment holds. So another suspension or revocation never
allows more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from weightmark.licensing.grant import Grant, GrantState, IssuedGrant
from weightmark.licensing.grant_event import (
    Amended,
    Assigned,
    Consented,
    Granted,
    GrantEvent,
    Reinstated,
    Renewed,
    Revoked,
    Seated,
    Suspended,
)
from weightmark.licensing.window import LAST_MOMENT, earliest


@dataclass(slots=True, kw_only=True)
class Proposal:
    """A change that waits for somebody's consent.

    Args:
        id: the digest of the statement that proposes it.
        change: what.
        consents: who agreed, and when each said so, as they state it.
    """

    id: str
    change: Amended | Assigned
    consents: dict[str, datetime]


class _Turn(NamedTuple):
    """What changes at one moment; what does not is left at its default."""

    at: datetime
    grant: Grant | None = None
    suspended: int = 0
    holder: str = ""
    taken: int = 0


class Life:
    """A grant, and all that was said about it that counts.

    Args:
        events: in the order of the ledger; the first says what was granted.

    Raises:
        ValueError: the first event grants nothing.
    """

    def __init__(self, events: Sequence[GrantEvent]) -> None:
        first, begins = events[0], events[0].act
        if not isinstance(begins, Granted):
            raise ValueError("the first event of a grant says what was granted")  # noqa: TRY004 - see Raises
        self.id = first.id
        self.origin = self.grant = begins.grant
        self.issued_at = first.at
        self.accepted_at: datetime | None = None
        self.approvals: dict[str, datetime] = {}
        self.proposals: dict[str, Proposal] = {}
        self.holders: dict[str, datetime] = {}
        self.revoked_at: datetime | None = None
        self._suspensions: list[datetime] = []
        self._turns: list[_Turn] = []
        self._latest = first.at
        self._agreed_at: datetime | None = None
        self._consent(first.by, first.at)
        for event in events[1:]:
            self._hear(event)

    @property
    def effective_at(self) -> datetime | None:
        """When all consents were there that the grant asks for; None while one is missing."""
        needed = [self.accepted_at] if self.origin.acceptance else []
        if self.origin.threshold:
            said = sorted(self.approvals.values())[: self.origin.threshold]
            needed.append(said[-1] if len(said) == self.origin.threshold else None)
        if not needed:
            return self.issued_at
        moments = [moment for moment in needed if moment is not None]
        consented = max(moments) if len(moments) == len(needed) else None
        return earliest(consented, self._agreed_at)

    @property
    def suspended_at(self) -> datetime | None:
        """Since when it is suspended, as the newest statements leave it; None when it is not."""
        return min(self._suspensions, default=None)

    def missing(self, proposal: Proposal, licensor: str) -> tuple[tuple[str, ...], int, tuple[str, ...]]:
        """Say for whose consent a proposal waits.

        Args:
            proposal: one of ours.
            licensor: who stands as the licensor now.

        Returns:
            The parties that must consent; of how many approvers it needs the consent, and of which.

        Raises:
            Nothing.
        """
        free = isinstance(proposal.change, Assigned) and self.grant.transferable
        parties = (self.grant.grantee,) if free else (licensor, self.grant.grantee)
        waits = tuple(dict.fromkeys(party for party in parties if party not in proposal.consents))
        left = tuple(name for name in self.grant.approvers if name not in proposal.consents)
        count = 0 if free else self.grant.threshold - (len(self.grant.approvers) - len(left))
        return waits, max(count, 0), left if count > 0 else ()

    def waits_for(self) -> tuple[str, int, tuple[str, ...]]:
        """Say for whose consent the grant itself waits.

        Returns:
            The grantee when they have not accepted, else nothing; of how many approvers it needs the
            consent, and of which.

        Raises:
            Nothing.
        """
        if self._agreed_at is not None:
            return "", 0, ()
        grantee = self.grant.grantee if self.origin.acceptance and self.accepted_at is None else ""
        left = tuple(name for name in self.origin.approvers if name not in self.approvals)
        count = max(self.origin.threshold - len(self.approvals), 0)
        return grantee, count, left if count else ()

    def end_of(self, act: Revoked, *, by: frozenset[str], at: datetime) -> datetime:
        """Say when a revocation takes effect.

        Args:
            act: it.
            by: who says so; with the grantee among them there is no period of notice.
            at: when it is said, with a zone.

        Raises:
            TypeError: the moment has no zone.
        """
        waived = not act.notice or self.grant.grantee in by
        notice = timedelta() if waived else timedelta(days=self.grant.notice_days)
        soonest = at + notice if at < LAST_MOMENT - notice else LAST_MOMENT
        return max(soonest, act.effective_at or soonest)

    def editions(self) -> tuple[IssuedGrant, ...]:
        """Give the grant's editions, the first first; each holds from its moment up to the next one's.

        Raises:
            Nothing.
        """
        changes: dict[datetime, list[_Turn]] = {}
        for turn in self._turns:
            changes.setdefault(turn.at, []).append(turn)
        effective = self.effective_at
        pending = self.origin.acceptance or bool(self.origin.threshold)
        if pending and effective is not None:
            changes.setdefault(effective, [])
        moments = sorted(changes)
        grant, suspended, held = self.origin, 0, dict[str, int]()
        found: list[IssuedGrant] = []
        for since, until in zip([None, *moments], [*moments, None], strict=True):
            for turn in changes[since] if since is not None else ():
                grant, suspended = turn.grant or grant, suspended + turn.suspended
                if turn.holder:
                    held[turn.holder] = held.get(turn.holder, 0) + turn.taken
            begun = not pending or (since is not None and effective is not None and effective <= since)
            state = GrantState.SUSPENDED if suspended else GrantState.IN_EFFECT
            found.append(
                IssuedGrant(
                    id=self.id,
                    grant=grant,
                    revoked_at=self.revoked_at,
                    since=since,
                    until=until,
                    state=state if begun else GrantState.PENDING,
                    holders=frozenset(holder for holder, count in held.items() if count > 0),
                )
            )
        return tuple(found)

    def edition(self, at: datetime) -> IssuedGrant:
        """Give the edition of a moment.

        Raises:
            TypeError: the moment has no zone.
        """
        return next(one for one in self.editions() if one.until is None or at < one.until)

    def _hear(self, event: GrantEvent) -> None:
        match event.act:
            case Consented(target=target):
                if target == self.id:
                    self._consent(event.by, event.at)
                elif target in self.proposals:
                    self._agree(self.proposals[target], event)
            case Amended() | Assigned() as change:
                self.proposals[event.id] = Proposal(id=event.id, change=change, consents={})
                self._agree(self.proposals[event.id], event)
            case Renewed(end=end):
                if self.grant.end is not None and end > self.grant.end:
                    self._change(replace(self.grant, end=end), self._step(event.at))
            case Seated():
                self._seat(event.act, event.at)
            case Granted():
                pass  # it was granted already
            case _:
                self._restrict(event)

    def _restrict(self, event: GrantEvent) -> None:
        match event.act:
            case Revoked() as act:
                end = self.end_of(act, by=event.by, at=event.at)
                self.revoked_at = earliest(self.revoked_at, end)
            case Suspended():
                self._suspensions.append(event.at)
                self._turns.append(_Turn(event.at, suspended=1))
            case Reinstated():
                self._reinstate(event.at)
            case _:
                pass

    def _step(self, at: datetime) -> datetime:
        """Give the moment at which something said at a moment takes effect: not before what went before."""
        self._latest = max(at, self._latest)
        return self._latest

    def _consent(self, by: frozenset[str], at: datetime) -> None:
        moment = max(at, self.issued_at)
        if self.grant.grantee in by and self.accepted_at is None:
            self.accepted_at = moment
        for name in self.origin.approvers:
            if name in by:
                self.approvals.setdefault(name, moment)

    def _agree(self, proposal: Proposal, event: GrantEvent) -> None:
        for name in event.by:
            proposal.consents.setdefault(name, event.at)
        waits, count, _ = self.missing(proposal, event.licensor)
        if waits or count:
            return
        moment = self._step(max(proposal.consents.values()))
        if isinstance(proposal.change, Amended):
            self._agreed_at = earliest(self._agreed_at, moment)
            self._change(proposal.change.grant, moment)
            return
        for holder in self.holders:
            self._turns.append(_Turn(moment, holder=holder, taken=-1))
        self.holders.clear()
        self._change(replace(self.grant, grantee=proposal.change.grantee), moment)

    def _change(self, grant: Grant, moment: datetime) -> None:
        self.grant = grant
        self.proposals.clear()  # they were about what was granted before
        self._turns.append(_Turn(moment, grant=grant))

    def _reinstate(self, at: datetime) -> None:
        lifted = [moment for moment in self._suspensions if moment <= at]
        self._suspensions = [moment for moment in self._suspensions if moment > at]
        for _ in lifted:
            self._turns.append(_Turn(max(at, self._latest), suspended=-1))

    def _seat(self, act: Seated, at: datetime) -> None:
        held, seats = act.holder in self.holders, self.grant.seats
        if act.freed and held:
            moment = max(at, self.holders.pop(act.holder))
            self._step(moment)
            self._turns.append(_Turn(moment, holder=act.holder, taken=-1))
        elif not act.freed and not held and seats is not None and len(self.holders) < seats:
            self.holders[act.holder] = self._step(at)
            self._turns.append(_Turn(self._latest, holder=act.holder, taken=1))


def fold(events: Sequence[GrantEvent]) -> tuple[IssuedGrant, ...]:
    """Give the editions of one grant.

    Args:
        events: what was said about it that counts, in the order of the ledger.

    Raises:
        ValueError: the first event grants nothing.
    """
    return Life(events).editions()
