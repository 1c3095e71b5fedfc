"""The ledger in memory: all of a ledger's promises but durability.

Not promised: that anything outlives the process. ``memory:`` is a new one each time; ``memory://name`` is one
and the same for the whole process.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import ClassVar, Self

from weightmark.claims.envelope import Envelope
from weightmark.errors import LedgerError, MalformedError
from weightmark.hookspecs import hookimpl
from weightmark.log.checkpoint import LogKey, SignedCheckpoint, open_checkpoint
from weightmark.log.merkle import hash_leaf
from weightmark.log.proof import ConsistencyProof, InclusionProof
from weightmark.log.receipt import Receipt
from weightmark.log.tile import TileTree
from weightmark.ports.ledger import Ledger, LedgerEntry
from weightmark.ports.signer import Signer
from weightmark_plugins.ledgers.audit import Record, audit_log, check_body
from weightmark_plugins.ledgers.signing import encode_leaves, log_key, sign_head


@dataclass(slots=True, kw_only=True)
class _Log:
    """What the handles of one ledger share."""

    key: LogKey
    checkpoints: list[SignedCheckpoint]
    lock: RLock = field(default_factory=RLock)
    records: list[Record] = field(default_factory=list[Record])
    places: dict[bytes, int] = field(default_factory=dict[bytes, int])
    tiles: dict[tuple[int, int], bytes] = field(default_factory=dict[tuple[int, int], bytes])

    def read_tile(self, level: int, number: int) -> bytes:
        return self.tiles.get((level, number), b"")


_named: dict[str, _Log] = {}
_naming = RLock()


class MemoryLedger(Ledger):
    """A ledger that is gone with its process.

    Args:
        log: what is recorded.
        signer: signs its checkpoints.
    """

    name: ClassVar[str] = "memory"

    def __init__(self, log: _Log, signer: Signer) -> None:
        self._log = log
        self._signer = signer
        self._tree = TileTree(log.read_tile)
        self._closed = False

    @classmethod
    def open(cls, uri: str, *, signer: Signer, origin: str) -> Self:
        """Open ``memory:``, new and empty, or ``memory://name``, the same for all in this process.

        Raises:
            LedgerError: it is no such URI, or the signer's key is not Ed25519.
            MalformedError: the ledger of that name has another origin or key.
            ValueError: the origin cannot name a log.
        """
        scheme, colon, rest = uri.partition(":")
        label = rest.removeprefix("//")
        if scheme != cls.name or not colon or (rest and not rest.startswith("//")):
            raise LedgerError(
                f"{uri!r} names no ledger in memory", hint="Write 'memory:' or 'memory://name'."
            )
        key = log_key(signer, origin)
        with _naming:
            log = _named.get(label) if label else None
            if log is None:
                log = _Log(key=key, checkpoints=[sign_head(signer, key, 0, TileTree(_no_tile).root(0))])
                if label:
                    _named[label] = log
        if log.key != key:
            raise MalformedError(
                f"the ledger {uri} has the key {log.key.text}, not {key.text}",
                hint="Open it with the origin and the key that it was made with.",
            )
        return cls(log, signer)

    @property
    def origin(self) -> str:
        """The log's name."""
        return self._log.key.name

    @property
    def verifier_key(self) -> str:
        """The key that checks its checkpoints, as a C2SP vkey."""
        return self._log.key.text

    def append_all(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        """Record envelopes in this order, all or none, under one checkpoint.

        Raises:
            LedgerError: it is closed, the signer failed, or an envelope is too long; nothing was recorded.
        """
        leaves = encode_leaves(envelopes)
        log = self._open_log()
        with log.lock:
            size = len(log.records)
            fresh = {leaf: body for leaf, body in leaves if leaf not in log.places}
            if fresh:
                tree, tiles = self._tree.grow(size, list(fresh))
                head = sign_head(self._signer, log.key, size + len(fresh), tree.root(size + len(fresh)))
                added = [
                    Record(index=index, leaf=leaf, body=body)
                    for index, (leaf, body) in enumerate(fresh.items(), size)
                ]
                log.places.update({record.leaf: record.index for record in added})
                log.records += added
                log.tiles.update(tiles)
                log.checkpoints.append(head)
                self._tree = tree
            return [self._receipt(log.places[leaf]) for leaf, _ in leaves]

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[LedgerEntry]:
        """Read entries in order.

        Raises:
            ValueError: the start is negative.
            MalformedError: an entry is damaged.
            LedgerError: it is closed.
        """
        if start < 0:
            raise ValueError(f"there is no entry {start}")
        log = self._open_log()
        with log.lock:
            size = len(log.records)
            found = log.records[start : size if stop is None else max(0, min(stop, size))]
        return (LedgerEntry(index=record.index, envelope=check_body(record)) for record in found)

    def checkpoint(self) -> SignedCheckpoint:
        """Give the newest signed checkpoint.

        Raises:
            LedgerError: it is closed.
        """
        return self._open_log().checkpoints[-1]

    def prove_inclusion(self, index: int, size: int | None = None) -> InclusionProof:
        """Prove that an entry is in the tree of ``size`` entries.

        Raises:
            ValueError: there is no such entry or no such size.
            LedgerError: it is closed.
        """
        log = self._open_log()
        with log.lock:
            whole = _choose_size(size, len(log.records))
            return InclusionProof(index=index, size=whole, hashes=self._tree.prove_inclusion(index, whole))

    def prove_consistency(self, old: int, size: int | None = None) -> ConsistencyProof:
        """Prove that the tree of ``size`` entries continues the one of ``old`` entries.

        Raises:
            ValueError: there is no such size.
            LedgerError: it is closed.
        """
        log = self._open_log()
        with log.lock:
            whole = _choose_size(size, len(log.records))
            return ConsistencyProof(old=old, size=whole, hashes=self._tree.prove_consistency(old, whole))

    def find(self, envelope: Envelope) -> int | None:
        """Find where an envelope is recorded.

        Raises:
            LedgerError: it is closed.
        """
        log = self._open_log()
        with log.lock:
            return log.places.get(hash_leaf(envelope.encode()))

    def audit(self) -> SignedCheckpoint:
        """Read everything, hash it again, and compare it with the signed checkpoints.

        Raises:
            MalformedError: an entry is damaged.
            SignatureError: a checkpoint was not signed by the ledger's key.
            InclusionError: the entries are not those the checkpoints were signed over.
            LedgerError: it is closed.
        """
        log = self._open_log()
        with log.lock:
            notes = [(each.checkpoint.size, each.note) for each in log.checkpoints]
            open_checkpoint(notes[-1][1], log.key)
            return audit_log(log.records, notes, log.read_tile, log.key)

    def close(self) -> None:
        """Let go; a named ledger stays for those who open it again."""
        self._closed = True

    def _receipt(self, index: int) -> Receipt:
        return Receipt(index=index, proof=self.prove_inclusion(index), checkpoint=self._log.checkpoints[-1])

    def _open_log(self) -> _Log:
        if self._closed:
            raise LedgerError(f"the ledger {self._log.key.name} is closed", hint="Open it again.")
        return self._log


def _choose_size(size: int | None, newest: int) -> int:
    if size is None:
        return newest
    if not 0 <= size <= newest:
        raise ValueError(f"a log of {newest} entries has no tree of {size}")
    return size


def _no_tile(_level: int, _number: int) -> bytes:
    return b""


@hookimpl
def weightmark_ledgers() -> list[type[Ledger]]:
    """Offer the ledger in memory."""
    return [MemoryLedger]
