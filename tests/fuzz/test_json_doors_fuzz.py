"""Doors at which a stranger's text comes in, beside those of claims: they open, or say why not."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.json_fuzz import change_one

from weightmark.encoding import (
    Algorithm,
    Json,
    Record,
    decode,
    digest_bytes,
    encode,
    parse_digest,
    parse_time,
)
from weightmark.errors import MalformedError
from weightmark.licensing import Capability, Grant, Terms, find_template, parse_license, resolve_license
from weightmark.model import FileEntry, ModelManifest
from weightmark.workspace import Configuration
from weightmark.workspace.recording import canonical_license

DIGEST = digest_bytes(b"x")
TERMS = find_template("apache-2.0")
assert TERMS is not None
GRANT = Grant(
    model=DIGEST,
    licensor="acme",
    grantee="bob",
    capabilities=frozenset(Capability),
    start=datetime(2026, 1, 1, tzinfo=UTC),
    end=datetime(2027, 1, 1, tzinfo=UTC),
)


def door(read: Callable[[Json], object]) -> Callable[[bytes], object]:
    return lambda data: read(decode(data, what="it"))


DOORS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "terms": (door(Terms.from_json), encode(TERMS.to_json())),
    "grant": (door(Grant.from_json), encode(GRANT.to_json())),
    "manifest": (
        ModelManifest.decode,
        ModelManifest(
            algorithm=Algorithm.SHA256, files=(FileEntry(path="a", size=1, root=DIGEST),), tensors=()
        ).encode(),
    ),
}

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["\ud800", DIGEST, "2026-11-22T09:30:00Z", "../x", 1 << 64, -1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("name", sorted(DOORS))
def test_what_was_written_is_read(name: str) -> None:
    read, data = DOORS[name]
    read(data)


@pytest.mark.parametrize("name", sorted(DOORS))
@given(data=st.binary(max_size=120) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes(name: str, data: bytes) -> None:
    try:
        DOORS[name][0](data)
    except MalformedError as error:
        assert error.message


@pytest.mark.parametrize("name", sorted(DOORS))
@given(choice=st.data(), value=VALUES, drop=st.booleans())
def test_one_member_changed(name: str, choice: st.DataObject, value: Any, drop: bool) -> None:
    read, data = DOORS[name]
    document = json.loads(data)
    change_one(document, choice, value, drop=drop)
    try:
        read(json.dumps(document).encode())
    except MalformedError as error:
        assert error.message


@given(value=VALUES, key=st.text(max_size=4))
def test_a_record_gives_a_typed_value_or_names_the_field(value: Any, key: str) -> None:
    readers: tuple[tuple[Callable[[Record], object], type], ...] = (
        (lambda record: record.text(key), str),
        (lambda record: record.integer(key), int),
        (lambda record: record.boolean(key), bool),
        (lambda record: record.digest(key), str),
        (lambda record: record.time(key), datetime),
        (lambda record: record.texts(key), tuple),
    )
    for read, kind in readers:
        try:
            assert isinstance(read(Record({key: value}, "it")), kind)
        except MalformedError as error:
            assert repr(key) in error.message


@given(text=st.text(max_size=40) | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", fullmatch=True))
@example(text="9999-12-31T23:59:59.999999Z")
def test_times_and_digests(text: str) -> None:
    for parse in (parse_time, parse_digest):
        try:
            parse(text)
        except MalformedError as error:
            assert error.message


LICENSES = st.lists(
    st.sampled_from(
        ["mit", "Apache-2.0", "gpl-3.0", "(", ")", "AND", "or", "WITH", "none", "x", "LicenseRef-y", "\n"]
    )
).map(" ".join) | st.text(max_size=30)


@given(text=LICENSES)
def test_licence_fields_keep_their_meaning_when_they_are_spelled_anew(text: str) -> None:
    spelled = canonical_license(text)
    assert (spelled is None) == (resolve_license(text) is None)
    if spelled is not None:
        assert canonical_license(spelled) == spelled
    try:
        parse_license(text)
    except MalformedError as error:
        assert error.hint


@settings(max_examples=80)
@given(
    data=st.binary(max_size=60)
    | st.lists(
        st.sampled_from(
            ['party = "a"', "party = 1", "[gates]", "[gates.deploy]", 'requires = ["signed"]', "requires = 1",
             'undecided = "allow"', "observers = [1]", "[tool.weightmark]", 'home = "x"', "gates = 1",
             'trust = "\\u0000"', 'ledger = "sqlite:///"', 'algorithm = ""', "commercial = false"]
        )
    ).map(lambda lines: "\n".join(lines).encode())
)  # fmt: skip
def test_settings_files(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "weightmark.toml"
        file.write_bytes(data)
        try:
            settings_ = Configuration.load(environ={"WEIGHTMARK_CONFIG": str(file), "HOME": folder})
        except MalformedError as error:
            assert error.hint
        else:
            assert settings_.file == file
