"""The bundle: an envelope and all that is needed to verify it without a network.

Written as a Sigstore bundle v0.3, so that tools which know that form can find their way in it. The log entry
is of our own kind: its leaf, and so its ``canonicalizedBody``, is the envelope's canonical bytes, its
checkpoint a C2SP signed note, and ``logId.keyId`` the 4-byte key hash of the log's note key.

Not promised: that it verifies. Reading checks that the parts agree with each other, not that any is signed.
"""

import base64
import re
from dataclasses import dataclass
from typing import Self

from weightmark.claims.envelope import Envelope
from weightmark.encoding import Json, Record, decode, encode
from weightmark.errors import MalformedError
from weightmark.log.checkpoint import MAX_SIZE as MAX_ENTRIES
from weightmark.log.checkpoint import SignedCheckpoint, parse_checkpoint
from weightmark.log.merkle import MAX_PROOF
from weightmark.log.note import Note, decode_base64, parse_note
from weightmark.log.proof import InclusionProof
from weightmark.log.receipt import Receipt
from weightmark.vocabulary import BUNDLE_MEDIA_TYPE

MAX_SIZE = 4 << 20
"""Bytes of an encoded bundle; a longer one is not read."""

ENTRY_KIND = "weightmark"
ENTRY_VERSION = "1"

_NUMBER = re.compile(r"(0|[1-9][0-9]{0,18})\Z")
_HINT = "Ask for the bundle again from whoever made it; do not edit it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """An envelope, and the receipt of the ledger that recorded it.

    Args:
        envelope: the signed statement.
        receipt: that it was recorded; None when it was not, or not yet.
    """

    envelope: Envelope
    receipt: Receipt | None = None

    def encode(self) -> bytes:
        """Write the bundle as canonical JSON.

        Raises:
            MalformedError: the receipt's checkpoint is not signed by the log it names.

        Source: sigstore protobuf-specs, sigstore_bundle.proto and sigstore_rekor.proto; RFC 8785.
        """
        entries: list[Json] = [] if self.receipt is None else [_entry_to_json(self.receipt, self.envelope)]
        return encode(
            {
                "mediaType": BUNDLE_MEDIA_TYPE,
                "verificationMaterial": {
                    "publicKey": {"hint": self.envelope.signatures[0].key_id},
                    "tlogEntries": entries,
                },
                "dsseEnvelope": self.envelope.to_json(),
            }
        )

    @classmethod
    def decode(cls, data: bytes, *, what: str = "the bundle") -> Self:
        """Read a bundle strictly.

        Args:
            data: JSON of at most ``MAX_SIZE`` bytes.
            what: its name in messages.

        Raises:
            MalformedError: it is not such a bundle, or its parts do not agree with each other.
        """
        if len(data) > MAX_SIZE:
            raise MalformedError(f"{what} has {len(data)} bytes; at most {MAX_SIZE} are read")
        record = Record(decode(data, what=what), what)
        _expect(record, "mediaType", BUNDLE_MEDIA_TYPE)
        material = record.record("verificationMaterial")
        envelope = Envelope.from_record(record.record("dsseEnvelope"))
        record.done()
        key = material.record("publicKey")
        _expect(key, "hint", envelope.signatures[0].key_id)
        key.done()
        entries = list(material.records("tlogEntries", required=False))
        material.done()
        if len(entries) > 1:
            raise MalformedError(f"{what} has {len(entries)} log entries; expected at most 1", hint=_HINT)
        return cls(envelope=envelope, receipt=_entry_from_record(entries[0], envelope) if entries else None)


def _entry_to_json(receipt: Receipt, envelope: Envelope) -> Json:
    proof, signed = receipt.proof, receipt.checkpoint
    note = parse_note(signed.note, what="the receipt's checkpoint")
    hashes: list[Json] = [_base64(each) for each in proof.hashes]
    return {
        "logIndex": str(receipt.index),
        "logId": {"keyId": _log_id(note, signed.checkpoint.origin)},
        "kindVersion": {"kind": ENTRY_KIND, "version": ENTRY_VERSION},
        "integratedTime": "0",
        "canonicalizedBody": _base64(envelope.encode()),
        "inclusionProof": {
            "logIndex": str(proof.index),
            "rootHash": _base64(signed.checkpoint.root),
            "treeSize": str(proof.size),
            "hashes": hashes,
            "checkpoint": {"envelope": signed.note},
        },
    }


def _entry_from_record(record: Record, recorded: Envelope) -> Receipt:
    index = _number(record, "logIndex")
    kind = record.record("kindVersion")
    _expect(kind, "kind", ENTRY_KIND)
    _expect(kind, "version", ENTRY_VERSION)
    kind.done()
    _expect(record, "integratedTime", "0")
    _expect(record, "canonicalizedBody", _base64(recorded.encode()))
    item = record.record("inclusionProof")
    proof = InclusionProof(
        index=_number(item, "logIndex"), size=_number(item, "treeSize"), hashes=_hashes(item)
    )
    envelope = item.record("checkpoint")
    text = envelope.text("envelope")
    envelope.done()
    what = f"the checkpoint in {record.what}"
    note = parse_note(text, what=what)
    checkpoint = parse_checkpoint(note.text, what=what)
    _expect(item, "rootHash", _base64(checkpoint.root))
    item.done()
    log = record.record("logId")
    _expect(log, "keyId", _log_id(note, checkpoint.origin))
    log.done()
    record.done()
    if proof.index != index or proof.size != checkpoint.size or index >= checkpoint.size:
        raise MalformedError(
            f"{record.what} is for entry {index}, its proof for entry {proof.index} of {proof.size}, "
            f"its checkpoint of {checkpoint.size} entries",
            hint=_HINT,
        )
    return Receipt(index=index, proof=proof, checkpoint=SignedCheckpoint(checkpoint=checkpoint, note=text))


def _hashes(record: Record) -> tuple[bytes, ...]:
    texts = record.texts("hashes", required=False)
    if len(texts) > MAX_PROOF:
        raise MalformedError(
            f"{record.what} has {len(texts)} hashes; expected at most {MAX_PROOF}", hint=_HINT
        )
    return tuple(decode_base64(text, what=f"a hash of {record.what}") for text in texts)


def _number(record: Record, key: str) -> int:
    """Read a 64-bit integer, which protobuf's JSON writes as a string."""
    text = record.text(key)
    if _NUMBER.match(text) is None or int(text) > MAX_ENTRIES:
        raise MalformedError(f"{key!r} in {record.what} is {text[:40]!r}, not a number as text", hint=_HINT)
    return int(text)


def _expect(record: Record, key: str, expected: str) -> None:
    found = record.text(key)
    if found != expected:
        raise MalformedError(f"{key!r} in {record.what} is {found[:80]!r}, not {expected!r}", hint=_HINT)


def _log_id(note: Note, origin: str) -> str:
    """Give the hash of the key with which the log signed, as base64."""
    for signature in note.signatures:
        if signature.name == origin:
            return _base64(signature.key_hash)
    raise MalformedError(f"the checkpoint of {origin[:80]!r} has no signature by that log", hint=_HINT)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
