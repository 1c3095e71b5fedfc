"""The credit line and the tags."""

from datetime import UTC, datetime

import pytest

from weightmark.attribution import credit_line, format_receipt, write_seen, write_tags, write_verdict
from weightmark.attribution.tag import MAX_VALUE
from weightmark.encoding import Digest, digest_bytes
from weightmark.licensing import Relation, Work
from weightmark.vocabulary import TAG_PREFIX, Tag


def work(name: str, owner: str = "acme", license_: str | None = "MIT") -> Work:
    return Work(
        name=name,
        subject=digest_bytes(name.encode()),
        owner=owner,
        license=license_,
        relation=Relation.PARENT,
    )


@pytest.mark.parametrize(
    ("works", "line"),
    [
        ([], ""),
        ([work("churn")], "churn by acme (MIT)"),
        (
            [work("churn"), work("base", "openlab", "CC-BY-NC-4.0"), work("old", "", None)],
            "churn by acme (MIT), from base by openlab (CC-BY-NC-4.0); old by an unknown owner (no licence)",
        ),
    ],
)
def test_credit_line(works: list[Work], line: str) -> None:
    assert credit_line(works) == line


def tags(**more: object) -> dict[str, str]:
    values: dict[str, object] = {
        "bundle": digest_bytes(b"bundle"),
        "weights": digest_bytes(b"weights"),
        "receipt": format_receipt("example.org/log", 7),
        "license_": "MIT",
        "owner": "acme",
        "verdict": "allowed (owner)",
        "reason": "It is theirs.",
        "credits_": "churn by acme (MIT)",
    }
    return write_tags(**{**values, **more})  # type: ignore[arg-type]


def test_every_tag_is_written_under_its_reserved_key() -> None:
    written = tags()
    later = {Tag.SEEN.value, Tag.LINK.value}
    assert set(written) == {tag.value for tag in Tag} - later
    assert (
        tags(link="https://models.example/models/x")["weightmark.link"] == "https://models.example/models/x"
    )
    assert set(write_seen(datetime(2026, 11, 22, 9, 30, tzinfo=UTC)).items()) == {
        ("weightmark.seen", "2026-11-22T09:30:00Z")
    }
    assert all(key.startswith(TAG_PREFIX) for key in written)
    assert written["weightmark.receipt"] == "example.org/log#7"


def test_a_verdict_can_stand_alone() -> None:
    written = write_verdict("refused (not-registered)", "x" * 5000)
    assert set(written) == {"weightmark.verdict", "weightmark.reason"}
    assert len(written["weightmark.reason"]) == MAX_VALUE


def test_what_is_not_known_is_left_out_or_said() -> None:
    written = tags(weights=None, license_=None)
    assert "weightmark.weights" not in written
    assert written["weightmark.license"] == "none stated"


def test_long_values_are_cut_to_what_platforms_take() -> None:
    written = tags(reason="x" * 5000, owner="ö" * MAX_VALUE)
    assert len(written["weightmark.reason"]) == MAX_VALUE
    assert written["weightmark.reason"].endswith("…")
    assert written["weightmark.owner"] == "ö" * MAX_VALUE
    assert Digest(written["weightmark.fingerprint"]) == digest_bytes(b"bundle")
