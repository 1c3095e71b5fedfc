"""One transaction in a small SQLite file, which is opened for it and closed after it."""

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

_WAIT_SECONDS: Final = 30


@contextmanager
def transaction(path: Path) -> Generator[sqlite3.Connection, None, None]:
    """Give a connection that alone may write; what is done is kept at the end, or undone by an exception.

    Args:
        path: the file, made when it is not there; its folder is.

    Raises:
        sqlite3.Error: the file cannot be used, or another process held it for 30 seconds.
    """
    with closing(sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        with database:
            yield database
