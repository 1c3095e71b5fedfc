"""Canonical JSON out, strict JSON in."""

import pytest

from weightmark.encoding import Json, decode, encode
from weightmark.encoding.canonical import MAX_DEPTH
from weightmark.errors import MalformedError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [True, None, False]}, b'{"a":[true,null,false],"b":1}'),
        ({"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\xf6": 7}, None),
        ([0, -0.0, 1e21, 1e-7, 4.50, 2e-3, 1e30], b"[0,0,1e+21,1e-7,4.5,0.002,1e+30]"),
        ('\x0f\n"\\/', b'"\\u000f\\n\\"\\\\/"'),
    ],
)
def test_rfc_8785(value: Json, expected: bytes | None) -> None:
    data = encode(value)
    if expected is None:
        # RFC 8785 section 3.2.3: names are sorted by UTF-16 code units.
        found = decode(data, what="the example")
        assert isinstance(found, dict)
        assert list(found) == ["\r", "1", "\x80", "\xf6", "\u20ac", "\U0001f600", "\ufb33"]
    else:
        assert data == expected


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**53, -(2**53), "\ud800", {"\udfff": 1}, {1: 2}, object()]
)
def test_what_has_no_canonical_form(value: Json) -> None:
    with pytest.raises(MalformedError):
        encode(value)


def test_a_value_nested_without_end() -> None:
    value: list[Json] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(MalformedError):
        encode(value)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "strict JSON"),
        (b"\xff", "UTF-8 at byte 0"),
        (b'{"a":1,"b":2,"a":3}', "'a' stands twice"),
        (b'[{"x":{"y":1,"y":1}}]', "'y' stands twice"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"{} {}", "Extra data"),
        (b"{'a': 1}", "strict JSON"),
        (b"[1,]", "strict JSON"),
        (b'"\x00"', "strict JSON"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested deeper"),
        (b"[" * 100_000, "strict JSON"),
        (b"1" * 5000, "strict JSON"),
    ],
)
def test_what_is_not_strict_json(data: bytes, reason: str) -> None:
    with pytest.raises(MalformedError, match=reason) as caught:
        decode(data, what="the example")
    assert caught.value.message.startswith("the example ")


def test_the_deepest_that_is_read() -> None:
    data = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert encode(decode(data, what="the example")) == data
