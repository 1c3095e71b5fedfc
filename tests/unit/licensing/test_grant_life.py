"""The life of a grant, said in small stories."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.grant_life_examples import (
    APPROVERS,
    GRANTEE,
    LATE,
    LICENSOR,
    OTHER,
    PLAIN,
    at_moment,
    event,
    granted,
    holds,
)
from tests.ledger_examples import moment

from weightmark.licensing import (
    Amended,
    Assigned,
    Capability,
    Consented,
    Entitlement,
    FailMode,
    Grant,
    GrantEvent,
    GrantState,
    Life,
    Reinstated,
    Renewed,
    Revoked,
    Seated,
    Suspended,
    exceed,
)
from weightmark.licensing.life import fold

WAITS, RUNS, STOPS = GrantState.PENDING, GrantState.IN_EFFECT, GrantState.SUSPENDED


def story(*events: GrantEvent) -> list[tuple[datetime | None, GrantState]]:
    return [(one.since, one.state) for one in fold(events)]


def test_a_grant_of_which_nothing_more_was_said_has_one_edition() -> None:
    (only,) = fold([granted(at=9)])
    assert (only.grant, only.since, only.until, only.state) == (PLAIN, None, None, RUNS)


def test_the_first_event_grants() -> None:
    with pytest.raises(ValueError, match="first event"):
        fold([event(Suspended(), 1)])


def test_it_waits_for_its_grantee() -> None:
    grant = replace(PLAIN, acceptance=True)
    assert story(granted(grant)) == [(None, WAITS)]
    said = event(Consented(target="grant"), 5, GRANTEE)
    assert story(granted(grant), said) == [(None, WAITS), (moment(5), RUNS)]
    assert story(granted(grant), replace(said, by=frozenset({OTHER}))) == [(None, WAITS)]


def test_it_waits_for_k_of_its_approvers_and_begins_when_the_kth_said_so() -> None:
    grant = replace(PLAIN, approvers=APPROVERS, threshold=2)
    first, second, third = (
        event(Consented(target="grant"), at, name) for at, name in zip((7, 4, 9), APPROVERS, strict=True)
    )
    assert Life([granted(grant), first]).waits_for() == ("", 1, APPROVERS[1:])
    assert story(granted(grant), first, first) == [(None, WAITS)]
    assert story(granted(grant), first, second) == [(None, WAITS), (moment(7), RUNS)]
    late = event(Consented(target="grant"), LATE, APPROVERS[0])
    assert story(granted(grant), late, second) == [(None, WAITS), (moment(LATE), RUNS)]
    assert story(granted(grant), late, second, third) == [(None, WAITS), (moment(9), RUNS)]


def test_signatures_on_the_grant_itself_are_consents() -> None:
    grant = replace(PLAIN, acceptance=True, approvers=APPROVERS, threshold=1)
    assert fold([granted(grant, LICENSOR, GRANTEE, APPROVERS[1], at=3)])[-1].state is RUNS


def test_an_amendment_needs_both_and_keeps_what_was() -> None:
    longer = replace(PLAIN, end=moment(90))
    proposed = event(Amended(grant=longer), 3, name="change")
    assert fold([granted(), proposed])[-1].grant == PLAIN
    agreed = event(Consented(target="change"), 8, GRANTEE)
    first, second = fold([granted(), proposed, agreed])
    assert (first.grant, first.until, second.grant) == (PLAIN, moment(8), longer)
    both = event(Amended(grant=longer), 3, LICENSOR, GRANTEE)
    assert fold([granted(), both])[-1].since == moment(3)


def test_an_amendment_needs_the_approvers_too() -> None:
    grant = replace(PLAIN, approvers=APPROVERS[:2], threshold=1)
    free = replace(grant, approvers=(), threshold=0)
    both = event(Amended(grant=free), 3, LICENSOR, GRANTEE, name="change")
    life = Life([granted(grant, LICENSOR, APPROVERS[0]), both])
    assert life.grant == grant
    assert life.missing(life.proposals["change"], LICENSOR) == ((), 1, APPROVERS[:2])
    agreed = event(Consented(target="change"), 4, APPROVERS[1])
    assert Life([granted(grant), both, agreed]).grant == free
    assert fold([granted(grant), both, agreed])[-1].state is RUNS


def test_a_proposal_lapses_when_the_grant_is_changed_otherwise() -> None:
    ends = replace(PLAIN, end=moment(50))
    wide = event(Amended(grant=replace(ends, seats=9)), 2, name="change")
    renewed = event(Renewed(end=moment(60)), 3)
    agreed = event(Consented(target="change"), 4, GRANTEE)
    assert Life([granted(ends), wide, renewed, agreed]).grant == replace(ends, end=moment(60))


def test_a_transferable_grant_is_handed_over_by_its_grantee_and_its_seats_become_free() -> None:
    grant = replace(PLAIN, transferable=True, seats=2)
    events = [
        granted(grant),
        event(Seated(holder="ann"), 1, GRANTEE),
        event(Assigned(grantee=OTHER), 5, GRANTEE),
        event(Seated(holder="ben"), 6, OTHER),
    ]
    found = [(one.grant.grantee, sorted(one.holders)) for one in fold(events)]
    assert found == [(GRANTEE, []), (GRANTEE, ["ann"]), (OTHER, []), (OTHER, ["ben"])]
    alone = event(Assigned(grantee=OTHER), 5, GRANTEE, name="change")
    assert Life([granted(), alone]).grant.grantee == GRANTEE
    assert Life([granted(), alone, event(Consented(target="change"), 6)]).grant.grantee == OTHER


def test_suspended_and_reinstated() -> None:
    events = [granted(), event(Suspended(), 3), event(Reinstated(), 7)]
    assert story(*events) == [(None, RUNS), (moment(3), STOPS), (moment(7), RUNS)]
    assert Life(events).suspended_at is None


def test_a_suspension_cannot_be_lifted_as_of_a_time_before_it() -> None:
    events = [granted(), event(Suspended(), 5), event(Reinstated(), 2)]
    assert story(*events) == [(None, RUNS), (moment(5), STOPS)]


def test_a_future_date_on_another_statement_holds_up_no_suspension_and_no_freed_seat() -> None:
    grant = replace(PLAIN, seats=2)
    events = [
        granted(grant),
        event(Seated(holder="ann"), 1, GRANTEE),
        event(Seated(holder="ben"), LATE, GRANTEE),
        event(Seated(holder="ann", freed=True), 4),
        event(Suspended(), 6),
    ]
    editions = fold(events)
    assert at_moment(editions, moment(5)).holders == frozenset()
    assert at_moment(editions, moment(6)).state is STOPS
    assert at_moment(editions, moment(LATE)).state is STOPS


def test_a_seat_that_is_freed_before_it_was_to_be_taken_is_never_taken() -> None:
    events = [
        granted(replace(PLAIN, seats=1)),
        event(Seated(holder="ann"), LATE, GRANTEE),
        event(Seated(holder="ann", freed=True), 2),
    ]
    assert all(not one.holders for one in fold(events))


def test_of_revocations_the_earliest_moment_holds() -> None:
    events = [granted(), *(event(Revoked(), at) for at in (9, 4, 6))]
    assert fold(events)[0].revoked_at == moment(4)


@pytest.mark.parametrize(
    ("act", "by", "days"),
    [
        (Revoked(), LICENSOR, 2),
        (Revoked(notice=False), LICENSOR, 0),
        (Revoked(), GRANTEE, 0),
        (Revoked(effective_at=moment(0)), LICENSOR, 2),
        (Revoked(effective_at=moment(10) + timedelta(days=5)), LICENSOR, 5),
        (Revoked(effective_at=moment(0), notice=False), LICENSOR, 0),
    ],
)
def test_a_revocation_keeps_the_period_of_notice(act: Revoked, by: str, days: int) -> None:
    grant = replace(PLAIN, notice_days=2)
    (only,) = fold([granted(grant), event(act, 10, by)])
    assert only.revoked_at == moment(10) + timedelta(days=days)


def test_a_renewal_moves_the_end_from_then_on() -> None:
    grant = replace(PLAIN, end=moment(10))
    events = [granted(grant), event(Renewed(end=moment(40)), 20), event(Renewed(end=moment(30)), 21)]
    editions = fold(events)
    assert [one.grant.end for one in editions] == [moment(10), moment(40)]
    assert not holds(editions, moment(15))
    assert holds(editions, moment(25))
    assert fold([granted(), event(Renewed(end=moment(40)), 20)])[-1].grant.end is None


NARROW = replace(
    PLAIN,
    capabilities=frozenset({Capability.INFER, Capability.SUBLICENSE}),
    commercial=False,
    start=moment(5),
    end=moment(50),
    grace_days=1,
    bounds=(Entitlement(name="calls", unit="calls", limit=10, overage=2),),
    purposes=frozenset({"research"}),
    seats=3,
)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, ""),
        ({"grace_days": 0, "seats": 1, "end": moment(40), "start": moment(9)}, ""),
        ({"capabilities": frozenset({Capability.MERGE})}, "allows merge"),
        ({"commercial": True}, "commercial"),
        ({"purposes": frozenset[str]()}, "other purposes"),
        ({"purposes": frozenset({"research", "sale"})}, "other purposes"),
        ({"transferable": True}, "handed over"),
        ({"start": moment(4)}, "begins before"),
        ({"end": moment(51)}, "ends after"),
        ({"end": None}, "ends after"),
        ({"grace_days": 2}, "longer grace"),
        ({"seats": 4}, "more seats"),
        ({"seats": None}, "more seats"),
        ({"fail_mode": FailMode.OPEN_AND_LOG}, "could not be counted"),
        ({"bounds": ()}, "no limit of calls"),
        ({"bounds": (Entitlement(name="calls", unit="calls", limit=9, overage=4),)}, "no limit of calls"),
        ({"bounds": (Entitlement(name="calls", unit="tokens", limit=9),)}, "no limit of calls"),
    ],
)
def test_a_sublicence_is_never_more_than_the_grant_above_it(more: dict[str, object], said: str) -> None:
    mine: Grant = replace(NARROW, licensor=GRANTEE, grantee="zoe", **more)  # type: ignore[arg-type]
    assert said in exceed(mine, NARROW)
    assert bool(said) is bool(exceed(mine, NARROW))


def test_without_the_right_to_sublicense_nothing_stands_under_a_grant() -> None:
    infer = replace(PLAIN, capabilities=frozenset({Capability.INFER}))
    assert "no sublicences" in exceed(infer, infer)
