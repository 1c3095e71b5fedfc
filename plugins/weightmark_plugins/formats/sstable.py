"""The sorted tables of LevelDB, in which TensorFlow keeps what a checkpoint holds.

Not promised: checksums, filters and compressed blocks; the last are refused, since TensorFlow writes none.
"""

from collections.abc import Iterator
from typing import Final

from weightmark.errors import MalformedError
from weightmark_plugins.formats.protobuf import varint
from weightmark_plugins.formats.window import HINT, MAX_NAME, MAX_NAMES, Window

MAGIC: Final = 0xDB4775248B80FB57
_FOOTER: Final = 48
_TRAILER: Final = 5


def read_table(window: Window) -> Iterator[tuple[bytes, int, int]]:
    """Give all entries, in the order of their keys.

    Args:
        window: the file.

    Returns:
        Each key, with its value's first byte and the byte after it.

    Raises:
        MalformedError: the file is no such table, or is damaged.

    Source: https://github.com/google/leveldb/blob/main/doc/table_format.md
    """
    footer = window.size - _FOOTER
    if footer < 0 or window.integer(window.size - 8, 8) != MAGIC:
        raise MalformedError(f"{window.what} is no table of TensorFlow, or is cut short", hint=HINT)
    _, position = _handle(window, footer, window.size)
    (start, size), _ = _handle(window, position, window.size)
    made, before = 0, b""
    for _, place, stop in _entries(window, start, size):
        (inner, length), _ = _handle(window, place, stop)
        for key, first, last in _entries(window, inner, length):
            made += len(key)
            if made > MAX_NAMES or (key <= before and (key or before)):
                raise MalformedError(
                    f"{window.what} has keys that are out of order, or more than {MAX_NAMES} bytes of them",
                    hint=HINT,
                )
            before = key
            yield key, first, last


def _handle(window: Window, position: int, stop: int) -> tuple[tuple[int, int], int]:
    """Read where a block lies: its first byte, and how many bytes it has."""
    start, position = varint(window, position, stop)
    size, position = varint(window, position, stop)
    return (start, size), position


def _entries(window: Window, start: int, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Give the entries of one block."""
    stop = start + size
    if size < 4 or stop + _TRAILER > window.size:  # noqa: PLR2004 - the count of restarts
        raise MalformedError(
            f"{window.what} refers to bytes {start} to {stop}, but has {window.size}", hint=HINT
        )
    if window.integer(stop, 1):
        raise MalformedError(
            f"{window.what} has a compressed block at byte {start}",
            hint="TensorFlow writes none: save the checkpoint again with TensorFlow itself.",
        )
    end = stop - 4 - 4 * window.integer(stop - 4, 4)
    if end < start:
        raise MalformedError(f"{window.what} has a damaged block at byte {start}", hint=HINT)
    key, position = b"", start
    while position < end:
        window.step()
        shared, position = varint(window, position, end)
        added, position = varint(window, position, end)
        length, position = varint(window, position, end)
        if shared > len(key) or shared + added > MAX_NAME or position + added + length > end:
            raise MalformedError(f"{window.what} has a damaged entry at byte {position}", hint=HINT)
        key = key[:shared] + window.read(position, added)
        yield key, position + added, position + added + length
        position += added + length
