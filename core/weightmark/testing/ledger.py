"""What every ledger must keep to, and what a test needs to feed one.

Not here: speed, and what happens when a disk or a network fails. A suite sees only what a ledger answers.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar, Self

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from weightmark.claims.envelope import Envelope, Signature, pre_authentication
from weightmark.claims.key import PublicKey
from weightmark.errors import InclusionError, LedgerError, UntrustedKeyError, WeightmarkError
from weightmark.log.checkpoint import Checkpoint, LogKey, open_checkpoint
from weightmark.log.merkle import hash_leaf, root_of
from weightmark.log.proof import InclusionProof
from weightmark.log.receipt import Receipt, verify_receipt
from weightmark.ports.ledger import Ledger
from weightmark.ports.signer import AskSecret, Signer

ORIGIN = "log.example/models"
"""The origin of ledgers in tests."""

_MANY = 40
_PAYLOAD_TYPE = "application/vnd.weightmark.example"


class FixedSigner(Signer):
    """An Ed25519 signer for tests: the same seed, the same key. Never for anything that counts.

    Args:
        seed: any bytes.
    """

    name: ClassVar[str] = "fixed"

    def __init__(self, seed: bytes = b"one") -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed).digest())
        self._public = PublicKey.from_raw_ed25519(self._key.public_key().public_bytes_raw())

    @classmethod
    def open(cls, uri: str, *, ask_secret: AskSecret) -> Self:  # noqa: ARG003 the port's signature
        """Open ``fixed:seed``.

        Raises:
            Nothing.
        """
        return cls(uri.partition(":")[2].encode())

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        return self._public

    def sign(self, message: bytes) -> Signature:
        """Sign a message.

        Raises:
            Nothing.
        """
        return Signature(key_id=self._public.key_id, value=self._key.sign(message))

    def __repr__(self) -> str:
        """Name the key id."""
        return f"FixedSigner({self._public.key_id[:16]})"


_AUTHOR = FixedSigner(b"author")


def example_envelope(number: int, *, size: int = 0) -> Envelope:
    """Make a signed envelope; another number, another envelope.

    Args:
        number: anything.
        size: the least number of bytes of its payload.

    Returns:
        The envelope; its payload is no statement.

    Raises:
        Nothing.
    """
    payload = f'{{"number":{number}}}'.encode().ljust(size)
    signature = _AUTHOR.sign(pre_authentication(_PAYLOAD_TYPE, payload))
    return Envelope(payload=payload, payload_type=_PAYLOAD_TYPE, signatures=(signature,))


def example_envelopes(count: int, *, first: int = 0) -> list[Envelope]:
    """Make envelopes that all differ.

    Raises:
        Nothing.
    """
    return [example_envelope(number) for number in range(first, first + count)]


class LedgerSuite(ABC):
    """Conformance suite for `Ledger`: subclass it, say how to make one, inherit the tests.

    Source: the port's own docstrings; RFC 6962 section 2.1 for roots.
    """

    is_persistent: ClassVar[bool] = True
    """Whether ``make``, called again with the same folder, opens the same ledger again."""

    @abstractmethod
    def make(self, tmp_path: Path) -> Ledger:
        """Open the ledger that belongs to a folder: empty at first.

        Args:
            tmp_path: a folder; another folder, another ledger.
        """

    @pytest.fixture
    def ledger(self, tmp_path: Path) -> Iterator[Ledger]:
        """One empty ledger."""
        with self.make(tmp_path) as ledger:
            yield ledger

    def test_the_scheme_is_named(self, ledger: Ledger) -> None:
        """A URI finds its ledger by this name."""
        assert ledger.name
        assert ":" not in ledger.name

    def test_an_empty_ledger_has_a_signed_checkpoint(self, ledger: Ledger) -> None:
        """The empty tree's root is the hash of nothing."""
        found = open_checkpoint(ledger.checkpoint().note, _key(ledger)).checkpoint
        assert found == Checkpoint(origin=ledger.origin, size=0, root=root_of([]))
        assert list(ledger.entries()) == []
        assert ledger.audit().checkpoint == found

    def test_append_gives_a_receipt_that_verifies(self, ledger: Ledger) -> None:
        """Who has the key, the envelope and the receipt needs no ledger."""
        envelope = example_envelope(1)
        receipt = ledger.append(envelope)
        found = verify_receipt(envelope.encode(), receipt, [_key(ledger)])
        assert (receipt.index, found.size, found.origin) == (0, 1, ledger.origin)
        assert found.root == hash_leaf(envelope.encode())

    def test_a_receipt_fits_nothing_else(self, ledger: Ledger) -> None:
        """Another envelope, another place and another key are refused."""
        first, second = example_envelopes(2)
        receipt = ledger.append_all([first, second])[0]
        with pytest.raises(InclusionError):
            verify_receipt(second.encode(), receipt, [_key(ledger)])
        proof = InclusionProof(index=1, size=receipt.proof.size, hashes=receipt.proof.hashes)
        with pytest.raises(InclusionError):
            verify_receipt(
                first.encode(), Receipt(index=1, proof=proof, checkpoint=receipt.checkpoint), [_key(ledger)]
            )
        with pytest.raises(UntrustedKeyError):
            verify_receipt(first.encode(), receipt, [LogKey(name=ledger.origin, public=bytes(32))])

    def test_entries_stand_in_the_order_they_were_appended(self, ledger: Ledger) -> None:
        """Indexes count from 0 without gaps."""
        envelopes = example_envelopes(7)
        receipts = [
            ledger.append(envelopes[0]),
            *ledger.append_all(envelopes[1:5]),
            ledger.append(envelopes[5]),
        ]
        receipts += ledger.append_all(envelopes[6:])
        assert [receipt.index for receipt in receipts] == list(range(7))
        assert [(entry.index, entry.envelope) for entry in ledger.entries()] == list(enumerate(envelopes))

    def test_a_range_of_entries_is_read(self, ledger: Ledger) -> None:
        """Start is in, stop is out, and what is beyond the end is not there."""
        envelopes = example_envelopes(9)
        ledger.append_all(envelopes)
        for start, stop in (
            (0, 0),
            (0, 3),
            (4, 6),
            (8, 9),
            (5, None),
            (9, None),
            (6, 100),
            (50, None),
            (5, 2),
        ):
            expected = list(enumerate(envelopes))[start:stop]
            assert [(entry.index, entry.envelope) for entry in ledger.entries(start, stop)] == expected
        with pytest.raises(ValueError, match="entry"):
            list(ledger.entries(-1))

    def test_nothing_is_recorded_twice(self, ledger: Ledger) -> None:
        """An envelope that is there is answered with its first index, under the newest checkpoint."""
        first, second, third = example_envelopes(3)
        ledger.append(first)
        receipts = ledger.append_all([second, first, second, third, third])
        assert [receipt.index for receipt in receipts] == [1, 0, 1, 2, 2]
        before = ledger.checkpoint()
        again = ledger.append(second)
        assert again.index == 1
        assert again.checkpoint == before == ledger.checkpoint()
        for envelope, receipt in zip((second, first, second, third, third), receipts, strict=True):
            assert verify_receipt(envelope.encode(), receipt, [_key(ledger)]).size == 3
        verify_receipt(second.encode(), again, [_key(ledger)])
        assert len(list(ledger.entries())) == 3

    def test_an_empty_batch_records_nothing(self, ledger: Ledger) -> None:
        """No envelopes, no receipts, no new checkpoint."""
        before = ledger.checkpoint()
        assert ledger.append_all([]) == []
        assert ledger.checkpoint() == before

    def test_a_batch_has_one_checkpoint(self, ledger: Ledger) -> None:
        """Every receipt of a batch is under the checkpoint that covers all of it."""
        ledger.append(example_envelope(100))
        receipts = ledger.append_all(example_envelopes(5))
        assert {receipt.checkpoint.note for receipt in receipts} == {ledger.checkpoint().note}
        assert receipts[0].checkpoint.checkpoint.size == 6

    def test_a_batch_is_recorded_wholly_or_not_at_all(self, ledger: Ledger) -> None:
        """One envelope that cannot be recorded keeps out the others."""
        ledger.append(example_envelope(0))
        before = ledger.checkpoint()
        with pytest.raises(LedgerError) as caught:
            ledger.append_all([*example_envelopes(3, first=1), example_envelope(9, size=1 << 21)])
        assert caught.value.outcome == "no"
        assert ledger.checkpoint() == before
        assert ledger.find(example_envelope(1)) is None
        assert ledger.append(example_envelope(2)).index == 1

    def test_an_envelope_is_found(self, ledger: Ledger) -> None:
        """By its content, wherever it stands."""
        envelopes = example_envelopes(5)
        ledger.append_all(envelopes[:4])
        assert [ledger.find(envelope) for envelope in envelopes] == [0, 1, 2, 3, None]

    def test_every_entry_is_proven_in_every_tree(self, ledger: Ledger) -> None:
        """Inclusion holds for all sizes up to forty, against roots computed here."""
        leaves = _fill(ledger)
        for size in range(1, _MANY + 1):
            root = _root(leaves[:size])
            for index in range(size):
                proof = ledger.prove_inclusion(index, size)
                assert (proof.index, proof.size) == (index, size)
                proof.check(leaves[index], root)
        assert ledger.prove_inclusion(3) == ledger.prove_inclusion(3, _MANY)

    def test_every_tree_continues_every_smaller_one(self, ledger: Ledger) -> None:
        """Consistency holds for all pairs of sizes up to forty, against roots computed here."""
        leaves = _fill(ledger)
        roots = [_root(leaves[:size]) for size in range(_MANY + 1)]
        for size in range(_MANY + 1):
            for old in range(size + 1):
                proof = ledger.prove_consistency(old, size)
                assert (proof.old, proof.size) == (old, size)
                proof.check(roots[old], roots[size])
                if 0 < old < size:
                    with pytest.raises(InclusionError):
                        proof.check(bytes(32), roots[size])
        assert ledger.prove_consistency(3) == ledger.prove_consistency(3, _MANY)

    def test_there_are_no_proofs_of_what_is_not_there(self, ledger: Ledger) -> None:
        """A place or a size that the ledger never had is a wrong argument."""
        ledger.append_all(example_envelopes(5))
        for index, size in ((5, None), (-1, None), (3, 3), (0, 0), (0, 6), (0, -1)):
            with pytest.raises(ValueError, match=r"\d"):
                ledger.prove_inclusion(index, size)
        for old, size in ((6, None), (-1, None), (4, 3), (0, 6), (0, -1)):
            with pytest.raises(ValueError, match=r"\d"):
                ledger.prove_consistency(old, size)

    def test_each_checkpoint_continues_the_one_before(self, ledger: Ledger) -> None:
        """Whoever kept an old checkpoint can be shown that nothing was taken back."""
        seen = [ledger.checkpoint()]
        for number in range(6):
            ledger.append_all(example_envelopes(number + 1, first=10 * number))
            seen.append(ledger.checkpoint())
        newest = open_checkpoint(seen[-1].note, _key(ledger)).checkpoint
        for each in seen:
            old = open_checkpoint(each.note, _key(ledger)).checkpoint
            ledger.prove_consistency(old.size).check(old.root, newest.root)

    def test_the_audit_gives_the_newest_checkpoint(self, ledger: Ledger) -> None:
        """The evidence is signed and covers every entry."""
        ledger.append_all(example_envelopes(11))
        ledger.append(example_envelope(50))
        held = ledger.audit()
        assert held == ledger.checkpoint()
        assert open_checkpoint(held.note, _key(ledger)).checkpoint.size == 12

    def test_threads_append_at_once(self, ledger: Ledger) -> None:
        """Every append is answered with a receipt that verifies, and nothing is lost or doubled."""
        envelopes = example_envelopes(64)

        def append(start: int) -> list[Receipt]:
            if start % 8:
                return [ledger.append(envelope) for envelope in envelopes[start : start + 4]]
            return ledger.append_all(envelopes[start : start + 4])

        with ThreadPoolExecutor(8) as pool:
            receipts = [receipt for batch in pool.map(append, range(0, 64, 4)) for receipt in batch]
        for envelope, receipt in zip(envelopes, receipts, strict=True):
            verify_receipt(envelope.encode(), receipt, [_key(ledger)])
        assert sorted(receipt.index for receipt in receipts) == list(range(64))
        assert [entry.envelope for entry in ledger.entries()] == [
            envelope for _, envelope in sorted(zip((each.index for each in receipts), envelopes, strict=True))
        ]
        ledger.audit()

    def test_threads_append_the_same(self, ledger: Ledger) -> None:
        """One envelope from many threads is one entry."""
        envelope = example_envelope(1)
        with ThreadPoolExecutor(8) as pool:
            receipts = list(pool.map(ledger.append, [envelope] * 16))
        assert {receipt.index for receipt in receipts} == {0}
        assert ledger.checkpoint().checkpoint.size == 1

    def test_a_closed_ledger_says_so(self, tmp_path: Path) -> None:
        """Closing twice does nothing; using it then is an error of ours, not of a library."""
        ledger = self.make(tmp_path)
        ledger.append(example_envelope(1))
        ledger.close()
        ledger.close()
        with pytest.raises(WeightmarkError):
            ledger.append(example_envelope(2))
        with pytest.raises(WeightmarkError):
            ledger.checkpoint()

    def test_what_was_recorded_stays(self, tmp_path: Path) -> None:
        """A ledger that is opened again has everything, and goes on where it was."""
        if not self.is_persistent:
            pytest.skip("this ledger does not outlive its process")
        envelopes = example_envelopes(10)
        with self.make(tmp_path) as ledger:
            receipts = ledger.append_all(envelopes[:6])
            key = ledger.verifier_key
        with self.make(tmp_path) as ledger:
            assert ledger.verifier_key == key
            assert ledger.checkpoint() == receipts[0].checkpoint
            assert ledger.append(envelopes[3]).index == 3
            assert ledger.append(envelopes[6]).index == 6
        with self.make(tmp_path) as ledger, self.make(tmp_path) as other:
            assert other.append(envelopes[7]).index == 7
            assert ledger.append(envelopes[8]).index == 8
            assert other.append(envelopes[9]).index == 9
            assert [entry.envelope for entry in ledger.entries()] == envelopes
            assert ledger.audit() == other.audit() == other.checkpoint()


def _key(ledger: Ledger) -> LogKey:
    return LogKey.parse(ledger.verifier_key)


def _fill(ledger: Ledger) -> list[bytes]:
    envelopes = example_envelopes(_MANY)
    ledger.append_all(envelopes[:1])
    ledger.append_all(envelopes[1:14])
    ledger.append_all(envelopes[14:])
    return [hash_leaf(envelope.encode()) for envelope in envelopes]


def _root(leaves: Sequence[bytes]) -> bytes:
    """Compute a root straight from the definition, as slowly as it is written there."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256().digest()
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return hashlib.sha256(b"\x01" + _root(leaves[:middle]) + _root(leaves[middle:])).digest()
