"""Access that nobody gave, and entries that nobody may bring an index down with."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias

import pytest
from tests.ledger_examples import (
    START,
    bundle_of,
    moment,
    new_ledger,
    registers,
    tell,
    transfers,
    trust_in,
    weights_of,
)

from weightmark.claims import Amendment, Consent, GrantClaim, SeatClaim, UsageClaim
from weightmark.encoding import Digest
from weightmark.index import Index
from weightmark.licensing import Action, Capability, Grant, Party, Request, decide
from weightmark.workspace.lineage import works_of
from weightmark_plugins.ledgers.memory import MemoryLedger

RESALE = frozenset({Capability.INFER, Capability.SUBLICENSE})
GRANT = Grant(model=bundle_of("m"), licensor="acme", grantee="bob", capabilities=RESALE, start=START)
CLOSED = "CC-BY-NC-4.0"


Begun: TypeAlias = tuple[MemoryLedger, Index]


@pytest.fixture
def begun() -> Iterator[Begun]:
    ledger, index = new_ledger(), Index("sqlite://")
    tell(ledger, registers("acme", license_=CLOSED), "m", "acme")
    yield ledger, index
    index.close()


def read(ledger: MemoryLedger, index: Index) -> list[str]:
    """Read the ledger; give what is noted about each entry that does not count."""
    index.catch_up(ledger, trust_in(ledger, "acme", "bob", "carol", "mallory"))
    return [entry.note for entry in index.history() if not entry.accepted]


def gives(at: int = 0, **changes: object) -> GrantClaim:
    return GrantClaim(grant=replace(GRANT, **changes), issued_at=moment(at))  # type: ignore[arg-type]


def allowed(index: Index, model: str, party: str, *, seat: str = "") -> bool:
    found = index.find(bundle_of(model))
    assert found is not None
    works = works_of(index, found)
    subjects = [digest for work in works for digest in (work.subject, work.weights) if digest is not None]
    request = Request(
        action=Action.INFER, party=Party(name=party, commercial=True), at=moment(500), seat=seat
    )
    return decide(request, works, index.grants(subjects, party)).allowed


def settles(grant: Digest) -> UsageClaim:
    return UsageClaim(
        target=grant,
        chain="a" * 32,
        head=grant,
        first=1,
        last=2,
        totals={"calls": 5},
        began=START,
        ended=START,
        issued_at=moment(9),
    )


def test_a_settlement_about_a_model_that_nobody_registered_is_an_entry_like_any_other(begun: Begun) -> None:
    ledger, index = begun
    grant = tell(ledger, gives(), "m", "acme")
    tell(ledger, settles(grant), "nowhere", "mallory")
    (note,) = read(ledger, index)
    assert "is not registered" in note
    assert allowed(index, "m", "bob")


def test_only_who_is_the_licensor_of_that_very_grant_settles_it(begun: Begun) -> None:
    ledger, index = begun
    grant = tell(ledger, gives(), "m", "acme")
    tell(ledger, registers("mallory"), "n", "mallory")
    tell(ledger, settles(grant), "n", "mallory")
    tell(ledger, transfers("carol", 5), "m", "acme")
    tell(ledger, settles(grant), "m", "acme")
    other, former = read(ledger, index)
    assert "there is no grant" in other
    assert "only carol may settle" in former
    tell(ledger, settles(grant), "m", "carol")
    assert len(read(ledger, index)) == 2


def test_who_may_sublicense_grants_no_more_by_registering_the_same_weights(begun: Begun) -> None:
    ledger, index = begun
    above = tell(ledger, gives(), "m", "acme")
    infer = frozenset({Capability.INFER})
    below = gives(1, licensor="bob", grantee="carol", parent=above, capabilities=infer)
    tell(ledger, below, "m", "bob")
    tell(ledger, registers("bob", 2, license_=CLOSED), "m-again", "bob")
    tell(ledger, gives(3, model=weights_of("m"), licensor="bob", grantee="mallory"), "m-again", "bob")
    assert read(ledger, index) == []
    assert allowed(index, "m", "carol")
    assert not allowed(index, "m", "mallory")
    assert not allowed(index, "m-again", "mallory")


def test_who_sold_a_model_grants_it_no_more_by_registering_the_same_weights(begun: Begun) -> None:
    ledger, index = begun
    tell(ledger, gives(model=weights_of("m")), "m", "acme")
    tell(ledger, transfers("carol", 1), "m", "acme")
    tell(ledger, registers("acme", 2, license_=CLOSED), "m-again", "acme")
    tell(ledger, gives(3, model=weights_of("m"), grantee="mallory"), "m-again", "acme")
    assert read(ledger, index) == []
    assert allowed(index, "m", "bob")
    assert not allowed(index, "m", "mallory")
    assert not allowed(index, "m-again", "mallory")


def test_the_owner_of_both_grants_the_same_weights_in_both(begun: Begun) -> None:
    ledger, index = begun
    tell(ledger, registers("acme", 1, license_=CLOSED), "m-again", "acme")
    tell(ledger, gives(2, model=weights_of("m")), "m-again", "acme")
    assert read(ledger, index) == []
    assert allowed(index, "m", "bob")
    assert allowed(index, "m-again", "bob")


def test_seats_that_were_taken_since_hold_up_an_amendment_that_has_no_room_for_them(begun: Begun) -> None:
    ledger, index = begun
    grant = tell(ledger, gives(seats=3), "m", "acme")
    fewer = Amendment(target=grant, grant=replace(GRANT, seats=1), issued_at=moment(1))
    amendment = tell(ledger, fewer, "m", "acme")
    for holder in "xyz":
        tell(ledger, SeatClaim(target=grant, holder=holder, issued_at=moment(2)), "m", "bob")
    tell(ledger, Consent(target=amendment, issued_at=moment(3)), "m", "bob")
    (note,) = read(ledger, index)
    assert "3 seats are taken, more than the 1" in note
    for holder in "yz":
        tell(ledger, SeatClaim(target=grant, holder=holder, freed=True, issued_at=moment(4)), "m", "bob")
    tell(ledger, Consent(target=amendment, issued_at=moment(5)), "m", "bob")
    assert len(read(ledger, index)) == 1
    assert [allowed(index, "m", "bob", seat=holder) for holder in "xyz"] == [True, False, False]


def test_a_second_trial_is_none_because_a_file_was_added_to_the_model(begun: Begun) -> None:
    ledger, index = begun
    tell(ledger, registers("acme", 1), "m-again", "acme")
    tell(ledger, gives(2, trial=True, end=moment(10)), "m", "acme")
    tell(ledger, gives(3, trial=True, end=moment(99), model=bundle_of("m-again")), "m-again", "acme")
    (note,) = read(ledger, index)
    assert "had a trial of this model already" in note


def test_a_trial_of_somebody_elses_copy_bars_none_of_the_owners(begun: Begun) -> None:
    ledger, index = begun
    tell(ledger, registers("mallory", 1), "m-again", "mallory")
    other = gives(2, trial=True, end=moment(99), model=bundle_of("m-again"), licensor="mallory")
    tell(ledger, other, "m-again", "mallory")
    tell(ledger, gives(3, trial=True, end=moment(99)), "m", "acme")
    assert read(ledger, index) == []
