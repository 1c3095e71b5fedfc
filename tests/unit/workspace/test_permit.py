"""A permit asks again in time, and never lets pass what it could not ask about, unless it was told to."""

import asyncio
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import (
    GrantRevokedError,
    LedgerError,
    NotEntitledError,
    UndecidedError,
    WeightmarkError,
)
from weightmark.licensing import Decision, FailMode, Outcome, ReasonCode
from weightmark.workspace import Answer, Permit

START = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def allowed(
    until: datetime | None = None, code: ReasonCode = ReasonCode.GRANTED, grant: str = "g"
) -> Decision:
    return Decision(outcome=Outcome.ALLOWED, code=code, grant=grant, until=until)


REVOKED = Decision(outcome=Outcome.REFUSED, code=ReasonCode.GRANT_REVOKED, grant="g")


class Gate:
    """A permit with clocks that are moved by hand, and a ledger that says what it is told to say."""

    def __init__(self, **options: Any) -> None:
        self.now = START
        self.ticks = 0.0
        self.asked = 0
        self.says: Decision | Exception | Callable[[], Decision] = allowed()
        self.permit = Permit(
            self.ask, what="deploy churn", clock=lambda: self.now, ticks=lambda: self.ticks, **options
        )

    def ask(self) -> Decision:
        self.asked += 1
        if isinstance(self.says, Exception):
            raise self.says
        return self.says if isinstance(self.says, Decision) else self.says()

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.ticks += seconds


def test_nothing_is_asked_before_it_is_due() -> None:
    gate = Gate(recheck=60)
    for _ in range(60):
        gate.permit.require()
        gate.move(1)
    assert gate.asked == 1
    gate.permit.require()
    assert gate.asked == 2


def test_a_revocation_is_noticed_after_the_recheck_and_not_before() -> None:
    gate = Gate(recheck=60)
    gate.permit.require()
    gate.says = REVOKED
    gate.move(59.999)
    gate.permit.require()
    gate.move(0.001)
    with pytest.raises(GrantRevokedError):
        gate.permit.require()


def test_an_end_is_noticed_at_its_very_moment() -> None:
    gate = Gate(recheck=3600)
    end = START + timedelta(seconds=10)
    gate.says = allowed(until=end)
    gate.permit.require()
    gate.says = Decision(outcome=Outcome.REFUSED, code=ReasonCode.GRANT_EXPIRED)
    gate.now = end - timedelta(microseconds=1)
    gate.permit.require()
    gate.now = end
    with pytest.raises(NotEntitledError):
        gate.permit.require()


def test_a_refusal_is_asked_anew_too() -> None:
    gate = Gate(recheck=60)
    gate.says = REVOKED
    for _ in range(3):
        with pytest.raises(GrantRevokedError):
            gate.permit.require()
    assert gate.asked == 1
    gate.says = allowed()
    gate.move(60)
    gate.permit.require()


def test_a_clock_that_is_set_back_gains_nothing() -> None:
    gate = Gate(recheck=60)
    gate.permit.require()
    gate.says = REVOKED
    gate.now -= timedelta(days=30)
    with pytest.raises(GrantRevokedError):
        gate.permit.require()


def test_a_clock_that_stands_still_gains_nothing() -> None:
    gate = Gate(recheck=60)
    gate.permit.require()
    gate.says = REVOKED
    gate.ticks += 60
    with pytest.raises(GrantRevokedError):
        gate.permit.require()


def test_without_an_answer_the_last_one_holds_as_long_as_patience_and_no_longer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = Gate(recheck=60, patience=30)
    gate.permit.require()
    gate.says = LedgerError("the disk is gone")
    held = 0
    for _ in range(200):
        gate.move(0.5)
        try:
            gate.permit.require()
        except UndecidedError as error:
            assert "the disk is gone" in error.message
            assert isinstance(error.__cause__, LedgerError)
            break
        held += 1
    assert held == 179, "60 s until it is asked, 30 s of patience"
    assert gate.asked <= 1 + 31, "it is not asked at each call"
    assert any("still counts" in record.message for record in caplog.records)
    assert any("so it is refused" in record.message for record in caplog.records)
    gate.says = allowed()
    gate.move(1)
    gate.permit.require()


def test_patience_never_reaches_beyond_the_end_of_the_answer() -> None:
    gate = Gate(recheck=60, patience=3600)
    gate.says = allowed(until=START + timedelta(seconds=70))
    gate.permit.require()
    gate.says = LedgerError("the disk is gone")
    gate.move(69)
    gate.permit.require()
    gate.move(1)
    with pytest.raises(UndecidedError):
        gate.permit.require()


def test_no_first_answer_is_no_answer() -> None:
    gate = Gate(patience=3600)
    gate.says = LedgerError("the disk is gone")
    with pytest.raises(UndecidedError, match="the disk is gone"):
        gate.permit.require()


def test_an_error_of_a_library_is_no_answer_either() -> None:
    gate = Gate()
    gate.says = RuntimeError("secret")
    with pytest.raises(UndecidedError, match="RuntimeError") as caught:
        gate.permit.require()
    assert "secret" not in caught.value.message


def test_open_and_log_lets_pass_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate(recheck=60, patience=0, fail_mode=FailMode.OPEN_AND_LOG)
    gate.permit.require()
    gate.says = LedgerError("the disk is gone")
    gate.move(61)
    with caplog.at_level(logging.ERROR):
        gate.permit.require()
    assert "let pass" in caplog.records[-1].message
    assert gate.permit.look().failure is not None


def test_open_and_log_does_not_open_what_was_refused() -> None:
    gate = Gate(recheck=60, patience=0, fail_mode=FailMode.OPEN_AND_LOG)
    gate.says = REVOKED
    with pytest.raises(GrantRevokedError):
        gate.permit.require()
    gate.says = LedgerError("the disk is gone")
    gate.move(61)
    with pytest.raises(GrantRevokedError):
        gate.permit.require()


def test_a_ledger_that_hangs_holds_nobody_longer_than_patience() -> None:
    gate, released = Gate(recheck=60, patience=0), threading.Event()
    gate.permit.require()

    def hang() -> Decision:
        released.wait(30)
        return allowed(grant="late")

    gate.says = hang
    gate.move(61)
    began = time.monotonic()
    with pytest.raises(UndecidedError, match="no answer came"):
        gate.permit.require()
    gate.move(2)
    with pytest.raises(UndecidedError):
        gate.permit.require()
    assert time.monotonic() - began < 20
    assert gate.asked == 2, "one question hangs, no second one is sent after it"
    heard: queue.Queue[Answer] = queue.Queue()
    gate.permit.on_change(heard.put)
    released.set()
    answer = heard.get(timeout=10)
    assert answer.decision is not None
    assert answer.decision.grant == "late"


def test_many_threads_ask_once() -> None:
    gate, go = Gate(), threading.Barrier(8)
    gate.says = lambda: (time.sleep(0.05), allowed())[1]
    failures: list[BaseException] = []

    def work() -> None:
        try:
            go.wait()
            for _ in range(50):
                gate.permit.require()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (gate.asked, failures) == (1, [])


def test_a_change_is_told_and_a_repetition_is_not() -> None:
    gate = Gate(recheck=60)
    heard: queue.Queue[Answer] = queue.Queue()

    def fail(_: Answer) -> None:
        raise RuntimeError

    gate.permit.on_change(fail)
    gate.permit.on_change(heard.put)
    gate.permit.require()
    assert heard.get(timeout=10).allowed
    for _ in range(3):
        gate.move(60)
        gate.permit.require()
    gate.says = REVOKED
    gate.move(60)
    assert not gate.permit.look().allowed
    assert not heard.get(timeout=10).allowed
    assert heard.empty()


def test_days_left_of_a_grace_are_said_once_a_day(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate(recheck=3600)
    gate.says = allowed(until=START + timedelta(days=2, hours=1), code=ReasonCode.GRACE)
    for _ in range(48):
        gate.permit.require()
        gate.move(3600)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 3
    assert "3 days of grace left, until 2026-11-24 10:30:00 UTC" in said[0]
    assert "1 day of grace left" in said[-1]


def test_functions_are_guarded_also_asynchronous_ones() -> None:
    gate = Gate()

    @gate.permit.guards
    def predict(value: int) -> int:
        """Say something."""
        return value + 1

    @gate.permit.guards
    async def serve(value: int) -> int:
        return value + 2

    assert (predict(1), asyncio.run(serve(1)), predict.__doc__) == (2, 3, "Say something.")
    gate.says = REVOKED
    gate.move(60)
    with pytest.raises(GrantRevokedError):
        asyncio.run(serve(1))
    with pytest.raises(GrantRevokedError):
        predict(1)


@pytest.mark.parametrize("options", [{"recheck": 0}, {"recheck": 86_401}, {"patience": -1}])
def test_numbers_out_of_bounds_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="recheck"):
        Gate(**options)


def test_there_is_no_tier_to_degrade_to() -> None:
    with pytest.raises(ValueError, match="degrade"):
        Gate(fail_mode=FailMode.DEGRADE)


def test_the_calendar_ends_without_an_error() -> None:
    gate = Gate(recheck=60)
    gate.now = datetime.max.replace(tzinfo=UTC)
    gate.permit.require()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_asks_for_itself() -> None:
    gate = Gate()
    gate.permit.require()
    gate.permit._lock.acquire()
    child = os.fork()
    if child == 0:
        try:
            gate.says = REVOKED
            gate.move(60)
            gate.permit.require()
        except GrantRevokedError:
            os._exit(7)
        finally:
            os._exit(1)
    gate.permit._lock.release()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.floats(0, 50)),
        st.tuples(st.just("back"), st.floats(0, 50)),
        st.tuples(st.sampled_from(["revoke", "grant", "break"]), st.just(0.0)),
    ),
    max_size=30,
)


@given(steps=STEPS)
def test_never_open_longer_than_recheck_and_patience_after_a_revocation(
    steps: list[tuple[str, float]],
) -> None:
    gate = Gate(recheck=20, patience=10)
    revoked_since: float | None = None
    for step, seconds in steps:
        if step == "move":
            gate.move(seconds)
        elif step == "back":
            gate.now -= timedelta(seconds=seconds)
        elif step == "break":
            gate.says = LedgerError("away")
        else:
            gate.says = REVOKED if step == "revoke" else allowed()
        if gate.says is REVOKED and revoked_since is None:
            revoked_since = gate.ticks
        elif isinstance(gate.says, Decision) and gate.says.allowed:
            revoked_since = None
        try:
            gate.permit.require()
        except WeightmarkError:
            continue
        assert revoked_since is None or gate.ticks - revoked_since < 30
