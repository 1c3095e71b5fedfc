"""Who may say what about a grant, and what does not count."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.ledger_examples import (
    START,
    about,
    bundle_of,
    moment,
    new_ledger,
    registers,
    tell,
    transfers,
    trust_in,
)

from weightmark.claims import (
    Amendment,
    Assignment,
    Claim,
    Consent,
    GrantClaim,
    Ground,
    Reinstatement,
    RenewalClaim,
    Revocation,
    SeatClaim,
    Statement,
    Suspension,
)
from weightmark.encoding import Digest, encode
from weightmark.errors import MalformedError, NotEntitledError
from weightmark.index import Index
from weightmark.licensing import Capability, Grant, GrantState, IssuedGrant, Renewal
from weightmark_plugins.ledgers.memory import MemoryLedger

PEOPLE = ("acme", "bob", "carol", "dave", "erin", "mallory", "openlab")
GRANT = Grant(
    model=bundle_of("m"),
    licensor="acme",
    grantee="bob",
    capabilities=frozenset(Capability),
    start=START,
    end=moment(1000),
    seats=2,
)
INFER = frozenset({Capability.INFER})


class Told:
    """A ledger with a model of acme's, and an index of it."""

    def __init__(self) -> None:
        self.ledger: MemoryLedger = new_ledger()
        self.trust = trust_in(self.ledger, *PEOPLE)
        self.index = Index("sqlite://")
        tell(self.ledger, registers("acme"), "m", "acme")

    def say(self, claim: Claim, *by: str) -> Digest:
        """Say something that counts."""
        digest = tell(self.ledger, claim, "m", *by)
        assert self.notes() == [], claim
        return digest

    def refused(self, claim: Claim, *by: str) -> str:
        """Say something that does not count; it changes nothing; give the reason."""
        kept = self.dump()
        with pytest.raises(NotEntitledError) as caught:
            self.index.require(Statement(subject=about("m"), claim=claim), by)
        tell(self.ledger, claim, "m", *by)
        (note,) = self.notes()
        assert self.dump() == kept
        before = note.replace("; signed by", "; this workspace speaks for")
        assert caught.value.message == f"it would not count: {before}"
        assert caught.value.hint
        return note

    def notes(self) -> list[str]:
        size = len(self.index.history())
        self.index.catch_up(self.ledger, self.trust)
        return [entry.note for entry in self.index.history()[size:] if not entry.accepted]

    def dump(self) -> dict[str, list[tuple[object, ...]]]:
        return {name: rows for name, rows in self.index.dump().items() if name != "index_entry"}

    def editions(self, grantee: str | None = None) -> list[IssuedGrant]:
        return self.index.grants([bundle_of("m")], grantee)


@pytest.fixture
def told() -> Iterator[Told]:
    story = Told()
    yield story
    again = Index("sqlite://")
    again.rebuild(story.ledger, story.trust)
    assert again.dump() == story.index.dump()
    again.close()
    story.index.close()


def gives(at: int = 0, **changes: object) -> GrantClaim:
    return GrantClaim(grant=replace(GRANT, **changes), issued_at=moment(at))  # type: ignore[arg-type]


def test_a_life_is_kept_with_its_history_and_with_what_did_not_count(told: Told) -> None:
    given = told.say(gives(acceptance=True), "acme")
    assert "waits for bob; signed by carol" in told.refused(
        Consent(target=given, issued_at=moment(1)), "carol"
    )
    told.say(Consent(target=given, issued_at=moment(2)), "bob")
    assert "waits for nobody" in told.refused(Consent(target=given, issued_at=moment(3)), "bob")
    told.say(SeatClaim(target=given, holder="ann", issued_at=moment(4)), "bob")
    known = told.index.grant(given)
    assert known is not None
    assert (known.entry, known.licensor, known.bundle) == (1, "acme", bundle_of("m"))
    assert [one.state for one in known.editions] == [GrantState.PENDING, *[GrantState.IN_EFFECT] * 2]
    assert [entry.accepted for entry in known.history] == [True, False, True, False, True]
    assert sorted(known.claims) == [1, 3, 5]
    assert told.index.grant(bundle_of("m")) is None


@pytest.mark.parametrize("by", [("mallory",), ("mallory", "carol")])
def test_strangers_say_nothing_that_counts(told: Told, by: tuple[str, ...]) -> None:
    given = told.say(gives(), "acme")
    at = moment(5)
    for claim in (
        Consent(target=given, issued_at=at),
        Amendment(target=given, grant=replace(GRANT, seats=9), issued_at=at),
        Suspension(target=given, cause="envy", issued_at=at),
        Reinstatement(target=given, cause="envy", issued_at=at),
        RenewalClaim(target=given, end=moment(2000), issued_at=at),
        Assignment(target=given, grantee="mallory", issued_at=at),
        SeatClaim(target=given, holder="mallory", issued_at=at),
        Revocation(target=given, cause="envy", issued_at=at),
    ):
        assert "signed by" in told.refused(claim, *by)


def test_the_grantee_may_not_suspend_reinstate_renew_or_revoke(told: Told) -> None:
    given = told.say(gives(), "acme")
    told.say(Suspension(target=given, cause="audit", issued_at=moment(1)), "acme")
    for claim in (
        Suspension(target=given, cause="x", issued_at=moment(2)),
        Reinstatement(target=given, cause="x", issued_at=moment(2)),
        RenewalClaim(target=given, end=moment(2000), issued_at=moment(2)),
        Revocation(target=given, cause="x", issued_at=moment(2)),
    ):
        assert "only acme" in told.refused(claim, "bob")
    back = Reinstatement(target=given, cause="x", issued_at=moment(0))
    assert "suspended only from" in told.refused(back, "acme")
    told.say(replace(back, issued_at=moment(3)), "acme")
    assert "not suspended" in told.refused(replace(back, issued_at=moment(4)), "acme")


def test_an_amendment_by_one_waits_for_the_other_and_for_the_approvers(told: Told) -> None:
    given = told.say(gives(approvers=("dave", "erin"), threshold=1), "acme")
    told.say(Consent(target=given, issued_at=moment(1)), "dave")
    grant = replace(GRANT, approvers=("dave", "erin"), threshold=1, seats=5)
    change = told.say(Amendment(target=given, grant=grant, issued_at=moment(2)), "bob")
    assert "waits for acme, and for 1 of 2 approvers: dave, erin; signed by bob" in told.refused(
        Consent(target=change, issued_at=moment(3)), "bob"
    )
    told.say(Consent(target=change, issued_at=moment(4)), "acme")
    assert told.editions()[-1].grant.seats == 2
    told.say(Consent(target=change, issued_at=moment(5)), "erin")
    assert told.editions()[-1].grant.seats == 5
    assert "waits for nobody" in told.refused(Consent(target=change, issued_at=moment(6)), "dave")


def test_what_an_amendment_cannot_change(told: Told) -> None:
    given = told.say(gives(), "acme")
    for held in ("ann", "ben"):
        told.say(SeatClaim(target=given, holder=held, issued_at=moment(1)), "acme")
    for change, why in (
        ({"grantee": "mallory"}, "the grantee"),
        ({"licensor": "mallory", "model": bundle_of("n")}, "the model and the licensor"),
        ({"parent": bundle_of("x")}, "the parent"),
        ({"trial": True}, "trial"),
        ({"seats": 1}, "2 seats are taken"),
    ):
        grant = replace(GRANT, **change)
        both = Amendment(target=given, grant=grant, issued_at=moment(2))
        assert why in told.refused(both, "acme", "bob")


def test_seats_are_bounded(told: Told) -> None:
    given = told.say(gives(), "acme")
    seat = SeatClaim(target=given, holder="ann", issued_at=moment(1))
    assert "has no seat" in told.refused(replace(seat, freed=True), "bob")
    told.say(seat, "bob")
    assert "already" in told.refused(replace(seat, issued_at=moment(2)), "bob")
    told.say(replace(seat, holder="ben"), "acme")
    assert "all 2 seats are taken, by ann, ben" in told.refused(replace(seat, holder="cem"), "bob")
    told.say(replace(seat, freed=True, issued_at=moment(3)), "acme")
    told.say(replace(seat, holder="cem", issued_at=moment(4)), "bob")
    assert told.editions()[-1].holders == {"ben", "cem"}
    free = told.say(gives(9, seats=None), "acme")
    assert "not bound to seats" in told.refused(replace(seat, target=free), "bob")


def test_renewals(told: Told) -> None:
    given = told.say(gives(), "acme")
    longer = RenewalClaim(target=given, end=moment(2000), payment="order 7", issued_at=moment(5))
    assert "no earlier" in told.refused(replace(longer, end=moment(1000)), "acme")
    told.say(longer, "acme")
    assert told.editions()[-1].grant.end == moment(2000)
    endless = told.say(gives(1, end=None), "acme")
    assert "no end" in told.refused(replace(longer, target=endless), "acme")
    trial = told.say(gives(2, trial=True), "acme")
    assert "trial" in told.refused(replace(longer, target=trial), "acme")
    asked = told.say(gives(3, approvers=("dave",), threshold=1), "acme")
    assert "approved no renewal" in told.refused(replace(longer, target=asked), "acme")
    foreseen = told.say(gives(4, approvers=("dave",), threshold=1, renewal=Renewal(days=30)), "acme")
    told.say(replace(longer, target=foreseen), "acme")


def test_a_grant_changes_hands(told: Told) -> None:
    given = told.say(gives(transferable=True), "acme")
    over = Assignment(target=given, grantee="carol", issued_at=moment(5))
    assert "only bob" in told.refused(over, "acme")
    assert "already" in told.refused(replace(over, grantee="bob"), "bob")
    told.say(over, "bob")
    assert "only carol" in told.refused(replace(over, grantee="dave", issued_at=moment(6)), "bob")
    for party in ("bob", "carol"):
        assert [one.grant.grantee for one in told.editions(party)] == ["bob", "carol"]
    assert told.editions("dave") == []
    fixed = told.say(gives(1), "acme")
    change = told.say(replace(over, target=fixed), "bob")
    assert [one.id for one in told.editions("carol")] == [given, given]
    told.say(Consent(target=change, issued_at=moment(7)), "acme")
    assert told.editions("carol")[-1].grant.grantee == "carol"


def test_one_trial_for_each_grantee_and_model(told: Told) -> None:
    first = told.say(gives(trial=True, transferable=True), "acme")
    assert first in told.refused(gives(1, trial=True), "acme")
    other = told.say(gives(2, trial=True, grantee="carol", transferable=True), "acme")
    assert "had a trial" in told.refused(
        Assignment(target=other, grantee="bob", issued_at=moment(3)), "carol"
    )
    told.say(Assignment(target=other, grantee="dave", issued_at=moment(3)), "carol")
    for who in ("carol", "dave"):
        assert "had a trial" in told.refused(gives(4, trial=True, grantee=who), "acme")
    told.say(Revocation(target=first, cause="x", issued_at=moment(5)), "acme")
    assert "had a trial" in told.refused(gives(6, trial=True), "acme")
    told.say(gives(7), "acme")


def test_a_former_owner_may_take_back_and_do_nothing_else(told: Told) -> None:
    given = told.say(gives(), "acme")
    told.say(transfers("openlab", at=2), "acme")
    longer = RenewalClaim(target=given, end=moment(2000), issued_at=moment(5))
    pause = Suspension(target=given, cause="x", issued_at=moment(5))
    assert "only openlab" in told.refused(longer, "acme")
    assert "only openlab" in told.refused(pause, "acme")
    told.say(longer, "openlab")
    told.say(pause, "openlab")
    told.say(Revocation(target=given, cause="x", issued_at=moment(9)), "acme")
    told.say(Revocation(target=given, cause="y", issued_at=moment(7)), "openlab")
    assert {one.revoked_at for one in told.editions()} == {moment(7)}


def test_notice_is_kept_but_for_a_breach(told: Told) -> None:
    given = told.say(gives(notice_days=3), "acme")
    late = moment(10) + timedelta(days=3)
    told.say(Revocation(target=given, cause="x", effective_at=moment(11), issued_at=moment(10)), "acme")
    assert told.editions()[0].revoked_at == late
    told.say(Revocation(target=given, cause="y", ground=Ground.BREACH, issued_at=moment(20)), "acme")
    assert told.editions()[0].revoked_at == moment(20)


def under(parent: Digest, at: int = 5, **changes: object) -> GrantClaim:
    mine = {"licensor": "bob", "grantee": "carol", "capabilities": INFER, "parent": parent}
    return gives(at, **{"start": moment(5), **mine, **changes})


def test_a_sublicence_stands_on_the_grant_above_it(told: Told) -> None:
    above = told.say(gives(), "acme")
    told.say(under(above), "bob")
    (only,) = told.editions("carol")
    assert [one.id for one in only.under] == [above]
    told.say(Suspension(target=above, cause="x", issued_at=moment(8)), "acme")
    (only,) = told.editions("carol")
    assert [one.state for one in only.under] == [GrantState.IN_EFFECT, GrantState.SUSPENDED]


def test_who_may_sublicense(told: Told) -> None:
    above = told.say(gives(), "acme")
    assert "only bob, who holds the grant above it" in told.refused(under(above), "carol")
    assert "names carol as licensor" in told.refused(under(above, licensor="carol"), "bob")
    assert "no grant" in told.refused(under(bundle_of("x")), "bob")
    assert "more seats" in told.refused(under(above, seats=3), "bob")
    assert "ends after" in told.refused(under(above, end=None), "bob")
    narrow = told.say(gives(1, capabilities=INFER), "acme")
    assert "no sublicences" in told.refused(under(narrow), "bob")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (Suspension(target=bundle_of("x"), cause="x", issued_at=moment(3)), "suspended"),
        (Revocation(target=bundle_of("x"), cause="x", issued_at=moment(3)), "was revoked"),
    ],
    ids=["suspended", "revoked"],
)
def test_nothing_is_sublicensed_under_a_grant_that_does_not_hold(
    told: Told, change: Suspension | Revocation, why: str
) -> None:
    above = told.say(gives(), "acme")
    told.say(replace(change, target=above), "acme")
    assert why in told.refused(under(above), "bob")


def test_nothing_is_sublicensed_before_acceptance_or_after_the_end(told: Told) -> None:
    above = told.say(gives(acceptance=True), "acme")
    assert "pending" in told.refused(under(above), "bob")
    told.say(Consent(target=above, issued_at=moment(6)), "bob")
    told.say(under(above, 7), "bob")
    late = under(above, 2000, end=moment(999))
    assert "does not hold" in told.refused(late, "bob")


def test_what_a_sublicence_becomes_stays_within_the_grant_above_it(told: Told) -> None:
    above = told.say(gives(), "acme")
    mine = told.say(under(above, end=moment(500)), "bob")
    grant = replace(under(above).grant, end=moment(500))
    wide = Amendment(target=mine, grant=replace(grant, seats=None), issued_at=moment(8))
    assert "more seats" in told.refused(wide, "bob", "carol")
    longer = RenewalClaim(target=mine, end=moment(1001), issued_at=moment(8))
    assert "ends at" in told.refused(longer, "bob")
    told.say(replace(longer, end=moment(1000)), "bob")
    told.say(Revocation(target=mine, cause="x", issued_at=moment(9)), "acme")


def test_sublicences_are_eight_deep_at_most(told: Told) -> None:
    grant = told.say(gives(), "acme")
    names = ["bob", *(("carol", "dave") * 5)]
    for depth in range(9):
        claim = under(
            grant, licensor=names[depth], grantee=names[depth + 1], capabilities=frozenset(Capability)
        )
        if depth == 8:
            assert "8 grants above" in told.refused(claim, names[depth])
            return
        grant = told.say(claim, names[depth])
    pytest.fail("there was no end")


def test_a_change_names_a_grant_of_its_own_model(told: Told) -> None:
    given = told.say(gives(), "acme")
    tell(told.ledger, registers("mallory"), "n", "mallory")
    for target in (given, bundle_of("none")):
        tell(told.ledger, Revocation(target=target, cause="envy", issued_at=moment(3)), "n", "mallory")
    notes = told.notes()
    assert len(notes) == 2
    assert all("no grant" in note for note in notes)
    assert told.editions()[0].revoked_at is None


def test_a_change_of_a_change_is_none(told: Told) -> None:
    given = told.say(gives(), "acme")
    change = told.say(Suspension(target=given, cause="x", issued_at=moment(1)), "acme")
    assert "no grant" in told.refused(Revocation(target=change, cause="x", issued_at=moment(2)), "acme")


def test_what_was_said_before_grounds_could_be_named_reads_the_same() -> None:
    old = (
        b'{"_type":"https://in-toto.io/Statement/v1","predicate":{"cause":"invoice 17 was not paid",'
        b'"issuedAt":"2026-11-22T09:30:00Z","target":"sha256:' + b"0" * 64 + b'"},'
        b'"predicateType":"https://weightmark.dev/revocation/v1","subject":[{"digest":'
        b'{"weightmark-bundle-sha256":"' + b"1" * 64 + b'"},"name":"churn"}]}'
    )
    statement = Statement.decode(old)
    assert isinstance(statement.claim, Revocation)
    assert (statement.claim.ground, statement.claim.effective_at) == (Ground.OTHER, None)
    assert statement.encode() == old
    said = json.loads(old)
    said["predicate"]["ground"] = "other"
    with pytest.raises(MalformedError, match="canonical"):
        Statement.decode(encode(said))
    said["predicate"]["ground"] = "envy"
    with pytest.raises(MalformedError, match="not one of breach"):
        Statement.decode(encode(said))
