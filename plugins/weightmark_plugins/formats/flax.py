"""Flax's files: MessagePack, in which each array is its shape, its number type and its bytes.

Names are the keys on the way to an array, joined by dots. An array of more than a gigabyte, which Flax cuts
into chunks, is joined again.

Not promised: other uses of MessagePack; such a file has no tensors, and is not refused when it is no
single dictionary or has extensions of its own.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from weightmark.errors import MalformedError
from weightmark.hookspecs import hookimpl
from weightmark.model.artifact import Artifact
from weightmark.model.layout import BUFFER, Layout, Stored
from weightmark.model.tensor import TensorSpan
from weightmark.ports import Format
from weightmark_plugins.formats.messagepack import Item, read_item
from weightmark_plugins.formats.placement import ITEMSIZES, check_shape
from weightmark_plugins.formats.sharding import name_spaces
from weightmark_plugins.formats.window import Window, open_window, show

SUFFIX: Final = ".msgpack"
CHUNKED: Final = "__msgpack_chunked_array__"
"""The key that says that a dictionary is an array cut into chunks."""

MAX_DEPTH: Final = 64
"""How deep dictionaries may lie in one another."""

MAX_NAME: Final = 4096
"""The most characters of a name."""

_MAPS: Final = (*range(0x80, 0x90), 0xDE, 0xDF)
_ARRAYS: Final = frozenset({1, 3})
_ARRAY: Final = re.compile(
    rb"(?:\x93|\xdd\0\0\0\x03)[\x80-\x9f\xdc-\xdf].{0,600}?(?:b?float\d|u?int\d|bool|complex\d)", re.DOTALL
)
"""How an array begins: a list of three, of which the first is a shape and the second a number type."""
_LISTS: Final = frozenset(bytes([first]) for first in (*range(0x90, 0xA0), 0xDC, 0xDD))
_LOOKED: Final = 4 << 20
_HINT: Final = "The file was cut short or written wrongly: download it again, or save the model again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined(Layout):
    """Bytes that lie in several pieces of a file.

    Attributes:
        pieces: where each begins among the stored bytes, and how long it is.
    """

    pieces: tuple[tuple[int, int], ...]

    @property
    def name(self) -> str:
        """Give ``joined``."""
        return "joined"

    @property
    def size(self) -> int:
        """Count the bytes of all pieces."""
        return sum(size for _, size in self.pieces)

    def blocks(self, stored: Stored) -> Iterator[bytes]:
        """Read the pieces one after another.

        Raises:
            MalformedError: a piece lies outside of what is stored.
        """
        for start, size in self.pieces:
            for position in range(start, start + size, BUFFER):
                yield stored.fetch(position, min(BUFFER, start + size - position))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Array:
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


class FlaxFormat(Format):
    """Reads Flax's files without Flax and without MessagePack's library."""

    name: ClassVar[str] = "flax"

    def claims(self, artifact: Artifact) -> Sequence[str]:
        """Name the files that end in ``.msgpack`` and begin as a dictionary."""
        named = [file for file in artifact.files if file.path.endswith(SUFFIX) and file.size]
        return tuple(file.path for file in named if artifact.read(file.path, 0, 1)[0] in _MAPS)

    def tensors(self, artifact: Artifact, paths: Sequence[str]) -> Sequence[TensorSpan]:
        """Say where the arrays lie.

        Args:
            artifact: the model's files.
            paths: what ``claims`` gave.

        Returns:
            One span per array, in the order of the file.

        Raises:
            MalformedError: a file is damaged, or an array has other bytes than its shape asks for.
        """
        files: dict[str, Sequence[TensorSpan]] = {}
        for path in sorted(paths):
            with open_window(artifact, path) as window:
                files[path] = tuple(_read(window))
        return tuple(name_spaces(files, {}))


def _read(window: Window) -> list[TensorSpan]:
    """Read one file; one that is damaged and shows no array of Flax's is something else."""
    reader = _Reader(window)
    try:
        return list(reader.read())
    except MalformedError:
        if reader.met or _ARRAY.search(window.read(0, min(window.size, _LOOKED))):
            raise
        return []


class _Reader:
    """Walks through one file, once and in order."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._position = 0
        self.met = False  # whether something was met that only Flax writes

    def read(self) -> Iterator[TensorSpan]:
        yield from self._value("", 0)
        if self._position != self._window.size:
            raise self._fail(f"ends at byte {self._position}, but has {self._window.size}")

    def _next(self) -> Item:
        item = read_item(self._window, self._position)
        self._position = item.stop
        return item

    def _value(self, name: str, depth: int) -> Iterator[TensorSpan]:
        item = self._next()
        if depth > MAX_DEPTH:
            raise self._fail(f"is nested deeper than {MAX_DEPTH} levels")
        if item.kind == "ext" and item.code in _ARRAYS:
            self.met |= self._window.read(item.start, min(1, item.stop - item.start)) in _LISTS
            array = self._array(item, name)
            yield self._span(name, array.dtype, array.shape, [array])
        elif item.kind == "array":
            for index in range(item.count):
                yield from self._value(self._join(name, str(index)), depth + 1)
        elif item.kind == "map":
            for index in range(item.count):
                key = self._key()
                if key == CHUNKED:
                    self.met = True
                    yield self._chunked(name, item, index)
                    return
                yield from self._value(self._join(name, key), depth + 1)

    def _key(self) -> str:
        item = self._next()
        if item.kind == "int":
            return str(item.count)
        if item.kind not in {"str", "bin"}:
            raise self._fail(f"has a key at byte {item.start} that is neither text nor a number")
        return self._text(item)

    def _text(self, item: Item) -> str:
        return self._window.text(item.start, item.stop - item.start, "a key")

    def _join(self, prefix: str, key: str) -> str:
        name = f"{prefix}.{key}" if prefix else key
        if len(name) > MAX_NAME:
            raise self._fail(f"has a name of more than {MAX_NAME} characters")
        return name

    def _array(self, item: Item, name: str) -> _Array:
        """Read one array: a list of its shape, its number type and its bytes."""
        what = f"tensor {show(name)} in {self._window.what}"
        inner = _Reader(self._window)
        inner._position = item.start
        outer = inner._next()
        shape = inner._lengths() if outer.kind == "array" and outer.count == 3 else None  # noqa: PLR2004
        if shape is None:
            raise MalformedError(f"{what} is not a shape, a number type and bytes", hint=_HINT)
        kind, data = inner._next(), inner._next()
        dtype = self._text(kind) if kind.kind in {"str", "bin"} else ""
        if dtype not in ITEMSIZES:
            raise MalformedError(
                f"{what} has the unknown number type {dtype[:40]!r}",
                hint="If the type is a new one, a newer Weightmark may know it.",
            )
        count = check_shape(shape, what)
        if data.kind != "bin" or data.stop != item.stop or data.stop - data.start != count * ITEMSIZES[dtype]:
            raise MalformedError(
                f"{what} needs {count * ITEMSIZES[dtype]} bytes and has {data.stop - data.start}", hint=_HINT
            )
        return _Array(dtype=dtype, shape=shape, start=data.start, stop=data.stop)

    def _lengths(self) -> tuple[int, ...]:
        """Read a shape: a list of numbers, or a dictionary of them by place."""
        item = self._next()
        lengths: list[int] = []
        for index in range(item.count if item.kind in {"array", "map"} else 0):
            if item.kind == "map" and self._key() != str(index):
                raise self._fail(f"has a shape at byte {item.start} that is out of order")
            length = self._next()
            if length.kind != "int":
                raise self._fail(f"has a length at byte {length.start} that is no number")
            lengths.append(length.count)
        if item.kind not in {"array", "map"}:
            raise self._fail(f"has no shape at byte {item.start}")
        return tuple(lengths)

    def _chunked(self, name: str, outer: Item, index: int) -> TensorSpan:
        """Join the chunks of one array; its key, just read, must be the first."""
        what = f"has damaged chunks of the tensor {show(name)}"
        if index or outer.count != 3 or self._next().kind != "other":  # noqa: PLR2004 - the key, shape and chunks
            raise self._fail(what)
        shape: tuple[int, ...] | None = None
        chunks: dict[int, _Array] = {}
        for _ in range(2):
            key = self._key()
            if key == "shape":
                shape = self._lengths()
            elif key == "chunks":
                chunks = self._chunks(name)
            else:
                raise self._fail(what)
        found = [chunks[number] for number in sorted(chunks)]
        if shape is None or not found or sorted(chunks) != list(range(len(chunks))):
            raise self._fail(what)
        dtype = found[0].dtype
        size = sum(chunk.stop - chunk.start for chunk in found)
        if any(chunk.dtype != dtype for chunk in found) or size != ITEMSIZES[dtype] * check_shape(
            shape, name
        ):
            raise self._fail(what)
        return self._span(name, dtype, shape, found)

    def _chunks(self, name: str) -> dict[int, _Array]:
        outer = self._next()
        chunks: dict[int, _Array] = {}
        for _ in range(outer.count if outer.kind == "map" else 0):
            key, item = self._key(), self._next()
            if item.kind != "ext" or not key.isdecimal() or not key.isascii() or len(key) > 9:  # noqa: PLR2004
                raise self._fail(f"has a damaged chunk of the tensor {show(name)}")
            chunks[int(key)] = self._array(item, name)
        return chunks

    def _span(self, name: str, dtype: str, shape: tuple[int, ...], parts: Sequence[_Array]) -> TensorSpan:
        start, stop = min(part.start for part in parts), max(part.stop for part in parts)
        pieces = tuple((part.start - start, part.stop - part.start) for part in parts)
        layout = Joined(pieces=pieces) if len(parts) > 1 else None
        return TensorSpan(
            name=name or "array",
            dtype=dtype,
            shape=shape,
            path=self._window.what,
            start=start,
            stop=stop,
            layout=layout,
        )

    def _fail(self, what: str) -> MalformedError:
        return MalformedError(f"{self._window.what} {what}", hint=_HINT)


@hookimpl
def weightmark_formats() -> list[type[Format]]:
    """Offer Flax's format."""
    return [FlaxFormat]
