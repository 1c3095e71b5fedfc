import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.claim_examples import NOW, log_key, public, trust

from weightmark.claims.policy import Policy
from weightmark.claims.trust import TrustedKey, TrustRoot
from weightmark.errors import MalformedError

ALICE = TrustedKey(identity="alice@example.com", key=public("alice"))


def test_round_trip() -> None:
    root = TrustRoot(
        keys=(
            ALICE,
            TrustedKey(identity="bob", key=public("bob"), valid_from=NOW, valid_until=NOW + timedelta(1)),
        ),
        logs=(log_key(), log_key("example.com/other")),
        policy=Policy(threshold=2, identities=frozenset({"bob", "alice@example.com"})),
    )
    assert TrustRoot.decode(root.encode()) == root
    assert TrustRoot.decode(TrustRoot().encode()) == TrustRoot()


def test_policy_may_be_null() -> None:
    value = json.loads(trust().encode())
    value["policy"] = None
    assert TrustRoot.decode(json.dumps(value).encode()) == trust()


def test_adding_gives_a_new_root_and_leaves_the_old_one() -> None:
    old = trust("alice")
    bob = TrustedKey(identity="bob", key=public("bob"))
    new = old.add(bob, logs=[log_key("example.com/new")])
    assert old == trust("alice")
    assert new.keys == (ALICE, bob)
    assert new.logs == (log_key(), log_key("example.com/new"))
    assert new.add(bob, ALICE, logs=[log_key()]) == new
    assert old.add(bob, bob).keys == (ALICE, bob)


def test_key_speaks_for_one_identity() -> None:
    with pytest.raises(MalformedError, match="twice"):
        trust("alice").add(replace(ALICE, identity="mallory"))
    with pytest.raises(MalformedError, match="twice"):
        trust("alice").merge(TrustRoot(keys=(replace(ALICE, valid_until=NOW),)))
    with pytest.raises(MalformedError, match="a log twice"):
        TrustRoot(logs=(log_key(), log_key()))


def test_merging_trusts_what_either_trusts() -> None:
    policy = Policy(threshold=2)
    merged = trust("alice").merge(replace(trust("bob"), policy=policy))
    assert merged.find(public("alice").key_id) == ALICE
    assert merged.find(public("bob").key_id) is not None
    assert merged.find(public("carol").key_id) is None
    assert merged.policy == policy
    assert replace(trust(), policy=Policy()).merge(merged).policy == Policy()


def test_validity_holds_from_its_start_until_before_its_end() -> None:
    key = replace(ALICE, valid_from=NOW, valid_until=NOW + timedelta(days=1))
    assert [key.is_valid(NOW + timedelta(seconds=s)) for s in (-1, 0, 86399, 86400)] == [
        False,
        True,
        True,
        False,
    ]
    assert ALICE.is_valid(datetime(1, 1, 1, tzinfo=UTC))
    with pytest.raises(MalformedError, match="valid until before"):
        replace(ALICE, valid_from=NOW, valid_until=NOW)
    with pytest.raises(ValueError, match="zone"):
        replace(ALICE, valid_from=NOW.replace(tzinfo=None))


def _key(**changes: object) -> dict[str, Any]:
    return {"keys": [{"identity": "alice", "publicKey": public("alice").pem.decode(), **changes}]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mediaType": "application/json"}, "'mediaType'"),
        ({"extra": 1}, "unknown fields: extra"),
        ({"logs": ["example.com/log+00000000+AAAA"]}, "log key"),
        ({"logs": [1]}, "a list of strings"),
        ({"policy": {"threshold": 0, "identities": []}}, "at least 1"),
        ({"policy": {"threshold": 2, "identities": ["alice"]}}, "never reach"),
        ({"policy": {"threshold": 2, "identities": ["alice", "alice"]}}, "twice"),
        ({"policy": {"threshold": 1, "x": 1}}, "unknown fields: x"),
        ({"policy": "none"}, "must be an object"),
        (_key(publicKey="nothing"), "not a public key in PEM"),
        (_key(identity=""), "0 characters"),
        (_key(identity="a\nb"), "does not print"),
        (_key(validFrom="yesterday"), "not a UTC time"),
        (_key(trusted=True), "unknown fields: trusted"),
    ],
)
def test_what_is_no_trust_root_is_refused(change: dict[str, object], message: str) -> None:
    value = {**json.loads(trust().encode()), **change}
    with pytest.raises(MalformedError, match=message):
        TrustRoot.decode(json.dumps(value).encode())


def test_policy_that_asks_for_nothing_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Policy(threshold=0)
    with pytest.raises(ValueError, match="never reach"):
        Policy(threshold=2, identities=frozenset({"alice"}))
