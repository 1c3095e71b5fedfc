import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from tests.claim_examples import curve_signer, private, public, signer

from weightmark.claims.key import MAX_KEY_SIZE, PublicKey
from weightmark.errors import MalformedError, SignatureError

CURVES = [
    (ec.SECP256R1(), hashes.SHA256(), "ecdsa-p256-sha256"),
    (ec.SECP384R1(), hashes.SHA384(), "ecdsa-p384-sha384"),
    (ec.SECP521R1(), hashes.SHA512(), "ecdsa-p521-sha512"),
]


def test_ed25519_key_is_named_by_its_der() -> None:
    key = public("alice")
    der = private("alice").public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert key.scheme == "ed25519"
    assert key.key_id == hashlib.sha256(der).hexdigest()
    assert key.raw_ed25519 == private("alice").public_key().public_bytes_raw()


@pytest.mark.parametrize(("curve", "algorithm", "scheme"), CURVES, ids=[scheme for _, _, scheme in CURVES])
def test_curve_verifies_with_its_own_hash_only(
    curve: ec.EllipticCurve, algorithm: hashes.HashAlgorithm, scheme: str
) -> None:
    key, sign = curve_signer(curve, algorithm)
    assert key.scheme == scheme
    key.verify(b"message", sign(b"message").value)
    with pytest.raises(SignatureError, match=key.key_id):
        key.verify(b"other", sign(b"message").value)
    with pytest.raises(ValueError, match="not an Ed25519 key"):
        _ = key.raw_ed25519


def test_wrong_hash_is_refused() -> None:
    private_key = ec.generate_private_key(ec.SECP384R1())
    spki = private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(SignatureError):
        PublicKey(der=spki).verify(b"message", private_key.sign(b"message", ec.ECDSA(hashes.SHA256())))


def test_equal_keys_are_equal_values() -> None:
    assert PublicKey.from_pem(public("alice").pem) == public("alice")
    assert hash(PublicKey.from_pem(public("alice").pem)) == hash(public("alice"))
    assert public("alice") != public("bob")


def test_compressed_point_is_the_same_key() -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    whole = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    point = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    short = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    assert load_der_public_key(short) == key
    assert PublicKey(der=short) == PublicKey(der=whole)
    assert PublicKey(der=short).key_id == PublicKey(der=whole).key_id


def test_repr_is_short() -> None:
    assert repr(public("alice")) == f"PublicKey(ed25519, {public('alice').key_id[:16]})"


def test_message_is_bound() -> None:
    value = signer("alice")(b"message").value
    public("alice").verify(b"message", value)
    for message, signature in [(b"messag", value), (b"message", value[:-1]), (b"message", b"")]:
        with pytest.raises(SignatureError):
            public("alice").verify(message, signature)


def _spki(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_other_kinds_of_key_are_refused_by_name() -> None:
    with pytest.raises(MalformedError, match="RSA"):
        PublicKey.from_pem(_spki(rsa.generate_private_key(65537, 2048).public_key()), what="key.pub")
    with pytest.raises(MalformedError, match="secp256k1"):
        PublicKey.from_pem(_spki(ec.generate_private_key(ec.SECP256K1()).public_key()))


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
)
def test_bytes_that_are_no_key_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedError, match=r"key\.pub"):
        PublicKey.from_pem(data, what="key.pub")
    with pytest.raises(MalformedError):
        PublicKey(der=data)


def test_long_file_is_not_read() -> None:
    with pytest.raises(MalformedError, match="at most"):
        PublicKey.from_pem(public("alice").pem + b" " * MAX_KEY_SIZE)
