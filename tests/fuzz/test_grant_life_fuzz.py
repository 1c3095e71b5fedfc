"""Statements about grants, damaged: only the errors that are promised come out, whoever signed."""

import json
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.claim_examples import signed_payload
from tests.fuzz.test_claims_fuzz import mutated_json
from tests.ledger_examples import (
    about,
    bundle_of,
    grants,
    moment,
    new_ledger,
    registers,
    said,
    tell,
    trust_in,
)

from weightmark.claims import (
    Amendment,
    Assignment,
    Claim,
    Consent,
    Ground,
    Reinstatement,
    RenewalClaim,
    Revocation,
    SeatClaim,
    Statement,
    Suspension,
)
from weightmark.encoding import encode
from weightmark.errors import MalformedError
from weightmark.index import Index

GRANT = grants(bundle_of("m"), "acme", "bob")
TARGET = Statement.decode(said(GRANT, "m", "acme").payload).digest
LATER = moment(9)
CLAIMS: list[Claim] = [
    GRANT,
    Consent(target=TARGET, issued_at=LATER),
    Amendment(target=TARGET, grant=GRANT.grant, issued_at=LATER),
    Suspension(target=TARGET, cause="x", issued_at=LATER),
    Reinstatement(target=TARGET, cause="x", issued_at=LATER),
    RenewalClaim(target=TARGET, end=moment(99), payment="7", issued_at=LATER),
    Assignment(target=TARGET, grantee="carol", issued_at=LATER),
    SeatClaim(target=TARGET, holder="ann", issued_at=LATER),
    Revocation(target=TARGET, cause="x", ground=Ground.BREACH, effective_at=LATER, issued_at=LATER),
]


def canonical(data: bytes) -> bytes:
    """Write JSON as a statement must be written, where that can be done: it gets past the first door."""
    try:
        return encode(json.loads(data))
    except (MalformedError, ValueError):
        return data


@pytest.mark.parametrize("claim", CLAIMS, ids=[type(claim).__name__ for claim in CLAIMS])
@given(data=st.data())
def test_a_damaged_claim_is_refused_or_read(claim: Claim, data: st.DataObject) -> None:
    payload = canonical(data.draw(mutated_json(Statement(subject=about("m"), claim=claim).encode())))
    try:
        assert Statement.decode(payload).encode() == payload
    except MalformedError as error:
        assert error.hint


@given(data=st.data())
def test_damaged_claims_by_the_owner_stop_no_index(data: st.DataObject) -> None:
    ledger = new_ledger()
    with closing(Index("sqlite://")) as index:
        tell(ledger, registers("acme"), "m", "acme")
        tell(ledger, GRANT, "m", "acme")
        for claim in data.draw(st.lists(st.sampled_from(CLAIMS), max_size=4)):
            damaged = data.draw(mutated_json(Statement(subject=about("m"), claim=claim).encode()))
            ledger.append(signed_payload(canonical(damaged), name="acme"))
        index.catch_up(ledger, trust_in(ledger, "acme", "bob"))
        assert index.grants([bundle_of("m")])
