"""Digests and times as text."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest

from weightmark.encoding import (
    Algorithm,
    digest_bytes,
    format_digest,
    format_time,
    hasher,
    parse_digest,
    parse_time,
)
from weightmark.errors import MalformedError

EMPTY_BLAKE3 = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"


def test_digests_by_both_functions() -> None:
    assert digest_bytes(b"abc") == "sha256:" + hashlib.sha256(b"abc").hexdigest()
    assert digest_bytes(b"", Algorithm.BLAKE3) == f"blake3:{EMPTY_BLAKE3}"
    running = hasher(Algorithm.SHA256, b"a")
    running.update(b"bc")
    assert format_digest(Algorithm.SHA256, running.digest()) == digest_bytes(b"abc")


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_digest_is_read_as_it_was_written(algorithm: Algorithm) -> None:
    assert parse_digest(format_digest(algorithm, bytes(range(32)))) == (algorithm, bytes(range(32)))


@pytest.mark.parametrize(
    "text",
    ["", "sha256", "sha256:", "sha256:" + "0" * 63, "sha256:" + "0" * 65, "SHA256:" + "0" * 64,
     "sha256:" + "A" * 64, "sha512:" + "0" * 64, " sha256:" + "0" * 64, "sha256:" + "0" * 64 + "\n",
     "sha256:" + "０" * 64],
)  # fmt: skip
def test_what_is_no_digest(text: str) -> None:
    with pytest.raises(MalformedError, match="64 lowercase hexadecimal digits"):
        parse_digest(text)


def test_a_digest_of_the_wrong_size() -> None:
    with pytest.raises(ValueError, match="32 bytes, not 31"):
        format_digest(Algorithm.SHA256, bytes(31))


def test_times_are_written_in_utc() -> None:
    moment = datetime(2026, 11, 22, 10, 30, 0, 5, tzinfo=timezone(timedelta(hours=1)))
    assert format_time(moment) == "2026-11-22T09:30:00.000005Z"
    assert parse_time(format_time(moment)) == moment
    assert parse_time("2026-11-22T09:30:00.5Z").microsecond == 500_000
    assert parse_time("2026-11-22T09:30:00Z").tzinfo == UTC
    with pytest.raises(ValueError, match="zone"):
        format_time(moment.replace(tzinfo=None))


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-22", "2026-11-22T09:30:00", "2026-11-22T09:30:00+00:00", "2026-11-22t09:30:00z",
     "2026-11-22T09:30:00Z\n", "2026-02-30T00:00:00Z", "2026-11-22T24:00:01Z", "2026-11-22T09:30:00.1234567Z",
     "0000-01-01T00:00:00Z", "２026-11-22T09:30:00Z", "x" * 1000],
)  # fmt: skip
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(MalformedError, match="not a UTC time") as caught:
        parse_time(text)
    assert len(caught.value.message) < 200
