"""The ledger in one SQLite file: durable, shared by threads and processes, with proofs from tiles.

Not promised: that the file's owner cannot rewrite it. Whoever holds the signing key and the file can write
another history; a checkpoint kept elsewhere shows that it is another.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import ClassVar, Self

from weightmark.claims.envelope import Envelope
from weightmark.errors import InclusionError, MalformedError
from weightmark.hookspecs import hookimpl
from weightmark.log.checkpoint import LogKey, SignedCheckpoint
from weightmark.log.merkle import hash_leaf
from weightmark.log.proof import ConsistencyProof, InclusionProof
from weightmark.log.receipt import Receipt
from weightmark.ports.ledger import Ledger, LedgerEntry
from weightmark.ports.signer import Signer
from weightmark_plugins.ledgers.audit import AUDIT_HINT, Record, audit_log, check_body
from weightmark_plugins.ledgers.database import Database, database_path
from weightmark_plugins.ledgers.group import Group
from weightmark_plugins.ledgers.schema import OBJECTS, create_objects, missing_objects
from weightmark_plugins.ledgers.signing import Leaf, encode_leaves, log_key, sign_head
from weightmark_plugins.ledgers.table import Table

_PAGE = 256
"""Entries read under one lock."""


class SqliteLedger(Ledger):
    """A ledger in a SQLite file; other parts of Weightmark may keep their own tables in it.

    Appends of many threads that come together are committed together. Damage that can be seen cheaply is seen
    on opening: the newest checkpoint, the number of entries and the right edge of the tree.

    Args:
        database: the file.
        signer: signs its checkpoints.
        key: the public half, with the log's name.
    """

    name: ClassVar[str] = "sqlite"
    busy_seconds: ClassVar[float] = 30.0
    """How long to wait for another process's transaction."""

    def __init__(self, database: Database, signer: Signer, key: LogKey) -> None:
        self._database = database
        self._signer = signer
        self._key = key
        self._table = Table(database.path, key)
        self._group = Group(database, self._record)

    @classmethod
    def open(cls, uri: str, *, signer: Signer, origin: str) -> Self:
        """Open ``sqlite:///relative.db`` or ``sqlite:////absolute.db``, and make it when there is none.

        Raises:
            LedgerError: it cannot be reached or made, or the signer's key is not Ed25519.
            MalformedError: what is there is damaged, or has another origin or key.
            SignatureError: its newest checkpoint was not signed by its key.
            InclusionError: its entries are not those of its newest checkpoint.
            ValueError: the origin cannot name a log.
        """
        path = database_path(uri)
        key = log_key(signer, origin)
        database = Database(path, cls.busy_seconds)
        ledger = cls(database, signer, key)
        try:
            ledger._make_tables()
            with database.reading() as connection:
                ledger._table.check_meta(connection)
                ledger._table.refresh(connection)
        except BaseException:
            database.close()
            raise
        return ledger

    @property
    def origin(self) -> str:
        """The log's name."""
        return self._key.name

    @property
    def verifier_key(self) -> str:
        """The key that checks its checkpoints, as a C2SP vkey."""
        return self._key.text

    def append_all(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        """Record envelopes in this order, durably, all or none, under one checkpoint.

        Raises:
            LedgerError: it failed; ``.outcome`` says whether it may have happened.
            MalformedError: the file is damaged; nothing was recorded.
            InclusionError: the file is not the log it was; nothing was recorded.
        """
        leaves = encode_leaves(envelopes)
        return self._group.append(leaves) if leaves else []

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[LedgerEntry]:
        """Read entries in order.

        Raises:
            ValueError: the start is negative.
            MalformedError: an entry is damaged.
            LedgerError: the file cannot be read.
        """
        if start < 0:
            raise ValueError(f"there is no entry {start}")
        size = self.checkpoint().checkpoint.size
        return self._entries(start, size if stop is None else min(stop, size))

    def checkpoint(self) -> SignedCheckpoint:
        """Give the newest signed checkpoint.

        Raises:
            LedgerError: the file cannot be read.
            MalformedError: it is damaged.
        """
        with self._database.reading() as connection:
            return self._table.refresh(connection)

    def prove_inclusion(self, index: int, size: int | None = None) -> InclusionProof:
        """Prove that an entry is in the tree of ``size`` entries.

        Raises:
            ValueError: there is no such entry or no such size.
            InclusionError: the tiles are damaged: the proof would not hold.
        """
        with self._database.reading() as connection:
            whole = _choose_size(size, self._table.refresh(connection).checkpoint.size)
            return self._prove(index, whole)

    def prove_consistency(self, old: int, size: int | None = None) -> ConsistencyProof:
        """Prove that the tree of ``size`` entries continues the one of ``old`` entries.

        Raises:
            ValueError: there is no such size.
            InclusionError: the tiles are damaged: the proof would not hold.
        """
        with self._database.reading() as connection:
            whole = _choose_size(size, self._table.refresh(connection).checkpoint.size)
            tree = self._table.tree
            proof = ConsistencyProof(old=old, size=whole, hashes=tree.prove_consistency(old, whole))
            proof.check(tree.root(old), tree.root(whole))
            return proof

    def find(self, envelope: Envelope) -> int | None:
        """Find where an envelope is recorded; None when it is not.

        Raises:
            LedgerError: the file cannot be read.
        """
        leaf = hash_leaf(envelope.encode())
        with self._database.reading() as connection:
            self._table.refresh(connection)
            return self._table.places([leaf]).get(leaf)

    def audit(self) -> SignedCheckpoint:
        """Read every entry, tile and checkpoint in the file, hash all again, and compare.

        Raises:
            MalformedError: an entry or a checkpoint is damaged; the message names it.
            SignatureError: a checkpoint was not signed by the ledger's key.
            InclusionError: an entry is missing, in another place, or not covered by the checkpoints.
            LedgerError: the file cannot be read.
        """
        with (
            closing(Database(self._database.path, self.busy_seconds)) as database,
            database.reading() as connection,
        ):
            table = Table(database.path, self._key)
            table.use(connection)
            table.check_meta(connection)
            if missing := missing_objects(connection):
                raise self._lost(missing)
            return audit_log(_all_records(table), table.notes(), table.tile, self._key)

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        self._database.close()

    def _make_tables(self) -> None:
        with self._database.reading() as connection:
            missing = missing_objects(connection)
        if not missing:
            return
        with self._database.writing() as connection:
            missing = missing_objects(connection)
            if len(missing) == len(OBJECTS):
                head = sign_head(self._signer, self._key, 0, self._table.tree.root(0))
                create_objects(connection, self._key.name, self._key.text, head.note)
            elif missing:
                raise self._lost(missing)

    def _lost(self, missing: Iterable[str]) -> MalformedError:
        names = ", ".join(sorted(missing))
        return MalformedError(f"the ledger file {self._database.path} has lost {names}", hint=AUDIT_HINT)

    def _record(self, batches: Sequence[Sequence[Leaf]]) -> list[list[Receipt]]:
        """Record batches in one transaction."""
        leaves = [pair for batch in batches for pair in batch]
        with self._database.writing() as connection:
            self._table.refresh(connection)
            places = self._table.places([leaf for leaf, _ in leaves])
            known = frozenset(places)
            fresh = {leaf: body for leaf, body in leaves if leaf not in known}
            added = self._table.append(list(fresh.items()), self._sign) if fresh else None
        start = self._table.head.checkpoint.size
        if added is not None:
            places.update({leaf: index for index, leaf in enumerate(fresh, start)})
            self._table.adopt(*added)
        with self._database.reading() as connection:
            self._table.use(connection)
            receipts = {receipt.index: receipt for receipt in self._new_receipts(start)}
            for place in set(places.values()) - receipts.keys():
                receipts[place] = self._old_receipt(place)
        return [[receipts[places[leaf]] for leaf, _ in batch] for batch in batches]

    def _sign(self, size: int, root: bytes) -> SignedCheckpoint:
        return sign_head(self._signer, self._key, size, root)

    def _new_receipts(self, start: int) -> Iterator[Receipt]:
        """Make receipts of the newest entries; their proofs are of hashes that were checked with the root."""
        head = self._table.head
        size = head.checkpoint.size
        for index, hashes in enumerate(self._table.tree.prove_range(start, size, size), start):
            proof = InclusionProof(index=index, size=size, hashes=hashes)
            yield Receipt(index=index, proof=proof, checkpoint=head)

    def _old_receipt(self, index: int) -> Receipt:
        head = self._table.head
        return Receipt(index=index, proof=self._prove(index, head.checkpoint.size), checkpoint=head)

    def _prove(self, index: int, size: int) -> InclusionProof:
        tree = self._table.tree
        proof = InclusionProof(index=index, size=size, hashes=tree.prove_inclusion(index, size))
        try:
            proof.check(tree.node(index, index + 1), tree.root(size))
        except InclusionError as error:
            raise InclusionError(
                f"the tiles in {self._database.path} are damaged: {error}", hint=AUDIT_HINT
            ) from error
        return proof

    def _entries(self, start: int, stop: int) -> Iterator[LedgerEntry]:
        for first in range(start, stop, _PAGE):
            count = min(_PAGE, stop - first)
            with self._database.reading() as connection:
                self._table.use(connection)
                records = self._table.records(first, count)
            for index, record in enumerate(records, first):
                if record.index != index:
                    raise MalformedError(
                        f"entry {index} in {self._database.path} is missing", hint=AUDIT_HINT
                    )
                yield LedgerEntry(index=index, envelope=check_body(record))
            if len(records) != count:
                raise MalformedError(
                    f"entry {first + len(records)} in {self._database.path} is missing", hint=AUDIT_HINT
                )


def _all_records(table: Table) -> Iterator[Record]:
    first = -1
    while records := table.records(first + 1, _PAGE):
        yield from records
        first = records[-1].index


def _choose_size(size: int | None, newest: int) -> int:
    if size is None:
        return newest
    if not 0 <= size <= newest:
        raise ValueError(f"a log of {newest} entries has no tree of {size}")
    return size


@hookimpl
def weightmark_ledgers() -> list[type[Ledger]]:
    """Offer the ledger in a SQLite file."""
    return [SqliteLedger]
