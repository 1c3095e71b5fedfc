"""The port of what records statements in order and proves that it did."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Self

from weightmark.claims.envelope import Envelope
from weightmark.log.checkpoint import SignedCheckpoint
from weightmark.log.proof import ConsistencyProof, InclusionProof
from weightmark.log.receipt import Receipt
from weightmark.ports.signer import Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One recorded envelope and its place.

    Attributes:
        index: its position, counted from 0.
        envelope: what was recorded.
    """

    index: int
    envelope: Envelope


class Ledger(ABC):
    """An append-only record of envelopes, with proofs.

    The leaf of an entry is ``hash_leaf(envelope.encode())``. An envelope that is already recorded is not
    recorded again: its first receipt's index is given back, under the newest checkpoint.
    A ledger may be used from many threads and opened by many processes at once.
    """

    name: ClassVar[str]
    """The scheme of its URIs: ``sqlite``."""

    @classmethod
    @abstractmethod
    def open(cls, uri: str, *, signer: Signer, origin: str) -> Self:
        """Open the ledger that a URI names, and make it when there is none.

        Args:
            uri: ``<name>:…``, as SQLAlchemy spells it where it is a database.
            signer: an Ed25519 signer; it signs checkpoints.
            origin: the log's name in its checkpoints; must be the one it was made with.

        Raises:
            LedgerError: it cannot be reached or made.
            MalformedError: what is there is not such a ledger, or has another origin.
        """

    @property
    @abstractmethod
    def origin(self) -> str:
        """The log's name, as its checkpoints say it."""

    @property
    @abstractmethod
    def verifier_key(self) -> str:
        """The key that checks its checkpoints, as a C2SP vkey: ``name+keyhash+base64``."""

    def append(self, envelope: Envelope) -> Receipt:
        """Record one envelope, durably.

        Raises:
            LedgerError: it failed; ``.outcome`` says whether it may have happened.
        """
        return self.append_all([envelope])[0]

    @abstractmethod
    def append_all(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        """Record envelopes in this order, durably, all or none, under one checkpoint.

        Returns:
            A receipt for each, in order.

        Raises:
            LedgerError: it failed; ``.outcome`` says whether it may have happened.
        """

    @abstractmethod
    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[LedgerEntry]:
        """Read entries in order.

        Args:
            start: the first index.
            stop: the index after the last; None for the newest checkpoint's size.

        Raises:
            MalformedError: an entry is damaged.
            LedgerError: the ledger cannot be read.
        """

    @abstractmethod
    def checkpoint(self) -> SignedCheckpoint:
        """Give the newest signed checkpoint.

        Raises:
            LedgerError: the ledger cannot be read.
        """

    @abstractmethod
    def prove_inclusion(self, index: int, size: int | None = None) -> InclusionProof:
        """Prove that an entry is in the tree of ``size`` entries (None: the newest checkpoint's).

        Raises:
            ValueError: there is no such entry or no such size.
        """

    @abstractmethod
    def prove_consistency(self, old: int, size: int | None = None) -> ConsistencyProof:
        """Prove that the tree of ``size`` entries continues the one of ``old`` entries.

        Raises:
            ValueError: there is no such size.
        """

    @abstractmethod
    def find(self, envelope: Envelope) -> int | None:
        """Find where an envelope is recorded; None when it is not."""

    @abstractmethod
    def audit(self) -> SignedCheckpoint:
        """Read everything, hash it again, and compare it with the signed checkpoint.

        Returns:
            The checkpoint that held: the evidence.

        Raises:
            MalformedError: an entry is damaged.
            SignatureError: the checkpoint was not signed by the ledger's key.
            InclusionError: the entries are not those the checkpoint was signed over.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections; closing twice does nothing."""

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()
