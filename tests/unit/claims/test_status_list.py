"""Status lists: the specification's own vectors, bounds, freshness, and the W3C's form of the same."""

import base64
import gzip
import json
import random
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.licence_files import NOW, URI, Party, b64, licence_bytes, status_bytes, status_token, unb64

from weightmark.claims.offline.bitstring_status import (
    bitstring_credential,
    did_key,
    encode_bitstring,
    sign_bitstring,
)
from weightmark.claims.offline.status_list import MAX_PACKED, Status, StatusList
from weightmark.claims.offline.status_token import MAX_SIZE, verify_status
from weightmark.encoding import Record
from weightmark.errors import (
    ClockError,
    ExpiredError,
    MalformedError,
    PolicyError,
    SignatureError,
    StaleStatusError,
    UntrustedKeyError,
    VerificationError,
    WeightmarkError,
)

LAB = Party("lab")
TRUST = LAB.trusted()
VECTORS = json.loads((Path(__file__).parents[2] / "vectors/token_status_list.json").read_text())["vectors"]
NAMES = [f"{vector['name']}, {vector['bits']} bits" for vector in VECTORS]


def slow_read(lst: str, bits: int) -> list[int]:
    """Read a list as section 4.1 says it, bit by bit."""
    found: list[int] = []
    for byte in zlib.decompress(base64.urlsafe_b64decode(lst + "=" * (-len(lst) % 4))):
        ones = [(byte >> place) & 1 for place in range(8)]
        for start in range(0, 8, bits):
            found += [sum(one << place for place, one in enumerate(ones[start : start + bits]))]
    return found


def read(members: dict[str, Any]) -> StatusList:
    return StatusList.from_record(Record(members, "it"))


@pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
def test_vectors_of_the_specification_are_read(vector: dict[str, Any]) -> None:
    statuses = read({"bits": vector["bits"], "lst": vector["lst"]})
    assert len(statuses) == vector["size"]
    assert {place: statuses[int(place)] for place in vector["statuses"]} == vector["statuses"]
    if vector["whole"]:
        marked = {int(place) for place, status in vector["statuses"].items() if status}
        rest = random.Random(0).sample(range(vector["size"]), min(500, vector["size"]))
        assert all(statuses[place] == 0 for place in rest if place not in marked)


@pytest.mark.parametrize("vector", [each for each in VECTORS if each["whole"]], ids=lambda each: each["name"])
def test_vectors_of_the_specification_are_written(vector: dict[str, Any]) -> None:
    statuses = {int(place): status for place, status in vector["statuses"].items()}
    packed = StatusList.pack(statuses, size=vector["size"], bits=vector["bits"])
    assert packed.to_json() == {"bits": vector["bits"], "lst": vector["lst"]}


def test_the_vector_of_8_bits_has_each_status_once() -> None:
    (vector,) = (each for each in VECTORS if each["bits"] == 8)
    statuses = read({"bits": 8, "lst": vector["lst"]})
    assert sorted(status for status in statuses.packed if status) == list(range(1, 256))
    assert StatusList(bits=8, packed=statuses.packed).to_json()["lst"] == vector["lst"]


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_slow_reader_reads_the_same(bits: int) -> None:
    chance = random.Random(bits)
    statuses = {place: chance.randrange(1 << bits) for place in range(0, 203, 3)}
    packed = StatusList.pack(statuses, size=203, bits=bits)
    slow = slow_read(str(packed.to_json()["lst"]), bits)
    assert slow == [packed[place] for place in range(len(packed))]
    assert all(slow[place] == status for place, status in statuses.items())


@pytest.mark.parametrize("place", [-1, 8, 10**9])
def test_a_place_outside_is_an_error(place: int) -> None:
    with pytest.raises(IndexError):
        StatusList.pack({}, size=8)[place]


@pytest.mark.parametrize("arguments", [{"size": 8, "bits": 3}, {"size": MAX_PACKED * 8, "bits": 2}])
def test_lists_that_cannot_be(arguments: dict[str, int]) -> None:
    with pytest.raises(MalformedError):
        StatusList.pack({}, **arguments)


@pytest.mark.parametrize("statuses", [{8: 1}, {-1: 1}, {0: 4}, {0: -1}])
def test_statuses_that_do_not_fit(statuses: dict[int, int]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        StatusList.pack(statuses, size=8)


def lst(data: bytes) -> str:
    return b64(data).decode()


BOMB = zlib.compress(bytes(200 << 20), 9)


@pytest.mark.parametrize(
    ("members", "word"),
    [
        ({"bits": 3, "lst": lst(zlib.compress(b"x"))}, "3 bits"),
        ({"bits": 2}, "no 'lst'"),
        ({"bits": "2", "lst": ""}, "'bits'"),
        ({"bits": 2, "lst": "!!"}, "base64url"),
        ({"bits": 2, "lst": "é"}, "base64url"),
        ({"bits": 2, "lst": lst(b"not zlib")}, "zlib"),
        ({"bits": 2, "lst": lst(zlib.compress(b"x" * 50)[:-1])}, "cut off"),
        ({"bits": 2, "lst": lst(zlib.compress(b"x") + b"y")}, "after its end"),
        ({"bits": 2, "lst": lst(gzip.compress(b"x"))}, "zlib"),
        ({"bits": 2, "lst": lst(BOMB)}, str(MAX_PACKED)),
        ({"bits": 8, "lst": lst(zlib.compress(bytes(MAX_PACKED + 1)))}, str(MAX_PACKED)),
    ],
)
def test_lists_that_are_refused(members: dict[str, Any], word: str) -> None:
    with pytest.raises(MalformedError, match=word):
        read(members)


def test_a_bomb_is_not_unpacked() -> None:
    import tracemalloc

    assert len(BOMB) < 300_000
    tracemalloc.start()
    try:
        with pytest.raises(MalformedError):
            read({"bits": 2, "lst": lst(BOMB)})
        assert tracemalloc.get_traced_memory()[1] < 4 * MAX_PACKED
    finally:
        tracemalloc.stop()


def test_a_token_is_read_back() -> None:
    evidence = verify_status(status_bytes(LAB, {3: Status.INVALID, 4: Status.SUSPENDED}), TRUST, NOW)
    assert evidence.token == status_token({3: 1, 4: 2})
    assert [evidence.look_up(place) for place in (2, 3, 4)] == [
        Status.VALID,
        Status.INVALID,
        Status.SUSPENDED,
    ]
    header, body, _ = status_bytes(LAB).strip().split(b".")
    assert json.loads(unb64(header))["typ"] == "statuslist+jwt"
    assert set(json.loads(unb64(body))) == {"sub", "iat", "exp", "ttl", "iss", "status_list"}


def test_a_list_made_elsewhere_may_say_more_and_less() -> None:
    body = {
        "sub": URI,
        "iat": int(NOW.timestamp()),
        "status_list": {"bits": 1, "lst": "eNrbuRgAAhcBXQ", "aggregation_uri": "https://lab.example/all"},
        "jti": "1",
    }
    token = verify_status(LAB.token(body, typ="statuslist+jwt", x5c=["x"]), TRUST, NOW).token
    assert (token.issuer, token.expires_at, token.ttl, len(token.statuses)) == ("", None, None, 16)


def refused(data: bytes, kind: type[WeightmarkError], word: str = ".") -> None:
    with pytest.raises(kind, match=word) as caught:
        verify_status(data, TRUST, NOW)
    assert caught.value.hint


def body(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(unb64(status_bytes(LAB).split(b".")[1]))
    return {name: value for name, value in {**whole, **changes}.items() if value is not None}


def test_lists_that_nobody_signed_rightly() -> None:
    kind = {"typ": "statuslist+jwt"}
    refused(LAB.token(body(), typ="JWT"), MalformedError, "'JWT'")
    refused(LAB.token(body(), alg="none", **kind), SignatureError, "'none'")
    refused(Party("lab").token(body(), **kind), UntrustedKeyError)
    refused(LAB.token(body(iss="other"), **kind), PolicyError, "other")
    refused(LAB.token(body(sub=None), **kind), MalformedError, "sub")
    refused(LAB.token(body(iat=None), **kind), MalformedError, "iat")
    refused(LAB.token(body(exp=1), **kind), MalformedError, "ends before")
    refused(LAB.token(body(ttl=0), **kind), MalformedError, "ttl")
    refused(LAB.token(body(ttl=10**18), **kind), MalformedError, "ttl")
    refused(LAB.token(body(iat=int(NOW.timestamp()) + 301), **kind), ClockError)
    refused(b"x" * (MAX_SIZE + 1), MalformedError, str(MAX_SIZE))
    with pytest.raises(ExpiredError, match="did not count"):
        verify_status(status_bytes(LAB), LAB.trusted(valid_until=NOW), NOW)


def test_a_licence_file_is_no_status_list() -> None:
    refused(licence_bytes(LAB), MalformedError, "statuslist")


def test_it_must_be_the_list_that_is_meant() -> None:
    evidence = verify_status(status_bytes(LAB), TRUST, NOW)
    evidence.require_about(URI, "lab")
    with pytest.raises(VerificationError, match="names"):
        evidence.require_about(URI + "2", "lab")
    with pytest.raises(PolicyError, match="not by maker"):
        evidence.require_about(URI, "maker")


def test_freshness() -> None:
    evidence = verify_status(status_bytes(LAB), TRUST, NOW)
    day = timedelta(days=1)
    assert evidence.check_fresh(NOW + day) == ""
    assert "newer one" in evidence.check_fresh(NOW + day + timedelta(seconds=1))
    assert evidence.check_fresh(NOW + 30 * day - timedelta(seconds=1))
    for at, age in ((NOW + 30 * day, None), (NOW + 3 * day, 2 * day)):
        with pytest.raises(StaleStatusError):
            evidence.check_fresh(at, max_age=age)
    assert evidence.check_fresh(NOW + day, max_age=day) == ""


def test_a_list_that_does_not_say_how_long_it_holds() -> None:
    evidence = verify_status(status_bytes(LAB, expires_at=None, ttl=None), TRUST, NOW)
    with pytest.raises(StaleStatusError, match="how long"):
        evidence.check_fresh(NOW)
    assert evidence.check_fresh(NOW, max_age=timedelta(days=1)) == ""


def test_a_grant_newer_than_the_list_and_a_status_without_meaning() -> None:
    evidence = verify_status(status_bytes(LAB, {1: 3}), TRUST, NOW)
    with pytest.raises(StaleStatusError, match="newer than the list"):
        evidence.look_up(8)
    with pytest.raises(VerificationError, match="says 3"):
        evidence.look_up(1)


def slow_bitstring(encoded: str, size: int, count: int) -> list[int]:
    """Read the first places as the W3C says it: multibase, gzip, the first bit leftmost."""
    assert encoded[0] == "u"
    data = gzip.decompress(base64.urlsafe_b64decode(encoded[1:] + "=" * (-len(encoded[1:]) % 4)))
    assert len(data) * 8 // size >= 131_072
    text = "".join(f"{byte:08b}" for byte in data[: count * size // 8 + 1])
    return [int(text[place * size : (place + 1) * size], 2) for place in range(count)]


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_same_statuses_as_a_bitstring(bits: int) -> None:
    statuses = {place: place % (1 << bits) for place in range(40)}
    encoded = encode_bitstring(StatusList.pack(statuses, size=40, bits=bits))
    assert slow_bitstring(encoded, bits, 40) == list(statuses.values())


def test_the_empty_bitstring_is_that_of_the_recommendation() -> None:
    """Its example 3; gzip is free in how it packs, so what is inside is compared."""
    example = "uH4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA"
    ours = encode_bitstring(StatusList.pack({}, size=1, bits=1))
    assert gzip.decompress(unb64(example[1:].encode())) == gzip.decompress(unb64(ours[1:].encode()))
    assert len(ours) == len(example)


def test_the_credential() -> None:
    token = status_token({3: 1, 4: 2})
    credential = bitstring_credential(token, LAB.key)
    assert credential["type"] == ["VerifiableCredential", "BitstringStatusListCredential"]
    assert credential["validUntil"] == "2026-12-22T09:30:00Z"
    subject: Any = credential["credentialSubject"]
    assert (subject["type"], subject["statusPurpose"], subject["statusSize"]) == (
        "BitstringStatusList",
        "message",
        2,
    )
    assert [each["message"] for each in subject["statusMessages"]] == [
        "valid",
        "invalid",
        "suspended",
        "unused",
    ]
    assert subject["ttl"] == 86_400_000
    assert slow_bitstring(subject["encodedList"], 2, 6) == [0, 0, 0, 1, 2, 0]
    header, body, signature = sign_bitstring(token, key=LAB.key, sign=LAB.sign).strip().split(b".")
    told = json.loads(unb64(header))
    assert (told["typ"], told["alg"]) == ("vc+jwt", "Ed25519")
    assert told["kid"].startswith(f"{did_key(LAB.key)}#z6Mk")
    assert json.loads(unb64(body)) == credential
    LAB.key.verify(header + b"." + body, unb64(signature))
    least = bitstring_credential(status_token(issuer="", expires_at=None, ttl=None), LAB.key)
    assert "validUntil" not in least
    assert "ttl" not in str(least)


def test_a_key_names_itself() -> None:
    """The example of the did:key method: this raw key has this name."""
    from weightmark.claims import PublicKey

    name = "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number = 0
    for digit in name[1:]:
        number = number * 58 + alphabet.index(digit)
    raw = number.to_bytes(34)
    assert raw[:2] == b"\xed\x01"
    assert did_key(PublicKey.from_raw_ed25519(raw[2:])) == f"did:key:{name}"


def test_a_million_grants_fit_on_a_stick() -> None:
    chance = random.Random(7)
    size = 1_000_000
    revoked = StatusList.pack(dict.fromkeys(chance.sample(range(size), size // 100), 1), size=size)
    assert len(status_bytes(LAB, statuses=revoked)) < 64_000
