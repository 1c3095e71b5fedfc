from datetime import UTC, datetime, timedelta

import pytest

from weightmark.licensing.renewal_state import (
    LATE,
    OVER,
    UNDECIDED,
    RenewalEvent,
    RenewalState,
    advance,
    next_attempt,
)

S, E = RenewalState, RenewalEvent
MONEY_IS_THERE = {S.PAID, S.RENEWED, S.OWED_BACK}


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("event", E)
def test_every_event_has_an_answer_in_every_state(state: S, event: E):
    assert advance(state, event) in S


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("event", E)
def test_money_that_came_is_never_forgotten(state: S, event: E):
    if state in MONEY_IS_THERE or event is E.PAID:
        assert advance(state, event) in MONEY_IS_THERE


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("event", [event for event in E if event is not E.PAID])
def test_without_money_nothing_is_paid_or_renewed(state: S, event: E):
    if state not in MONEY_IS_THERE:
        assert advance(state, event) not in MONEY_IS_THERE


@pytest.mark.parametrize("state", [state for state in S if state not in (S.SCHEDULED, S.FAILED)])
def test_only_what_certainly_took_nothing_is_charged(state: S):
    assert advance(state, E.CHARGE) is state


@pytest.mark.parametrize("state", sorted(OVER))
@pytest.mark.parametrize("event", E)
def test_what_is_over_stays(state: S, event: E):
    assert advance(state, event) is state


def test_renewed_comes_from_paid_only():
    assert {state for state in S for event in E if advance(state, event) is S.RENEWED} == {S.PAID, S.RENEWED}


def test_the_sets_of_states_are_apart_and_what_is_left_is_named():
    assert not UNDECIDED & LATE | LATE & OVER | OVER & UNDECIDED
    assert set(S) - UNDECIDED - LATE - OVER == {S.SCHEDULED, S.PAID}


@pytest.mark.parametrize("state", sorted(UNDECIDED))
@pytest.mark.parametrize("event", [E.PAID, E.FAILED])
def test_what_is_not_known_is_resolved_by_an_answer(state: S, event: E):
    assert advance(state, event) is {E.PAID: S.PAID, E.FAILED: S.FAILED}[event]


def test_every_state_can_be_reached():
    reached = {S.SCHEDULED}
    for _ in S:
        reached |= {advance(state, event) for state in reached for event in E}
    assert reached == set(S)


def test_a_failed_renewal_is_tried_again_by_the_schedule_and_then_given_up():
    at = datetime(2026, 12, 1, tzinfo=UTC)
    assert [next_attempt(at, attempts) for attempts in (1, 2, 3, 4, 40)] == [
        at + timedelta(days=1), at + timedelta(days=3), at + timedelta(days=5), None, None,
    ]  # fmt: skip
    assert next_attempt(at, 1, ()) is None
