"""What the SQLite ledger reads and writes inside a transaction, and what it remembers between two of them.

Not promised: anything outside a transaction; every method but the constructor wants the connection of one.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from weightmark.encoding.digest import DIGEST_SIZE
from weightmark.errors import InclusionError, MalformedError
from weightmark.log.checkpoint import LogKey, SignedCheckpoint, open_checkpoint
from weightmark.log.tile import TileTree
from weightmark_plugins.ledgers.audit import AUDIT_HINT, Record
from weightmark_plugins.ledgers.schema import VERSION
from weightmark_plugins.ledgers.signing import Leaf

Sign = Callable[[int, bytes], SignedCheckpoint]
"""Signs a checkpoint of a size and a root."""

_LOOKUP = 500
"""Leaves looked up by one query."""


class Table:
    """The ledger's tables, with the newest checkpoint that was checked and the tiles that were read.

    Args:
        path: the file, for messages.
        key: the key of the checkpoints.
    """

    def __init__(self, path: Path, key: LogKey) -> None:
        self._path = path
        self._key = key
        self._connection: sqlite3.Connection | None = None
        self._head: SignedCheckpoint | None = None
        self.tree = TileTree(self.tile)

    def check_meta(self, connection: sqlite3.Connection) -> None:
        """Compare the file's version, origin and key with what they should be.

        Raises:
            MalformedError: one of them is another.
        """
        found = dict(connection.execute("SELECT name, value FROM ledger_meta").fetchall())
        for name, expected in (("schema", VERSION), ("origin", self._key.name), ("vkey", self._key.text)):
            if found.get(name) != expected:
                raise MalformedError(
                    f"the ledger file {self._path} has the {name} {found.get(name)!r}, not {expected!r}",
                    hint="Open it with the version, the origin and the key that it was made with.",
                )

    def refresh(self, connection: sqlite3.Connection) -> SignedCheckpoint:
        """Read the newest checkpoint; check it, when it is another than the last one seen.

        Returns:
            The checkpoint, signed by the key, over as many entries as there are and the tiles' root.

        Raises:
            MalformedError: it is damaged.
            SignatureError: it was not signed by the key.
            InclusionError: it does not fit the entries, the tiles, or the checkpoint seen before.
        """
        self.use(connection)
        query = "SELECT size, note FROM ledger_checkpoint ORDER BY size DESC LIMIT 1"
        size, note = connection.execute(query).fetchone() or (0, "")
        if self._head is not None and note == self._head.note:
            return self._head
        head = self._open(size, note)
        (count,) = connection.execute("SELECT coalesce(max(idx) + 1, 0) FROM ledger_entry").fetchone()
        if count != size:
            raise self._broken(f"has {count} entries, but its newest checkpoint covers {size}")
        tree = TileTree(self.tile)
        if tree.root(size) != head.checkpoint.root:
            raise self._broken(f"has tiles that are not those of its newest checkpoint, of {size} entries")
        if self._head is not None:
            seen = self._head.checkpoint
            if size < seen.size or tree.root(seen.size) != seen.root:
                raise self._broken(
                    f"does not continue the checkpoint of {seen.size} entries that was seen before"
                )
        self._head, self.tree = head, tree
        return head

    def use(self, connection: sqlite3.Connection) -> None:
        """Read through this connection from now on."""
        self._connection = connection

    def places(self, leaves: Sequence[bytes]) -> dict[bytes, int]:
        """Say where leaves are recorded; those that are not are left out.

        Raises:
            sqlite3.Error: the file cannot be read.
        """
        found: dict[bytes, int] = {}
        for start in range(0, len(leaves), _LOOKUP):
            wanted = leaves[start : start + _LOOKUP]
            marks = ",".join("?" * len(wanted))
            query = f"SELECT leaf, idx FROM ledger_entry WHERE leaf IN ({marks})"  # noqa: S608 question marks only
            found.update(self._used.execute(query, wanted).fetchall())
        return found

    def append(self, leaves: Sequence[Leaf], sign: Sign) -> tuple[SignedCheckpoint, TileTree]:
        """Write leaves after the last entry, with their tiles and a checkpoint; call ``refresh`` before.

        Returns:
            What to ``adopt`` once it is committed.

        Raises:
            LedgerError: the checkpoint could not be signed.
            sqlite3.Error: the file cannot be written.
        """
        size = self.head.checkpoint.size
        tree, tiles = self.tree.grow(size, [leaf for leaf, _ in leaves])
        head = sign(size + len(leaves), tree.root(size + len(leaves)))
        self._used.executemany(
            "INSERT INTO ledger_entry(idx, leaf, body) VALUES (?, ?, ?)",
            [(index, leaf, body) for index, (leaf, body) in enumerate(leaves, size)],
        )
        self._used.executemany(
            "INSERT INTO ledger_tile(level, number, hashes) VALUES (?, ?, ?) "
            "ON CONFLICT(level, number) DO UPDATE SET hashes = excluded.hashes",
            [(level, number, hashes) for (level, number), hashes in tiles.items()],
        )
        self._used.execute(
            "INSERT INTO ledger_checkpoint(size, note) VALUES (?, ?)", (head.checkpoint.size, head.note)
        )
        return head, tree

    def adopt(self, head: SignedCheckpoint, tree: TileTree) -> None:
        """Remember what was committed."""
        self._head, self.tree = head, tree

    @property
    def head(self) -> SignedCheckpoint:
        """The newest checkpoint that was checked."""
        if self._head is None:
            raise self._broken("was not read yet")
        return self._head

    def records(self, start: int, count: int) -> list[Record]:
        """Read entries from an index on, as they are kept: at most ``count``.

        Raises:
            MalformedError: a row does not hold bytes.
        """
        query = "SELECT idx, leaf, body FROM ledger_entry WHERE idx >= ? ORDER BY idx LIMIT ?"
        return [
            Record(index=index, leaf=self._bytes(leaf, index), body=self._bytes(body, index))
            for index, leaf, body in self._used.execute(query, (start, count)).fetchall()
        ]

    def notes(self) -> Iterator[tuple[int, str]]:
        """Read all checkpoints, smallest first.

        Raises:
            MalformedError: one is no text.
        """
        for size, note in self._used.execute("SELECT size, note FROM ledger_checkpoint ORDER BY size"):
            yield size, self._text(note, size)

    def tile(self, level: int, number: int) -> bytes:
        """Read a tile's hashes; none when there is no such tile.

        Raises:
            MalformedError: it does not hold bytes.
        """
        query = "SELECT hashes FROM ledger_tile WHERE level = ? AND number = ?"
        row = self._used.execute(query, (level, number)).fetchone()
        if row is not None and (not isinstance(row[0], bytes) or len(row[0]) % DIGEST_SIZE):
            raise MalformedError(
                f"tile {number} of level {level} in {self._path} is damaged", hint=AUDIT_HINT
            )
        return row[0] if row is not None else b""

    @property
    def _used(self) -> sqlite3.Connection:
        if self._connection is None:
            raise self._broken("was not read yet")
        return self._connection

    def _open(self, size: object, note: object) -> SignedCheckpoint:
        head = open_checkpoint(self._text(note, size), self._key)
        if head.checkpoint.size != size:
            raise self._broken(f"keeps a checkpoint of {head.checkpoint.size} entries as one of {size}")
        return head

    def _bytes(self, value: object, index: object) -> bytes:
        if not isinstance(value, bytes):
            raise MalformedError(f"entry {index} in {self._path} does not hold bytes", hint=AUDIT_HINT)
        return value

    def _text(self, value: object, size: object) -> str:
        if not isinstance(value, str) or not value:
            raise MalformedError(f"{self._path} holds no checkpoint for {size} entries", hint=AUDIT_HINT)
        return value

    def _broken(self, what: str) -> InclusionError:
        return InclusionError(f"the ledger file {self._path} {what}", hint=AUDIT_HINT)
