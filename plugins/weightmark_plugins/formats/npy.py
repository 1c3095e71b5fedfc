"""NumPy's file of one array: its header, read as a literal and never evaluated, and the arrays in it.

An array of records gives one tensor for each field, ``<name>.<field>``; what pads a record belongs to none.
Elements without a number type (void, extended precision) are their bytes, with one dimension more. Text is no
tensor, nor is an array of objects, which is a pickle; it is refused when it names what runs code. Several
arrays one after another in one file, as ``numpy.save`` leaves them, are called ``<name>``, ``<name>.1``, ….

Not promised: that NumPy reads the file too.
"""

import ast
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, cast

from weightmark.errors import MalformedError
from weightmark.model.artifact import ArtifactFile
from weightmark.model.tensor import TensorSpan
from weightmark_plugins.formats.archive import Member, read_beginning, read_member, show
from weightmark_plugins.formats.pickled import read_pickle
from weightmark_plugins.formats.placement import View, check_shape, place, row_major

MAGIC: Final = b"\x93NUMPY"
"""How a file of one array begins."""

MAX_HEADER: Final = 10_000
"""The most bytes of a header; NumPy's own reader has the same bound."""

MAX_PICKLE: Final = 256 << 20
"""The most bytes of an array of objects."""

MAX_ARRAYS: Final = 10_000
"""The most arrays one after another in one file."""

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
_LONG: Final = re.compile(r"(?<=\d)L\b")


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
    """Give the tensors of one array, or of several that follow one another.

    Args:
        file: the file that the array lies in.
        member: where in it, with the header.
        name: the array's name.

    Raises:
        MalformedError: the header is damaged, wants other bytes than there are, or those of objects that run
            code when they are loaded.
    """
    rest, one = member, name
    for number in range(1, MAX_ARRAYS + 1):
        used, spans = _read_array(file, rest, one)
        yield from spans
        if used == rest.size:
            return
        one = f"{name}.{number}"
        left = rest.size - used
        rest = replace(rest, start=rest.start + used, stored=left, size=left)
    raise MalformedError(f"{show(name)} in {file.path} has more than {MAX_ARRAYS} arrays", hint=_HINT)


def _read_array(file: ArtifactFile, member: Member, name: str) -> tuple[int, list[TensorSpan]]:
    """Read the first array of a run of bytes; give how many bytes it has with its header."""
    what = f"array {show(name)} in {file.path}"
    start, descr, fortran, shape = _read_header(file, member, what)
    if _has_objects(descr):
        data = read_member(file, member, most=MAX_PICKLE)
        stream = io.BytesIO(data[start:])
        read_pickle(stream, what)
        return start + stream.tell(), []
    fields, width = _fields(descr, what)
    count = check_shape(shape, what)
    stop = start + count * width
    if stop > member.size or (stop < member.size and not _follows(file, member, stop)):
        raise MalformedError(f"{what} needs {stop} bytes with its header, but has {member.size}", hint=_HINT)
    inner = member if member.deflated else replace(member, stored=stop, size=stop)
    return stop, list(_place(file, inner, name, start, fields, (shape, width, fortran)))


def _follows(file: ArtifactFile, member: Member, stop: int) -> bool:
    """Say whether another array begins after one."""
    rest = replace(member, start=member.start + stop, stored=member.size - stop, size=member.size - stop)
    return not member.deflated and read_beginning(file, rest, len(MAGIC)) == MAGIC


def _has_objects(descr: object, depth: int = 0) -> bool:
    """Say whether elements have Python's objects in them; all of the array is a pickle then."""
    if isinstance(descr, str):
        code = _CODE.fullmatch(descr)
        return code is not None and code[2] == "O"
    if isinstance(descr, list) and depth <= _DEPTH:
        for entry in cast("list[object]", descr):
            fields = cast("tuple[object, ...]", entry) if isinstance(entry, tuple) else ()
            if any(_has_objects(kind, depth + 1) for kind in fields[1:2]):
                return True
    return False


def _place(  # noqa: PLR0913, PLR0917 - what the header says
    file: ArtifactFile,
    member: Member,
    name: str,
    start: int,
    fields: list[Field],
    order: tuple[tuple[int, ...], int, bool],
) -> Iterator[TensorSpan]:
    """Give a tensor for each field; ``order`` is shape, an element's bytes, and columns first or not."""
    shape, width, fortran = order
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
    value = _literal(text, what)
    header = cast("dict[object, object]", value) if isinstance(value, dict) else {}
    descr, fortran, shape = (header.get(key) for key in ("descr", "fortran_order", "shape"))
    if len(header) != 3 or not isinstance(fortran, bool) or not isinstance(shape, tuple):  # noqa: PLR2004 - these
        raise MalformedError(
            f"the header of {what} does not give descr, fortran_order and shape alone", hint=_HINT
        )
    return begin + length, descr, fortran, _shape(cast("tuple[object, ...]", shape), what)


def _literal(text: bytes, what: str) -> object:
    """Read a header's literal; Python 2 wrote ``3L`` for a length."""
    try:
        plain = text.decode().strip()
        try:
            return ast.literal_eval(plain)
        except SyntaxError:
            return ast.literal_eval(_LONG.sub("", plain))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, Warning) as error:
        raise MalformedError(f"the header of {what} is no plain literal", hint=_HINT) from error


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
