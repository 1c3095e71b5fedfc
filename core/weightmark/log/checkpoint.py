"""Checkpoints: a log's name, size and root, signed.

Not promised: that two readers were shown the same log; comparing checkpoints, or a witness, shows that.

Source: C2SP tlog-checkpoint, v1; the keys are Ed25519 note keys of C2SP signed-note, v1.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from weightmark.encoding.digest import DIGEST_SIZE
from weightmark.errors import MalformedError, SignatureError
from weightmark.log.note import (
    KEY_HASH_SIZE,
    NoteSignature,
    decode_base64,
    format_note,
    is_key_name,
    parse_note,
)

MAX_SIZE = (1 << 63) - 1
"""The most entries that a checkpoint may speak of."""

_ED25519 = b"\x01"
_PUBLIC_SIZE = 32
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,18})\Z")
_HEXADECIMAL = re.compile(r"[0-9a-f]{8}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKey:
    """The public key that checks a log's checkpoints.

    Attributes:
        name: the log's origin; printable, no spaces, no plus sign.
        public: the Ed25519 public key, 32 bytes.

    Raises:
        ValueError: on making one, when the name or the key's length is wrong.
    """

    name: str
    public: bytes

    def __post_init__(self) -> None:
        """Refuse what cannot stand in a note."""
        if not is_key_name(self.name):
            raise ValueError(
                f"{self.name!r} cannot name a log: it must be printable, without spaces and plus signs"
            )
        if len(self.public) != _PUBLIC_SIZE:
            raise ValueError(f"an Ed25519 public key has {_PUBLIC_SIZE} bytes, not {len(self.public)}")

    @property
    def key_hash(self) -> bytes:
        """The first 4 bytes of SHA-256 over name, newline, key type and key."""
        whole = hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public)
        return whole.digest()[:KEY_HASH_SIZE]

    @property
    def text(self) -> str:
        """The key as one line: ``name+keyhash+base64``, a C2SP vkey."""
        return f"{self.name}+{self.key_hash.hex()}+{b64encode(_ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> "LogKey":
        """Read a key.

        Args:
            text: ``name+keyhash+base64``.

        Returns:
            The key.

        Raises:
            MalformedError: it is no such line, is of another type, or its hash is not its own.
        """
        name, _, rest = text.partition("+")
        hint, _, encoded = rest.partition("+")
        what = f"the log key of {name[:60]!r}"
        if _HEXADECIMAL.match(hint) is None:
            raise MalformedError(f"{what} is not of the form 'name+keyhash+base64'")
        data = decode_base64(encoded, what=what)
        if data[:1] != _ED25519:
            raise MalformedError(f"{what} is not an Ed25519 key")
        try:
            key = cls(name=name, public=data[1:])
        except ValueError as error:
            raise MalformedError(f"{what}: {error}") from error
        if key.key_hash.hex() != hint:
            raise MalformedError(f"{what} says its hash is {hint}, but it is {key.key_hash.hex()}")
        return key

    def verify(self, message: bytes, signature: bytes) -> None:
        """Check one signature.

        Args:
            message: what was signed.
            signature: 64 bytes.

        Raises:
            SignatureError: the signature does not fit the message and this key.
        """
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError) as error:
            raise SignatureError(f"the signature does not fit the log key of {self.name}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a log commits to.

    Attributes:
        origin: the log's name.
        size: the number of entries.
        root: the RFC 6962 root over them, 32 bytes, SHA-256.

    Raises:
        ValueError: on making one, when a value cannot stand in a checkpoint.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        """Refuse what cannot be written."""
        if not self.origin or not self.origin.isprintable():
            raise ValueError(f"{self.origin!r} cannot name a log")
        if not 0 <= self.size <= MAX_SIZE or len(self.root) != DIGEST_SIZE:
            raise ValueError(f"a log of {self.size} entries with a root of {len(self.root)} bytes cannot be")

    @property
    def text(self) -> str:
        """The three lines that are signed: origin, size in decimal, root in base64."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCheckpoint:
    """A checkpoint and the note it was read from.

    Attributes:
        checkpoint: what the note says.
        note: the whole signed note; this is the evidence, the rest can be read from it.
    """

    checkpoint: Checkpoint
    note: str


def sign_checkpoint(
    checkpoint: Checkpoint, signer_sign: Callable[[bytes], bytes], key: LogKey
) -> SignedCheckpoint:
    """Sign a checkpoint, and check the signature before it is handed on.

    Args:
        checkpoint: what to sign; its origin is the key's name.
        signer_sign: makes an Ed25519 signature of 64 bytes over the bytes it is given.
        key: the public half.

    Returns:
        The checkpoint with its note.

    Raises:
        ValueError: the checkpoint is of another log than the key.
        SignatureError: what was made does not fit the key.
    """
    if checkpoint.origin != key.name:
        raise ValueError(f"the key of {key.name} does not sign for {checkpoint.origin}")
    message = checkpoint.text.encode()
    signature = signer_sign(message)
    key.verify(message, signature)
    line = NoteSignature(name=key.name, key_hash=key.key_hash, value=signature)
    return SignedCheckpoint(checkpoint=checkpoint, note=format_note(checkpoint.text, [line]))


def parse_checkpoint(text: str, *, what: str = "the checkpoint") -> Checkpoint:
    """Read a checkpoint's lines, without a signature.

    Args:
        text: origin, size and root, one a line; more lines may follow and are passed over.
        what: its name in messages.

    Returns:
        What the lines say.

    Raises:
        MalformedError: they are not such lines.
    """
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] != "" or "" in lines[:-1]:  # noqa: PLR2004 three lines and the end of the last
        raise MalformedError(f"{what} does not have the lines origin, size and root")
    origin, size, root = lines[:3]
    if _DECIMAL.match(size) is None:
        raise MalformedError(f"the size in {what} is {size[:30]!r}, not a plain number")
    try:
        return Checkpoint(origin=origin, size=int(size), root=decode_base64(root, what=f"the root in {what}"))
    except ValueError as error:
        raise MalformedError(f"{what}: {error}") from error


def open_checkpoint(note: str, key: LogKey) -> SignedCheckpoint:
    """Read a signed checkpoint and check its signature.

    Signatures of other keys are passed over; each one that names this key must hold.

    Args:
        note: the whole signed note.
        key: the log's key; its name is the origin that the checkpoint must have.

    Returns:
        The checkpoint: the evidence.

    Raises:
        MalformedError: it is no signed checkpoint.
        SignatureError: this key did not sign it.
    """
    what = f"the checkpoint of {key.name}"
    parsed = parse_note(note, what=what)
    signatures = parsed.made_by(key.name, key.key_hash)
    if not signatures:
        raise SignatureError(f"{what} has no signature by its key {key.key_hash.hex()}")
    for signature in signatures:
        key.verify(parsed.text.encode(), signature)
    checkpoint = parse_checkpoint(parsed.text, what=what)
    if checkpoint.origin != key.name:
        raise SignatureError(f"the key of {key.name} signed a checkpoint of {checkpoint.origin[:60]!r}")
    return SignedCheckpoint(checkpoint=checkpoint, note=note)
