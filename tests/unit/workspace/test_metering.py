import logging
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from tests.metered import CALLS, DAY, START, TOKENS, World

from weightmark.claims import Amendment, Revocation, Suspension, TermsClaim
from weightmark.encoding import Digest
from weightmark.errors import (
    GrantRevokedError,
    LedgerError,
    LicensingError,
    MalformedError,
    NotEntitledError,
    QuotaExceededError,
    UnknownEntitlementError,
    UnknownGrantError,
    UsageConflictError,
)
from weightmark.licensing import Capability, Entitlement, Grant, Terms
from weightmark.workspace.metering.meter import Meter, used
from weightmark.workspace.metering.usage import MOST_UNITS, Use
from weightmark.workspace.metering.usage_file import UsageFile


@pytest.fixture
def grant(world: World) -> Digest:
    return world.grant(CALLS, TOKENS, grace_days=5)


def test_nothing_is_used_before_anything_is_counted(world: World, grant: Digest):
    assert used(world.resources, [grant]) == {grant: {}}
    assert not (world.home / "usage.db").exists()
    assert [balance.left for balance in world.meter().balances(grant)] == [110, 1000]


def test_a_use_is_counted_once_for_its_key(world: World, grant: Digest):
    meter = world.meter()
    first = meter.use(grant, "inferences", 7, key="request-1")
    assert (first.used, first.left, first.over, first.repeated) == (7, 103, 0, False)
    again = meter.use(grant, "inferences", 7, key="request-1")
    assert (again.used, again.left, again.repeated) == (7, 103, True)
    assert used(world.resources, [grant]) == {grant: {"inferences": 7}}


def test_another_meter_knows_the_key(world: World, grant: Digest):
    world.meter().use(grant, "inferences", 7, key="request-1")
    assert world.meter().use(grant, "inferences", 7, key="request-1").repeated


@pytest.mark.parametrize(("name", "units"), [("inferences", 8), ("tokens", 7)])
def test_a_key_that_says_something_else_is_refused(world: World, grant: Digest, name: str, units: int):
    meter = world.meter()
    meter.use(grant, "inferences", 7, key="request-1")
    with pytest.raises(UsageConflictError, match=r"counted as 7 inferences, not \d tokens|not 8 inferences"):
        meter.use(grant, name, units, key="request-1")
    assert used(world.resources, [grant]) == {grant: {"inferences": 7}}


def test_the_same_key_under_another_grant_is_another_use(world: World, grant: Digest):
    other, meter = world.grant(CALLS, grantee="other"), world.meter()
    meter.use(grant, "inferences", 7, key="request-1")
    assert not meter.use(other, "inferences", 7, key="request-1").repeated


def test_overage_is_counted_and_the_bound_is_never_passed(world: World, grant: Digest):
    meter = world.meter()
    meter.use(grant, "inferences", 99, key="1")
    assert meter.use(grant, "inferences", 2, key="2").over == 1
    with pytest.raises(
        QuotaExceededError,
        match="100 requests of 'inferences' and 10 of overage: 101 are used, 0 reserved and 9 left, and 10",
    ) as caught:
        meter.use(grant, "inferences", 10, key="3")
    assert "does not reset" in caught.value.hint
    assert meter.use(grant, "inferences", 9, key="3").left == 0
    with pytest.raises(QuotaExceededError, match="0 left"):
        meter.use(grant, "inferences", 1, key="4")


def test_a_key_that_was_counted_is_known_also_when_nothing_is_left(world: World, grant: Digest):
    meter = world.meter()
    meter.use(grant, "inferences", 110, key="1")
    assert meter.use(grant, "inferences", 110, key="1").repeated


def test_an_unknown_grant_is_named(world: World, grant: Digest):
    for subject in ("sha256:" + "0" * 64, "acme", "", "sha256:zz"):
        with pytest.raises(UnknownGrantError, match="no grant"):
            world.meter().use(subject, "inferences", 1, key="1")


def test_an_unknown_entitlement_is_named_with_those_there_are(world: World, grant: Digest):
    with pytest.raises(
        UnknownEntitlementError, match="counts no 'calls'; what it counts: inferences, tokens"
    ):
        world.meter().use(grant, "calls", 1, key="1")
    with pytest.raises(UnknownEntitlementError, match="what it counts: nothing"):
        world.meter().use(world.grant(), "calls", 1, key="1")


@pytest.mark.parametrize("units", [0, -1, 2**63, 2**200])
def test_units_that_cannot_be_counted_are_refused(world: World, grant: Digest, units: int):
    with pytest.raises(ValueError, match="cannot be counted"):
        world.meter().use(grant, "inferences", units, key="1")
    assert used(world.resources, [grant]) == {grant: {}}


@pytest.mark.parametrize("units", [1.5, "1", True, None])
def test_what_is_no_number_is_refused(world: World, grant: Digest, units: object):
    with pytest.raises(TypeError, match="no whole number"):
        world.meter().use(grant, "inferences", units, key="1")  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["", "a" * 256, "two\nlines", "\0"])
def test_a_key_that_is_none_is_refused(world: World, grant: Digest, key: str):
    with pytest.raises(ValueError, match="a key has 1 to 255 characters"):
        world.meter().use(grant, "inferences", 1, key=key)


def test_more_than_can_be_counted_is_refused_and_nothing_changes(world: World, grant: Digest):
    meter = world.meter()
    meter.note(grant, "inferences", MOST_UNITS, key="1")
    with pytest.raises(ValueError, match="more than can be counted"):
        meter.note(grant, "inferences", 1, key="2")
    assert used(world.resources, [grant]) == {grant: {"inferences": MOST_UNITS}}
    assert not meter.use(world.grant(CALLS), "inferences", 1, key="2").repeated


def test_a_grant_counts_to_its_last_moment_and_no_further(world: World, grant: Digest):
    meter = world.meter()
    world.now = START + 35 * DAY - timedelta(seconds=1)
    meter.use(grant, "inferences", 1, key="1")
    world.now = START + 35 * DAY
    with pytest.raises(NotEntitledError, match="days of grace are over"):
        meter.use(grant, "inferences", 1, key="2")
    assert meter.use(grant, "inferences", 1, key="1").repeated
    with pytest.raises(NotEntitledError, match="begins at"):
        meter.use(grant, "inferences", 1, key="2", at=START - DAY)


def test_what_has_happened_is_noted_also_beyond_the_bound_and_the_end(world: World, grant: Digest):
    meter = world.meter()
    world.now += 100 * DAY
    noted = meter.note(grant, "inferences", 150, key="1")
    assert (noted.used, noted.left, noted.over) == (150, -40, 50)
    with pytest.raises(UnknownEntitlementError):
        meter.note(grant, "calls", 1, key="2")


def test_a_revocation_and_a_suspension_are_noticed(world: World, grant: Digest):
    meter = world.meter()
    meter.use(grant, "inferences", 1, key="1")
    world.say(Suspension(target=grant, cause="inquiry", issued_at=world.now))
    with pytest.raises(NotEntitledError, match="is suspended"):
        meter.use(grant, "inferences", 1, key="2")
    world.say(Revocation(target=grant, cause="breach", issued_at=world.now))
    with pytest.raises(GrantRevokedError, match="was revoked"):
        meter.use(grant, "inferences", 1, key="2")


def test_a_meter_takes_a_grant_as_it_was_for_some_seconds_at_most(
    world: World, grant: Digest, monkeypatch: pytest.MonkeyPatch
):
    seconds = [0.0]
    meter = Meter(world.resources, lambda: world.now)
    monkeypatch.setattr(meter._limits, "_monotonic", lambda: seconds[0])
    meter.use(grant, "inferences", 1, key="1")
    world.say(Revocation(target=grant, cause="breach", issued_at=world.now))
    seconds[0] = 1.9
    meter.use(grant, "inferences", 1, key="2")
    seconds[0] = 2.0
    with pytest.raises(GrantRevokedError):
        meter.use(grant, "inferences", 1, key="3")


def test_a_grant_that_waits_for_its_acceptance_counts_nothing(world: World):
    grant = world.grant(CALLS, acceptance=True)
    with pytest.raises(NotEntitledError, match="not been accepted"):
        world.meter().use(grant, "inferences", 1, key="1")


def test_an_amended_limit_holds_from_its_moment(world: World):
    grant, meter = world.grant(CALLS, grantee="lab"), world.meter()
    meter.use(grant, "inferences", 110, key="1")
    known = world.resources.index.grant(grant)
    assert known is not None
    more = Grant.from_json({**known.life.grant.to_json(), "bounds": [{**CALLS.to_json(), "limit": 200}]})
    world.now += DAY
    world.say(Amendment(target=grant, grant=more, issued_at=world.now))
    assert meter.use(grant, "inferences", 10, key="2").left == 90
    with pytest.raises(QuotaExceededError):
        meter.use(grant, "inferences", 1, key="3", at=START)


def test_a_use_under_a_sublicence_counts_under_the_grant_above_it(world: World):
    above = world.grant(CALLS, grantee="lab", capabilities=frozenset({Capability.SUBLICENSE}))
    below = [
        world.grant(Entitlement(name="inferences", unit="requests", limit=80), grantee=name, parent=above)
        for name in ("east", "west")
    ]
    meter = world.meter()
    meter.use(below[0], "inferences", 70, key="1")
    assert meter.use(below[1], "inferences", 30, key="1").left == 10
    with pytest.raises(QuotaExceededError, match=rf"{above} above the grant {below[1]}.*10 left"):
        meter.use(below[1], "inferences", 11, key="2")
    with pytest.raises(QuotaExceededError, match=rf"the grant {below[0]} allows 80"):
        meter.use(below[0], "inferences", 11, key="2")
    assert used(world.resources, [above, *below]) == {
        above: {"inferences": 100}, below[0]: {"inferences": 70}, below[1]: {"inferences": 30},
    }  # fmt: skip
    world.say(Revocation(target=above, cause="breach", issued_at=world.now))
    with pytest.raises(GrantRevokedError, match=above):
        meter.use(below[0], "inferences", 1, key="3")


def test_the_limits_of_a_models_own_terms_are_counted_under_the_model(world: World):
    meter, bundle = world.meter(), world.model.bundle
    with pytest.raises(UnknownEntitlementError, match="the terms of model counts no"):
        meter.use(bundle, "inferences", 1, key="1")
    terms = Terms(id="LicenseRef-ours", permissions=frozenset({Capability.INFER}), bounds=(CALLS,))
    world.say(TermsClaim(terms=terms, issued_at=world.now))
    assert meter.use(bundle, "inferences", 1, key="1").left == 109
    assert [balance.used for balance in meter.balances(bundle)] == [1]


def test_a_batch_is_counted_whole_or_not_at_all(world: World, grant: Digest):
    meter = world.meter()
    uses = [Use(subject=grant, name="inferences", units=1, key=str(number)) for number in range(50)]
    assert [each.used for each in meter.use_all(uses)] == list(range(1, 51))
    more = [Use(subject=grant, name="inferences", units=40, key=f"more-{number}") for number in range(3)]
    with pytest.raises(QuotaExceededError):
        meter.use_all([*uses, *more])
    assert used(world.resources, [grant]) == {grant: {"inferences": 50}}
    assert meter.use_all([]) == []


def test_a_key_twice_in_a_batch_counts_once(world: World, grant: Digest):
    use = Use(subject=grant, name="inferences", units=1, key="1")
    assert [each.repeated for each in world.meter().use_all([use, use])] == [False, True]


def test_threads_count_at_once_and_never_pass_the_bound(world: World, grant: Digest):
    meter, together = world.meter(), threading.Barrier(8)

    def use(worker: int) -> int:
        together.wait()
        done = 0
        for number in range(20):
            try:
                meter.use(grant, "inferences", 1, key=f"{worker}-{number}")
            except QuotaExceededError:
                continue
            done += 1
        return done

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(use, range(8))) == 110
    assert used(world.resources, [grant]) == {grant: {"inferences": 110}}


def test_one_use_that_is_refused_spoils_no_other_of_the_same_moment(world: World, grant: Digest):
    """Those that wait together are counted in one transaction; each is answered for itself."""
    meter, file = world.meter(), world.resources.usage
    meter.use(grant, "inferences", 1, key="0")

    def use(units: int) -> int | str:
        try:
            return meter.use(grant, "inferences", units, key=f"of-{units}").units
        except LicensingError as error:
            return type(error).__name__

    with ThreadPoolExecutor(3) as pool:
        with file.lock:
            answers = [pool.submit(use, units) for units in (1, 500, 2)]
            while len(meter._waiting) < 3:
                threading.Event().wait(0.001)
        assert [answer.result() for answer in answers] == [1, "QuotaExceededError", 2]
    assert used(world.resources, [grant]) == {grant: {"inferences": 4}}


def test_a_damaged_file_is_said_to_be_damaged(world: World, grant: Digest):
    (world.home / "usage.db").write_bytes(b"no database" * 1000)
    with pytest.raises(MalformedError, match=r"usage\.db is damaged"):
        world.meter().use(grant, "inferences", 1, key="1")
    with pytest.raises(MalformedError, match=r"usage\.db is damaged"):
        used(world.resources, [grant])


def test_a_file_of_a_newer_release_is_left_alone(world: World, grant: Digest):
    with sqlite3.connect(world.home / "usage.db") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(LedgerError, match="is of version 99"):
        world.meter().use(grant, "inferences", 1, key="1")


def test_a_file_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    file = UsageFile(tmp_path / "file" / "usage.db")
    with pytest.raises(LedgerError, match=r"usage\.db could not be"), file.writing():
        raise AssertionError


def test_a_file_that_is_replaced_is_not_counted_in(world: World, grant: Digest):
    meter = world.meter()
    meter.use(grant, "inferences", 1, key="1")
    path = world.home / "usage.db"
    path.rename(world.home / "old.db")
    path.write_bytes((world.home / "old.db").read_bytes())
    with pytest.raises(LedgerError, match="was replaced"):
        meter.use(grant, "inferences", 1, key="2")


def test_a_count_that_fails_in_the_midst_leaves_nothing(
    world: World, grant: Digest, monkeypatch: pytest.MonkeyPatch
):
    meter = world.meter()
    meter.use(grant, "inferences", 1, key="1")
    with monkeypatch.context() as patch:
        patch.setattr("weightmark.workspace.metering.tally.add_entry", _raise_disk_full)
        with pytest.raises(LedgerError, match="could not be written: disk is full") as caught:
            meter.use(grant, "inferences", 1, key="2")
    assert caught.value.outcome == "no"
    assert not meter.use(grant, "inferences", 1, key="2").repeated
    assert used(world.resources, [grant]) == {grant: {"inferences": 2}}


def test_a_commit_that_fails_says_that_it_may_have_happened(
    world: World, grant: Digest, monkeypatch: pytest.MonkeyPatch
):
    class Failing:
        def __init__(self, connection: sqlite3.Connection) -> None:
            self.connection = connection

        def __getattr__(self, name: str) -> object:
            return getattr(self.connection, name)

        def execute(self, statement: str, *rest: object) -> object:
            if statement == "COMMIT":
                _raise_disk_full()
            return self.connection.execute(statement, *rest)

    meter, file = world.meter(), world.resources.usage
    meter.use(grant, "inferences", 1, key="1")
    with monkeypatch.context() as patch:
        patch.setattr(file, "_connection", Failing(file._connection))  # type: ignore[arg-type]
        with pytest.raises(LedgerError) as caught:
            meter.use(grant, "inferences", 1, key="2")
    assert caught.value.outcome == "unknown"
    assert "same key" in caught.value.hint
    assert meter.use(grant, "inferences", 1, key="2").used == 2


def test_the_file_is_its_owners_alone(world: World, grant: Digest):
    world.meter().use(grant, "inferences", 1, key="1")
    assert (world.home / "usage.db").stat().st_mode & 0o777 == 0o600


def test_a_closed_workspace_counts_nothing(world: World, grant: Digest):
    meter = world.meter()
    meter.use(grant, "inferences", 1, key="1")
    world.resources.usage.close()
    with pytest.raises(LedgerError, match="is closed"):
        meter.use(grant, "inferences", 1, key="2")


def test_many_ids_are_asked_for_together(world: World, grant: Digest):
    world.meter().use(grant, "inferences", 1, key="1")
    ids = [f"sha256:{number:064x}" for number in range(1200)]
    found = used(world.resources, [*ids, grant])
    assert len(found) == 1201
    assert found.pop(grant) == {"inferences": 1}
    assert not any(found.values())


def _raise_disk_full(*_: object) -> None:
    error = sqlite3.OperationalError("disk is full")
    error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_FULL, "SQLITE_FULL"
    raise error


def test_secrets_of_a_job_stand_in_no_log(world: World, grant: Digest, caplog: pytest.LogCaptureFixture):
    def job() -> None:
        with world.meter().reserve(grant, {"tokens": 10}, key="job", lasts=DAY):
            raise RuntimeError("token=hunter2")

    with caplog.at_level(logging.WARNING), pytest.raises(RuntimeError):
        job()
    assert "RuntimeError" in caplog.text
    assert "hunter2" not in caplog.text
    (left,) = world.meter().reservations()
    assert left.reason == "RuntimeError"
