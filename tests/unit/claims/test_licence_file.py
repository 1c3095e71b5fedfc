"""Licence files: what is signed is read back, and everything else is refused with its own reason."""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.licence_files import GRANT, ISSUED, MODEL, NOW, WORK, Party, b64, licence, licence_bytes, unb64

from weightmark.claims import PublicKey, TrustedKey, TrustRoot
from weightmark.claims.offline.licence_file import (
    MAX_SIZE,
    StatusReference,
    claimed_issuer,
    sign_licence,
    verify_licence,
)
from weightmark.errors import (
    ClockError,
    ExpiredError,
    MalformedError,
    PolicyError,
    SignatureError,
    UntrustedKeyError,
    VerificationError,
    WeightmarkError,
)
from weightmark.licensing import Action, GrantState, Outcome, Relation, Request, Work, decide, find_template
from weightmark.licensing import Party as Asker

LAB = Party("lab")
TRUST = LAB.trusted()


def payload(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(unb64(licence_bytes(LAB).split(b".")[1]))
    for name, value in changes.items():
        whole.pop(name, None)
        if value is not None:
            whole[name] = value
    return whole


def refused(data: bytes, kind: type[WeightmarkError], *words: str, at: datetime = NOW) -> None:
    with pytest.raises(kind) as caught:
        verify_licence(data, TRUST, at)
    assert type(caught.value) is kind, caught.value
    assert caught.value.hint
    for word in words:
        assert word in caught.value.message


def test_what_was_signed_is_read_back() -> None:
    evidence = verify_licence(licence_bytes(LAB), TRUST, NOW)
    assert evidence.licence == licence()
    assert evidence.signer.identity == "lab"


def test_every_part_is_read_back() -> None:
    terms = find_template("apache-2.0")
    assert terms is not None
    given = replace(ISSUED, grant=replace(GRANT, grantee="lab", licensor="maker"))
    later = NOW + timedelta(days=1)
    above = (replace(given, until=later), replace(given, since=later, state=GrantState.SUSPENDED))
    whole = licence(
        grant=replace(
            ISSUED,
            grant=replace(GRANT, seats=2),
            holders=frozenset({"ann", "bob"}),
            until=NOW + timedelta(days=3),
            revoked_at=NOW + timedelta(days=2),
            under=above,
        ),
        works=(WORK, Work(name="base", subject=None, owner="", terms=terms, relation=Relation.PARENT)),
        status=StatusReference(uri="urn:x", index=0, optional=True),
        machine="wm1:" + "0" * 32 + ":" + "f" * 64,
        seat="ann",
        expires_at=None,
    )
    data = sign_licence(whole, key=LAB.key, sign=LAB.sign)
    assert verify_licence(data, TRUST, NOW).licence == whole
    assert len(data) < MAX_SIZE


def test_a_file_is_three_parts_of_base64url_with_a_small_header() -> None:
    header, body, signature = licence_bytes(LAB).strip().split(b".")
    assert json.loads(unb64(header)) == {
        "alg": "Ed25519",
        "kid": LAB.key.key_id,
        "typ": "weightmark-licence+jwt",
    }
    assert {"iss", "sub", "jti", "iat", "nbf", "exp", "grant", "model", "works", "status"} == set(
        json.loads(unb64(body))
    )
    assert len(unb64(signature)) == 64


@pytest.mark.parametrize(
    ("header", "kind", "words"),
    [
        ({"alg": "none"}, SignatureError, "'none'"),
        ({"alg": "HS256"}, SignatureError, "'HS256'"),
        ({"alg": "EdDSA"}, SignatureError, "'EdDSA'"),
        ({"alg": "ES256"}, SignatureError, "'ES256'"),
        ({"alg": None}, MalformedError, "no 'alg'"),
        ({"alg": 1}, MalformedError, "'alg'"),
        ({"typ": "JWT"}, MalformedError, "'JWT'"),
        ({"typ": "statuslist+jwt"}, MalformedError, "'statuslist+jwt'"),
        ({"typ": None}, MalformedError, "no 'typ'"),
        ({"crit": ["exp"], "exp": 1}, MalformedError, "exp"),
        ({"crit": []}, MalformedError, "without understanding"),
        ({"b64": False}, MalformedError, "b64"),
        ({"b64": False, "crit": ["b64"]}, MalformedError, "b64"),
        ({"kid": None}, MalformedError, "no 'kid'"),
        ({"kid": "0" * 64}, UntrustedKeyError, "0" * 64),
        ({"x": "y" * 600}, MalformedError, "512"),
        ({"jku": 1}, MalformedError, "jku"),
    ],
)
def test_headers(header: dict[str, Any], kind: type[WeightmarkError], words: str) -> None:
    refused(LAB.token(payload(), **header), kind, words)


def test_a_header_that_need_not_be_understood_is_passed_over() -> None:
    assert verify_licence(LAB.token(payload(), cty="x", jku="https://evil.example/keys"), TRUST, NOW)


def test_a_key_in_the_header_is_not_believed() -> None:
    mallory = Party("mallory")
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    refused(mallory.token(payload(), jwk=jwk), UntrustedKeyError)
    refused(mallory.token(payload(), jwk=jwk, kid=LAB.key.key_id), SignatureError)


def test_the_public_key_as_a_secret_signs_nothing() -> None:
    head = json.dumps({"alg": "HS256", "kid": LAB.key.key_id, "typ": "weightmark-licence+jwt"}).encode()
    message = b64(head) + b"." + b64(json.dumps(payload()).encode())
    for secret in (LAB.key.pem, LAB.key.der, LAB.key.raw_ed25519):
        forged = message + b"." + b64(hmac.new(secret, message, hashlib.sha256).digest())
        refused(forged, SignatureError, "'HS256'")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b".",
        b"..",
        b"a.b",
        b"a.b.c.d",
        b"\xff\xfe.\x00.",
        b"e30.e30.e30",
        b"!!.e30.e30",
        b"x" * (MAX_SIZE + 1),
        b"." * MAX_SIZE,
    ],
)
def test_what_is_no_token(data: bytes) -> None:
    refused(data, MalformedError)


def test_members_that_stand_twice() -> None:
    whole = json.dumps(payload())
    refused(LAB.token((whole[:-1] + ', "iss": "lab"}').encode()), MalformedError, "twice")
    twice = b'{"alg":"Ed25519","alg":"none","kid":"x","typ":"weightmark-licence+jwt"}'
    refused(b64(twice) + b".e30.e30", MalformedError, "twice")


@pytest.mark.parametrize("part", [0, 1, 2])
def test_one_bit_in_any_part(part: int) -> None:
    parts = licence_bytes(LAB).strip().split(b".")
    raw = bytearray(unb64(parts[part]))
    raw[len(raw) // 2] ^= 1
    parts[part] = b64(bytes(raw))
    with pytest.raises((MalformedError, VerificationError)):
        verify_licence(b".".join(parts), TRUST, NOW)


def test_padding_and_other_spellings_of_base64_are_refused() -> None:
    header, body, signature = licence_bytes(LAB).strip().split(b".")
    refused(b".".join((header, body, signature + b"==")), SignatureError)
    refused(b".".join((header + b"=", body, signature)), MalformedError)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"iss": None}, "no 'iss'"),
        ({"jti": None}, "no 'jti'"),
        ({"iat": None}, "no 'iat'"),
        ({"nbf": None}, "no 'nbf'"),
        ({"iat": 1.5}, "'iat'"),
        ({"iat": True}, "'iat'"),
        ({"iat": 10**30}, "no time"),
        ({"exp": -1}, "'exp'"),
        ({"exp": 1}, "ends before"),
        ({"sub": "eve"}, "its grant is for acme"),
        ({"works": []}, "0 works"),
        ({"status": {}}, "status_list"),
        ({"status": {"status_list": {"idx": -1, "uri": "x"}}}, "'idx'"),
        ({"status": {"status_list": {"idx": 1, "uri": ""}}}, "the status list's name"),
        ({"status": {"status_list": {"idx": 1, "uri": "x"}, "other": 1}}, "other"),
        ({"restricted_to": "moon"}, "restricted_to"),
        ({"seat": "a\u202eb"}, "seat"),
        (
            {"model": {"name": "churn", "bundle": "sha256:" + "0" * 64}},
            "which is not the licence file's model",
        ),
    ],
)
def test_claims_are_read_strictly(changes: dict[str, Any], word: str) -> None:
    refused(LAB.token(payload(**changes)), MalformedError, word)


def test_a_work_that_is_not_the_model() -> None:
    whole = payload()
    whole["works"][0]["subject"] = "sha256:" + "0" * 64
    refused(LAB.token(whole), MalformedError, "first work")


def test_sublicences_nested_without_end() -> None:
    whole = payload()
    inner = dict(whole["grant"])
    for _ in range(10):
        inner = {**whole["grant"], "under": [inner]}
    whole["grant"] = inner
    refused(LAB.token(whole), MalformedError, "under more than")


def test_signed_by_another_than_the_one_it_names() -> None:
    refused(LAB.token(payload(iss="other")), PolicyError, "other", "lab")


def test_a_trusted_key_does_not_speak_for_the_owner() -> None:
    """All of the file says that it is the maker's; only the key is somebody else's."""
    forged = payload(iss="maker")
    forged["grant"]["grant"]["licensor"] = "maker"
    forged["works"][0] |= {"owner": "maker", "licensors": ["maker"]}
    refused(LAB.token(forged), PolicyError, "maker's, but signed with a key of lab")


def test_a_grant_by_one_who_does_not_own_the_model() -> None:
    stolen = payload()
    stolen["works"][0] |= {"owner": "maker", "licensors": []}
    refused(LAB.token(stolen), PolicyError, "lab", "maker")


def test_a_grant_of_somebody_else() -> None:
    foreign = payload()
    foreign["grant"]["grant"]["licensor"] = "maker"
    foreign["works"][0] |= {"owner": "maker", "licensors": []}
    refused(LAB.token(foreign), PolicyError, "maker", "lab")


def test_a_new_owner_issues_for_an_old_owners_grant() -> None:
    handed = payload()
    handed["grant"]["grant"]["licensor"] = "maker"
    handed["works"][0] |= {"owner": "lab", "licensors": ["maker"]}
    assert verify_licence(LAB.token(handed), TRUST, NOW)


@pytest.mark.parametrize(
    ("at", "holds"),
    [
        (GRANT.start - timedelta(seconds=1), False),
        (GRANT.start, True),
        (GRANT.start + timedelta(days=40, seconds=86_399), True),
        (NOW + timedelta(days=40) - timedelta(seconds=1), True),
        (NOW + timedelta(days=40), False),
    ],
)
def test_the_file_counts_from_the_start_to_the_end_of_the_grace(at: datetime, *, holds: bool) -> None:
    data = licence_bytes(LAB)
    if holds:
        assert verify_licence(data, TRUST, NOW, at=at)
        return
    with pytest.raises(ExpiredError):
        verify_licence(data, TRUST, NOW, at=at)


def test_a_file_from_the_future_says_that_a_clock_is_wrong() -> None:
    data = licence_bytes(LAB)
    assert verify_licence(data, TRUST, NOW - timedelta(minutes=5))
    with pytest.raises(ClockError, match="one of the two clocks"):
        verify_licence(data, TRUST, NOW - timedelta(minutes=5, seconds=1))


def test_a_clock_a_little_behind_the_licensors_is_no_hindrance() -> None:
    fresh = replace(ISSUED, grant=replace(GRANT, start=NOW))
    data = licence_bytes(LAB, grant=fresh, not_before=NOW)
    assert verify_licence(data, TRUST, NOW - timedelta(minutes=4))
    with pytest.raises(ExpiredError, match="counts only from"):
        verify_licence(data, TRUST, NOW, at=NOW - timedelta(minutes=4))


def test_the_key_must_count_when_it_signed() -> None:
    data = licence_bytes(LAB)
    assert verify_licence(data, LAB.trusted(valid_until=NOW + timedelta(seconds=1)), NOW + timedelta(days=2))
    for when in ({"valid_until": NOW}, {"valid_from": NOW + timedelta(seconds=1)}):
        with pytest.raises(ExpiredError, match="did not count"):
            verify_licence(data, LAB.trusted(**when), NOW)


def test_a_key_of_another_kind() -> None:
    der = (
        generate_private_key(SECP256R1())
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    key = PublicKey(der=der)
    with pytest.raises(MalformedError, match="Ed25519"):
        sign_licence(licence(), key=key, sign=LAB.sign)
    trust = TrustRoot(keys=(TrustedKey(identity="lab", key=key),))
    with pytest.raises(SignatureError, match="not an Ed25519 key"):
        verify_licence(LAB.token(payload(), kid=key.key_id), trust, NOW)


def test_a_signer_that_signs_with_another_key_is_noticed() -> None:
    with pytest.raises(SignatureError):
        sign_licence(licence(), key=LAB.key, sign=Party("mallory").sign)


def test_a_file_that_would_be_too_long_is_not_written() -> None:
    works = (WORK, *(replace(WORK, name="x" * 200, relation=Relation.PARENT) for _ in range(500)))
    with pytest.raises(MalformedError, match="501 works"):
        licence_bytes(LAB, works=works)


def test_parts_that_contradict_each_other_are_refused() -> None:
    wrong: list[Callable[[], object]] = [
        lambda: licence(works=()),
        lambda: licence(grantee="eve"),
        lambda: licence(expires_at=GRANT.start),
        lambda: licence(works=(replace(WORK, relation=Relation.PARENT),)),
        lambda: StatusReference(uri=" \n", index=0),
        lambda: StatusReference(uri="x", index=-1),
    ]
    for make in wrong:
        with pytest.raises(MalformedError):
            make()


def test_who_a_file_says_it_is_from_is_read_without_trust() -> None:
    assert claimed_issuer(licence_bytes(LAB)) == "lab"
    with pytest.raises(MalformedError):
        claimed_issuer(b"x.y.z")


def test_what_the_file_carries_is_enough_to_decide() -> None:
    found = verify_licence(licence_bytes(LAB), TRUST, NOW).licence
    request = Request(action=Action.DEPLOY, party=Asker(name="acme", commercial=True), at=NOW)
    assert decide(request, found.works, [found.grant]).allowed
    assert (
        decide(replace(request, action=Action.RESELL), found.works, [found.grant]).outcome is Outcome.REFUSED
    )
    suspended = replace(found.grant, state=GrantState.SUSPENDED)
    assert not decide(request, found.works, [suspended]).allowed


def test_rfc_8037_appendix_a_4() -> None:
    """The vector's bytes are right; its name of the algorithm is the old one, which is not taken."""
    message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    signature = b"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    seed = unb64(b"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
    party = Party("x", Ed25519PrivateKey.from_private_bytes(seed))
    assert party.key.raw_ed25519 == unb64(b"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    assert party.sign(message).value == unb64(signature)
    party.key.verify(message, unb64(signature))
    refused(message + b"." + signature, SignatureError, "'EdDSA'")


def test_the_vectors_key_under_the_algorithms_new_name() -> None:
    seed = unb64(b"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
    party = Party("lab", Ed25519PrivateKey.from_private_bytes(seed))
    assert verify_licence(licence_bytes(party), party.trusted(), NOW).licence == licence()


def test_the_moment_is_utc() -> None:
    assert verify_licence(licence_bytes(LAB), TRUST, NOW).licence.issued_at.tzinfo is UTC
    assert MODEL.weights is not None
