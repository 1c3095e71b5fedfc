"""The messages in the header of an HDF5 object: what numbers it has, how many, and where.

Not promised: every message; those that say nothing of that are skipped.
"""

from dataclasses import dataclass
from typing import Final

from weightmark.errors import MalformedError
from weightmark_plugins.formats.window import HINT, Window, show

SPACE: Final = 0x01
LINKS: Final = 0x02
TYPE: Final = 0x03
LINK: Final = 0x06
EXTERNAL: Final = 0x07
LAYOUT: Final = 0x08
ATTRIBUTE: Final = 0x0C
CONTINUATION: Final = 0x10
SYMBOLS: Final = 0x11

SHARED: Final = 0x02
"""The flag of a message that stands elsewhere."""

_INTEGER, _FLOAT, _OPAQUE, _ENUM = 0, 1, 5, 8
_FLOATS: Final = {
    (2, 10, 5): "float16",
    (2, 7, 8): "bfloat16",
    (4, 23, 8): "float32",
    (8, 52, 11): "float64",
    (1, 3, 4): "float8_e4m3fn",
    (1, 2, 5): "float8_e5m2",
}
"""By bytes, bits of the mantissa, and bits of the exponent."""

_SIZES: Final = {1, 2, 4, 8}
_MAX_RANK: Final = 32
_LAYOUTS: Final = {3, 4}
_AGAIN: Final = "Save the model again with Keras, which stores weights in one piece and without compression."


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message.

    Attributes:
        kind: what it is about.
        flags: how it is to be taken.
        start: its first byte.
        stop: the byte after it.
    """

    kind: int
    flags: int
    start: int
    stop: int


def read_space(window: Window, message: Message) -> tuple[int, ...] | None:
    """Read a dataspace; None for one without elements.

    Raises:
        MalformedError: it is damaged.

    Source: HDF5 File Format Specification 3.0, section IV.A.2.b.
    """
    data = _take(window, message, 4)
    version, rank = data[0], data[1]
    start = {1: 8, 2: 4}.get(version, 0)
    if not start or rank > _MAX_RANK or start + 8 * rank > message.stop - message.start:
        raise _fail(window, f"a dataspace of version {version} and {rank} dimensions")
    if version == 2 and data[3] == 2:  # noqa: PLR2004 - version 2 says when there is no value
        return None
    return tuple(window.integer(message.start + start + 8 * index, 8) for index in range(rank))


def read_type(window: Window, message: Message) -> tuple[str, int, bool]:
    """Read a datatype.

    Keras stores bfloat16 as two opaque bytes, and NumPy's bool is an enumeration of one byte.

    Returns:
        The field's name for it (``""`` for texts, references and other things that are no numbers), bytes of
        one number, and whether they are big-endian.

    Raises:
        MalformedError: it is damaged, or a number of an unknown kind.

    Source: HDF5 File Format Specification 3.0, section IV.A.2.d.
    """
    data = _take(window, message, 8)
    kind, bits, size = data[0] & 15, data[1], int.from_bytes(data[4:8], "little")
    big = bool(bits & 1) and size > 1
    if kind == _INTEGER and size in _SIZES:
        offset, precision = _numbers(_take(window, message, 12)[8:12])
        if not offset and precision == 8 * size:
            return f"{'int' if bits & 8 else 'uint'}{8 * size}", size, big
    elif kind == _FLOAT:
        more = _take(window, message, 20)
        exponent, mantissa = more[13], more[15]
        found = _FLOATS.get((size, mantissa, exponent))
        if found is not None and not bits & 0x40:
            return found, size, big
    elif kind == _ENUM and size == 1:
        return "bool", 1, False
    elif kind == _OPAQUE and size == 2:  # noqa: PLR2004 - bfloat16
        return "bfloat16", 2, False
    elif kind not in {_INTEGER, _FLOAT, _OPAQUE, _ENUM}:
        return "", size, False
    raise _fail(window, f"numbers of the unknown type {kind} with {size} bytes")


def read_layout(window: Window, message: Message, name: str) -> tuple[int, int]:
    """Read where a dataset's bytes lie.

    Returns:
        Its first byte, and how many bytes are stored.

    Raises:
        MalformedError: it is damaged, in chunks, elsewhere, or was never written.

    Source: HDF5 File Format Specification 3.0, section IV.A.2.i.
    """
    version, kind = _take(window, message, 2)
    if version not in _LAYOUTS:
        raise _fail(window, f"a layout of the unknown version {version}")
    if kind == 0:
        size = int.from_bytes(_take(window, message, 4)[2:4], "little")
        if message.start + 4 + size > message.stop:
            raise _fail(window, f"{size} bytes of {show(name)} that go beyond its header")
        return message.start + 4, size
    if kind != 1:
        how = {2: "in chunks or compressed", 3: "as a view of other files"}.get(kind, "in an unknown way")
        raise MalformedError(f"{window.what} has {show(name)} stored {how}", hint=_AGAIN)
    data = _take(window, message, 18)
    start, size = int.from_bytes(data[2:10], "little"), int.from_bytes(data[10:18], "little")
    if start == (1 << 64) - 1:
        return 0, 0
    if start + size > window.size:
        raise _fail(window, f"{show(name)} from byte {start} to {start + size} of {window.size}")
    return start, size


def read_link(window: Window, message: Message) -> tuple[str, int]:
    """Read a link.

    Returns:
        The member's name, and its header's address.

    Raises:
        MalformedError: it is damaged, or leads elsewhere.

    Source: HDF5 File Format Specification 3.0, section IV.A.2.g.
    """
    version, flags = _take(window, message, 2)
    position = message.start + 2
    kind = 0
    if flags & 8:
        kind, position = window.integer(position, 1), position + 1
    position += (8 if flags & 4 else 0) + (1 if flags & 16 else 0)
    width = 1 << (flags & 3)
    size = window.integer(position, width)
    position += width
    if version != 1 or position + size + 8 > message.stop:
        raise _fail(window, "a damaged link")
    name = window.text(position, size, "the name of a link")
    if kind:
        raise _fail(window, f"the link {show(name)} to elsewhere, which is not followed")
    return name, window.integer(position + size, 8)


def attribute_name(window: Window, message: Message) -> str:
    """Read an attribute's name; ``""`` when it cannot be read."""
    if message.stop - message.start < 9:  # noqa: PLR2004 - what stands before the name
        return ""
    start = message.start + (9 if window.integer(message.start, 1) == 3 else 8)  # noqa: PLR2004 - the version
    size = min(window.integer(message.start + 2, 2), message.stop - start)
    return window.read(start, max(0, size)).partition(b"\0")[0].decode(errors="replace")


def _take(window: Window, message: Message, size: int) -> bytes:
    if message.stop - message.start < size:
        raise _fail(window, f"a message of {message.stop - message.start} bytes, where {size} are needed")
    return window.read(message.start, size)


def _numbers(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data[:2], "little"), int.from_bytes(data[2:4], "little")


def _fail(window: Window, what: str) -> MalformedError:
    return MalformedError(f"{window.what} has {what}", hint=HINT)
