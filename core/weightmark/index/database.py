"""The database under the index: one engine, transactions that begin where they are said to."""

import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event, insert, select
from sqlalchemy.exc import SQLAlchemyError

from weightmark.errors import LedgerError
from weightmark.forking import disconnect_at_fork
from weightmark.index.schema import METADATA, SCHEMA, SCHEMA_KEY, STATE

REBUILD_HINT = "`weightmark ledger audit` checks the ledger; `weightmark index rebuild` makes the index anew."


class Database:
    """The index's tables, made when they are not there.

    A connection is kept between calls, since opening one costs more than most questions. Before a fork it is
    closed, because SQLite's locks and a server's sessions do not survive in the child.

    Args:
        url: where, as SQLAlchemy spells it; ``sqlite://`` for memory.

    Raises:
        LedgerError: from every method, when the database fails.
    """

    def __init__(self, url: str) -> None:
        self.lock = threading.RLock()
        self._current: Connection | None = None
        self._engine = _open_engine(url)
        self._file = _file_of(self._engine)
        self._identity = (0, 0)
        with self.writing() as connection:
            _make_tables(connection)
        disconnect_at_fork(self)

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """Give a connection inside a transaction that holds up no writer; one inside another is the same."""
        with self._transaction(reading=True) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """Give a connection inside a transaction; what fails in it leaves no trace.

        Raises:
            RuntimeError: this thread is inside another transaction already.
        """
        with self._transaction(reading=False) as connection:
            yield connection

    def close(self) -> None:
        """Let go of connections."""
        self._engine.dispose()

    def disconnect(self) -> None:
        """Close the connection, unless this thread is using it; the next use opens another."""
        if self._current is None and not _is_in_memory(str(self._engine.url)):
            self._engine.dispose()

    def forget_threads(self) -> None:
        """Take a new lock: in a child the thread that held the old one may not exist."""
        self.lock = threading.RLock()

    @contextmanager
    def _transaction(self, *, reading: bool) -> Generator[Connection]:
        try:
            with self.lock:
                if self._current is not None:
                    if not reading:
                        raise RuntimeError("the index cannot be written while this thread reads it")
                    yield self._current
                    return
                self._follow_file()
                with (
                    self._engine.connect().execution_options(reading=reading) as connection,
                    connection.begin(),
                ):
                    self._current = connection
                    try:
                        yield connection
                    finally:
                        self._current = None
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error)
            raise LedgerError(
                f"the index at {self._engine.url!r} failed: {reason}", hint=REBUILD_HINT
            ) from error

    def _follow_file(self) -> None:
        """Open the file anew when another stands in its place."""
        if self._file is None:
            return
        try:
            found = self._file.stat()
        except OSError:
            identity = (0, 0)
        else:
            identity = (found.st_dev, found.st_ino)
        if identity != self._identity:
            self._engine.dispose()
            self._identity = identity


def _make_tables(connection: Connection) -> None:
    """Make the tables; those that another release left with other columns are thrown away first."""
    STATE.create(connection, checkfirst=True)
    made = connection.execute(select(STATE.c.value).where(STATE.c.key == SCHEMA_KEY)).scalar()
    if made == SCHEMA:
        return
    METADATA.drop_all(connection)
    METADATA.create_all(connection)
    connection.execute(insert(STATE), {"key": SCHEMA_KEY, "value": SCHEMA})


def _create(url: str, options: dict[str, Any]) -> Engine:
    try:
        return create_engine(url, **options)
    except (SQLAlchemyError, ImportError, ValueError, TypeError) as error:
        raise LedgerError(f"the index cannot be opened: {error}", hint="Mend the setting `index`.") from error


def _is_in_memory(url: str) -> bool:
    return url in ("sqlite://", "sqlite:///:memory:")


def _file_of(engine: Engine) -> Path | None:
    url = engine.url
    named = url.get_backend_name() == "sqlite" and not _is_in_memory(str(url)) and url.database
    return Path(named).absolute() if named else None


def _open_engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return _create(url, {})
    # One connection for all threads; the lock lets one of them use it at a time.
    options = {"connect_args": {"check_same_thread": False, "timeout": 60}, "poolclass": StaticPool}
    engine = _create(url, options)

    # SQLAlchemy's page on the pysqlite dialect: this is how a transaction begins where it is said to.
    def on_connect(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]
        with suppress(sqlite3.OperationalError):  # locked: another process is switching it at this moment
            connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[attr-defined]
        connection.execute("PRAGMA synchronous=FULL")  # type: ignore[attr-defined]

    def on_begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine
