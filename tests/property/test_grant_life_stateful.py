"""The life of grants over a real workspace: parties with keys, a clock that moves, crashes between the steps.

A naive model keeps what each grant is now, in plain words. After every step the index's answer to "may this
party, from this seat, use the model now?" is the model's; so nothing is allowed after a revocation took
effect, after an end and its grace, while a grant waits or is suspended, or without a seat.
"""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.ledger_examples import START
from tests.workshop import write_model

from weightmark.claims import (
    Amendment,
    Assignment,
    Consent,
    Envelope,
    GrantChange,
    GrantClaim,
    Ground,
    Reinstatement,
    RenewalClaim,
    Revocation,
    SeatClaim,
    Statement,
    Subject,
    Suspension,
    TrustedKey,
)
from weightmark.discovery import Plugins
from weightmark.encoding import Digest
from weightmark.errors import GrantRevokedError, NotEntitledError
from weightmark.index import Index
from weightmark.licensing import Action, Capability, Grant, Party, Request, decide
from weightmark.log import Receipt
from weightmark.workspace import Configuration, Workspace, change_grant, give_grant
from weightmark.workspace.lineage import works_of
from weightmark_plugins.signers.file import FileSigner

OWNER, GRANTEE, OTHER, STRANGER = "acme", "bob", "carol", "mallory"
APPROVERS = ("dave", "erin")
SEATS = ("ann", "ben", "cem")
USERS = (GRANTEE, OTHER, STRANGER, "zoe")
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


class CrashError(Exception):
    """The process died."""


@dataclass(kw_only=True)
class Proposed:
    """A change that waits."""

    end: datetime | None = None
    seats: int | None = None
    grantee: str = ""
    consents: set[str] = field(default_factory=set)


@dataclass(kw_only=True)
class Plain:
    """What a grant is now, in plain words."""

    grantee: str
    licensor: str
    accepted: bool
    approvers: tuple[str, ...]
    threshold: int
    approved: set[str] = field(default_factory=set)
    end: datetime | None
    grace: timedelta
    notice: timedelta
    seats: int | None
    transferable: bool
    held: set[str] = field(default_factory=set)
    suspended: bool = False
    revoked: list[datetime] = field(default_factory=list)
    proposed: dict[Digest, Proposed] = field(default_factory=dict)
    parent: "Plain | None" = None

    def revoked_by(self, now: datetime) -> bool:
        return any(moment <= now for moment in self.revoked)

    def begun(self) -> bool:
        return self.accepted and len(self.approved) >= self.threshold

    def allows(self, party: str, seat: str, now: datetime) -> bool:
        if self.revoked_by(now) or self.suspended or not self.begun() or party != self.grantee:
            return False
        if self.end is not None and now >= self.end + self.grace:
            return False
        if self.seats is not None and seat not in self.held:
            return False
        return self.parent is None or self.parent.allows(self.licensor, seat, now)

    def settle(self, owner: str) -> None:
        """Make the changes to which all agreed."""
        for change in list(self.proposed.values()):
            alone = bool(change.grantee) and self.transferable
            parties = {self.grantee} if alone else {self.grantee, owner}
            many = len(change.consents & set(self.approvers))
            if not parties <= change.consents or (not alone and many < self.threshold):
                continue
            if change.grantee:
                self.grantee = change.grantee
                self.held.clear()
            else:
                self.end, self.seats = change.end, change.seats
                self.accepted, self.approved = True, set(self.approvers)
            self.proposed.clear()
            return


class Lives(RuleBasedStateMachine):
    """Some grants for one model, and everybody who may say something about them."""

    template: Path
    plugins: Plugins

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=self.template.parent))
        shutil.copytree(self.template, self.folder, dirs_exist_ok=True)
        self.now = START + DAY
        self.opened: dict[str, Workspace] = {}
        self.plain: dict[Digest, Plain] = {}
        self.crash = ""

    def at(self, party: str) -> Workspace:
        if party not in self.opened:
            settings_ = settings_of(self.folder, party)
            self.opened[party] = Workspace(settings_, self.plugins, clock=lambda: self.now)
        return self.opened[party]

    def close(self) -> None:
        for workspace in self.opened.values():
            workspace.close()
        self.opened.clear()

    def say(self, party: str, identifier: Digest, claim: GrantChange) -> Digest | None:
        """Say something; give the statement's digest, or None when it was refused or not recorded."""
        workspace = self.at(party)
        subject = self.subject(workspace)
        statement = Statement(subject=subject, claim=claim).digest
        done = self.step(party, lambda: change_grant(workspace.resources, identifier, claim, self.now))
        return statement if done else None

    def subject(self, workspace: Workspace) -> Subject:
        model = workspace.find("model")
        return Subject(name=model.name, bundle=model.bundle, weights=model.weights)

    def step(self, party: str, do: Callable[[], object]) -> bool:
        """Do something that may be refused, and during which the process may die; say whether it counts."""
        self.now += timedelta(seconds=1)
        resources, crash, self.crash = self.at(party).resources, self.crash, ""
        append_all = resources.ledger.append_all

        def dying(envelopes: Sequence[Envelope]) -> list[Receipt]:
            if crash == "before":
                raise CrashError
            receipts = append_all(envelopes)
            if crash == "after":
                raise CrashError
            return receipts

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(resources.ledger, "append_all", dying)
            try:
                do()
            except (NotEntitledError, GrantRevokedError):
                return False
            except CrashError:
                patch.undo()
                self.close()
                return crash == "after"
        return True

    @rule(when=st.sampled_from(["before", "after"]))
    def the_next_step_dies(self, when: str) -> None:
        self.crash = when

    @rule()
    def the_index_is_lost(self) -> None:
        self.close()
        for file in self.folder.glob("home/index.db*"):
            file.unlink()

    @rule(days=st.sampled_from([0, 1, 3, 8]), hours=st.integers(0, 23))
    def time_goes_by(self, days: int, hours: int) -> None:
        self.now += timedelta(days=days, hours=hours)

    @initialize(
        acceptance=st.sampled_from([False, False, True]),
        threshold=st.sampled_from([0, 0, 0, 1, 2]),
        days=st.none() | st.integers(1, 9),
        seats=st.sampled_from([None, None, 1, 2]),
        notice=st.sampled_from([0, 2]),
        transferable=st.booleans(),
    )
    def first(self, **drawn: Any) -> None:
        self.grants(**drawn)

    @precondition(lambda self: len(self.plain) < 3)
    @rule(
        acceptance=st.sampled_from([False, False, True]),
        threshold=st.sampled_from([0, 0, 0, 1, 2]),
        days=st.none() | st.integers(1, 9),
        seats=st.sampled_from([None, None, 1, 2]),
        notice=st.sampled_from([0, 2]),
        transferable=st.booleans(),
    )
    def grants(self, *, threshold: int, days: int | None, notice: int, **drawn: Any) -> None:
        grant = Grant(
            model=self.at(OWNER).find("model").bundle,
            licensor=OWNER,
            grantee=GRANTEE,
            capabilities=frozenset(Capability),
            start=START,
            end=None if days is None else self.now + days * DAY,
            grace_days=0 if days is None else days % 2,
            approvers=APPROVERS if threshold else (),
            threshold=threshold,
            notice_days=notice,
            **drawn,
        )
        self.give(OWNER, grant, None)

    @precondition(lambda self: self.plain)
    @rule(which=st.integers(0, 5), longer=st.booleans())
    def bob_sublicenses(self, which: int, *, longer: bool) -> None:
        identifier, above = self.pick(which)
        end = (above.end or self.now + 2 * DAY) + DAY * longer
        if end <= self.now or (above.end is not None and self.now + SECOND >= above.end):
            return
        grant = Grant(
            model=self.at(OWNER).find("model").bundle,
            licensor=GRANTEE,
            grantee="zoe",
            capabilities=frozenset({Capability.INFER}),
            start=self.now,
            end=end,
            seats=above.seats,
            parent=identifier,
        )
        self.give(GRANTEE, grant, above)

    def give(self, party: str, grant: Grant, above: Plain | None) -> None:
        claim = GrantClaim(grant=grant, issued_at=self.now + timedelta(seconds=1))
        workspace = self.at(party)
        statement = Statement(subject=self.subject(workspace), claim=claim).digest
        model = workspace.find("model")
        good = above is None or self.may_stand(grant, above, claim.issued_at)
        done = self.step(party, lambda: give_grant(workspace.resources, model, grant, self.now))
        assert good or not done
        if done:
            self.plain[statement] = Plain(
                grantee=grant.grantee,
                licensor=grant.licensor,
                accepted=not grant.acceptance,
                approvers=grant.approvers,
                threshold=grant.threshold,
                end=grant.end,
                grace=grant.grace_days * DAY,
                notice=grant.notice_days * DAY,
                seats=grant.seats,
                transferable=grant.transferable,
                parent=above,
            )

    def may_stand(self, grant: Grant, above: Plain, now: datetime) -> bool:
        held = next(iter(above.held), "")
        seated = above.seats is None or above.allows(GRANTEE, held, now)
        lasting = above.end is None or (grant.end is not None and grant.end <= above.end)
        alive = above.begun() and not above.suspended and not above.revoked_by(now)
        return above.grantee == GRANTEE and lasting and alive and (seated or above.seats is not None)

    def pick(self, which: int) -> tuple[Digest, Plain]:
        return list(self.plain.items())[which % len(self.plain)]

    @precondition(lambda self: self.plain)
    @rule(which=st.integers(0, 5), who=st.sampled_from([GRANTEE, OTHER, OWNER, STRANGER, *APPROVERS]))
    def consents(self, which: int, who: str) -> None:
        identifier, plain = self.pick(which)
        targets = [identifier, *plain.proposed]
        target = targets[which % len(targets)]
        done = self.say(who, identifier, Consent(target=target, issued_at=self.now + SECOND))
        if not done:
            return
        if target in plain.proposed:
            plain.proposed[target].consents.add(who)
            plain.settle(self.licensor(plain))
            return
        assert who in {plain.grantee, *plain.approvers}
        plain.accepted = plain.accepted or who == plain.grantee
        plain.approved |= {who} & set(plain.approvers)

    def licensor(self, plain: Plain) -> str:
        return OWNER if plain.parent is None else plain.parent.grantee

    @precondition(lambda self: self.plain)
    @rule(
        which=st.integers(0, 5),
        who=st.sampled_from([GRANTEE, OTHER, OWNER, STRANGER]),
        seats=st.none() | st.integers(1, 3),
        days=st.integers(1, 20),
    )
    def amends(self, which: int, who: str, seats: int | None, days: int) -> None:
        identifier, plain = self.pick(which)
        now = self.at(who).find_grant(identifier).life.grant
        end = None if plain.end is None else max(self.now, now.start) + days * DAY
        claim = Amendment(
            target=identifier, grant=replace(now, seats=seats, end=end), issued_at=self.now + SECOND
        )
        statement = self.say(who, identifier, claim)
        if statement is not None:
            assert who in {plain.grantee, self.licensor(plain)}
            plain.proposed[statement] = Proposed(end=end, seats=seats, consents={who})
            plain.settle(self.licensor(plain))

    @precondition(lambda self: self.plain)
    @rule(which=st.integers(0, 5), who=st.sampled_from([GRANTEE, OTHER, OWNER, STRANGER]))
    def hands_over(self, which: int, who: str) -> None:
        identifier, plain = self.pick(which)
        to = OTHER if plain.grantee == GRANTEE else GRANTEE
        claim = Assignment(target=identifier, grantee=to, issued_at=self.now + SECOND)
        statement = self.say(who, identifier, claim)
        if statement is not None:
            assert who == plain.grantee or (who == self.licensor(plain) and not plain.transferable)
            plain.proposed[statement] = Proposed(grantee=to, consents={who})
            plain.settle(self.licensor(plain))

    @precondition(lambda self: self.plain)
    @rule(
        which=st.integers(0, 5),
        who=st.sampled_from([OWNER, OWNER, GRANTEE, STRANGER]),
        lift=st.booleans(),
    )
    def suspends_or_reinstates(self, which: int, who: str, *, lift: bool) -> None:
        identifier, plain = self.pick(which)
        kind = Reinstatement if lift else Suspension
        if self.say(who, identifier, kind(target=identifier, cause="an audit", issued_at=self.now + SECOND)):
            assert who == self.licensor(plain)
            plain.suspended = not lift

    @precondition(lambda self: self.plain)
    @rule(which=st.integers(0, 5), who=st.sampled_from([OWNER, OWNER, GRANTEE]), days=st.integers(1, 9))
    def renews(self, which: int, who: str, days: int) -> None:
        identifier, plain = self.pick(which)
        end = (plain.end or self.now) + days * DAY
        if self.say(who, identifier, RenewalClaim(target=identifier, end=end, issued_at=self.now + SECOND)):
            assert who == self.licensor(plain)
            assert plain.end is not None
            plain.end = end
            plain.proposed.clear()

    @precondition(lambda self: self.plain)
    @rule(
        which=st.integers(0, 5),
        who=st.sampled_from([GRANTEE, OTHER, OWNER, STRANGER]),
        seat=st.sampled_from(SEATS),
        freed=st.booleans(),
    )
    def seats(self, which: int, who: str, seat: str, *, freed: bool) -> None:
        identifier, plain = self.pick(which)
        claim = SeatClaim(target=identifier, holder=seat, freed=freed, issued_at=self.now + SECOND)
        if self.say(who, identifier, claim):
            assert who in {plain.grantee, self.licensor(plain)}
            assert plain.seats is not None
            assert (seat in plain.held) is freed
            plain.held ^= {seat}
            assert len(plain.held) <= plain.seats

    @precondition(lambda self: self.plain)
    @rule(
        which=st.integers(0, 5),
        who=st.sampled_from([OWNER, OWNER, OWNER, GRANTEE, STRANGER]),
        ground=st.sampled_from([Ground.OTHER, Ground.OTHER, Ground.BREACH]),
        later=st.sampled_from([None, None, 0, 1, 4]),
    )
    def revokes(self, which: int, who: str, ground: Ground, later: int | None) -> None:
        identifier, plain = self.pick(which)
        now = self.now + SECOND
        claim = Revocation(
            target=identifier,
            cause="enough",
            ground=ground,
            effective_at=None if later is None else self.now + later * DAY,
            issued_at=now,
        )
        if self.say(who, identifier, claim):
            assert who in {OWNER, plain.licensor, self.licensor(plain)}
            waived = ground is Ground.BREACH or who == plain.grantee
            soonest = now if waived else now + plain.notice
            plain.revoked.append(max(soonest, claim.effective_at or soonest))

    @precondition(lambda self: self.plain)
    @rule(which=st.integers(0, 5), kind=st.integers(0, 4))
    def a_stranger_records_without_asking(self, which: int, kind: int) -> None:
        identifier, _ = self.pick(which)
        at = self.now
        workspace = self.at(STRANGER)
        claims: list[GrantChange] = [
            Revocation(target=identifier, cause="envy", issued_at=at),
            Suspension(target=identifier, cause="envy", issued_at=at),
            SeatClaim(target=identifier, holder=STRANGER, issued_at=at),
            Assignment(target=identifier, grantee=STRANGER, issued_at=at),
            Consent(target=identifier, issued_at=at),
        ]
        self.step(STRANGER, lambda: workspace.record(workspace.find("model"), claims[kind]))

    @invariant()
    def the_index_allows_what_the_plain_words_allow(self) -> None:
        workspace = self.at(OWNER)
        workspace.resources.catch_up()
        index = workspace.resources.index
        works = works_of(index, workspace.find("model"))
        editions = index.grants([works[0].subject or Digest("")])
        for user in USERS:
            assert [one for one in editions if one.grant.grantee == user] == [
                one
                for one in index.grants([works[0].subject or Digest("")], user)
                if one.grant.grantee == user
            ]
            for seat in SEATS:
                party = Party(name=user, commercial=True)
                request = Request(action=Action.INFER, party=party, at=self.now, seat=seat)
                for identifier, plain in self.plain.items():
                    mine = [one for one in editions if one.id == identifier]
                    expected = plain.allows(user, seat, self.now)
                    assert decide(request, works, mine).allowed is expected, (identifier, user, seat)

    @rule()
    def the_index_is_made_anew(self) -> None:
        resources = self.at(OWNER).resources
        resources.catch_up()
        again = Index("sqlite://")
        again.rebuild(resources.ledger, resources.trust)
        assert again.dump() == resources.index.dump()
        again.close()

    def teardown(self) -> None:
        self.the_index_is_made_anew()
        self.close()
        shutil.rmtree(self.folder)


def settings_of(folder: Path, party: str) -> Configuration:
    home = folder / "home"
    names = {"home": str(home), "party": party, "signer": f"file:{folder / party}.pem"}
    return Configuration.load({**names, "index": f"sqlite:///{home / 'index.db'}"}, {})


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """Make a home with a registered model, and keys of everybody."""
    folder = tmp_path / "template"
    folder.mkdir()
    names = (OWNER, GRANTEE, OTHER, STRANGER, *APPROVERS)
    keys = {name: FileSigner.generate(f"file:{folder / name}.pem").public_key for name in names}
    model = write_model(folder / "model")
    workspace = Workspace(settings_of(folder, OWNER), clock=lambda: START)
    workspace.register(str(model), license_="proprietary", mine=True)
    for name in names[1:]:
        workspace.resources.add_trust(TrustedKey(identity=name, key=keys[name]))
    workspace.close()
    return folder


def test_the_life_of_grants(template: Path) -> None:
    Lives.template, Lives.plugins = template, Plugins()
    # A step takes milliseconds of disk, so a failure is told as it was found, not made smaller for minutes.
    quick = settings(max_examples=20, stateful_step_count=25, deadline=None, phases=[Phase.generate])
    run_state_machine_as_test(Lives, settings=quick)
