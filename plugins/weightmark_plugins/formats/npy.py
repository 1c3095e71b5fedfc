"""NumPy's file of one array: its header, read as a literal and never evaluated, and the arrays in it.

An array of records gives one tensor for each field, ``<name>.<field>``; what pads a record belongs to none.
Elements without a number type (void, extended precision) are their bytes, with one dimension more. Text is no
tensor. An array of objects is a pickle, and is refused.

Not promised: that NumPy reads the file too.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, cast

from weightmark.errors import MalformedError
from weightmark.model.artifact import ArtifactFile
from weightmark.model.tensor import TensorSpan
from weightmark_plugins.formats.archive import Member, read_beginning, show
from weightmark_plugins.formats.placement import View, check_shape, place, row_major

MAGIC: Final = b"\x93NUMPY"
"""How a file of one array begins."""

MAX_HEADER: Final = 10_000
"""The most bytes of a header; NumPy's own reader has the same bound."""

MAX_FIELDS: Final = 1_000
"""The most fields of a record."""

_PREFIX: Final = 12
_LENGTHS: Final = {1: (8, 10), 2: (8, 12), 3: (8, 12)}
_CODE: Final = re.compile(r"([<>|=]?)([a-zA-Z?])(\d{0,9})(\[[\w/]{1,20}\])?")
_KINDS: Final = {"f": "float", "i": "int", "u": "uint", "c": "complex"}
_SIZES: Final = {"f": {2, 4, 8}, "i": {1, 2, 4, 8}, "u": {1, 2, 4, 8}, "c": {8, 16}}
_WIDTHS: Final = {"U": 4, "M": 8, "m": 8, "b": 1, "?": 1}
_DEPTH: Final = 8
_HINT: Final = "The file was cut short or written wrongly: download it again, or save the array again."
_HINT_OBJECT: Final = "Save the array with a number type; objects are pickles, which could run code."


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One kind of number in an element of an array.

    Attributes:
        name: its place in a record, dotted; empty for an array without records.
        dtype: the field's name for its numbers; empty for text.
        itemsize: bytes of one number.
        shape: the lengths of an array inside the element.
        offset: bytes of the element before it.
        swapped: whether it is big-endian.
    """

    name: str
    dtype: str
    itemsize: int
    shape: tuple[int, ...]
    offset: int
    swapped: bool


def read_npy(file: ArtifactFile, member: Member, name: str) -> Iterator[TensorSpan]:
    """Give the tensors of one array.

    Args:
        file: the file that the array lies in.
        member: where in it, with the header.
        name: the array's name.

    Raises:
        MalformedError: the header is damaged, wants other bytes than there are, or those of objects.
    """
    what = f"array {show(name)} in {file.path}"
    start, descr, fortran, shape = _read_header(file, member, what)
    fields, width = _fields(descr, what)
    count = check_shape(shape, what)
    if start + count * width != member.size:
        raise MalformedError(
            f"{what} needs {start + count * width} bytes with its header, but has {member.size}", hint=_HINT
        )
    strides = row_major(shape, width)
    if fortran:
        strides = tuple(reversed(row_major(shape[::-1], width)))
    for field in fields:
        if field.dtype:
            view = View(
                name=f"{name}.{field.name}" if field.name else name,
                dtype=field.dtype,
                itemsize=field.itemsize,
                shape=(*shape, *field.shape),
                strides=(*strides, *row_major(field.shape, field.itemsize)),
                offset=start + field.offset,
                swapped=field.swapped,
            )
            yield place(view, member, file.path)


def _read_header(file: ArtifactFile, member: Member, what: str) -> tuple[int, object, bool, tuple[int, ...]]:
    """Give where the elements begin, their type as written, whether columns come first, and the shape."""
    prefix = read_beginning(file, member, _PREFIX)
    if len(prefix) < _PREFIX or not prefix.startswith(MAGIC) or prefix[6] not in _LENGTHS:
        raise MalformedError(f"{what} does not begin as NumPy's format does", hint=_HINT)
    first, begin = _LENGTHS[prefix[6]]
    length = int.from_bytes(prefix[first:begin], "little")
    if length > min(MAX_HEADER, member.size - begin):
        raise MalformedError(
            f"{what} claims a header of {length} bytes; it has {member.size} bytes in all, "
            f"and a header at most {MAX_HEADER}",
            hint=_HINT,
        )
    text = read_beginning(file, member, begin + length)[begin:]
    try:
        value: object = ast.literal_eval(text.decode().strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, Warning) as error:
        raise MalformedError(f"the header of {what} is no plain literal", hint=_HINT) from error
    header = cast("dict[object, object]", value) if isinstance(value, dict) else {}
    descr, fortran, shape = (header.get(key) for key in ("descr", "fortran_order", "shape"))
    if len(header) != 3 or not isinstance(fortran, bool) or not isinstance(shape, tuple):  # noqa: PLR2004 - these
        raise MalformedError(
            f"the header of {what} does not give descr, fortran_order and shape alone", hint=_HINT
        )
    return begin + length, descr, fortran, _shape(cast("tuple[object, ...]", shape), what)


def _shape(values: tuple[object, ...], what: str) -> tuple[int, ...]:
    lengths = tuple(value for value in values if isinstance(value, int) and not isinstance(value, bool))
    if len(lengths) != len(values):
        raise MalformedError(f"{what} has a shape that is not made of integers", hint=_HINT)
    check_shape(lengths, what)
    return lengths


def _fields(descr: object, what: str) -> tuple[list[Field], int]:
    """Read an element's type: its fields, and its bytes."""
    if isinstance(descr, str):
        field = _field(descr, what)
        return [field], field.itemsize * (field.shape[0] if field.shape else 1)
    found: list[Field] = []
    return found, _record(descr, "", (0, 0), found, what)


def _record(descr: object, prefix: str, place_: tuple[int, int], found: list[Field], what: str) -> int:
    """Gather the fields of a record; give its bytes."""
    start, depth = place_
    if not isinstance(descr, list) or depth > _DEPTH or len(found) > MAX_FIELDS:
        raise MalformedError(f"{what} has elements of an unknown type", hint=_HINT)
    width = 0
    for entry in cast("list[object]", descr):
        fields = cast("tuple[object, ...]", entry) if isinstance(entry, tuple) else ()
        name, kind, shape = (*fields, ())[:3] if len(fields) in {2, 3} else (None, None, ())
        if isinstance(name, tuple):  # a title, and the name
            name = (*cast("tuple[object, ...]", name), "")[1]
        if not isinstance(name, str) or not isinstance(shape, tuple):
            raise MalformedError(f"{what} has records with a damaged field", hint=_HINT)
        inner = _shape(cast("tuple[object, ...]", shape), what)
        dotted = f"{prefix}.{name}" if prefix else name
        if isinstance(kind, str):
            field = _field(kind, what, dotted, start + width)
            size = field.itemsize * (field.shape[0] if field.shape else 1)
            if name:
                found.append(_shaped(field, inner))
        elif not inner:
            size = _record(kind, dotted, (start + width, depth + 1), found, what)
        else:
            raise MalformedError(f"{what} has arrays of records inside of records", hint=_HINT)
        width += size * check_shape(inner, what)
    return width


def _shaped(field: Field, shape: tuple[int, ...]) -> Field:
    return Field(
        name=field.name,
        dtype=field.dtype,
        itemsize=field.itemsize,
        shape=(*shape, *field.shape),
        offset=field.offset,
        swapped=field.swapped,
    )


def _field(code: str, what: str, name: str = "", offset: int = 0) -> Field:
    """Read the code of a plain type."""
    match = _CODE.fullmatch(code)
    if match is None:
        raise MalformedError(f"{what} has the unknown number type {code[:40]!r}", hint=_HINT)
    order, kind, digits, _ = match.groups()
    if kind == "O":
        raise MalformedError(f"{what} holds objects and no numbers", hint=_HINT_OBJECT)
    size = int(digits or 1)
    itemsize = size * _WIDTHS[kind] if kind == "U" else size
    dtype = ""
    shape: tuple[int, ...] = ()
    if kind in _KINDS and size in _SIZES[kind]:
        dtype = f"{_KINDS[kind]}{8 * size}"
    elif kind in "b?" and size == 1:
        dtype = "bool"
    elif kind in "Mm" and size == _WIDTHS[kind]:
        dtype = "int64"
    elif kind in "Vfc":
        dtype, itemsize, shape = "uint8", 1, (size,)
    elif kind not in "SUa":
        raise MalformedError(f"{what} has the unknown number type {code[:40]!r}", hint=_HINT)
    return Field(name=name, dtype=dtype, itemsize=itemsize, shape=shape, offset=offset, swapped=order == ">")
