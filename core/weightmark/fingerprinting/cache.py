"""Digests of files that were read before, kept in one SQLite file, for whoever asks for it.

A file is known again by its file system, number, size and times. That holds against accidents, not against
somebody who can write to the cache or set the machine's clock: nothing here is used unless it is passed in.

Not promised: that an entry is there. Files that were changed within two seconds before they were read are
never kept, because a second change could bear the same times.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from weightmark.encoding import Algorithm
from weightmark.encoding.digest import DIGEST_SIZE
from weightmark.errors import MalformedError
from weightmark.model.artifact import ArtifactFile

QUIET_NS = 2_000_000_000
"""Nanoseconds that a file must have been left alone before it was read, for its digests to be kept."""

_TABLE = """
CREATE TABLE IF NOT EXISTS digests (
    device TEXT, inode TEXT, size TEXT, mtime_ns TEXT, ctime_ns TEXT, algorithm TEXT, plan TEXT,
    roots BLOB NOT NULL,
    PRIMARY KEY (device, inode, size, mtime_ns, ctime_ns, algorithm, plan)
) WITHOUT ROWID
"""
_FIND = """
SELECT roots FROM digests
WHERE device = ? AND inode = ? AND size = ? AND mtime_ns = ? AND ctime_ns = ? AND algorithm = ? AND plan = ?
"""
_KEEP = "INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedRoots:
    """What is kept of one file.

    Attributes:
        root: the file's root, 32 bytes.
        tensors: the roots of its tensors, 32 bytes each, in the order of their bytes.
        sha256: the plain SHA-256 of the file, 32 bytes; empty when it was not asked for.
    """

    root: bytes
    tensors: tuple[bytes, ...]
    sha256: bytes = b""


class DigestCache:
    """A file of digests.

    Args:
        path: the SQLite file; made on first use.
        clock: gives nanoseconds since 1970 UTC.
    """

    def __init__(self, path: Path, *, clock: Callable[[], int] = time.time_ns) -> None:
        self.path = path
        self._clock = clock

    def now(self) -> int:
        """Read the clock: nanoseconds since 1970 UTC, to be taken before files are read.

        Raises:
            Nothing.
        """
        return self._clock()

    def find(
        self, wanted: Sequence[tuple[ArtifactFile, str]], algorithm: Algorithm
    ) -> dict[str, CachedRoots]:
        """Look files up.

        Args:
            wanted: files, each with the name of its plan.
            algorithm: the hash function.

        Returns:
            What is known, by path.

        Raises:
            MalformedError: the cache is not such a file, or cannot be opened.
        """
        found: dict[str, CachedRoots] = {}
        for (file, _), row in zip(wanted, self._select(wanted, algorithm), strict=True):
            if row is not None:
                found[file.path] = self._unpack(row)
        return found

    def keep(
        self, entries: Sequence[tuple[ArtifactFile, str, CachedRoots]], algorithm: Algorithm, *, started: int
    ) -> None:
        """Keep what was read, save for files that were changed just before.

        Args:
            entries: files, each with the name of its plan and its roots.
            algorithm: the hash function.
            started: what ``now`` gave before the files were read.

        Raises:
            MalformedError: the cache is not such a file, or cannot be written.
        """
        import sqlite3

        rows = [
            (*_key(file, plan, algorithm), _pack(roots))
            for file, plan, roots in entries
            if started - max(file.mtime_ns, file.ctime_ns) >= QUIET_NS
        ]
        try:
            with closing(sqlite3.connect(self.path, timeout=_WAIT_SECONDS)) as connection, connection:
                connection.execute(_TABLE)
                connection.executemany(_KEEP, rows)
        except sqlite3.Error as error:
            raise self._broken(error) from error

    def _select(self, wanted: Sequence[tuple[ArtifactFile, str]], algorithm: Algorithm) -> list[bytes | None]:
        import sqlite3

        try:
            with closing(sqlite3.connect(self.path, timeout=_WAIT_SECONDS)) as connection, connection:
                connection.execute(_TABLE)
                rows = [
                    connection.execute(_FIND, _key(file, plan, algorithm)).fetchone() for file, plan in wanted
                ]
        except sqlite3.Error as error:
            raise self._broken(error) from error
        return [None if row is None else bytes(row[0]) for row in rows]

    def _unpack(self, row: bytes) -> CachedRoots:
        count = row[0] if row else 0
        parts = [row[start : start + DIGEST_SIZE] for start in range(1, len(row), DIGEST_SIZE)]
        if count not in (1, 2) or len(parts) < count or len(parts[-1]) != DIGEST_SIZE:
            raise self._broken("an entry has another length than it should")
        return CachedRoots(
            root=parts[0],
            sha256=parts[1] if count > 1 else b"",
            tensors=tuple(parts[count:]),
        )

    def _broken(self, error: object) -> MalformedError:
        return MalformedError(
            f"the digest cache {self.path} cannot be used: {error}", hint="Delete the file."
        )


def _pack(roots: CachedRoots) -> bytes:
    """Write roots as one byte that counts the digests of the file itself, then all digests."""
    return b"".join([bytes([2 if roots.sha256 else 1]), roots.root, roots.sha256, *roots.tensors])


def _key(file: ArtifactFile, plan: str, algorithm: Algorithm) -> tuple[str, ...]:
    # text, because inode and device numbers may exceed SQLite's signed integers
    numbers = (file.device, file.inode, file.size, file.mtime_ns, file.ctime_ns)
    return (*(str(number) for number in numbers), algorithm.value, plan)
