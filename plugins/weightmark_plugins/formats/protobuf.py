"""The wire format of protocol buffers, walked without a schema and without reading what is not asked for.

Not promised: groups, which no model format uses; they are refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from weightmark.errors import MalformedError
from weightmark_plugins.formats.window import HINT, Window

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5

_MOST: Final = 10
_MORE: Final = 0x80
_SIZES: Final = {FIXED64: 8, FIXED32: 4}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    Attributes:
        number: the field's number in its schema.
        kind: how it is written: ``VARINT``, ``FIXED32``, ``FIXED64`` or ``BYTES``.
        value: the number; 0 for ``BYTES``.
        start: the first byte of its content.
        stop: the byte after its content.
    """

    number: int
    kind: int
    value: int
    start: int
    stop: int

    @property
    def signed(self) -> int:
        """The number as int64."""
        return self.value - (1 << 64) if self.value >> 63 else self.value


def fields(window: Window, start: int, stop: int) -> Iterator[Field]:
    """Give the fields of one message, in the order of the file; those of kind ``BYTES`` are not read.

    Args:
        window: the file.
        start: the message's first byte.
        stop: the byte after the message.

    Raises:
        MalformedError: the bytes are no such message.

    Source: https://protobuf.dev/programming-guides/encoding/
    """
    position = start
    while position < stop:
        window.step()
        tag, position = varint(window, position, stop)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            first = position
            value, position = varint(window, position, stop)
            yield Field(number, kind, value, first, position)
            continue
        if kind == BYTES:
            size, position = varint(window, position, stop)
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            raise MalformedError(
                f"{window.what} has a field of the unknown kind {kind} at byte {position}", hint=HINT
            )
        if not number or position + size > stop:
            raise MalformedError(
                f"{window.what} has a field at byte {position} of {size} bytes, in a message that ends at "
                f"byte {stop}",
                hint=HINT,
            )
        value = 0 if kind == BYTES else window.integer(position, size)
        yield Field(number, kind, value, position, position + size)
        position += size


def varint(window: Window, position: int, stop: int) -> tuple[int, int]:
    """Read a number of up to 64 bits, seven at a time.

    Returns:
        The number, unsigned, and the byte after it.

    Raises:
        MalformedError: it does not end.
    """
    if position < stop and (first := window.byte(position)) < _MORE:
        return first, position + 1
    value = 0
    data = window.read(position, max(0, min(_MOST, stop - position)))
    for index, byte in enumerate(data):
        value |= (byte & 0x7F) << (7 * index)
        if byte < _MORE:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position + index + 1
    raise MalformedError(f"{window.what} has a number at byte {position} that does not end", hint=HINT)


def varints(window: Window, field: Field, most: int) -> Iterator[int]:
    """Give the numbers of a repeated field, packed or not, as int64.

    Args:
        window: the file.
        field: one occurrence.
        most: how many bytes it may have.

    Raises:
        MalformedError: it is longer, or not such a field.
    """
    if field.kind == VARINT:
        yield field.signed
        return
    if field.kind != BYTES or field.stop - field.start > most:
        raise MalformedError(
            f"{window.what} has a list of numbers at byte {field.start} that is none, or is far too long",
            hint=HINT,
        )
    position = field.start
    while position < field.stop:
        value, position = varint(window, position, field.stop)
        yield value - (1 << 64) if value >> 63 else value
