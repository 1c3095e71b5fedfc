"""Which deliveries were handled already; kept in a small SQLite file, so that a restart forgets nothing."""

from enum import StrEnum
from pathlib import Path
from typing import Final

from weightmark.workspace.transaction import transaction

LEASE_SECONDS: Final = 900
"""After this a delivery whose handling never ended may be handled again."""

KEEP_SECONDS: Final = 86_400
"""How long handled deliveries are remembered; their signatures expire after minutes."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS delivery (
    id TEXT PRIMARY KEY,
    done INTEGER NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID, STRICT
"""


class Claim(StrEnum):
    """What asking for a delivery came to."""

    OURS = "ours"
    DONE = "done"
    BUSY = "busy"


class Inbox:
    """The deliveries seen.

    Args:
        path: the SQLite file, made when it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with transaction(self._path) as database:
            database.execute(_SCHEMA)

    def claim(self, delivery: str, now: float) -> Claim:
        """Ask to handle a delivery.

        Args:
            delivery: its identifier.
            now: seconds since 1970 UTC.

        Returns:
            OURS: handle it, then ``finish`` or ``release`` it. DONE: it was handled. BUSY: another is at it.
        """
        moment = int(now)
        with transaction(self._path) as database:
            database.execute("DELETE FROM delivery WHERE at < ?", (moment - KEEP_SECONDS,))
            database.execute(
                "DELETE FROM delivery WHERE id = ? AND done = 0 AND at < ?",
                (delivery, moment - LEASE_SECONDS),
            )
            added = database.execute("INSERT OR IGNORE INTO delivery VALUES (?, 0, ?)", (delivery, moment))
            if added.rowcount:
                return Claim.OURS
            row = database.execute("SELECT done FROM delivery WHERE id = ?", (delivery,)).fetchone()
            return Claim.DONE if row == (1,) else Claim.BUSY

    def finish(self, delivery: str) -> None:
        """Remember that it was handled."""
        with transaction(self._path) as database:
            database.execute("UPDATE delivery SET done = 1 WHERE id = ?", (delivery,))

    def release(self, delivery: str) -> None:
        """Let it be handled again, when handling failed."""
        with transaction(self._path) as database:
            database.execute("DELETE FROM delivery WHERE id = ? AND done = 0", (delivery,))
