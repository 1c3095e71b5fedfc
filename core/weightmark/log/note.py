"""Signed notes: a text that a person can read, and signature lines under it.

Not promised: trust. Parsing says only that the note has the right form; a key says whose signature holds.

Source: C2SP signed-note, v1.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from weightmark.errors import MalformedError

KEY_HASH_SIZE = 4
"""Bytes of the hint that says which key made a signature."""

MAX_NOTE = 1 << 20
"""The longest note that is read, in characters."""

MAX_SIGNATURES = 100
"""The most signature lines that are read."""

_DASH = "— "


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSignature:
    """One signature line.

    Attributes:
        name: the key's name; no spaces, no plus sign.
        key_hash: the first 4 bytes of the key's hash; a hint, not a proof.
        value: the signature's bytes, as the key's type makes them.
    """

    name: str
    key_hash: bytes
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A text and its signatures.

    Attributes:
        text: what is signed, as UTF-8; ends with a newline.
        signatures: one or more, in the order of their lines.
    """

    text: str
    signatures: tuple[NoteSignature, ...]

    def made_by(self, name: str, key_hash: bytes) -> tuple[bytes, ...]:
        """Give the signatures that say they are from one key.

        Args:
            name: the key's name.
            key_hash: its hash's first 4 bytes.

        Returns:
            The signatures' bytes; none when the note does not name the key.

        Raises:
            Nothing: the signatures are not checked here.
        """
        return tuple(each.value for each in self.signatures if (each.name, each.key_hash) == (name, key_hash))


def is_key_name(name: str) -> bool:
    """Say whether a name may stand in a signature line: not empty, printable, no space and no plus sign.

    Raises:
        Nothing.

    >>> is_key_name("example.com/log"), is_key_name("two words")
    (True, False)
    """
    return (
        name != "" and name.isprintable() and "+" not in name and not any(letter.isspace() for letter in name)
    )


def format_note(text: str, signatures: Sequence[NoteSignature]) -> str:
    """Write a note.

    Args:
        text: what was signed; ends with a newline.
        signatures: at least one.

    Returns:
        The text, an empty line, and one line for each signature.

    Raises:
        ValueError: the text or a name cannot stand in a note, or there is no signature.
    """
    if not _is_text(text) or not 1 <= len(signatures) <= MAX_SIGNATURES:
        raise ValueError("a note is a text of whole lines and one to a hundred signatures")
    lines: list[str] = []
    for each in signatures:
        if not is_key_name(each.name) or len(each.key_hash) != KEY_HASH_SIZE or not each.value:
            raise ValueError(f"{each.name!r} with {len(each.key_hash)} bytes of key hash cannot sign a note")
        lines.append(f"{_DASH}{each.name} {base64.b64encode(each.key_hash + each.value).decode()}\n")
    return f"{text}\n{''.join(lines)}"


def parse_note(note: str, *, what: str = "the signed note") -> Note:
    """Read a note; what is not exactly the written form is refused.

    Args:
        note: the whole text.
        what: its name in messages.

    Returns:
        The text and the signatures, not yet checked.

    Raises:
        MalformedError: it is no signed note; the message says why.
    """
    if len(note) > MAX_NOTE:
        raise MalformedError(f"{what} has {len(note)} characters, more than {MAX_NOTE}")
    text, blank, tail = note.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        raise MalformedError(f"{what} has no empty line with whole signature lines after it")
    text += "\n"
    if not _is_text(text):
        raise MalformedError(f"{what} holds characters that cannot stand in a note")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise MalformedError(f"{what} has {len(lines)} signatures, more than {MAX_SIGNATURES}")
    return Note(text=text, signatures=tuple(_parse_line(line, what) for line in lines))


def decode_base64(text: str, *, what: str) -> bytes:
    """Read base64 in its one written form: standard alphabet, padded, no stray bits.

    Raises:
        MalformedError: it is anything else.

    >>> decode_base64("AQ==", what="the example").hex()
    '01'
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedError(f"{what} is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise MalformedError(f"{what} is not base64 in its one written form")
    return data


def _parse_line(line: str, what: str) -> NoteSignature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not is_key_name(name):
        raise MalformedError(f"a signature line of {what} is {line[:60]!r}, not '— name base64'")
    data = decode_base64(encoded, what=f"the signature of {name!r} in {what}")
    if len(data) <= KEY_HASH_SIZE:
        raise MalformedError(
            f"the signature of {name!r} in {what} has {len(data)} bytes; that is no signature"
        )
    return NoteSignature(name=name, key_hash=data[:KEY_HASH_SIZE], value=data[KEY_HASH_SIZE:])


def _is_text(text: str) -> bool:
    return (
        text.endswith("\n")
        and text != "\n"
        and not any((letter < " " and letter != "\n") or "\ud800" <= letter <= "\udfff" for letter in text)
    )
