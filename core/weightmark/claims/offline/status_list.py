"""Status lists: which of many grants hold, a few bits each, packed and compressed.

Not here: who says so and until when; see ``status_token``.

Source: draft-ietf-oauth-status-list-18 (Token Status List), sections 4 and 7; RFC 1950 for zlib.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from weightmark.encoding import Json, Record
from weightmark.errors import MalformedError

MAX_PACKED: Final = 4 << 20
"""Bytes of a list when it is unpacked: 16 million grants of 2 bits. What unpacks to more is refused."""

WIDTHS: Final = (1, 2, 4, 8)
BITS: Final = 2
"""Bits for each grant in the lists that are made here."""

_WHAT = "the status list"


class Status(IntEnum):
    """What a list says of a grant; other values have no meaning here."""

    VALID = 0
    INVALID = 1
    SUSPENDED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusList:
    """So many statuses, packed.

    Args:
        bits: bits of each: 1, 2, 4 or 8.
        packed: the statuses; in each byte the first lies in the lowest bits.

    Raises:
        MalformedError: the width is another one, or there are more than ``MAX_PACKED`` bytes.
    """

    bits: int
    packed: bytes

    def __post_init__(self) -> None:
        """Check the parts."""
        if self.bits not in WIDTHS:
            raise MalformedError(f"{_WHAT} has {self.bits} bits for each status, not 1, 2, 4 or 8")
        if len(self.packed) > MAX_PACKED:
            raise MalformedError(f"{_WHAT} has {len(self.packed)} bytes; at most {MAX_PACKED} are taken")

    def __len__(self) -> int:
        """Give how many statuses there is room for."""
        return len(self.packed) * (8 // self.bits)

    def __getitem__(self, index: int) -> int:
        """Give one status.

        Raises:
            IndexError: the list ends before it.
        """
        if not 0 <= index < len(self):
            raise IndexError(index)
        byte, place = divmod(index, 8 // self.bits)
        return (self.packed[byte] >> (place * self.bits)) & ((1 << self.bits) - 1)

    @classmethod
    def pack(cls, statuses: Mapping[int, int], *, size: int, bits: int = BITS) -> Self:
        """Pack statuses.

        Args:
            statuses: by their places; all others are 0.
            size: how many places there are at least; filled up to whole bytes.
            bits: bits of each.

        Raises:
            MalformedError: the width is not known, or the list would be too long.
            ValueError: a place lies outside, or a status has more bits.
        """
        if bits not in WIDTHS or size * bits > MAX_PACKED * 8:
            raise MalformedError(f"{_WHAT} cannot hold {size} statuses of {bits} bits")
        packed = bytearray(-(-size * bits // 8))
        for index, status in statuses.items():
            if not 0 <= index < size or not 0 <= status < 1 << bits:
                raise ValueError(
                    f"the status {status} at {index} does not fit {size} statuses of {bits} bits"
                )
            byte, place = divmod(index, 8 // bits)
            packed[byte] |= status << (place * bits)
        return cls(bits=bits, packed=bytes(packed))

    def to_json(self) -> dict[str, Json]:
        """Write it compressed, as a member of a token.

        Raises:
            Nothing.
        """
        from joserfc.util import urlsafe_b64encode

        return {"bits": self.bits, "lst": urlsafe_b64encode(zlib.compress(self.packed, 9)).decode()}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read it; never more than ``MAX_PACKED`` bytes are unpacked.

        Raises:
            MalformedError: it is no compressed list, or unpacks to more.
        """
        from joserfc.util import urlsafe_b64decode

        bits, text = record.integer("bits"), record.text("lst")
        try:
            data = urlsafe_b64decode(text.encode("ascii"))
        except (ValueError, TypeError) as error:
            raise MalformedError(f"'lst' in {record.what} is not base64url") from error
        return cls(bits=bits, packed=_inflate(data))


def _inflate(data: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        packed = unpacking.decompress(data, MAX_PACKED + 1)
    except zlib.error as error:
        raise MalformedError(f"{_WHAT} is not compressed with zlib: {error}") from error
    if len(packed) > MAX_PACKED:
        raise MalformedError(f"{_WHAT} unpacks to more than {MAX_PACKED} bytes, the most that are taken")
    if not unpacking.eof or unpacking.unused_data or unpacking.unconsumed_tail:
        raise MalformedError(f"{_WHAT} is cut off, or goes on after its end")
    return packed
