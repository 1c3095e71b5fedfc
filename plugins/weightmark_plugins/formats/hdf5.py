"""The objects of an HDF5 file: its groups and its datasets, found without the HDF5 library.

Read is what h5py writes unless it is asked for more: superblocks 0 to 3, headers of both versions, groups as
symbol tables or as a few links in the header, and datasets in one piece. Every address is checked against the
file and no group is entered twice, so a hostile file costs no more than its size.

Not promised: large groups of the newest kind, user blocks, and datasets in chunks; they are refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from weightmark.errors import MalformedError
from weightmark_plugins.formats.hdf5_message import (
    ATTRIBUTE,
    CONTINUATION,
    EXTERNAL,
    LAYOUT,
    LINK,
    LINKS,
    SHARED,
    SPACE,
    SYMBOLS,
    TYPE,
    Message,
    attribute_name,
    read_layout,
    read_link,
    read_space,
    read_type,
)
from weightmark_plugins.formats.window import HINT, MAX_KEPT, MAX_NAME, Window, keep, show

MAGIC: Final = b"\x89HDF\r\n\x1a\n"
MAX_DEPTH: Final = 64
"""How deep groups may lie in one another."""

NOWHERE: Final = (1 << 64) - 1
"""The address that stands for none."""

_OLD: Final = (0, 1)
_NEW: Final = (2, 3)
_ENTRY: Final = 40
_SOFT: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One dataset.

    Attributes:
        name: the path from the root, without a slash at its beginning.
        dtype: the field's name for its numbers; ``""`` when they are none that a tensor has.
        swapped: whether they are big-endian.
        itemsize: bytes of one number.
        shape: lengths, outermost first; None for a dataset without a value.
        start: its first byte.
        stored: how many bytes are stored.
    """

    name: str
    dtype: str
    swapped: bool
    itemsize: int
    shape: tuple[int, ...] | None
    start: int
    stored: int


@dataclass(slots=True)
class File:
    """An HDF5 file.

    Args:
        window: its bytes.
    """

    window: Window
    entered: set[int] = field(default_factory=set[int])

    def root(self) -> int:
        """Find the root group's header.

        Raises:
            MalformedError: the file is no HDF5 file, is cut short, or begins with a user block.

        Source: HDF5 File Format Specification 3.0, section II.A.
        """
        window = self.window
        if window.size < 96 or window.read(0, 8) != MAGIC:  # noqa: PLR2004 - the longest superblock
            raise self.fail("is no HDF5 file, or is cut short")
        version = window.integer(8, 1)
        if version in _OLD:
            sizes, base = window.read(13, 2), 24 + 4 * version
            end, root = window.integer(base + 16, 8), window.integer(base + 40, 8)
        elif version in _NEW:
            sizes, base = window.read(9, 2), 12
            end, root = window.integer(28, 8), window.integer(36, 8)
        else:
            raise self.fail(f"has a superblock of the unknown version {version}")
        if sizes != b"\x08\x08" or window.integer(base, 8):
            raise self.fail("has addresses of another size, or a user block")
        if end > window.size:
            raise self.fail(f"should have {end} bytes and has {window.size}")
        return root

    def messages(self, address: int) -> list[Message]:
        """Read the header of one object.

        Raises:
            MalformedError: it is damaged.

        Source: HDF5 File Format Specification 3.0, section IV.A.
        """
        window, found = self.window, list[Message]()
        new = window.read(address, 4) == b"OHDR"
        if new:
            start, size, order = self._new_header(address)
        else:
            if window.integer(address, 1) != 1:
                raise self.fail(f"has no object at byte {address}")
            start, size, order = address + 16, window.integer(address + 8, 4), 0
        pending, seen = [(start, size)], {start}
        while pending:
            start, size = pending.pop(0)
            for message in self._block(start, size, new=new, order=order):
                if message.kind != CONTINUATION:
                    keep(found, message, window.what)
                    continue
                next_start, next_size = window.integer(message.start, 8), window.integer(message.start + 8, 8)
                if next_start in seen:
                    raise self.fail(f"has a header at byte {address} that runs in a circle")
                seen.add(next_start)
                self.check(next_start, next_size)
                if new and (next_size < 8 or window.read(next_start, 4) != b"OCHK"):  # noqa: PLR2004 - its mark and checksum
                    raise self.fail(f"has no header at byte {next_start}")
                pending.append((next_start + 4, next_size - 8) if new else (next_start, next_size))
        return found

    def _new_header(self, address: int) -> tuple[int, int, int]:
        flags = self.window.integer(address + 5, 1)
        position = address + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        return position + width, self.window.integer(position, width), 2 if flags & 4 else 0

    def _block(self, start: int, size: int, *, new: bool, order: int) -> Iterator[Message]:
        self.check(start, size)
        position, stop = start, start + size
        head = 4 + order if new else 8
        while position + head <= stop:
            self.window.step()
            if new:
                kind, length = self.window.integer(position, 1), self.window.integer(position + 1, 2)
                flags = self.window.integer(position + 3, 1)
            else:
                kind, length = self.window.integer(position, 2), self.window.integer(position + 2, 2)
                flags = self.window.integer(position + 4, 1)
            position += head
            if position + length > stop:
                raise self.fail(f"has a header at byte {start} whose parts go beyond it")
            yield Message(kind=kind, flags=flags, start=position, stop=position + length)
            position += length

    def links(self, messages: list[Message]) -> list[tuple[str, int]] | None:
        """Give the members of a group, by name; None when the object is no group.

        Raises:
            MalformedError: the group is damaged, is one of the newest kind with many members, or has a member
                that is a link to elsewhere.
        """
        found: list[tuple[str, int]] = []
        is_group = False
        for message in messages:
            if message.kind == SYMBOLS:
                is_group = True
                tree, heap = self.window.integer(message.start, 8), self.window.integer(message.start + 8, 8)
                for link in self._tree(tree, heap, None):
                    keep(found, link, self.window.what)
            elif message.kind == LINK:
                is_group = True
                keep(found, read_link(self.window, message), self.window.what)
            elif message.kind == LINKS:
                is_group = True
                place = message.start + 2 + (8 if self.window.integer(message.start + 1, 1) & 1 else 0)
                if self.window.integer(place, 8) != NOWHERE:
                    raise self.fail("has a group of the newest kind with many members")
        return found if is_group else None

    def _tree(self, address: int, heap: int, level: int | None) -> Iterator[tuple[str, int]]:
        """Walk a tree of symbol tables; each level is one lower than the one before."""
        window = self.window
        window.step()
        if window.read(address, 4) != b"TREE" or window.integer(address + 4, 1):
            raise self.fail(f"has no group at byte {address}")
        here, count = window.integer(address + 5, 1), window.integer(address + 6, 2)
        if here > MAX_DEPTH or (level is not None and here != level):
            raise self.fail(f"has a group at byte {address} whose tree is out of order")
        for index in range(count):
            window.step()
            child = window.integer(address + 32 + 16 * index, 8)
            if here:
                yield from self._tree(child, heap, here - 1)
            else:
                yield from self._symbols(child, heap)

    def _symbols(self, address: int, heap: int) -> Iterator[tuple[str, int]]:
        window = self.window
        if window.read(address, 4) != b"SNOD" or window.read(heap, 4) != b"HEAP":
            raise self.fail(f"has no names at byte {address}")
        size, names = window.integer(heap + 8, 8), window.integer(heap + 24, 8)
        self.check(names, size)
        for index in range(window.integer(address + 6, 2)):
            window.step()
            place = address + 8 + _ENTRY * index
            offset, kind = window.integer(place, 8), window.integer(place + 16, 4)
            if offset >= size:
                raise self.fail(f"has a name at byte {offset} of {size}")
            name = window.read(names + offset, min(MAX_NAME, size - offset)).partition(b"\0")[0]
            if kind == _SOFT:
                raise self.fail(f"has the link {show(repr(name))} to elsewhere, which is not followed")
            try:
                yield name.decode(), window.integer(place + 8, 8)
            except UnicodeDecodeError as error:
                raise self.fail("has a name that is not UTF-8 text") from error

    def datasets(self, links: list[tuple[str, int]], prefix: str = "", depth: int = 0) -> Iterator[Dataset]:
        """Give all datasets below some members of a group, the members in the order of their names.

        Raises:
            MalformedError: an object is damaged, groups lie in one another without end, or data
                are elsewhere.
        """
        if depth > MAX_DEPTH or len(prefix) > MAX_NAME:
            raise self.fail(f"has groups in one another, more than {MAX_DEPTH} deep")
        for name, address in sorted(links):
            self.window.step()
            if not name or "/" in name:
                raise self.fail(f"has a member with the name {show(name)}")
            messages = self.messages(address)
            if any(message.kind == LAYOUT for message in messages):
                yield self.dataset(f"{prefix}{name}", messages)
                continue
            inner = self.links(messages)
            if inner is None:
                continue
            if address in self.entered or len(self.entered) > MAX_KEPT:
                raise self.fail(f"has the group {show(prefix + name)} in two places")
            self.entered.add(address)
            yield from self.datasets(inner, f"{prefix}{name}/", depth + 1)

    def dataset(self, name: str, messages: list[Message]) -> Dataset:
        """Read one dataset.

        Raises:
            MalformedError: it is damaged, in chunks or elsewhere.
        """
        by_kind = {message.kind: message for message in messages}
        if EXTERNAL in by_kind:
            raise self.fail(f"has the data of {show(name)} in another file, which is not followed")
        if not {SPACE, TYPE} <= by_kind.keys() or by_kind[TYPE].flags & SHARED:
            raise self.fail(f"does not say what numbers {show(name)} has")
        dtype, itemsize, swapped = read_type(self.window, by_kind[TYPE])
        shape = read_space(self.window, by_kind[SPACE])
        start = stored = 0
        if dtype and shape is not None:
            start, stored = read_layout(self.window, by_kind[LAYOUT], name)
        return Dataset(
            name=name,
            dtype=dtype,
            swapped=swapped,
            itemsize=itemsize,
            shape=shape,
            start=start,
            stored=stored,
        )

    def attributes(self, messages: list[Message]) -> set[str]:
        """Name the attributes that stand in an object's header."""
        return {attribute_name(self.window, one) for one in messages if one.kind == ATTRIBUTE}

    def check(self, start: int, size: int) -> None:
        """Check that a range is inside the file.

        Raises:
            MalformedError: it is not.
        """
        if start < 0 or size < 0 or start + size > self.window.size:
            raise self.fail(f"refers to bytes {start} to {start + size}, but has {self.window.size}")

    def fail(self, what: str) -> MalformedError:
        """Make the error for a damaged file, to be raised by the caller."""
        return MalformedError(f"{self.window.what} {what}", hint=HINT)
