"""Damaged policies: an error of ours that names the file, or a policy; never anything else."""

import contextlib
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import MalformedError
from weightmark.licensing import OrganisationPolicy, read_policy
from weightmark.licensing.organisation.checking import find_faults
from weightmark.licensing.organisation.wording import word_policy

AT = datetime(2026, 11, 22, tzinfo=UTC)
GOOD = """name = "acme"
ours = ["acme.example"]
ask = "oss@acme.example"
unknown = "deny"

[[rule]]
id = "a"
when = ["production", "push"]
of = "model"
licences.deny = ["CC-BY-NC-*", "AGPL-3.0"]
owners.allow = ["ours"]
duties.deny = ["copyleft"]
territory.require = ["DE"]
from = 2026-01-01
until = 2027-01-01T00:00:00Z
[[rule.except]]
models = ["x/*"]
until = 2026-12-01

[[rule]]
id = "b"
never = true
"""
WORDS = (
    "[[rule]]",
    "id",
    "=",
    "[",
    "]",
    '"',
    "never",
    "true",
    "2026-01-01",
    "\n",
    "licences",
    ".",
    "deny",
    "*",
    "{",
    "}",
)


def survives(data: bytes) -> None:
    try:
        policy = read_policy(data, file="p.toml")
    except MalformedError as error:
        assert "p.toml" in error.message
        assert error.message.isprintable() or "is no TOML" in error.message
    else:
        assert isinstance(policy, OrganisationPolicy)
        assert word_policy(policy)
        find_faults(policy, AT)


def test_the_example_is_a_policy():
    assert len(read_policy(GOOD.encode(), file="p.toml").rules) == 2


@given(st.binary(max_size=300))
def test_any_bytes(data):
    survives(data)


@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_any_words(words):
    survives(" ".join(words).encode())


@given(st.integers(0, len(GOOD)), st.integers(0, 12), st.text(max_size=12))
def test_any_damage(place, length, text):
    survives((GOOD[:place] + text + GOOD[place + length :]).encode("utf-8", "surrogatepass"))


@given(
    st.dictionaries(
        st.sampled_from(["id", "when", "never", "licences", "except", "of", "from"]),
        st.integers() | st.text() | st.booleans(),
    )
)
def test_any_types(members):
    lines = []
    for key, value in members.items():
        with contextlib.suppress(UnicodeEncodeError):
            lines.append(f"{key} = {str(value).lower() if isinstance(value, bool | int) else repr(value)}")
    survives("\n".join(["[[rule]]", *lines]).encode("utf-8", "replace"))
