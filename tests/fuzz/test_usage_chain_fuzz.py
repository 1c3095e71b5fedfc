"""Chains and short texts that somebody changed: never a crash, never believed."""

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import usage_chains
from tests.licence_files import Party
from tests.usage_chains import ID, NOW

from weightmark.claims.offline.usage_chain import ChainHeader, begin_chain, verify_chain
from weightmark.claims.offline.usage_text import UsageText
from weightmark.errors import MalformedError, VerificationError

RESELLER = Party("reseller")
TRUST = usage_chains.trust(RESELLER)


def make_chain(fork: int = 0) -> list[bytes]:
    """Six uses, sealed after the third and at the end; from the use ``fork`` on they differ."""
    header = ChainHeader(chain="0" * 32, grant=ID, party="reseller", key=RESELLER.key.key_id, made=NOW)
    lines = [header.encode()]
    chain = begin_chain(lines[0])
    for number in range(1, 7):
        units = number + (100 if fork and number >= fork else 0)
        lines.append(chain.next_entry("tokens", units, f"k{number}", NOW + timedelta(hours=number)).encode())
        chain.add(lines[-1], "a line")
        if number in (3, 6):
            lines.append(chain.seal(RESELLER.sign))
            chain.add(lines[-1], "a line")
    return lines


LINES = make_chain()
OTHER = make_chain(fork=4)
GOOD = b"".join(line + b"\n" for line in LINES)


def refused(data: bytes) -> None:
    with pytest.raises((MalformedError, VerificationError)) as caught:
        verify_chain(data, TRUST)
    assert caught.value.message
    assert caught.value.hint


def test_the_chain_itself_verifies() -> None:
    assert verify_chain(GOOD, TRUST).totals == {"tokens": 21}
    assert verify_chain(b"".join(line + b"\n" for line in OTHER), TRUST).totals == {"tokens": 321}


@settings(max_examples=400)
@given(position=st.integers(0, len(GOOD) - 1), byte=st.integers(0, 255), drop=st.booleans())
def test_no_changed_byte_verifies(position: int, byte: int, *, drop: bool) -> None:
    data = bytearray(GOOD)
    data[position : position + 1] = b"" if drop else bytes([byte])
    if bytes(data) != GOOD:
        refused(bytes(data))


@given(order=st.lists(st.integers(0, len(LINES) - 1), max_size=12))
def test_no_other_choice_or_order_of_lines_verifies(order: list[int]) -> None:
    # Up to the first seal the chain is a whole one: an earlier export.
    if order not in (list(range(len(LINES))), list(range(5))):
        refused(b"".join(LINES[place] + b"\n" for place in order))


@given(cut=st.integers(0, len(GOOD) - 1))
def test_no_beginning_verifies_but_one_that_ends_with_a_seal(cut: int) -> None:
    if GOOD[:cut] != b"".join(line + b"\n" for line in LINES[:5]):
        refused(GOOD[:cut])


@given(at=st.integers(1, len(LINES) - 1))
def test_no_two_histories_can_be_joined(at: int) -> None:
    joined = [*LINES[:at], *OTHER[at:]]
    if joined not in (LINES, OTHER):
        refused(b"".join(line + b"\n" for line in joined))


@settings(max_examples=200)
@given(
    place=st.integers(0, len(LINES) - 1),
    member=st.sampled_from(
        ["seq", "units", "time", "name", "key", "previous", "grant", "party", "chain", "seal"]
    ),
    value=st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just([]) | st.just({}),
)
def test_no_changed_member_verifies(place: int, member: str, value: object) -> None:
    line = json.loads(LINES[place]) | {member: value}
    text = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    changed = [*LINES[:place], text, *LINES[place + 1 :]]
    if changed != LINES:
        refused(b"".join(each + b"\n" for each in changed))


@given(data=st.binary(max_size=400))
def test_noise_is_no_chain(data: bytes) -> None:
    refused(data)


TOTALS = UsageText(chain="0" * 32, grant=ID, head=ID, last=6, began=NOW, ended=NOW, totals={"tokens": 21})
TEXT = TOTALS.sign(RESELLER.key.key_id, RESELLER.sign)


@settings(max_examples=300)
@given(position=st.integers(0, len(TEXT) - 1), letter=st.characters(codec="ascii"))
def test_no_changed_letter_of_a_text_says_something_else(position: int, letter: str) -> None:
    changed = TEXT[:position] + letter + TEXT[position + 1 :]
    try:
        totals, _ = UsageText.verify(changed, TRUST)
    except (MalformedError, VerificationError):
        return
    assert totals == TOTALS


@given(text=st.text(max_size=300) | st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567-", max_size=600))
def test_noise_is_no_text(text: str) -> None:
    with pytest.raises((MalformedError, VerificationError)):
        UsageText.verify(text, TRUST)
