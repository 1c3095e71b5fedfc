"""Canonical JSON: one value, one spelling, read back as it was."""

import json

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from weightmark.encoding import Json, decode, encode
from weightmark.errors import MalformedError

SAFE = 2**53 - 1
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PLAIN = st.none() | st.booleans() | st.integers(-SAFE, SAFE) | TEXT
VALUES: st.SearchStrategy[Json] = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=20
)


@given(VALUES)
def test_what_is_written_is_read_back(value: Json) -> None:
    data = encode(value)
    assert decode(data, what="it") == value
    assert encode(decode(data, what="it")) == data


ASCII = st.text(st.characters(max_codepoint=127), max_size=12)
SIMPLE: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-SAFE, SAFE) | ASCII,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ASCII, inner, max_size=6),
    max_leaves=30,
)


@given(SIMPLE | VALUES)
def test_the_short_way_and_the_library_write_the_same(value: Json) -> None:
    assert encode(value) == rfc8785.dumps(value)


@given(st.dictionaries(TEXT, PLAIN), st.randoms(use_true_random=False))
def test_the_order_of_members_does_not_matter(value: dict[str, Json], random: object) -> None:
    items = list(value.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    assert encode(dict(items)) == encode(value)


@given(VALUES, st.sampled_from([None, 1, "\t"]))
def test_how_it_was_spelled_does_not_matter(value: Json, indent: int | str | None) -> None:
    for ascii_only in (True, False):
        spelled = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
        assert encode(decode(spelled, what="it")) == encode(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_their_value(value: float) -> None:
    assert float(json.loads(encode(value))) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        value = decode(data, what="it")
    except MalformedError as error:
        assert error.message.startswith("it ")
    else:
        assert json.loads(data) == value
