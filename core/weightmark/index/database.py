"""The database under the index: one engine, transactions that begin where they are said to."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, StaticPool, create_engine, event, insert, select
from sqlalchemy.exc import SQLAlchemyError

from weightmark.errors import LedgerError
from weightmark.index.schema import METADATA, SCHEMA, SCHEMA_KEY, STATE

REBUILD_HINT = "`weightmark ledger audit` checks the ledger; `weightmark index rebuild` makes the index anew."


class Database:
    """The index's tables, made when they are not there.

    Args:
        url: where, as SQLAlchemy spells it; ``sqlite://`` for memory.

    Raises:
        LedgerError: from every method, when the database fails.
    """

    def __init__(self, url: str) -> None:
        self._lock = threading.RLock()
        self._engine = _open_engine(url)
        with self.writing() as connection:
            _make_tables(connection)

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """Give a connection inside a transaction that holds up no writer."""
        with self._transaction(reading=True) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """Give a connection inside a transaction; what fails in it leaves no trace."""
        with self._transaction(reading=False) as connection:
            yield connection

    def close(self) -> None:
        """Let go of connections."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self, *, reading: bool) -> Generator[Connection]:
        try:
            with (
                self._lock,
                self._engine.connect().execution_options(reading=reading) as connection,
                connection.begin(),
            ):
                yield connection
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error)
            raise LedgerError(
                f"the index at {self._engine.url!r} failed: {reason}", hint=REBUILD_HINT
            ) from error


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


def _open_engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return _create(url, {})
    in_memory = url in ("sqlite://", "sqlite:///:memory:")
    # No connection is kept between calls: one that a forked process inherits spoils SQLite's locks.
    options = {"poolclass": StaticPool if in_memory else NullPool}
    engine = _create(url, {"connect_args": {"check_same_thread": False, "timeout": 60}, **options})

    # SQLAlchemy's page on the pysqlite dialect: this is how a transaction begins where it is said to.
    def on_connect(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]
        connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[attr-defined]
        connection.execute("PRAGMA synchronous=FULL")  # type: ignore[attr-defined]

    def on_begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine
