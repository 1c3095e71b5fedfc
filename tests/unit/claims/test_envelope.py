import base64
import json

import pytest
from tests.claim_examples import signed

from weightmark import encoding
from weightmark.claims.envelope import MAX_SIGNATURES, MAX_SIZE, Envelope, Signature, pre_authentication
from weightmark.encoding import KeyId
from weightmark.errors import MalformedError

A, B = KeyId("a" * 64), KeyId("b" * 64)


def envelope(**changes: object) -> bytes:
    fields: dict[str, object] = {
        "payload": "eA==",
        "payloadType": "text/plain",
        "signatures": [{"keyid": A, "sig": "AQ=="}],
    }
    fields.update(changes)
    return json.dumps({key: value for key, value in fields.items() if value is not ...}).encode()


def test_encoding_is_the_canonical_one() -> None:
    one = Envelope(
        payload=b"x",
        payload_type="text/plain; charset='utf-8' <>&/~",
        signatures=(Signature(key_id=B, value=b"2"), Signature(key_id=A, value=b"1")),
    )
    assert one.encode() == encoding.encode(json.loads(one.encode())) == encoding.encode(one.to_json())
    assert [item.key_id for item in one.signatures] == [A, B]


def test_round_trip() -> None:
    one = signed("alice", "bob")
    assert Envelope.decode(one.encode()) == one
    assert Envelope.decode(json.dumps(json.loads(one.encode()), indent=2).encode()) == one


def test_order_of_signatures_makes_no_difference() -> None:
    signatures = (Signature(key_id=A, value=b"1"), Signature(key_id=B, value=b"2"))
    one = Envelope(payload=b"x", payload_type="t", signatures=signatures)
    other = Envelope(payload=b"x", payload_type="t", signatures=signatures[::-1])
    assert one == other
    assert one.encode() == other.encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (envelope(signatures=[]), "0 signatures"),
        (envelope(signatures=...), "no 'signatures'"),
        (envelope(signatures=[{"keyid": A, "sig": "AQ=="}] * 2), "two signatures of the key aaaa"),
        (
            envelope(signatures=[{"keyid": f"{n:064d}", "sig": ""} for n in range(MAX_SIGNATURES + 1)]),
            "65 signatures",
        ),
        (envelope(signatures=[{"keyid": A, "sig": "AQ==", "x": 1}]), "unknown fields: x"),
        (envelope(signatures=[{"keyid": "", "sig": "AQ=="}]), "not plain ASCII"),
        (envelope(signatures=[{"keyid": 'a"b', "sig": "AQ=="}]), "not plain ASCII"),
        (envelope(signatures=[{"sig": "AQ=="}]), "no 'keyid'"),
        (envelope(signatures={}), "must be a list"),
        (envelope(payload="eA"), "not base64"),
        (envelope(payload="eB=="), "base64"),
        (envelope(payload="e A=="), "not base64"),
        (envelope(payload="_-8="), "not base64"),
        (envelope(payload="é==="), "not base64"),
        (envelope(payload=1), "must be a string"),
        (envelope(payloadType="a\nb"), "not plain ASCII"),
        (envelope(payloadType=""), "not plain ASCII"),
        (envelope(extra=1), "unknown fields: extra"),
        (b'{"payload":"","payload":""}', "stands twice"),
        (b"[]", "must be an object"),
        (b"\xff", "not UTF-8"),
        (b" " * (MAX_SIZE + 1), "at most"),
    ],
)
def test_what_is_no_envelope_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(MalformedError, match=message):
        Envelope.decode(data)


def test_length_of_the_type_is_counted_in_bytes() -> None:
    assert pre_authentication("é", b"") == "DSSEv1 2 é 0 ".encode()


def test_type_and_payload_cannot_be_moved_into_each_other() -> None:
    assert pre_authentication("a", b"b c") != pre_authentication("a b", b"c")


def test_payload_is_standard_base64() -> None:
    payload = bytes(range(256))
    one = Envelope(payload=payload, payload_type="t", signatures=(Signature(key_id=A, value=b"\xff\xfe"),))
    assert base64.b64decode(json.loads(one.encode())["payload"]) == payload
    assert b"//4=" in one.encode()
