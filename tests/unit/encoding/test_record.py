"""Typed reading of JSON objects."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from weightmark.encoding import Json, Record
from weightmark.errors import MalformedError

DIGEST = "sha256:" + "0" * 64


def test_each_field_by_its_type() -> None:
    record = Record(
        {
            "text": "x",
            "number": 3,
            "truth": False,
            "digest": DIGEST,
            "time": "2026-11-22T09:30:00Z",
            "texts": ["a", "b"],
            "inner": {"deep": 1},
            "inners": [{"n": 1}, {"n": 2}],
            "null": None,
        },
        "the example",
    )
    assert record.text("text") == "x"
    assert record.integer("number") == 3
    assert record.boolean("truth") is False
    assert record.digest("digest") == DIGEST
    assert record.time("time") == datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    assert record.texts("texts") == ("a", "b")
    assert record.record("inner").integer("deep") == 1
    assert [inner.integer("n") for inner in record.records("inners")] == [1, 2]
    assert (
        record.optional_text("null") is record.optional_time("none") is record.optional_digest("none") is None
    )
    assert record.text("none", "default") == "default"
    assert record.integer("none", default=7) == 7
    assert record.boolean("none", default=True) is True
    assert record.texts("none", required=False) == ()
    record.done()


@pytest.mark.parametrize(
    ("value", "read", "reason"),
    [
        ({}, lambda record: record.text("a"), "has no 'a'"),
        ({"a": 1}, lambda record: record.text("a"), "must be a string, not the number 1"),
        ({"a": None}, lambda record: record.text("a"), "must be a string, not null"),
        ({"a": True}, lambda record: record.integer("a"), "an integer of at least 0, not a boolean"),
        ({"a": -1}, lambda record: record.integer("a"), "at least 0"),
        ({"a": 1.0}, lambda record: record.integer("a"), "an integer"),
        ({"a": 1}, lambda record: record.boolean("a"), "true or false"),
        ({"a": "sha256:0"}, lambda record: record.digest("a"), "64 lowercase"),
        ({"a": "md5:" + "0" * 64}, lambda record: record.digest("a"), "sha256"),
        ({"a": "2026-11-22"}, lambda record: record.time("a"), "not a UTC time"),
        ({"a": {}}, lambda record: record.items("a"), "a list, not an object"),
        ({"a": ["x", 1]}, lambda record: record.texts("a"), "a list of strings"),
        ({"a": []}, lambda record: record.record("a"), "must be an object, not a list"),
        ({"a": [{}, "x"]}, lambda record: list(record.records("a")), r"a\[1\] in the example"),
        ({"a": 1, "b": 2}, lambda record: record.done(), "unknown fields: a, b"),
    ],
)
def test_each_wrong_field_is_named(value: Json, read: Callable[[Record], object], reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        read(Record(value, "the example"))


@pytest.mark.parametrize("value", [None, [], "x", 1, True])
def test_what_is_no_object(value: Json) -> None:
    with pytest.raises(MalformedError, match="the example must be an object"):
        Record(value, "the example")
