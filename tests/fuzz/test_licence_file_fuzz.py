"""Licence files and status lists that somebody changed: never a crash, never a yes."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.json_fuzz import change_one
from tests.licence_files import NOW, Party, b64, licence_bytes, status_bytes, unb64

from weightmark.claims.offline.licence_file import verify_licence
from weightmark.claims.offline.status_token import verify_status
from weightmark.errors import ClockError, MalformedError, VerificationError
from weightmark.workspace.offline.clock_state import ClockState

LAB = Party("lab")
TRUST = LAB.trusted()
READERS = {
    "weightmark-licence+jwt": (lambda data: verify_licence(data, TRUST, NOW), licence_bytes(LAB).strip()),
    "statuslist+jwt": (lambda data: verify_status(data, TRUST, NOW), status_bytes(LAB, {1: 1}).strip()),
}
KINDS = sorted(READERS)

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=6)
    | st.sampled_from(["\ud800", "2026-11-22T09:30:00Z", "sha256:" + "0" * 64, 1 << 64, -1, 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def refused(kind: str, data: bytes) -> None:
    with pytest.raises((MalformedError, VerificationError)) as caught:
        READERS[kind][0](data)
    assert caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=200)
@given(position=st.integers(0, 10**6), byte=st.integers(0, 255), drop=st.booleans())
def test_one_byte_changed(kind: str, position: int, byte: int, *, drop: bool) -> None:
    data = bytearray(READERS[kind][1])
    position %= len(data)
    if not drop and data[position] == byte:
        return
    data[position : position + 1] = b"" if drop else bytes([byte])
    if bytes(data).strip() != READERS[kind][1]:
        refused(kind, bytes(data))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.binary(max_size=200) | st.text("eyJ.-_ A=", max_size=60).map(str.encode))
def test_any_bytes(kind: str, data: bytes) -> None:
    refused(kind, data)


@pytest.mark.parametrize("kind", KINDS)
@given(choice=st.data(), value=VALUES, drop=st.booleans())
def test_one_member_changed_and_signed_again(
    kind: str, choice: st.DataObject, value: Any, *, drop: bool
) -> None:
    """The signer makes nonsense: it is read as what it says, or refused; it never crashes."""
    read, data = READERS[kind]
    document = json.loads(unb64(data.split(b".")[1]))
    change_one(document, choice, value, drop=drop)
    try:
        read(LAB.token(document, typ=kind))
    except (MalformedError, VerificationError) as error:
        assert error.message


@pytest.mark.parametrize("kind", KINDS)
@given(header=st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk", "x"]), VALUES))
def test_any_header(kind: str, header: dict[str, Any]) -> None:
    body = READERS[kind][1].split(b".")[1]
    refused(kind, b64(json.dumps(header).encode()) + b"." + body + b"." + b64(bytes(64)))


@given(data=st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_marks_of_the_clock(data: bytes) -> None:
    with pytest.raises(ClockError):
        ClockState.decode(data, "the marks")
