"""How a ledger uses its signer: the key of its checkpoints, and the signature on each.

Not promised: that the key is trusted by anybody; a trust root says that.
"""

from collections.abc import Sequence

from weightmark.claims.envelope import MAX_SIZE, Envelope
from weightmark.errors import LedgerError
from weightmark.log.checkpoint import Checkpoint, LogKey, SignedCheckpoint, sign_checkpoint
from weightmark.log.merkle import hash_leaf
from weightmark.ports.signer import Signer

Leaf = tuple[bytes, bytes]
"""A leaf's hash (32 bytes) and its data (the encoded envelope)."""


def log_key(signer: Signer, origin: str) -> LogKey:
    """Give the key that checks the checkpoints of a signer.

    Raises:
        LedgerError: the signer's key is not Ed25519.
        ValueError: the origin cannot name a log.
    """
    try:
        public = signer.public_key.raw_ed25519
    except ValueError as error:
        raise LedgerError(
            f"the ledger {origin} cannot be signed with {signer.public_key.key_id}: it is no Ed25519 key",
            hint="Give the ledger an Ed25519 key; `weightmark keygen` makes one.",
        ) from error
    return LogKey(name=origin, public=public)


def sign_head(signer: Signer, key: LogKey, size: int, root: bytes) -> SignedCheckpoint:
    """Sign the checkpoint of a tree.

    Raises:
        LedgerError: the signer failed; nothing was recorded.
    """
    head = Checkpoint(origin=key.name, size=size, root=root)
    try:
        return sign_checkpoint(head, lambda message: signer.sign(message).value, key)
    except Exception as error:
        raise LedgerError(
            f"the checkpoint of {key.name} at {size} entries could not be signed: {error}"
        ) from error


def encode_leaves(envelopes: Sequence[Envelope]) -> list[Leaf]:
    """Encode and hash envelopes.

    Raises:
        LedgerError: one is too long to be read again.
    """
    leaves: list[Leaf] = []
    for envelope in envelopes:
        body = envelope.encode()
        if len(body) > MAX_SIZE:
            raise LedgerError(
                f"an envelope has {len(body)} bytes; a ledger takes at most {MAX_SIZE}",
                hint="Put the long part into the store and its digest into the statement.",
            )
        leaves.append((hash_leaf(body), body))
    return leaves
