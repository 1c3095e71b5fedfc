"""What SQLite files need so that what is committed stays: made for their owner only, with a write-ahead log.

Not promised: network file systems, where SQLite's locks do not hold.
"""

from __future__ import annotations  # so that sqlite3 is read only when a file is opened

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from weightmark.errors import LedgerError
from weightmark.workspace.file import sync_folder

if TYPE_CHECKING:
    import sqlite3

_PAUSE_SECONDS: Final = 0.005


def make_private(path: Path) -> None:
    """Make a file with mode 0600, and the folders that are missing with 0700; one that is there stays.

    Raises:
        OSError: it cannot be made.
    """
    for folder in reversed([folder for folder in path.parents if not folder.exists()]):
        folder.mkdir(mode=0o700, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        sync_folder(path.parent)


def identify(path: Path) -> tuple[int, int]:
    """Say which file stands under a path; what is written to a file that was moved away is lost.

    Raises:
        OSError: there is none.
    """
    found = path.stat()
    return found.st_dev, found.st_ino


def use_wal(connection: sqlite3.Connection, what: str, *, seconds: float, hint: str) -> None:
    """Switch to a write-ahead log; SQLite does not wait for others here, so we do.

    Args:
        connection: to the file.
        what: its name in messages.
        seconds: how long to wait for other processes.
        hint: what to do where there can be no such log.

    Raises:
        LedgerError: the file system has no such logs.
        sqlite3.Error: the file cannot be used, or another process held it for too long.
    """
    import sqlite3

    until = time.monotonic() + seconds
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > until:
                raise
            time.sleep(_PAUSE_SECONDS)
            continue
        if mode != "wal":
            raise LedgerError(f"{what} cannot keep a write-ahead log here; SQLite says {mode!r}", hint=hint)
        return


def roll_back(connection: sqlite3.Connection) -> None:
    """Undo a transaction that is still open; what stands in the way of that is not news.

    Raises:
        Nothing.
    """
    if connection.in_transaction:
        with suppress(Exception):
            connection.execute("ROLLBACK")
