"""The file of what was used, reserved and charged: SQLite, opened so that what is committed stays.

Not promised: network file systems, where SQLite's locks do not hold; and protection from whoever owns the
disk, who may delete the file.
"""

from __future__ import annotations  # so that sqlite3 is read only when something is counted

from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Final, Literal

from weightmark.errors import LedgerError, MalformedError, WeightmarkError
from weightmark.forking import disconnect_at_fork
from weightmark.workspace.durable import identify, make_private, roll_back, use_wal

if TYPE_CHECKING:
    import sqlite3

FILE_NAME: Final = "usage.db"
_WAIT_SECONDS: Final = 30.0
_VERSION: Final = 1
_PRAGMAS: Final = (
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",
    "PRAGMA trusted_schema = OFF",
)
_DAMAGED: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR", "SQLITE_MISMATCH", "SQLITE_CONSTRAINT")
_SCHEMA: Final = """
CREATE TABLE usage_account (id INTEGER PRIMARY KEY, subject TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE usage_above (
    account INTEGER NOT NULL, above INTEGER NOT NULL, PRIMARY KEY (account, above)
) WITHOUT ROWID, STRICT;
CREATE TABLE usage_tally (
    account INTEGER NOT NULL, name TEXT NOT NULL,
    used INTEGER NOT NULL CHECK (used >= 0), reserved INTEGER NOT NULL CHECK (reserved >= 0),
    PRIMARY KEY (account, name)
) WITHOUT ROWID, STRICT;
CREATE TABLE usage_entry (
    account INTEGER NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL, units INTEGER NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (account, key)
) WITHOUT ROWID, STRICT;
CREATE TABLE usage_reservation (
    account INTEGER NOT NULL, key TEXT NOT NULL, made TEXT NOT NULL, until TEXT NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (account, key)
) WITHOUT ROWID, STRICT;
CREATE TABLE usage_hold (
    account INTEGER NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL,
    units INTEGER NOT NULL, actual INTEGER, PRIMARY KEY (account, key, name)
) WITHOUT ROWID, STRICT;
CREATE INDEX usage_open ON usage_reservation (account) WHERE state = 'open';
CREATE TABLE renewal (
    key TEXT PRIMARY KEY, subject TEXT NOT NULL, ends TEXT NOT NULL, days INTEGER NOT NULL,
    amount TEXT NOT NULL, currency TEXT NOT NULL, payer TEXT NOT NULL, provider TEXT NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL, due TEXT NOT NULL, changed TEXT NOT NULL,
    note TEXT NOT NULL
) WITHOUT ROWID, STRICT;
"""


class UsageFile:
    """The file, and this process's one connection to it, used by one thread at a time.

    Before a fork the connection is closed, because SQLite's locks do not survive in the child; parent and
    child open their own when they next need it.

    Args:
        path: the file; made with mode 0600, and its folders with 0700, when something is first written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity = (0, 0)
        self._is_used = False
        self._is_closed = False
        disconnect_at_fork(self)

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection | None, None, None]:
        """Give a connection that sees one state of the file; None when there is no file yet.

        Raises:
            LedgerError: the file cannot be used.
            MalformedError: it is damaged.
        """
        with self.lock, self._fault_named("read"):
            if not self.path.exists():
                self.disconnect()
                yield None
                return
            with self._used() as connection:
                connection.execute("BEGIN")
                try:
                    yield connection
                finally:
                    roll_back(connection)

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection, None, None]:
        """Give a connection that alone may write, and commit at the end; an exception undoes all.

        Raises:
            LedgerError: the file cannot be used; its outcome is unknown when the commit itself failed.
            MalformedError: it is damaged.
        """
        with self.lock:
            with self._fault_named("opened"):
                make_private(self.path)
            with self._used() as connection:
                try:
                    with self._fault_named("written"):
                        connection.execute("BEGIN IMMEDIATE")
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
            with suppress(Exception):
                connection.close()

    def forget_threads(self) -> None:
        """Take a new lock: in a child the thread that held the old one may not exist."""
        self.lock = RLock()

    @contextmanager
    def _used(self) -> Generator[sqlite3.Connection, None, None]:
        if self._is_closed:
            raise LedgerError(f"the usage file {self.path} is closed", hint="Open the workspace again.")
        with self._fault_named("opened"):
            identity = identify(self.path)
            if self._connection is None:
                self._connection, self._identity = self._connect(), identity
        if identity != self._identity:
            raise LedgerError(
                f"the usage file {self.path} was replaced while it was open",
                hint="Put the file back, or open the workspace again.",
            )
        nested, self._is_used = self._is_used, True
        try:
            yield self._connection
        finally:
            self._is_used = nested

    def _connect(self) -> sqlite3.Connection:
        import sqlite3

        uri = f"{self.path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(
            uri, uri=True, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            use_wal(
                connection,
                f"the usage file {self.path}",
                seconds=_WAIT_SECONDS,
                hint="Put the home folder on a local disk.",
            )
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            self._make_tables(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        if connection.execute("PRAGMA user_version").fetchone() == (_VERSION,):
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            if found not in (0, _VERSION):
                raise LedgerError(
                    f"the usage file {self.path} is of version {found}; this release reads {_VERSION}",
                    hint="Use the release of Weightmark that wrote it, or a newer one.",
                )
            if found == 0:
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute("COMMIT")
        finally:
            roll_back(connection)

    @contextmanager
    def _fault_named(
        self, doing: str, outcome: Literal["no", "unknown"] = "no"
    ) -> Generator[None, None, None]:
        try:
            yield
        except WeightmarkError:
            raise
        except Exception as error:
            named = self._named(error, doing, outcome)
            if named is None:
                raise
            raise named from error

    def _named(
        self, error: Exception, doing: str, outcome: Literal["no", "unknown"]
    ) -> WeightmarkError | None:
        import sqlite3

        if not isinstance(error, sqlite3.Error | OSError):
            return None
        name = str(getattr(error, "sqlite_errorname", "") or "")
        if isinstance(error, sqlite3.DatabaseError) and name.startswith(_DAMAGED):
            return MalformedError(
                f"the usage file {self.path} is damaged: {error}", hint="Put a copy of it in its place."
            )
        return LedgerError(
            f"the usage file {self.path} could not be {doing}: {error}",
            outcome=outcome,
            hint="Check the disk, then repeat the step with the same key: it is counted only once.",
        )
