"""Grants that are handed on as tokens, and narrowed offline."""

import itertools
import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import biscuit_auth
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.licence_files import Party
from tests.usage_chains import BUNDLE, NOW, WEIGHTS, grant, granted, trust

from weightmark.claims.delegation import token as tokens
from weightmark.claims.delegation.delegation import (
    Delegation,
    make_delegation,
    narrow_delegation,
    read_delegation,
)
from weightmark.claims.delegation.narrowing import Narrowing
from weightmark.claims.delegation.revoked_token import RevokedToken, RevokedTokens
from weightmark.claims.delegation.token import MOST_BLOCKS, encode_token
from weightmark.encoding import Digest
from weightmark.errors import (
    ExpiredError,
    MalformedError,
    SignatureError,
    UndecidedError,
    UntrustedKeyError,
    VerificationError,
    WeightmarkError,
)
from weightmark.licensing import Action, Capability, Grant, IssuedGrant, Outcome, ReasonCode, Work
from weightmark.workspace.offline.delegating import Asked, Known, decide_delegated

pytestmark = pytest.mark.integration

LAB, RESELLER = Party("lab"), Party("reseller")
TRUST = trust(LAB, RESELLER)
LATER = NOW + timedelta(days=30)


def make(terms: Grant | None = None, issuer: Party = LAB, narrowing: Narrowing | None = None) -> Delegation:
    terms = terms or grant(0)
    text = make_delegation(granted(LAB, terms), terms, issuer.key, issuer.sign, narrowing=narrowing)
    return read_delegation(text, TRUST, LATER)


def narrow(token: Delegation, *, close: bool = False, **changes: Any) -> Delegation:
    return read_delegation(narrow_delegation(token, Narrowing(**changes), close=close), TRUST, LATER)


def asked(**changes: Any) -> Asked:
    values: dict[str, Any] = {
        "models": frozenset({BUNDLE, WEIGHTS}),
        "action": Action.INFER,
        "party": "reseller",
        "at": LATER,
        "used": {},
    }
    return Asked(**(values | changes))


def outcome(token: Delegation, **changes: Any) -> tuple[Outcome, ReasonCode]:
    decision = decide_delegated(token, asked(**changes))
    return decision.outcome, decision.code


ALLOWED = (Outcome.ALLOWED, ReasonCode.GRANTED)
NARROW = (Outcome.REFUSED, ReasonCode.GRANT_TOO_NARROW)


def test_from_the_reseller_to_a_team_to_one_job() -> None:
    team = narrow(make(), party="team", capabilities=frozenset({Capability.INFER}))
    job = narrow(team, party="ci", job="42", until=LATER + timedelta(hours=1), purposes=frozenset({"test"}))
    assert job.party == "reseller/team/ci"
    good = {"party": "reseller/team/ci", "job": "42", "purpose": "test"}
    assert outcome(job, **good) == ALLOWED
    assert outcome(job, **good | {"party": "reseller/team/cd"}) == NARROW
    assert outcome(job, **good | {"party": "reseller/team"}) == NARROW
    assert outcome(job, **good | {"party": "somebody"}) == NARROW
    assert outcome(job, **good | {"job": "43"}) == NARROW
    assert outcome(job, **good | {"job": ""}) == NARROW
    assert outcome(job, **good | {"action": Action.EMBED}) == NARROW
    assert outcome(job, **good | {"models": frozenset({"sha256:" + "d" * 64})}) == NARROW
    assert outcome(job, **good | {"purpose": "sale"}) == (Outcome.REFUSED, ReasonCode.PURPOSE_NOT_GRANTED)
    assert outcome(job, **good | {"at": LATER + timedelta(hours=1)}) == (
        Outcome.REFUSED,
        ReasonCode.GRANT_EXPIRED,
    )
    assert outcome(job, **good | {"at": LATER + timedelta(minutes=59, seconds=59, microseconds=9)}) == ALLOWED
    assert decide_delegated(job, asked(**good)).until == LATER + timedelta(hours=1)


def test_the_words_are_those_of_the_checks() -> None:
    job = narrow(make(), party="ci", job="42", bounds={"tokens": 5}, models=frozenset({BUNDLE}))
    said = [[rule.sentence for rule in block.rules] for block in job.blocks]
    assert said[0][:2] == ["Only for reseller.", "Only to embed, infer."]
    assert said[1] == [
        "Only for reseller/ci.",
        f"Only the model {BUNDLE}.",
        "Only in the job 42.",
        "At most 5 tokens, counted for this token and all that were narrowed from it.",
    ]
    assert all("no words" not in sentence for block in said for sentence in block)


def test_the_grant_itself_must_hold() -> None:
    short = make(grant(0, end=NOW + timedelta(days=10)))
    assert outcome(short) == (Outcome.REFUSED, ReasonCode.GRANT_EXPIRED)
    assert outcome(short, at=NOW + timedelta(days=9)) == ALLOWED
    assert outcome(make(), at=NOW - timedelta(days=1))[0] is Outcome.REFUSED
    private = make(grant(0, commercial=False))
    assert outcome(private)[1] is ReasonCode.GRANT_NON_COMMERCIAL
    assert outcome(private, commercial=False) == ALLOWED


def test_what_the_ledger_knows_goes_before_what_the_token_carries() -> None:
    token = make()
    work = Work(name="net", subject=BUNDLE, weights=WEIGHTS, owner="lab", license="mit")
    revoked = IssuedGrant(id=token.id, grant=token.grant, revoked_at=LATER)
    decision = decide_delegated(token, asked(), known=Known(editions=(revoked,), works=(work,)))
    # The licence lets anybody; the token hands on the grant, and that is gone.
    assert (decision.outcome, decision.code) == (Outcome.REFUSED, ReasonCode.GRANT_REVOKED)
    handed = IssuedGrant(id=token.id, grant=replace(token.grant, grantee="another"))
    assert not decide_delegated(token, asked(), known=Known(editions=(handed,), works=(work,))).allowed
    holds = IssuedGrant(id=token.id, grant=token.grant)
    assert decide_delegated(token, asked(), known=Known(editions=(holds,), works=(work,))).allowed
    parent = Work(name="base", subject=Digest("sha256:" + "9" * 64), owner="other", license="cc-by-nc-4.0")
    refused = decide_delegated(token, asked(), known=Known(editions=(holds,), works=(work, parent)))
    assert refused.code is ReasonCode.NON_COMMERCIAL


def test_bounds_of_grant_and_blocks_hold_and_unknown_use_is_undecided() -> None:
    token = narrow(make(grant(100)), bounds={"tokens": 10})
    account = token.blocks[1].account
    assert outcome(token, used={account: {"tokens": 9}}) == ALLOWED
    over = (Outcome.REFUSED, ReasonCode.QUOTA_EXCEEDED)
    assert outcome(token, used={account: {"tokens": 10}}) == over
    assert outcome(token, used={token.id: {"tokens": 100}}) == over
    assert outcome(token, amount={"tokens": 11}) == over
    assert outcome(token, used=None) == (Outcome.UNDECIDED, ReasonCode.USAGE_UNKNOWN)
    assert outcome(narrow(make(), bounds={"tokens": 10}), used=None)[0] is Outcome.UNDECIDED


def test_a_closed_token_is_not_narrowed() -> None:
    closed = narrow(make(), close=True)
    assert closed.closed
    assert outcome(closed) == ALLOWED
    with pytest.raises(MalformedError, match="closed"):
        narrow_delegation(closed, Narrowing(job="1"))
    both = narrow(make(), close=True, job="1")
    assert (both.closed, len(both.blocks)) == (True, 2)


def test_only_the_licensor_or_a_sublicensing_grantee_delegates() -> None:
    assert make(grant(0, sublicense=True), issuer=RESELLER).issuer == "reseller"
    with pytest.raises(UntrustedKeyError, match="may not delegate"):
        make(issuer=RESELLER)
    with pytest.raises(UntrustedKeyError):
        make(issuer=Party("lab"))


def test_a_grantee_who_delegates_cannot_say_more_than_the_licensor_signed() -> None:
    signed = grant(0, sublicense=True)
    wider = replace(signed, capabilities=frozenset(Capability), end=None)
    text = make_delegation(granted(LAB, signed), wider, RESELLER.key, RESELLER.sign)
    token = read_delegation(text, TRUST, LATER)
    assert token.grant == signed
    assert outcome(token, action=Action.FINE_TUNE) == NARROW
    assert outcome(token, at=NOW + timedelta(days=400))[0] is Outcome.REFUSED


def test_the_licensor_delegates_the_grant_as_it_stands_now() -> None:
    signed = grant(0)
    renewed = replace(signed, end=NOW + timedelta(days=800))
    text = make_delegation(granted(LAB, signed), renewed, LAB.key, LAB.sign)
    token = read_delegation(text, TRUST, LATER)
    assert outcome(token, at=NOW + timedelta(days=500)) == ALLOWED


def test_a_grant_that_waits_for_approval_is_not_the_grantees_to_delegate() -> None:
    waiting = grant(0, sublicense=True, acceptance=True)
    assert outcome(make(waiting, issuer=RESELLER))[1] is ReasonCode.GRANT_PENDING
    assert outcome(make(waiting)) == ALLOWED


def test_a_token_by_another_key_or_of_a_stranger_is_not_believed() -> None:
    text = make().text
    with pytest.raises(UntrustedKeyError):
        read_delegation(text, trust(RESELLER), LATER)
    with pytest.raises(ExpiredError):
        read_delegation(text, trust(LAB, until=NOW + timedelta(days=1)), LATER)
    # Another key under the hint of the right one: the signature does not fit.
    forged = biscuit_auth.BiscuitBuilder('grant("x")')
    forged.set_root_key_id(int(LAB.key.key_id[:8], 16))
    with pytest.raises(SignatureError):
        read_delegation(forged.build(biscuit_auth.KeyPair().private_key).to_base64(), TRUST, LATER)


def test_a_grant_that_its_licensor_did_not_sign_is_not_believed() -> None:
    terms = grant(0)
    text = make_delegation(granted(RESELLER, terms), terms, LAB.key, LAB.sign)
    with pytest.raises(SignatureError, match="not signed by lab"):
        read_delegation(text, TRUST, LATER)


def fields(data: bytes) -> list[tuple[int, bytes]]:
    """Read the outer message: number and raw bytes of each field."""
    found: list[tuple[int, bytes]] = []
    position = 0
    while position < len(data):
        start, tag, shift = position, 0, 0
        values: list[int] = []
        for _ in range(2):
            tag = shift = 0
            while True:
                byte = data[position]
                tag |= (byte & 127) << shift
                position, shift = position + 1, shift + 7
                if byte < 128:
                    break
            values.append(tag)
        if values[0] & 7 == 2:
            position += values[1]
        found.append((values[0] >> 3, data[start:position]))
    return found


def raw(token: Delegation) -> bytes:
    return bytes(token.biscuit.to_bytes())


def test_no_block_can_be_cut_off_put_back_or_exchanged() -> None:
    first = make()
    second = narrow(first, party="ci")
    third = narrow(second, job="1")
    other = narrow(narrow(make(), party="cd"), job="2")
    pieces = fields(raw(third))
    assert [number for number, _ in pieces] == [1, 2, 3, 3, 4]
    hint, authority, ci, job, proof = (piece for _, piece in pieces)
    others = [piece for _, piece in fields(raw(other))]
    wrong: Iterable[tuple[bytes, ...]] = (
        (hint, authority, ci, proof),
        (hint, authority, job, proof),
        (hint, authority, proof),
        (hint, authority, job, ci, proof),
        (hint, authority, ci, others[3], proof),
        (hint, authority, others[2], job, proof),
        (hint, others[1], ci, job, proof),
        (hint, authority, ci, job, others[4]),
        (hint, authority, ci, job),
        (hint, authority, ci, ci, job, proof),
    )
    for each in wrong:
        with pytest.raises((SignatureError, MalformedError)):
            read_delegation(encode_token(b"".join(each)), TRUST, LATER)
    # With the proof of a closed token nothing can be cut off either.
    closed = [piece for _, piece in fields(raw(narrow(third, close=True)))]
    with pytest.raises((SignatureError, MalformedError)):
        read_delegation(encode_token(b"".join([*closed[:3], closed[4]])), TRUST, LATER)


@settings(max_examples=200)
@given(position=st.integers(0, 10**6), byte=st.integers(0, 255), drop=st.booleans())
def test_no_changed_byte_of_a_token_is_believed(position: int, byte: int, *, drop: bool) -> None:
    good = raw(CHAIN[-1])
    data = bytearray(good)
    position %= len(data)
    data[position : position + 1] = b"" if drop else bytes([byte])
    if bytes(data) == good:
        return
    try:
        token = read_delegation(encode_token(bytes(data)), TRUST, LATER)
    except WeightmarkError as error:
        assert isinstance(error, MalformedError | VerificationError)
        return
    assert token.blocks == CHAIN[-1].blocks
    assert token.closed == CHAIN[-1].closed


@given(data=st.binary(max_size=300))
def test_noise_is_no_token(data: bytes) -> None:
    for text in (encode_token(data), data.decode("latin-1")):
        with pytest.raises((MalformedError, VerificationError)):
            read_delegation(text, TRUST, LATER)


def test_third_party_blocks_are_refused() -> None:
    token, key = make(), biscuit_auth.KeyPair()
    block = token.biscuit.third_party_request().create_block(
        key.private_key, biscuit_auth.BlockBuilder('check if asked_by("reseller")')
    )
    other = token.biscuit.append_third_party(key.public_key, block)
    with pytest.raises(VerificationError, match="third party"):
        read_delegation(other.to_base64(), TRUST, LATER)


def appended(token: Delegation, source: str) -> Delegation:
    text = token.biscuit.append(biscuit_auth.BlockBuilder(source)).to_base64()
    return read_delegation(text, TRUST, LATER)


SOURCES = [
    'asked_by("reseller");',
    'asked_job("42"); check if asked_job("42");',
    'party("other");\nnote(1);',
    'check if asked_purpose($p), $p.starts_with("re");',
    "check if asked_by($a), asked_by($b), $a == $b;",
    "check if true;",
    'reject if asked_by("reseller");',
    "f($x) <- asked_by($x);",
    'grant("sha256:' + "0" * 64 + '");',
    "".join(f"f({number});" for number in range(1_200)) + " g($a, $b, $c) <- f($a), f($b), f($c);",
]


@pytest.mark.parametrize("source", SOURCES, ids=range(len(SOURCES)))
def test_what_has_no_words_here_is_not_accepted_and_never_run(source: str) -> None:
    with pytest.raises(VerificationError, match="not known here"):
        appended(make(), source)


def test_checks_that_another_tool_wrote_in_our_words_are_accepted() -> None:
    token = appended(make(), "check if time($t), $t < 2026-12-31T00:00:00Z;")
    assert token.blocks[1].rules[0].sentence == "Before 2026-12-31T00:00:00Z."
    assert outcome(token, at=NOW + timedelta(days=60)) == (Outcome.REFUSED, ReasonCode.GRANT_EXPIRED)


def test_a_party_that_is_named_without_its_check_names_nobody() -> None:
    token = appended(make(), 'party("reseller/ci");')
    assert token.party == "reseller"
    assert outcome(token, party="reseller") == ALLOWED
    assert outcome(token, party="other") == NARROW


def test_a_string_that_looks_like_checks_is_noticed() -> None:
    token = make()
    builder = biscuit_auth.BlockBuilder("")
    builder.add_code("party({n})", {"n": 'x");\ncheck if time($t), $t < 2026-12-01T00:00:00Z;\nparty("'})
    with pytest.raises(VerificationError, match="not known here"):
        read_delegation(token.biscuit.append(builder).to_base64(), TRUST, LATER)


def test_a_label_of_another_block_counts_against_its_own_account_only() -> None:
    job = narrow(make(), party="ci", bounds={"tokens": 5})
    label = job.blocks[1].rules[-1].label
    copied = appended(job, f'check if asked_units("{label}", "tokens", $n), $n <= 3;')
    spent = {job.blocks[1].account: {"tokens": 3}}
    assert outcome(job, party="reseller/ci", used=spent) == ALLOWED
    assert outcome(copied, party="reseller/ci", used=spent)[1] is ReasonCode.QUOTA_EXCEEDED


def test_too_many_blocks_and_too_long_tokens_are_not_read() -> None:
    biscuit = make().biscuit
    for _ in range(MOST_BLOCKS - 1):
        biscuit = biscuit.append(biscuit_auth.BlockBuilder('check if asked_job("1")'))
    full = read_delegation(biscuit.to_base64(), TRUST, LATER)
    with pytest.raises(MalformedError, match="32 blocks"):
        narrow_delegation(full, Narrowing(job="1"))
    with pytest.raises(MalformedError, match="more than 32"):
        read_delegation(
            biscuit.append(biscuit_auth.BlockBuilder('check if asked_job("1")')).to_base64(), TRUST, LATER
        )
    with pytest.raises(MalformedError, match="characters"):
        read_delegation("A" * 100_000, TRUST, LATER)


def test_the_limits_are_set_and_reaching_one_is_not_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    builder = biscuit_auth.AuthorizerBuilder("allow if true;")
    assert builder.limits().max_time < timedelta(milliseconds=250)
    tokens.set_limits(builder)
    limits = builder.limits()
    assert limits.max_time >= timedelta(milliseconds=250)
    assert (limits.max_facts, limits.max_iterations) == (tokens.MAX_FACTS, tokens.MAX_ITERATIONS)
    token = make()
    monkeypatch.setattr(tokens, "MAX_TIME", timedelta(microseconds=0))
    with pytest.raises(UndecidedError) as caught:
        decide_delegated(token, asked())
    assert caught.value.exit_code == 5


def test_checks_under_load_refuse_no_valid_token() -> None:
    stop = threading.Event()

    def burn() -> None:
        while not stop.is_set():
            sum(itertools.islice(itertools.count(), 2_000))

    threads = [threading.Thread(target=burn) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        token = CHAIN[-1]
        assert all(decide_delegated(token, GOOD).allowed for _ in range(40))
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def listed(issuer: Party, *ids: str, at: datetime = LATER) -> RevokedTokens:
    found = tuple(RevokedToken(id=each, at=at, cause="leaked") for each in ids)
    made = RevokedTokens(issuer=issuer.name, issued_at=at, fresh_until=at + timedelta(days=7), tokens=found)
    return RevokedTokens.verify(made.sign(issuer.sign).encode(), trust(LAB, RESELLER, Party("x")))


def test_a_revoked_block_revokes_all_that_was_narrowed_from_it() -> None:
    team = narrow(make(), party="team")
    job, sister = narrow(team, party="ci"), narrow(team, party="cd")
    one = listed(LAB, job.blocks[-1].revocation_id)
    good = asked(party="reseller/team/ci")
    assert decide_delegated(job, good, revoked=[one]).code is ReasonCode.GRANT_REVOKED
    assert decide_delegated(narrow(job, job="1"), replace(good, job="1"), revoked=[one]).allowed is False
    assert decide_delegated(sister, asked(party="reseller/team/cd"), revoked=[one]).allowed
    assert decide_delegated(team, asked(party="reseller/team"), revoked=[one]).allowed
    both = listed(LAB, team.blocks[-1].revocation_id)
    assert not decide_delegated(job, good, revoked=[both]).allowed
    assert not decide_delegated(sister, asked(party="reseller/team/cd"), revoked=[both]).allowed


def test_a_list_of_somebody_else_revokes_nothing() -> None:
    token = make()
    theirs = listed(RESELLER, token.blocks[0].revocation_id)
    assert decide_delegated(token, asked(), revoked=[theirs]).allowed
    own = make(grant(0, sublicense=True), issuer=RESELLER)
    assert not decide_delegated(own, asked(), revoked=[listed(RESELLER, own.blocks[0].revocation_id)]).allowed


CHAIN = [make(grant(100))]
for _changes in (
    {"party": "ci"},
    {"job": "42", "bounds": {"tokens": 50}},
    {"until": LATER + timedelta(days=1)},
):
    CHAIN.append(narrow(CHAIN[-1], **_changes))
GOOD = asked(party="reseller/ci", job="42")

narrowings = st.builds(
    Narrowing,
    party=st.sampled_from(["", "ci", "cd", "reseller/ci"]),
    capabilities=st.none() | st.frozensets(st.sampled_from([Capability.INFER, Capability.MERGE]), min_size=1),
    purposes=st.frozensets(st.sampled_from(["a", "b"])),
    models=st.frozensets(st.sampled_from([BUNDLE, WEIGHTS, "sha256:" + "d" * 64])),
    until=st.none() | st.sampled_from([LATER, LATER + timedelta(days=1), NOW + timedelta(days=999)]),
    job=st.sampled_from(["", "1", "2"]),
    bounds=st.dictionaries(st.sampled_from(["tokens", "images"]), st.integers(0, 3), max_size=1),
)
requests = st.builds(
    asked,
    party=st.sampled_from(["reseller", "reseller/ci", "reseller/ci/ci", "reseller/cd", "other"]),
    action=st.sampled_from([Action.INFER, Action.EMBED, Action.MERGE, Action.DEPLOY]),
    at=st.sampled_from([LATER - timedelta(days=40), LATER, LATER + timedelta(days=1, seconds=1)]),
    purpose=st.sampled_from(["", "a", "b"]),
    job=st.sampled_from(["", "1", "2"]),
    models=st.frozensets(st.sampled_from([BUNDLE, WEIGHTS, "sha256:" + "d" * 64]), min_size=1),
)


@settings(max_examples=150)
@given(chain=st.lists(narrowings, min_size=1, max_size=3), request=requests)
def test_a_token_only_narrows(chain: list[Narrowing], request: Asked) -> None:
    token = make(grant(100))
    allowed = decide_delegated(token, request).allowed
    for each in chain:
        if not each.below(token.party).checks():
            continue
        token = read_delegation(narrow_delegation(token, each), TRUST, LATER)
        now = decide_delegated(token, request).allowed
        assert allowed or not now
        allowed = now
