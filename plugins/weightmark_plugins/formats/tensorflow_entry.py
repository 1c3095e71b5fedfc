"""One entry of a TensorFlow checkpoint: its type, its shape, and where its numbers lie.

Not promised: anything about entries that are no numbers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from weightmark.errors import MalformedError
from weightmark_plugins.formats.protobuf import BYTES, VARINT, Field, fields
from weightmark_plugins.formats.window import HINT, Window, count_elements, keep

DTYPES: Final = {
    1: ("float32", 32),
    2: ("float64", 64),
    3: ("int32", 32),
    4: ("uint8", 8),
    5: ("int16", 16),
    6: ("int8", 8),
    8: ("complex64", 64),
    9: ("int64", 64),
    10: ("bool", 8),
    11: ("int8", 8),
    12: ("uint8", 8),
    13: ("int32", 32),
    14: ("bfloat16", 16),
    15: ("int16", 16),
    16: ("uint16", 16),
    17: ("uint16", 16),
    18: ("complex128", 128),
    19: ("float16", 16),
    22: ("uint32", 32),
    23: ("uint64", 64),
    24: ("float8_e5m2", 8),
    25: ("float8_e4m3fn", 8),
    26: ("float8_e4m3fnuz", 8),
    27: ("float8_e4m3b11fnuz", 8),
    28: ("float8_e5m2fnuz", 8),
}
"""The format's number types by number: the field's names for them, and bits per element."""

SKIPPED: Final = frozenset({7, 20, 21})
"""Texts, resources and variants."""

Extents = tuple[tuple[int, int], ...]
"""A slice: where it begins along each dimension, and its length there; -1 for all that is left."""

_MAX_DIMS: Final = 64
_MAX_SHARDS: Final = 99_999


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What the whole checkpoint says of itself.

    Attributes:
        shards: how many files of numbers it has.
        big_endian: whether its numbers are.
    """

    shards: int
    big_endian: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One tensor.

    Attributes:
        dtype: the field's name for its numbers.
        itemsize: bytes of the smallest part that byte order applies to.
        shape: lengths, outermost first.
        shard: the number of its file.
        start: its first byte there.
        stored: how many bytes it has there.
        needed: how many its type and shape ask for.
        slices: the parts that it was saved in, with entries of their own; empty for a whole one.
    """

    dtype: str
    itemsize: int
    shape: tuple[int, ...]
    shard: int
    start: int
    stored: int
    needed: int
    slices: tuple[Extents, ...]


def read_bundle(window: Window, place: tuple[int, int] | None) -> Bundle:
    """Read the entry without a name.

    Raises:
        MalformedError: there is none, or it is damaged.
    """
    values = {} if place is None else {one.number: one for one in fields(window, *place)}
    shards = values[1].value if 1 in values else 0
    order = values[2].value if 2 in values else 0  # noqa: PLR2004 - the byte order's field
    if not 0 < shards <= _MAX_SHARDS or order > 1:
        raise MalformedError(f"{window.what} does not say of how many files it is", hint=HINT)
    return Bundle(shards=shards, big_endian=order == 1)


def read_entry(window: Window, start: int, stop: int, what: str) -> Entry | None:
    """Read one entry; None when it is no numbers.

    Raises:
        MalformedError: it is damaged.
    """
    code = shard = first = stored = 0
    shape: tuple[int, ...] = ()
    slices: list[Extents] = []
    for one in fields(window, start, stop):
        if one.number == 2 and one.kind == BYTES:  # noqa: PLR2004 - the fields of BundleEntryProto
            shape = _shape(window, one, what)
        elif one.number == 7 and one.kind == BYTES:  # noqa: PLR2004
            keep(slices, tuple(_extents(window, one)), window.what)
        elif one.kind == VARINT:
            code = one.value if one.number == 1 else code
            shard = one.value if one.number == 3 else shard  # noqa: PLR2004
            first = one.value if one.number == 4 else first  # noqa: PLR2004
            stored = one.value if one.number == 5 else stored  # noqa: PLR2004
    if code in SKIPPED:
        return None
    if code not in DTYPES:
        raise MalformedError(
            f"{what} has the unknown number type {code}",
            hint="If the type is a new one, a newer Weightmark may know it.",
        )
    dtype, bits = DTYPES[code]
    if any(len(extents) != len(shape) or not extents for extents in slices):
        raise MalformedError(f"{what} has slices of another number of dimensions", hint=HINT)
    return Entry(
        dtype=dtype,
        itemsize=bits // 16 if dtype.startswith("complex") else bits // 8,
        shape=shape,
        shard=shard,
        start=first,
        stored=stored,
        needed=count_elements(shape, what) * bits // 8,
        slices=tuple(slices),
    )


def slice_key(name: bytes, extents: Extents) -> bytes:
    """Make the key under which one slice of a variable stands.

    Args:
        name: the variable's key.
        extents: the slice.

    Raises:
        Nothing.

    Source: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/util/saved_tensor_slice_util.cc
    """
    escaped = re.sub(rb"[\x00\xff]", lambda found: found[0] + bytes([found[0][0] ^ 0xFF]), name)
    numbers = b"".join(_ordered(number) for extent in extents for number in extent)
    return b"\0" + escaped + b"\0\x01" + bytes([1, len(extents)]) + numbers


def _ordered(number: int) -> bytes:
    """Write a signed number so that the bytes sort as the numbers do."""
    if number < 0:
        return bytes(byte ^ 0xFF for byte in _ordered(-number - 1))
    size = max(1, (number.bit_length() + 7) // 7)
    marks = ((1 << size) - 1) << (7 * size)
    return (number | marks).to_bytes(size, "big")


def _shape(window: Window, place: Field, what: str) -> tuple[int, ...]:
    lengths: list[int] = []
    for one in fields(window, place.start, place.stop):
        if one.number == 2 and one.kind == BYTES:  # noqa: PLR2004 - the fields of TensorShapeProto
            sizes = [part.signed for part in fields(window, one.start, one.stop) if part.number == 1]
            lengths.append(sizes[-1] if sizes else 0)
        if one.number == 3 or len(lengths) > _MAX_DIMS:  # noqa: PLR2004
            raise MalformedError(f"{what} has no known shape, or more than {_MAX_DIMS} dimensions", hint=HINT)
    return tuple(lengths)


def _extents(window: Window, place: Field) -> Iterator[tuple[int, int]]:
    for one in fields(window, place.start, place.stop):
        if one.number == 1 and one.kind == BYTES:
            values = {part.number: part.signed for part in fields(window, one.start, one.stop)}
            yield values.get(1, 0), values.get(2, -1)
