from datetime import UTC, datetime, timedelta

import pytest

from weightmark.encoding import decode, encode
from weightmark.errors import MalformedError
from weightmark.licensing import Capability, Condition, ShareAlike, Terms, WorkKind
from weightmark.licensing.sharing import Reach

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
FULL = Terms(
    id="LicenseRef-Ours",
    permissions=frozenset({Capability.INFER}),
    start=AT,
    end=AT + timedelta(days=30),
    grace_days=7,
    renewal="auto",
    share_alike=ShareAlike(
        reach=Reach.DERIVATIVE, outbound=("GPL-3.0-only",), network=True, clause="Ours section 3"
    ),
    conditions=(
        Condition(id="revenue", sentence="Not above 1 million USD a year.", clause="Ours section 2"),
    ),
    covers=frozenset({WorkKind.WEIGHTS, WorkKind.CODE}),
    organisations=("acme.example", "lab.example"),
    purposes=frozenset({"research"}),
    warranty="as is",
    law="Germany",
)


def test_all_fields_survive_json():
    data = encode(FULL.to_json())
    assert Terms.from_json(decode(data, what="the terms")) == FULL


def test_what_is_empty_is_left_out():
    assert Terms(id="MIT").to_json() == {"commercial": True, "id": "MIT"}


def test_terms_without_the_new_fields_still_read():
    terms = Terms.from_json({"commercial": False, "id": "x", "permissions": ["infer"]})
    assert (terms.share_alike, terms.conditions, terms.covers, terms.grace_days) == (None, (), frozenset(), 0)


@pytest.mark.parametrize(
    "change",
    [
        {"shareAlike": {"reach": "galaxy", "clause": "x"}},
        {"shareAlike": {"reach": "file"}},
        {"conditions": [{"id": "x"}]},
        {"covers": ["music"]},
        {"organisations": [1]},
        {"purposes": "research"},
        {"graceDays": -1},
        {"graceDays": 10**9},
        {"renewal": "sometimes"},
        {"law": 1},
        {"warranty": None, "what": 1},
    ],
)
def test_a_bad_field_is_malformed(change):
    with pytest.raises(MalformedError):
        Terms.from_json(FULL.to_json() | change)


def test_the_window_holds_the_grace():
    assert FULL.window.last == AT + timedelta(days=37)


def test_a_condition_as_a_duty_keeps_its_clause():
    duty = FULL.conditions[0].as_duty()
    assert (duty.id, duty.clause) == ("condition-revenue", "Ours section 2")
