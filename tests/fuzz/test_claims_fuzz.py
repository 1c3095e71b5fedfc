"""Any bytes at the doors: only the errors that are promised come out, and nothing changed verifies."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.claim_examples import NOW, bundle, public, signed, signed_payload, statement, trust

from weightmark.claims.bundle import Bundle
from weightmark.claims.envelope import Envelope
from weightmark.claims.key import PublicKey
from weightmark.claims.policy import Policy
from weightmark.claims.statement import Statement
from weightmark.claims.trust import TrustRoot
from weightmark.claims.verify import verify_bundle, verify_envelope
from weightmark.errors import MalformedError, SignatureError, VerificationError

BUNDLE = bundle("alice", "bob")
TRUST = trust("alice", "bob")
DOORS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "key": (PublicKey.from_pem, public("alice").pem),
    "statement": (Statement.decode, statement().encode()),
    "envelope": (Envelope.decode, signed("alice", "bob").encode()),
    "bundle": (Bundle.decode, BUNDLE.encode()),
    "trust root": (TrustRoot.decode, TRUST.encode()),
}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=1 << 62)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["\ud800", "sha256:" + "0" * 64, "AA==", "2026-11-22T09:30:00Z", "9" * 30]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def paths(value: Any, here: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [here, *(path for key, child in members for path in paths(child, (*here, key)))]


@st.composite
def mutated_json(draw: st.DrawFn, data: bytes) -> bytes:
    """Change, drop or double one member of a valid document, however deep."""
    value: Any = json.loads(data)
    path = draw(st.sampled_from(paths(value)[1:]))
    parent = value
    for key in path[:-1]:
        parent = parent[key]
    how = draw(st.sampled_from(["replace", "drop", "add", "copy"]))
    if how == "replace":
        parent[path[-1]] = draw(json_values)
    elif how == "drop":
        del parent[path[-1]]
    elif isinstance(parent, list):
        parent.append(parent[path[-1]] if how == "copy" else draw(json_values))
    else:
        parent[draw(st.text(max_size=5))] = parent[path[-1]] if how == "copy" else draw(json_values)
    return json.dumps(value).encode()


@st.composite
def mutated_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    start = draw(st.integers(0, len(data)))
    stop = min(len(data), start + draw(st.integers(0, 8)))
    return data[:start] + draw(st.binary(max_size=8)) + data[stop:]


def knock(door: Callable[[bytes], object], data: bytes) -> None:
    problem: MalformedError | None = None
    try:
        door(data)
    except MalformedError as error:
        problem = error
    assert problem is None or (problem.message and problem.hint)


@pytest.mark.parametrize("name", DOORS)
@given(data=st.binary(max_size=300) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes(name: str, data: bytes) -> None:
    knock(DOORS[name][0], data)


@pytest.mark.parametrize("name", DOORS)
@given(data=st.data())
def test_damaged_bytes(name: str, data: st.DataObject) -> None:
    door, good = DOORS[name]
    knock(door, data.draw(mutated_bytes(good)))


@pytest.mark.parametrize("name", [name for name in DOORS if name != "key"])
@given(data=st.data())
def test_changed_members(name: str, data: st.DataObject) -> None:
    door, good = DOORS[name]
    knock(door, data.draw(mutated_json(good)))


@given(data=mutated_json(BUNDLE.encode()) | mutated_bytes(BUNDLE.encode()))
def test_what_still_verifies_says_the_same(data: bytes) -> None:
    try:
        evidence = verify_bundle(Bundle.decode(data), TRUST, Policy(threshold=2), NOW)
    except (MalformedError, VerificationError):
        return
    assert evidence.statement == statement()
    assert evidence.identities == ("alice@example.com", "bob@example.com")


@given(payload=st.binary(max_size=200) | mutated_json(statement().encode()))
def test_anything_well_signed(payload: bytes) -> None:
    try:
        evidence = verify_envelope(signed_payload(payload), TRUST, Policy(), NOW)
    except MalformedError:
        return
    assert evidence.statement.encode() == payload


@given(signature=st.binary(max_size=80))
def test_any_signature(signature: bytes) -> None:
    for key in (public("alice"), P256):
        with pytest.raises(SignatureError):
            key.verify(b"message", signature)


P256 = PublicKey.from_pem(
    b"-----BEGIN PUBLIC KEY-----\n"
    b"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n"
    b"6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n"
    b"-----END PUBLIC KEY-----\n"
)
"""The generator point, whose private key is 1."""
