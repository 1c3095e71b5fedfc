"""One tensor of an ONNX file: its type, its shape, and where its numbers lie.

Not promised: anything about what a graph does with it.
"""

import posixpath
from dataclasses import dataclass, field
from typing import Final

from weightmark.errors import MalformedError
from weightmark.model.artifact import Artifact
from weightmark.model.path import check_path
from weightmark.model.tensor import TensorSpan
from weightmark_plugins.formats.protobuf import BYTES, FIXED32, FIXED64, VARINT, Field, fields, varints
from weightmark_plugins.formats.repeated import Repeated
from weightmark_plugins.formats.window import HINT, Window, count_elements, keep, show, show_shape

STRING: Final = 8
DTYPES: Final = {
    1: ("float32", 32),
    2: ("uint8", 8),
    3: ("int8", 8),
    4: ("uint16", 16),
    5: ("int16", 16),
    6: ("int32", 32),
    7: ("int64", 64),
    9: ("bool", 8),
    10: ("float16", 16),
    11: ("float64", 64),
    12: ("uint32", 32),
    13: ("uint64", 64),
    14: ("complex64", 64),
    15: ("complex128", 128),
    16: ("bfloat16", 16),
    17: ("float8_e4m3fn", 8),
    18: ("float8_e4m3fnuz", 8),
    19: ("float8_e5m2", 8),
    20: ("float8_e5m2fnuz", 8),
    21: ("uint4", 4),
    22: ("int4", 4),
    23: ("float4_e2m1fn", 4),
    24: ("float8_e8m0fnu", 8),
    25: ("uint2", 2),
    26: ("int2", 2),
}
"""The format's number types by number: the field's names for them, and bits per element. Elements smaller
than a byte are packed, the first in the lowest bits, and the last byte is filled up."""

_DIMS, _TYPE, _SEGMENT, _NAME, _RAW, _EXTERNAL, _LOCATION = 1, 2, 3, 8, 9, 13, 14
_TYPED: Final = {4: FIXED32, 5: VARINT, 7: VARINT, 10: FIXED64, 11: VARINT}
_FITTING: Final = {
    4: {"float32", "complex64"},
    7: {"int64"},
    10: {"float64", "complex128"},
    11: {"uint32", "uint64"},
}
_MAX_DIMS: Final = 64
_MAX_SHAPE: Final = _MAX_DIMS * 10
_OUTSIDE: Final = "Put the data file beside the ONNX file, and save the model again with that location."


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalData:
    """Where a model's external data may lie.

    Attributes:
        artifact: the model's files.
        path: the ONNX file.
        folder: its folder, relative to the artifact; ``""`` for the top.
    """

    artifact: Artifact
    path: str
    folder: str

    def locate(self, entries: dict[str, str], size: int, what: str) -> tuple[str, int, int]:
        """Find the bytes of one tensor.

        Args:
            entries: what the tensor says of them.
            size: how many bytes it must have.
            what: the tensor, for messages.

        Returns:
            The file, the first byte and the byte after the last.

        Raises:
            MalformedError: they are not in the model's folder, or not as many.
        """
        location = entries.get("location", "")
        check_path(location.removeprefix("./"), what=f"{what}, for its external data,")
        path = posixpath.join(self.folder, location.removeprefix("./"))
        file = self.artifact.find(path)
        if file is None:
            hint = (
                f"Pass the folder of {self.path} instead of the file." if self.artifact.single else _OUTSIDE
            )
            raise MalformedError(f"{what} lies in {show(path)}, which the model does not have", hint=hint)
        start = _natural(entries.get("offset", "0"), what)
        length = _natural(entries.get("length", str(size)), what)
        if length != size or start + length > file.size:
            raise MalformedError(
                f"{what} needs {size} bytes, and has bytes {start} to {start + length} of {path}, "
                f"which has {file.size}",
                hint=HINT,
            )
        return path, start, start + length


@dataclass(slots=True)
class _Parts:
    """What a tensor's message says, as it is read."""

    dims: list[int] = field(default_factory=list[int])
    code: int = 0
    name: str = ""
    raw: Field | None = None
    typed: list[Field] = field(default_factory=list[Field])
    external: dict[str, str] = field(default_factory=dict[str, str])
    is_external: bool = False


def read_tensor(window: Window, place: Field, data: ExternalData) -> TensorSpan | None:
    """Read one tensor's message.

    Args:
        window: the ONNX file.
        place: the message.
        data: where external data may lie.

    Returns:
        The tensor, with the name that it has itself; None for one of text.

    Raises:
        MalformedError: it is damaged, or has not the numbers that its shape asks for.
    """
    parts = _read_parts(window, place)
    what = f"tensor {show(parts.name)} in {data.path}"
    if parts.code == STRING:
        return None
    if parts.code not in DTYPES:
        raise MalformedError(
            f"{what} has the unknown number type {parts.code}",
            hint="If the type is a new one, a newer Weightmark may know it.",
        )
    dtype, bits = DTYPES[parts.code]
    shape = tuple(parts.dims)
    size = (count_elements(shape, what) * bits + 7) // 8
    sources = (parts.raw is not None) + bool(parts.typed) + parts.is_external
    if sources > 1 or (size and not sources):
        raise MalformedError(f"{what} has {sources} sources of numbers, not one", hint=HINT)
    path, start, stop, layout = data.path, place.start, place.start, None
    if parts.is_external:
        path, start, stop = data.locate(parts.external, size, what)
    elif parts.typed and size:
        start, stop, layout = _place_typed(place, parts.typed, dtype, size, what)
    elif parts.raw is not None:
        start, stop = parts.raw.start, parts.raw.stop
    if layout is None and stop - start != size:
        raise MalformedError(
            f"{what} of {dtype} and shape {show_shape(shape)} needs {size} bytes, and has {stop - start}",
            hint=HINT,
        )
    return TensorSpan(
        name=parts.name, dtype=dtype, shape=shape, path=path, start=start, stop=stop, layout=layout
    )


def _read_parts(window: Window, place: Field) -> _Parts:
    parts = _Parts()
    for one in fields(window, place.start, place.stop):
        if one.number == _DIMS:
            parts.dims.extend(varints(window, one, _MAX_SHAPE))
        elif one.number == _TYPE:
            parts.code = one.value
        elif one.number == _SEGMENT:
            raise MalformedError(f"{window.what} has a tensor in segments, which no runtime reads", hint=HINT)
        elif one.number == _NAME:
            parts.name = window.text(one.start, one.stop - one.start, "the name of a tensor")
        else:
            _read_source(window, one, parts)
        if len(parts.dims) > _MAX_DIMS or len(parts.external) > _MAX_DIMS:
            raise MalformedError(f"a tensor in {window.what} has more than {_MAX_DIMS} dimensions", hint=HINT)
    return parts


def _read_source(window: Window, one: Field, parts: _Parts) -> None:
    """Take a field that says where the numbers are."""
    if one.number in _TYPED:
        keep(parts.typed, one, window.what)
    elif one.number == _RAW and one.kind == BYTES:
        parts.raw = one
    elif one.number == _EXTERNAL:
        key, value = _read_entry(window, one)
        parts.external[key] = value
    elif one.number == _LOCATION:
        parts.is_external = one.value == 1


def _read_entry(window: Window, place: Field) -> tuple[str, str]:
    key = value = ""
    for one in fields(window, place.start, place.stop):
        if one.number == 1:
            key = window.text(one.start, one.stop - one.start, "a key of external data")
        elif one.number == 2:  # noqa: PLR2004 - the value's field
            value = window.text(one.start, one.stop - one.start, "a value of external data")
    return key, value


def _place_typed(
    place: Field, typed: list[Field], dtype: str, size: int, what: str
) -> tuple[int, int, Repeated | None]:
    """Give the place of numbers in a typed list; a layout unless they are the canonical bytes."""
    number = typed[0].number
    fitting = _FITTING.get(number)
    if any(one.number != number for one in typed) or (fitting is not None and dtype not in fitting):
        raise MalformedError(f"{what} of {dtype} has its numbers in the list of another type", hint=HINT)
    if fitting is None and dtype in set().union(*_FITTING.values()):
        raise MalformedError(f"{what} of {dtype} has its numbers in the list of another type", hint=HINT)
    kind = _TYPED[number]
    if kind != VARINT and len(typed) == 1 and typed[0].kind == BYTES:
        return typed[0].start, typed[0].stop, None
    itemsize = {FIXED32: 4, FIXED64: 8}.get(kind, 0) or _itemsize(dtype)
    return (
        place.start,
        place.stop,
        Repeated(field=number, kind=kind, itemsize=itemsize, length=size),
    )


def _itemsize(dtype: str) -> int:
    bits = next(bits for name, bits in DTYPES.values() if name == dtype)
    return max(1, bits // 8)


def _natural(text: str, what: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 16:  # noqa: PLR2004 - beyond any file
        raise MalformedError(f"{what} has external data at {show(text)}, which is no number", hint=HINT)
    return int(text)
