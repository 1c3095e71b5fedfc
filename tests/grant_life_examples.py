"""Grants and what is said about them, for tests of their life."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import strategies as st
from tests.ledger_examples import START, bundle_of, moment

from weightmark.licensing import (
    Act,
    Amended,
    Assigned,
    Capability,
    Consented,
    Grant,
    Granted,
    GrantEvent,
    GrantState,
    IssuedGrant,
    Reinstated,
    Renewed,
    Revoked,
    Seated,
    Suspended,
)
from weightmark.licensing.window import Phase

LICENSOR, GRANTEE, OTHER = "acme", "bob", "carol"
APPROVERS = ("dave", "erin", "frank")
SEATS = ("ann", "ben", "cem")
LATE = 1_000_000
"""Seconds: a moment that no honest statement of a test states."""

PLAIN = Grant(
    model=bundle_of("m"),
    licensor=LICENSOR,
    grantee=GRANTEE,
    capabilities=frozenset(Capability),
    start=START,
)


def event(act: Act, at: int, *by: str, name: str = "") -> GrantEvent:
    """Say something, as acme unless others are named."""
    return GrantEvent(
        id=name or f"{type(act).__name__}-{at}",
        at=moment(at),
        by=frozenset(by or (LICENSOR,)),
        licensor=LICENSOR,
        act=act,
    )


def granted(grant: Grant = PLAIN, *by: str, at: int = 0) -> GrantEvent:
    return event(Granted(grant=grant), at, *by, name="grant")


def at_moment(editions: tuple[IssuedGrant, ...], at: datetime) -> IssuedGrant:
    """Pick the edition of a moment; there must be exactly one."""
    (found,) = [
        one
        for one in editions
        if (one.since is None or one.since <= at) and (one.until is None or at < one.until)
    ]
    return found


def holds(editions: tuple[IssuedGrant, ...], at: datetime) -> frozenset[tuple[str, str, Capability]]:
    """Give who may do what at a moment: party, seat (empty when none is asked for), capability."""
    one = at_moment(editions, at)
    revoked = one.revoked_at is not None and one.revoked_at <= at
    phase, _ = one.grant.window.locate(at)
    if revoked or one.state is not GrantState.IN_EFFECT or phase not in (Phase.WITHIN, Phase.GRACE):
        return frozenset()
    seats = one.holders if one.grant.seats is not None else frozenset(SEATS)
    return frozenset((one.grant.grantee, seat, each) for seat in seats for each in one.grant.allows)


def moments(*several: tuple[IssuedGrant, ...]) -> list[datetime]:
    """Give every moment at which something may change, and the last one before each."""
    found = {START}
    for editions in several:
        for one in editions:
            ends = (one.since, one.revoked_at, one.grant.start, one.grant.end, one.grant.window.last)
            found |= {end for end in ends if end is not None}
    tick = timedelta(microseconds=1)
    return sorted(found | {one - tick for one in found})


_TIMES = st.integers(0, 20) | st.integers(LATE, LATE + 3)
_NARROW = frozenset({Capability.INFER})


@st.composite
def grants_of_all_kinds(draw: st.DrawFn) -> Grant:
    approvers = draw(st.sampled_from([(), APPROVERS[:1], APPROVERS]))
    return replace(
        PLAIN,
        capabilities=draw(st.sampled_from([frozenset(Capability), _NARROW])),
        end=draw(st.none() | st.integers(5, 30).map(moment)),
        grace_days=draw(st.sampled_from([0, 1])),
        acceptance=draw(st.booleans()),
        approvers=approvers,
        threshold=draw(st.integers(1, len(approvers))) if approvers else 0,
        notice_days=draw(st.sampled_from([0, 1])),
        transferable=draw(st.booleans()),
        seats=draw(st.none() | st.integers(1, 2)),
    )


_ACTS: dict[str, st.SearchStrategy[Act]] = {
    "consent": st.sampled_from(["grant", "event 1", "event 2", "event 3"]).map(
        lambda target: Consented(target=target)
    ),
    "amend": grants_of_all_kinds().map(lambda grant: Amended(grant=grant)),
    "assign": st.sampled_from([GRANTEE, OTHER]).map(lambda grantee: Assigned(grantee=grantee)),
    "renew": st.integers(5, 60).map(lambda end: Renewed(end=moment(end))),
    "seat": st.builds(Seated, holder=st.sampled_from(SEATS), freed=st.booleans()),
    "suspend": st.just(Suspended()),
    "reinstate": st.just(Reinstated()),
    "revoke": st.builds(Revoked, effective_at=st.none() | _TIMES.map(moment), notice=st.booleans()),
}
_BY = st.sampled_from(
    [(LICENSOR,), (GRANTEE,), (LICENSOR, GRANTEE), (OTHER,), APPROVERS[:1], APPROVERS[1:2], APPROVERS]
)


@st.composite
def some_event(draw: st.DrawFn, *kinds: str, at: st.SearchStrategy[int] = _TIMES) -> GrantEvent:
    act = draw(st.one_of([_ACTS[kind] for kind in kinds or _ACTS]))
    return event(act, draw(at), *draw(_BY))


@st.composite
def lives(draw: st.DrawFn, most: int = 12) -> list[GrantEvent]:
    """Draw a grant and whatever may be said about it, in any order of time."""
    first = granted(draw(grants_of_all_kinds()), *draw(_BY))
    rest = draw(st.lists(some_event(), max_size=most))
    return [first, *(replace(one, id=f"event {place}") for place, one in enumerate(rest, start=1))]
