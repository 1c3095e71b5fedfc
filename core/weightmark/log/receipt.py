"""Receipts: what a ledger answers, and how a reader without the ledger checks it.

Not promised: that the entry is true, only that it was recorded in this place under this checkpoint.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from weightmark.errors import InclusionError, UntrustedKeyError
from weightmark.log.checkpoint import Checkpoint, LogKey, SignedCheckpoint, open_checkpoint
from weightmark.log.merkle import hash_leaf
from weightmark.log.note import parse_note
from weightmark.log.proof import InclusionProof


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """An entry's place, the proof of it, and the checkpoint the proof leads to.

    Attributes:
        index: the entry's position, counted from 0.
        proof: from the entry's leaf to the checkpoint's root.
        checkpoint: signed by the log.
    """

    index: int
    proof: InclusionProof
    checkpoint: SignedCheckpoint


def verify_receipt(leaf_data: bytes, receipt: Receipt, keys: Sequence[LogKey]) -> Checkpoint:
    """Verify that a log recorded an entry.

    Only the note is believed, and only after its signature held; what the receipt says beside it must agree.

    Args:
        leaf_data: the entry's bytes: ``envelope.encode()``.
        receipt: what the log answered.
        keys: the logs that are trusted.

    Returns:
        The checkpoint that covers the entry: the evidence.

    Raises:
        MalformedError: the checkpoint is no signed checkpoint.
        UntrustedKeyError: no trusted log signed it.
        SignatureError: a trusted log's signature on it does not hold.
        InclusionError: the entry is not in that log in that place.
    """
    note = parse_note(receipt.checkpoint.note, what="the receipt's checkpoint")
    key = next((each for each in keys if note.made_by(each.name, each.key_hash)), None)
    if key is None:
        names = ", ".join(sorted({each.name for each in note.signatures}))
        raise UntrustedKeyError(
            f"the receipt's checkpoint is signed by {names}, which no trusted log key fits"
        )
    checkpoint = open_checkpoint(receipt.checkpoint.note, key).checkpoint
    proof = receipt.proof
    if checkpoint != receipt.checkpoint.checkpoint:
        raise InclusionError("the receipt says another checkpoint than the note that was signed")
    if receipt.index != proof.index or proof.size != checkpoint.size:
        raise InclusionError(
            f"the receipt of entry {receipt.index} under {checkpoint.size} entries "
            f"has a proof for entry {proof.index} under {proof.size}"
        )
    proof.check(hash_leaf(leaf_data), checkpoint.root)
    return checkpoint
