import json
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.claim_examples import (
    BUNDLE,
    NOW,
    ORIGIN,
    WEIGHTS,
    bundle,
    log_key,
    public,
    receipt,
    signed,
    signed_payload,
    signer,
    statement,
    trust,
)
from tests.unit.claims.test_statement import LIES

from weightmark.claims import sign
from weightmark.claims.bundle import Bundle
from weightmark.claims.envelope import Envelope, Signature
from weightmark.claims.policy import Policy
from weightmark.claims.trust import TrustedKey, TrustRoot
from weightmark.claims.verify import verify_bundle, verify_envelope
from weightmark.encoding import Digest, KeyId, digest_bytes
from weightmark.errors import (
    DigestMismatchError,
    ExpiredError,
    InclusionError,
    MalformedError,
    PolicyError,
    SignatureError,
    UntrustedKeyError,
    VerificationError,
)

ONE = Policy()
TWO = Policy(threshold=2)


def test_bundle_verifies_and_gives_evidence() -> None:
    evidence = verify_bundle(bundle("alice", "bob"), trust("alice", "bob"), TWO, NOW)
    assert evidence.statement == statement()
    assert evidence.identities == ("alice@example.com", "bob@example.com")
    assert set(evidence.key_ids) == {public("alice").key_id, public("bob").key_id}
    assert evidence.checkpoint is not None
    assert (evidence.checkpoint.origin, evidence.checkpoint.size) == (ORIGIN, 5)


def test_unknown_signatures_are_passed_over_but_one_must_be_known() -> None:
    assert verify_envelope(signed("alice", "eve"), trust("alice"), ONE, NOW).identities == (
        "alice@example.com",
    )
    with pytest.raises(UntrustedKeyError, match=public("eve").key_id):
        verify_envelope(signed("eve"), trust("alice"), ONE, NOW)
    with pytest.raises(UntrustedKeyError):
        verify_envelope(signed("alice"), TrustRoot(), ONE, NOW)


def test_bad_signature_of_a_known_key_ends_it_whatever_the_others_are() -> None:
    good = signed("alice", "bob")
    for position, signature in enumerate(good.signatures):
        signatures = list(good.signatures)
        signatures[position] = replace(signature, value=bytes(64))
        with pytest.raises(SignatureError, match=signature.key_id):
            verify_envelope(replace(good, signatures=tuple(signatures)), trust("alice", "bob"), ONE, NOW)


def test_signature_under_another_keys_name_is_refused() -> None:
    good = signed("alice")
    forged = replace(
        good, signatures=(Signature(key_id=public("bob").key_id, value=good.signatures[0].value),)
    )
    with pytest.raises(SignatureError):
        verify_envelope(forged, trust("alice", "bob"), ONE, NOW)


def test_threshold_counts_people_not_keys() -> None:
    two_keys = TrustRoot(
        keys=tuple(TrustedKey(identity="alice", key=public(name)) for name in ("alice", "bob"))
    )
    with pytest.raises(PolicyError, match=r"has 1 signatures.*needs 2"):
        verify_envelope(signed("alice", "bob"), two_keys, TWO, NOW)


def test_policy_says_whose_signatures_count() -> None:
    policy = Policy(identities=frozenset({"bob@example.com"}))
    with pytest.raises(PolicyError, match=r"by nobody.*needs 1 of bob@example\.com"):
        verify_envelope(signed("alice"), trust("alice", "bob"), policy, NOW)
    evidence = verify_envelope(signed("alice", "bob"), trust("alice", "bob"), policy, NOW)
    assert evidence.identities == ("bob@example.com",)


def test_policy_of_the_trust_root_holds_when_none_is_given() -> None:
    strict = replace(trust("alice", "bob"), policy=TWO)
    with pytest.raises(PolicyError):
        verify_envelope(signed("alice"), strict, None, NOW)
    verify_envelope(signed("alice"), strict, ONE, NOW)
    verify_envelope(signed("alice"), trust("alice"), None, NOW)


def test_key_counts_only_in_its_time() -> None:
    late = TrustedKey(identity="alice", key=public("alice"), valid_until=NOW)
    early = TrustedKey(identity="alice", key=public("alice"), valid_from=NOW)
    with pytest.raises(ExpiredError, match=r"alice \(key .*, valid until 2026-11-22T09:30:00Z\)"):
        verify_envelope(signed("alice"), TrustRoot(keys=(late,)), ONE, NOW)
    with pytest.raises(ExpiredError, match="valid from"):
        verify_envelope(signed("alice"), TrustRoot(keys=(early,)), ONE, NOW - timedelta(seconds=1))
    verify_envelope(signed("alice"), TrustRoot(keys=(early,)), ONE, NOW)


def test_expired_key_beside_enough_valid_ones_does_no_harm() -> None:
    root = trust("bob").add(TrustedKey(identity="alice", key=public("alice"), valid_until=NOW))
    assert verify_envelope(signed("alice", "bob"), root, ONE, NOW).identities == ("bob@example.com",)
    with pytest.raises(ExpiredError):
        verify_envelope(signed("alice", "bob"), root, TWO, NOW)
    with pytest.raises(PolicyError):
        verify_envelope(signed("alice", "bob"), root, Policy(threshold=3), NOW)
    broken = signed("alice", "bob")
    signatures = tuple(
        replace(each, value=bytes(64)) if each.key_id == public("alice").key_id else each
        for each in broken.signatures
    )
    with pytest.raises(SignatureError):
        verify_envelope(replace(broken, signatures=signatures), root, ONE, NOW)


@pytest.mark.parametrize(("payload", "message"), LIES)
def test_well_signed_lie_is_refused(payload: bytes, message: str) -> None:
    with pytest.raises(MalformedError, match=message):
        verify_envelope(signed_payload(payload), trust(), ONE, NOW)


def test_payload_of_another_type_is_refused() -> None:
    with pytest.raises(MalformedError, match="payload type"):
        verify_envelope(signed_payload(statement().encode(), payload_type="text/plain"), trust(), ONE, NOW)


def test_receipt_is_asked_for() -> None:
    bare = Bundle(envelope=signed())
    with pytest.raises(InclusionError, match="no receipt"):
        verify_bundle(bare, trust(), ONE, NOW)
    assert verify_bundle(bare, trust(), ONE, NOW, require_receipt=False).checkpoint is None


def test_receipt_of_another_entry_is_refused_even_when_none_is_needed() -> None:
    other = Bundle(envelope=signed("alice"), receipt=receipt(signed("bob")))
    for needed in (True, False):
        with pytest.raises(InclusionError):
            verify_bundle(other, trust(), ONE, NOW, require_receipt=needed)


def test_receipt_of_an_unknown_log_is_refused_unless_none_is_needed() -> None:
    foreign = Bundle(envelope=signed(), receipt=receipt(signed(), origin="example.com/foreign"))
    with pytest.raises(UntrustedKeyError, match="foreign"):
        verify_bundle(foreign, trust(), ONE, NOW)
    assert verify_bundle(foreign, trust(), ONE, NOW, require_receipt=False).checkpoint is None


def test_forged_checkpoint_is_refused() -> None:
    good = bundle()
    assert good.receipt is not None
    forged = replace(good.receipt.checkpoint, note=good.receipt.checkpoint.note.replace("\n5\n", "\n6\n"))
    with pytest.raises(SignatureError):
        verify_bundle(replace(good, receipt=replace(good.receipt, checkpoint=forged)), trust(), ONE, NOW)


def test_receipt_does_not_cover_a_signature_that_was_added_later() -> None:
    before = bundle("alice")
    with pytest.raises(InclusionError):
        verify_bundle(replace(before, envelope=signed("alice", "bob")), trust("alice", "bob"), ONE, NOW)


def test_whatever_goes_wrong_is_a_failed_verification() -> None:
    with pytest.raises(VerificationError, match="could not be verified"):
        verify_envelope(
            signed(),
            replace(trust(), keys=(TrustedKey(identity="alice", key=public("alice"), valid_from=NOW),)),
            ONE,
            NOW.replace(tzinfo=None),
        )


def test_evidence_is_about_one_model() -> None:
    evidence = verify_envelope(signed(), trust(), ONE, NOW)
    evidence.require_subject(BUNDLE, WEIGHTS)
    evidence.require_subject(BUNDLE, None)
    other = digest_bytes(b"other")
    with pytest.raises(DigestMismatchError, match=f"{BUNDLE}.*{other}") as caught:
        evidence.require_subject(other, None)
    assert "manifest" in caught.value.hint
    with pytest.raises(DigestMismatchError) as caught:
        evidence.require_subject(other, WEIGHTS)
    assert "weights are the same" in caught.value.hint
    with pytest.raises(DigestMismatchError, match="other weights"):
        evidence.require_subject(BUNDLE, other)
    with pytest.raises(DigestMismatchError, match="blake3") as caught:
        evidence.require_subject(Digest("blake3:" + "0" * 64), None)
    assert "sha256" in caught.value.hint


def test_signing_calls_each_signer_once_with_the_same_message() -> None:
    seen: list[bytes] = []

    def spy(name: str) -> "Signature":
        return Signature(key_id=KeyId(name), value=b"x")

    one = sign(
        statement(), [lambda m: (seen.append(m), spy("b"))[1], lambda m: (seen.append(m), spy("a"))[1]]
    )
    assert seen == [one.signed_bytes] * 2
    assert [each.key_id for each in one.signatures] == ["a", "b"]
    assert one.payload == statement().encode()


def test_signing_needs_different_signers() -> None:
    with pytest.raises(MalformedError, match="0 signatures"):
        sign(statement(), [])
    with pytest.raises(MalformedError, match="two signatures"):
        sign(statement(), [signer("alice"), signer("alice")])


def test_envelope_survives_the_way_to_the_verifier() -> None:
    text = json.dumps(json.loads(signed().encode()), indent=1).encode()
    assert verify_envelope(Envelope.decode(text), trust(), ONE, NOW).statement == statement()
    assert log_key() in trust().logs
