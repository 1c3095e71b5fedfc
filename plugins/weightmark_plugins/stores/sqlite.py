"""The store in a SQLite file, which may be the ledger's own.

Not promised: speed for large objects. It keeps manifests and licence texts, not models.
"""

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import ClassVar, Self

from weightmark.encoding.digest import Digest, digest_bytes, parse_digest
from weightmark.errors import DigestMismatchError, LedgerError, MalformedError
from weightmark.hookspecs import hookimpl
from weightmark.ports.store import Store
from weightmark.workspace.durable import make_private

_TABLE = "CREATE TABLE IF NOT EXISTS store_object(digest TEXT PRIMARY KEY, body BLOB NOT NULL)"
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH}


class SqliteStore(Store):
    """A store in the table ``store_object`` of a SQLite file.

    Each call opens the file and closes it again, so a store may be shared by threads and taken into a fork.

    Args:
        path: the file.
    """

    name: ClassVar[str] = "sqlite"
    busy_seconds: ClassVar[float] = 30.0
    """How long to wait for another process's transaction."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._closed = False

    @classmethod
    def open(cls, uri: str) -> Self:
        """Open ``sqlite:///relative.db`` or ``sqlite:////absolute.db``, and make it when there is none.

        Raises:
            LedgerError: it cannot be reached or made.
            MalformedError: the file is no SQLite database, or damaged.
        """
        path = uri.removeprefix("sqlite:///")
        if path == uri or not path or "?" in path or "\0" in path or path.startswith(":memory:"):
            raise LedgerError(
                f"{uri!r} names no SQLite file",
                hint="Write 'sqlite:///relative.db' or 'sqlite:////absolute.db'; or 'memory:' for none.",
            )
        store = cls(Path(path).absolute())
        with store._connection("opened") as connection:
            connection.execute(_TABLE)
        return store

    def put(self, data: bytes) -> Digest:
        """Keep bytes durably; what was kept wrongly under their digest is put right.

        Raises:
            LedgerError: they could not be kept.
            MalformedError: the file is damaged.
        """
        digest = digest_bytes(data)
        with self._connection("written") as connection:
            query = "SELECT body FROM store_object WHERE digest = ?"
            if connection.execute(query, (digest,)).fetchone() != (data,):
                connection.execute(
                    "INSERT INTO store_object(digest, body) VALUES (?, ?) "
                    "ON CONFLICT(digest) DO UPDATE SET body = excluded.body",
                    (digest, data),
                )
        return digest

    def get(self, digest: Digest) -> bytes | None:
        """Give the bytes of a digest; None when they are not here.

        Raises:
            DigestMismatchError: what is kept under the digest has another one.
            LedgerError: the file cannot be read.
            MalformedError: it is no digest, or the file is damaged.
        """
        algorithm, _ = parse_digest(digest)
        with self._connection("read") as connection:
            row = connection.execute("SELECT body FROM store_object WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            return None
        data = row[0] if isinstance(row[0], bytes) else b""
        if digest_bytes(data, algorithm) != digest:
            raise DigestMismatchError(
                f"the store {self._path} keeps {digest_bytes(data, algorithm)} under {digest}",
                hint="Put the right bytes into the store again.",
            )
        return data

    def close(self) -> None:
        """Let go; closing twice does nothing."""
        self._closed = True

    @contextmanager
    def _connection(self, doing: str) -> Generator[sqlite3.Connection, None, None]:
        if self._closed:
            raise LedgerError(f"the store {self._path} is closed", hint="Open it again.")
        try:
            make_private(self._path)
            uri = f"{self._path.as_uri()}?mode=rw"
            with closing(
                sqlite3.connect(uri, uri=True, timeout=self.busy_seconds, isolation_level=None)
            ) as connection:
                for pragma in ("synchronous = FULL", "fullfsync = ON", "trusted_schema = OFF"):
                    connection.execute(f"PRAGMA {pragma}")
                yield connection
        except (sqlite3.Error, OSError) as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR) & 0xFF
            if code in _DAMAGED:
                raise MalformedError(f"the store file {self._path} is damaged: {error}") from error
            raise LedgerError(f"the store {self._path} could not be {doing}: {error}") from error


@hookimpl
def weightmark_stores() -> list[type[Store]]:
    """Offer the store in a SQLite file."""
    return [SqliteStore]
