"""The header of a GGUF file: its metadata, and its tensors as they are stored.

Not promised: lists in the metadata, of which only short ones of integers are kept; vocabularies are skipped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from weightmark.errors import MalformedError
from weightmark_plugins.formats.window import HINT, MAX_TENSORS, Window, count_elements, show, show_shape

MAGIC: Final = b"GGUF"
VERSIONS: Final = (2, 3)
DTYPES: Final[Mapping[int, tuple[str, int, int]]] = {
    0: ("float32", 1, 4),
    1: ("float16", 1, 2),
    2: ("q4_0", 32, 18),
    3: ("q4_1", 32, 20),
    6: ("q5_0", 32, 22),
    7: ("q5_1", 32, 24),
    8: ("q8_0", 32, 34),
    9: ("q8_1", 32, 40),
    10: ("q2_k", 256, 84),
    11: ("q3_k", 256, 110),
    12: ("q4_k", 256, 144),
    13: ("q5_k", 256, 176),
    14: ("q6_k", 256, 210),
    15: ("q8_k", 256, 292),
    16: ("iq2_xxs", 256, 66),
    17: ("iq2_xs", 256, 74),
    18: ("iq3_xxs", 256, 98),
    19: ("iq1_s", 256, 50),
    20: ("iq4_nl", 32, 18),
    21: ("iq3_s", 256, 110),
    22: ("iq2_s", 256, 82),
    23: ("iq4_xs", 256, 136),
    24: ("int8", 1, 1),
    25: ("int16", 1, 2),
    26: ("int32", 1, 4),
    27: ("int64", 1, 8),
    28: ("float64", 1, 8),
    29: ("iq1_m", 256, 56),
    30: ("bfloat16", 1, 2),
    34: ("tq1_0", 256, 54),
    35: ("tq2_0", 256, 66),
    39: ("mxfp4", 32, 17),
    40: ("nvfp4", 64, 36),
    41: ("q1_0", 128, 18),
}
"""The format's number types by number: a name, elements per block, and bytes per block. Quantised types keep
the format's names, in lowercase."""

MAX_LIST: Final = 1024
"""The most integers of a list that is kept."""

Value = int | float | bool | str | tuple[int, ...]
"""What the metadata say under one key."""

_SCALARS: Final = {
    0: ("B", 1),
    1: ("b", 1),
    2: ("H", 2),
    3: ("h", 2),
    4: ("I", 4),
    5: ("i", 4),
    6: ("f", 4),
    7: ("?", 1),
    10: ("Q", 8),
    11: ("q", 8),
    12: ("d", 8),
}
_INTEGERS: Final = {"B", "b", "H", "h", "I", "i", "Q", "q"}
_STRING, _LIST = 8, 9
_ALIGNMENT: Final = "general.alignment"
_LEAST_ENTRY: Final = 13
_LEAST_TENSOR: Final = 24
_MAX_DIMS: Final = 8
_MAX_DEPTH: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufTensor:
    """One tensor as the file stores it.

    Attributes:
        name: as the file has it.
        dtype: the field's name for its numbers; the format's own, in lowercase, for quantised ones.
        shape: lengths in elements, outermost first.
        row: bytes of one row, the innermost dimension.
        start: its first byte in the file.
        stop: the byte after its last.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    row: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufHeader:
    """What stands before the numbers.

    Attributes:
        metadata: scalars, texts and short lists of integers, by key.
        tensors: in the order of the file.
    """

    metadata: Mapping[str, Value]
    tensors: tuple[GgufTensor, ...]


def read_header(window: Window) -> GgufHeader:
    """Read a file's header.

    Raises:
        MalformedError: it is damaged, or claims more than the file has.

    Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
    """
    if window.size < 24 or window.read(0, 4) != MAGIC:  # noqa: PLR2004 - magic, version and two counts
        raise MalformedError(f"{window.what} is no GGUF file, or is cut short", hint=HINT)
    version = window.integer(4, 4)
    if version not in VERSIONS:
        big = int.from_bytes(window.read(4, 4), "big") in VERSIONS
        raise MalformedError(
            f"{window.what} is GGUF {'of big-endian numbers' if big else f'version {version}'}; "
            f"read are the versions {VERSIONS[0]} and {VERSIONS[1]} of little-endian ones",
            hint="Convert the model again with a newer llama.cpp, for little-endian machines.",
        )
    tensors, entries = window.integer(8, 8), window.integer(16, 8)
    room = window.size - 24
    if tensors > MAX_TENSORS or tensors * _LEAST_TENSOR + entries * _LEAST_ENTRY > room:
        raise MalformedError(
            f"{window.what} claims {tensors} tensors and {entries} entries; it has room of {room} bytes",
            hint=HINT,
        )
    metadata, position = _read_metadata(window, entries)
    found = _read_tensors(window, position, tensors, metadata.get(_ALIGNMENT, 32))
    return GgufHeader(metadata=metadata, tensors=found)


def _read_metadata(window: Window, entries: int) -> tuple[dict[str, Value], int]:
    metadata: dict[str, Value] = {}
    position = 24
    for _ in range(entries):
        window.step()
        key, position = _read_text(window, position)
        value, position = _read_value(window, window.integer(position, 4), position + 4, 0)
        if value is not None:
            metadata[key] = value
    return metadata, position


def _read_value(window: Window, kind: int, position: int, depth: int) -> tuple[Value | None, int]:
    """Read one value; None for what is skipped."""
    if kind in _SCALARS:
        code, size = _SCALARS[kind]
        return window.number(position, code, size), position + size
    if kind == _STRING:
        size = window.integer(position, 8)
        return _kept_text(window, position + 8, size), position + 8 + size
    if kind != _LIST or depth == _MAX_DEPTH:
        raise MalformedError(f"{window.what} has metadata of the unknown type {kind}", hint=HINT)
    inner, count = window.integer(position, 4), window.integer(position + 4, 8)
    return _read_list(window, inner, count, position + 12, depth)


def _read_list(window: Window, inner: int, count: int, position: int, depth: int) -> tuple[Value | None, int]:
    if inner in _SCALARS:
        code, size = _SCALARS[inner]
        _check_room(window, position, count * size)
        if count > MAX_LIST or code not in _INTEGERS:
            return None, position + count * size
        numbers = (window.number(position + index * size, code, size) for index in range(count))
        return tuple(int(number) for number in numbers), position + count * size
    for _ in range(count):
        window.step()
        _, position = _read_value(window, inner, position, depth + 1)
    return None, position


def _read_text(window: Window, position: int) -> tuple[str, int]:
    size = window.integer(position, 8)
    return window.text(position + 8, size, "a name"), position + 8 + size


def _kept_text(window: Window, position: int, size: int) -> str | None:
    """Read a text of the metadata; None for one that is very long or is none."""
    _check_room(window, position, size)
    if size > 1 << 16:
        return None
    try:
        return window.read(position, size).decode()
    except UnicodeDecodeError:
        return None


def _read_tensors(window: Window, position: int, count: int, alignment: Value) -> tuple[GgufTensor, ...]:
    if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1) or alignment > 1 << 20:
        raise MalformedError(f"{window.what} aligns its tensors to {alignment!r}, no power of two", hint=HINT)
    entries: list[tuple[str, tuple[int, ...], int, int]] = []
    for _ in range(count):
        window.step()
        name, position = _read_text(window, position)
        dims = window.integer(position, 4)
        if dims > _MAX_DIMS:
            raise MalformedError(f"tensor {show(name)} in {window.what} has {dims} dimensions", hint=HINT)
        lengths = [window.integer(position + 4 + 8 * index, 8) for index in range(dims)]
        position += 4 + 8 * dims
        entries.append(
            (name, tuple(reversed(lengths)), window.integer(position, 4), window.integer(position + 4, 8))
        )
        position += 12
    base = position + -position % alignment
    return tuple(_tensor(window, entry, base, alignment) for entry in entries)


def _tensor(
    window: Window, entry: tuple[str, tuple[int, ...], int, int], base: int, alignment: int
) -> GgufTensor:
    name, shape, code, offset = entry
    what = f"tensor {show(name)} in {window.what}"
    if code not in DTYPES:
        raise MalformedError(
            f"{what} has the unknown number type {code}",
            hint="If the type is a new one, a newer Weightmark may know it.",
        )
    dtype, block, bytes_ = DTYPES[code]
    count, last = count_elements(shape, what), shape[-1] if shape else 1
    if last % block:
        raise MalformedError(
            f"{what} of {dtype} and shape {show_shape(shape)} has rows that are no whole blocks of {block}",
            hint=HINT,
        )
    start, size = base + offset, count // block * bytes_
    if offset % alignment or start + size > window.size:
        raise MalformedError(
            f"{what} needs {size} bytes from byte {start}; the file has {window.size}", hint=HINT
        )
    return GgufTensor(
        name=name,
        dtype=dtype,
        shape=shape,
        row=last // block * bytes_,
        start=start,
        stop=start + size,
    )


def _check_room(window: Window, position: int, size: int) -> None:
    if position + size > window.size:
        raise MalformedError(
            f"{window.what} refers to bytes {position} to {position + size}, but has {window.size}", hint=HINT
        )
