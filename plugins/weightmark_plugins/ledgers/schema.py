"""The tables of the SQLite ledger.

Not promised: that the triggers stop somebody with the file in hand; they stop accidents.
"""

import sqlite3
from typing import Final

VERSION: Final = "1"

OBJECTS: Final = {
    "ledger_meta": """
        CREATE TABLE ledger_meta(name TEXT PRIMARY KEY, value TEXT NOT NULL)
    """,
    "ledger_entry": """
        CREATE TABLE ledger_entry(
            idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL UNIQUE CHECK(length(leaf) = 32), body BLOB NOT NULL
        )
    """,
    "ledger_tile": """
        CREATE TABLE ledger_tile(
            level INTEGER NOT NULL, number INTEGER NOT NULL, hashes BLOB NOT NULL, PRIMARY KEY(level, number)
        )
    """,
    "ledger_checkpoint": """
        CREATE TABLE ledger_checkpoint(size INTEGER PRIMARY KEY, note TEXT NOT NULL)
    """,
    "ledger_entry_follows": """
        CREATE TRIGGER ledger_entry_follows BEFORE INSERT ON ledger_entry
        WHEN NEW.idx <> (SELECT coalesce(max(idx) + 1, 0) FROM ledger_entry)
        BEGIN SELECT raise(ABORT, 'entries follow one another'); END
    """,
    "ledger_entry_stays": """
        CREATE TRIGGER ledger_entry_stays BEFORE UPDATE ON ledger_entry
        BEGIN SELECT raise(ABORT, 'an entry is never changed'); END
    """,
    "ledger_entry_kept": """
        CREATE TRIGGER ledger_entry_kept BEFORE DELETE ON ledger_entry
        BEGIN SELECT raise(ABORT, 'an entry is never deleted'); END
    """,
    "ledger_checkpoint_stays": """
        CREATE TRIGGER ledger_checkpoint_stays BEFORE UPDATE ON ledger_checkpoint
        BEGIN SELECT raise(ABORT, 'a checkpoint is never changed'); END
    """,
    "ledger_checkpoint_kept": """
        CREATE TRIGGER ledger_checkpoint_kept BEFORE DELETE ON ledger_checkpoint
        BEGIN SELECT raise(ABORT, 'a checkpoint is never deleted'); END
    """,
}
"""Every table and trigger by name, in the order they are made."""


def missing_objects(connection: sqlite3.Connection) -> set[str]:
    """Say which tables and triggers are not there; all of them when there is no ledger yet.

    Raises:
        sqlite3.Error: the database cannot be read.
    """
    rows = connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'ledger~_%' ESCAPE '~'")
    return set(OBJECTS) - {str(name) for (name,) in rows}


def create_objects(connection: sqlite3.Connection, origin: str, key: str, note: str) -> None:
    """Make an empty ledger, inside the caller's transaction.

    Args:
        connection: in a transaction.
        origin: the log's name.
        key: the key of its checkpoints, as a C2SP vkey.
        note: the signed checkpoint of the empty tree.

    Raises:
        sqlite3.Error: the database cannot be written.
    """
    for statement in OBJECTS.values():
        connection.execute(statement)
    meta = [("origin", origin), ("schema", VERSION), ("vkey", key)]
    connection.executemany("INSERT INTO ledger_meta(name, value) VALUES (?, ?)", meta)
    connection.execute("INSERT INTO ledger_checkpoint(size, note) VALUES (0, ?)", (note,))
