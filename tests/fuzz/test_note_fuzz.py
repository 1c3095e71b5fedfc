"""Notes, checkpoints and keys from strangers: read or refused as malformed, never anything else."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import MalformedError, SignatureError
from weightmark.log.checkpoint import Checkpoint, LogKey, open_checkpoint, parse_checkpoint, sign_checkpoint
from weightmark.log.note import format_note, parse_note
from weightmark.testing.ledger import FixedSigner

SIGNER = FixedSigner()
KEY = LogKey(name="log.example", public=SIGNER.public_key.raw_ed25519)
NOTE = sign_checkpoint(
    Checkpoint(origin="log.example", size=7, root=bytes(range(32))), lambda text: SIGNER.sign(text).value, KEY
).note
pieces = st.sampled_from(
    ["\n", "\n\n", "— ", "log.example", " ", "AQIDBAU=", "+", "7", "\0", "\r", "\ud800", NOTE]
)
texts = st.text() | st.lists(pieces | st.text(max_size=3)).map("".join)


@given(texts)
def test_a_note_is_read_or_malformed(text: str):
    with suppress(MalformedError):
        note = parse_note(text)
        assert format_note(note.text, note.signatures) == text


@given(texts)
def test_a_checkpoint_is_read_or_malformed(text: str):
    with suppress(MalformedError):
        assert text.startswith(parse_checkpoint(text).text)


@given(texts)
def test_a_key_is_read_or_malformed(text: str):
    with suppress(MalformedError):
        assert LogKey.parse(text).text == text


@given(st.integers(0, len(NOTE) - 1), st.characters(), st.sampled_from(["change", "insert", "delete"]))
def test_one_changed_character_is_seen(at: int, letter: str, kind: str):
    changed = NOTE[:at] + ("" if kind == "delete" else letter) + NOTE[at + (kind != "insert") :]
    if changed != NOTE:
        try:
            open_checkpoint(changed, KEY)
        except (MalformedError, SignatureError):
            return
        raise AssertionError(f"this was believed: {changed!r}")
