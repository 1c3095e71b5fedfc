"""One SQLite file, opened so that what is committed stays: WAL, a sync for each commit, owner-only files.

Not promised: network file systems. SQLite's locks do not hold there.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Literal

from weightmark.errors import LedgerError, MalformedError, WeightmarkError
from weightmark.forking import disconnect_at_fork
from weightmark.workspace.durable import identify, make_private, roll_back, use_wal
from weightmark_plugins.ledgers.audit import AUDIT_HINT

_SURROUNDINGS = {
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}
"""Primary result codes that say the fault is around the file, not in it."""

_PRIMARY = 0xFF
_PRAGMAS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cache_size = -32000",
    "PRAGMA wal_autocheckpoint = 8000",
)


def database_path(uri: str) -> Path:
    """Read the path from a URI as SQLAlchemy spells it.

    Args:
        uri: ``sqlite:///relative.db`` or ``sqlite:////absolute.db``.

    Returns:
        The path, absolute.

    Raises:
        LedgerError: it names no file.

    >>> database_path("sqlite:////var/lib/ledger.db").as_posix()
    '/var/lib/ledger.db'
    """
    path = uri.removeprefix("sqlite:///")
    if path == uri or not path or "?" in path or "\0" in path or path.startswith(":memory:"):
        raise LedgerError(
            f"{uri!r} names no SQLite file",
            hint="Write 'sqlite:///relative.db' or 'sqlite:////absolute.db'; for one in memory, 'memory:'.",
        )
    return Path(path).absolute()


class Database:
    """A file and this process's one connection to it, used by one thread at a time.

    Before a fork the connection is closed, because SQLite's locks do not survive in the child; parent and
    child open their own when they next need it.

    Args:
        path: the file; made with mode 0600 when there is none, its folders with 0700.
        busy_seconds: how long to wait for another process's transaction.

    Raises:
        LedgerError: the file cannot be opened or made.
        MalformedError: the file is no SQLite database.
    """

    def __init__(self, path: Path, busy_seconds: float) -> None:
        self.path = path
        self.lock = RLock()
        self._busy_seconds = busy_seconds
        self._connection: sqlite3.Connection | None = None
        self._identity = (0, 0)
        self._is_used = False
        self._is_closed = False
        with self._fault_named("opened"):
            make_private(path)
        disconnect_at_fork(self)

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection, None, None]:
        """Give a connection that sees one state of the file until the end."""
        with self.lock, self._fault_named("read"), self._used() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                roll_back(connection)

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection, None, None]:
        """Give a connection that alone may write, and commit at the end; an exception undoes all."""
        with self.lock, self._used() as connection:
            with self._fault_named("written"):
                connection.execute("BEGIN IMMEDIATE")
            try:
                with self._fault_named("written"):
                    yield connection
                with self._fault_named("committed", outcome="unknown"):
                    connection.execute("COMMIT")
            finally:
                roll_back(connection)

    def close(self) -> None:
        """Close for good; closing twice does nothing."""
        with self.lock:
            self._is_closed = True
            self.disconnect()

    def disconnect(self) -> None:
        """Close the connection, unless this thread is using it; the next use opens another."""
        if self._connection is not None and not self._is_used:
            connection, self._connection = self._connection, None
            with suppress(sqlite3.Error):
                connection.close()

    def forget_threads(self) -> None:
        """Take a new lock: in a child the thread that held the old one may not exist."""
        self.lock = RLock()

    @contextmanager
    def _used(self) -> Generator[sqlite3.Connection, None, None]:
        if self._is_closed:
            raise LedgerError(f"the ledger {self.path} is closed", hint="Open it again.")
        with self._fault_named("opened"):
            identity = identify(self.path)
            if self._connection is None:
                self._connection, self._identity = self._connect(), identity
        if identity != self._identity:
            raise LedgerError(
                f"the ledger file {self.path} was replaced while it was open",
                hint="Put the file back, or close the ledger and open it again.",
            )
        self._is_used = True
        try:
            yield self._connection
        finally:
            self._is_used = False

    def _connect(self) -> sqlite3.Connection:
        uri = f"{self.path.as_uri()}?mode=rw"
        connection = sqlite3.connect(
            uri, uri=True, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        connection.text_factory = _decode_text
        try:
            use_wal(
                connection,
                f"the ledger {self.path}",
                seconds=self._busy_seconds,
                hint="Put the ledger on a local disk.",
            )
            for pragma in _PRAGMAS:
                connection.execute(pragma)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _fault_named(
        self, doing: str, outcome: Literal["no", "unknown"] = "no"
    ) -> Generator[None, None, None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._named(error, doing, outcome) from error

    def _named(self, error: Exception, doing: str, outcome: Literal["no", "unknown"]) -> WeightmarkError:
        code = getattr(error, "sqlite_errorcode", None)
        if isinstance(error, sqlite3.DatabaseError) and (
            code is None or code & _PRIMARY not in _SURROUNDINGS
        ):
            return MalformedError(f"the ledger file {self.path} is damaged: {error}", hint=AUDIT_HINT)
        hint = "Free some space on the disk, then repeat the step." if "full" in str(error) else ""
        return LedgerError(
            f"the ledger {self.path} could not be {doing}: {error}", outcome=outcome, hint=hint
        )


def _decode_text(raw: bytes) -> str:
    """Read a text column; a damaged one fails where its meaning is checked, its bytes in no message."""
    return raw.decode("utf-8", "replace")
