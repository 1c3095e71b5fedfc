"""The DSSE protocol's own vector, and securesystemslib as an oracle in both directions."""

import base64
import json

import pytest
from securesystemslib.dsse import Envelope as OracleEnvelope
from securesystemslib.exceptions import VerificationError as OracleError
from securesystemslib.signer import CryptoSigner, SSlibKey
from tests.claim_examples import NOW, public, signed, statement

from weightmark.claims.envelope import Envelope, Signature, pre_authentication
from weightmark.claims.key import PublicKey
from weightmark.claims.policy import Policy
from weightmark.claims.trust import TrustedKey, TrustRoot
from weightmark.claims.verify import verify_envelope
from weightmark.encoding import KeyId
from weightmark.vocabulary import PAYLOAD_TYPE

HELLO = "http://example.com/HelloWorld"


def oracle_key(key: PublicKey) -> SSlibKey:
    kinds = {"ed25519": ("ed25519", "ed25519"), "ecdsa-p256-sha256": ("ecdsa", "ecdsa-sha2-nistp256")}
    kind, scheme = kinds[key.scheme]
    text = key.raw_ed25519.hex() if kind == "ed25519" else key.pem.decode()
    return SSlibKey(key.key_id, kind, scheme, {"public": text})


def test_pre_authentication_encoding_of_the_protocol() -> None:
    assert (
        pre_authentication(HELLO, b"hello world") == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@pytest.mark.parametrize(
    ("kind", "payload"), [(HELLO, b"hello world"), ("", b""), ("t", b"\x00 \xff"), ("é", b"\xc3\xa9")]
)
def test_pre_authentication_encoding_is_the_oracles(kind: str, payload: bytes) -> None:
    assert pre_authentication(kind, payload) == OracleEnvelope(payload, kind, {}).pae()


def test_oracle_verifies_what_we_sign() -> None:
    ours = signed("alice", "bob")
    theirs = OracleEnvelope.from_dict(json.loads(ours.encode()))
    keys = [oracle_key(public("alice")), oracle_key(public("bob"))]
    assert set(theirs.verify(keys, threshold=2)) == {public("alice").key_id, public("bob").key_id}
    assert theirs.payload == statement().encode()
    theirs.payload += b" "
    with pytest.raises(OracleError):
        theirs.verify(keys, threshold=1)


@pytest.mark.parametrize("make", [CryptoSigner.generate_ed25519, CryptoSigner.generate_ecdsa])
def test_we_verify_what_the_oracle_signs(make: type[CryptoSigner]) -> None:
    signer = make()
    theirs = OracleEnvelope(statement().encode(), PAYLOAD_TYPE, {})
    theirs.sign(signer)
    if signer.public_key.keytype == "ed25519":
        key = PublicKey.from_raw_ed25519(bytes.fromhex(signer.public_key.keyval["public"]))
    else:
        key = PublicKey.from_pem(signer.public_key.keyval["public"].encode())
    foreign = Envelope.decode(json.dumps(theirs.to_dict()).encode())
    ours = Envelope(
        payload=foreign.payload,
        payload_type=foreign.payload_type,
        signatures=tuple(Signature(key_id=key.key_id, value=each.value) for each in foreign.signatures),
    )
    root = TrustRoot(keys=(TrustedKey(identity="oracle", key=key),))
    assert verify_envelope(ours, root, Policy(), NOW).statement == statement()


def test_encoded_payload_is_the_protocols_example() -> None:
    envelope = Envelope(
        payload=b"hello world", payload_type=HELLO, signatures=(Signature(key_id=KeyId("k"), value=b"\1"),)
    )
    value = json.loads(envelope.encode())
    assert value["payload"] == "aGVsbG8gd29ybGQ="
    assert value["payloadType"] == HELLO
    assert base64.b64decode(value["signatures"][0]["sig"]) == b"\1"
