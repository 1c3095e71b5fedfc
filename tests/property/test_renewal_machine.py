"""Renewals by a flaky provider, with a crash before or after any step: no money is taken twice or lost."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.metered import DAY, MONTHLY, World

from weightmark.claims import Reinstatement, RenewalClaim, Revocation, Suspension
from weightmark.encoding import Digest
from weightmark.licensing.renewal_state import OVER, RenewalState
from weightmark.ports import PaymentState
from weightmark.workspace.renewing import renewing
from weightmark.workspace.renewing.renewable import Schedule
from weightmark.workspace.renewing.renewal_file import RenewalFile
from weightmark.workspace.renewing.renewing import Renewals
from weightmark_plugins.payments.memory import MemoryPayment, Mishap

PLACES = [
    f"{when} {name}"
    for name in ("add", "change", "charge", "state", "record")
    for when in ("before", "after")
]
HOURS = st.sampled_from([0, 1, 24, 24, 24 * 4])


class Crash(BaseException):
    """The process is gone."""


class Renewing(RuleBasedStateMachine):
    """A licensor, two grants that renew themselves, a provider that loses things, and kills."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.world = World(self.folder)
        self.uri = f"memory://{uuid4()}"
        self.provider = MemoryPayment.open(self.uri, home=self.folder)
        self.account = self.provider.account
        self.revoked: set[Digest] = set()
        self.charged_late: list[str] = []
        self.crash: tuple[str, int] | None = None
        self.suspended: set[Digest] = set()
        self.patch = pytest.MonkeyPatch()
        for owner, name in (
            (RenewalFile, "add"),
            (RenewalFile, "change"),
            (MemoryPayment, "charge"),
            (MemoryPayment, "state"),
            (renewing, "record"),
        ):
            self.patch.setattr(owner, name, self.fragile(getattr(owner, name), name))

    def fragile(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Let a call die before or after it did its work, when its turn has come."""

        def called(*args: Any, **named: Any) -> Any:
            if name == "charge" and named["key"].split("@")[0] in self.revoked:
                self.charged_late.append(named["key"])
            self.step(f"before {name}")
            answer = call(*args, **named)
            self.step(f"after {name}")
            return answer

        return called

    def step(self, place: str) -> None:
        if self.crash is not None and self.crash[0] == place:
            if self.crash[1] == 0:
                self.crash = None
                raise Crash
            self.crash = place, self.crash[1] - 1

    @initialize()
    def give_grants(self) -> None:
        self.grants = [
            self.world.grant(renewal=MONTHLY, days=days, grace_days=20, grantee=f"party-{days}")
            for days in (3, 12)
        ]

    def renewals(self) -> Renewals:
        """Begin anew, as a new process does."""
        schedule = Schedule(retry_days=(1,))
        return Renewals(self.world.resources, lambda: self.world.now, provider=self.uri, schedule=schedule)

    @rule(hours=HOURS)
    def run(self, hours: int) -> None:
        self.world.now += timedelta(hours=hours)
        self.renewals().run()

    @rule(hours=HOURS, place=st.sampled_from(PLACES), later=st.integers(0, 3))
    def run_and_be_killed(self, hours: int, place: str, later: int) -> None:
        self.world.now += timedelta(hours=hours)
        self.crash = place, later
        with suppress(Crash):
            self.renewals().run()
        self.crash = None

    @rule(mishaps=st.lists(st.sampled_from(Mishap), min_size=1, max_size=3), silent=st.integers(0, 2))
    def have_bad_luck(self, mishaps: list[Mishap], silent: int) -> None:
        self.account.mishaps.extend(mishaps)
        self.account.silent = silent

    @rule(number=st.integers(0, 3), state=st.sampled_from([PaymentState.PAID, PaymentState.FAILED]))
    def decide(self, number: int, state: PaymentState) -> None:
        """The payer pays an open invoice, or says that they will not; also long after it was given up."""
        still = [key for key, (_, _, how) in self.account.payments.items() if how is not PaymentState.PAID]
        if still:
            self.provider.decide(still[number % len(still)], state)

    @precondition(lambda self: len(self.revoked) == 0)
    @rule(which=st.integers(0, 1))
    def revoke(self, which: int) -> None:
        grant = self.grants[which]
        self.world.say(Revocation(target=grant, cause="breach", issued_at=self.world.now))
        self.revoked.add(grant)

    @rule(which=st.integers(0, 1))
    def suspend_or_reinstate(self, which: int) -> None:
        grant = self.grants[which]
        claim = Reinstatement if grant in self.suspended else Suspension
        self.world.say(claim(target=grant, cause="inquiry", issued_at=self.world.now))
        self.suspended ^= {grant}

    @rule(which=st.integers(0, 1))
    def move_the_end_by_hand(self, which: int) -> None:
        known = self.world.resources.index.grant(self.grants[which])
        assert known is not None
        assert known.life.grant.end is not None
        end = known.life.grant.end + 7 * DAY
        self.world.say(RenewalClaim(target=known.id, end=end, issued_at=self.world.now))

    @invariant()
    def no_period_is_paid_twice(self) -> None:
        assert all(count <= 1 for count in self.account.taken.values())

    @invariant()
    def nothing_is_renewed_that_was_not_paid_and_nothing_twice(self) -> None:
        for payment, count in self.recorded().items():
            assert count == 1
            assert self.account.taken[payment] == 1

    @invariant()
    def a_revoked_grant_is_not_charged(self) -> None:
        assert self.charged_late == []

    def recorded(self) -> Counter[str]:
        return Counter(
            claim.payment
            for grant in getattr(self, "grants", [])
            if (known := self.world.resources.index.grant(grant)) is not None
            for claim in known.claims.values()
            if isinstance(claim, RenewalClaim) and claim.payment
        )

    def teardown(self) -> None:
        """Let the provider answer at last: whatever was paid is renewed, or is owed back."""
        try:
            self.account.mishaps.clear()
            self.account.silent = 0
            renewals = self.renewals()
            for _ in range(2):
                renewals.run()
            self.no_period_is_paid_twice()
            self.nothing_is_renewed_that_was_not_paid_and_nothing_twice()
            entries = {entry.key: entry for entry in renewals.listing()}
            recorded = self.recorded()
            for key in +self.account.taken:
                entry = entries[key]
                assert entry.state in OVER
                assert recorded[key] == (entry.state is RenewalState.RENEWED)
                assert entry.state is RenewalState.RENEWED or entry.grant in self.revoked
            undecided = {key for key, entry in entries.items() if entry.state in {"charging", "unknown"}}
            assert undecided == set()
        finally:
            self.patch.undo()
            self.world.close()
            shutil.rmtree(self.folder)


TestRenewing = Renewing.TestCase
TestRenewing.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)
