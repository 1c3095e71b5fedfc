"""Signed totals of a chain as a short text: to be read aloud, typed, or shown as a QR code.

Letters and digits of base32 alone, which a QR code packs densely; dashes and spaces do not matter.

Not promised: the entries behind them. Only the chain's file shows that nothing is missing in between.
"""

import base64
import binascii
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from weightmark.claims.envelope import Signature, pre_authentication
from weightmark.claims.offline.usage_chain import UsageChain
from weightmark.claims.trust import TrustRoot
from weightmark.claims.usage import check_totals
from weightmark.encoding import Algorithm, Digest, KeyId, digest_bytes, format_digest, parse_digest
from weightmark.errors import ExpiredError, MalformedError, SignatureError, UntrustedKeyError
from weightmark.vocabulary import USAGE_TOTALS_MEDIA_TYPE

MAX_TEXT: Final = 4_000
"""Characters of a text; a longer one is not read."""

_VERSION: Final = 1
_HEAD: Final = struct.Struct(">B8s16sB32sB32sQQQB")
_UNITS: Final = struct.Struct(">Q")
_CHECK: Final = 4
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ALGORITHMS: Final[tuple[Algorithm, ...]] = (Algorithm.SHA256, Algorithm.BLAKE3)
_HINT: Final = "Type or scan it again: `weightmark usage offline export --text`."


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageText:
    """What a chain comes to.

    Args:
        chain: its id.
        grant: the grant's id.
        head: the digest of its last entry.
        last: that entry's number.
        began: the time of its first entry, with a zone.
        ended: the time of its last, with a zone.
        totals: units by name, of all entries.
    """

    chain: str
    grant: Digest
    head: Digest
    last: int
    began: datetime
    ended: datetime
    totals: Mapping[str, int]

    @classmethod
    def of(cls, chain: UsageChain) -> "UsageText":
        """Say what a chain comes to.

        Raises:
            ValueError: it has no entries.
        """
        if chain.began is None or chain.ended is None:
            raise ValueError(f"the chain {chain.header.chain} has no entries")
        return cls(
            chain=chain.header.chain,
            grant=chain.header.grant,
            head=chain.entries[-1],
            last=len(chain.entries),
            began=chain.began,
            ended=chain.ended,
            totals=chain.totals,
        )

    def sign(self, key_id: KeyId, sign: Callable[[bytes], Signature]) -> str:
        """Write and sign it.

        Args:
            key_id: of the key that signs.
            sign: signs with it.

        Returns:
            Groups of eight characters, with dashes between them.

        Raises:
            WeightmarkError: the signer could not sign.
        """
        grant, head = parse_digest(self.grant), parse_digest(self.head)
        body = _HEAD.pack(
            _VERSION,
            bytes.fromhex(key_id[:16]),
            bytes.fromhex(self.chain),
            _ALGORITHMS.index(grant[0]),
            grant[1],
            _ALGORITHMS.index(head[0]),
            head[1],
            self.last,
            _microseconds(self.began),
            _microseconds(self.ended),
            len(self.totals),
        )
        for name, units in sorted(self.totals.items()):
            raw = name.encode()
            body += bytes([len(raw)]) + raw + _UNITS.pack(units)
        signature = sign(pre_authentication(USAGE_TOTALS_MEDIA_TYPE, body)).value
        signed = body + bytes([len(signature)]) + signature
        text = base64.b32encode(signed + _checksum(signed)).decode("ascii").rstrip("=")
        return "-".join(text[start : start + 8] for start in range(0, len(text), 8))

    @classmethod
    def verify(cls, text: str, trust: TrustRoot) -> "tuple[UsageText, str]":
        """Read a text and check its signature.

        Args:
            text: in upper or lower case.
            trust: whose keys are whose.

        Returns:
            The totals, and who signed them.

        Raises:
            MalformedError: it is no such text, or a character of it is wrong.
            UntrustedKeyError: it is signed by a key that is not trusted.
            SignatureError: the signature does not fit.
            ExpiredError: the key was not valid when the chain ended.
        """
        signed = _decode(text)
        try:
            totals, body, key_hint, signature = _read(signed)
        except (struct.error, IndexError, UnicodeDecodeError, OverflowError) as error:
            raise MalformedError("the text is no totals of a chain", hint=_HINT) from error
        for trusted in trust.keys:
            if trusted.key.key_id.startswith(key_hint):
                try:
                    trusted.key.verify(pre_authentication(USAGE_TOTALS_MEDIA_TYPE, body), signature)
                except SignatureError as error:
                    raise SignatureError("the totals are not signed by the key that they name") from error
                if not trusted.is_valid(totals.ended):
                    raise ExpiredError(f"the key of {trusted.identity} did not count when the chain ended")
                return totals, trusted.identity
        raise UntrustedKeyError(
            f"the totals are signed by the key {key_hint}…, which is not in the trust root"
        )


def _read(signed: bytes) -> tuple[UsageText, bytes, str, bytes]:
    fields: tuple[int, bytes, bytes, int, bytes, int, bytes, int, int, int, int] = _HEAD.unpack_from(signed)
    version, hint, chain, grant_by, grant, head_by, head, last, began, ended, count = fields
    if version != _VERSION or not last or max(grant_by, head_by) >= len(_ALGORITHMS):
        raise MalformedError("the text is no totals of a chain that are known here", hint=_HINT)
    position = _HEAD.size
    totals: dict[str, int] = {}
    for _ in range(count):
        size = signed[position]
        name = signed[position + 1 : position + 1 + size].decode()
        (totals[name],) = _UNITS.unpack_from(signed, position + 1 + size)
        position += 1 + size + _UNITS.size
    check_totals(totals)
    body, size = signed[:position], signed[position]
    signature = signed[position + 1 :]
    if len(signature) != size or len(totals) != count or ended < began:
        raise MalformedError("the text is no totals of a chain", hint=_HINT)
    return (
        UsageText(
            chain=chain.hex(),
            grant=format_digest(_ALGORITHMS[grant_by], grant),
            head=format_digest(_ALGORITHMS[head_by], head),
            last=last,
            began=_moment(began),
            ended=_moment(ended),
            totals=totals,
        ),
        body,
        hint.hex(),
        signature,
    )


def _decode(text: str) -> bytes:
    plain = "".join(text.split()).replace("-", "").upper()
    if len(plain) > MAX_TEXT:
        raise MalformedError(f"the text has {len(plain)} characters; at most {MAX_TEXT} are read", hint=_HINT)
    try:
        data = base64.b32decode(plain + "=" * (-len(plain) % 8))
    except (binascii.Error, ValueError) as error:
        raise MalformedError("the text is not base32", hint=_HINT) from error
    signed, check = data[:-_CHECK], data[-_CHECK:]
    if _checksum(signed) != check:
        raise MalformedError("a character of the text is wrong or missing", hint=_HINT)
    return signed


def _checksum(data: bytes) -> bytes:
    return parse_digest(digest_bytes(data))[1][:_CHECK]


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(value: int) -> datetime:
    return _EPOCH + timedelta(microseconds=value)
