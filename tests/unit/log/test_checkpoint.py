import base64

import pytest

from weightmark.errors import MalformedError, SignatureError
from weightmark.log.checkpoint import Checkpoint, LogKey, open_checkpoint, parse_checkpoint, sign_checkpoint
from weightmark.log.note import NoteSignature, format_note
from weightmark.testing.ledger import FixedSigner

SIGNER, OTHER = FixedSigner(b"log"), FixedSigner(b"other")
KEY = LogKey(name="log.example", public=SIGNER.public_key.raw_ed25519)
HEAD = Checkpoint(origin="log.example", size=3, root=bytes(32))
TEXT = f"log.example\n3\n{'A' * 43}=\n"


def sign(message: bytes) -> bytes:
    return SIGNER.sign(message).value


def signed(text: str, name: str = "log.example", key_hash: bytes = KEY.key_hash) -> str:
    return format_note(text, [NoteSignature(name=name, key_hash=key_hash, value=sign(text.encode()))])


def test_the_text_is_three_lines():
    assert HEAD.text == TEXT
    assert parse_checkpoint(TEXT) == HEAD


def test_what_is_signed_opens():
    made = sign_checkpoint(HEAD, sign, KEY)
    assert made.note == signed(TEXT)
    assert open_checkpoint(made.note, KEY) == made


def test_further_lines_are_signed_and_passed_over():
    assert open_checkpoint(signed(TEXT + "an extension\n"), KEY).checkpoint == HEAD


def test_other_signatures_are_passed_over():
    stranger = NoteSignature(name="witness", key_hash=b"abcd", value=b"whatever")
    own = NoteSignature(name=KEY.name, key_hash=KEY.key_hash, value=sign(TEXT.encode()))
    assert open_checkpoint(format_note(TEXT, [stranger, own]), KEY).checkpoint == HEAD


def test_each_signature_of_the_key_must_hold():
    own = NoteSignature(name=KEY.name, key_hash=KEY.key_hash, value=sign(TEXT.encode()))
    bad = NoteSignature(name=KEY.name, key_hash=KEY.key_hash, value=bytes(64))
    for order in ([own, bad], [bad, own]):
        with pytest.raises(SignatureError):
            open_checkpoint(format_note(TEXT, order), KEY)


@pytest.mark.parametrize(
    "note",
    [
        signed(TEXT).replace("\n3\n", "\n4\n"),
        signed(TEXT).replace("AAAA=", "AAAE="),
        signed(TEXT).replace("log.example\n3", "log.other\n3"),
        signed(TEXT, name="log.other"),
        signed(TEXT, key_hash=bytes(4)),
        signed(TEXT.replace("log.example", "log.other")),
        signed(TEXT.replace("log.example", "log.example ")),
        format_note(TEXT, [NoteSignature(name=KEY.name, key_hash=KEY.key_hash, value=b"short")]),
        format_note(
            TEXT, [NoteSignature(name=KEY.name, key_hash=KEY.key_hash, value=OTHER.sign(TEXT.encode()).value)]
        ),
    ],
)
def test_what_the_key_did_not_sign_is_refused(note: str):
    with pytest.raises(SignatureError):
        open_checkpoint(note, KEY)


@pytest.mark.parametrize(
    "text",
    [
        "log.example\n3\n",
        "log.example\n\n3\n" + "A" * 43 + "=\n",
        TEXT.replace("3", "03"),
        TEXT.replace("3", "+3"),
        TEXT.replace("3", "-3"),
        TEXT.replace("3", " 3"),
        TEXT.replace("3", "3 "),
        TEXT.replace("3", "٣"),
        TEXT.replace("3", "3_0"),
        TEXT.replace("3", "9223372036854775808"),
        TEXT.replace("3", "9" * 40),
        TEXT.replace("A" * 43 + "=", "AAAA"),
        TEXT.replace("A" * 43, "A" * 42 + "B"),
        TEXT.replace("A" * 43, "_" * 43),
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(text: str):
    with pytest.raises(MalformedError):
        open_checkpoint(signed(text), KEY)


def test_the_largest_size_is_read():
    assert parse_checkpoint(TEXT.replace("3", "9223372036854775807")).size == (1 << 63) - 1


def test_a_signer_that_signs_wrongly_is_seen_at_once():
    with pytest.raises(SignatureError):
        sign_checkpoint(HEAD, lambda message: OTHER.sign(message).value, KEY)


def test_a_key_signs_for_its_own_log_only():
    with pytest.raises(ValueError, match=r"log\.other"):
        sign_checkpoint(Checkpoint(origin="log.other", size=3, root=bytes(32)), sign, KEY)


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 1, bytes(32)),
        ("a\nb", 1, bytes(32)),
        ("a", -1, bytes(32)),
        ("a", 1 << 63, bytes(32)),
        ("a", 1, bytes(31)),
    ],
)
def test_a_checkpoint_that_cannot_be_is_not_made(origin: str, size: int, root: bytes):
    with pytest.raises(ValueError, match="log"):
        Checkpoint(origin=origin, size=size, root=root)


def test_a_key_is_one_line():
    assert LogKey.parse(KEY.text) == KEY
    name, hint, encoded = KEY.text.split("+", 2)
    assert (name, len(hint)) == ("log.example", 8)
    assert base64.b64decode(encoded) == b"\1" + KEY.public


def spoilt_keys() -> list[str]:
    name, hint, encoded = KEY.text.split("+", 2)
    other = base64.b64encode(b"\2" + KEY.public).decode()
    short = base64.b64encode(b"\1" + KEY.public[:-1]).decode()
    return [
        "",
        name,
        f"{name}+{hint}",
        f"{name}+{hint}+",
        f"{name}+{hint}+{other}",
        f"{name}+{hint}+{short}",
        f"{name}+00000000+{encoded}",
        f"{name}+{hint.upper()}x+{encoded}",
        f"{name}x+{hint}+{encoded}",
        f"+{hint}+{encoded}",
        f"a b+{hint}+{encoded}",
        f"{name}+{hint}+{encoded}\n",
    ]


@pytest.mark.parametrize("text", spoilt_keys())
def test_what_is_no_key_is_refused(text: str):
    with pytest.raises(MalformedError):
        LogKey.parse(text)


@pytest.mark.parametrize(("name", "public"), [("", bytes(32)), ("a b", bytes(32)), ("a", bytes(31))])
def test_a_key_that_cannot_be_is_not_made(name: str, public: bytes):
    with pytest.raises(ValueError, match=r"log|bytes"):
        LogKey(name=name, public=public)


def test_a_key_that_is_no_point_verifies_nothing():
    key = LogKey(name="log.example", public=b"\xff" * 32)
    with pytest.raises(SignatureError):
        key.verify(b"message", bytes(64))
