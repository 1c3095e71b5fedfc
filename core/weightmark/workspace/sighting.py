"""What was last seen of watched versions: a small SQLite file beside the ledger.

It can be thrown away: the next round then tells of everything that is wrong as if it were new.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from weightmark.errors import LedgerError
from weightmark.workspace.transaction import transaction

_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE sighting (
    scope TEXT NOT NULL,
    uri TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    state TEXT NOT NULL,
    round INTEGER NOT NULL,
    PRIMARY KEY (scope, uri)
) WITHOUT ROWID, STRICT
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One version as it was last seen.

    Attributes:
        uri: the version.
        name: the model's name on the platform.
        version: its version there.
        state: a ``State``.
    """

    uri: str
    name: str
    version: str
    state: str


class Sightings:
    """The sightings of one watched URI. Each call opens the file and closes it; what is kept is durable.

    Args:
        path: the SQLite file, made when it is not there; one of another release is made anew.
        scope: what is watched.

    Raises:
        LedgerError: from every method, when the file cannot be used.
    """

    def __init__(self, path: Path, scope: str) -> None:
        self._path = path
        self._scope = scope
        with self._transaction() as database:
            (made,) = database.execute("PRAGMA user_version").fetchone()
            if made != _VERSION:
                database.execute("DROP TABLE IF EXISTS sighting")
                database.execute(_SCHEMA)
                database.execute(f"PRAGMA user_version = {_VERSION}")

    def begin(self) -> int:
        """Give the number of a new round: one more than the newest that saw anything."""
        query = "SELECT coalesce(max(round), 0) + 1 FROM sighting WHERE scope = ?"
        with self._transaction() as database:
            (number,) = database.execute(query, (self._scope,)).fetchone()
        return int(number)

    def last(self, uri: str) -> Sighting | None:
        """Give what was last seen of a version; None when it was not seen yet."""
        query = "SELECT uri, name, version, state FROM sighting WHERE scope = ? AND uri = ?"
        with self._transaction() as database:
            row = database.execute(query, (self._scope, uri)).fetchone()
        return None if row is None else _read(row)

    def keep(self, sighting: Sighting, number: int) -> None:
        """Remember what was seen in a round."""
        row = (self._scope, sighting.uri, sighting.name, sighting.version, sighting.state, number)
        with self._transaction() as database:
            database.execute("INSERT OR REPLACE INTO sighting VALUES (?, ?, ?, ?, ?, ?)", row)

    def unseen(self, number: int) -> list[Sighting]:
        """Give the versions that a round did not see."""
        query = "SELECT uri, name, version, state FROM sighting WHERE scope = ? AND round < ? ORDER BY uri"
        with self._transaction() as database:
            return [_read(row) for row in database.execute(query, (self._scope, number))]

    def forget(self, uri: str) -> None:
        """Forget a version."""
        with self._transaction() as database:
            database.execute("DELETE FROM sighting WHERE scope = ? AND uri = ?", (self._scope, uri))

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection, None, None]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with transaction(self._path) as database:
                yield database
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(
                f"{self._path} cannot be used: {error}", hint="Check the disk; the file may be deleted."
            ) from error


def _read(row: tuple[str, str, str, str]) -> Sighting:
    uri, name, version, state = row
    return Sighting(uri=uri, name=name, version=version, state=state)
