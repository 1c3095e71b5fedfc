"""MessagePack, one value's beginning at a time.

Not promised: values. Text and bytes are given as where they lie.
"""

from dataclasses import dataclass
from typing import Final, Literal

from weightmark.errors import MalformedError
from weightmark_plugins.formats.window import Window

_HINT: Final = "The file was cut short or written wrongly: download it again, or save the model again."

Kind = Literal["map", "array", "str", "bin", "ext", "int", "other"]

_SIZED: Final[dict[int, tuple[Kind, int]]] = {
    0xC4: ("bin", 1),
    0xC5: ("bin", 2),
    0xC6: ("bin", 4),
    0xC7: ("ext", 1),
    0xC8: ("ext", 2),
    0xC9: ("ext", 4),
    0xD9: ("str", 1),
    0xDA: ("str", 2),
    0xDB: ("str", 4),
    0xDC: ("array", 2),
    0xDD: ("array", 4),
    0xDE: ("map", 2),
    0xDF: ("map", 4),
}
_INTEGERS: Final = {
    0xCC: (1, False),
    0xCD: (2, False),
    0xCE: (4, False),
    0xCF: (8, False),
    0xD0: (1, True),
    0xD1: (2, True),
    0xD2: (4, True),
    0xD3: (8, True),
}
_OTHER: Final = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8}
_FIXED_EXT: Final = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_POSITIVE: Final = 0x7F
_NEGATIVE: Final = 0xE0


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """How a value begins.

    Attributes:
        kind: what it is.
        start: where its content begins; for lists and dictionaries, its first value.
        stop: where its content ends; for lists and dictionaries, the same as ``start``.
        count: how many values or pairs it has; the number itself, for an integer.
        code: an extension's type.
    """

    kind: Kind
    start: int
    stop: int
    count: int = 0
    code: int = 0


def read_item(window: Window, position: int) -> Item:
    """Read how the value at a position begins.

    Raises:
        MalformedError: there is none, or its content is not inside the file.

    Source: https://github.com/msgpack/msgpack/blob/master/spec.md
    """
    window.step()
    first = window.integer(position, 1)
    start = position + 1
    if first <= _POSITIVE or first >= _NEGATIVE:
        return Item(kind="int", start=start, stop=start, count=first if first <= _POSITIVE else first - 256)
    short = _short(first)
    if short is not None:
        return _item(window, *short, start)
    if first in _INTEGERS:
        size, signed = _INTEGERS[first]
        value = int.from_bytes(window.read(start, size), "big", signed=signed)
        return Item(kind="int", start=start, stop=start + size, count=value)
    if first in _OTHER:
        return _item(window, "other", _OTHER[first], start)
    if first in _FIXED_EXT:
        return _item(window, "ext", _FIXED_EXT[first], start)
    if first not in _SIZED:
        raise MalformedError(f"{window.what} has no value at byte {position}", hint=_HINT)
    kind, width = _SIZED[first]
    return _item(window, kind, int.from_bytes(window.read(start, width), "big"), start + width)


def _short(first: int) -> tuple[Kind, int] | None:
    """Read a value whose length stands in its first byte."""
    if first < 0x90:  # noqa: PLR2004 - as the specification has it
        return "map", first & 0x0F
    if first < 0xA0:  # noqa: PLR2004
        return "array", first & 0x0F
    return ("str", first & 0x1F) if first < 0xC0 else None  # noqa: PLR2004


def _item(window: Window, kind: Kind, size: int, start: int) -> Item:
    code = 0
    if kind == "ext":
        code = int.from_bytes(window.read(start, 1), "big", signed=True)
        start += 1
    if kind in {"map", "array"}:
        return Item(kind=kind, start=start, stop=start, count=size)
    if start + size > window.size:
        raise MalformedError(
            f"{window.what} claims bytes {start} to {start + size}, but has {window.size}", hint=_HINT
        )
    return Item(kind=kind, start=start, stop=start + size, code=code)
