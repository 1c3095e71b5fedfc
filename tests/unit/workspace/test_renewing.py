from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.metered import DAY, MONTHLY, START, World

from weightmark.claims import RenewalClaim, Revocation, Suspension
from weightmark.encoding import Digest
from weightmark.errors import MalformedError, PlatformError, UnknownPluginError, WeightmarkError
from weightmark.licensing import Capability, Renewal
from weightmark.licensing.renewal_state import RenewalState
from weightmark.licensing.window import Phase
from weightmark.ports import PaymentState
from weightmark.workspace.renewing.expiring import expiring
from weightmark.workspace.renewing.renewable import Act, Schedule
from weightmark.workspace.renewing.renewing import Renewals
from weightmark_plugins.payments.memory import Account, MemoryPayment, Mishap

S = RenewalState


@pytest.fixture
def account(tmp_path: Path) -> Account:
    return MemoryPayment.open(f"memory://{tmp_path}", home=tmp_path).account


def renewals(world: World, provider: str = "", **schedule: Any) -> Renewals:
    return Renewals(
        world.resources,
        lambda: world.now,
        provider=provider or f"memory://{world.home.parent}",
        schedule=Schedule(**schedule),
    )


def run(world: World, provider: str = "") -> list[RenewalState]:
    return [done.entry.state for done in renewals(world, provider).run()]


def end_of(world: World, grant: Digest) -> Any:
    known = world.resources.index.grant(grant)
    assert known is not None
    return known.life.grant.end


def test_a_grant_is_renewed_and_paid_for_once(world: World, account: Account):
    grant = world.grant(renewal=MONTHLY)
    assert run(world) == []
    world.now += 23 * DAY
    assert run(world) == [S.RENEWED]
    assert run(world) == []
    assert end_of(world, grant) == START + 60 * DAY
    assert account.taken == {f"{grant}@2026-12-31T00:00:00Z": 1}
    (entry,) = renewals(world).listing()
    assert entry.key == f"{grant}@2026-12-31T00:00:00Z"
    assert (entry.days, str(entry.amount), entry.currency) == (30, "49.00", "EUR")
    world.now += 30 * DAY
    assert run(world) == [S.RENEWED]
    assert end_of(world, grant) == START + 90 * DAY
    assert set(account.taken.values()) == {1}


def test_the_payment_stands_in_the_ledger(world: World, account: Account):
    grant = world.grant(renewal=MONTHLY, days=1)
    run(world)
    known = world.resources.index.grant(grant)
    assert known is not None
    (claim,) = [claim for claim in known.claims.values() if isinstance(claim, RenewalClaim)]
    assert (claim.payment, claim.target) == (f"{grant}@2026-12-02T00:00:00Z", grant)


def test_a_dry_run_changes_nothing(world: World, account: Account):
    world.grant(renewal=MONTHLY, days=1)
    (foreseen,) = renewals(world).run(dry_run=True)
    assert (foreseen.next, foreseen.entry.state) == (Act.CHARGE, S.SCHEDULED)
    assert renewals(world).listing() == []
    assert not account.taken
    assert not (world.home / "usage.db").exists()


def test_an_answer_that_is_lost_is_asked_for_and_not_charged_again(world: World, account: Account):
    grant = world.grant(renewal=MONTHLY, days=1)
    account.mishaps.append(Mishap.LOSE_ANSWER)
    account.silent = 2
    assert run(world) == [S.UNKNOWN]
    for _ in range(2):
        assert run(world) == [S.UNKNOWN]
    assert run(world) == [S.RENEWED]
    assert set(account.taken.values()) == {1}
    assert end_of(world, grant) == START + 31 * DAY


def test_a_request_that_is_lost_is_made_again_under_the_same_key(world: World, account: Account):
    world.grant(renewal=MONTHLY, days=1)
    account.mishaps.extend([Mishap.LOSE_REQUEST, Mishap.DOWN])
    assert run(world) == [S.UNKNOWN]
    assert run(world) == [S.UNKNOWN]
    assert run(world) == [S.RENEWED]
    assert list(account.taken.values()) == [1]


@pytest.mark.parametrize("mishap", [Mishap.FAIL, Mishap.REFUSE])
def test_a_failed_payment_is_tried_by_the_schedule_and_given_up(
    world: World, account: Account, mishap: Mishap
):
    grant = world.grant(renewal=MONTHLY, days=2, grace_days=60)
    account.mishaps.extend([mishap] * 4)
    seen: list[tuple[int, list[RenewalState]]] = []
    for day in range(12):
        states = run(world)
        if not seen or len(account.mishaps) != seen[-1][0]:
            seen.append((len(account.mishaps), states))
            assert world.now == START + day * DAY
        world.now += DAY
    assert [left for left, _ in seen] == [3, 2, 1, 0]
    assert run(world) == [S.GIVEN_UP]
    assert end_of(world, grant) == START + 2 * DAY
    assert not +account.taken


def test_money_that_comes_after_it_was_given_up_still_renews(world: World, account: Account):
    grant = world.grant(renewal=MONTHLY, days=1, grace_days=5)
    account.mishaps.extend([Mishap.DELAY])
    assert run(world) == [S.PENDING]
    key = f"{grant}@2026-12-02T00:00:00Z"
    MemoryPayment(account).decide(key, PaymentState.FAILED)
    assert run(world) == [S.FAILED]
    world.now += 10 * DAY
    assert run(world) == [S.GIVEN_UP]
    MemoryPayment(account).decide(key, PaymentState.PAID)
    assert run(world) == [S.RENEWED]
    assert end_of(world, grant) == START + 31 * DAY


def test_a_revoked_grant_is_not_charged(world: World, account: Account):
    grant = world.grant(renewal=MONTHLY, days=5)
    renewals(world, lead_days=30).run(dry_run=True)
    world.say(Revocation(target=grant, cause="breach", issued_at=world.now))
    world.now += DAY
    assert run(world) == []
    assert not account.taken


def test_a_grant_that_was_revoked_while_its_answer_was_lost_is_paid_back(world: World, account: Account):
    grant = world.grant(renewal=MONTHLY, days=1)
    account.mishaps.append(Mishap.LOSE_ANSWER)
    assert run(world) == [S.UNKNOWN]
    world.say(Revocation(target=grant, cause="breach", issued_at=world.now))
    assert run(world) == [S.OWED_BACK]
    assert run(world) == []
    (entry,) = renewals(world).listing()
    assert "revoked" in entry.note


def test_money_that_comes_after_it_was_cancelled_is_owed_back(world: World, account: Account):
    grant = world.grant(renewal=MONTHLY, days=1, grace_days=9)
    account.mishaps.append(Mishap.FAIL)
    assert run(world) == [S.FAILED]
    world.say(Revocation(target=grant, cause="breach", issued_at=world.now))
    assert run(world) == [S.CANCELLED]
    MemoryPayment(account).decide(f"{grant}@2026-12-02T00:00:00Z", PaymentState.PAID)
    assert run(world) == [S.OWED_BACK]
    assert end_of(world, grant) == START + DAY


def test_a_suspended_grant_waits(world: World, account: Account):
    grant = world.grant(renewal=MONTHLY, days=1, grace_days=9)
    world.say(Suspension(target=grant, cause="inquiry", issued_at=world.now))
    assert run(world) == [S.SCHEDULED]
    assert not account.taken


def test_a_sublicence_is_not_charged_for_when_the_grant_above_it_is_gone(world: World, account: Account):
    more = frozenset({Capability.SUBLICENSE})
    above = world.grant(days=400, grantee="lab", capabilities=more)
    below = world.grant(renewal=MONTHLY, days=1, grace_days=9, parent=above)
    account.mishaps.append(Mishap.FAIL)
    assert run(world) == [S.FAILED]
    world.say(Revocation(target=above, cause="breach", issued_at=world.now))
    world.now += DAY
    assert run(world) == [S.FAILED]
    assert not +account.taken
    MemoryPayment(account).decide(f"{below}@2026-12-02T00:00:00Z", PaymentState.PAID)
    assert run(world) == [S.OWED_BACK]
    assert end_of(world, below) == START + DAY


def test_a_grant_whose_end_was_moved_by_hand_is_not_charged_for_the_old_end(world: World, account: Account):
    grant = world.grant(renewal=MONTHLY, days=1, grace_days=9)
    account.mishaps.append(Mishap.FAIL)
    assert run(world) == [S.FAILED]
    world.say(RenewalClaim(target=grant, end=START + 100 * DAY, payment="cheque 7", issued_at=world.now))
    assert run(world) == [S.CANCELLED]
    world.now += 5 * DAY
    assert run(world) == [S.CANCELLED]
    assert not +account.taken


def test_what_was_paid_counts_from_an_end_that_was_moved_meanwhile(world: World, account: Account):
    grant = world.grant(renewal=MONTHLY, days=1, grace_days=9)
    account.mishaps.append(Mishap.LOSE_ANSWER)
    assert run(world) == [S.UNKNOWN]
    world.say(RenewalClaim(target=grant, end=START + 100 * DAY, issued_at=world.now))
    assert run(world) == [S.RENEWED]
    assert end_of(world, grant) == START + 130 * DAY


def test_a_free_renewal_needs_no_provider(world: World):
    grant = world.grant(renewal=Renewal(days=10), days=1)
    assert run(world, "manual") == [S.RENEWED]
    assert end_of(world, grant) == START + 11 * DAY
    assert run(world, "manual") == []


def test_the_grants_of_others_are_none_of_ours(world: World, account: Account):
    world.grant(days=1)
    assert run(world) == []


def test_a_grant_whose_grace_is_over_is_not_charged(world: World, account: Account):
    world.grant(renewal=MONTHLY, days=1, grace_days=1)
    world.now += 2 * DAY
    assert run(world) == []


def test_invoices_are_paid_by_an_operators_word(world: World):
    grant = world.grant(renewal=MONTHLY, days=1, grace_days=30)
    assert run(world, "manual") == [S.PENDING]
    manual = renewals(world, "manual")
    manual.decide(grant, PaymentState.FAILED)
    assert run(world, "manual") == [S.FAILED]
    world.now += DAY
    assert run(world, "manual") == [S.PENDING]
    manual.decide(f"{grant}@2026-12-02T00:00:00Z", PaymentState.PAID)
    assert run(world, "manual") == [S.RENEWED]
    assert end_of(world, grant) == START + 31 * DAY


def test_a_renewal_is_asked_of_the_provider_that_was_charged(world: World, account: Account):
    world.grant(renewal=MONTHLY, days=1)
    account.mishaps.append(Mishap.DELAY)
    assert run(world) == [S.PENDING]
    (done,) = renewals(world, "manual").run()
    assert done.entry.provider == f"memory://{world.home.parent}"
    (key,) = account.payments
    MemoryPayment(account).decide(key, PaymentState.PAID)
    assert run(world, "manual") == [S.RENEWED]


def test_an_unknown_provider_is_named_before_anything_is_charged(world: World):
    world.grant(renewal=MONTHLY, days=1)
    with pytest.raises(UnknownPluginError, match="provider of payments named 'cash'"):
        renewals(world, "cash").run()
    assert renewals(world).listing() == []


def test_one_that_cannot_be_asked_stops_no_other(
    world: World, account: Account, monkeypatch: pytest.MonkeyPatch
):
    first, second = (
        world.grant(renewal=MONTHLY, days=1),
        world.grant(renewal=MONTHLY, days=2, grantee="other"),
    )
    account.mishaps.extend([Mishap.DELAY, Mishap.DELAY])
    assert run(world) == [S.PENDING, S.PENDING]
    for key in account.payments:
        MemoryPayment(account).decide(key, PaymentState.PAID)
    ask = MemoryPayment.state

    def state(self: MemoryPayment, key: str) -> PaymentState:
        if key.startswith(first):
            raise KeyError(key)
        return ask(self, key)

    monkeypatch.setattr(MemoryPayment, "state", state)
    stuck, done = renewals(world).run()
    assert (stuck.entry.state, stuck.next) == (S.PENDING, Act.ASK)
    assert isinstance(stuck.trouble, PlatformError)
    assert done.entry.state is S.RENEWED
    assert end_of(world, second) == START + 32 * DAY
    trouble = stuck.to_json()["trouble"]
    assert isinstance(trouble, dict)
    assert trouble["type"] == "PlatformError"


def test_a_provider_that_breaks_while_it_charges_may_have_charged(
    world: World, account: Account, monkeypatch: pytest.MonkeyPatch
):
    world.grant(renewal=MONTHLY, days=1)
    charge = MemoryPayment.charge

    def broken(self: MemoryPayment, *args: Any, **named: Any) -> PaymentState:
        charge(self, *args, **named)
        raise RuntimeError("after the money was taken")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryPayment, "charge", broken)
        assert run(world) == [S.UNKNOWN]
    assert run(world) == [S.RENEWED]
    assert list(account.taken.values()) == [1]


def test_a_renewal_is_found_by_its_key_or_its_grant(world: World, account: Account):
    grant = world.grant(renewal=MONTHLY, days=1)
    run(world)
    assert renewals(world).find(grant) == renewals(world).find(f"{grant}@2026-12-02T00:00:00Z")
    with pytest.raises(WeightmarkError, match="no renewal nothing"):
        renewals(world).find("nothing")


@pytest.mark.parametrize("values", [{"lead_days": -1}, {"retry_days": (0,)}, {"retry_days": (1, 400)}])
def test_a_schedule_that_makes_no_sense_is_refused(values: dict[str, Any]):
    with pytest.raises(ValueError, match="a renewal is charged"):
        Schedule(**values)


def test_a_short_renewal_is_not_charged_a_week_ahead(world: World, account: Account):
    world.grant(renewal=Renewal(days=2, amount=Decimal(1), currency="EUR"), days=5)
    world.now += 2 * DAY
    assert run(world) == []
    world.now += DAY
    assert run(world) == [S.RENEWED]


def test_grants_that_end_soon_or_are_in_grace_are_listed_with_the_days_left(world: World):
    soon = world.grant(days=3, renewal=MONTHLY)
    grace = world.grant(days=1, grace_days=4, grantee="other")
    world.grant(days=200, grantee="later")
    world.grant(end=None, grantee="never")
    world.now += 2 * DAY + timedelta(hours=1)
    listed = expiring(world.resources, 7 * DAY, world.now)
    assert [(each.grant, each.phase, each.days_left, each.renews) for each in listed] == [
        (soon, Phase.WITHIN, 1, True),
        (grace, Phase.GRACE, 3, False),
    ]
    world.now += DAY
    assert [each.grant for each in expiring(world.resources, 7 * DAY, world.now)] == [grace]
    world.now = START + 5 * DAY
    assert expiring(world.resources, 7 * DAY, world.now) == []


def test_a_damaged_file_charges_nobody(world: World, account: Account):
    world.grant(renewal=MONTHLY, days=1)
    (world.home / "usage.db").write_bytes(b"no database" * 1000)
    with pytest.raises(MalformedError, match=r"usage\.db is damaged"):
        run(world)
    assert not account.taken
