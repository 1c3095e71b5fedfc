import json
from dataclasses import replace
from typing import Any

import pytest
from tests.claim_examples import BUNDLE, NOW, WEIGHTS, public, registration, statement

from weightmark import encoding
from weightmark.claims.claim import (
    Assignment,
    Claim,
    Consent,
    Derivation,
    Registration,
    Reinstatement,
    RenewalClaim,
    Revocation,
    SeatClaim,
    Suspension,
    TermsClaim,
    Transfer,
    Update,
    VersionClaim,
)
from weightmark.claims.permission import Ground
from weightmark.claims.statement import MAX_STATEMENT, Statement
from weightmark.claims.subject import Subject
from weightmark.encoding import Digest, KeyId, digest_bytes
from weightmark.errors import MalformedError
from weightmark.model.lineage import Parent, Relation
from weightmark.vocabulary import STATEMENT_TYPE, Predicate

PARENT = Parent(subject=digest_bytes(b"parent"), relation=Relation.FINE_TUNE, uri="hf://org/base")
CLAIMS: list[Claim] = [
    registration(),
    VersionClaim(model="churn", version="3", uri="models:/churn/3", issued_at=NOW),
    Derivation(parents=(PARENT,), issued_at=NOW),
    Transfer(new_owner="bob.example", new_key=public("bob").key_id, issued_at=NOW),
    TermsClaim(license="Apache-2.0", issued_at=NOW),
    Revocation(target=digest_bytes(b"statement"), cause="key lost", issued_at=NOW),
    Revocation(
        target=digest_bytes(b"statement"),
        cause="not paid",
        ground=Ground.NON_PAYMENT,
        effective_at=NOW,
        issued_at=NOW,
    ),
    Consent(target=digest_bytes(b"statement"), issued_at=NOW),
    Suspension(target=digest_bytes(b"statement"), cause="an audit", issued_at=NOW),
    Reinstatement(target=digest_bytes(b"statement"), cause="nothing found", issued_at=NOW),
    RenewalClaim(target=digest_bytes(b"statement"), end=NOW, payment="order 17", issued_at=NOW),
    Assignment(target=digest_bytes(b"statement"), grantee="carol", issued_at=NOW),
    SeatClaim(target=digest_bytes(b"statement"), holder="ann", issued_at=NOW),
    Update(
        parent=digest_bytes(b"parent"),
        before=digest_bytes(b"before"),
        after=digest_bytes(b"after"),
        added=1,
        removed=0,
        changed=2,
        kept=297,
        proof=digest_bytes(b"proof"),
        issued_at=NOW,
    ),
]


def fields(one: Statement | None = None) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((one or statement()).encode())
    return value


@pytest.mark.parametrize("claim", CLAIMS, ids=[type(claim).__name__ for claim in CLAIMS])
def test_round_trip(claim: Claim) -> None:
    one = Statement(subject=Subject(name="churn", bundle=BUNDLE), claim=claim)
    assert Statement.decode(one.encode()) == one
    assert fields(one)["predicateType"] == claim.predicate_type


def test_statement_is_an_in_toto_statement() -> None:
    value = fields()
    assert value["_type"] == STATEMENT_TYPE
    assert value["subject"] == [
        {
            "name": "churn",
            "digest": {
                "weightmark-bundle-sha256": BUNDLE.removeprefix("sha256:"),
                "weightmark-weights-sha256": WEIGHTS.removeprefix("sha256:"),
            },
        }
    ]
    assert value["predicate"]["issuedAt"] == "2026-11-22T09:30:00Z"
    assert set(value) == {"_type", "subject", "predicateType", "predicate"}


def test_other_algorithm_stands_in_the_key() -> None:
    subject = Subject(name="churn", bundle=Digest("blake3:" + "0" * 64))
    assert Statement.decode(replace(statement(), subject=subject).encode()).subject == subject


def test_digest_is_over_the_payload() -> None:
    assert statement().digest == digest_bytes(statement().encode())


def changed(**changes: object) -> bytes:
    value = fields()
    value.update(changes)
    return encoding.encode({key: item for key, item in value.items() if item is not ...})


def predicate(kind: str = Predicate.REGISTRATION, **changes: object) -> bytes:
    value = fields()["predicate"]
    value.update(changes)
    return changed(
        predicateType=kind, predicate={key: item for key, item in value.items() if item is not ...}
    )


SUBJECT = fields()["subject"][0]
HEX = "0" * 64

LIES = [
    (changed(_type="https://in-toto.io/Statement/v0.1"), "'_type'"),
    (changed(_type=...), "no '_type'"),
    (changed(subject=[]), "0 subjects"),
    (changed(subject=...), "no 'subject'"),
    (changed(subject=[SUBJECT, SUBJECT]), "2 subjects"),
    (changed(subject=[{"name": "x", "digest": {}}]), "no 'weightmark-bundle' digest"),
    (changed(subject=[{"name": "x", "digest": {"sha256": HEX}}]), "unknown fields: sha256"),
    (changed(subject=[{"name": "x", "digest": {"weightmark-bundle-sha256": "00"}}]), "64 lowercase"),
    (
        changed(subject=[{"name": "x", "digest": {"weightmark-bundle-sha256": HEX.replace("0", "A")}}]),
        "64 lowercase",
    ),
    (
        changed(
            subject=[{"name": "x", "digest": {f"weightmark-bundle-{a}": HEX for a in ("sha256", "blake3")}}]
        ),
        "two algorithms",
    ),
    (changed(subject=[{**SUBJECT, "uri": "x"}]), "unknown fields: uri"),
    (changed(subject=[{**SUBJECT, "name": ""}]), "0 characters"),
    (changed(subject=[{**SUBJECT, "name": "a\u202eb"}]), r"U\+202E"),
    (changed(subject=[{**SUBJECT, "name": "a\x1b[2J"}]), r"U\+001B"),
    (changed(subject="x"), "must be a list"),
    (changed(predicateType="https://example.com/other/v1"), "not known here"),
    (changed(predicateType=Predicate.TRANSFER), "no 'newOwner'"),
    (changed(predicateType=...), "no 'predicateType'"),
    (changed(predicate=[]), "must be an object"),
    (changed(extra=1), "unknown fields: extra"),
    (predicate(owner=...), "no 'owner'"),
    (predicate(owner=7), "must be a string"),
    (predicate(owner=""), "the owner has 0"),
    (predicate(size=-1), "at least 0"),
    (predicate(files=1.5), "an integer"),
    (predicate(files=True), "an integer"),
    (predicate(algorithm="md5"), "not one of sha256, blake3"),
    (predicate(manifest="md5:00"), "'manifest'"),
    (predicate(issuedAt="2026-11-22T09:30:00+01:00"), "not a UTC time"),
    (predicate(issuedAt="2026-11-22T09:30:00.000Z"), "canonical"),
    (predicate(secret=1), "unknown fields: secret"),
    (predicate(license=None), "canonical"),
    (statement().encode().replace(b'"_type"', b'"_type":"x","_type"', 1), "stands twice"),
    (statement().encode() + b" ", "canonical"),
    (statement().encode() + b" " * MAX_STATEMENT, "at most"),
    (b"", "not strict JSON"),
]


@pytest.mark.parametrize(("data", "message"), LIES)
def test_what_is_no_statement_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(MalformedError, match=message) as caught:
        Statement.decode(data)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ({"parents": []}, "0 parents"),
        ({"parents": [{"subject": BUNDLE, "relation": "cousin", "uri": ""}]}, "'relation'"),
        ({"parents": [{"subject": BUNDLE, "relation": "merge", "uri": ""}] * 2}, "one parent twice"),
        (
            {"parents": [{"subject": BUNDLE, "relation": "merge", "uri": "", "share": 1}]},
            "unknown fields: share",
        ),
    ],
)
def test_false_derivation_is_refused(claim: dict[str, object], message: str) -> None:
    data = changed(
        predicateType=Predicate.DERIVATION, predicate={**claim, "issuedAt": "2026-11-22T09:30:00Z"}
    )
    with pytest.raises(MalformedError, match=message):
        Statement.decode(data)


def test_long_statement_is_not_made_and_says_what_to_shorten() -> None:
    one = replace(
        statement(),
        claim=Derivation(
            parents=tuple(replace(PARENT, subject=digest_bytes(b"%d" % number)) for number in range(40)),
            issued_at=NOW,
        ),
    )
    with pytest.raises(MalformedError, match="at most 4000") as caught:
        one.encode()
    assert "predicate.parents" in caught.value.hint


def test_values_are_checked_when_they_are_made() -> None:
    with pytest.raises(MalformedError, match="neither"):
        TermsClaim(issued_at=NOW)
    with pytest.raises(MalformedError, match="key id"):
        Transfer(new_owner="bob", new_key=KeyId("A" * 64), issued_at=NOW)
    with pytest.raises(MalformedError, match="named by sha256"):
        Revocation(target=Digest("blake3:" + HEX), cause="lost", issued_at=NOW)
    with pytest.raises(MalformedError, match="files"):
        Registration(owner="a", manifest=BUNDLE, files=-1, size=0, issued_at=NOW)
    with pytest.raises(ValueError, match="zone"):
        replace(statement(), claim=replace(registration(), issued_at=NOW.replace(tzinfo=None))).encode()
