"""The envelope: a payload and the signatures over it.

Not promised: that a signature is good. An envelope only carries them.
"""

import base64
import re
from dataclasses import dataclass
from typing import Self

from weightmark.encoding import Json, KeyId, Record, decode
from weightmark.errors import MalformedError
from weightmark.log.note import decode_base64

MAX_SIZE = 1 << 20
"""Bytes of an encoded envelope; a longer one is not read."""

MAX_SIGNATURES = 64

_PLAIN = re.compile(r"[ !#-\[\]-~]{1,255}\Z")  # printable ASCII that JSON writes as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature and the id of the key that made it.

    Args:
        key_id: whose; a hint for finding the key, proves nothing by itself.
        value: the signature's bytes, in the form of the key's scheme.
    """

    key_id: KeyId
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A signed payload; signatures stand in order of their key ids.

    Args:
        payload: the bytes that were signed.
        payload_type: what they are; printable ASCII, at most 255 characters.
        signatures: at least one, at most ``MAX_SIGNATURES``, no two of one key.

    Raises:
        MalformedError: one of these does not hold.
    """

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        """Check the parts and put the signatures in order."""
        if _PLAIN.match(self.payload_type) is None:
            raise MalformedError(f"the envelope's payload type {self.payload_type[:80]!r} is not plain ASCII")
        if not 1 <= len(self.signatures) <= MAX_SIGNATURES:
            raise MalformedError(
                f"the envelope has {len(self.signatures)} signatures; expected 1 to {MAX_SIGNATURES}"
            )
        seen: set[str] = set()
        for signature in self.signatures:
            if _PLAIN.match(signature.key_id) is None:
                raise MalformedError(f"the envelope's key id {signature.key_id[:80]!r} is not plain ASCII")
            if signature.key_id in seen:
                raise MalformedError(
                    f"the envelope has two signatures of the key {signature.key_id[:80]}",
                    hint="Name each signer once.",
                )
            seen.add(signature.key_id)
        object.__setattr__(self, "signatures", tuple(sorted(self.signatures, key=lambda item: item.key_id)))

    @property
    def signed_bytes(self) -> bytes:
        """What every signature is over: payload and type, joined so that neither passes for the other."""
        return pre_authentication(self.payload_type, self.payload)

    def encode(self) -> bytes:
        """Write the envelope as canonical JSON: the bytes that a ledger records.

        Written by hand, because base64 and plain ASCII need no escapes and the names are in order already;
        the same bytes as the canonicaliser's, several times as fast.

        Returns:
            UTF-8 bytes, the same for equal envelopes.

        Raises:
            Nothing.

        Source: DSSE 1.0.2, envelope.md; RFC 8785.
        """
        signatures = ",".join(
            f'{{"keyid":"{signature.key_id}","sig":"{_base64(signature.value)}"}}'
            for signature in self.signatures
        )
        return (
            f'{{"payload":"{_base64(self.payload)}","payloadType":"{self.payload_type}","signatures":[{signatures}]}}'
        ).encode("ascii")

    def to_json(self) -> Json:
        """Give the envelope as a member of a bundle.

        Raises:
            Nothing.
        """
        signatures: list[Json] = [
            {"keyid": item.key_id, "sig": _base64(item.value)} for item in self.signatures
        ]
        return {
            "payload": _base64(self.payload),
            "payloadType": self.payload_type,
            "signatures": signatures,
        }

    @classmethod
    def decode(cls, data: bytes, *, what: str = "the envelope") -> Self:
        """Read an envelope strictly.

        Args:
            data: JSON of at most ``MAX_SIZE`` bytes.
            what: its name in messages.

        Raises:
            MalformedError: it is not a DSSE envelope; the message says what is wrong.

        Source: DSSE 1.0.2, envelope.md; only the standard base64 alphabet, with padding, is read.
        """
        if len(data) > MAX_SIZE:
            raise MalformedError(f"{what} has {len(data)} bytes; at most {MAX_SIZE} are read")
        return cls.from_record(Record(decode(data, what=what), what))

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read an envelope from JSON that was read already.

        Raises:
            MalformedError: it is not a DSSE envelope.
        """
        payload = decode_base64(record.text("payload"), what=f"'payload' in {record.what}")
        payload_type = record.text("payloadType")
        signatures: list[Signature] = []
        for item in record.records("signatures"):
            value = decode_base64(item.text("sig"), what=f"'sig' in {item.what}")
            signatures.append(Signature(key_id=KeyId(item.text("keyid")), value=value))
            item.done()
        record.done()
        return cls(payload=payload, payload_type=payload_type, signatures=tuple(signatures))


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """Join a payload and its type into what is signed.

    Args:
        payload_type: any text; its length is counted in UTF-8 bytes.
        payload: any bytes.

    Returns:
        DSSE's pre-authentication encoding.

    Raises:
        UnicodeEncodeError: the type has no UTF-8 form.

    Source: DSSE 1.0.2, protocol.md.

    >>> pre_authentication("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
