"""What narrows a token, in checks and in words, and lists of revoked tokens: without the library."""

from datetime import datetime, timedelta, timezone

import pytest
from tests.licence_files import Party
from tests.usage_chains import BUNDLE, ID, NOW, trust

from weightmark.claims.delegation.biscuit_wire import blocks_of, close_token, is_closed, sign_first_block
from weightmark.claims.delegation.narrowing import MOST_NAME, Narrowing, is_known, read_block
from weightmark.claims.delegation.revoked_token import RevokedToken, RevokedTokens
from weightmark.claims.usage import UsageClaim
from weightmark.encoding import Digest
from weightmark.errors import (
    ExpiredError,
    MalformedError,
    SignatureError,
    StaleStatusError,
    UntrustedKeyError,
)
from weightmark.licensing import Capability

LAB = Party("lab")
BLOCK = "ab" * 64


def test_nothing_said_checks_nothing() -> None:
    assert Narrowing().checks() == []


def test_every_part_is_one_check_with_its_values_apart() -> None:
    everything = Narrowing(
        party="ci",
        capabilities=frozenset({Capability.INFER}),
        purposes=frozenset({"test"}),
        models=frozenset({BUNDLE}),
        start=NOW,
        until=NOW + timedelta(days=1),
        job="42",
        bounds={"tokens": 5, "images": 1},
    )
    checks = everything.checks()
    assert len(checks) == 9
    assert not any("42" in source or "ci" in source.split("{")[0] for source, _ in checks)


def test_a_party_is_named_below_the_one_before_as_a_folder_lies_in_a_folder() -> None:
    assert Narrowing(party="ci").below("acme").party == "acme/ci"
    assert Narrowing(party="acme/ci").below("acme").party == "acme/ci"
    assert Narrowing(party="acme").below("acme").party == "acme"
    assert Narrowing(party="acme2").below("acme").party == "acme/acme2"
    assert Narrowing().below("acme").party == ""
    with pytest.raises(MalformedError):
        Narrowing(party="x" * MOST_NAME).below("acme")


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "a\x1bb", "x" * (MOST_NAME + 1)])
def test_a_name_that_could_be_read_as_something_else_is_refused(name: str) -> None:
    for values in ({"party": name}, {"job": name}, {"purposes": frozenset({name})}, {"bounds": {name: 1}}):
        with pytest.raises(MalformedError, match="cannot stand in a token"):
            Narrowing(**values)  # type: ignore[arg-type]


def test_bounds_and_times_that_make_no_sense_are_refused() -> None:
    for bounds in ({"tokens": -1}, {"": 1}, {"tokens": 1 << 63}):
        with pytest.raises(MalformedError):
            Narrowing(bounds=bounds)
    with pytest.raises(MalformedError):
        Narrowing(start=NOW, until=NOW)
    with pytest.raises(ValueError, match="zone"):
        Narrowing(until=datetime(2027, 1, 1))
    Narrowing(until=datetime(2027, 1, 1, tzinfo=timezone(timedelta(hours=2))))


def test_a_block_is_known_when_every_line_of_it_has_words() -> None:
    source = (
        'party("acme/ci");\n\ncheck if asked_by($p), $p == "acme/ci" || $p.starts_with("acme/ci/");\n'
        "check if time($t), $t < 2027-01-01T00:00:00Z;\n"
    )
    assert is_known(source, first=False)
    worded = read_block(source)
    assert worded.party == "acme/ci"
    assert [rule.sentence for rule in worded.rules] == ["Only for acme/ci.", "Before 2027-01-01T00:00:00Z."]
    assert not is_known(source + "check if true;\n", first=False)
    assert not is_known(f'grant("{ID}");', first=False)
    assert is_known(f'grant("{ID}");', first=True)
    swapped = source.replace('starts_with("acme/ci/")', 'starts_with("")')
    assert not is_known(swapped, first=False)


@pytest.mark.parametrize("data", [b"", b"\x08", b"\x12\x05ab", b"\xff" * 30, bytes(100), b"\x12\x00\x22\x00"])
def test_bytes_that_are_no_token_are_malformed(data: bytes) -> None:
    for read in (close_token, lambda each: sign_first_block(each, lambda message: message)):
        with pytest.raises(MalformedError):
            read(data)


def test_fields_of_a_message_that_runs_over_are_malformed() -> None:
    for data in (b"\x12\x05ab", b"\x0d\x00\x00\x00\x00"):
        for read in (blocks_of, is_closed):
            with pytest.raises(MalformedError):
                read(data)


def revoked(**changes: object) -> RevokedTokens:
    values: dict[str, object] = {
        "issuer": "lab",
        "issued_at": NOW,
        "fresh_until": NOW + timedelta(days=7),
        "tokens": (RevokedToken(id=BLOCK, at=NOW, cause="leaked"),),
    }
    return RevokedTokens(**{**values, **changes})  # type: ignore[arg-type]


def test_a_list_of_revoked_tokens_travels_signed() -> None:
    data = revoked().sign(LAB.sign).encode()
    listed = RevokedTokens.verify(data, trust(LAB))
    assert listed == revoked()
    assert listed.find(["00" * 64, BLOCK], NOW) == revoked().tokens[0]
    assert listed.find([BLOCK], NOW - timedelta(seconds=1)) is None
    assert listed.find(["00" * 64], NOW) is None


def test_a_list_has_its_time() -> None:
    for at in (NOW, NOW + timedelta(days=6)):
        revoked().require_fresh(at)
    for at in (NOW - timedelta(seconds=1), NOW + timedelta(days=7)):
        with pytest.raises(StaleStatusError):
            revoked().require_fresh(at)
    with pytest.raises(MalformedError):
        revoked(fresh_until=NOW)


def test_a_list_that_somebody_else_signed_or_changed_is_not_believed() -> None:
    with pytest.raises(UntrustedKeyError):
        RevokedTokens.verify(revoked().sign(Party("lab").sign).encode(), trust(LAB))
    with pytest.raises(UntrustedKeyError):
        RevokedTokens.verify(revoked(issuer="other").sign(LAB.sign).encode(), trust(LAB))
    with pytest.raises(ExpiredError):
        RevokedTokens.verify(revoked().sign(LAB.sign).encode(), trust(LAB, until=NOW))
    good = revoked().sign(LAB.sign)
    other = revoked(tokens=()).sign(LAB.sign)
    mixed = type(good)(payload=other.payload, payload_type=good.payload_type, signatures=good.signatures)
    with pytest.raises(SignatureError):
        RevokedTokens.verify(mixed.encode(), trust(LAB))


def test_ids_and_lists_that_are_none_are_refused() -> None:
    for wrong in ("", "ab", "AB" * 64, "zz" * 64):
        with pytest.raises(MalformedError):
            RevokedToken(id=wrong, at=NOW, cause="x")
    with pytest.raises(MalformedError):
        RevokedToken(id=BLOCK, at=NOW, cause="")
    with pytest.raises(MalformedError):
        revoked(tokens=revoked().tokens * 2)
    for data in (b"", b"{}", b"[]", b'{"payload":"","payloadType":"x","signatures":[]}'):
        with pytest.raises(MalformedError):
            RevokedTokens.verify(data, trust(LAB))


@pytest.mark.parametrize(
    "changes",
    [
        {"first": 0},
        {"first": 5},
        {"chain": "x" * 32},
        {"totals": {}},
        {"totals": {"a": -1}},
        {"totals": {f"n{number}": 1 for number in range(17)}},
        {"ended": NOW - timedelta(seconds=1)},
    ],
    ids=range(7),
)
def test_a_settlement_that_makes_no_sense_is_refused(changes: dict[str, object]) -> None:
    values: dict[str, object] = {
        "target": ID,
        "chain": "0" * 32,
        "head": Digest("sha256:" + "1" * 64),
        "first": 1,
        "last": 4,
        "totals": {"tokens": 1},
        "began": NOW,
        "ended": NOW,
        "issued_at": NOW,
    }
    UsageClaim(**values)  # type: ignore[arg-type]
    with pytest.raises(MalformedError):
        UsageClaim(**{**values, **changes})  # type: ignore[arg-type]
