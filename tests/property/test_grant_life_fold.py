"""The life of a grant: whatever is said, in whatever order and with whatever dates on it."""

import itertools
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.grant_life_examples import LATE, at_moment, holds, lives, moments, some_event
from tests.ledger_examples import moment

from weightmark.licensing import GrantEvent, GrantState, IssuedGrant, Life, Suspended
from weightmark.licensing.life import fold

Lives = list[GrantEvent]


def allowing_until(events: Lives) -> datetime:
    """Give the last moment at which anything that was said allows something anew."""
    since = [one.since for one in fold(events) if one.since is not None]
    return max([moment(0), *since, *(one.at for one in events)])


@given(events=lives())
def test_editions_follow_one_another_without_a_gap(events: Lives) -> None:
    editions = fold(events)
    assert editions[0].since is None
    assert editions[-1].until is None
    for before, after in itertools.pairwise(editions):
        assert before.until == after.since
        assert before.since is None or (before.until is not None and before.since < before.until)
    assert {one.id for one in editions} == {"grant"}
    assert len({one.revoked_at for one in editions}) == 1


@given(events=lives())
def test_there_are_never_more_holders_than_seats(events: Lives) -> None:
    for one in fold(events):
        amended = any(type(each.act).__name__ == "Amended" for each in events)
        assert amended or len(one.holders) <= (one.grant.seats or 0)


@settings(max_examples=150)
@given(
    events=lives(),
    more=some_event("suspend", "revoke"),
    place=st.integers(1, 20),
)
def test_another_suspension_or_revocation_never_allows_more(
    events: Lives, more: GrantEvent, place: int
) -> None:
    before, after = fold(events), fold([*events[:place], more, *events[place:]])
    for at in moments(before, after):
        assert holds(after, at) <= holds(before, at)


@settings(max_examples=150)
@given(events=lives(), late=some_event(at=st.integers(LATE + 10, LATE + 20)))
def test_what_is_said_of_the_future_changes_nothing_before_it(events: Lives, late: GrantEvent) -> None:
    before, after = fold(events), fold([*events, late])
    for at in moments(before, after):
        if at < late.at:
            assert holds(after, at) == holds(before, at)


@settings(max_examples=150)
@given(events=lives(), late=some_event("amend", "assign", "renew", "seat", at=st.integers(0, 20)))
def test_nobody_dates_back_what_allows(events: Lives, late: GrantEvent) -> None:
    before, after = fold(events), fold([*events, late])
    changed = [one.since for one in before if one.since is not None and _is_of_terms(one, before)]
    last = max([events[0].at, *changed])
    for at in moments(before, after):
        if at < last:
            assert holds(after, at) <= holds(before, at)


def _is_of_terms(edition: IssuedGrant, editions: tuple[IssuedGrant, ...]) -> bool:
    """Say whether an edition has other terms or holders than the one before it."""
    place = editions.index(edition)
    before = editions[place - 1]
    return before.grant != edition.grant or before.holders != edition.holders


@given(events=lives())
def test_a_suspended_grant_is_suspended_until_it_is_reinstated(events: Lives) -> None:
    life = Life(events)
    last = life.edition(moment(LATE * 2))
    if life.suspended_at is None or last.state is GrantState.PENDING:
        return
    assert last.state is GrantState.SUSPENDED
    assert holds(life.editions(), moment(LATE * 2)) == frozenset()
    assert any(isinstance(one.act, Suspended) and one.at == life.suspended_at for one in events)


@given(events=lives(), cut=st.integers(1, 12))
def test_what_was_said_first_is_there_whatever_follows(events: Lives, cut: int) -> None:
    assert fold(events)[0].grant == fold(events[:cut])[0].grant == at_moment(fold(events), moment(-1)).grant
