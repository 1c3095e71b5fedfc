"""Reads one remote file: small reads through blocks that are kept, long ones in windows, one window ahead."""

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from weightmark.model.artifact import ArtifactFile, Reader
from weightmark_adapters.remote.connection import BLOCK, Connection
from weightmark_adapters.remote.store import Entry

WINDOW: Final = 4 << 20
"""Bytes that are asked for at once at most; a reader holds two such windows."""


@dataclass(slots=True)
class _Ahead:
    start: int
    stop: int
    future: Future[bytearray]


class RemoteReader(Reader):
    """Reads one remote file, for one thread.

    Args:
        file: the file, for messages.
        entry: it, as the store listed it.
        connection: to the store.
    """

    __slots__ = ("_ahead", "_connection", "_data", "_entry", "_expected", "_start")

    def __init__(self, file: ArtifactFile, entry: Entry, connection: Connection) -> None:
        super().__init__(file, -1)
        self._entry = entry
        self._connection = connection
        self._expected = (0, 0)
        self._start = 0
        self._data = memoryview(b"")
        self._ahead: _Ahead | None = None

    def expect(self, start: int, stop: int) -> None:
        """Be told which range is read next, in order: up to its end it is fetched ahead."""
        self._expected = (start, min(stop, self._entry.size))

    def read(self, position: int, size: int) -> bytes:
        """Read a range; see ``Reader.read``.

        Raises:
            MalformedError: the file ends before, or is not the one that was listed.
            PlatformError: the store refused or failed.
        """
        self.expect(position, position + size)
        return super().read(position, size)

    def read_into(self, buffer: memoryview, position: int) -> int:
        """Fill a buffer, or its beginning; see ``Reader.read_into``.

        Raises:
            MalformedError: the file ends before, or is not the one that was listed.
            PlatformError: the store refused or failed.
        """
        if position >= self._entry.size:
            raise self._file.fail_short(position)
        if not self._expected[0] <= position < self._expected[1]:
            self.expect(position, position + len(buffer))
        source = self._find(position)
        size = min(len(buffer), len(source))
        buffer[:size] = source[:size]
        return size

    def close(self) -> None:
        """Drop what was fetched ahead."""
        if self._ahead is not None:
            self._ahead.future.cancel()
        self._ahead = None
        self._data = memoryview(b"")

    def _find(self, position: int) -> memoryview:
        """Give bytes from a position on, at least one."""
        offset = position - self._start
        if 0 <= offset < len(self._data):
            return self._data[offset:]
        kept = self._connection.known(self._entry, position)
        if kept is not None:
            return kept
        start, stop = self._expected
        if stop - start <= BLOCK:
            return self._connection.block(self._entry, position)
        self._data = memoryview(b"")
        self._data = memoryview(self._fetch(position, stop))
        self._start = position
        return self._data

    def _fetch(self, position: int, stop: int) -> bytearray:
        """Take the window that was fetched ahead, or fetch it, and begin with the next one."""
        ahead, self._ahead = self._ahead, None
        if ahead is None or ahead.start != position or ahead.stop > stop:
            if ahead is not None:
                ahead.future.cancel()
            end = min(position + WINDOW, stop)
            ahead = _Ahead(position, end, self._connection.start(self._entry, position, end))
        if ahead.stop < stop:
            end = min(ahead.stop + WINDOW, stop)
            self._ahead = _Ahead(ahead.stop, end, self._connection.start(self._entry, ahead.stop, end))
        return self._connection.wait(ahead.future)
