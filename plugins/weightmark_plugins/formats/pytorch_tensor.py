"""One tensor of PyTorch's, from the call that would make it to the bytes of its storage.

Not promised: that PyTorch would take the tensor too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from weightmark.errors import MalformedError
from weightmark.model.tensor import TensorSpan
from weightmark_plugins.formats.archive import Member, show
from weightmark_plugins.formats.pickled import Made, Name, Pairs, Persistent
from weightmark_plugins.formats.placement import ITEMSIZES, View, place

DTYPES: Final[Mapping[str, str]] = {
    **{name: name for name in ITEMSIZES if name != "float8_e3m4"},
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "long": "int64",
    "int": "int32",
    "short": "int16",
    "cfloat": "complex64",
    "cdouble": "complex128",
    "chalf": "complex32",
    "qint8": "int8",
    "quint8": "uint8",
    "qint32": "int32",
}
"""PyTorch's names for number types, and the field's. A quantised one is the integers that are stored."""

STORAGES: Final[Mapping[str, str]] = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "QInt8Storage": "int8",
    "QUInt8Storage": "uint8",
    "QInt32Storage": "int32",
    "UntypedStorage": "",
}
"""PyTorch's names for storages, and their number type; none for one that has bytes."""

_HINT: Final = "The file was written wrongly or tampered with: save the model again with torch.save."
_HINT_VIEW: Final = "Save the tensor after `resolve_conj()` and `resolve_neg()`, or as safetensors."


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """What a tensor's elements are picked from.

    Attributes:
        key: its name in the file.
        dtype: its number type; empty for bytes.
        count: how many elements it has.
        start: the element of the named storage that it begins with, for a part of it.
    """

    key: str
    dtype: str
    count: int
    start: int = 0

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return ITEMSIZES[self.dtype] if self.dtype else 1

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.count * self.itemsize


def read_storage(identifier: object, what: str) -> Storage:
    """Read a storage from the identifier that a pickle has for it.

    Args:
        identifier: ``("storage", type, key, device, elements)``, and in old files the part of it.
        what: the file, for messages.

    Raises:
        MalformedError: it is no such identifier, or its type is unknown.
    """
    fields = cast("tuple[object, ...]", identifier) if isinstance(identifier, tuple) else ()
    padded: tuple[object, ...] = (*fields, *(None,) * 6)
    kind, cls, key, _, count, part = padded[:6]
    if kind != "storage" or not isinstance(cls, Name) or not isinstance(key, str):
        raise MalformedError(f"{what} has something that is no storage outside of its pickle", hint=_HINT)
    dtype = STORAGES.get(cls.name) if cls.module.split(".")[0] == "torch" else None
    if dtype is None:
        raise MalformedError(f"{what} has the unknown storage {cls.full[:100]!r}", hint=_HINT)
    start = 0
    if isinstance(part, tuple):
        part_fields = cast("tuple[object, ...]", part)
        if len(part_fields) != 3:  # noqa: PLR2004 - its own name, where it begins, how long it is
            raise MalformedError(f"{what} has a damaged part of the storage {show(key)}", hint=_HINT)
        start = whole_number(part_fields[1], what)
    return Storage(key=key, dtype=dtype, count=whole_number(count, what), start=start)


def place_tensor(
    name: str, made: Made, storages: Mapping[str, Member], path: str, *, swapped: bool
) -> TensorSpan:
    """Say where a tensor lies.

    Args:
        name: its name.
        made: the call that would make it, one of ``pytorch_value.TENSORS``.
        storages: where the file's storages lie, by their keys.
        path: the file.
        swapped: whether its numbers are big-endian.

    Raises:
        MalformedError: the call makes no sense, or its storage is not there or is too small.
    """
    what = f"tensor {show(name)} in {path}"
    storage, offset, shape, strides = (*made.arguments, None, None, None, None)[:4]
    if not isinstance(storage, Persistent):
        raise MalformedError(f"{what} has no storage", hint=_HINT)
    stored = read_storage(storage.identifier, what)
    _check_plain(made, what)
    dtype = _dtype(made, stored, what)
    lengths = _lengths(shape, what)
    member = _member(stored, storages, what, empty=0 in lengths)
    itemsize = ITEMSIZES[dtype]
    view = View(
        name=name,
        dtype=dtype,
        itemsize=itemsize,
        shape=lengths,
        strides=tuple(stride * itemsize for stride in _lengths(strides, what)),
        offset=whole_number(offset, what) * itemsize + stored.start * stored.itemsize,
        swapped=swapped,
    )
    return place(view, member, path)


def whole_number(value: object, what: str) -> int:
    """Check that a value is a number from 0 on.

    Raises:
        MalformedError: it is not, or is larger than any file.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        shown = (
            f"{str(value)[:20]}" if isinstance(value, int) and abs(value) < 2**64 else type(value).__name__
        )
        raise MalformedError(f"{what} has {shown} where a number from 0 on belongs", hint=_HINT)
    return value


def _lengths(value: object, what: str) -> tuple[int, ...]:
    if isinstance(value, Made) and value.arguments:  # torch.Size
        value = value.arguments[0]
    if not isinstance(value, list | tuple):
        raise MalformedError(f"{what} has no shape, or no strides", hint=_HINT)
    lengths = cast("list[object] | tuple[object, ...]", value)
    return tuple(whole_number(length, what) for length in lengths[:100])


def _dtype(made: Made, storage: Storage, what: str) -> str:
    if made.maker.name != "_rebuild_tensor_v3":
        if not storage.dtype:
            raise MalformedError(f"{what} does not say which numbers its storage has", hint=_HINT)
        return storage.dtype
    stated = made.arguments[6] if len(made.arguments) > 6 else None  # noqa: PLR2004 - after view and hooks
    dtype = DTYPES.get(stated.name) if isinstance(stated, Name) and stated.module == "torch" else None
    if dtype is None:
        shown = stated.full[:60] if isinstance(stated, Name) else type(stated).__name__
        raise MalformedError(
            f"{what} has the unknown number type {shown!r}",
            hint="If the type is a new one, a newer Weightmark may know it.",
        )
    return dtype


def _check_plain(made: Made, what: str) -> None:
    """Refuse a tensor whose values are not the stored ones until somebody asks for them."""
    place_of = {"_rebuild_tensor_v2": 6, "_rebuild_tensor_v3": 7}.get(made.maker.name, len(made.arguments))
    for extra in made.arguments[place_of : place_of + 1]:
        pairs = extra.items if isinstance(extra, Pairs | Made) else []
        for key, value in pairs:
            if key in {"conj", "neg"} and value is True:
                raise MalformedError(f"{what} is stored as the {key} of its values", hint=_HINT_VIEW)


def _member(storage: Storage, storages: Mapping[str, Member], what: str, *, empty: bool) -> Member:
    member = storages.get(storage.key)
    if member is None:
        if empty and not storage.count:
            return Member(name=storage.key, start=0, stored=0, size=0)
        raise MalformedError(
            f"{what} lies in the storage {show(storage.key)}, which is not there", hint=_HINT
        )
    if not storage.start and member.size < storage.size:
        raise MalformedError(
            f"{what} states a storage of {storage.size} bytes; {show(member.name)} has {member.size}",
            hint=_HINT,
        )
    return member
