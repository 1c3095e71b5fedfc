from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from tests.metered import CALLS, DAY, TOKENS, World

from weightmark.claims import Revocation
from weightmark.encoding import Digest
from weightmark.errors import (
    GrantRevokedError,
    QuotaExceededError,
    UnknownEntitlementError,
    UnknownReservationError,
    UsageConflictError,
    WeightmarkError,
)
from weightmark.workspace.metering.meter import used
from weightmark.workspace.metering.usage import ReservationState

HOUR = timedelta(hours=1)


@pytest.fixture
def grant(world: World) -> Digest:
    return world.grant(CALLS, TOKENS)


def counts(world: World, grant: Digest) -> dict[str, tuple[int, int]]:
    balances = world.meter().balances(grant)
    return {each.entitlement.name: (each.used, each.reserved) for each in balances}


def test_what_is_reserved_counts_until_it_is_settled(world: World, grant: Digest):
    meter = world.meter()
    job = meter.reserve(grant, {"inferences": 60, "tokens": 100}, key="job", lasts=HOUR)
    assert used(world.resources, [grant]) == {grant: {"inferences": 60, "tokens": 100}}
    with pytest.raises(QuotaExceededError, match="0 are used, 60 reserved and 50 left"):
        meter.use(grant, "inferences", 51, key="1")
    counted = {each.name: each for each in job.settle({"inferences": 40})}
    assert (counted["inferences"].used, counted["inferences"].left) == (40, 70)
    assert counts(world, grant) == {"inferences": (40, 0), "tokens": (100, 0)}


def test_more_than_was_reserved_is_counted_too(world: World, grant: Digest):
    job = world.meter().reserve(grant, {"inferences": 100}, key="job", lasts=HOUR)
    (counted,) = job.settle({"inferences": 130})
    assert (counted.used, counted.left, counted.over) == (130, -20, 30)


def test_settling_twice_counts_once_and_to_other_numbers_is_refused(world: World, grant: Digest):
    meter = world.meter()
    meter.reserve(grant, {"inferences": 60}, key="job", lasts=HOUR)
    assert [each.repeated for each in meter.reservation(grant, "job").settle({"inferences": 0})] == [False]
    assert [each.repeated for each in meter.reservation(grant, "job").settle({"inferences": 0})] == [True]
    with pytest.raises(UsageConflictError, match="was settled to 0 inferences"):
        meter.reservation(grant, "job").settle({"inferences": 1})
    with pytest.raises(UsageConflictError):
        meter.reservation(grant, "job").release()
    with pytest.raises(UsageConflictError):
        meter.reservation(grant, "job").extend(HOUR)
    assert counts(world, grant)["inferences"] == (0, 0)


def test_releasing_lets_go_of_all_and_twice_does_nothing(world: World, grant: Digest):
    job = world.meter().reserve(grant, {"inferences": 60}, key="job", lasts=HOUR)
    job.release()
    job.release()
    assert counts(world, grant)["inferences"] == (0, 0)
    with pytest.raises(UsageConflictError, match="was released"):
        job.settle()
    with pytest.raises(UsageConflictError, match="was released"):
        world.meter().reserve(grant, {"inferences": 60}, key="job", lasts=HOUR)


def test_the_same_key_holds_once_and_takes_a_killed_job_up_again(world: World, grant: Digest):
    world.meter().reserve(grant, {"inferences": 60}, key="job", lasts=HOUR)
    world.now += 2 * HOUR
    again = world.meter().reserve(grant, {"inferences": 60}, key="job", lasts=HOUR)
    assert again.reserved.until == world.now + HOUR
    assert again.reserved.state is ReservationState.OPEN
    assert counts(world, grant)["inferences"] == (0, 60)
    with pytest.raises(UsageConflictError, match="holds 60 inferences already, not 50 inferences"):
        world.meter().reserve(grant, {"inferences": 50}, key="job", lasts=HOUR)


def test_what_lapses_counts_in_full_and_is_listed_until_it_is_settled(world: World, grant: Digest):
    world.meter().reserve(grant, {"inferences": 60}, key="job", lasts=HOUR)
    world.now += HOUR
    (lapsed,) = world.meter().reservations()
    assert (lapsed.state, lapsed.units) == (ReservationState.LAPSED, {"inferences": 60})
    assert used(world.resources, [grant]) == {grant: {"inferences": 60}}
    world.now += 300 * DAY
    world.meter().reservation(grant, "job").settle({"inferences": 13})
    assert world.meter().reservations() == []
    assert used(world.resources, [grant]) == {grant: {"inferences": 13}}
    (settled,) = world.meter().reservations(grant, ended=True)
    assert settled.to_json()["actual"] == {"inferences": 13}


def test_a_reservation_is_extended_and_never_made_shorter(world: World, grant: Digest):
    job = world.meter().reserve(grant, {"inferences": 60}, key="job", lasts=2 * HOUR)
    until = job.reserved.until
    job.extend(HOUR)
    assert job.reserved.until == until
    world.now += 3 * HOUR
    job.extend(HOUR)
    assert job.reserved.until == world.now + HOUR
    assert job.reserved.state is ReservationState.OPEN


def test_a_block_that_ends_is_settled_to_what_was_held(world: World, grant: Digest):
    with world.meter().reserve(grant, {"inferences": 60}, key="job", lasts=HOUR):
        assert counts(world, grant)["inferences"] == (0, 60)
    assert counts(world, grant)["inferences"] == (60, 0)


def test_a_block_that_settles_itself_is_left_so(world: World, grant: Digest):
    with world.meter().reserve(grant, {"inferences": 60}, key="a", lasts=HOUR) as job:
        job.settle({"inferences": 5})
    with world.meter().reserve(grant, {"inferences": 60}, key="b", lasts=HOUR) as job:
        job.release()
    assert counts(world, grant)["inferences"] == (5, 0)


def test_a_block_that_fails_stays_reserved_and_says_why(world: World, grant: Digest):
    with (
        pytest.raises(KeyboardInterrupt),
        world.meter().reserve(grant, {"inferences": 60}, key="job", lasts=HOUR),
    ):
        raise KeyboardInterrupt
    (left,) = world.meter().reservations(grant)
    assert (left.state, left.reason) == (ReservationState.OPEN, "KeyboardInterrupt")
    assert counts(world, grant)["inferences"] == (0, 60)


def test_a_job_whose_grant_was_revoked_is_settled_all_the_same(world: World, grant: Digest):
    job = world.meter().reserve(grant, {"inferences": 60}, key="job", lasts=HOUR)
    world.say(Revocation(target=grant, cause="breach", issued_at=world.now))
    job.settle({"inferences": 20})
    assert counts(world, grant)["inferences"] == (20, 0)
    with pytest.raises(GrantRevokedError):
        world.meter().reserve(grant, {"inferences": 1}, key="other", lasts=HOUR)


def test_all_units_are_held_or_none(world: World, grant: Digest):
    with pytest.raises(QuotaExceededError, match="'tokens'"):
        world.meter().reserve(grant, {"inferences": 60, "tokens": 1001}, key="job", lasts=HOUR)
    with pytest.raises(UnknownEntitlementError):
        world.meter().reserve(grant, {"inferences": 60, "calls": 1}, key="job", lasts=HOUR)
    assert counts(world, grant) == {"inferences": (0, 0), "tokens": (0, 0)}
    assert world.meter().reservations(ended=True) == []


def test_what_makes_no_sense_is_refused(world: World, grant: Digest):
    meter = world.meter()
    for units in ({}, {"inferences": 0}, {"inferences": 2**63}):
        with pytest.raises(ValueError, match="unit"):
            meter.reserve(grant, units, key="job", lasts=HOUR)
    for lasts in (timedelta(0), -HOUR, 400 * DAY):
        with pytest.raises(ValueError, match="lasts up to 366 days"):
            meter.reserve(grant, {"inferences": 1}, key="job", lasts=lasts)
    with pytest.raises(ValueError, match="a key has"):
        meter.reserve(grant, {"inferences": 1}, key="", lasts=HOUR)
    with pytest.raises(UnknownReservationError, match="key 'nobody'"):
        meter.reservation(grant, "nobody")
    job = meter.reserve(grant, {"inferences": 1}, key="job", lasts=HOUR)
    with pytest.raises(UsageConflictError, match="holds no 'tokens', but 1 inferences"):
        job.settle({"tokens": 1})
    with pytest.raises(ValueError, match="-1 units"):
        job.settle({"inferences": -1})


def test_a_counter_counts_what_was_taken(world: World, grant: Digest):
    with world.meter().counter(grant, "inferences", block=10) as counter:
        for _ in range(25):
            counter.take()
        assert counts(world, grant)["inferences"] == (20, 10)
        counter.flush()
        assert counts(world, grant)["inferences"] == (25, 0)
        counter.take(40)
    assert counts(world, grant)["inferences"] == (65, 0)
    assert world.meter().reservations() == []
    with pytest.raises(WeightmarkError, match="closed"):
        counter.take()


def test_a_counter_gives_out_the_last_unit_and_not_one_more(world: World, grant: Digest):
    with world.meter().counter(grant, "inferences", block=7) as counter:
        for _ in range(110):
            counter.take()
        with pytest.raises(QuotaExceededError):
            counter.take()
    assert counts(world, grant)["inferences"] == (110, 0)


def test_two_counters_share_what_is_left(world: World, grant: Digest):
    one, two = (world.meter().counter(grant, "inferences", block=50) for _ in range(2))
    taken = 0
    for counter in [one, two] * 100:
        try:
            counter.take()
        except QuotaExceededError:
            continue
        taken += 1
    assert taken == 110
    one.close()
    two.close()
    assert counts(world, grant)["inferences"] == (110, 0)


def test_what_a_killed_counter_took_is_counted_and_listed(world: World, grant: Digest):
    counter = world.meter().counter(grant, "inferences", block=50, seconds=60)
    for _ in range(3):
        counter.take()
    world.now += timedelta(seconds=120)
    (lapsed,) = world.meter().reservations()
    assert lapsed.state is ReservationState.LAPSED
    assert used(world.resources, [grant]) == {grant: {"inferences": 50}}


def test_a_counter_looks_at_its_grant_again(world: World, grant: Digest):
    counter = world.meter().counter(grant, "inferences", block=50, seconds=60)
    counter.take()
    world.say(Revocation(target=grant, cause="breach", issued_at=world.now))
    counter.take()
    world.now += timedelta(seconds=60)
    with pytest.raises(GrantRevokedError):
        counter.take()
    counter.close()
    assert counts(world, grant)["inferences"] == (2, 0)


@pytest.mark.parametrize(("block", "seconds"), [(0, 60.0), (1, 0.0), (1, 1e9)])
def test_a_counter_that_makes_no_sense_is_refused(world: World, grant: Digest, block: int, seconds: float):
    with pytest.raises(ValueError, match=r"block|units"):
        world.meter().counter(grant, "inferences", block=block, seconds=seconds)


def test_settling_and_deciding_at_once_wait_for_each_other_in_one_order(world: World, grant: Digest):
    """Who decides reads the count under the index's lock, so nobody who counts may ask the index."""
    jobs = [world.meter().reserve(grant, {"tokens": 1}, key=str(number), lasts=HOUR) for number in range(60)]

    def settle() -> None:
        for job in jobs:
            job.settle()

    def decide() -> None:
        for _ in range(60):
            with world.resources.index.still():
                used(world.resources, [grant])

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(settle), pool.submit(decide), pool.submit(decide)]:
            done.result(timeout=60)
    assert counts(world, grant)["tokens"] == (60, 0)
